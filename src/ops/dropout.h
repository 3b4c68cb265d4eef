/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements dropout keeps: what the reference and the kernels' callers must agree on. */
#ifndef FV_OPS_DROPOUT_H
#define FV_OPS_DROPOUT_H

#include "base/random.h"
#include "ops/attr.h"

/*
 * Upper half of the counter of an element's random words: the step and the dropout of the network. The lower half and
 * the word are 16 * (i / 64) + i % 16 and (i / 16) % 4 for element i of the whole batch; the key is fv_philox's of
 * (seed, FV_RANDOM_DROPOUT). Steps below 2^40 and streams below 2^24 never meet.
 */
static inline uint64_t fv_dropout_counter(const fv_dropout_attr *attr, uint64_t step)
{
    return (uint64_t)attr->stream << 40 ^ step;
}

/* Factor of kept elements. */
static inline float fv_dropout_scale(const fv_dropout_attr *attr)
{
    return 1.0f / (1.0f - (float)attr->rate);
}

/* stochastic_depth: whether a sample, counted in the whole batch, is kept: by the first word of the counter (sample,
 * fv_dropout_counter), of which other nodes have other streams. */
static inline bool fv_dropout_keeps_sample(const fv_dropout_attr *attr, uint64_t seed, uint64_t step, int64_t sample)
{
    uint32_t word[4];
    fv_philox(seed, FV_RANDOM_DROPOUT, (uint64_t)sample, fv_dropout_counter(attr, step), word);
    return !(fv_uniform(word[0]) < (float)attr->rate);
}

#endif
