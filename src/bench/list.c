/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of problems: from words, from sizes, from a model's layers. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bench/internal.h"
#include "exec/internal.h"
#include "model/model.h"
#include "ops/epilogue.h"
#include "ops/ops.h"
#include "plan/internal.h"

struct fv_bench {
    fv_ctx *ctx;
    fv_bench_problem *problems;
    int count, room;
    fv_dtype dtype; /* of what is added */
};

const char *const *fv_bench_direction_names(void)
{
    static const char *const names[FV_BENCH_DIRECTIONS + 1] = {"fwd", "bwd-data", "bwd-weights"};
    return names;
}

fv_status fv_bench_create(fv_ctx *ctx, fv_bench **bench)
{
    *bench = fv_new(ctx, fv_bench);
    if (!*bench)
        return FV_ERR_NO_MEMORY;
    (*bench)->ctx = ctx;
    return FV_OK;
}

void fv_bench_destroy(fv_bench **bench)
{
    fv_bench *b = bench ? *bench : NULL;
    if (!b)
        return;
    for (int i = 0; i < b->count; i++) {
        fv_free(b->ctx, (void *)(uintptr_t)b->problems[i].name);
        fv_free(b->ctx, (void *)(uintptr_t)b->problems[i].shape);
        fv_free(b->ctx, (void *)(uintptr_t)b->problems[i].text);
    }
    fv_free(b->ctx, b->problems);
    fv_free(b->ctx, b);
    *bench = NULL;
}

fv_status fv_bench_store(fv_bench *bench, fv_dtype dtype)
{
    if (dtype != FV_F32 && dtype != FV_F16)
        return fv_fail(bench->ctx, FV_ERR_VALUE, "fv_bench_store: %s: expected f32 or f16", fv_dtype_name(dtype));
    bench->dtype = dtype;
    return FV_OK;
}

int fv_bench_count(const fv_bench *bench)
{
    return bench->count;
}

const fv_bench_problem *fv_bench_problem_at(const fv_bench *bench, int i)
{
    return i >= 0 && i < bench->count ? &bench->problems[i] : NULL;
}

/* ---- how it is shown ---- */

static void pair_text(const char *letter, int64_t a, int64_t b, int64_t usual, fv_str *out)
{
    if (a == b && a == usual)
        return;
    fv_str_printf(out, " %s%" PRId64, letter, a);
    if (a != b)
        fv_str_printf(out, "x%" PRId64, b);
}

/* What fv_bench_add_conv takes, or a product's m x n x k. */
static void shape_text(const fv_node *node, const fv_bench_kind *kind, fv_str *out)
{
    const fv_conv_geom *g = &kind->geom;
    const fv_window *w = &g->win;
    if (kind->dense) {
        fv_str_printf(out, "%" PRId64 "x%" PRId64 "x%" PRId64, g->n, g->k, g->c);
        return;
    }
    fv_str_printf(out, "n%" PRId64 "h%" PRId64 "w%" PRId64 "c%" PRId64 " k%" PRId64 "r%" PRId64 "s%" PRId64, g->n, w->h,
                  w->w, g->c, g->k, w->size[0], w->size[1]);
    if (w->pad[0] == w->pad[2] && w->pad[1] == w->pad[3])
        pair_text("p", w->pad[0], w->pad[1], 0, out);
    else
        fv_str_printf(out, " pad=%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, w->pad[0], w->pad[1], w->pad[2],
                      w->pad[3]);
    pair_text("u", w->stride[0], w->stride[1], 1, out);
    pair_text("d", w->dilation[0], w->dilation[1], 1, out);
    pair_text("g", g->groups, g->groups, 1, out);
    const int32_t activation = kind->direction == FV_BENCH_FWD ? ((const fv_conv2d_attr *)node->attr)->activation : 0;
    if (activation != FV_ACT_NONE)
        fv_str_printf(out, " activation=%s", fv_epilogue_names[activation]);
}

/* ---- adding ---- */

static fv_status make_room(fv_bench *b)
{
    if (b->count < b->room)
        return FV_OK;
    const int room = b->room ? 2 * b->room : 16;
    fv_bench_problem *grown = fv_realloc(b->ctx, b->problems, (size_t)room * sizeof *grown);
    if (!grown)
        return FV_ERR_NO_MEMORY;
    b->problems = grown;
    b->room = room;
    return FV_OK;
}

