/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of operators that move elements: concat, slice, pad, crop, channel_shuffle, upsample2d. */
#include <string.h>

#include "backend/cpu/split.h"
#include "kernels/eltwise/eltwise.h"
#include "ops/nd.h"
#include "ops/pad.h"

typedef struct move_job {
    const fv_plan *plan;
    const fv_call *call;
    const float *src;
    float *dst;
    int64_t begin, count, total; /* channels: copied ones and all */
} move_job;

/* ---- bytes ---- */

/* What 8-bit integers are moved by: the same without vectors of floats. */
typedef struct bytes_job {
    const fv_node *node;
    const void *const *in;
    uint8_t *dst;
    int64_t begin, count, total;
} bytes_job;

static bool is_bytes(const fv_node *node)
{
    return node->in[0]->dtype == FV_I8 || node->in[0]->dtype == FV_U8;
}

static void copy_bytes(int64_t rows, int64_t cols, const uint8_t *src, int64_t src_step, uint8_t *dst, int64_t dst_step)
{
    for (int64_t i = 0; i < rows; i++)
        memcpy(dst + i * dst_step, src + i * src_step, (size_t)cols);
}

static void concat_bytes(void *arg, int64_t begin, int64_t end)
{
    const bytes_job *x = arg;
    int64_t at = 0;
    for (int i = 0; i < x->node->n_in; i++) {
        const int64_t c = fv_shape_last(fv_in_shape(x->node, i));
        copy_bytes(end - begin, c, (const uint8_t *)x->in[i] + begin * c, c, x->dst + begin * x->total + at, x->total);
        at += c;
    }
}

static void slice_bytes(void *arg, int64_t begin, int64_t end)
{
    const bytes_job *x = arg;
    copy_bytes(end - begin, x->count, (const uint8_t *)x->in[0] + begin * x->total + x->begin, x->total,
               x->dst + begin * x->count, x->count);
}

/* `count` groups. */
static void shuffle_bytes(void *arg, int64_t begin, int64_t end)
{
    const bytes_job *x = arg;
    const int64_t each = x->total / x->count;
    for (int64_t i = begin; i < end; i++) {
        const uint8_t *from = (const uint8_t *)x->in[0] + i * x->total;
        uint8_t *restrict to = x->dst + i * x->total;
        if (x->count == 2)
            for (int64_t j = 0; j < each; j++) {
                to[2 * j] = from[j];
                to[2 * j + 1] = from[each + j];
            }
        else
            for (int64_t g = 0; g < x->count; g++)
                for (int64_t j = 0; j < each; j++)
                    to[j * x->count + g] = from[g * each + j];
    }
}

static bytes_job bytes_of(const fv_call *call, int64_t total)
{
    return (bytes_job){.node = call->node, .in = (const void *const *)call->in, .dst = call->out[0], .total = total};
}

/* Rows of results, each of so many bytes read and written. */
static void move_bytes(const fv_plan *plan, const fv_call *call, fv_range_fn fn, bytes_job *job)
{
    const fv_shape *dst = fv_out_shape(call->node, 0);
    fv_parallel_range(plan, fv_call_part(call, fv_shape_rows(dst)), 2.0 * (double)fv_shape_last(dst) + 16.0, 1, fn,
                      job);
}

/* Floats, or integers of 8 bits. */
static const char *moved_reject(const fv_solver *self, const fv_problem *problem)
{
    return is_bytes(problem->node) ? NULL : fv_all_f32_reject(self, problem);
}

static double row_bytes(const fv_shape *shape)
{
    return 8.0 * (double)fv_shape_last(shape);
}

/* ---- concat ---- */

static void concat_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    const fv_node *node = x->call->node;
    int64_t total = fv_shape_last(fv_out_shape(node, 0)), at = 0;
    for (int i = 0; i < node->n_in; i++) {
        int64_t c = fv_shape_last(fv_in_shape(node, i));
        x->plan->kernels->eltwise->copy(end - begin, c, (const float *)x->call->in[i] + begin * c, c,
                                        x->dst + begin * total + at, total);
        at += c;
    }
}

