/* SPDX-License-Identifier: Apache-2.0 */
/* fovea compare: two networks on the same input, output by output and layer by layer. */
#include "compare.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "feed.h"

/* Multiply-adds that the loops which define the operators compute in some seconds. */
#define REFERENCE_MACS 5e8

typedef struct side {
    const char *name; /* as it was typed */
    fv_model *model;
    fv_session *session;
} side;

/* What became of a pair of outputs, or of layers. */
typedef struct row {
    const char *a, *b;
    fv_shape shape;
    fv_difference difference;
    bool fits; /* they have as many elements */
} row;

typedef struct comparison {
    side side[2];
    int64_t batch;
    char input[256]; /* what both were given, for the reader */
    row *outputs, *layers;
    int n_outputs, n_layers;
    const char **alone[2]; /* outputs, and with --layers layers, that the other has not */
    int n_alone[2];
} comparison;

/* ---- loading ---- */

char *compare_weights(const settings *c, int i)
{
    const char *from = c->weights ? c->weights : "";
    for (; i > 0; i--)
        from = strchr(from, ',') ? strchr(from, ',') + 1 : "";
    const size_t length = strcspn(from, ",");
    return length ? strndup(from, length) : NULL;
}

static fv_status open_side(fv_ctx *ctx, const settings *c, int i, side *s)
{
    bool loaded;
    settings own = *c;
    char *weights = compare_weights(c, i);
    own.weights = weights;
    const fv_zoo_options zoo = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    fv_status status = model_open(ctx, &own, s->name, &zoo, &s->model, &loaded);
    if (status == FV_OK && !loaded && !weights)
        status =
            complain(FV_ERR_MODEL, "give its weights: --weights FILE for the first, --weights ,FILE for the second",
                     "%s is an architecture without weights", s->name);
    else if (status == FV_OK && !loaded)
        status = fv_model_load_weights(s->model, weights, false, NULL);
    free(weights);
    return status;
}

/* ---- inputs ---- */

/* Four dimensions are given to both in one order, whatever the files have. */
static fv_port_layout common_layout(const fv_port_info *port, const fv_port_info *other)
{
    if (port->layout == FV_LAYOUT_WHOLE || other->layout == FV_LAYOUT_WHOLE)
        return port->layout;
    return FV_LAYOUT_PLAIN;
}

