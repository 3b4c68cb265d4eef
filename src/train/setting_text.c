/* SPDX-License-Identifier: Apache-2.0 */
/* A setting as text: reading, ranges, printing. One table row per kind. */
#include <fovea/settings.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { NAMES_MAX = 32 };

/* ---- names ---- */

static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] == '_' ? '-' : a[i]) != (b[i] == '_' ? '-' : b[i]))
            return false;
    return true;
}

bool fv_setting_has_name(const fv_setting_row *row, const char *name, size_t length)
{
    if (strlen(row->key) == length && same_name(name, row->key, length))
        return true;
    for (const char *a = row->aliases; a; a = strchr(a, ',') ? strchr(a, ',') + 1 : NULL)
        if (strcspn(a, ",") == length && same_name(name, a, length))
            return true;
    return false;
}

/* The row's choices as a list that ends with NULL; `text` holds them. */
static int list_choices(const fv_setting_row *row, char text[512], const char *names[NAMES_MAX + 1])
{
    int n = 0;
    snprintf(text, 512, "%s", row->choices);
    for (char *p = text; *p && n < NAMES_MAX;) {
        names[n++] = p;
        p += strcspn(p, ",");
        if (*p)
            *p++ = '\0';
    }
    names[n] = NULL;
    return n;
}

/* ---- numbers ---- */

static bool in_range(const fv_setting_row *row, double v)
{
    return v >= row->min && v <= row->max;
}

/* "a whole number from 1 to 1000000" */
static void expect_range(const fv_setting_row *row, char expected[FV_SETTING_TEXT_MAX])
{
    static const char *const words[] = {
#define FV_SETTING_KIND_ROW(kind, text) text,
        FV_SETTING_KINDS(FV_SETTING_KIND_ROW)
#undef FV_SETTING_KIND_ROW
    };
    const fv_setting_kind kind = row->kind;
    const bool list = kind == FV_SETTING_LIST || kind == FV_SETTING_MEASURE, bytes = kind == FV_SETTING_BYTES;
    const bool limited = kind == FV_SETTING_INT || kind == FV_SETTING_BATCH || row->max < 1e9;
    const bool open = row->min > 0 && row->min <= FV_ABOVE_ZERO;
    char low[64] = "", high[64] = "";
    if (bytes)
        fv_text_format(low, sizeof low, ", %.0f%s or more", row->min / (row->min < 1 << 20 ? 1 << 10 : 1 << 20),
                       row->min < 1 << 20 ? "k" : "M");
    else if (open)
        snprintf(low, sizeof low, " above 0");
    else
        fv_text_format(low, sizeof low, limited ? " from %.10g" : ", %.10g or more", row->min);
    if (!bytes && row->max == FV_BELOW_ONE)
        snprintf(high, sizeof high, " to below 1");
    else if (!bytes && limited)
        fv_text_format(high, sizeof high, open ? ", at most %.16g" : " to %.16g", row->max);
    snprintf(expected, FV_SETTING_TEXT_MAX, "%s%s%s%s%s", words[kind], low, high,
             list ? ", or several separated by commas" : "",
             kind == FV_SETTING_BATCH || kind == FV_SETTING_MEASURE ? ", or auto" : "");
}

static bool expect(char *expected, const char *text)
{
    snprintf(expected, FV_SETTING_TEXT_MAX, "%s", text);
    return false;
}

static bool expect_number(const fv_setting_row *row, char *expected)
{
    expect_range(row, expected);
    return false;
}

/* ---- reading ---- */

static bool read_real(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    double v;
    if (!fv_text_to_double(text, &v) || !in_range(row, v))
        return expect_number(row, expected);
    *(double *)member = v;
    return true;
}

static bool read_whole(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    double v;
    if (!fv_text_to_double(text, &v) || v != floor(v) || !in_range(row, v))
        return expect_number(row, expected);
    *(int64_t *)member = (int64_t)v;
    return true;
}

static bool read_bytes(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    int64_t v;
    if (!fv_text_to_bytes(text, &v) || !in_range(row, (double)v))
        return expect_number(row, expected);
    *(int64_t *)member = v;
    return true;
}

