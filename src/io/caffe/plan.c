/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers there are, what they take, and which of them are needed. */
#ifdef FV_WITH_CAFFE
#include <string.h>

#include "io/caffe/net.h"

/* ---- indices by name ---- */

typedef struct names {
    const char **name;
    void **value;
    uint32_t mask;
} names;

static fv_status names_create(fv_arena *arena, int64_t count, names *n)
{
    size_t size = 16;
    while ((int64_t)size < 2 * (count + 1))
        size *= 2;
    n->mask = (uint32_t)size - 1;
    n->name = fv_arena_alloc(arena, size * sizeof *n->name);
    n->value = fv_arena_alloc(arena, size * sizeof *n->value);
    if (!n->name || !n->value)
        return FV_ERR_NO_MEMORY;
    memset(n->name, 0, size * sizeof *n->name);
    return FV_OK;
}

/* Where the name is, or would be. */
static uint32_t names_at(const names *n, const char *name)
{
    uint32_t h = 2166136261u;
    for (const char *c = name; *c; c++)
        h = (h ^ (uint8_t)*c) * 16777619u;
    h &= n->mask;
    while (n->name[h] && strcmp(n->name[h], name) != 0)
        h = (h + 1) & n->mask;
    return h;
}

static void names_set(names *n, const char *name, void *value)
{
    const uint32_t at = names_at(n, name);
    n->name[at] = name;
    n->value[at] = value;
}

static void *names_get(const names *n, const char *name)
{
    const uint32_t at = names_at(n, name);
    return n->name[at] ? n->value[at] : NULL;
}

/* ---- layers ---- */

/* Types as they were called until 2014, by their numbers. */
static const char *const old_types[] = {
    "None",
    "Accuracy",
    "BNLL",
    "Concat",
    "Convolution",
    "Data",
    "Dropout",
    "EuclideanLoss",
    "Flatten",
    "HDF5Data",
    "HDF5Output",
    "Im2col",
    "ImageData",
    "InfogainLoss",
    "InnerProduct",
    "LRN",
    "MultinomialLogisticLoss",
    "Pooling",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "SoftmaxWithLoss",
    "Split",
    "TanH",
    "WindowData",
    "Eltwise",
    "Power",
    "SigmoidCrossEntropyLoss",
    "HingeLoss",
    "MemoryData",
    "ArgMax",
    "Threshold",
    "DummyData",
    "Slice",
    "MVN",
    "AbsVal",
    "Silence",
    "ContrastiveLoss",
    "Exp",
    "Deconvolution",
};

/* What layers of both generations have, under the same names. */
#define TAKE_FIELDS(l, m)                                                                                              \
    do {                                                                                                               \
        (l)->message = &(m)->base;                                                                                     \
        (l)->name = (m)->name ? (m)->name : "";                                                                        \
        (l)->blobs = (m)->blobs;                                                                                       \
        (l)->n_blobs = (int)(m)->n_blobs;                                                                              \
        (l)->bottom = (m)->bottom;                                                                                     \
        (l)->n_bottom = (int)(m)->n_bottom;                                                                            \
        (l)->top = (m)->top;                                                                                           \
        (l)->n_top = (int)(m)->n_top;                                                                                  \
        (l)->loss_weight = (m)->loss_weight;                                                                           \
        (l)->n_loss_weight = (int)(m)->n_loss_weight;                                                                  \
    } while (0)

typedef struct rules {
    size_t n[2]; /* include, exclude */
    FvCaffe__NetStateRule **list[2];
} rules;

static rules rules_of(const FvCaffe__Net *net, size_t i)
{
    if (net->n_layer) {
        const FvCaffe__Layer *m = net->layer[i];
        return (rules){{m->n_include, m->n_exclude}, {m->include, m->exclude}};
    }
    const FvCaffe__V1Layer *m = net->layers[i];
    return (rules){{m->n_include, m->n_exclude}, {m->include, m->exclude}};
}

static bool is_met(const FvCaffe__NetStateRule *rule, FvCaffe__Phase phase)
{
    return (!rule->has_phase || rule->phase == phase) && (!rule->has_min_level || rule->min_level <= 0) &&
           (!rule->has_max_level || rule->max_level >= 0) && rule->n_stage == 0;
}

static bool is_chosen(const rules *r, FvCaffe__Phase phase)
{
    for (size_t k = 0; k < r->n[1]; k++)
        if (is_met(r->list[1][k], phase))
            return false;
    bool chosen = r->n[0] == 0;
    for (size_t k = 0; k < r->n[0] && !chosen; k++)
        chosen = is_met(r->list[0][k], phase);
    return chosen;
}