static void concat_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *dst = fv_out_shape(call->node, 0);
    move_job job = {.plan = plan, .call = call, .dst = call->out[0]};
    bytes_job bytes = bytes_of(call, fv_shape_last(dst));
    if (is_bytes(call->node))
        move_bytes(plan, call, concat_bytes, &bytes);
    else
        fv_parallel_range(plan, fv_call_part(call, fv_shape_rows(dst)), row_bytes(dst), 1, concat_range, &job);
}

/* ---- slice ---- */

static void slice_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    x->plan->kernels->eltwise->copy(end - begin, x->count, x->src + begin * x->total + x->begin, x->total,
                                    x->dst + begin * x->count, x->count);
}

static void slice_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *src = fv_in_shape(call->node, 0), *dst = fv_out_shape(call->node, 0);
    move_job job = {.plan = plan, .src = call->in[0], .dst = call->out[0]};
    job.begin = ((const fv_slice_attr *)call->node->attr)->begin;
    job.count = fv_shape_last(dst);
    job.total = fv_shape_last(src);
    bytes_job bytes = bytes_of(call, job.total);
    bytes.begin = job.begin;
    bytes.count = job.count;
    if (is_bytes(call->node))
        move_bytes(plan, call, slice_bytes, &bytes);
    else
        fv_parallel_range(plan, fv_call_part(call, fv_shape_rows(dst)), row_bytes(dst), 1, slice_range, &job);
}

static void slice_bwd_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    for (int64_t i = begin; i < end; i++) {
        float *row = x->dst + i * x->total;
        memset(row, 0, (size_t)x->begin * sizeof *row);
        memcpy(row + x->begin, x->src + i * x->count, (size_t)x->count * sizeof *row);
        memset(row + x->begin + x->count, 0, (size_t)(x->total - x->begin - x->count) * sizeof *row);
    }
}

static void slice_bwd_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *dst = fv_in_shape(call->node, 0), *src = fv_out_shape(call->node, 0);
    move_job job = {.plan = plan, .src = call->in[0], .dst = call->out[0]};
    job.begin = ((const fv_slice_attr *)call->node->attr)->begin;
    job.count = fv_shape_last(dst);
    job.total = fv_shape_last(src);
    fv_parallel_range(plan, fv_shape_rows(src), row_bytes(src), 1, slice_bwd_range, &job);
}

/* ---- pad and crop: by rows of pixels ---- */

static void pad_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    const fv_pad_attr *attr = x->call->node->attr;
    const fv_eltwise_kernels *k = x->plan->kernels->eltwise;
    const int64_t *src = fv_in_dims(x->call, 0), *dst = fv_out_dims(x->call, 0);
    int64_t before[3], total[3], row = dst[2] * dst[3];
    fv_pad_margins(attr, before, total);
    for (int64_t i = begin; i < end; i++) {
        int64_t h = i % dst[1] - before[0];
        float *to = x->dst + i * row;
        if (h < 0 || h >= src[1] || total[1] > 0 || total[2] > 0)
            k->fill(row, (float)attr->value, to);
        if (h >= 0 && h < src[1])
            k->copy(src[2], src[3], x->src + (i / dst[1] * src[1] + h) * src[2] * src[3], src[3],
                    to + before[1] * dst[3] + before[2], dst[3]);
    }
}

static void pad_run(const fv_plan *plan, const fv_call *call)
{
    const int64_t *dst = fv_out_dims(call, 0);
    move_job job = {.plan = plan, .call = call, .src = call->in[0], .dst = call->out[0]};
    fv_parallel_range(plan, fv_call_part(call, dst[0] * dst[1]), 8.0 * (double)(dst[2] * dst[3]), 1, pad_range, &job);
}

static void crop_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    const int64_t *src = fv_in_dims(x->call, 0), *dst = fv_out_dims(x->call, 0);
    int64_t before[3], total[3];
    fv_pad_margins(x->call->node->attr, before, total);
    for (int64_t i = begin; i < end; i++) {
        int64_t at = fv_index4(src, i / dst[1], i % dst[1] + before[0], before[1], before[2]);
        x->plan->kernels->eltwise->copy(dst[2], dst[3], x->src + at, src[3], x->dst + i * dst[2] * dst[3], dst[3]);
    }
}

