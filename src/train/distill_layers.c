/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that are to become like a teacher's: which ones, and by way of what. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ops/ref.h"
#include "train/distill.h"

/* ---- which ones ---- */

/* What is being read: --hint or --attention. */
typedef struct reading {
    fv_ctx *ctx;
    fv_arena *arena;
    const fv_model *model[2]; /* the student, the teacher */
    const char *key, *text;
    bool attention;
    fv_distill_layers *layers;
} reading;

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

/* Whether a value belongs to a module: its name goes on behind a dot or slash. */
static bool is_inside(const char *value, const char *module)
{
    const size_t n = strlen(module);
    return strncmp(value, module, n) == 0 && (value[n] == '.' || value[n] == '/');
}

/* Values that a name means, in their order: itself; the last of a module of that name; or all that a pattern fits.
 * Values that images have no part in, and such as are no rows or maps of floats, are none. */
static int find_values(const fv_model *m, const char *name, const fv_val **found, int most)
{
    const fv_graph *g = m->graph;
    const fv_val *last = NULL;
    int n = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const fv_val *v = g->nodes[i]->n_out > 0 ? g->nodes[i]->out[0] : NULL;
        if (!v || v->dtype != FV_F32 || (v->shape.rank != 2 && v->shape.rank != 4) || v->shape.dim[0] != 1)
            continue;
        if (strcmp(v->name, name) == 0 || (is_pattern(name) && fv_text_match(name, v->name))) {
            if (n < most)
                found[n] = v;
            n++;
        } else if (is_inside(v->name, name)) {
            last = v;
        }
    }
    if (n == 0 && last && !is_pattern(name))
        found[n++] = last;
    return n;
}

static fv_status fail_unknown(const reading *r, int of, const char *name)
{
    const fv_graph *g = r->model[of]->graph;
    const char **names = fv_calloc(r->ctx, (size_t)g->n_nodes + 1, sizeof *names);
    int n = 0;
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->n_out > 0)
            names[n++] = g->nodes[i]->out[0]->name;
    const char *nearest = fv_text_nearest(name, names);
    const fv_status status =
        fv_fail_hint(r->ctx,
                     fv_fail(r->ctx, FV_ERR_VALUE, "--%s: the %s, '%s', has no layer '%s'%s%s%s", r->key,
                             of ? "teacher" : "student", fv_model_name(r->model[of]), name,
                             nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : ""),
                     "`fovea info` lists the layers of a network");
    fv_free(r->ctx, names);
    return status;
}

static fv_status fail_shapes(const reading *r, const fv_val *student, const fv_val *teacher)
{
    char text[2][96];
    const char *why = r->attention && (student->shape.rank != 4 || teacher->shape.rank != 4)
                          ? "attention is of maps"
                          : "rows and columns must be as many";
    return fv_fail_hint(r->ctx,
                        fv_fail(r->ctx, FV_ERR_SHAPE, "--%s: the student's '%s' gives %s, the teacher's '%s' %s: %s",
                                r->key, student->name, fv_shape_text(&student->shape, text[0]), teacher->name,
                                fv_shape_text(&teacher->shape, text[1]), why),
                        "choose layers of the same stage, which have maps of one size");
}

static fv_status make_tensor(const reading *r, const char *name, const fv_shape *shape, int64_t fan_in, uint64_t seed,
                             fv_tensor **tensor)
{
    FV_TRY(fv_tensor_create(r->ctx, FV_F32, shape, tensor));
    const fv_slot slot = {.name = name,
                          .dtype = FV_F32,
                          .shape = *shape,
                          .outer = fv_shape_count(shape),
                          .mid = 1,
                          .inner = 1,
                          .fan_in = fan_in,
                          .data = *tensor};
    fv_slot_start(r->ctx, &slot, seed, FV_INIT_DEFAULT, 0);
    return FV_OK;
}

/* From the student's channels to the teacher's. */
static fv_status make_regressor(const reading *r, const fv_val *student, const fv_val *teacher, uint64_t seed,
                                fv_distill_layer *layer)
{
    const int64_t c = fv_shape_last(&student->shape), k = fv_shape_last(&teacher->shape);
    const fv_shape bias = {1, {k}};
    const fv_shape weight = student->shape.rank == 4 ? (fv_shape){4, {k, 1, 1, c}} : (fv_shape){2, {k, c}};
    if (r->attention || c == k)
        return FV_OK;
    layer->weight_name = fv_arena_printf(r->arena, "hint.%s.weight", student->name);
    layer->bias_name = fv_arena_printf(r->arena, "hint.%s.bias", student->name);
    if (!layer->weight_name || !layer->bias_name)
        return FV_ERR_NO_MEMORY;
    FV_TRY(make_tensor(r, layer->weight_name, &weight, c, seed, &layer->weight));
    return make_tensor(r, layer->bias_name, &bias, c, seed, &layer->bias);
}

