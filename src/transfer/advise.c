/* SPDX-License-Identifier: Apache-2.0 */
/* The table of transfer learning: which cell data and a network are in, and what is trained there. */
#include <fovea/advise.h>

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "train/layers.h"
#include "transfer/likeness.h"

static const char *const cell_list[FV_CELL_COUNT + 1] = {"top", "last", "stages", "more"};

struct fv_advice {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_transfer_cell cell;
    fv_amounts amounts;
    fv_likeness likeness;
    fv_stage_probe probes[FV_PROBES_MAX];
    fv_transfer_recipe recipes[FV_CELL_COUNT];
    const char *rules[FV_CELL_COUNT][FV_RULE_COUNT];
};

const char *const *fv_transfer_cell_names(void)
{
    return cell_list;
}

/* ---- how much there is ---- */

static fv_status count_images(fv_ctx *ctx, const fv_dataset *data, fv_amounts *a)
{
    *a = (fv_amounts){.images = fv_dataset_count(data), .classes = fv_dataset_classes(data)};
    int64_t *of = fv_calloc(ctx, (size_t)a->classes + 1, sizeof *of);
    if (!of)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < a->images; i++)
        of[fv_dataset_label(data, i)]++;
    for (int64_t c = 0; c < a->classes; c++) {
        a->smallest = c == 0 || of[c] < a->smallest ? of[c] : a->smallest;
        a->largest = of[c] > a->largest ? of[c] : a->largest;
    }
    a->typical = a->classes > 0 ? a->images / a->classes : 0;
    fv_free(ctx, of);
    return FV_OK;
}

static int64_t sample_size(const fv_advise_options *o, const fv_amounts *a)
{
    enum { USUAL = 300, OF_A_CLASS = 10, MOST = 2000 };
    int64_t n = OF_A_CLASS * a->classes > USUAL ? OF_A_CLASS * a->classes : USUAL;
    n = o->samples > 0 ? o->samples : n < MOST ? n : MOST;
    return n < a->images ? n : a->images;
}

/* ---- the network as blocks ---- */

/* As fv_block_size tells them. The head is none. */
typedef struct blocks {
    const char **name; /* as --lr-mult takes it */
    int *layers;       /* of --freeze N, that are before the block */
    int count;
    const char *head;        /* its layer */
    int64_t head_parameters; /* with as many classes as the data have */
    bool dropout;            /* something is drawn at random in the network */
    bool norms;              /* it has running statistics */
} blocks;

/* What --lr-mult takes for the block of a tensor: its name, or of a part of one what begins like it. */
static const char *block_name(fv_arena *arena, const char *tensor, size_t n)
{
    const size_t layer = fv_layer_size(tensor);
    n = n < layer ? n : layer;
    return fv_arena_printf(arena, "%.*s%s", (int)n, tensor, tensor[n] == '_' ? "_*" : "");
}

static fv_status add_blocks(const fv_model *m, fv_arena *arena, const fv_amounts *a, const char **names, blocks *b)
{
    const char *trunk;
    int n = 0, layers = 0;
    for (int i = 0; i < m->n_slots; i++)
        if (!m->slots[i].aux && !m->slots[i].head)
            names[n++] = m->slots[i].name;
    const size_t trunk_size = fv_names_trunk(names, n, &trunk);
    for (int i = 0; i < m->n_slots; i++) {
        const fv_slot *s = &m->slots[i];
        layers += fv_layer_begins(m, i);
        b->norms |= s->kind == FV_SLOT_STATE;
        if (s->aux)
            continue;
        if (s->head) {
            b->head = fv_arena_printf(arena, "%.*s", (int)fv_layer_size(s->name), s->name);
            b->head_parameters += m->n_classes > 0 ? fv_shape_count(&s->shape) / m->n_classes * a->classes : 0;
            continue;
        }
        const char *name = block_name(arena, s->name, fv_block_size(s->name, trunk, trunk_size));
        if (!name)
            return FV_ERR_NO_MEMORY;
        if (b->count > 0 && strcmp(b->name[b->count - 1], name) == 0)
            continue;
        b->layers[b->count] = layers - 1;
        b->name[b->count++] = name;
    }
    if (b->head && b->head_parameters == 0)
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_MODEL,
                                    "model '%s' has no last layer with weights, which new classes "
                                    "would need anew",
                                    m->name),
                            "give a classifier whose weights are floats");
    return b->head ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status find_blocks(const fv_model *m, fv_arena *arena, const fv_amounts *a, blocks *b)
{
    const size_t room = (size_t)m->n_slots + 1;
    const char **names = fv_arena_alloc(arena, room * sizeof *names);
    *b = (blocks){.name = fv_arena_alloc(arena, room * sizeof *b->name),
                  .layers = fv_arena_alloc(arena, room * sizeof *b->layers),
                  .head = "*"};
    if (!names || !b->name || !b->layers)
        return FV_ERR_NO_MEMORY;
    for (int32_t n = 0; n < m->graph->n_nodes; n++)
        b->dropout |= (m->graph->nodes[n]->op->traits & FV_T_STOCHASTIC) != 0;
    return add_blocks(m, arena, a, names, b);
}