/* A number of the normal distribution, always the same i-th of a seed. */
static double drawn(uint64_t seed, uint64_t i)
{
    double u[2];
    for (int k = 0; k < 2; k++) { /* splitmix64 */
        uint64_t x = seed * 0x9e3779b97f4a7c15u + (2 * i + (uint64_t)k + 1) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        u[k] = ((double)((x ^ x >> 31) >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2.0 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* The same as a value of a dtype: levels of 40 for bytes, 0 and 1 for other integers, which may be indices. */
static float drawn_as(fv_dtype dtype, double x)
{
    if (fv_dtype_is_float(dtype))
        return (float)x;
    if (dtype != FV_I8 && dtype != FV_U8)
        return x > 0 ? 1.0f : 0.0f;
    const double level = round(x * 40.0), low = dtype == FV_I8 ? -128.0 : 0.0;
    return (float)fmin(fmax(dtype == FV_U8 ? fabs(level) : level, low), 127.0);
}

/* Random numbers for every input of the first; the second has the same ones, in its order of inputs. */
static fv_status draw_inputs(fv_ctx *ctx, comparison *m, uint64_t seed)
{
    fv_port_info port[2];
    if (fv_model_port_count(m->side[0].model, false) != fv_model_port_count(m->side[1].model, false))
        return complain(FV_ERR_MODEL_MISMATCH, NULL, "%s has %d inputs, %s has %d", m->side[0].name,
                        fv_model_port_count(m->side[0].model, false), m->side[1].name,
                        fv_model_port_count(m->side[1].model, false));
    for (int i = 0; fv_model_port(m->side[0].model, false, i, &port[0]); i++) {
        fv_tensor *t = NULL;
        char text[2][96];
        fv_model_port(m->side[1].model, false, i, &port[1]);
        if (!fv_shape_equal(&port[0].shape, &port[1].shape))
            return complain(FV_ERR_MODEL_MISMATCH, "--img-size HxW for networks that take any size",
                            "%s takes '%s' of %s, %s takes '%s' of %s", m->side[0].name, port[0].name,
                            fv_shape_text(&port[0].shape, text[0]), m->side[1].name, port[1].name,
                            fv_shape_text(&port[1].shape, text[1]));
        FV_TRY(fv_tensor_create(ctx, FV_F32, &port[0].shape, &t));
        for (int64_t k = 0; k < fv_tensor_count(t); k++)
            ((float *)fv_tensor_data(t))[k] = drawn_as(port[0].dtype, drawn(seed + (uint64_t)i, (uint64_t)k));
        fv_status status = FV_OK;
        for (int s = 0; s < 2 && status == FV_OK; s++)
            status = fv_session_set_tensor(m->side[s].session, port[s].name, common_layout(&port[s], &port[1 - s]), t);
        fv_tensor_destroy(&t);
        FV_TRY(status);
    }
    snprintf(m->input, sizeof m->input, "random numbers (seed %llu)", (unsigned long long)seed);
    return FV_OK;
}

/* Arrays of files, laid out as the first network has them. */
static fv_status set_arrays(comparison *m, const feed *f)
{
    const int inputs = fv_model_port_count(m->side[0].model, false);
    fv_port_info port[2];
    for (int i = 0; fv_model_port(m->side[0].model, false, i, &port[0]); i++) {
        const fv_tensor *t = feed_value(f, port[0].name, inputs);
        if (!fv_model_port(m->side[1].model, false, i, &port[1]))
            return complain(FV_ERR_MODEL_MISMATCH, NULL, "%s has fewer inputs than %s", m->side[1].name,
                            m->side[0].name);
        for (int s = 0; s < 2; s++) {
            const bool own = port[s].layout == FV_LAYOUT_WHOLE || port[0].layout == FV_LAYOUT_WHOLE;
            FV_TRY(fv_session_set_tensor(m->side[s].session, port[s].name, own ? port[s].layout : port[0].layout, t));
        }
    }
    snprintf(m->input, sizeof m->input, "the arrays of --input");
    return FV_OK;
}

/* Images, which each network prepares as its own pipeline says. */
static fv_status set_images(fv_ctx *ctx, comparison *m, const char **paths, int count)
{
    fv_port_info port;
    for (int s = 0; s < 2; s++) {
        const fv_pipeline *p = fv_model_pipeline(m->side[s].model);
        const fv_shape shape = {4, {count, p->h, p->w, p->c}};
        fv_tensor *t = NULL;
        if (p->c < 1 || fv_model_port_count(m->side[s].model, false) != 1)
            return complain(FV_ERR_CONFLICT, "give arrays: --input NAME=FILE.npy", "%s takes no single image",
                            m->side[s].name);
        fv_model_port(m->side[s].model, false, 0, &port);
        FV_TRY(fv_tensor_create(ctx, FV_F32, &shape, &t));
        fv_status status = FV_OK;
        for (int i = 0; i < count && status == FV_OK; i++) {
            fv_image image = {0};
            status = fv_image_read(ctx, paths[i], NULL, &image, NULL);
            if (status == FV_OK)
                status = fv_pipeline_apply(ctx, p, &image, (float *)fv_tensor_data(t) + i * p->h * p->w * p->c);
            fv_image_free(ctx, &image);
        }
        if (status == FV_OK)
            status = fv_session_set_tensor(m->side[s].session, port.name, FV_LAYOUT_PLAIN, t);
        fv_tensor_destroy(&t);
        FV_TRY(status);
    }
    snprintf(m->input, sizeof m->input, "%d image%s, prepared as each network says", count, count == 1 ? "" : "s");
    return FV_OK;
}

/* ---- comparing ---- */

static fv_status compare_values(const comparison *m, const char *a, const char *b, fv_port_layout la, fv_port_layout lb,
                                row *r)
{
    fv_tensor *t[2] = {NULL, NULL};
    *r = (row){.a = a, .b = b};
    fv_status status = fv_session_get_tensor(m->side[0].session, a, la, &t[0]);
    if (status == FV_OK)
        status = fv_session_get_tensor(m->side[1].session, b, lb, &t[1]);
    if (status == FV_OK) {
        r->shape = *fv_tensor_shape(t[0]);
        r->fits = fv_tensor_compare(t[0], t[1], &r->difference);
    }
    fv_tensor_destroy(&t[0]);
    fv_tensor_destroy(&t[1]);
    return status;
}

static void add_alone(comparison *m, int s, const char *name)
{
    m->alone[s][m->n_alone[s]++] = name;
}

/* The output of the second with that name, else the one at that place when it has none of the first's names. */
static bool find_output(const comparison *m, const char *name, int place, fv_port_info *port)
{
    fv_port_info other;
    for (int i = 0; fv_model_port(m->side[1].model, true, i, port); i++)
        if (strcmp(port->name, name) == 0)
            return true;
    if (!fv_model_port(m->side[1].model, true, place, port))
        return false;
    for (int i = 0; fv_model_port(m->side[0].model, true, i, &other); i++)
        if (strcmp(other.name, port->name) == 0)
            return false;
    return true;
}

static fv_status compare_outputs(comparison *m)
{
    fv_port_info a, b, other;
    const int count = fv_model_port_count(m->side[0].model, true);
    m->outputs = calloc((size_t)count + 1, sizeof *m->outputs);
    if (!m->outputs)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the outputs");
    for (int i = 0; fv_model_port(m->side[0].model, true, i, &a); i++) {
        if (!find_output(m, a.name, i, &b)) {
            add_alone(m, 0, a.name);
            continue;
        }
        /* a softmax that one file ends with and the other has not is applied */
        const bool plain = a.layout == b.layout || (a.layout != FV_LAYOUT_SCORES && b.layout != FV_LAYOUT_SCORES);
        const bool whole = a.layout == FV_LAYOUT_WHOLE || b.layout == FV_LAYOUT_WHOLE;
        FV_TRY(compare_values(m, a.name, b.name, plain && !whole ? FV_LAYOUT_PLAIN : a.layout,
                              plain && !whole ? FV_LAYOUT_PLAIN : b.layout, &m->outputs[m->n_outputs]));
        m->n_outputs++;
    }
    for (int i = 0; fv_model_port(m->side[1].model, true, i, &other); i++) {
        bool found = false;
        for (int k = 0; k < m->n_outputs; k++)
            found = found || strcmp(m->outputs[k].b, other.name) == 0;
        if (!found)
            add_alone(m, 1, other.name);
    }
    return FV_OK;
}

static fv_status compare_layers(comparison *m, const align *al)
{
    m->layers = calloc((size_t)al->count[0] + 1, sizeof *m->layers);
    if (!m->layers)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the layers");
    for (int i = 0; i < al->count[0]; i++) {
        const align_layer *l = &al->layer[0][i];
        if (l->match < 0) {
            add_alone(m, 0, l->value);
            continue;
        }
        FV_TRY(compare_values(m, l->value, al->layer[1][l->match].value, FV_LAYOUT_PLAIN, FV_LAYOUT_PLAIN,
                              &m->layers[m->n_layers]));
        m->n_layers++;
    }
    for (int i = 0; i < al->count[1]; i++)
        if (al->layer[1][i].match < 0)
            add_alone(m, 1, al->layer[1][i].value);
    return FV_OK;
}

/* ---- telling ---- */

static bool is_bad(const row *r, double tolerance)
{
    return !r->fits || !(r->difference.relative <= tolerance);
}

static const row *first_bad(const row *rows, int count, double tolerance)
{
    for (int i = 0; i < count; i++)
        if (is_bad(&rows[i], tolerance))
            return &rows[i];
    return NULL;
}

static void decibels(double sqnr, char text[32])
{
    snprintf(text, 32, isinf(sqnr) && sqnr > 0 ? "equal" : "%.1f dB", sqnr);
}

static void print_row(const row *r, double tolerance)
{
    char shape[96], sqnr[32], name[256];
    snprintf(name, sizeof name, "%s%s%s", r->a, strcmp(r->a, r->b) == 0 ? "" : " / ",
             strcmp(r->a, r->b) == 0 ? "" : r->b);
    if (!r->fits) {
        printf("  %-32s %-16s other sizes\n", name, fv_shape_text(&r->shape, shape));
        return;
    }
    decibels(r->difference.sqnr, sqnr);
    printf("  %-32s %-16s %10.3g %10.3g %10s%s\n", name, fv_shape_text(&r->shape, shape), r->difference.largest,
           r->difference.relative, sqnr, is_bad(r, tolerance) ? "  !" : "");
}

static void print_text(const comparison *m, const settings *c)
{
    static const char *const heads[] = {"outputs", "layers"};
    const row *rows[] = {m->outputs, m->layers};
    const int counts[] = {m->n_outputs, m->n_layers};
    printf("%s and %s on %s\n", m->side[0].name, m->side[1].name, m->input);
    for (int t = 0; t < 2; t++) {
        if (!rows[t])
            continue;
        printf("%-34s %-16s %10s %10s %10s\n", heads[t], "shape", "largest", "relative", "SQNR");
        for (int i = 0; i < counts[t]; i++)
            print_row(&rows[t][i], c->tolerance);
    }
    for (int s = 0; s < 2; s++) {
        if (m->n_alone[s] == 0)
            continue;
        printf("in %s alone:", m->side[s].name);
        for (int i = 0; i < m->n_alone[s]; i++)
            printf("%s %s", i ? "," : "", m->alone[s][i]);
        printf("\n");
    }
    const row *bad = first_bad(m->layers, m->n_layers, c->tolerance);
    if (bad)
        printf("the first layer that differs: %s\n", bad->a);
}

static json_t *row_json(const row *r)
{
    json_t *shape = json_array();
    for (int d = 0; d < r->shape.rank; d++)
        json_array_append_new(shape, json_integer(r->shape.dim[d]));
    const fv_difference *d = &r->difference;
    json_t *o = json_pack("{s:s, s:s, s:o, s:b}", "a", r->a, "b", r->b, "shape", shape, "fits", r->fits);
    if (!r->fits)
        return o;
    json_object_set_new(o, "largest", isfinite(d->largest) ? json_real(d->largest) : json_null());
    json_object_set_new(o, "relative", isfinite(d->relative) ? json_real(d->relative) : json_null());
    json_object_set_new(o, "sqnr_db", isfinite(d->sqnr) ? json_real(d->sqnr) : json_null());
    return o;
}

static json_t *rows_json(const row *rows, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, row_json(&rows[i]));
    return list;
}

static void print_json(const comparison *m, const settings *c, bool equal)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:b}", "a", m->side[0].name, "b", m->side[1].name, "input", m->input,
                          "tolerance", c->tolerance, "equal", equal);
    json_object_set_new(o, "outputs", rows_json(m->outputs, m->n_outputs));
    if (m->layers) {
        const row *bad = first_bad(m->layers, m->n_layers, c->tolerance);
        json_object_set_new(o, "layers", rows_json(m->layers, m->n_layers));
        json_object_set_new(o, "first_bad_layer", bad ? json_string(bad->a) : json_null());
    }
    for (int s = 0; s < 2; s++) {
        json_t *list = json_array();
        for (int i = 0; i < m->n_alone[s]; i++)
            json_array_append_new(list, json_string(m->alone[s][i]));
        json_object_set_new(o, s ? "only_b" : "only_a", list);
    }
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(o);
}

