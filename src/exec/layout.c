/* SPDX-License-Identifier: Apache-2.0 */
/* Where every value lives: lifetimes, shared places, offsets, and the answer when it does not fit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "exec/internal.h"
#include "ops/ref.h"

static int64_t round_up(int64_t bytes)
{
    return (bytes + (int64_t)FV_ALIGN - 1) / (int64_t)FV_ALIGN * (int64_t)FV_ALIGN;
}

/* Bytes of a value's place: where its rows are no whole vectors, kernels read behind the last one. Were that the place
 * of another value, a task could read what another is writing. */
static int64_t place_room(const fv_val *val, int64_t bytes)
{
    const int64_t row = val->shape.rank > 0 ? fv_shape_last(&val->shape) * (int64_t)fv_dtype_size(val->dtype) : 1;
    return row % (int64_t)FV_ALIGN == 0 || bytes > INT64_MAX - (int64_t)FV_TAIL_PAD ? bytes
                                                                                    : bytes + (int64_t)FV_TAIL_PAD;
}

static void layout_last_uses(fv_program *p)
{
    const fv_graph *g = p->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_placement *place = &p->places[i];
        place->root = i;
        place->last = -1;
        place->bytes = fv_shape_count(&g->vals[i]->shape) * (int64_t)fv_dtype_size(g->vals[i]->dtype);
        place->room = place_room(g->vals[i], place->bytes);
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        for (int32_t i = 0; i < g->nodes[n]->n_in; i++) {
            if (g->nodes[n]->in[i])
                p->places[g->nodes[n]->in[i]->id].last = n;
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        p->places[g->outputs[i]->id].last = g->n_nodes;
}

/* Puts `out` into the place of `in`: both are needed as long as either is. */
static void layout_share(fv_program *p, const fv_val *in, const fv_val *out)
{
    fv_placement *root = &p->places[p->places[in->id].root], *place = &p->places[out->id];
    place->root = p->places[in->id].root;
    place->section = root->section;
    if (place->last > root->last)
        root->last = place->last;
    if (place->room > root->room)
        root->room = place->room;
}

/* Whether step n may overwrite its first operand: nobody else needs that memory, and no other operand lives in it. */
static bool layout_in_place(const fv_program *p, const fv_node *node, int32_t n)
{
    if (p->options.keep_all || !(node->op->traits & FV_T_INPLACE) || !node->in[0])
        return false;
    int32_t root = p->places[node->in[0]->id].root;
    const fv_placement *place = &p->places[root];
    if (place->section != FV_IN_BLOCK || place->last != n || place->bytes != p->places[node->out[0]->id].bytes)
        return false;
    for (int32_t i = 1; i < node->n_in; i++) {
        if (node->in[i] && p->places[node->in[i]->id].root == root)
            return false;
    }
    return true;
}

/* temporary[id]: a value of refresh whose readers all run or pack there. */
static void layout_temporary(const fv_program *p, bool *temporary)
{
    const fv_graph *g = p->graph;
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_step *s = &p->steps[n];
        for (int32_t i = 0; i < s->node->n_out; i++)
            temporary[s->node->out[i]->id] = s->once && s->plan && !p->options.keep_all;
        for (int32_t i = 0; i < s->node->n_in; i++) {
            bool here =
                s->plan && (s->once || (s->pack_once && s->packed > 0 && i < 32 && s->plan->solver->packs >> i & 1));
            if (s->node->in[i] && !here)
                temporary[s->node->in[i]->id] = false;
        }
    }
    for (int32_t i = 0; i < g->n_outputs; i++)
        temporary[g->outputs[i]->id] = false;
}

/* Decides for every value in which section it lives and with whom it shares its place. */
static void layout_sections(fv_program *p, const bool *temporary)
{
    const fv_graph *g = p->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_role role = g->vals[i]->role;
        p->places[i].section = role == FV_ROLE_INPUT   ? FV_IN_INPUTS
                               : role == FV_ROLE_CONST ? FV_IN_LASTING
                                                       : FV_IN_STORE;
    }
    for (int32_t n = 0; n < g->n_nodes; n++) {
        const fv_node *node = g->nodes[n];
        for (int32_t i = 0; i < node->n_out; i++) {
            int32_t id = node->out[i]->id;
            p->places[id].section = temporary[id] ? FV_IN_REFRESH : p->steps[n].once ? FV_IN_LASTING : FV_IN_BLOCK;
        }
        if ((node->op->traits & FV_T_VIEW) || layout_in_place(p, node, n))
            layout_share(p, node->in[0], node->out[0]);
    }
}

static fv_status layout_add(fv_program *p, int64_t *sum, int64_t bytes, int64_t *offset)
{
    if (offset)
        *offset = *sum;
    if (bytes > INT64_MAX - (int64_t)FV_ALIGN || !fv_size_add(*sum, round_up(bytes), sum))
        return fv_fail(p->ctx, FV_ERR_OVER_BUDGET, "the plan needs more than 2^63 bytes of memory");
    return FV_OK;
}

