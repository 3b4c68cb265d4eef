/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from text and to text, the same in every locale. */
#include "base/json.h"
#include "base/text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

bool fv_text_to_int(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    const char *p = text + (*text == '-' || *text == '+');
    if (!*p || *skip_digits(p))
        return false;
    int64_t sum = 0;
    for (; *p; p++) {
        int digit = negative ? -(*p - '0') : *p - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

/* Whether text is [+-] digits [. digits] [e [+-] digits] with a digit before or behind the point. */
static bool is_decimal(const char *p)
{
    p += *p == '-' || *p == '+';
    const char *end = skip_digits(p);
    bool digits = end > p;
    if (*end == '.') {
        p = end + 1;
        end = skip_digits(p);
        digits = digits || end > p;
    }
    if (!digits)
        return false;
    if (*end == 'e' || *end == 'E') {
        p = end + 1;
        p += *p == '-' || *p == '+';
        end = skip_digits(p);
        if (end == p)
            return false;
    }
    return !*end;
}

/* Sets this thread's locale to "C" (a constant of the C library: nothing is allocated) and back. */
typedef struct c_locale {
    locale_t c, old;
} c_locale;

static c_locale enter_c_locale(void)
{
    c_locale l = {.c = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    l.old = l.c ? uselocale(l.c) : (locale_t)0;
    return l;
}

static void leave_c_locale(c_locale l)
{
    if (!l.c)
        return;
    uselocale(l.old);
    freelocale(l.c);
}

int fv_text_vformat(char *text, size_t size, const char *format, va_list args)
{
    c_locale l = enter_c_locale();
    const int n = vsnprintf(text, size, format, args);
    leave_c_locale(l);
    return n;
}

int fv_text_format(char *text, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = fv_text_vformat(text, size, format, args);
    va_end(args);
    return n;
}

bool fv_text_to_double(const char *text, double *value)
{
    if (!is_decimal(text))
        return false;
    c_locale l = enter_c_locale();
    double x = strtod(text, NULL);
    leave_c_locale(l);
    if (!isfinite(x))
        return false;
    *value = x;
    return true;
}

bool fv_text_to_bytes(const char *text, int64_t *value)
{
    static const char letters[] = "kmgt";
    size_t length = strlen(text);
    char number[64];
    if (!length || length >= sizeof number)
        return false;
    memcpy(number, text, length + 1);
    /* "512", "512B", "2k", "2kB", "2KiB": a final B, an i before it, then the letter. */
    int shift = 0;
    bool has_b = number[length - 1] == 'B' || number[length - 1] == 'b';
    length -= has_b;
    bool has_i = has_b && length && number[length - 1] == 'i';
    length -= has_i;
    char last = length ? number[length - 1] : '\0';
    const char *letter = last ? strchr(letters, last >= 'A' && last <= 'Z' ? last - 'A' + 'a' : last) : NULL;
    if (letter) {
        shift = 10 * (int)(letter - letters + 1);
        length--;
    } else if (has_i) {
        return false;
    }
    number[length] = '\0';
    int64_t whole = 0;
    double real = 0;
    if (fv_text_to_int(number, &whole)) {
        if (whole < 0 || whole > INT64_MAX >> shift)
            return false;
        *value = whole << shift;
        return true;
    }
    if (!shift || !fv_text_to_double(number, &real))
        return false;
    real *= (double)((int64_t)1 << shift);
    if (!(real >= 0 && real < 9223372036854775808.0))
        return false;
    *value = (int64_t)real;
    return true;
}

bool fv_text_to_bool(const char *text, bool *value)
{
    static const struct {
        const char *word;
        bool value;
    } rows[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!strcasecmp(text, rows[i].word)) {
            *value = rows[i].value;
            return true;
        }
    }
    return false;
}

const char *fv_double_text(double value, char buf[32])
{
    if (isnan(value) || isinf(value))
        return strcpy(buf, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
    c_locale l = enter_c_locale();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, 32, "%.*g", digits, value);
        if (strtod(buf, NULL) == value)
            break;
    }
    leave_c_locale(l);
    return buf;
}

const char *fv_float_text(float value, char buf[32])
{
    if (isnan(value) || isinf(value))
        return fv_double_text((double)value, buf);
    c_locale l = enter_c_locale();
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(buf, 32, "%.*g", digits, (double)value);
        if (strtof(buf, NULL) == value)
            break;
    }
    leave_c_locale(l);
    return buf;
}