/* GATE unless every output of each is the other's within the tolerance. */
static fv_status judge(const comparison *m, const settings *c)
{
    const row *bad = first_bad(m->outputs, m->n_outputs, c->tolerance);
    const bool lacks = m->n_outputs < fv_model_port_count(m->side[0].model, true) ||
                       m->n_outputs < fv_model_port_count(m->side[1].model, true);
    c->json ? print_json(m, c, !bad && !lacks) : print_text(m, c);
    if (bad && !bad->fits)
        return complain(FV_ERR_GATE, NULL, "output '%s' has another size in %s", bad->a, m->side[1].name);
    if (bad)
        return complain(FV_ERR_GATE, c->layers ? NULL : "--layers shows where it begins",
                        "output '%s' differs by %.3g of its largest value, more than --tolerance %g", bad->a,
                        bad->difference.relative, c->tolerance);
    return lacks ? complain(FV_ERR_GATE, NULL, "one network has outputs that the other has not") : FV_OK;
}

/* ---- the whole ---- */

static fv_status create_session(comparison *m, int s, const align *al)
{
    const char **values = NULL;
    side *of = &m->side[s];
    fv_session_options o = {.batch = m->batch};
    if (al) {
        values = calloc((size_t)al->count[s] + 1, sizeof *values);
        if (!values)
            return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the layers");
        for (int i = 0; i < al->count[s]; i++)
            if (al->layer[s][i].match >= 0 && !al->layer[s][i].output)
                values[o.n_values++] = al->layer[s][i].value;
        o.values = values;
    }
    fv_status status = fv_session_create_with(of->model, &o, &of->session);
    free(values);
    return status;
}

