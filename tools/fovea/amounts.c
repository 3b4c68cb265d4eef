/* SPDX-License-Identifier: Apache-2.0 */
#include "amounts.h"

#include <stdio.h>

const char *amount_count(double value, char text[AMOUNT_MAX])
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    int i = 0;
    for (; value >= 10000 && i < 4; i++)
        value /= 1000;
    snprintf(text, AMOUNT_MAX, i ? "%.2f%s" : "%.0f%s", value, units[i]);
    return text;
}

const char *amount_bytes(double bytes, char text[AMOUNT_MAX])
{
    snprintf(text, AMOUNT_MAX,
             bytes < 1048576      ? "%.1f kB"
             : bytes < 1073741824 ? "%.1f MB"
                                  : "%.2f GB",
             bytes < 1048576      ? bytes / 1024
             : bytes < 1073741824 ? bytes / 1048576
                                  : bytes / 1073741824);
    return text;
}
