/* SPDX-License-Identifier: Apache-2.0 */
/* For tests whose files have an empty folder each, and make contexts as they need them. */
#ifndef FV_TESTS_FOLDER_H
#define FV_TESTS_FOLDER_H

#include "support/support.h"

static char dir[256];

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(dir);
    return 0;
}

#endif