static bool read_batch(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    if (strcmp(text, "auto") != 0)
        return read_whole(row, text, member, expected);
    *(int64_t *)member = 0;
    return true;
}

/* Was a switch once: yes is half of the samples. */
static bool read_share(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        text = *text == 'f' ? "0" : "0.5";
    return read_real(row, text, member, expected);
}

static bool read_flag(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    (void)row;
    if (fv_text_to_bool(text, member))
        return true;
    return expect(expected, "true or false");
}

static bool read_text(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    (void)row;
    if (!*text)
        return expect(expected, "a text");
    *(const char **)member = text;
    return true;
}

/* "AdamW" is adamw, "per_image" is per-image. */
static bool same_word(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        const int x = *a == '_' ? '-' : tolower((unsigned char)*a), y = *b == '_' ? '-' : tolower((unsigned char)*b);
        if (x != y)
            return false;
    }
    return *a == *b;
}

static bool read_choice(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    char held[512], all[512];
    const char *names[NAMES_MAX + 1];
    const int n = list_choices(row, held, names);
    for (int i = 0; i < n; i++)
        if (same_word(names[i], text))
            return *(int *)member = i, true;
    const char *nearest = fv_text_nearest(text, names);
    all[0] = '\0';
    for (int i = 0; i < n; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
    snprintf(expected, FV_SETTING_TEXT_MAX, "one of %s%s%s%s%s", all,
             row->kind == FV_SETTING_GRADED ? ", the last ones also with =F, F from 0 to 1" : "",
             nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    return false;
}

/* The members that a GRADED row has: their place is that of this struct's. */
typedef struct graded {
    FV_MEMBER_GRADED(choice)
} graded;

static bool read_graded(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    graded *value = member;
    char name[64];
    const size_t n = strcspn(text, "=");
    double power = 1;
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), text);
    if (!read_choice(row, name, &value->choice, expected))
        return false;
    if (text[n] == '=' && (!fv_text_to_double(text + n + 1, &power) || !in_range(row, power)))
        return expect(expected, "behind = a number from 0 to 1");
    value->choice_power = power;
    return true;
}

static bool read_size(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    char *end;
    int64_t v[2];
    v[0] = v[1] = strtoll(text, &end, 10);
    if (end != text && (*end == 'x' || *end == 'X' || *end == ','))
        v[1] = strtoll(end + 1, &end, 10);
    if (*end || end == text)
        return expect(expected, "N or HxW (rows x columns, as 224x160)");
    if (!in_range(row, (double)v[0]) || !in_range(row, (double)v[1])) {
        fv_text_format(expected, FV_SETTING_TEXT_MAX, "N or HxW (rows x columns), each from %g to %g", row->min,
                       row->max);
        return false;
    }
    memcpy(member, v, sizeof v);
    return true;
}

/* Numbers between commas; false: more than `most`, or one that is none. */
static bool read_numbers(const fv_setting_row *row, const char *text, int most, int *count, double *value)
{
    *count = 0;
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char item[64];
        const size_t n = strcspn(p, ",");
        snprintf(item, sizeof item, "%.*s", (int)(n < sizeof item ? n : sizeof item - 1), p);
        if (*count == most || !fv_text_to_double(item + strspn(item, " "), &value[*count]) ||
            !in_range(row, value[*count]))
            return false;
        ++*count;
    }
    return true;
}

static bool read_list(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    fv_real_list list = {.measured = row->kind == FV_SETTING_MEASURE && strcmp(text, "auto") == 0};
    if (!list.measured && !read_numbers(row, text, FV_LIST_MAX, &list.count, list.value))
        return expect_number(row, expected);
    *(fv_real_list *)member = list;
    return true;
}

static bool read_pair(const fv_setting_row *row, const char *text, void *member, char *expected)
{
    double v[2];
    int count;
    if (!read_numbers(row, text, 2, &count, v) || count != 2)
        return expect_number(row, expected);
    memcpy(member, v, sizeof v);
    return true;
}

/* ---- printing and checking ---- */

static void print_real(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    char number[32];
    const double v = *(const double *)member;
    (void)row;
    snprintf(text, size, "%s", isnan(v) ? "auto" : fv_double_text(v, number));
}

