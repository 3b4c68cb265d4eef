/* SPDX-License-Identifier: Apache-2.0 */
#include "frames.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

fv_status frame_form_parse(const char *text, frame_form *form)
{
    static const struct {
        const char *name;
        fv_depth depth;
    } types[] = {{"u8", FV_DEPTH_8}, {"u16", FV_DEPTH_16}, {"f32", FV_DEPTH_F32}};
    int64_t size[3] = {0};
    const char *at = text;
    bool good = true;
    *form = (frame_form){.depth = FV_DEPTH_8};
    for (int i = 0; i < 3 && good; i++) {
        char *end = NULL;
        errno = 0;
        size[i] = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        good = size[i] >= 1 && size[i] <= 1 << 20 && errno == 0 && end && (i == 2 || *end == 'x');
        at = good ? end + (i < 2) : at;
    }
    if (good && *at == ':') {
        good = false;
        for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
            if (strcmp(at + 1, types[t].name) != 0)
                continue;
            form->depth = types[t].depth;
            good = true;
        }
    } else if (good) {
        good = *at == '\0';
    }
    form->h = size[0];
    form->w = size[1];
    form->c = size[2];
    if (good && (size[0] * size[1] > 1 << 30 || size[0] * size[1] * size[2] > 1 << 30))
        good = false;
    if (!good)
        return complain(FV_ERR_VALUE, NULL,
                        "--raw %s: expected HEIGHTxWIDTHxCHANNELS[:u8|u16|f32], such as 480x640x3, up to 2^30 numbers",
                        text);
    form->bytes = (size_t)(size[0] * size[1] * size[2]) * fv_depth_bytes(form->depth);
    return 0;
}

int frame_read(const frame_form *form, FILE *f, void *data, size_t *got)
{
    *got = fread(data, 1, form->bytes, f);
    if (*got == form->bytes)
        return 1;
    if (ferror(f))
        return -2;
    return *got == 0 ? 0 : -1;
}

int64_t frame_not_finite(const frame_form *form, const void *data)
{
    const float *values = data;
    for (int64_t i = 0; form->depth == FV_DEPTH_F32 && i < form->h * form->w * form->c; i++) {
        if (!isfinite(values[i]))
            return i;
    }
    return -1;
}

int natural_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    while (*x && *y) {
        if (!isdigit((unsigned char)*x) || !isdigit((unsigned char)*y)) {
            if (*x != *y)
                return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
            x++;
            y++;
            continue;
        }
        x += strspn(x, "0");
        y += strspn(y, "0");
        const size_t n = strspn(x, "0123456789"), m = strspn(y, "0123456789");
        const int order = n != m ? (n < m ? -1 : 1) : strncmp(x, y, n);
        if (order)
            return order;
        x += n;
        y += m;
    }
    return *x || *y ? (*x ? 1 : -1) : strcmp(a, b);
}
