/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

typedef struct row {
    const char *name;
    int number;
    fv_status status;
} row;

static const row rows[] = {
#define ROW(name, number, text, cure) {#name, number, FV_ERR_##name},
    FV_STATUS_LIST(ROW)
#undef ROW
};
#define ROWS (sizeof rows / sizeof *rows)

static void test_numbers_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
            assert_string_not_equal(rows[i].name, rows[j].name);
        }
    }
}

static void test_rows_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(rows[i].status, -rows[i].number);
        assert_string_equal(fv_status_name(rows[i].status), rows[i].name);
        assert_true(strlen(fv_status_text(rows[i].status)) > 5);
        assert_true(strlen(fv_status_cure(rows[i].status)) > 5);
        int code = fv_status_exit_code(rows[i].status);
        assert_int_equal(code, rows[i].number / 1000);
        assert_true((code >= 1 && code <= 9) || code == 75);
    }
}

static void test_known_codes(void **state)
{
    (void)state;
    assert_string_equal(fv_status_name(FV_OK), "OK");
    assert_int_equal(fv_status_exit_code(FV_OK), 0);
    assert_int_equal(fv_status_exit_code(FV_ERR_VALUE), 2);
    assert_int_equal(fv_status_exit_code(FV_ERR_DATA_TRUNCATED), 3);
    assert_int_equal(fv_status_exit_code(FV_ERR_NO_SPACE), 9);
    assert_int_equal(fv_status_exit_code(FV_ERR_INTERRUPTED), 75);
    assert_string_equal(fv_status_name((fv_status)-12345), "UNKNOWN");
    assert_string_equal(fv_status_name((fv_status)7), "UNKNOWN");
    assert_int_equal(fv_status_exit_code((fv_status)-12345), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_unique),
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_known_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