/* A node as a problem of the list; one that is there gets `name` counted with it. */
static fv_status add_node(fv_bench *b, const fv_node *node, const char *name, uint32_t const_in)
{
    fv_bench_kind kind;
    fv_str text = {.ctx = b->ctx}, shape = {.ctx = b->ctx};
    fv_bench_kind_of(node, &kind);
    fv_status status = fv_problem_text_const(node, FV_F32, const_in, &text);
    for (int i = 0; status == FV_OK && i < b->count; i++)
        if (name[0] && strcmp(b->problems[i].text, text.data) == 0) {
            b->problems[i].count++;
            fv_str_free(&text);
            return FV_OK;
        }
    if (status == FV_OK)
        status = make_room(b);
    if (status == FV_OK) {
        const fv_cost cost = fv_node_cost(node);
        shape_text(node, &kind, &shape);
        status = fv_str_status(&shape);
        char *copy = fv_strdup(b->ctx, name);
        if (status == FV_OK && copy) {
            b->problems[b->count++] = (fv_bench_problem){.name = copy,
                                                         .shape = shape.data,
                                                         .text = text.data,
                                                         .direction = kind.direction,
                                                         .count = 1,
                                                         .macs = cost.macs,
                                                         .flops = cost.flops,
                                                         .bytes = cost.bytes};
            return FV_OK;
        }
        fv_free(b->ctx, copy);
    }
    fv_str_free(&text);
    fv_str_free(&shape);
    return status == FV_OK ? FV_ERR_NO_MEMORY : status;
}

/* A gradient of a forward node, whose operands are all new in each run. */
static fv_status add_gradient(fv_bench *b, const fv_node *node, const char *name, fv_bench_direction direction)
{
    static const char *const ends[] = {[FV_BENCH_BWD_DATA] = "_bwd_data", [FV_BENCH_BWD_WEIGHTS] = "_bwd_weights"};
    char op_name[64];
    fv_graph *graph = NULL;
    fv_node *gradient = NULL;
    fv_conv2d_attr attr = {0};
    snprintf(op_name, sizeof op_name, "%s%s", node->op->name, ends[direction]);
    const fv_op *op = fv_op_find(b->ctx, op_name);
    const fv_val *sized = node->in[direction == FV_BENCH_BWD_DATA ? 0 : 1];
    if (op->attr_size > 0) {
        attr = *(const fv_conv2d_attr *)node->attr;
        attr.activation = FV_ACT_NONE;
        attr.size[0] = sized->shape.dim[1];
        attr.size[1] = sized->shape.dim[2];
    }
    fv_val *const in[] = {node->out[0], node->in[direction == FV_BENCH_BWD_DATA ? 1 : 0]};
    FV_TRY(fv_problem_like(b->ctx, op, op->attr_size > 0 ? &attr : NULL, in, 2, false, &graph, &gradient));
    fv_status status = add_node(b, gradient, name, 0);
    fv_graph_destroy(&graph);
    return status;
}

/* The same node on halves. */
static fv_status add_halves(fv_bench *b, const fv_node *node, const char *name, uint32_t const_in, unsigned directions)
{
    fv_bench_kind kind;
    fv_graph *graph = NULL;
    fv_node *half = NULL;
    fv_bench_kind_of(node, &kind);
    if (kind.dense || kind.direction != FV_BENCH_FWD || directions != 1u << FV_BENCH_FWD)
        return fv_fail(b->ctx, FV_ERR_UNSUPPORTED, "%s as f16: only forward convolutions can be stored so",
                       kind.dense ? "a product" : "a gradient");
    fv_str text = {.ctx = b->ctx};
    fv_status status = fv_problem_text_const(node, FV_F32, const_in, &text);
    char *dtype = status == FV_OK ? strstr(text.data, " f32 ") : NULL;
    if (dtype)
        memcpy(dtype, " f16 ", 5);
    if (status == FV_OK)
        status = fv_problem_parse(b->ctx, text.data, &graph, &half);
    if (status == FV_OK)
        status = add_node(b, half, name, const_in);
    fv_graph_destroy(&graph);
    fv_str_free(&text);
    return status;
}

/* A node in each of the directions; one that is a gradient already in its own. */
static fv_status add_directions(fv_bench *b, const fv_node *node, const char *name, uint32_t const_in,
                                unsigned directions)
{
    fv_bench_kind kind;
    if (!fv_bench_kind_of(node, &kind))
        return fv_fail(b->ctx, FV_ERR_VALUE, "problem of '%s': expected conv2d, dense, or a gradient of one",
                       node->op->name);
    if (b->dtype == FV_F16 && node->in[0]->dtype == FV_F32)
        return add_halves(b, node, name, const_in, directions);
    if (kind.direction != FV_BENCH_FWD)
        return add_node(b, node, name, const_in);
    if (directions & 1u << FV_BENCH_FWD)
        FV_TRY(add_node(b, node, name, const_in));
    for (fv_bench_direction d = FV_BENCH_BWD_DATA; d < FV_BENCH_DIRECTIONS; d++)
        if (directions & 1u << d)
            FV_TRY(add_gradient(b, node, name, d));
    return FV_OK;
}

