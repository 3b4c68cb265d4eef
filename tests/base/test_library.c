/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "base/library.h"

typedef struct calls {
    double (*first)(double, double);
    double (*second)(double);
} calls;

static void test_open(void **state)
{
    static const char *const none[] = {"libnothing-of-that-name.so.1", NULL};
    static const char *const names[] = {"libnothing-of-that-name.so.1", "libm.so.6", NULL};
    const fv_library_call rows[] = {{"fmax", offsetof(calls, first)}, {"fabs", offsetof(calls, second)}};
    const fv_library_call lacking[] = {{"fmax", offsetof(calls, first)}, {"no_function_of_m", offsetof(calls, second)}};
    calls c = {0};
    (void)state;
    assert_false(fv_library_open(none, rows, 2, &c));
    assert_null(c.first);
    assert_false(fv_library_open(names, lacking, 2, &c));
    for (int again = 0; again < 2; again++) {
        c = (calls){0};
        assert_true(fv_library_open(names, rows, 2, &c));
        assert_true(c.first(2, 3) == 3);
        assert_true(c.second(-3) == 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
