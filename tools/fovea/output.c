/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sheet.h"

static bool begins_with(const uint8_t *head, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(head, text, strlen(text)) == 0;
}

static bool is_page(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "<!DOCTYPE html>\n");
}

static bool is_quarantine(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "path,verdict,byte");
}

static bool is_curve(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "step,epoch,lr\n") || begins_with(head, size, "step,lr,loss,") ||
           begins_with(head, size, "class,threshold,") || begins_with(head, size, "layer,layers,channels,amount,");
}

static bool is_drawing(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=");
}

/* Tables of rows, and arrays of NumPy's: their kind is known, not whose they are. */
static bool is_features(const uint8_t *head, size_t size)
{
    return begins_with(head, size, "\x93NUMPY") || begins_with(head, size, "PK\x03\x04") ||
           begins_with(head, size, "path,label,") || memmem(head, size, "\"fovea.features\"", 16);
}

static bool is_model(const uint8_t *head, size_t size)
{
    return size > 8 && begins_with(head + 8, size - 8, "{\"__metadata__\":{\"format\":\"pt\",\"fovea.");
}

/* Names that would say another form than the one that is written. */
static const char *const other_pictures[] = {".jpg", ".jpeg", ".gif", ".bmp", ".webp",
                                             ".tif", ".tiff", ".svg", ".pdf", NULL};
static const char *const other_models[] = {".onnx", ".tflite", ".h5",  ".hdf5",       ".keras",   ".pt",
                                           ".pth",  ".pb",     ".npz", ".caffemodel", ".weights", NULL};

static const struct {
    const char *what;
    bool (*is)(const uint8_t *head, size_t size);
    const char *cure, *const *others; /* NULL: any name */
} kinds[] = {
    [OUTPUT_SHEET] = {"a contact sheet (PNG)", sheet_is, "end it with .png", other_pictures},
    [OUTPUT_PAGE] = {"a report (HTML)", is_page, NULL, NULL},
    [OUTPUT_QUARANTINE] = {"a quarantine list (CSV)", is_quarantine, NULL, NULL},
    [OUTPUT_CURVE] = {"a curve (CSV)", is_curve, NULL, NULL},
    [OUTPUT_DRAWING] = {"a drawing (SVG)", is_drawing, NULL, NULL},
    [OUTPUT_FEATURES] = {"a table of features", is_features, NULL, NULL},
    [OUTPUT_MODEL] = {"a model file (safetensors)", is_model, "end it with .safetensors", other_models},
};

static bool same_inode(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_same(const char *a, const char *b)
{
    const char *const paths[2] = {a, b};
    char folder[2][4096];
    const char *name[2];
    for (int k = 0; k < 2; k++) {
        const char *slash = strrchr(paths[k], '/');
        name[k] = slash ? slash + 1 : paths[k];
        snprintf(folder[k], sizeof folder[k], "./%.*s", (int)(name[k] - paths[k]), paths[k]);
        if (paths[k][0] == '/')
            snprintf(folder[k], sizeof folder[k], "%.*s", (int)(name[k] - paths[k]), paths[k]);
    }
    return same_inode(a, b) || (strcmp(name[0], name[1]) == 0 && same_inode(folder[0], folder[1]));
}

/* Whether a file of that path would lie in a folder of the folder `root`, where images are taken from, and not in a
 * run's, which is left out there. */
static bool is_in_folder_of(const char *root, const char *path)
{
    char folder[4096], top[PATH_MAX], inner[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    if (!root || !realpath(root, top) || !realpath(folder, inner))
        return false;
    const size_t n = strcmp(top, "/") == 0 ? 0 : strlen(top);
    if (strncmp(top, inner, n) != 0 || inner[n] != '/' || inner[n + 1] == '\0')
        return false;
    for (char *end = inner + strlen(inner); end > inner + n; end = strrchr(inner, '/')) {
        snprintf(end, sizeof inner - (size_t)(end - inner), "/args.yaml");
        if (access(inner, F_OK) == 0)
            return false;
        *end = '\0';
    }
    return true;
}

static fv_status check_name(const char *option, const char *path, output_kind kind)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
    for (int i = 0; dot && kinds[kind].others && kinds[kind].others[i]; i++)
        if (strcasecmp(dot, kinds[kind].others[i]) == 0)
            return complain(FV_ERR_VALUE, kinds[kind].cure, "--%s %s: %s is written, and the name says another form",
                            option, path, kinds[kind].what);
    return FV_OK;
}

/* Before the work, which may be long. */
static fv_status check_folder(const char *option, const char *path)
{
    char folder[4096];
    struct stat st;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash && slash > path ? (int)(slash - path) : 1, slash ? path : ".");
    if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode))
        return FV_OK;
    return complain(FV_ERR_NOT_FOUND, "make the folder first, or check the path", "--%s %s: there is no folder %s",
                    option, path, folder);
}

fv_status output_check(const settings *c, const char *data, const char *option, const char *path, output_kind kind)
{
    struct stat st;
    uint8_t head[64];
    if (!path)
        return FV_OK;
    FV_TRY(check_folder(option, path));
    if (c->force)
        return check_name(option, path, kind);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        FILE *f = fopen(path, "rb");
        const size_t size = f ? fread(head, 1, sizeof head, f) : 0;
        if (f)
            fclose(f);
        if (!kinds[kind].is(head, size))
            return complain(FV_ERR_CONFLICT, "choose another file, or replace this one with --force",
                            "--%s %s: exists already, and is not %s of fovea", option, path, kinds[kind].what);
    }
    if (is_in_folder_of(data, path))
        return complain(FV_ERR_CONFLICT, "choose a path outside of it, or write there all the same with --force",
                        "--%s %s: in a folder of the data set %s, which would take it for one of its images", option,
                        path, data);
    return check_name(option, path, kind);
}

static bool write_all(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "wb");
    const bool put = f && fwrite(text, 1, size, f) == size && fflush(f) == 0;
    const int error = errno;
    const bool closed = f && fclose(f) == 0;
    errno = put ? errno : error;
    return put && closed;
}

fv_status output_write(const char *path, const char *text, size_t size)
{
    struct stat st;
    char *beside = NULL;
    const bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode); /* a pipe, /dev/stdout: written as it is */
    if (!special && asprintf(&beside, "%s.tmp-%ld", path, (long)getpid()) < 0)
        return FV_ERR_NO_MEMORY;
    bool ok = write_all(beside ? beside : path, text, size);
    if (ok && beside)
        ok = rename(beside, path) == 0;
    const int error = errno;
    if (!ok && beside)
        remove(beside);
    free(beside);
    if (ok)
        return FV_OK;
    return complain(error == ENOSPC || error == EDQUOT  ? FV_ERR_NO_SPACE
                    : error == EACCES || error == EROFS ? FV_ERR_PERMISSION
                                                        : FV_ERR_IO,
                    NULL, "%s: cannot be written: %s", path, strerror(error));
}

fv_status output_form(settings *c)
{
    if (c->json && option_given("out") && c->out != OUT_JSON)
        return complain(FV_ERR_CONFLICT, "drop one of them", "--json and --out: two forms of one result");
    if (c->csv && (c->json || (option_given("out") && c->out != OUT_CSV)))
        return complain(FV_ERR_CONFLICT, "drop one of them", "--csv and %s: two forms of one result",
                        c->json ? "--json" : "--out");
    if (c->json)
        c->out = OUT_JSON;
    if (c->csv)
        c->out = OUT_CSV;
    return FV_OK;
}
