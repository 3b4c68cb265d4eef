/* SPDX-License-Identifier: Apache-2.0 */
/* Growable text, nearest words, numbers from text. */
#ifndef FV_BASE_TEXT_H
#define FV_BASE_TEXT_H

#include "base/ctx.h"

/* Growable text. Zero-initialise with the context: fv_str s = {.ctx = ctx}. A failed append sets `failed` and keeps the
 * rest valid. */
typedef struct fv_str {
    fv_ctx *ctx;
    char *data; /* NUL-terminated once anything was appended; NULL before */
    size_t size, capacity;
    bool failed; /* an allocation failed: check once at the end */
} fv_str;

/* Makes room for `more` bytes and a NUL behind what is there; false: no memory, `failed` is set. */
bool fv_str_reserve(fv_str *s, size_t more);
void fv_str_append(fv_str *s, const char *text);
void fv_str_append_n(fv_str *s, const void *data, size_t size);
/* snprintf and vsnprintf whose numbers have a decimal point whatever the thread's locale says. */
int fv_text_format(char *text, size_t size, const char *format, ...) FV_PRINTF(3, 4);
/* Gives such a line (of at most 1,023 bytes) to whoever is told. */
void fv_text_tell(void (*tell)(void *user, const char *line), void *user, const char *format, ...) FV_PRINTF(3, 4);
int fv_text_vformat(char *text, size_t size, const char *format, va_list args);
void fv_str_printf(fv_str *s, const char *format, ...) FV_PRINTF(2, 3);
void fv_str_vprintf(fv_str *s, const char *format, va_list args);
/* Appends text as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. */
void fv_str_json(fv_str *s, const char *text);
/* Appends text as fv_text_show has it, for lines that people read. */
void fv_str_show(fv_str *s, const char *text);
/* Whether all of it is well-formed UTF-8 (RFC 3629). */
bool fv_text_is_utf8(const char *text);
/* Appends one CSV field, quoted per RFC 4180 when needed. */
void fv_str_csv(fv_str *s, const char *text);
/* The text, never NULL ("" before the first append). */
const char *fv_str_get(const fv_str *s);
void fv_str_free(fv_str *s);
/* FV_OK, or NO_MEMORY if any append failed. */
fv_status fv_str_status(const fv_str *s);

/* The word nearest to `word`, or NULL: Damerau-Levenshtein distance at most max(2, length/3) and at most half the
 * longer word; letter case and - or _ do not count. `words` ends with NULL. */
const char *fv_text_nearest(const char *word, const char *const *words);

/* Strict number reading: the whole text must be the number ("12", "1e-3", for sizes also "2G", "512M"). */
bool fv_text_to_int(const char *text, int64_t *value);
bool fv_text_to_double(const char *text, double *value);
bool fv_text_to_bytes(const char *text, int64_t *value);
bool fv_text_to_bool(const char *text, bool *value); /* true/false, yes/no, on/off, 1/0, in any case */

/* Shell-like match with * and ? over the whole text. */
bool fv_text_match(const char *pattern, const char *text);
/* Whether one of several such patterns, separated by commas, matches; NULL: none does. */
bool fv_text_match_any(const char *patterns, const char *text);
/* Whether a file's name ends with one of these (".csv"; ends with NULL) and has something before; letter case does not
 * count. */
bool fv_text_has_ending(const char *name, const char *const *endings);

#endif
