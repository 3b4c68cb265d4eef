/* SPDX-License-Identifier: Apache-2.0 */
/* Where every value lives: lifetimes, shared places, offsets, and the answer when it does not fit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "exec/internal.h"

static int64_t round_up(int64_t bytes)
{
    return (bytes + (int64_t)FV_ALIGN - 1) / (int64_t)FV_ALIGN * (int64_t)FV_ALIGN;
}

static void layout_last_uses(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_placement *p = &exec->places[i];
        p->root = i;
        p->last = -1;
        p->bytes = fv_shape_count(&g->vals[i]->shape) * (int64_t)fv_dtype_size(g->vals[i]->dtype);
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i])
                exec->places[g->nodes[n]->in[i]->id].last = n;
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        exec->places[g->outputs[i]->id].last = g->n_nodes;
}

/* Puts `out` into the place of `in`: both are needed as long as either is. */
static void layout_share(fv_exec *exec, const fv_val *in, const fv_val *out)
{
    fv_placement *root = &exec->places[exec->places[in->id].root], *p = &exec->places[out->id];
    p->root = exec->places[in->id].root;
    p->section = root->section;
    if (p->last > root->last)
        root->last = p->last;
}

/* Whether step n may overwrite its first operand: nobody else needs that memory, and no other operand lives in it. */
static bool layout_in_place(const fv_exec *exec, const fv_node *node, int32_t n)
{
    if (exec->options.keep_all || !(node->op->traits & FV_T_INPLACE) || !node->in[0])
        return false;
    int32_t root = exec->places[node->in[0]->id].root;
    const fv_placement *p = &exec->places[root];
    if (p->section != FV_IN_BLOCK || p->last != n || p->bytes != exec->places[node->out[0]->id].bytes)
        return false;
    for (int32_t i = 1; i < node->n_in; i++) {
        if (node->in[i] && exec->places[node->in[i]->id].root == root)
            return false;
    }
    return true;
}

/* temporary[id]: a value of refresh whose readers all run or pack there. */
static void layout_temporary(const fv_exec *exec, bool *temporary)
{
    const fv_graph *g = exec->graph;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_step *s = &exec->steps[n];
        for (int32_t i = 0; i < s->node->n_out; i++)
            temporary[s->node->out[i]->id] = s->once && s->plan && !exec->options.keep_all;
        for (int32_t i = 0; i < s->node->n_in; i++) {
            bool here = s->plan && (s->once || (s->pack_once && s->packed > 0 && i == 1));
            if (s->node->in[i] && !here)
                temporary[s->node->in[i]->id] = false;
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        temporary[g->outputs[i]->id] = false;
}

/* Decides for every value in which section it lives and with whom it shares its place. */
static void layout_sections(fv_exec *exec, const bool *temporary)
{
    const fv_graph *g = exec->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_role role = g->vals[i]->role;
        exec->places[i].section = role == FV_ROLE_INPUT   ? FV_IN_INPUTS
                                  : role == FV_ROLE_CONST ? FV_IN_LASTING
                                                          : FV_IN_MODEL;
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        for (int32_t i = 0; i < node->n_out; i++) {
            int32_t id = node->out[i]->id;
            exec->places[id].section = temporary[id]         ? FV_IN_REFRESH
                                       : exec->steps[n].once ? FV_IN_LASTING
                                                             : FV_IN_BLOCK;
        }
        if ((node->op->traits & FV_T_VIEW) || layout_in_place(exec, node, n))
            layout_share(exec, node->in[0], node->out[0]);
    }
}

static fv_status layout_add(fv_exec *exec, int64_t *sum, int64_t bytes, int64_t *offset)
{
    if (offset)
        *offset = *sum;
    if (bytes > INT64_MAX - (int64_t)FV_ALIGN || !fv_size_add(*sum, round_up(bytes), sum))
        return fv_fail(exec->ctx, FV_ERR_OVER_BUDGET, "the plan needs more than 2^63 bytes of memory");
    return FV_OK;
}

/* Offsets in the block for the values of one section, in order of value number. */
static fv_status layout_blocks(fv_exec *exec, fv_section section)
{
    const fv_graph *g = exec->graph;
    int32_t count = 0;
    int64_t total;
    fv_block *blocks = fv_calloc(exec->ctx, (size_t)g->n_vals + 1, sizeof *blocks);
    if (!blocks)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_placement *p = &exec->places[i];
        if (p->section != section || p->root != i)
            continue;
        int32_t first = g->vals[i]->def->id, last = p->last > first ? p->last : first;
        if (exec->options.keep_all)
            last = g->n_nodes;
        blocks[count++] = (fv_block){.size = p->bytes, .first = first, .last = last};
    }
    fv_status status = fv_memory_plan(exec->ctx, blocks, count, &total);
    for (int32_t i = 0, b = 0; status == FV_OK && i < g->n_vals; i++) {
        if (exec->places[i].section == section && exec->places[i].root == i)
            exec->places[i].offset = blocks[b++].offset;
    }
    if (status == FV_OK && total > exec->memory.activations)
        exec->memory.activations = total;
    fv_free(exec->ctx, blocks);
    return status;
}

