/* SPDX-License-Identifier: Apache-2.0 */
#include "explain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"
#include "show.h"

/* A map of which so much is left with every layer drawn anew shows the image, not what the network has learned. */
static const double still_there = 0.5;

struct explaining {
    const settings *c;
    fv_ctx *ctx;
    const fv_model *model;
    fv_explainer *explainer;
    const char *method;
    int64_t asked; /* --class; -1: none */
    char folder[3072], picture[4096], map[4096];
    int64_t count;
    fv_explanation last;
    const fv_randomized *rows; /* of --randomize */
    int n_rows;
    double sum[2]; /* of the correlations with the last layer drawn anew, and with all */
    int64_t measured[2];
};

/* ---- settings ---- */

static fv_status without_effect(const char *option, const char *cure)
{
    return complain(FV_ERR_CONFLICT, cure, "--%s has no effect here", option);
}

fv_status explain_check(const settings *c)
{
    static const char *const own[] = {"layer", "class", "patch", "stride", "randomize", "output"};
    static const char *const looks[] = {"tta", "tta-scales", "mc-dropout"};
    for (size_t i = 0; c->explain == 0 && i < sizeof own / sizeof *own; i++)
        if (option_given(own[i]))
            return without_effect(own[i], "add --explain gradcam or occlusion");
    if (c->explain == 0)
        return FV_OK;
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (option_changed(looks[i], c))
            return complain(FV_ERR_CONFLICT, "leave one of them out",
                            "--explain explains what a network makes of one look at an image, --%s asks for several",
                            looks[i]);
    if (c->explain - 1 == FV_EXPLAIN_OCCLUSION && c->layer)
        return without_effect("layer", "leave it out: occlusion looks at the answer alone");
    if (c->explain - 1 == FV_EXPLAIN_GRADCAM && (option_given("patch") || option_given("stride")))
        return without_effect(option_given("patch") ? "patch" : "stride", "write --explain occlusion");
    return FV_OK;
}

