/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of what computes on images: a context, and room that is used again from call to call. */
#ifndef FV_TESTS_DATA_SCRATCH_H
#define FV_TESTS_DATA_SCRATCH_H

#include "support/fixture.h"

#include "data/image/filter.h"

static fv_resize_scratch scratch;

static int setup(void **state)
{
    (void)state;
    fv_test_begin(1);
    scratch = (fv_resize_scratch){.ctx = ctx};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_scratch_free(&scratch);
    return fv_test_end();
}

#endif