/* ---- what is trained in a cell ---- */

/* "*=LOW,BLOCK=HIGH,...,HEAD=1": the blocks from `from` on at the higher share. */
static const char *rates(fv_ctx *ctx, fv_arena *arena, const blocks *b, int from, const char *low, const char *high)
{
    fv_str text = {.ctx = ctx};
    fv_str_printf(&text, "*=%s", low);
    for (int i = from; i < b->count; i++)
        fv_str_printf(&text, ",%s=%s", b->name[i], high);
    fv_str_printf(&text, ",%s=1", b->head);
    const char *copy = fv_str_status(&text) == FV_OK ? fv_arena_strdup(arena, fv_str_get(&text)) : NULL;
    fv_str_free(&text);
    return copy;
}

/* What recipes are made of. */
typedef struct maker {
    fv_ctx *ctx;
    fv_arena *arena;
    const blocks *b;
    const fv_amounts *a;
    bool photographs, color;
} maker;

static void train_top(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    r->freeze = "-1";
    r->grid = 1;
    *rule = fv_arena_printf(
        k->arena,
        "a new last layer in the place of %s alone: what is below it was learned from more data than there are here",
        k->b->head);
}

static void train_last(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    const int half = k->b->count / 2, top = k->b->count - (k->b->count + 3) / 4;
    r->freeze = half > 0 ? fv_arena_printf(k->arena, "%d", k->b->layers[half]) : NULL;
    r->lr_mult = rates(k->ctx, k->arena, k->b, top, "0.01", "0.1");
    *rule = fv_arena_printf(
        k->arena,
        "the last %d of %d blocks at 1/10 of the new layer's rate, those before them at 1/100, the first %d "
        "not at all: what they see is the same in both data",
        k->b->count - top, k->b->count, half);
}

/* In cells: where things are tells as much as what they are. On folds of the data of five pairs that is between 1 point
 * less and 6 more of the best stage than means of whole maps. */
static void train_stages(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    r->freeze = "-1";
    r->grid = 2;
    *rule = fv_arena_printf(
        k->arena,
        "linear classifiers on several stages, in 2 x 2 cells, of which the best over folds is kept: the last "
        "stages know the kinds of things of other data, the ones before them what many kinds have");
}

/*
 * The rates of networks that were trained before need not be small where the data are others. Measured on 3,000 images
 * that were held out of the training data, at 0.001, 0.003 and 0.01 for the blocks: ResNet-8 of MNIST on 4,000 of
 * CIFAR-10 47.6, 54.7 and 55.2 %, ResNet-20 of CIFAR-10 on 1,000 of MNIST 93.8 and 96.9 % at the first and the last.
 * At the smallest rate augmentation cost 2 points, as little was learned; at the others it costs none. Without batch
 * norms nothing keeps units alive at such rates.
 */
static void train_more(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    const char *share = k->b->norms ? "0.3" : "0.1";
    r->lr = 1e-2;
    r->lr_mult = rates(k->ctx, k->arena, k->b, k->b->count, share, share);
    *rule = fv_arena_printf(
        k->arena, "all %d blocks, at %s of the new layer's rate, which is ten times the usual one: much changes%s",
        k->b->count, share, k->b->norms ? "" : "; without batch norms not at more");
}

static void (*const trained[FV_CELL_COUNT])(const maker *k, fv_transfer_recipe *r,
                                            const char **rule) = {train_top, train_last, train_stages, train_more};

static bool is_linear(fv_transfer_cell cell)
{
    return cell == FV_CELL_TOP || cell == FV_CELL_STAGES;
}

/*
 * A linear classifier is fitted, not trained: the minimum is there after seconds, and the scale of features does not
 * matter. Trained for 30 epochs at 0.001 it told flowers by a network of digits no better than chance, fitted 40 %. Of
 * 1, 0.1, 0.01 and 0.001 C of 0.1 is at most 2.3 points below the best one on folds of the data of nine pairs.
 */