/* The class or target of that name; where there is none, of that number. */
static fv_status find_class(const settings *c, const fv_model *m, int64_t *found)
{
    const int64_t n = fv_model_classes(m);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    char *end;
    *found = -1;
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        names[i] = fv_model_class_name(m, i);
        if (*found < 0 && strcmp(names[i], c->explain_class) == 0)
            *found = i;
    }
    const char *nearest = fv_nearest(c->explain_class, names);
    free(names);
    const long number = strtol(c->explain_class, &end, 10);
    if (*found < 0 && end != c->explain_class && !*end && number >= 0 && number < n)
        *found = number;
    if (*found >= 0)
        return FV_OK;
    return complain(FV_ERR_VALUE, "`fovea info --model FILE` shows the classes",
                    "--class %s: model %s has no such class%s%s%s", c->explain_class, c->model,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* ---- the folder ---- */

static fv_status fail_folder(const char *folder, int error)
{
    return complain(error == EACCES || error == EROFS ? FV_ERR_PERMISSION
                    : error == ENOSPC                 ? FV_ERR_NO_SPACE
                                                      : FV_ERR_IO,
                    "choose another --output", "%s: cannot create the folder: %s", folder, strerror(error));
}

/* Makes a folder and those above; false with errno. EEXIST: the folder itself was there. */
static bool make_folders(char *folder)
{
    for (char *p = folder + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        const bool made = mkdir(folder, 0777) == 0 || errno == EEXIST;
        *p = '/';
        if (!made)
            return false;
    }
    return mkdir(folder, 0777) == 0;
}

/* --output, or runs/predict/exp, exp2, ... */
static fv_status choose_folder(explaining *e)
{
    struct stat st;
    if (e->c->explain_folder) {
        const int n = snprintf(e->folder, sizeof e->folder, "%s", e->c->explain_folder);
        if (n < 0 || (size_t)n >= sizeof e->folder)
            return complain(FV_ERR_VALUE, "choose a shorter --output", "--output: the path is too long");
        if (stat(e->folder, &st) == 0 && !S_ISDIR(st.st_mode))
            return complain(FV_ERR_CONFLICT, "name a folder", "--output %s: is a file, expected a folder", e->folder);
        return make_folders(e->folder) || errno == EEXIST ? FV_OK : fail_folder(e->folder, errno);
    }
    for (int i = 1; i < 1000000; i++) {
        snprintf(e->folder, sizeof e->folder, i == 1 ? "runs/predict/exp" : "runs/predict/exp%d", i);
        if (make_folders(e->folder))
            return FV_OK;
        if (errno != EEXIST)
            break;
    }
    return fail_folder(e->folder, errno);
}

/* ---- maps ---- */

fv_status explain_open(fv_ctx *ctx, const settings *c, const ensemble *models, explaining **out)
{
    *out = NULL;
    if (c->explain == 0)
        return FV_OK;
    if (models->count > 1)
        return complain(FV_ERR_CONFLICT, "name one of them", "--explain explains one model, --model %s names %d",
                        c->model, models->count);
    explaining *e = *out = calloc(1, sizeof *e);
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->c = c;
    e->ctx = ctx;
    e->model = models->model[0];
    e->method = fv_explain_methods()[c->explain - 1];
    e->asked = -1;
    if (c->explain_class)
        FV_TRY(find_class(c, e->model, &e->asked));
    const fv_explain_options options = {.method = (fv_explain_method)(c->explain - 1),
                                        .layer = c->layer,
                                        .patch = {c->patch[0], c->patch[1]},
                                        .stride = {c->stride[0], c->stride[1]}};
    FV_TRY(fv_explainer_create(models->model[0], &options, &e->explainer));
    if (fv_explainer_forwards(e->explainer) > 1)
        note("a map is %lld runs of the network", (long long)fv_explainer_forwards(e->explainer));
    return choose_folder(e);
}

void explain_close(explaining **out)
{
    explaining *e = *out;
    if (!e)
        return;
    fv_explainer_destroy(&e->explainer);
    free(e);
    *out = NULL;
}

/* "FOLDER/0001-cat.gradcam", for the number of the image and its name without folders and ending. */
static void choose_paths(explaining *e, const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
    char stem[128];
    int n = dot && dot > base ? (int)(dot - base) : (int)strlen(base);
    n = n < 100 ? n : 100;
    while (n > 0 && n < (int)strlen(base) && ((unsigned char)base[n] & 0xC0) == 0x80)
        n--; /* between code points */
    snprintf(stem, sizeof stem, "%.*s", n, strcmp(base, "-") == 0 ? "image" : base);
    for (char *p = stem; *p; p++)
        *p = (unsigned char)*p < ' ' || *p == '\\' || *p == ':' ? '_' : *p;
    snprintf(e->picture, sizeof e->picture, "%s/%04lld-%s.%s.png", e->folder, (long long)e->count, stem, e->method);
    snprintf(e->map, sizeof e->map, "%s/%04lld-%s.%s.npy", e->folder, (long long)e->count, stem, e->method);
}

static fv_status write_map(explaining *e)
{
    const fv_shape shape = {2, {e->last.image_h, e->last.image_w}};
    fv_tensor *map = NULL;
    fv_arrays *file = NULL;
    fv_status status = fv_tensor_create(e->ctx, FV_F32, &shape, &map);
    if (status == FV_OK)
        fv_explanation_spread(&e->last, fv_tensor_data(map));
    if (status == FV_OK)
        status = fv_arrays_create(e->ctx, &file);
    if (status == FV_OK)
        status = fv_arrays_add(file, "map", map);
    if (status == FV_OK)
        status = fv_arrays_write(file, e->map);
    fv_arrays_destroy(&file);
    fv_tensor_destroy(&map);
    return status;
}

/* Behind the map, which the test's own runs replace. */
static fv_status randomize(explaining *e, const fv_image *image)
{
    if (!e->c->randomize)
        return FV_OK;
    FV_TRY(fv_explainer_randomize(e->explainer, image, e->last.class_index, (uint64_t)e->c->fit.seed, &e->rows,
                                  &e->n_rows));
    for (int k = 0; k < 2; k++) {
        const double r = e->rows[k ? e->n_rows - 1 : 0].correlation;
        e->sum[k] += isfinite(r) ? r : 0;
        e->measured[k] += isfinite(r);
    }
    return FV_OK;
}

fv_status explain_image(explaining *e, const char *name, const fv_image *image, int64_t best)
{
    fv_image picture = {0};
    FV_TRY(fv_explainer_run(e->explainer, image, e->asked >= 0 ? e->asked : best, &e->last));
    e->count++;
    choose_paths(e, name);
    fv_status status = fv_explanation_draw(e->ctx, &e->last, image, &picture);
    if (status == FV_OK)
        status = fv_image_write_png(e->ctx, e->picture, &picture);
    if (status == FV_OK)
        status = write_map(e);
    if (status == FV_OK)
        status = randomize(e, image);
    fv_image_free(e->ctx, &picture);
    return status;
}

/* ---- results ---- */

const char *explain_picture(const explaining *e)
{
    return e->picture;
}

int64_t explain_class(const explaining *e)
{
    return e->last.class_index;
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *explain_json(const explaining *e)
{
    const fv_explanation *x = &e->last;
    json_t *o = json_pack("{s:s, s:o, s:I, s:f, s:[I, I], s:[f, f, f, f], s:o, s:o}", "method", e->method, "class",
                          show_json(fv_model_class_name(e->model, x->class_index)), "index", (json_int_t)x->class_index,
                          "answer", (double)x->answer, "cells", (json_int_t)x->h, (json_int_t)x->w, "seen", x->y0,
                          x->x0, x->y1, x->x1, "picture", show_json(e->picture), "map", show_json(e->map));
    if (fv_explainer_layer(e->explainer))
        json_object_set_new(o, "layer", show_json(fv_explainer_layer(e->explainer)));
    if (!e->c->randomize)
        return o;
    json_t *rows = json_array();
    for (int i = 0; i < e->n_rows; i++)
        json_array_append_new(rows, json_pack("{s:o, s:o}", "layer", show_json(e->rows[i].layer), "rank_correlation",
                                              real(e->rows[i].correlation)));
    json_object_set_new(o, "randomized", rows);
    return o;
}

static void put_correlation(double r)
{
    if (isfinite(r))
        printf("%.3f", r);
    else
        fputs("none, the map is constant", stdout);
}

void explain_text(const explaining *e)
{
    const char *layer = fv_explainer_layer(e->explainer);
    fputs("  ", stdout);
    show_text(stdout, fv_model_class_name(e->model, e->last.class_index));
    printf(" by %s%s%s: ", e->method, layer ? " of " : "", layer ? layer : "");
    show_text(stdout, e->picture);
    putchar('\n');
    if (!e->c->randomize)
        return;
    printf("  rank correlation with the map once weights are drawn anew: ");
    put_correlation(e->rows[0].correlation);
    fputs(" (the last layer)", stdout);
    if (e->n_rows > 1) {
        fputs(", ", stdout);
        put_correlation(e->rows[e->n_rows - 1].correlation);
        printf(" (all %d)", e->n_rows);
    }
    putchar('\n');
}

void explain_summary(const explaining *e)
{
    char text[64];
    if (e->count == 0)
        return;
    note("%s: %s, as pictures and arrays", e->folder, count_of(e->count, "map", "maps", text));
    if (!e->c->randomize || e->measured[1] == 0)
        return;
    const double all = e->sum[1] / (double)e->measured[1];
    note("--randomize: mean rank correlation %.3f with the last layer drawn anew, %.3f with all: the maps %s",
         e->measured[0] ? e->sum[0] / (double)e->measured[0] : (double)NAN, all,
         all < still_there ? "depend on the weights" : "hardly depend on the weights");
}