static fv_status add_text(fv_bench *b, const char *text, unsigned directions)
{
    fv_graph *graph = NULL;
    fv_node *node = NULL;
    FV_TRY(fv_problem_parse(b->ctx, text, &graph, &node));
    fv_status status = add_directions(b, node, "", fv_problem_const_in(node), directions);
    fv_graph_destroy(&graph);
    return status;
}

/* ---- words ---- */

typedef struct reader {
    fv_ctx *ctx;
    const char *text, *at;
    char word[64];
} reader;

static bool next_word(reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
    const size_t size = strcspn(r->at, " \t\r\n");
    snprintf(r->word, sizeof r->word, "%.*s", (int)size, r->at);
    r->at += size;
    return size > 0;
}

static fv_status expected(const reader *r, const char *what)
{
    return fv_fail(r->ctx, FV_ERR_VALUE, "problem '%.160s': '%s': expected %s", r->text, r->word, what);
}

/* Letters with whole numbers: "n1h56w56c64" into number[i] of letters[i]; each at most once. */
static bool read_letters(const char *word, const char *letters, int64_t *number)
{
    bool any = false;
    for (; *word; any = true) {
        const char *letter = strchr(letters, *word++);
        const size_t digits = strspn(word, "0123456789");
        char text[24];
        if (!letter || number[letter - letters] >= 0 || digits == 0 || digits >= sizeof text)
            return false;
        snprintf(text, sizeof text, "%.*s", (int)digits, word);
        if (!fv_text_to_int(text, &number[letter - letters]))
            return false;
        word += digits;
    }
    return any;
}

/* "p1", "u2x1" as " pad=1", " stride=2,1". */
static bool option_word(const char *word, fv_str *out)
{
    static const char *const keys[][2] = {{"p", "pad"}, {"u", "stride"}, {"d", "dilation"}, {"g", "groups"}};
    const char *by = strchr(word, 'x');
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (word[0] != keys[i][0][0])
            continue;
        const size_t first = strspn(word + 1, "0123456789"), second = by ? strspn(by + 1, "0123456789") : 1;
        const char *end = by ? by + 1 + second : word + 1 + first;
        if (first == 0 || second == 0 || *end || (by && (by != word + 1 + first || word[0] == 'g')))
            return false;
        fv_str_printf(out, " %s=%.*s", keys[i][1], (int)first, word + 1);
        if (by)
            fv_str_printf(out, ",%s", by + 1);
        return true;
    }
    return false;
}

/* One of a pair stands for both. */
static bool fill_pair(int64_t *a, int64_t *b)
{
    *a = *a < 0 ? *b : *a;
    *b = *b < 0 ? *a : *b;
    return *a > 0 && *b > 0;
}

/* The groups that the words behind the filters ask for. */
static fv_status groups_of(reader r, int64_t *groups)
{
    *groups = 1;
    while (next_word(&r)) {
        const char *digits = strncmp(r.word, "groups=", 7) == 0 ? r.word + 7 : r.word[0] == 'g' ? r.word + 1 : NULL;
        if (digits && (!fv_text_to_int(digits, groups) || *groups < 1))
            return expected(&r, "groups such as g1 or groups=2, above 0");
    }
    return FV_OK;
}

/* Words that would be read in part. */
static fv_status check_lengths(reader r)
{
    for (const char *at = r.at; next_word(&r); at = r.at)
        if ((size_t)(r.at - at) - strspn(at, " \t\r\n") >= sizeof r.word)
            return fv_fail(r.ctx, FV_ERR_VALUE, "problem '%.160s': '%.20s...': a word has at most %d characters",
                           r.text, r.word, (int)sizeof r.word - 1);
    return FV_OK;
}

