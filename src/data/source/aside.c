/* SPDX-License-Identifier: Apache-2.0 */
#include "data/source/aside.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <fovea/data.h>

#include "base/text.h"

enum { NAME_BYTES = 256, PATH_BYTES = 4200, OWN_DEPTH = 4 };

/* In small letters. */
static const char *const system_names[] = {
    /* Windows */
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "picasa.ini",
    "$recycle.bin",
    "$winreagent",
    "recycler",
    "recycled",
    "system volume information",
    "found.???",
    "~$*",
    /* macOS */
    "__macosx",
    "icon\r",
    "network trash folder",
    "temporary items",
    "thevolumesettingsfolder",
    /* Linux */
    "lost+found",
    "aquota.user",
    "aquota.group",
    /* network disks: Synology, QNAP, NetApp */
    "@eadir",
    "@tmp",
    "@recycle",
    "@recently-snapshot",
    "@sharesnap",
    "@sharebin",
    "@__thumb",
    "#recycle",
    "#snapshot",
    "~snapshot",
    /* programs */
    "__pycache__",
    "cachedir.tag",
};

static const char *const own_files[] = {"*.safetensors", "*.state",         "*.fvpack",       "*.gradcam.png",
                                        "*.gradcam.npy", "*.occlusion.png", "*.occlusion.npy"};

/* What a folder of fovea's may have in it beside those. */
static const char *const run_files[] = {
    "args.yaml",   "plan.txt",        "results.csv",  "norms.csv",        "events.jsonl",   "events.out.tfevents.*",
    "report.html", "quarantine*.csv", "classes.txt",  "train-??????.tar", "val-??????.tar", "test-??????.tar",
    "tune.yaml",   "trials.csv",      "ablation.csv", "folds.yaml",       "folds.csv",      "folds.json",
    "grow.yaml",   "grow.csv",        "grow.svg",     "plain-*.yaml"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool matches(const char *name, const char *const *patterns, size_t count)
{
    char small[NAME_BYTES];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof small; n++)
        small[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] - 'A' + 'a' : name[n]);
    small[n] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (fv_text_match(patterns[i], small))
            return true;
    }
    return false;
}

bool fv_name_is_system(const char *name)
{
    return name[0] == '.' || matches(name, system_names, COUNT(system_names));
}

bool fv_path_has_system(const char *path)
{
    char name[NAME_BYTES];
    while (*path) {
        const size_t n = strcspn(path, "/");
        const bool dots = (n == 1 && path[0] == '.') || (n == 2 && strncmp(path, "..", 2) == 0);
        snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), path);
        if (n > 0 && !dots && fv_name_is_system(name))
            return true;
        path += n;
        path += *path == '/';
    }
    return false;
}

bool fv_name_is_own_file(const char *name)
{
    return matches(name, own_files, COUNT(own_files));
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool has_file(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    struct stat st;
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Whether what lies in the folder is all fovea's. An empty one is where its name says so: a run that was just begun has
 * an empty weights/, and runs/ may hold folders whose runs came to nothing. */
static bool holds_own(const char *path, int depth, bool empty_is_own)
{
    char inner[PATH_BYTES];
    bool own = true, any = false;
    if (has_file(path, "args.yaml"))
        return true;
    DIR *dir = depth < OWN_DEPTH ? opendir(path) : NULL;
    if (!dir && depth < OWN_DEPTH && (errno == ENOMEM || errno == EMFILE || errno == ENFILE))
        dir = opendir(path); /* what is short for a moment must not make a class of results */
    if (!dir)
        return false;
    for (const struct dirent *e; own && (e = readdir(dir));) {
        if (fv_name_is_system(e->d_name))
            continue;
        const int n = snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (fv_name_is_own_file(e->d_name) || matches(e->d_name, run_files, COUNT(run_files)))
            any = true;
        else if (e->d_type == DT_REG || n < 0 || (size_t)n >= sizeof inner || !is_folder(inner))
            own = false; /* mostly the first entry of a class of images */
        else
            own = any = holds_own(inner, depth + 1, empty_is_own || strcmp(e->d_name, "weights") == 0);
    }
    closedir(dir);
    return own && (any || empty_is_own);
}

bool fv_path_is_own_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return holds_own(path, 0, strcmp(slash ? slash + 1 : path, "runs") == 0);
}

bool fv_path_is_aside(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return fv_name_is_system(name) || (is_folder(path) ? fv_path_is_own_folder(path) : fv_name_is_own_file(name));
}