static void crop_run(const fv_plan *plan, const fv_call *call)
{
    const int64_t *dst = fv_out_dims(call, 0);
    move_job job = {.plan = plan, .call = call, .src = call->in[0], .dst = call->out[0]};
    fv_parallel_range(plan, fv_call_part(call, dst[0] * dst[1]), 8.0 * (double)(dst[2] * dst[3]), 1, crop_range, &job);
}

/* ---- channel_shuffle ---- */

static void shuffle_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    int64_t groups = ((const fv_groups_attr *)x->call->node->attr)->groups, at = begin * x->total;
    x->plan->kernels->eltwise->channel_shuffle(end - begin, x->total, groups, x->src + at, x->dst + at);
}

static void shuffle_run(const fv_plan *plan, const fv_call *call)
{
    const fv_shape *src = fv_in_shape(call->node, 0);
    move_job job = {.plan = plan, .call = call, .src = call->in[0], .dst = call->out[0]};
    job.total = fv_shape_last(src);
    bytes_job bytes = bytes_of(call, job.total);
    bytes.count = ((const fv_groups_attr *)call->node->attr)->groups;
    if (is_bytes(call->node))
        move_bytes(plan, call, shuffle_bytes, &bytes);
    else
        fv_parallel_range(plan, fv_call_part(call, fv_shape_rows(src)), row_bytes(src), 1, shuffle_range, &job);
}

/* ---- upsample2d: tables per axis, made once ---- */

typedef struct upsample {
    fv_resample_axis axis[2];
    int64_t in[2], out[2]; /* of the direction that the node computes */
} upsample;

/* Three arrays for an axis with `rows` outputs and `entries` entries. */
static fv_status axis_alloc(fv_ctx *ctx, fv_resample_axis *axis, int64_t rows, int64_t entries)
{
    int32_t *start = fv_calloc(ctx, (size_t)rows + 1, sizeof(int32_t));
    int32_t *index = fv_calloc(ctx, (size_t)entries, sizeof(int32_t));
    float *weight = fv_calloc(ctx, (size_t)entries, sizeof(float));
    *axis = (fv_resample_axis){start, index, weight};
    return start && index && weight ? FV_OK : FV_ERR_NO_MEMORY;
}

static void axis_free(fv_ctx *ctx, const fv_resample_axis *axis)
{
    fv_free(ctx, (void *)(uintptr_t)axis->start);
    fv_free(ctx, (void *)(uintptr_t)axis->index);
    fv_free(ctx, (void *)(uintptr_t)axis->weight);
}

/* `small` and `large`: pixels of src and dst of the forward operator. */
static fv_status axis_make(fv_ctx *ctx, int32_t mode, bool backward, int64_t small, int64_t large,
                           fv_resample_axis *axis)
{
    fv_resample_axis forward = {NULL, NULL, NULL};
    fv_status status = axis_alloc(ctx, &forward, large, 2 * large);
    if (status == FV_OK)
        fv_resample_forward(mode == 0 ? FV_RESAMPLE_NEAREST : FV_RESAMPLE_LINEAR, small, large,
                            (int32_t *)(uintptr_t)forward.start, (int32_t *)(uintptr_t)forward.index,
                            (float *)(uintptr_t)forward.weight);
    if (status != FV_OK || !backward) {
        *axis = forward;
        return status;
    }
    status = axis_alloc(ctx, axis, small, 2 * large);
    if (status == FV_OK)
        fv_resample_backward(&forward, small, large, (int32_t *)(uintptr_t)axis->start,
                             (int32_t *)(uintptr_t)axis->index, (float *)(uintptr_t)axis->weight);
    axis_free(ctx, &forward);
    return status;
}

static void upsample_release(fv_plan *plan)
{
    upsample *u = plan->data;
    if (!u)
        return;
    axis_free(plan->ctx, &u->axis[0]);
    axis_free(plan->ctx, &u->axis[1]);
    fv_free(plan->ctx, u);
    plan->data = NULL;
}