static fv_status run_both(fv_ctx *ctx, const settings *c, comparison *m, const feed *f)
{
    const int images = c->n_positional > 2 ? c->n_positional - 2 : 0;
    align al = {.count = {0, 0}};
    if (images && f->count)
        return complain(FV_ERR_CONFLICT, "give one of them", "fovea compare: images and --input");
    m->batch = images ? images : 1;
    if (f->count)
        FV_TRY(feed_match(m->side[0].model, f, &m->batch));
    if (c->layers && !align_models(m->side[0].model, m->side[1].model, &al))
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the layers");
    fv_status status = FV_OK;
    for (int s = 0; s < 2; s++) {
        m->alone[s] =
            calloc((size_t)(al.count[s] + fv_model_port_count(m->side[s].model, true)) + 1, sizeof *m->alone[s]);
        if (status == FV_OK && !m->alone[s])
            status = complain(FV_ERR_NO_MEMORY, NULL, "no memory for the layers");
        if (status == FV_OK)
            status = create_session(m, s, c->layers ? &al : NULL);
    }
    if (status == FV_OK)
        status = f->count ? set_arrays(m, f)
                 : images ? set_images(ctx, m, c->positional + 2, images)
                          : draw_inputs(ctx, m, c->fit.seed);
    for (int s = 0; s < 2 && status == FV_OK; s++)
        status = fv_session_run(m->side[s].session);
    if (status == FV_OK)
        status = compare_outputs(m);
    if (status == FV_OK && c->layers)
        status = compare_layers(m, &al);
    if (status == FV_OK)
        status = judge(m, c);
    align_free(&al);
    return status;
}

