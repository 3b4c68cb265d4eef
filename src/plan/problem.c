/* SPDX-License-Identifier: Apache-2.0 */
/* A problem as one line of text: what benchmarks read, wisdom remembers and tests print when they fail. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/ops.h"
#include "ops/region.h"
#include "plan/internal.h"

/* Letters of operand i when they fit its rank; NULL: dimensions are written plainly. */
static const char *problem_letters(const fv_node *node, int32_t i)
{
    const char *letters = node->op->letters ? node->op->letters[i] : NULL;
    int32_t rank = node->in[i]->shape.rank;
    if (!letters || (int32_t)strlen(letters) != rank)
        return NULL;
    for (int32_t d = 0; d < rank; d++) {
        if (!islower((unsigned char)letters[d]))
            return NULL;
    }
    return letters;
}

static void problem_operand(const fv_node *node, int32_t i, fv_dtype dtype, bool constant, fv_str *out)
{
    const fv_val *val = node->in[i];
    if (!val) {
        fv_str_append(out, " -");
        return;
    }
    const char *letters = problem_letters(node, i);
    fv_str_append(out, " ");
    for (int32_t d = 0; d < val->shape.rank; d++) {
        fv_str_append(out, letters ? (char[]){letters[d], '\0'} : d > 0 ? "x" : "");
        fv_str_printf(out, "%" PRId64, val->shape.dim[d]);
    }
    if (val->shape.rank == 0)
        fv_str_append(out, "scalar");
    if (val->dtype != dtype)
        fv_str_printf(out, ":%s", fv_dtype_name(val->dtype));
    if (fv_op_updates(node->op, i))
        fv_str_append(out, ":state");
    else if (constant)
        fv_str_append(out, ":const");
}

/* " conv2d{stride=2}+conv2d{activation=relu}" */
static void region_text(const fv_region_attr *region, fv_str *out)
{
    for (int p = 0; p < region->n_parts; p++) {
        fv_str_printf(out, "%s%s{", p ? "+" : " ", region->part[p].op->name);
        fv_attr_text(region->part[p].op, region->part[p].attr, out);
        fv_str_append(out, "}");
    }
}

/* What is stored as halves is a problem of halves, whatever the rest of its graph is computed with. */
static fv_dtype problem_dtype(const fv_node *node, fv_dtype dtype)
{
    return node->n_in > 0 && node->in[0] && node->in[0]->dtype == FV_F16 ? FV_F16 : dtype;
}

fv_status fv_problem_text_const(const fv_node *node, fv_dtype dtype, uint32_t const_in, fv_str *out)
{
    dtype = problem_dtype(node, dtype);
    fv_str_printf(out, "%s %s", node->op->name, fv_dtype_name(dtype));
    for (int32_t i = 0; i < node->n_in; i++)
        problem_operand(node, i, dtype, i < 32 && (const_in >> i & 1), out);
    if (node->op == &fv_region_op)
        region_text(node->attr, out);
    fv_str_append(out, " ");
    size_t before = out->size;
    fv_attr_text(node->op, node->attr, out);
    if (!out->failed && out->size == before)
        out->data[--out->size] = '\0';
    return fv_str_status(out);
}

/* Shards of a problem: its first operand holds the batch. */
static int problem_shards(const fv_node *node)
{
    const fv_val *first = node->n_in > 0 ? node->in[0] : NULL;
    if (!(node->op->traits & FV_T_SHARDED) || !first || first->shape.rank < 1)
        return 1;
    return fv_shards(first->shape.dim[0]);
}

uint32_t fv_problem_const_in(const fv_node *node)
{
    uint32_t bits = 0;
    for (int i = 0; i < node->n_in && i < 32; i++)
        if (node->in[i] && node->in[i]->role == FV_ROLE_PARAM)
            bits |= UINT32_C(1) << i;
    return bits;
}

fv_problem fv_problem_of(const fv_node *node, const char *text, fv_dtype dtype, uint32_t const_in)
{
    return (fv_problem){.node = node,
                        .text = text,
                        .dtype = problem_dtype(node, dtype),
                        .shards = problem_shards(node),
                        .const_in = const_in};
}

/* Whether dim 0 of operand i counts samples: its letters begin with n. */
static bool has_samples(const fv_op *op, const void *attr, int i)
{
    if (op != &fv_region_op || i == 0)
        return op->letters[i][0] == 'n';
    const fv_region_attr *region = attr;
    for (int p = 0; p < region->n_parts; p++) {
        const int first = fv_region_operand(region, p, 1), count = region->part[p].op->n_in_max - 1;
        if (i >= first && i < first + count)
            return region->part[p].op->letters[i - first + 1][0] == 'n';
    }
    return false;
}