/* A network for tests, unless rules speak of training alone: a file written while training holds what was trained. */
static FvCaffe__Phase phase_of(const FvCaffe__Net *net, size_t count)
{
    bool seen[2] = {false, false};
    for (size_t i = 0; i < count; i++) {
        const rules r = rules_of(net, i);
        for (int out = 0; out < 2; out++)
            for (size_t k = 0; k < r.n[out]; k++)
                if (r.list[out][k]->has_phase)
                    seen[(r.list[out][k]->phase == FV_CAFFE__PHASE__TEST) != (out == 1)] = true;
    }
    return seen[0] && !seen[1] ? FV_CAFFE__PHASE__TRAIN : FV_CAFFE__PHASE__TEST;
}

static fv_status too_many(const fv_caffe_net *net, const char *what)
{
    return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: more than 100000 %s", net->path, what);
}

static fv_status add_layer(fv_caffe_net *net, size_t i)
{
    fv_caffe_layer *l = &net->layers[net->n_layers++];
    const FvCaffe__Net *text = net->text;
    *l = (fv_caffe_layer){.net = net};
    if (text->n_layer) {
        TAKE_FIELDS(l, text->layer[i]);
        l->type = text->layer[i]->type ? text->layer[i]->type : "";
    } else {
        TAKE_FIELDS(l, text->layers[i]);
        const unsigned type = (unsigned)text->layers[i]->type;
        l->type = type < sizeof old_types / sizeof old_types[0] ? old_types[type] : "None";
        if (text->layers[i]->has_layer)
            return fv_fail_hint(net->im.ctx,
                                fv_fail(net->im.ctx, FV_ERR_MODEL,
                                        "%s: Caffe: its layers are of the first generation (V0, of 2013), which is not "
                                        "read",
                                        net->path),
                                "write it anew by Caffe's upgrade_net_proto_text and upgrade_net_proto_binary");
    }
    if (l->n_bottom > 100000 || l->n_top > 100000)
        return too_many(net, "blobs of a layer");
    l->op = fv_caffe_find_op(l->type);
    return FV_OK;
}

/* The inputs that the network itself lists, as a layer. */
static void add_inputs(fv_caffe_net *net)
{
    if (net->text->n_input == 0 || net->text->n_input > 100000)
        return;
    net->layers[net->n_layers++] = (fv_caffe_layer){.net = net,
                                                    .name = "input",
                                                    .type = "Input",
                                                    .message = &net->text->base,
                                                    .op = fv_caffe_find_op("Input"),
                                                    .top = net->text->input,
                                                    .n_top = (int)net->text->n_input};
}

/* Blobs of the file of weights, by the names of layers. */
static fv_status take_blobs(fv_caffe_net *net)
{
    const FvCaffe__NetBlobs *w = net->blobs;
    names index;
    if (!w)
        return FV_OK;
    FV_TRY(names_create(net->im.arena, (int64_t)(w->n_layer + w->n_layers), &index));
    for (size_t i = 0; i < w->n_layer; i++)
        names_set(&index, w->layer[i]->name ? w->layer[i]->name : "", &w->layer[i]);
    for (size_t i = 0; i < w->n_layers; i++) {
        if (w->layers[i]->has_layer)
            return fv_fail(net->im.ctx, FV_ERR_MODEL,
                           "%s: Caffe: its layers are of the first generation (V0, of 2013), which is not read",
                           net->weights_path);
        names_set(&index, w->layers[i]->name ? w->layers[i]->name : "", &w->layers[i]);
    }
    for (int i = 0; i < net->n_layers; i++) {
        fv_caffe_layer *l = &net->layers[i];
        char *there = names_get(&index, l->name);
        const bool newer = there >= (char *)w->layer && there < (char *)(w->layer + w->n_layer);
        if (!there)
            continue;
        l->blobs =
            newer ? (*(FvCaffe__LayerBlobs **)(void *)there)->blobs : (*(FvCaffe__V1LayerBlobs **)(void *)there)->blobs;
        l->n_blobs = (int)(newer ? (*(FvCaffe__LayerBlobs **)(void *)there)->n_blobs
                                 : (*(FvCaffe__V1LayerBlobs **)(void *)there)->n_blobs);
    }
    return FV_OK;
}

/* ---- connections ---- */

static float loss_weight(const fv_caffe_layer *l)
{
    return l->n_loss_weight ? l->loss_weight[0] : 1.0f;
}