static void fit_linear(const maker *k, fv_transfer_recipe *r, const char **rules)
{
    const fv_transfer_recipe zero = {.c = 0.1, .grid = r->grid, .freeze = r->freeze};
    *r = zero;
    rules[FV_RULE_EPOCHS] = "no epochs: rows are computed once for each image, and the classifier that fits them best "
                            "is found";
    rules[FV_RULE_DROP] = fv_arena_printf(k->arena,
                                          "C %g, of standardized features: smaller than the usual 1, as features are "
                                          "many and images few; no dropout beside it",
                                          r->c);
    rules[FV_RULE_AUGMENT] = "no augmentation: rows are of the images as they are";
}

/* Passes. */
static void choose_epochs(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    enum { LOOKS = 50000, LEAST = 10, MOST = 30, SMALL = 1000 };
    r->batch_size = k->a->images < SMALL ? 32 : 64;
    r->val_split = k->a->typical < FV_MUCH_DATA ? 0.2 : 0.1;
    r->epochs = (LOOKS + k->a->images - 1) / k->a->images;
    r->epochs = r->epochs < LEAST ? LEAST : r->epochs > MOST ? MOST : r->epochs;
    *rule = fv_arena_printf(k->arena, "%lld epochs: about %d looks at images, from %d to %d epochs",
                            (long long)r->epochs, LOOKS, LEAST, MOST);
}

double fv_drop_rule(int64_t weights, int64_t images)
{
    const double ratio = (double)weights / (double)images, rate = ratio > 1 ? log10(ratio) / 4 : 0;
    return round((rate < 0.5 ? rate : 0.5) * 20) / 20;
}

static void choose_drop(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    const double ratio = (double)k->b->head_parameters / (double)k->a->images;
    r->drop = fv_drop_rule(k->b->head_parameters, k->a->images);
    *rule = fv_arena_printf(
        k->arena,
        "dropout %g: %lld weights of the new layer for %lld images are %.3g for each; log10 of that by 4, "
        "from 0 to 0.5%s",
        r->drop, (long long)k->b->head_parameters, (long long)k->a->images, ratio,
        k->b->dropout ? "" : "; this network has no dropout: left out");
    if (!k->b->dropout)
        r->drop = 0;
}

static void choose_augment(const maker *k, fv_transfer_recipe *r, const char **rule)
{
    static const struct {
        int64_t below; /* images of a class */
        const char *how, *photographs, *pictures, *grey;
    } rows[] = {
        {20, "strong", "rrc scale=0.3..1; hflip; jitter", "crop pad=4; hflip; jitter", "crop pad=2; rotate degrees=10"},
        {FV_MUCH_DATA, "strong", "rrc scale=0.3..1; hflip", "crop pad=4; hflip", "crop pad=2; rotate degrees=10"},
        {2000, "moderate", "rrc scale=0.5..1; hflip", "crop pad=4; hflip", "crop pad=2"},
        {INT64_MAX, "light", "rrc scale=0.7..1; hflip", "crop pad=4; hflip", "crop pad=2"},
    };
    size_t i = 0;
    while (k->a->typical >= rows[i].below)
        i++;
    r->augment = !k->color ? rows[i].grey : k->photographs ? rows[i].photographs : rows[i].pictures;
    *rule = fv_arena_printf(k->arena, "%s augmentation, as there are %lld images of a class%s", rows[i].how,
                            (long long)k->a->typical,
                            k->color ? "; leave hflip out where a mirror image is another thing"
                                     : "; none that mirrors: grey "
                                       "pictures may be signs");
}

static fv_status make_recipes(const maker *k, fv_advice *advice)
{
    for (int cell = 0; cell < FV_CELL_COUNT; cell++) {
        fv_transfer_recipe *r = &advice->recipes[cell];
        const char **rules = advice->rules[cell];
        *r = (fv_transfer_recipe){.lr = 1e-3};
        trained[cell](k, r, &rules[FV_RULE_TRAINED]);
        if (is_linear((fv_transfer_cell)cell)) {
            fit_linear(k, r, rules);
        } else {
            choose_epochs(k, r, &rules[FV_RULE_EPOCHS]);
            choose_drop(k, r, &rules[FV_RULE_DROP]);
            choose_augment(k, r, &rules[FV_RULE_AUGMENT]);
            if (!r->lr_mult)
                return FV_ERR_NO_MEMORY;
        }
        for (int i = 0; i < FV_RULE_COUNT; i++)
            if (!rules[i])
                return FV_ERR_NO_MEMORY;
        if (!r->freeze != (cell == FV_CELL_MORE) && k->b->count > 1)
            return FV_ERR_NO_MEMORY;
    }
    return FV_OK;
}