fv_status fv_problem_like(fv_ctx *ctx, const fv_op *op, const void *attr, fv_val *const *in, int n_in, bool one_sample,
                          fv_graph **graph, fv_node **node)
{
    fv_val *copy[FV_MAX_OPERANDS] = {NULL};
    char name[16];
    FV_TRY(fv_graph_create(ctx, fv_op_find, graph));
    fv_status status = FV_OK;
    for (int i = 0; status == FV_OK && i < n_in; i++) {
        if (!in[i])
            continue;
        fv_shape shape = in[i]->shape;
        if (one_sample && shape.rank > 0 && has_samples(op, attr, i))
            shape.dim[0] = 1;
        snprintf(name, sizeof name, "in%d", i);
        status = in[i]->role == FV_ROLE_PARAM || in[i]->role == FV_ROLE_STATE
                     ? fv_graph_param(*graph, name, in[i]->role, in[i]->dtype, &shape, &copy[i])
                     : fv_graph_input(*graph, name, in[i]->dtype, &shape, &copy[i]);
    }
    if (status == FV_OK)
        status = fv_graph_add(*graph, op, "problem", attr, copy, n_in, node);
    if (status != FV_OK)
        fv_graph_destroy(graph);
    return status;
}

fv_status fv_problem_one_sample(fv_ctx *ctx, const fv_node *node, fv_graph **graph, fv_node **one)
{
    return fv_problem_like(ctx, node->op, node->attr, node->in, node->n_in, true, graph, one);
}

fv_status fv_problem_text(const fv_node *node, fv_dtype dtype, fv_str *out)
{
    return fv_problem_text_const(node, dtype, 0, out);
}

/* ---- reading ---- */

typedef struct problem_reader {
    fv_ctx *ctx;
    const char *text; /* the whole line, for messages */
    const char *at;
    char word[160];
    const fv_op *op;
    fv_dtype dtype;
} problem_reader;

/* The next word into r->word; false at the end of the line. */
static bool next_word(problem_reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
    size_t size = strcspn(r->at, " \t\r\n"), kept = size < sizeof r->word - 1 ? size : sizeof r->word - 1;
    memcpy(r->word, r->at, kept);
    r->word[kept] = '\0';
    r->at += size;
    return size > 0;
}

static fv_status problem_fail(const problem_reader *r, const char *expected)
{
    return fv_fail(r->ctx, FV_ERR_VALUE, "problem '%.160s': '%s': expected %s", r->text, r->word, expected);
}

/* "n8h56w56c64", "8x56x56x64" or "scalar". */
static bool dims_parse(char *word, fv_shape *shape)
{
    *shape = (fv_shape){0};
    if (strcmp(word, "scalar") == 0)
        return true;
    while (*word) {
        char digits[24];
        if (shape->rank == FV_MAX_RANK)
            return false;
        if (islower((unsigned char)*word))
            word++;
        size_t n = strspn(word, "0123456789");
        if (n == 0 || n >= sizeof digits)
            return false;
        memcpy(digits, word, n);
        digits[n] = '\0';
        if (!fv_text_to_int(digits, &shape->dim[shape->rank++]))
            return false;
        word += n;
    }
    return shape->rank > 0;
}

/* One operand word: its dimensions and what follows them after colons. */
static fv_status problem_read_operand(problem_reader *r, fv_graph *g, int i, fv_val **val)
{
    char name[64], dims[160];
    fv_dtype dtype = r->dtype;
    fv_role role = fv_op_updates(r->op, i) ? FV_ROLE_STATE : FV_ROLE_INPUT;
    fv_shape shape;
    *val = NULL;
    if (strcmp(r->word, "-") == 0)
        return FV_OK;
    memcpy(dims, r->word, sizeof dims);
    char *mark = strchr(dims, ':');
    if (mark)
        *mark++ = '\0';
    while (mark) {
        char *next = strchr(mark, ':');
        if (next)
            *next++ = '\0';
        if (strcmp(mark, "state") == 0)
            role = FV_ROLE_STATE;
        else if (strcmp(mark, "const") == 0)
            role = FV_ROLE_PARAM;
        else if (!fv_dtype_parse(mark, &dtype))
            return problem_fail(r, "a dtype, 'state' or 'const' after the colon");
        mark = next;
    }
    if (!dims_parse(dims, &shape))
        return problem_fail(r, "an operand such as n8h56w56c64 or 8x1000, '-' for none, or key=value");
    snprintf(name, sizeof name, "%s", r->op->operands && r->op->operands[i] ? r->op->operands[i] : "in");
    if (fv_graph_find(g, name))
        snprintf(name, sizeof name, "in%d", i);
    if (role == FV_ROLE_INPUT)
        return fv_graph_input(g, name, dtype, &shape, val);
    return fv_graph_param(g, name, role, dtype, &shape, val);
}

