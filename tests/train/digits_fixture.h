/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for the tests of a file, with drawn digits in it: DIGITS_TRAIN and DIGITS_TEST say how many. */
#ifndef FV_TESTS_DIGITS_FIXTURE_H
#define FV_TESTS_DIGITS_FIXTURE_H

#include "support/support.h"

#include <fovea/fovea.h>

static char folder[256], data_dir[300];

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(folder);
    snprintf(data_dir, sizeof data_dir, "%s/digits", folder);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_int_equal(fv_make_digits(ctx, data_dir, DIGITS_TRAIN, DIGITS_TEST, 5), FV_OK);
    fv_ctx_destroy(&ctx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(folder);
    return 0;
}

#endif