/* ---- together ---- */

static fv_status make_advice(fv_advice *advice, fv_model *model, fv_dataset *data, const fv_advise_options *o)
{
    enum { PHOTOGRAPH = 64 };
    int64_t h, w, c;
    blocks b;
    FV_TRY(count_images(advice->ctx, data, &advice->amounts));
    FV_TRY(find_blocks(model, advice->arena, &advice->amounts, &b));
    fv_dataset_size(data, &h, &w, &c);
    const maker k = {.ctx = advice->ctx,
                     .arena = advice->arena,
                     .b = &b,
                     .a = &advice->amounts,
                     .photographs = h == 0 || (h >= PHOTOGRAPH && w >= PHOTOGRAPH),
                     .color = c != 1};
    FV_TRY(make_recipes(&k, advice));
    FV_TRY(fv_dataset_keep(data, sample_size(o, &advice->amounts), o->seed));
    FV_TRY(fv_likeness_measure(model, data, o, advice->arena, advice->probes, &advice->likeness));
    const bool different = advice->likeness.distance > 1, much = advice->amounts.typical >= FV_MUCH_DATA;
    advice->cell = (fv_transfer_cell)(2 * different + much);
    return FV_OK;
}

fv_status fv_advise(fv_model *model, fv_dataset *data, const fv_advise_options *options, fv_advice **advice)
{
    static const fv_advise_options usual = {.samples = 0};
    fv_ctx *ctx = model->ctx;
    *advice = NULL;
    FV_TRY(fv_model_need_plain(model, "advice"));
    if (fv_dataset_task(data) != FV_TASK_CLASSIFY)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_UNSUPPORTED,
                                    "advice on taking a network to other data is for images of one class each"),
                            "give a folder of classes, or --task class");
    if (fv_dataset_count(data) == 0)
        return fv_fail(ctx, FV_ERR_DATA_EMPTY, "no samples to look at");
    fv_advice *a = fv_new(ctx, fv_advice);
    if (!a)
        return FV_ERR_NO_MEMORY;
    a->ctx = ctx;
    fv_status status = fv_arena_create(ctx, &a->arena);
    if (status == FV_OK)
        status = make_advice(a, model, data, options ? options : &usual);
    if (status != FV_OK)
        fv_advice_destroy(&a);
    *advice = a;
    return status;
}

void fv_advice_destroy(fv_advice **advice)
{
    fv_advice *a = advice ? *advice : NULL;
    if (!a)
        return;
    fv_arena_destroy(&a->arena);
    fv_free(a->ctx, a);
    *advice = NULL;
}

fv_transfer_cell fv_advice_cell(const fv_advice *advice)
{
    return advice->cell;
}

fv_transfer_cell fv_advice_choice(const fv_advice *advice)
{
    const double chance = 1.0 / (double)(advice->amounts.classes > 0 ? advice->amounts.classes : 1);
    const double best = advice->probes[advice->likeness.best].accuracy;
    return advice->cell == FV_CELL_STAGES && best < (1 + chance) / 2 ? FV_CELL_MORE : advice->cell;
}

const fv_amounts *fv_advice_amounts(const fv_advice *advice)
{
    return &advice->amounts;
}

const fv_likeness *fv_advice_likeness(const fv_advice *advice)
{
    return &advice->likeness;
}

const fv_stage_probe *fv_advice_probe(const fv_advice *advice, int i)
{
    return i >= 0 && i < advice->likeness.n_probes ? &advice->probes[i] : NULL;
}

const fv_transfer_recipe *fv_advice_recipe(const fv_advice *advice, fv_transfer_cell cell)
{
    return (int)cell >= 0 && cell < FV_CELL_COUNT ? &advice->recipes[cell] : NULL;
}

const char *fv_advice_rule(const fv_advice *advice, fv_transfer_cell cell, fv_recipe_rule rule)
{
    const bool there = (int)cell >= 0 && cell < FV_CELL_COUNT && (int)rule >= 0 && rule < FV_RULE_COUNT;
    return there ? advice->rules[cell][rule] : NULL;
}
