/* SPDX-License-Identifier: Apache-2.0 */
#include "data/augment/augment.h"

#include "base/random.h"

/* Uniform in [-limit, limit]. */
static int64_t shift(uint32_t word, int64_t limit)
{
    return (int64_t)((uint64_t)word * (uint64_t)(2 * limit + 1) >> 32) - limit;
}

fv_augment fv_augment_draw(const fv_loader_options *options, uint64_t epoch, uint64_t sample)
{
    fv_augment augment = {0};
    if (!options->hflip && options->crop_pad <= 0)
        return augment;
    /* One word per decision, at a fixed place: switching one augmentation on leaves the others' draws alone. */
    uint32_t word[4];
    fv_philox(options->seed, FV_RANDOM_AUGMENT, epoch, sample, word);
    augment.hflip = options->hflip && (word[0] >> 31);
    if (options->crop_pad > 0) {
        augment.dy = shift(word[1], options->crop_pad);
        augment.dx = shift(word[2], options->crop_pad);
    }
    return augment;
}
