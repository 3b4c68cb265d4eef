/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of augmentation: a list of steps from its text, and the plainest pipeline. */
#ifndef FV_TESTS_DATA_AUGMENTED_H
#define FV_TESTS_DATA_AUGMENTED_H

#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include "data/augment/augment.h"

static fv_augment *augment_of(const char *text)
{
    fv_augment *a = NULL;
    assert_int_equal(fv_augment_create(ctx, text, &a), FV_OK);
    return a;
}

static fv_pipeline pipeline_of(int64_t h, int64_t w, int64_t c)
{
    fv_pipeline p = {.h = h, .w = w, .c = c, .antialias = true};
    for (int k = 0; k < 16; k++)
        p.std[k] = 1;
    return p;
}

#endif
