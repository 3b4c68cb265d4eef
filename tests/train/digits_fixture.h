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

/* A network of ours for ten classes. */
static inline fv_model *digits_net(fv_ctx *ctx, const char *zoo, int64_t size, int64_t channels)
{
    fv_model *m = NULL;
    const fv_zoo_options options = {.classes = 10, .channels = channels, .dropout = -1, .img_size = {size, size}};
    if (fv_model_zoo(ctx, zoo, &options, &m) != FV_OK || fv_model_init(m, 3, FV_INIT_DEFAULT) != FV_OK)
        fail_msg("%s: %s", zoo, fv_ctx_error(ctx));
    return m;
}

/* The digits, "train" or "test" of them. */
static inline fv_dataset *digits_of(fv_ctx *ctx, const char *split)
{
    fv_dataset *data = NULL;
    if (fv_dataset_open(ctx, data_dir, &(fv_dataset_options){.split = split}, &data) != FV_OK)
        fail_msg("%s: %s", split, fv_ctx_error(ctx));
    return data;
}

#endif
