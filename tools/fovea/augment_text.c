/* SPDX-License-Identifier: Apache-2.0 */
/* The short flags of augmentation, written out as steps (fovea/augment.h). */
#include <stdlib.h>
#include <string.h>

#include "augment_text.h"
#include "options.h"

/* Flags of one number: "%g" in `format` takes it. In the order in which the steps run. */
static const struct {
    const char *name;
    size_t offset;
    const char *format;
} rows[] = {
    {"crop-pad", AT(crop_pad), "crop pad=%g"},
    {"hflip", AT(hflip), "hflip p=%g"},
    {"vflip", AT(vflip), "vflip p=%g"},
    {"degrees", AT(degrees), "rotate degrees=%g"},
    {"translate", AT(translate), "shift x=%g y=%g"},
    {"shear", AT(shear), "shear x=%g"},
    {"perspective", AT(perspective), "perspective amount=%g p=0.5"},
    {"lens", AT(lens), "lens k1=%g"},
    {"pca-jitter", AT(pca_jitter), "pca sigma=%g"},
    {"reprob", AT(reprob), "erase p=%g"},
    {"mixup", AT(mixup), "mixup alpha=%g"},
    {"cutmix", AT(cutmix), "cutmix alpha=%g"},
};

const char *augment_given(const settings *c)
{
    static const char *const texts[] = {"augment", "scale", "ratio", "aa", "color-jitter"};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !found; i++)
        found = option_changed(texts[i], c) ? texts[i] : NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !found; i++)
        found = option_changed(rows[i].name, c) ? rows[i].name : NULL;
    return found;
}

static void add(FILE *f, const char *format, double value)
{
    /* A format may hold the number twice. */
    fputs("; ", f);
    for (const char *p = format; *p; p++) {
        if (p[0] == '%' && p[1] == 'g') {
            fprintf(f, "%.9g", value);
            p++;
        } else {
            fputc(*p, f);
        }
    }
}

/* How many numbers a flag has, so that none of them is without effect. */
static fv_status check_lists(const settings *c)
{
    const struct {
        const char *name;
        const fv_real_list *list;
        int least, most;
        const char *expected, *hint;
    } lists[] = {
        {"scale", &c->scale, 2, 2, "the smallest and the largest share of the image's area", "write --scale 0.08,1"},
        {"ratio", &c->ratio, 1, 2, "the smallest and the largest width by height", "write --ratio 0.75,1.3333"},
        {"color-jitter", &c->color_jitter, 1, 4, "one number for brightness, contrast and saturation, or up to four",
         "write --color-jitter 0.4, or 0.4,0.4,0.4,0.1 with hue"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const fv_real_list *l = lists[i].list;
        if (l->count > 0 && (l->count < lists[i].least || l->count > lists[i].most))
            return complain(FV_ERR_VALUE, lists[i].hint, "--%s: found %d number%s, expected %s", lists[i].name,
                            l->count, l->count == 1 ? "" : "s", lists[i].expected);
    }
    return FV_OK;
}

static void add_frame(FILE *f, const settings *c)
{
    if (c->scale.count == 0 && c->ratio.count == 0)
        return;
    fputs("; rrc", f);
    if (c->scale.count)
        fprintf(f, " scale=%.9g..%.9g", c->scale.value[0], c->scale.value[c->scale.count - 1]);
    if (c->ratio.count)
        fprintf(f, " ratio=%.9g..%.9g", c->ratio.value[0], c->ratio.value[c->ratio.count - 1]);
}

static void add_jitter(FILE *f, const settings *c)
{
    static const char *const keys[] = {"brightness", "contrast", "saturation", "hue"};
    const fv_real_list *j = &c->color_jitter;
    if (j->count == 0)
        return;
    fputs("; jitter", f);
    for (int i = 0; i < 4; i++)
        fprintf(f, " %s=%.9g", keys[i], j->count == 1 ? (i < 3 ? j->value[0] : 0) : i < j->count ? j->value[i] : 0);
}

/* "randaugment", or as it is often written: "rand-m9-n2". */
static bool add_policy(FILE *f, const char *text)
{
    if (!text)
        return true;
    fputs("; randaugment", f);
    const char *p = strcmp(text, "randaugment") == 0 ? "" : strncmp(text, "rand", 4) == 0 ? text + 4 : "?";
    while (*p == '-') {
        char key = p[1], *end;
        double value = strtod(p + 1 + (key != '\0'), &end);
        if ((key != 'm' && key != 'n') || end == p + 2)
            return false;
        fprintf(f, " %c=%.9g", key, value);
        p = end;
    }
    return *p == '\0';
}

fv_status augment_text(const settings *c, char **text)
{
    size_t size = 0;
    bool known = true;
    *text = NULL;
    FV_TRY(check_lists(c));
    FILE *f = open_memstream(text, &size);
    if (!f)
        return FV_ERR_NO_MEMORY;
    if (c->fit.augment)
        fputs(c->fit.augment, f);
    add_frame(f, c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *member = (const char *)c + rows[i].offset;
        const double value = rows[i].offset == AT(crop_pad) ? (double)*(const int64_t *)(const void *)member
                                                            : *(const double *)(const void *)member;
        if (rows[i].offset == AT(pca_jitter)) { /* colors come before what hides them */
            known = add_policy(f, c->aa);
            add_jitter(f, c);
        }
        if (value > 0)
            add(f, rows[i].format, value);
    }
    if (fclose(f) != 0)
        return FV_ERR_NO_MEMORY;
    if (!known)
        return complain(FV_ERR_VALUE, "write --aa randaugment, or --aa rand-m9-n2 for magnitude 9 and two steps",
                        "--aa: found '%s', which is no policy", c->aa);
    /* Without the separator that the first flag put before its step. */
    if (strncmp(*text, "; ", 2) == 0)
        memmove(*text, *text + 2, strlen(*text) - 1);
    return FV_OK;
}
