/* SPDX-License-Identifier: Apache-2.0 */
/* Names that other systems or tools would take for each other, put in another order, or fail on. */
#include <stdlib.h>
#include <string.h>

#include "data/check/check.h"

enum { LONG_PATH = 260 };

/* ---- classes that are one folder elsewhere ---- */

/* What two names of one key differ in. */
static const char *difference(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    while (m > 0 && (a[m - 1] == ' ' || a[m - 1] == '.'))
        m--;
    while (n > 0 && (b[n - 1] == ' ' || b[n - 1] == '.'))
        n--;
    if (m == n && memcmp(a, b, n) == 0)
        return "spaces or dots at the end";
    return fv_text_is_ascii(a) && fv_text_is_ascii(b)
               ? "case"
               : "case or in how accents are encoded (Unicode NFC and NFD), white space or "
                 "characters that are not seen";
}

static fv_status tell_clashes(fv_check_report *r, fv_folded *all, int64_t n)
{
    qsort(all, (size_t)n, sizeof *all, fv_folded_order);
    for (int64_t i = 1; i < n; i++) {
        if (strcmp(all[i - 1].key, all[i].key) != 0 || strcmp(all[i - 1].name, all[i].name) == 0)
            continue;
        char *a = fv_text_reveal(r->ctx, all[i - 1].name), *b = fv_text_reveal(r->ctx, all[i].name);
        fv_status status = FV_ERR_NO_MEMORY;
        if (a && b)
            status = fv_check_add(r, FV_FAULT_NAME_CLASH, FV_VERDICT_REJECT, all[i].where, -1, -1,
                                  "classes '%s' and '%s' differ only in %s: two classes here, one on other systems; "
                                  "rename or merge them",
                                  a, b, difference(all[i - 1].name, all[i].name));
        fv_free(r->ctx, a);
        fv_free(r->ctx, b);
        FV_TRY(status);
    }
    return FV_OK;
}

static fv_status check_clashes(fv_check_report *r)
{
    int64_t n = 0, filled = 0;
    for (int k = 0; k < FV_SPLIT_COUNT; k++)
        n += r->splits[k].classes.count;
    fv_folded *all = fv_calloc(r->ctx, (size_t)n + 1, sizeof *all);
    fv_status status = all ? FV_OK : FV_ERR_NO_MEMORY;
    for (int k = 0; k < FV_SPLIT_COUNT && status == FV_OK; k++) {
        const fv_check_split *s = &r->splits[k];
        for (int64_t i = 0; i < s->classes.count && status == FV_OK; i++) {
            all[filled] = (fv_folded){s->classes.name[i], s->where, fv_text_fold(r->ctx, s->classes.name[i])};
            status = all[filled++].key ? FV_OK : FV_ERR_NO_MEMORY;
        }
    }
    if (status == FV_OK)
        status = tell_clashes(r, all, n);
    for (int64_t i = 0; i < filled; i++)
        fv_free(r->ctx, all[i].key);
    fv_free(r->ctx, all);
    return status;
}

/* Letters of another alphabet, or blanks inside: perhaps meant so. Sources that are opened say it themselves. */
static fv_status check_resemblance(fv_check_report *r)
{
    fv_status status = FV_OK;
    for (int k = 0; k < FV_SPLIT_COUNT && status == FV_OK; k++) {
        const fv_check_split *s = &r->splits[k];
        fv_names_pair alike, pair = {0};
        if (s->source)
            continue;
        FV_TRY(fv_names_alike(r->ctx, &s->classes, &alike));
        if (!alike.a) /* that is told above, as more */
            status = fv_names_resemble(r->ctx, &s->classes, &pair);
        if (status == FV_OK && pair.a)
            status = fv_check_add(r, FV_FAULT_NAME_CLASH, FV_VERDICT_WARN, s->where, -1, -1,
                                  "classes '%s' and '%s' look alike: are they one class?", pair.a, pair.b);
        fv_names_pair_free(r->ctx, &alike);
        fv_names_pair_free(r->ctx, &pair);
    }
    return status;
}