static fv_status add_layer(reading *r, const fv_val *student, const fv_val *teacher, uint64_t seed)
{
    fv_distill_layers *all = r->layers;
    const fv_shape *s = &student->shape, *t = &teacher->shape;
    bool fits = s->rank == t->rank && (!r->attention || s->rank == 4);
    for (int d = 1; fits && d < s->rank - 1; d++)
        fits = s->dim[d] == t->dim[d];
    if (!fits)
        return fail_shapes(r, student, teacher);
    for (int i = 0; i < all->count; i++)
        if (all->list[i].attention == r->attention && strcmp(all->list[i].student, student->name) == 0)
            return fv_fail(r->ctx, FV_ERR_VALUE, "--%s: the student's '%s' stands there twice", r->key, student->name);
    if (all->count == FV_DISTILL_LAYERS)
        return fv_fail(r->ctx, FV_ERR_VALUE, "--hint and --attention: more than %d pairs of layers", FV_DISTILL_LAYERS);
    fv_distill_layer *layer = &all->list[all->count++];
    const char *what = r->attention ? "attention" : "hint";
    *layer = (fv_distill_layer){.attention = r->attention,
                                .full = fv_shape_count(t),
                                .student = fv_arena_strdup(r->arena, student->name),
                                .teacher = fv_arena_strdup(r->arena, teacher->name),
                                .prediction = fv_arena_printf(r->arena, "%s.%s", what, student->name),
                                .target = fv_arena_printf(r->arena, "teacher.%s.%s", what, student->name),
                                .loss = fv_arena_printf(r->arena, "%s_loss.%s", what, student->name)};
    layer->size = r->attention ? layer->full / fv_shape_last(t) : layer->full;
    if (!layer->student || !layer->teacher || !layer->prediction || !layer->target || !layer->loss)
        return FV_ERR_NO_MEMORY;
    return make_regressor(r, student, teacher, seed, layer);
}

/* STUDENT=TEACHER, of which both may be patterns that fit as many layers. */
static fv_status add_pairs(reading *r, const char *student, const char *teacher, uint64_t seed)
{
    const fv_val *found[2][FV_DISTILL_LAYERS + 1];
    int n[2];
    for (int k = 0; k < 2; k++) {
        n[k] = find_values(r->model[k], k ? teacher : student, found[k], FV_DISTILL_LAYERS + 1);
        if (n[k] == 0)
            return fail_unknown(r, k, k ? teacher : student);
    }
    if (n[0] != n[1])
        return fv_fail_hint(r->ctx,
                            fv_fail(r->ctx, FV_ERR_VALUE,
                                    "--%s: '%s' is %d of the student's layers, '%s' %d of the "
                                    "teacher's",
                                    r->key, student, n[0], teacher, n[1]),
                            "use patterns that fit as many, or name the layers one by one");
    for (int i = 0; i < n[0]; i++) {
        if (i > FV_DISTILL_LAYERS)
            return fv_fail(r->ctx, FV_ERR_VALUE, "--hint and --attention: more than %d pairs of layers",
                           FV_DISTILL_LAYERS);
        FV_TRY(add_layer(r, found[0][i], found[1][i], seed));
    }
    return FV_OK;
}

static fv_status read_pairs(reading *r, uint64_t seed)
{
    char names[2][256];
    for (const char *at = r->text; *at;) {
        const size_t n = strcspn(at, ","), first = strcspn(at, "=");
        if (first == 0 || first + 1 >= n || first >= sizeof names[0] || n - first > sizeof names[1])
            return fv_fail(r->ctx, FV_ERR_VALUE, "--%s: found '%.60s', expected STUDENT_LAYER=TEACHER_LAYER,...",
                           r->key, at);
        snprintf(names[0], sizeof names[0], "%.*s", (int)first, at);
        snprintf(names[1], sizeof names[1], "%.*s", (int)(n - first - 1), at + first + 1);
        FV_TRY(add_pairs(r, names[0], names[1], seed));
        at += n + (at[n] == ',');
    }
    return FV_OK;
}

fv_status fv_distill_layers_make(const fv_model *student, const fv_model *teacher, const fv_fit_options *o,
                                 fv_arena *arena, fv_distill_layers *layers)
{
    const struct {
        const char *key, *text;
        double weight;
    } kinds[2] = {{"hint", o->hint, o->hint_loss_weight}, {"attention", o->attention, o->attention_loss_weight}};
    *layers = (fv_distill_layers){.count = 0};
    for (int k = 0; k < 2; k++) {
        reading r = {.ctx = student->ctx,
                     .arena = arena,
                     .model = {student, teacher},
                     .key = kinds[k].key,
                     .text = kinds[k].text,
                     .attention = k == 1,
                     .layers = layers};
        if (r.text && kinds[k].weight > 0)
            FV_TRY(read_pairs(&r, (uint64_t)o->seed));
    }
    if (layers->count > 0 && o->progressive_resize)
        return fv_fail_hint(student->ctx,
                            fv_fail(student->ctx, FV_ERR_CONFLICT,
                                    "--progressive-resize: maps of other sizes than the teacher's cannot be compared "
                                    "with them"),
                            "leave out --hint and --attention, or --progressive-resize");
    return FV_OK;
}

void fv_distill_layers_free(fv_distill_layers *layers)
{
    for (int i = 0; i < layers->count; i++) {
        fv_tensor_destroy(&layers->list[i].weight);
        fv_tensor_destroy(&layers->list[i].bias);
    }
    layers->count = 0;
}