static void take_value(fv_caffe_layer *l, int i)
{
    fv_caffe_value *v = l->in[i];
    const fv_caffe_kind kind = l->op ? l->op->kind : FV_CAFFE_PLAIN;
    if (!v)
        return;
    if (kind == FV_CAFFE_PLAIN) {
        v->users++;
        v->user = l;
    } else if (kind == FV_CAFFE_LOSS && i == 0) {
        v->answer = true;
        v->weight = loss_weight(l) > v->weight ? loss_weight(l) : v->weight;
    } else if (kind == FV_CAFFE_SILENCE) {
        v->silenced = true;
    }
}

static fv_status connect(fv_caffe_net *net)
{
    names index;
    int64_t tops = 0;
    for (int i = 0; i < net->n_layers; i++)
        tops += net->layers[i].n_top;
    FV_TRY(names_create(net->im.arena, tops, &index));
    for (int i = 0; i < net->n_layers; i++) {
        fv_caffe_layer *l = &net->layers[i];
        l->in = fv_arena_alloc(net->im.arena, (size_t)(l->n_bottom + 1) * sizeof *l->in);
        l->out = fv_arena_alloc(net->im.arena, (size_t)(l->n_top + 1) * sizeof *l->out);
        if (!l->in || !l->out)
            return FV_ERR_NO_MEMORY;
        for (int k = 0; k < l->n_bottom; k++)
            l->in[k] = names_get(&index, l->bottom[k]);
        if (strcmp(l->type, "Split") == 0 && l->n_bottom == 1 && l->in[0]) { /* other names of one value */
            for (int k = 0; k < l->n_top; k++)
                names_set(&index, l->top[k], l->in[0]);
            l->n_bottom = l->n_top = 0;
            continue;
        }
        for (int k = 0; k < l->n_bottom; k++)
            take_value(l, k);
        for (int k = 0; k < l->n_top; k++) {
            l->out[k] = (fv_caffe_value){.name = l->top[k], .maker = l};
            names_set(&index, l->top[k], &l->out[k]);
        }
    }
    return FV_OK;
}

/* Outputs: what losses take, and what nothing takes. Of losses those with the largest weight count: others train heads
 * that are left off afterwards. */
static void choose_answers(fv_caffe_net *net)
{
    float most = 0;
    for (int i = 0; i < net->n_layers; i++)
        for (int k = 0; k < net->layers[i].n_top; k++) {
            fv_caffe_value *v = &net->layers[i].out[k];
            v->answer = v->answer && v->users == 0;
            most = v->answer && v->weight > most ? v->weight : most;
        }
    for (int i = 0; i < net->n_layers; i++) {
        const fv_caffe_layer *l = &net->layers[i];
        for (int k = 0; k < l->n_top; k++) {
            fv_caffe_value *v = &l->out[k];
            if (v->answer && v->weight < most) {
                v->answer = false;
                fv_log(net->im.ctx, FV_LOG_INFO, "import",
                       "%s: the output '%.100s' is left off: its loss has a weight of %g beside %g", net->path, v->name,
                       (double)v->weight, (double)most);
            } else if (!v->answer && v->weight == 0 && v->users == 0 && !v->silenced &&
                       (l->op ? l->op->kind : FV_CAFFE_PLAIN) == FV_CAFFE_PLAIN) {
                v->answer = true;
            }
            net->n_answers += v->answer;
        }
    }
}

static void mark_live(fv_caffe_net *net)
{
    for (int i = net->n_layers - 1; i >= 0; i--) {
        fv_caffe_layer *l = &net->layers[i];
        for (int k = 0; k < l->n_top; k++)
            l->live = l->live || l->out[k].answer;
        for (int k = 0; k < l->n_bottom && l->live; k++)
            if (l->in[k])
                l->in[k]->maker->live = true;
    }
}

fv_status fv_caffe_plan(fv_caffe_net *net)
{
    const FvCaffe__Net *text = net->text;
    const size_t count = text->n_layer ? text->n_layer : text->n_layers;
    if (text->n_layer && text->n_layers)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: layers of both generations in one file",
                       net->path);
    if (count == 0)
        return fv_fail(net->im.ctx, FV_ERR_MODEL_FORMAT, "%s: Caffe: there is no layer in it", net->path);
    if (count > 100000)
        return too_many(net, "layers");
    net->layers = fv_arena_alloc(net->im.arena, (count + 1) * sizeof *net->layers);
    if (!net->layers)
        return FV_ERR_NO_MEMORY;
    const FvCaffe__Phase phase = phase_of(text, count);
    add_inputs(net);
    for (size_t i = 0; i < count; i++) {
        const rules r = rules_of(text, i);
        if (is_chosen(&r, phase))
            FV_TRY(add_layer(net, i));
    }
    FV_TRY(take_blobs(net));
    FV_TRY(connect(net));
    choose_answers(net);
    mark_live(net);
    return FV_OK;
}

#endif