/* ---- 2 and 10 ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Order as people count: stretches of digits are compared as numbers. */
static int natural(const char *a, const char *b)
{
    while (*a && *b) {
        if (is_digit(*a) && is_digit(*b)) {
            while (*a == '0' && is_digit(a[1]))
                a++;
            while (*b == '0' && is_digit(b[1]))
                b++;
            const size_t m = strspn(a, "0123456789"), n = strspn(b, "0123456789");
            const int order = m != n ? (m < n ? -1 : 1) : strncmp(a, b, n);
            if (order)
                return order;
            a += m;
            b += n;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return *a ? 1 : *b ? -1 : 0;
}

static fv_status check_order(fv_check_report *r)
{
    const fv_check_split *s = &r->splits[FV_SPLIT_TRAIN];
    if (s->source || s->classes.name != r->classes.name)
        return FV_OK; /* the data or a list say the order */
    for (int64_t i = 1; i < s->classes.count; i++) {
        if (natural(s->classes.name[i - 1], s->classes.name[i]) > 0)
            return fv_check_add(
                r, FV_FAULT_NAME_ORDER, FV_VERDICT_WARN, s->where, -1, -1,
                "byte order puts class '%s' before '%s', counting order after it: tools differ in which "
                "index a class gets; the model stores the names, and classes.txt would set the order",
                s->classes.name[i - 1], s->classes.name[i]);
    }
    return FV_OK;
}

/* ---- names of files ---- */

static const char *oddity(const char *path, const char *name)
{
    const size_t size = strlen(name);
    if (!fv_text_is_utf8(name))
        return "a name that is not UTF-8";
    for (const unsigned char *p = (const unsigned char *)name; *p; p++) {
        if (*p < 0x20 || *p == 0x7F)
            return "a control character in the name";
    }
    if (size > 0 && name[size - 1] == ' ')
        return "a space at the end of the name";
    return strlen(path) >= LONG_PATH ? "a path of 260 bytes or more" : NULL;
}

static const char after[] = "it works here, other systems and tools may fail on it";

static fv_status check_files(fv_check_report *r)
{
    for (int64_t i = 0; i < r->n_samples; i++) {
        const fv_check_sample *s = &r->samples[i];
        const char *slash = strrchr(s->name, '/');
        const char *what = r->splits[s->split].source ? NULL : oddity(s->name, slash ? slash + 1 : s->name);
        if (what)
            FV_TRY(fv_check_add(r, FV_FAULT_NAME_ODD, FV_VERDICT_WARN, s->name, i, -1, "%s: %s", what, after));
    }
    return FV_OK;
}

static fv_status refuse_names(fv_check_report *r, const fv_names *classes, const char *where)
{
    for (int64_t i = 0; i < classes->count; i++) {
        if (!fv_text_is_utf8(classes->name[i]))
            FV_TRY(fv_check_add(r, FV_FAULT_NAME_ODD, FV_VERDICT_REJECT, where, -1, -1,
                                "class '%s': the name is not UTF-8, as models store it; rename it", classes->name[i]));
    }
    return FV_OK;
}

/* What a model could not store. */
static fv_status check_stored(fv_check_report *r)
{
    bool own = true;
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const fv_check_split *s = &r->splits[k];
        FV_TRY(refuse_names(r, &s->classes, s->where));
        own &= s->classes.name != r->classes.name;
    }
    return own && !r->layout->marks ? refuse_names(r, &r->classes, "classes.txt") : FV_OK;
}

/* Told once for a class, not for each of its files. */
static fv_status check_folders(fv_check_report *r)
{
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const fv_check_split *s = &r->splits[k];
        for (int64_t i = 0; i < s->classes.count; i++) {
            const char *name = s->classes.name[i], *what = s->source ? NULL : oddity("", name);
            if (what && fv_text_is_utf8(name))
                FV_TRY(fv_check_add(r, FV_FAULT_NAME_ODD, FV_VERDICT_WARN, s->where, -1, -1, "class '%s': %s: %s", name,
                                    what, after));
        }
    }
    return FV_OK;
}

fv_status fv_check_names(fv_check_report *r)
{
    FV_TRY(check_clashes(r));
    FV_TRY(check_resemblance(r));
    FV_TRY(check_order(r));
    FV_TRY(check_stored(r));
    FV_TRY(check_folders(r));
    return check_files(r);
}