/* The parts of a region, as region_text writes them. */
static fv_status problem_read_parts(problem_reader *r, const char *text, fv_region_attr *region)
{
    for (const char *at = text + strspn(text, " "); *at; region->n_parts++) {
        char name[64] = "", attrs[256] = "";
        int used = 0;
        fv_region_part *part = &region->part[region->n_parts];
        if (region->n_parts == FV_REGION_PARTS || sscanf(at, "%63[a-z0-9_]{%n", name, &used) < 1 || used == 0 ||
            !strchr(at, '}') || strchr(at, '}') - at - used >= (int)sizeof attrs)
            return problem_fail(r, "parts such as conv2d{stride=2}+conv2d{}");
        memcpy(attrs, at + used, (size_t)(strchr(at, '}') - at - used));
        part->op = fv_op_find(r->ctx, name);
        if (!part->op || part->op->attr_size > FV_REGION_ATTR_BYTES)
            return problem_fail(r, "parts of operators that can be in a region");
        fv_attr_defaults(part->op, part->attr);
        FV_TRY(fv_attr_parse(r->ctx, part->op, part->attr, attrs));
        at = strchr(at, '}') + 1;
        at += *at == '+';
    }
    return region->n_parts > 0 ? FV_OK : problem_fail(r, "parts such as conv2d{stride=2}+conv2d{}");
}

static fv_status problem_read(problem_reader *r, fv_graph *g, fv_node **node)
{
    fv_val *in[FV_MAX_OPERANDS] = {NULL};
    int n_in = 0;
    if (!next_word(r))
        return problem_fail(r, "an operator");
    r->op = strcmp(r->word, fv_region_op.name) == 0 ? &fv_region_op : fv_op_find(r->ctx, r->word);
    if (!r->op) {
        const char *nearest = fv_text_nearest(r->word, fv_op_names());
        return fv_fail(r->ctx, FV_ERR_UNKNOWN_OPTION, "problem '%.160s': there is no operator '%s'%s%s%s", r->text,
                       r->word, nearest ? ": did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (!next_word(r) || !fv_dtype_parse(r->word, &r->dtype) || (r->dtype > FV_F64 && r->dtype != FV_F16))
        return problem_fail(r, "f32, f64 or f16 behind the operator");
    const char *attrs = r->at;
    while (next_word(r) && !strchr(r->word, '=') && !strchr(r->word, '{')) {
        if (n_in >= r->op->n_in_max)
            return problem_fail(r, "no more operands than the operator takes");
        FV_TRY(problem_read_operand(r, g, n_in, &in[n_in]));
        n_in++;
        attrs = r->at;
    }
    void *attr = fv_arena_alloc(g->arena, r->op->attr_size);
    if (!attr)
        return FV_ERR_NO_MEMORY;
    if (r->op == &fv_region_op) {
        memset(attr, 0, r->op->attr_size);
        FV_TRY(problem_read_parts(r, attrs, attr));
    } else {
        fv_attr_defaults(r->op, attr);
        FV_TRY(fv_attr_parse(r->ctx, r->op, attr, attrs));
    }
    FV_TRY(fv_graph_add(g, r->op, "problem", attr, in, n_in, node));
    for (int i = 0; i < (*node)->n_out; i++)
        FV_TRY(fv_graph_output(g, (*node)->out[i]));
    return FV_OK;
}

fv_status fv_problem_parse(fv_ctx *ctx, const char *text, fv_graph **graph, fv_node **node)
{
    problem_reader r = {.ctx = ctx, .text = text, .at = text};
    *node = NULL;
    FV_TRY(fv_graph_create(ctx, fv_op_find, graph));
    fv_status status = problem_read(&r, *graph, node);
    if (status != FV_OK) {
        fv_graph_destroy(graph);
        *node = NULL;
    }
    return status;
}