static void print_whole(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    (void)row;
    snprintf(text, size, "%lld", (long long)*(const int64_t *)member);
}

static void print_batch(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    if (*(const int64_t *)member == 0)
        snprintf(text, size, "auto");
    else
        print_whole(row, member, text, size);
}

static void print_flag(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    (void)row;
    snprintf(text, size, "%s", *(const bool *)member ? "true" : "false");
}

static void print_text(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    const char *const *v = member;
    (void)row;
    snprintf(text, size, "%s", *v ? *v : "");
}

static void print_choice(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    char held[512];
    const char *names[NAMES_MAX + 1];
    const int n = list_choices(row, held, names), v = *(const int *)member;
    if (v >= 0 && v < n)
        snprintf(text, size, "%s", names[v]);
    else
        snprintf(text, size, "number %d", v);
}

static void print_graded(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    const graded *v = member;
    char name[64] = "", number[32];
    print_choice(row, &v->choice, name, sizeof name);
    if (v->choice_power == 1)
        snprintf(text, size, "%s", name);
    else
        snprintf(text, size, "%s=%s", name, fv_double_text(v->choice_power, number));
}

static void print_size(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    const int64_t *v = member;
    (void)row;
    snprintf(text, size, "%lldx%lld", (long long)v[0], (long long)v[1]);
}

static void print_numbers(const double *v, int count, char *text, size_t size)
{
    char number[32];
    size_t n = 0;
    for (int i = 0; i < count && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "", fv_double_text(v[i], number));
}

static void print_list(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    const fv_real_list *v = member;
    (void)row;
    if (v->measured)
        snprintf(text, size, "auto");
    else
        print_numbers(v->value, v->count, text, size);
}

static void print_pair(const fv_setting_row *row, const void *member, char *text, size_t size)
{
    (void)row;
    print_numbers(member, 2, text, size);
}

static const struct {
    bool (*read)(const fv_setting_row *row, const char *text, void *member, char *expected);
    void (*print)(const fv_setting_row *row, const void *member, char *text, size_t size);
} kinds[FV_SETTING_KIND_COUNT] = {
    [FV_SETTING_INT] = {read_whole, print_whole},      [FV_SETTING_REAL] = {read_real, print_real},
    [FV_SETTING_FLAG] = {read_flag, print_flag},       [FV_SETTING_CHOICE] = {read_choice, print_choice},
    [FV_SETTING_TEXT] = {read_text, print_text},       [FV_SETTING_BATCH] = {read_batch, print_batch},
    [FV_SETTING_BYTES] = {read_bytes, print_whole},    [FV_SETTING_SHARE] = {read_share, print_real},
    [FV_SETTING_SIZE] = {read_size, print_size},       [FV_SETTING_LIST] = {read_list, print_list},
    [FV_SETTING_MEASURE] = {read_list, print_list},    [FV_SETTING_PAIR] = {read_pair, print_pair},
    [FV_SETTING_GRADED] = {read_graded, print_graded},
};

bool fv_setting_read(const fv_setting_row *row, const char *text, void *values, char expected[FV_SETTING_TEXT_MAX])
{
    return kinds[row->kind].read(row, text, (char *)values + row->offset, expected);
}

const char *fv_setting_print(const fv_setting_row *row, const void *values, char *text, size_t size)
{
    text[0] = '\0';
    kinds[row->kind].print(row, (const char *)values + row->offset, text, size);
    return text;
}

/* What is a value prints as one that reads back. */
bool fv_setting_check(const fv_setting_row *row, const void *values, char expected[FV_SETTING_TEXT_MAX])
{
    char text[FV_SETTING_TEXT_MAX];
    union {
        int64_t whole[2];
        double pair[2];
        fv_real_list list;
        graded graded;
        const char *text;
    } unused;
    if (row->kind == FV_SETTING_TEXT)
        return *(const char *const *)((const char *)values + row->offset) != NULL || expect(expected, "a text");
    fv_setting_print(row, values, text, sizeof text);
    return kinds[row->kind].read(row, text, &unused, expected);
}