/* Offsets in the block for the values of one section, in order of value number. */
static fv_status layout_blocks(fv_program *p, fv_section section)
{
    const fv_graph *g = p->graph;
    int32_t count = 0;
    int64_t total;
    fv_block *blocks = fv_calloc(p->ctx, (size_t)g->n_vals + 1, sizeof *blocks);
    if (!blocks)
        return FV_ERR_NO_MEMORY;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_placement *place = &p->places[i];
        if (place->section != section || place->root != i)
            continue;
        int32_t first = g->vals[i]->def->id, last = place->last > first ? place->last : first;
        if (p->options.keep_all)
            last = g->n_nodes;
        blocks[count++] = (fv_block){.size = place->room, .first = first, .last = last};
    }
    fv_status status = fv_memory_plan(p->ctx, blocks, count, &total);
    for (int32_t i = 0, b = 0; status == FV_OK && i < g->n_vals; i++) {
        if (p->places[i].section == section && p->places[i].root == i)
            p->places[i].offset = blocks[b++].offset;
    }
    if (status == FV_OK && total > p->memory.activations)
        p->memory.activations = total;
    fv_free(p->ctx, blocks);
    return status;
}

fv_status fv_program_layout(fv_program *p)
{
    const fv_graph *g = p->graph;
    fv_program_memory *m = &p->memory;
    bool *temporary = fv_calloc(p->ctx, (size_t)g->n_vals + 1, sizeof *temporary);
    if (!temporary)
        return FV_ERR_NO_MEMORY;
    layout_last_uses(p);
    layout_temporary(p, temporary);
    layout_sections(p, temporary);
    fv_free(p->ctx, temporary);
    FV_TRY(layout_blocks(p, FV_IN_BLOCK));
    m->running = m->activations;
    FV_TRY(layout_blocks(p, FV_IN_REFRESH));
    for (int32_t i = 0; i < g->n_vals; i++) {
        fv_placement *place = &p->places[i];
        if (place->root == i && place->section == FV_IN_INPUTS)
            FV_TRY(layout_add(p, &m->inputs, place->room, &place->offset));
        if (place->root == i && place->section == FV_IN_LASTING)
            FV_TRY(layout_add(p, &m->packed, place->room, &place->offset));
    }
    for (int32_t n = 0; n < p->n_steps; n++) {
        fv_step *s = &p->steps[n];
        int64_t scratch = 0;
        FV_TRY(layout_add(p, &scratch, s->workspace, NULL));
        if (s->packed > 0 && s->pack_once)
            FV_TRY(layout_add(p, &m->packed, s->packed, &s->packed_offset));
        else
            FV_TRY(layout_add(p, &scratch, s->packed, &s->packed_offset));
        m->workspace = scratch > m->workspace ? scratch : m->workspace;
    }
    FV_TRY(layout_add(p, &m->instance, m->inputs, NULL));
    FV_TRY(layout_add(p, &m->instance, m->activations, &m->inputs_end));
    FV_TRY(layout_add(p, &m->instance, m->workspace, &m->workspace_begin));
    FV_TRY(layout_add(p, &m->total, m->packed, NULL));
    return layout_add(p, &m->total, m->instance, NULL);
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
    fv_text_format(text, 32, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
    return text;
}

static void consumers(const fv_program *p, consumer top[3])
{
    const fv_graph *g = p->graph;
    for (int32_t i = 0; i < g->n_vals; i++) {
        const fv_placement *place = &p->places[i];
        if (place->root == i && place->section != FV_IN_STORE)
            consumer_put(top, (consumer){place->section == FV_IN_INPUTS ? "input" : "output of", g->vals[i]->name,
                                         place->bytes});
    }
    for (int32_t n = 0; n < p->n_steps; n++) {
        const fv_step *s = &p->steps[n];
        consumer_put(top, (consumer){"packed weights of", s->node->name, s->packed});
        consumer_put(top, (consumer){"workspace of", s->node->name, s->workspace});
    }
}

fv_status fv_program_check_budget(const fv_program *p, int64_t more)
{
    const fv_program_memory *m = &p->memory;
    int64_t limit = fv_ctx_memory_limit(p->ctx), now, need;
    char need_text[32], limit_text[32], now_text[32], part[3][32];
    fv_ctx_memory(p->ctx, &now, NULL);
    if (limit <= 0 || (fv_size_add(now, more, &need) && need <= limit))
        return FV_OK;
    consumer top[3] = {{"", "", 0}, {"", "", 0}, {"", "", 0}};
    consumers(p, top);
    fv_status status = fv_fail(
        p->ctx, FV_ERR_OVER_BUDGET,
        "%s with batch %" PRId64 " needs %s and %s are in use, but the limit is %s; the largest parts: %s '%s' %s, %s "
        "'%s' %s, %s '%s' %s",
        fv_lowering_trains(p->options.lowering) ? "training" : "inference", p->options.batch,
        bytes_text(more, need_text), bytes_text(now, now_text), bytes_text(limit, limit_text), top[0].what, top[0].name,
        bytes_text(top[0].bytes, part[0]), top[1].what, top[1].name, bytes_text(top[1].bytes, part[1]), top[2].what,
        top[2].name, bytes_text(top[2].bytes, part[2]));
    /* Activations and inputs grow with the batch, the rest hardly; a little room is left for what does. */
    double fixed = (double)now + (double)m->packed + (double)m->workspace;
    double each = ((double)m->activations + (double)m->inputs) / (double)p->options.batch;
    int64_t fits = (double)limit > fixed && each > 0.0 ? (int64_t)(0.97 * ((double)limit - fixed) / each) : 0;
    if (fits >= 1 && fits < p->options.batch)
        return fv_fail_hint(p->ctx, status, "use a batch of at most about %" PRId64 " or raise --memory", fits);
    return fv_fail_hint(p->ctx, status, "use a smaller model or smaller images, or raise --memory");
}
