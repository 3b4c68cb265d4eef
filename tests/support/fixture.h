/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each test of a file has for itself: a context, a folder for scratch files, what was logged. With FV_TEST_THREADS
 * defined before (the context's threads) there are a setup and a teardown that do no more; others call these two.
 */
#ifndef FV_TESTS_FIXTURE_H
#define FV_TESTS_FIXTURE_H

#include "support/support.h"

static fv_ctx *ctx;
static char dir[256];
static fv_test_log messages;

static inline int fv_test_begin(int threads)
{
    fv_test_dir_create(dir);
    memset(&messages, 0, sizeof messages);
    ctx = fv_test_ctx(threads, NULL, &messages);
    return 0;
}

/* All memory must have been given back. */
static inline int fv_test_end(void)
{
    int64_t now = -1;
    fv_ctx_memory(ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
    return 0;
}

#ifdef FV_TEST_THREADS
static int setup(void **state)
{
    (void)state;
    return fv_test_begin(FV_TEST_THREADS);
}

static int teardown(void **state)
{
    (void)state;
    return fv_test_end();
}
#endif

#endif