static fv_status execute(fv_ctx *ctx, const settings *c)
{
    feed f = {.count = 0};
    comparison m = {.side = {{.name = c->positional[0]}, {.name = c->positional[1]}}};
    fv_status status = c->input ? feed_read(ctx, c->input, &f) : FV_OK;
    for (int s = 0; s < 2 && status == FV_OK; s++)
        status = open_side(ctx, c, s, &m.side[s]);
    if (status == FV_OK)
        status = run_both(ctx, c, &m, &f);
    for (int s = 0; s < 2; s++) {
        fv_session_destroy(&m.side[s].session);
        fv_model_destroy(&m.side[s].model);
        free(m.alone[s]);
    }
    free(m.outputs);
    free(m.layers);
    feed_free(&f);
    return status;
}

fv_status verb_compare(settings *c)
{
    fv_ctx *ctx;
    if (!c->positional[0] || !c->positional[1])
        return complain(FV_ERR_USAGE, "fovea compare A B [--layers] [--input x.npy | IMAGE...]",
                        "fovea compare: which two models?");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, execute(ctx, c));
    fv_ctx_destroy(&ctx);
    return status;
}

/* ---- a network with itself ---- */

fv_status compare_execution(fv_ctx *ctx, fv_model *model, const char *name)
{
    comparison m = {.side = {{.name = name, .model = model}, {.name = name, .model = model}}, .batch = 1};
    double macs = 0;
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info l;
        fv_model_layer(model, i, &l);
        macs += l.training ? 0 : l.macs;
    }
    const bool reference = macs <= REFERENCE_MACS;
    fv_status status =
        fv_session_create_as(model, 1, reference ? FV_EXECUTION_REFERENCE : FV_EXECUTION_PLAIN, &m.side[0].session);
    if (status == FV_OK)
        status = create_session(&m, 1, NULL);
    for (int s = 0; s < 2; s++)
        m.alone[s] = calloc((size_t)fv_model_port_count(model, true) + 1, sizeof *m.alone[s]);
    if (status == FV_OK && !(m.alone[0] && m.alone[1]))
        status = complain(FV_ERR_NO_MEMORY, NULL, "no memory for the outputs");
    if (status == FV_OK)
        status = draw_inputs(ctx, &m, 0);
    for (int s = 0; s < 2 && status == FV_OK; s++)
        status = fv_session_run(m.side[s].session);
    if (status == FV_OK)
        status = compare_outputs(&m);
    const row *worst = NULL;
    for (int i = 0; i < m.n_outputs && status == FV_OK; i++)
        if (!worst || m.outputs[i].difference.relative > worst->difference.relative)
            worst = &m.outputs[i];
    if (worst) {
        char sqnr[32];
        decibels(worst->difference.sqnr, sqnr);
        note("fused and %s on random numbers: output '%s' differs by %.2g, %.2g of its largest value (%s)",
             reference ? "reference loops" : "layer by layer", worst->a, worst->difference.largest,
             worst->difference.relative, sqnr);
        if (!(worst->difference.relative <= 1e-3))
            warn("%s: the fused network answers otherwise than its layers one by one", name);
    }
    for (int s = 0; s < 2; s++) {
        fv_session_destroy(&m.side[s].session);
        free(m.alone[s]);
    }
    free(m.outputs);
    return status;
}