fv_status fv_exec_layout(fv_exec *exec)
{
    const fv_graph *g = exec->graph;
    fv_exec_memory *m = &exec->memory;
    bool *temporary = fv_calloc(exec->ctx, (size_t)g->n_vals + 1, sizeof *temporary);
    if (!temporary)
        return FV_ERR_NO_MEMORY;
    layout_last_uses(exec);
    layout_temporary(exec, temporary);
    layout_sections(exec, temporary);
    fv_free(exec->ctx, temporary);
    FV_TRY(layout_blocks(exec, FV_IN_BLOCK));
    FV_TRY(layout_blocks(exec, FV_IN_REFRESH));
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_placement *p = &exec->places[i];
        if (p->root == i && p->section == FV_IN_INPUTS)
            FV_TRY(layout_add(exec, &m->inputs, p->bytes, &p->offset));
        if (p->root == i && p->section == FV_IN_LASTING)
            FV_TRY(layout_add(exec, &m->packed, p->bytes, &p->offset));
    }
    for (int32_t n = 0; n < exec->n_steps; n++) {
        fv_step *s = &exec->steps[n];
        int64_t scratch = 0;
        FV_TRY(layout_add(exec, &scratch, s->workspace, NULL));
        if (s->packed > 0 && s->pack_once)
            FV_TRY(layout_add(exec, &m->packed, s->packed, &s->packed_offset));
        else
            FV_TRY(layout_add(exec, &scratch, s->packed, &s->packed_offset));
        m->workspace = scratch > m->workspace ? scratch : m->workspace;
    }
    const int64_t parts[] = {m->activations, m->packed, m->workspace, m->inputs};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        FV_TRY(layout_add(exec, &m->total, parts[i], NULL));
    return FV_OK;
}

/* ---- too large ---- */

typedef struct consumer {
    const char *what, *name;
    int64_t bytes;
} consumer;

static void consumer_put(consumer top[3], consumer c)
{
    for (int i = 0; i < 3; i++) {
        if (c.bytes > top[i].bytes) {
            consumer moved = top[i];
            top[i] = c;
            c = moved;
        }
    }
}

static const char *bytes_text(int64_t bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024.0 && unit < 6; unit++)
        value /= 1024.0;
    snprintf(text, 32, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return text;
}

static void consumers(const fv_exec *exec, consumer top[3])
{
    const fv_graph *g = exec->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_placement *p = &exec->places[i];
        if (p->root == i && p->section != FV_IN_MODEL)
            consumer_put(top,
                         (consumer){p->section == FV_IN_INPUTS ? "input" : "output of", g->vals[i]->name, p->bytes});
    }
    for (int32_t n = 0; n < exec->n_steps; n++) {
        const fv_step *s = &exec->steps[n];
        consumer_put(top, (consumer){"packed weights of", s->node->name, s->packed});
        consumer_put(top, (consumer){"workspace of", s->node->name, s->workspace});
    }
}

fv_status fv_exec_check_budget(fv_exec *exec)
{
    const fv_exec_memory *m = &exec->memory;
    int64_t limit = fv_ctx_memory_limit(exec->ctx), now, need;
    char need_text[32], limit_text[32], now_text[32], part[3][32];
    fv_ctx_memory(exec->ctx, &now, NULL);
    if (limit <= 0 || (fv_size_add(now, m->total, &need) && need <= limit))
        return FV_OK;
    consumer top[3] = {{"", "", 0}, {"", "", 0}, {"", "", 0}};
    consumers(exec, top);
    fv_status status = fv_fail(
        exec->ctx, FV_ERR_OVER_BUDGET,
        "%s with batch %" PRId64 " needs %s and %s are in use, but the limit is %s; the largest parts: %s '%s' %s, %s "
        "'%s' %s, %s '%s' %s",
        exec->options.training ? "training" : "inference", exec->options.batch, bytes_text(m->total, need_text),
        bytes_text(now, now_text), bytes_text(limit, limit_text), top[0].what, top[0].name,
        bytes_text(top[0].bytes, part[0]), top[1].what, top[1].name, bytes_text(top[1].bytes, part[1]), top[2].what,
        top[2].name, bytes_text(top[2].bytes, part[2]));
    /* Activations and inputs grow with the batch, the rest hardly; a little room is left for what does. */
    double fixed = (double)now + (double)m->packed + (double)m->workspace;
    double each = ((double)m->activations + (double)m->inputs) / (double)exec->options.batch;
    int64_t fits = (double)limit > fixed && each > 0.0 ? (int64_t)(0.97 * ((double)limit - fixed) / each) : 0;
    if (fits >= 1 && fits < exec->options.batch)
        return fv_fail_hint(exec->ctx, status, "use a batch of at most about %" PRId64 " or raise --memory", fits);
    return fv_fail_hint(exec->ctx, status, "use a smaller model or smaller images, or raise --memory");
}
