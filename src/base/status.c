/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/status.h>

#include <stddef.h>

typedef struct status_entry {
    int number;
    const char *name, *text, *cure;
} status_entry;

static const status_entry status_rows[] = {{0, "OK", "the operation succeeded", "nothing is to be done"},
#define FV_STATUS_ROW(name, number, text, cure) {number, #name, text, cure},
                                           FV_STATUS_LIST(FV_STATUS_ROW)
#undef FV_STATUS_ROW
};

static const status_entry *status_row(fv_status status)
{
    static const status_entry unknown = {1001, "UNKNOWN", "a number that is no status code", "see the message"};
    for (size_t i = 0; i < sizeof status_rows / sizeof *status_rows; i++) {
        if (status_rows[i].number == -(int)status)
            return &status_rows[i];
    }
    return &unknown;
}

const char *fv_status_name(fv_status status)
{
    return status_row(status)->name;
}

const char *fv_status_text(fv_status status)
{
    return status_row(status)->text;
}

const char *fv_status_cure(fv_status status)
{
    return status_row(status)->cure;
}

int fv_status_exit_code(fv_status status)
{
    return status_row(status)->number / 1000;
}