static fv_status upsample_prepare(fv_plan *plan)
{
    const fv_node *node = plan->problem.node;
    const fv_upsample_attr *attr = node->attr;
    bool backward = (node->op->traits & FV_T_BACKWARD) != 0;
    upsample *u = fv_new(plan->ctx, upsample);
    if (!u)
        return FV_ERR_NO_MEMORY;
    plan->data = u;
    for (int i = 0; i < 2; i++) {
        u->in[i] = fv_in_shape(node, 0)->dim[i + 1];
        u->out[i] = fv_out_shape(node, 0)->dim[i + 1];
        int64_t small = backward ? u->out[i] : u->in[i], large = backward ? u->in[i] : u->out[i];
        fv_status status = axis_make(plan->ctx, attr->mode, backward, small, large, &u->axis[i]);
        if (status != FV_OK) {
            upsample_release(plan);
            return status;
        }
    }
    return FV_OK;
}

/* Entries are numbered by int32. */
static const char *upsample_reject(const fv_solver *self, const fv_problem *problem)
{
    const int64_t limit = 1 << 29;
    for (int i = 1; i < 3; i++)
        if (fv_in_shape(problem->node, 0)->dim[i] > limit || fv_out_shape(problem->node, 0)->dim[i] > limit)
            return "more than 2^29 rows or columns";
    return fv_f32_reject(self, problem);
}

static void upsample_range(void *arg, int64_t begin, int64_t end)
{
    const move_job *x = arg;
    const upsample *u = x->plan->data;
    int64_t in = u->in[0] * u->in[1] * x->total, row = u->out[1] * x->total;
    for (int64_t i = begin; i < end;) {
        int64_t sample = i / u->out[0], first = i % u->out[0], last = first + end - i;
        last = last < u->out[0] ? last : u->out[0];
        x->plan->kernels->eltwise->resample(first, last, u->in[1], u->out[1], x->total, &u->axis[0], &u->axis[1],
                                            x->src + sample * in, x->dst + sample * u->out[0] * row);
        i += last - first;
    }
}

static void upsample_run(const fv_plan *plan, const fv_call *call)
{
    const int64_t *dst = fv_out_dims(call, 0);
    move_job job = {.plan = plan, .src = call->in[0], .dst = call->out[0], .total = dst[3]};
    fv_parallel_range(plan, fv_call_part(call, dst[0] * dst[1]), 16.0 * (double)(dst[2] * dst[3]), 1, upsample_range,
                      &job);
}

/* Only along the last dimension. */
static const char *last_reject(const fv_problem *problem, const fv_solver *self, int64_t axis)
{
    const int rank = fv_in_shape(problem->node, 0)->rank;
    return fv_axis_of(axis, rank) != rank - 1 ? "not along the last dimension" : moved_reject(self, problem);
}

static const char *concat_reject(const fv_solver *self, const fv_problem *problem)
{
    return last_reject(problem, self, ((const fv_axis_attr *)problem->node->attr)->axis);
}

static const char *slice_reject(const fv_solver *self, const fv_problem *problem)
{
    return last_reject(problem, self, ((const fv_slice_attr *)problem->node->attr)->axis);
}

static const char *slice_bwd_reject(const fv_solver *self, const fv_problem *problem)
{
    const char *why = slice_reject(self, problem);
    return why ? why : fv_all_f32_reject(self, problem);
}

extern const fv_solver fv_cpu_shape_solvers[];
const fv_solver fv_cpu_shape_solvers[] = {
    FV_STREAM_SOLVER("concat", concat_reject, concat_run),
    FV_STREAM_SOLVER("slice", slice_reject, slice_run),
    FV_STREAM_SOLVER("slice_bwd", slice_bwd_reject, slice_bwd_run),
    FV_STREAM_SOLVER("pad", fv_all_f32_reject, pad_run),
    FV_STREAM_SOLVER("crop", fv_all_f32_reject, crop_run),
    FV_STREAM_SOLVER("channel_shuffle", moved_reject, shuffle_run),
    {.name = "cpu.upsample2d",
     .op = "upsample2d",
     .version = 1,
     .reject = upsample_reject,
     .cost = fv_stream_cost,
     .prepare = upsample_prepare,
     .release = upsample_release,
     .run = upsample_run},
    {.name = "cpu.upsample2d_bwd",
     .op = "upsample2d_bwd",
     .version = 1,
     .reject = upsample_reject,
     .cost = fv_stream_cost,
     .prepare = upsample_prepare,
     .release = upsample_release,
     .run = upsample_run},
    {.name = NULL},
};
