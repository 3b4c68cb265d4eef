/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/explain.h"

#include <math.h>
#include <string.h>

#include "train/tally.h"

static const fv_explain_row *const methods[FV_EXPLAIN_COUNT] = {&fv_explain_gradcam, &fv_explain_occlusion};

static const char *const names[FV_EXPLAIN_COUNT + 1] = {"gradcam", "occlusion", NULL};

const char *const *fv_explain_methods(void)
{
    return names;
}

/* ---- making ---- */

static fv_status open_input(fv_explainer *e, const fv_explain_options *o)
{
    const fv_pipeline *p = &e->model->pipeline;
    const size_t classes = (size_t)e->model->n_classes;
    if (p->h * p->w == 1)
        return fv_fail_hint(e->ctx,
                            fv_fail(e->ctx, FV_ERR_VALUE,
                                    "model '%s' takes 1 x 1 x %lld numbers: a vector, which has no places that a map "
                                    "could show",
                                    e->model->name, (long long)p->c),
                            "explain a network that takes images");
    FV_TRY(fv_applier_init(e->ctx, p, NULL, &e->applier));
    e->size = p->h * p->w * p->c;
    e->input = fv_calloc(e->ctx, (size_t)e->size, sizeof *e->input);
    e->answers = fv_calloc(e->ctx, classes, sizeof *e->answers);
    if (!e->input || !e->answers)
        return FV_ERR_NO_MEMORY;
    FV_TRY(e->method->open(e, o));
    e->map = fv_calloc(e->ctx, (size_t)(e->h * e->w), sizeof *e->map);
    return e->map ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_explainer_create(fv_model *model, const fv_explain_options *options, fv_explainer **explainer)
{
    static const fv_explain_options none;
    const fv_explain_options *o = options ? options : &none;
    *explainer = NULL;
    if ((unsigned)o->method >= FV_EXPLAIN_COUNT)
        return fv_fail(model->ctx, FV_ERR_ARGUMENT, "fv_explainer_create: method %d", (int)o->method);
    FV_TRY(fv_model_need_plain(model, "an explanation"));
    fv_explainer *e = fv_new(model->ctx, fv_explainer);
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->ctx = model->ctx;
    e->model = model;
    e->method = methods[o->method];
    e->options = *o;
    fv_status status = open_input(e, o);
    e->options.layer = e->layer;
    if (status != FV_OK)
        fv_explainer_destroy(&e);
    *explainer = e;
    return status;
}

void fv_explainer_destroy(fv_explainer **explainer)
{
    fv_explainer *e = explainer ? *explainer : NULL;
    if (!e)
        return;
    fv_explain_forget_copy(e);
    fv_instance_destroy(&e->gradcam.instance);
    fv_program_release(&e->gradcam.program);
    fv_session_destroy(&e->occlusion.session);
    fv_applier_free(&e->applier);
    fv_free(e->ctx, e->layer);
    fv_free(e->ctx, e->input);
    fv_free(e->ctx, e->map);
    fv_free(e->ctx, e->answers);
    fv_free(e->ctx, e->gradcam.chosen);
    fv_free(e->ctx, e->gradcam.features);
    fv_free(e->ctx, e->gradcam.slopes);
    fv_free(e->ctx, e->occlusion.sums);
    fv_free(e->ctx, e->occlusion.counts);
    fv_free(e->ctx, e);
    *explainer = NULL;
}

const char *fv_explainer_layer(const fv_explainer *e)
{
    return e->layer;
}

int64_t fv_explainer_forwards(const fv_explainer *e)
{
    return e->forwards;
}

/* ---- running ---- */

int64_t fv_explain_top(const float *answers, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        best = answers[i] > answers[best] ? i : best;
    return best;
}

/* The image becomes the network's input; what of it the network sees. */
static fv_status take_image(fv_explainer *e, const fv_image *image, fv_explanation *x)
{
    fv_shot shot;
    const fv_pipeline *p = &e->model->pipeline;
    if (!image->data || image->h < 1 || image->w < 1 || !fv_pipeline_takes(p, image))
        return fv_fail(e->ctx, FV_ERR_DATA_FORMAT,
                       "an image with %lld channels, which cannot be made the network's %lld", (long long)image->c,
                       (long long)p->c);
    fv_shot_begin(&shot, &e->applier, 0, 0, 0);
    fv_shot_whole(&shot, image->h, image->w);
    FV_TRY(fv_shot_pixels(&shot, image));
    fv_shot_store(&shot, e->input);
    const fv_resize_spec *s = &shot.spec;
    const double sy = (s->y1 - s->y0) / (double)s->h, sx = (s->x1 - s->x0) / (double)s->w;
    x->y0 = s->y0 + sy * (double)s->window.y;
    x->x0 = s->x0 + sx * (double)s->window.x;
    x->y1 = x->y0 + sy * (double)(s->window.h > 0 ? s->window.h : s->h);
    x->x1 = x->x0 + sx * (double)(s->window.h > 0 ? s->window.w : s->w);
    x->image_h = image->h;
    x->image_w = image->w;
    return FV_OK;
}

fv_status fv_explainer_run(fv_explainer *e, const fv_image *image, int64_t class_index, fv_explanation *x)
{
    const int64_t classes = e->model->n_classes;
    *x = (fv_explanation){.class_index = class_index};
    if (class_index < -1 || class_index >= classes)
        return fv_fail(e->ctx, FV_ERR_ARGUMENT, "fv_explainer_run: class %lld: expected -1 to %lld",
                       (long long)class_index, (long long)classes - 1);
    FV_TRY(take_image(e, image, x));
    FV_TRY(e->method->run(e, &x->class_index));
    FV_TRY(fv_answer_check(e->model, e->answers, classes));
    for (int64_t i = 0; i < e->h * e->w; i++)
        if (!isfinite(e->map[i]))
            return fv_fail(e->ctx, FV_ERR_DIVERGED, "model '%s': the map of the explanation is not finite",
                           e->model->name);
    x->answer = e->answers[x->class_index];
    x->h = e->h;
    x->w = e->w;
    x->map = e->map;
    return FV_OK;
}

/* ---- in the image ---- */

/* Two neighboring cells and the second one's share, for a place in an axis of n cells. */
typedef struct between {
    int64_t low, high;
    double share;
} between;

static between cells_at(double place, int64_t n)
{
    const double at = place * (double)n - 0.5, inside = at < 0 ? 0 : at > (double)(n - 1) ? (double)(n - 1) : at;
    const int64_t low = (int64_t)inside;
    return (between){low, low + 1 < n ? low + 1 : low, inside - (double)low};
}

static bool is_seen(const fv_explanation *x, int64_t v, int64_t u)
{
    const double y = (double)v + 0.5, at = (double)u + 0.5;
    return y >= x->y0 && y < x->y1 && at >= x->x0 && at < x->x1;
}

static double value_at(const fv_explanation *x, int64_t v, int64_t u)
{
    const between y = cells_at(((double)v + 0.5 - x->y0) / (x->y1 - x->y0), x->h),
                  c = cells_at(((double)u + 0.5 - x->x0) / (x->x1 - x->x0), x->w);
    const float *low = x->map + y.low * x->w, *high = x->map + y.high * x->w;
    const double above = (double)low[c.low] + c.share * ((double)low[c.high] - (double)low[c.low]),
                 below = (double)high[c.low] + c.share * ((double)high[c.high] - (double)high[c.low]);
    return above + y.share * (below - above);
}

void fv_explanation_spread(const fv_explanation *x, float *dst)
{
    for (int64_t v = 0; v < x->image_h; v++)
        for (int64_t u = 0; u < x->image_w; u++)
            dst[v * x->image_w + u] = is_seen(x, v, u) ? (float)value_at(x, v, u) : 0.0f;
}

/* From yellow to red by a share in [0, 1], and against it blue. */
static void put_color(double share, const double under[3], uint8_t *rgb)
{
    static const double yellow[3] = {255, 224, 60}, red[3] = {214, 20, 20}, blue[3] = {30, 90, 220};
    const double t = fabs(share), cover = 0.8 * t * (1.25 - 0.25 * t);
    for (int k = 0; k < 3; k++) {
        const double color = share < 0 ? blue[k] : yellow[k] + t * (red[k] - yellow[k]);
        rgb[k] = (uint8_t)lround(under[k] + cover * (color - under[k]));
    }
}

fv_status fv_explanation_draw(fv_ctx *ctx, const fv_explanation *x, const fv_image *image, fv_image *picture)
{
    double most = 0;
    *picture = (fv_image){.h = image->h, .w = image->w, .c = 3};
    if (image->h != x->image_h || image->w != x->image_w)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "fv_explanation_draw: an image of %lld x %lld: expected %lld x %lld",
                       (long long)image->h, (long long)image->w, (long long)x->image_h, (long long)x->image_w);
    picture->data = fv_malloc(ctx, (size_t)(image->h * image->w) * 3);
    if (!picture->data)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < x->h * x->w; i++)
        most = fmax(most, fabs((double)x->map[i]));
    for (int64_t v = 0; v < image->h; v++)
        for (int64_t u = 0; u < image->w; u++) {
            const int64_t at = v * image->w + u;
            double under[3], grey = 0;
            for (int k = 0; k < 3; k++) {
                under[k] = fv_image_level(image, at, k);
                grey += under[k] / 3;
            }
            const bool seen = is_seen(x, v, u);
            for (int k = 0; k < 3; k++)
                under[k] = (seen ? 1 : 0.4) * (0.5 * under[k] + 0.5 * grey);
            put_color(seen && most > 0 ? value_at(x, v, u) / most : 0, under, picture->data + 3 * at);
        }
    return FV_OK;
}
