/* SPDX-License-Identifier: Apache-2.0 */
#include "train/image_size.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Largest side of an image, as --img-size has it. */
#define SIDE_MOST 16384

static fv_status refuse(fv_ctx *ctx, const char *text, int number, const char *found, const char *why)
{
    return fv_fail_hint(
        ctx, fv_fail(ctx, FV_ERR_VALUE, "--progressive-resize '%.200s': item %d is '%s': %s", text, number, found, why),
        "as in --progressive-resize '1:96,10:128,16:160' for a network of 160 x 160 pixels");
}

/* N or HxW. */
static bool read_side(const char *text, int64_t side[2])
{
    char rows[32];
    const size_t n = strcspn(text, "xX");
    snprintf(rows, sizeof rows, "%.*s", n < sizeof rows ? (int)n : 0, text);
    return fv_text_to_int(rows, &side[0]) && fv_text_to_int(text[n] ? text + n + 1 : rows, &side[1]) && side[0] > 0 &&
           side[1] > 0 && side[0] <= SIDE_MOST && side[1] <= SIDE_MOST;
}

/* EPOCH:SIZE, behind the one before; NULL: the first. What is wrong with it; NULL: nothing. */
static const char *read_item(char *word, const fv_image_size *before, fv_image_size *size)
{
    char *colon = strchr(word, ':');
    if (!colon)
        return "expected EPOCH:SIZE";
    *colon = '\0';
    const bool epoch = fv_text_to_int(word, &size->after) && size->after >= 1 && size->after <= 1000000;
    *colon = ':';
    size->after--;
    if (!read_side(colon + 1, size->side))
        return "expected a size behind the colon, N or HxW (rows x columns), of at most 16384";
    if (!before)
        return epoch && size->after == 0 ? NULL : "the first size is that of epoch 1";
    if (!epoch || size->after <= before->after)
        return "expected an epoch behind that of the item before";
    const int64_t *now = size->side, *was = before->side;
    return now[0] < was[0] || now[1] < was[1] || (now[0] == was[0] && now[1] == was[1])
               ? "expected a size above that of the item before"
               : NULL;
}

const char *fv_image_sizes_parse(const char *text, fv_image_size list[FV_PHASES_MAX], int *count, char word[64])
{
    const char *at = text, *why = NULL;
    *count = 0;
    do {
        const size_t n = strcspn(at, ",");
        snprintf(word, 64, "%.*s", n < 64 ? (int)n : 63, at);
        if (*count == FV_PHASES_MAX)
            return "there are too many sizes";
        why = read_item(word, *count ? &list[*count - 1] : NULL, &list[*count]);
        ++*count;
        at += n + (*at && at[n] == ',');
    } while (!why && (*at || (at > text && at[-1] == ',')));
    return why;
}

fv_status fv_image_sizes_read(fv_ctx *ctx, const fv_fit_options *o, fv_image_size list[FV_PHASES_MAX], int *count)
{
    const char *text = o->progressive_resize;
    char word[64];
    *count = 0;
    if (!text)
        return FV_OK;
    const char *why = fv_image_sizes_parse(text, list, count, word);
    if (why)
        return refuse(ctx, text, *count, word, why);
    const fv_image_size *last = &list[*count - 1];
    if (last->after >= o->epochs)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT,
                                    "--progressive-resize '%.200s': the run has --epochs %lld, and would end before it "
                                    "has trained on images of the network's own size",
                                    text, (long long)o->epochs),
                            "let the last item begin with epoch %lld or before it", (long long)o->epochs);
    return FV_OK;
}

static const int64_t *side_of(const fv_model *m, const fv_phases *p, int phase)
{
    const int64_t *side = p->size[phase];
    return side[0] == 0 || (side[0] == m->pipeline.h && side[1] == m->pipeline.w) ? NULL : side;
}

fv_pipeline fv_image_size_pipeline(const fv_model *m, const fv_phases *p, int phase)
{
    fv_pipeline pipeline = m->pipeline;
    const int64_t *side = side_of(m, p, phase);
    if (side)
        fv_pipeline_set_size(&pipeline, side[0], side[1]);
    return pipeline;
}

fv_status fv_image_size_graph(const fv_model *m, const fv_phases *p, int phase, fv_graph **graph)
{
    const int64_t *side = side_of(m, p, phase);
    *graph = NULL;
    if (!side)
        return FV_OK;
    if (m->input.id < 0)
        return fv_fail(m->ctx, FV_ERR_CONFLICT, "--progressive-resize: model '%s' takes no one image", m->name);
    const fv_val *image = m->graph->vals[m->input.id];
    fv_shape shape = image->shape;
    shape.dim[1] = side[0];
    shape.dim[2] = side[1];
    const fv_status status = fv_pass_input_shape(m->graph, image->name, &shape, graph);
    if (status == FV_OK || status == FV_ERR_NO_MEMORY)
        return status;
    char why[512];
    snprintf(why, sizeof why, "%s", fv_ctx_error(m->ctx));
    fv_fail_clear(m->ctx);
    return fv_fail_hint(m->ctx,
                        fv_fail(m->ctx, FV_ERR_CONFLICT,
                                "--progressive-resize: model '%s' cannot take images of %lld x %lld with the weights "
                                "that it has for %lld x %lld: %s",
                                m->name, (long long)side[0], (long long)side[1], (long long)m->pipeline.h,
                                (long long)m->pipeline.w, why),
                        "use larger sizes, or a network that averages its last map before its dense layers, as "
                        "--pool avg makes it");
}

fv_status fv_image_sizes_check(const fv_model *m, const fv_fit_options *o, const fv_phases *p)
{
    fv_graph *graph;
    const int64_t *last = p->size[p->count - 1];
    if (!o->progressive_resize)
        return FV_OK;
    if (side_of(m, p, p->count - 1))
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_VALUE,
                                    "--progressive-resize '%.200s': ends with images of %lld x %lld, but model '%s' is "
                                    "for %lld x %lld",
                                    o->progressive_resize, (long long)last[0], (long long)last[1], m->name,
                                    (long long)m->pipeline.h, (long long)m->pipeline.w),
                            "end with the network's own size, or change that with --img-size");
    for (int k = 0; k < p->count; k++) {
        FV_TRY(fv_image_size_graph(m, p, k, &graph));
        fv_graph_destroy(&graph);
    }
    return FV_OK;
}
