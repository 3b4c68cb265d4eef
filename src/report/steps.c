/* SPDX-License-Identifier: Apache-2.0 */
#include "report/steps.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

/* Larger logs are not read: the curve begins anew. */
#define LOG_MAX ((int64_t)1 << 27)

/* Two become one: half as many, each of twice as many steps. */
static void thin(fv_steps *s)
{
    for (int64_t i = 0; i + 1 < s->n; i += 2) {
        s->step[i / 2] = s->step[i + 1];
        s->loss[i / 2] = (s->loss[i] + s->loss[i + 1]) / 2;
    }
    s->n /= 2;
    s->stride *= 2;
    s->filled = s->stride;
}

void fv_steps_add(fv_steps *s, int64_t step, double loss)
{
    if (s->stride == 0)
        s->stride = 1;
    while (s->n > 0 && s->step[s->n - 1] >= (double)step) {
        s->n--;
        s->filled = s->stride;
    }
    if (s->n > 0 && s->filled < s->stride) {
        const int64_t last = s->n - 1;
        s->filled++;
        s->step[last] = (double)step;
        s->loss[last] += (loss - s->loss[last]) / (double)s->filled;
        return;
    }
    if (s->n == FV_STEPS_MAX)
        thin(s);
    s->step[s->n] = (double)step;
    s->loss[s->n++] = loss;
    s->filled = 1;
}

/* The number behind "KEY": in a line that fovea wrote. */
static bool number_of(const char *line, const char *key, double *value)
{
    char text[40];
    const char *at = strstr(line, key);
    if (!at)
        return false;
    at += strlen(key);
    snprintf(text, sizeof text, "%.*s", (int)strspn(at, "0123456789+-.eE"), at);
    return fv_text_to_double(text, value);
}

fv_status fv_steps_read(fv_ctx *ctx, const char *path, fv_steps *s)
{
    uint8_t *data;
    int64_t size;
    double step, loss;
    if (!fv_path_exists(path))
        return FV_OK;
    const fv_status status = fv_file_read(ctx, path, LOG_MAX, false, &data, &size);
    if (status == FV_ERR_DATA_TOO_LARGE) {
        fv_fail_clear(ctx);
        return FV_OK;
    }
    FV_TRY(status);
    for (char *line = (char *)data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strstr(line, "\"ev\":\"step\"") && number_of(line, "\"step\":", &step) &&
            number_of(line, "\"loss\":", &loss))
            fv_steps_add(s, (int64_t)step, loss);
    }
    fv_free(ctx, data);
    return FV_OK;
}