/* The short form as the planner writes it. */
static fv_status translate(reader *r, fv_str *out)
{
    FV_TRY(check_lengths(*r));
    enum { N, H, W, C };
    int64_t src[] = {-1, -1, -1, -1}, wei[] = {-1, -1, -1, -1}, groups;
    if (!next_word(r) || !read_letters(r->word, "nhwc", src) || !fill_pair(&src[H], &src[W]) || src[C] < 1 ||
        src[N] == 0)
        return expected(r, "images such as n1h56w56c64, all numbers above 0");
    if (!next_word(r) || !read_letters(r->word, "krsc", wei) || !fill_pair(&wei[1], &wei[2]) || wei[0] < 1)
        return expected(r, "filters such as k64r3s3, all numbers above 0, behind the images");
    FV_TRY(groups_of(*r, &groups));
    if (wei[3] < 0)
        wei[3] = src[C] / groups > 0 ? src[C] / groups : 1;
    fv_str_printf(out,
                  "conv2d f32 n%" PRId64 "h%" PRId64 "w%" PRId64 "c%" PRId64 " k%" PRId64 "r%" PRId64 "s%" PRId64
                  "c%" PRId64 ":const",
                  src[N] < 0 ? 1 : src[N], src[H], src[W], src[C], wei[0], wei[1], wei[2], wei[3]);
    while (next_word(r)) {
        if (strchr(r->word, '='))
            fv_str_printf(out, " %s", r->word);
        else if (!option_word(r->word, out))
            return expected(r, "pN (padding), uN (stride), dN (dilation), each also NxM, gN (groups), or key=value");
    }
    return fv_str_status(out);
}

/* Whether it is in the planner's form: the second word is a type. */
static bool is_whole(const char *text)
{
    fv_dtype dtype;
    char word[32];
    text += strspn(text, " \t\r\n");
    text += strcspn(text, " \t\r\n");
    text += strspn(text, " \t\r\n");
    snprintf(word, sizeof word, "%.*s", (int)strcspn(text, " \t\r\n"), text);
    return fv_dtype_parse(word, &dtype);
}

fv_status fv_bench_add_conv(fv_bench *b, const char *text, unsigned directions)
{
    if (is_whole(text))
        return add_text(b, text, directions);
    fv_str whole = {.ctx = b->ctx};
    reader r = {.ctx = b->ctx, .text = text, .at = text};
    fv_status status = translate(&r, &whole);
    if (status == FV_OK) {
        status = add_text(b, fv_str_get(&whole), directions);
        if (status != FV_OK && status != FV_ERR_NO_MEMORY) { /* what the planner's form says is of what was typed */
            char prefix[192];
            snprintf(prefix, sizeof prefix, "'%.160s'", text);
            status = fv_fail_prefix(b->ctx, status, prefix);
        }
    }
    fv_str_free(&whole);
    return status;
}

fv_status fv_bench_add_gemm(fv_bench *b, int64_t m, int64_t n, int64_t k, unsigned directions)
{
    char text[160];
    if (m < 1 || n < 1 || k < 1)
        return fv_fail(b->ctx, FV_ERR_VALUE,
                       "product %" PRId64 "x%" PRId64 "x%" PRId64 ": expected rows, columns and depth above 0", m, n,
                       k);
    /* Rows of one sample, which any algorithm may mix. */
    snprintf(text, sizeof text, "dense f32 1x%" PRId64 "x%" PRId64 " o%" PRId64 "i%" PRId64 ":const", m, k, n, k);
    return add_text(b, text, directions);
}

/* ---- layers ---- */

fv_status fv_bench_add_model(fv_bench *b, const fv_model *model, int64_t batch, const char *layers, unsigned directions)
{
    /* The reference loops solve no regions, so that every layer stays a node of its own. */
    static const fv_solver_provider *const alone[] = {&fv_reference_provider, NULL};
    const fv_program_options options = {
        .batch = batch, .dtype = FV_F32, .optimize = true, .unbound = true, .providers = alone};
    fv_program *program = NULL;
    const int before = b->count;
    if (!model->finished)
        return fv_fail(b->ctx, FV_ERR_ARGUMENT, "fv_bench_add_model: model '%s' is not finished", model->name);
    FV_TRY(fv_program_create(model->ctx, model->graph, &options, &program));
    fv_status status = FV_OK;
    for (int32_t i = 0; status == FV_OK && i < program->n_steps; i++) {
        const fv_step *s = &program->steps[i];
        fv_bench_kind kind;
        if (s->plan && !s->once && (!layers || fv_text_match_any(layers, s->node->name)) &&
            fv_bench_kind_of(s->node, &kind) && s->node->in[0]->dtype == FV_F32 && !(kind.dense && b->dtype == FV_F16))
            status = add_directions(b, s->node, s->node->name, s->plan->problem.const_in, directions);
    }
    fv_program_release(&program);
    if (status == FV_OK && b->count == before)
        status = fv_fail(b->ctx, FV_ERR_VALUE, "model '%s' has no convolution and no dense layer of float32%s%s%s",
                         model->name, layers ? " that is called '" : "", layers ? layers : "", layers ? "'" : "");
    return status;
}
