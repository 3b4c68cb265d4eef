/* SPDX-License-Identifier: Apache-2.0 */
#include "run_file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATHS = 4096 };

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The model of the latest epoch that a folder keeps one of. */
static bool latest_epoch(const char *folder, const char *slash, char path[PATHS + 64])
{
    static const char *const places[] = {"weights/", ""};
    long long latest = 0;
    for (size_t i = 0; latest == 0 && i < sizeof places / sizeof *places; i++) {
        char place[PATHS + 16];
        struct dirent *entry;
        snprintf(place, sizeof place, "%s%s%s", folder, slash, places[i]);
        DIR *d = opendir(place);
        while (d && (entry = readdir(d))) {
            char *end;
            const long long epoch = strncmp(entry->d_name, "epoch-", 6) == 0 ? strtoll(entry->d_name + 6, &end, 10) : 0;
            if (epoch <= latest || strcmp(end, ".safetensors") != 0)
                continue;
            latest = epoch;
            snprintf(path, PATHS + 64, "%.4100s%.32s", place, entry->d_name);
        }
        if (d)
            closedir(d);
    }
    return latest > 0;
}

/* Appends what `name` (of `length` bytes) stands for to a list of names; *any is set where that is a run's folder. */
static fv_status append(const char *option, const char *name, size_t length, char list[PATHS], bool *any)
{
    static const char *const files[] = {"weights/best.safetensors", "weights/last.safetensors", "best.safetensors",
                                        "last.safetensors"};
    char folder[PATHS], path[PATHS + 64];
    const size_t used = strlen(list);
    snprintf(folder, sizeof folder, "%.*s", (int)length, name);
    snprintf(path, sizeof path, "%s", folder);
    /* A word is an architecture first: a folder of its name is written ./lenet. */
    const bool run = is_folder(folder) && !model_is_architecture(folder);
    const char *slash = folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/";
    bool found = !run;
    for (size_t i = 0; !found && i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s%s%s", folder, slash, files[i]);
        found = access(path, F_OK) == 0;
    }
    if (!found && !latest_epoch(folder, slash, path))
        return complain(FV_ERR_NOT_FOUND, "name a model file, or a run's folder",
                        "--%s %s: a folder without weights/best.safetensors or weights/last.safetensors", option,
                        folder);
    if (run)
        note("--%s %s: %s", option, folder, path);
    *any |= run;
    if ((size_t)snprintf(list + used, PATHS - used, "%s%s", used ? "," : "", path) >= PATHS - used && run)
        return complain(FV_ERR_VALUE, NULL, "--%s: the paths are too long", option);
    return FV_OK;
}

/* Where a list goes on behind a name that ends at its comma; a name that exists as it stands has none. */
static const char *next_name(const char *list, const char *name)
{
    const char *comma = access(list, F_OK) == 0 ? NULL : strchr(name, ',');
    return comma ? comma : name + strlen(name);
}

/* One name, or several separated by commas. */
static fv_status resolve(const char *option, const char **value, char list[PATHS])
{
    bool any = false;
    list[0] = 0;
    for (const char *name = *value; name && *name;) {
        const char *end = next_name(*value, name);
        FV_TRY(append(option, name, (size_t)(end - name), list, &any));
        name = end + (*end != 0);
    }
    if (any)
        *value = list;
    return FV_OK;
}

fv_status run_file_resolve(const verb *v, settings *c)
{
    /* The settings point there. */
    static char models[PATHS], weights[PATHS], teachers[PATHS], words[MAX_NETWORKS][PATHS];
    if (option_given("model"))
        FV_TRY(resolve("model", &c->model, models));
    const int networks = v->mask == V_INFO
                             ? c->n_positional
                             : (v->mask & (V_FACTORIZE | V_QUANTIZE | V_CALIBRATE | V_DISTILL)) && c->n_positional > 0;
    for (int i = 0; i < networks; i++)
        FV_TRY(resolve(v->mask & V_DISTILL ? "teacher" : "model", &c->positional[i], words[i]));
    FV_TRY(resolve("teacher", &c->teacher, teachers));
    return resolve("weights", &c->weights, weights);
}
