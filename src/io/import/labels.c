/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes from a text, a name a line: what goes with the files of other tools. */
#include "io/import.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

/* The number and blank that Teachable Machine writes in front of line i; 0: there is none. */
static size_t numbered(const char *line, int64_t i)
{
    char number[24];
    const int length = snprintf(number, sizeof number, "%lld ", (long long)i);
    return strncmp(line, number, (size_t)length) == 0 && line[length] ? (size_t)length : 0;
}

fv_status fv_import_labels(fv_ctx *ctx, const char *source, char *text, fv_model *m)
{
    const int64_t n = fv_model_classes(m);
    int64_t count = 0;
    bool all = true;
    const char **names = n > 0 ? fv_calloc(ctx, (size_t)n, sizeof *names) : NULL;
    if (n < 1)
        return FV_OK;
    if (!names)
        return FV_ERR_NO_MEMORY;
    if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    for (char *next; text && *text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = 0;
        text[strcspn(text, "\r")] = 0;
        if (!*text)
            continue;
        all = all && numbered(text, count);
        if (count < n)
            names[count] = text;
        count++;
    }
    for (int64_t i = 0; i < n && count == n && all; i++)
        names[i] += numbered(names[i], i);
    fv_status status = FV_OK;
    if (count == n)
        status = fv_model_set_class_names(m, names, n);
    else
        fv_log(ctx, FV_LOG_WARN, "import", "%s: %lld names of classes, and the network has %lld: not taken", source,
               (long long)count, (long long)n);
    if (status != FV_OK && status != FV_ERR_NO_MEMORY) { /* not UTF-8, or one name twice: the numbers stay */
        fv_log(ctx, FV_LOG_WARN, "import", "%s: %s", source, fv_ctx_error(ctx));
        fv_fail_clear(ctx);
        status = FV_OK;
    }
    fv_free(ctx, names);
    return status;
}

fv_status fv_import_labels_beside(fv_ctx *ctx, const char *file, fv_model *m)
{
    char path[1024];
    uint8_t *data = NULL;
    int64_t size;
    const char *slash = strrchr(file, '/');
    const int folder = slash ? (int)(slash - file) + 1 : 0;
    if (fv_model_has_class_names(m) || !fv_model_is_plain(m))
        return FV_OK;
    if (snprintf(path, sizeof path, "%.*slabels.txt", folder, file) >= (int)sizeof path || !fv_path_exists(path))
        return FV_OK;
    fv_status status = fv_file_read(ctx, path, FV_IMPORT_LABELS_MAX, false, &data, &size);
    if (status == FV_OK) {
        status = fv_import_labels(ctx, path, (char *)data, m);
        if (fv_model_has_class_names(m))
            fv_log(ctx, FV_LOG_INFO, "import", "names of classes from %s", path);
    } else if (status != FV_ERR_NO_MEMORY) {
        fv_log(ctx, FV_LOG_WARN, "import", "%s", fv_ctx_error(ctx));
        fv_fail_clear(ctx);
        status = FV_OK;
    }
    fv_free(ctx, data);
    return status;
}
