/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of an NPY file: magic, version, length, and a Python dictionary with the keys descr, fortran_order and
 * shape. It is read as text with the few forms that NumPy writes; nothing in it is ever evaluated.
 */
#include <stdio.h>
#include <string.h>

#include "io/npy.h"

#define MAX_HEADER_BYTES (1 << 16)

typedef struct npy_reader {
    fv_image_job *job;
    const char *at, *end;
    const uint8_t *file;
} npy_reader;

bool fv_npy_sniff(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x93NUMPY", 6) == 0;
}

static fv_status fail_header(npy_reader *r, const char *what)
{
    return fv_image_fail(r->job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, (int64_t)(r->at - (const char *)r->file),
                         "malformed NPY header at byte %lld: %s", (long long)(r->at - (const char *)r->file), what);
}

static void skip_space(npy_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t'))
        r->at++;
}

static bool accept(npy_reader *r, const char *word)
{
    skip_space(r);
    const size_t n = strlen(word);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

/* A quoted word without escapes. */
static fv_status read_string(npy_reader *r, char *text, size_t size)
{
    skip_space(r);
    if (r->at >= r->end || (*r->at != '\'' && *r->at != '"'))
        return fail_header(r, "expected a quoted word");
    const char quote = *r->at++;
    size_t n = 0;
    while (r->at < r->end && *r->at != quote && n + 1 < size && *r->at != '\\')
        text[n++] = *r->at++;
    text[n] = '\0';
    return accept(r, quote == '"' ? "\"" : "'") ? FV_OK : fail_header(r, "a quoted word without its end, or too long");
}

static fv_status read_descr(npy_reader *r, fv_npy *npy)
{
    skip_space(r);
    if (r->at < r->end && *r->at == '[')
        return fv_image_fail(
            r->job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, (int64_t)(r->at - (const char *)r->file),
            "an NPY array of records (structured dtype): save a plain array of numbers (images: uint8, "
            "uint16 or float32; labels: integers or floats)");
    char text[32];
    FV_TRY(read_string(r, text, sizeof text));
    const char *p = text;
    const char order = strchr("<>|=", *p) && *p ? *p++ : '|';
    const char kind = *p;
    if (kind == 'O')
        return fv_image_fail(r->job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, (int64_t)(r->at - (const char *)r->file),
                             "an NPY array of objects (dtype '%s') holds pickled Python code, which is never loaded: "
                             "save a plain array of numbers (images: uint8, uint16 or float32; labels: integers or "
                             "floats)",
                             text);
    const int bytes = kind && p[1] >= '1' && p[1] <= '9' && p[2] == '\0' ? p[1] - '0' : 0;
    const bool whole = bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
    const bool known =
        (kind == 'b' && bytes == 1) || ((kind == 'u' || kind == 'i') && whole) || (kind == 'f' && whole && bytes > 1);
    if (!known)
        return fv_image_fail(
            r->job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, (int64_t)(r->at - (const char *)r->file),
            "an NPY array of dtype '%s': expected whole numbers, floats or bool (images: uint8, uint16 or "
            "float32; labels: integers or floats)",
            text);
    npy->kind = kind;
    npy->item_bytes = bytes;
    npy->big = order == '>' || (order == '=' && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    return FV_OK;
}

static fv_status read_shape(npy_reader *r, fv_npy *npy)
{
    if (!accept(r, "("))
        return fail_header(r, "expected the shape in parentheses");
    npy->n_dims = 0;
    while (!accept(r, ")")) {
        if (npy->n_dims == FV_NPY_MAX_DIMS)
            return fail_header(r, "a shape of too many dimensions");
        int64_t v = 0;
        const char *start = r->at;
        for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
            if (!fv_size_mul(v, 10, &v) || __builtin_add_overflow(v, *r->at - '0', &v))
                return fail_header(r, "a dimension that is too large");
        }
        if (r->at == start)
            return fail_header(r, "expected a dimension");
        npy->dims[npy->n_dims++] = v;
        if (!accept(r, ",")) {
            if (!accept(r, ")"))
                return fail_header(r, "expected ',' or ')' in the shape");
            break;
        }
    }
    return FV_OK;
}

static fv_status read_dictionary(npy_reader *r, fv_npy *npy)
{
    unsigned seen = 0;
    if (!accept(r, "{"))
        return fail_header(r, "expected '{'");
    while (!accept(r, "}")) {
        char key[32];
        FV_TRY(read_string(r, key, sizeof key));
        if (!accept(r, ":"))
            return fail_header(r, "expected ':'");
        unsigned bit = 0;
        if (strcmp(key, "descr") == 0) {
            bit = 1;
            FV_TRY(read_descr(r, npy));
        } else if (strcmp(key, "fortran_order") == 0) {
            bit = 2;
            npy->fortran = accept(r, "True");
            if (!npy->fortran && !accept(r, "False"))
                return fail_header(r, "expected True or False");
        } else if (strcmp(key, "shape") == 0) {
            bit = 4;
            FV_TRY(read_shape(r, npy));
        }
        if (bit == 0 || (seen & bit))
            return fail_header(r, "an unknown or repeated key");
        seen |= bit;
        if (!accept(r, ",")) {
            if (!accept(r, "}"))
                return fail_header(r, "expected ',' or '}'");
            break;
        }
    }
    return seen == 7 ? FV_OK : fail_header(r, "one of descr, fortran_order and shape is missing");
}

fv_status fv_npy_parse(fv_image_job *job, const uint8_t *data, size_t size, fv_npy *npy)
{
    *npy = (fv_npy){0};
    const int major = data[6];
    const size_t prefix = major == 1 ? 10 : 12;
    if (major < 1 || major > 3)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, 6, "NPY version %d is not supported (1 to 3 are)",
                             major);
    if (size < prefix)
        return fv_image_truncated(job, "NPY", (int64_t)size, -1);
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    if (major > 1)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (length > MAX_HEADER_BYTES)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NPY, 8, "an NPY header of %zu bytes, the limit is %d",
                             length, MAX_HEADER_BYTES);
    if (length > size - prefix)
        return fv_image_truncated(job, "NPY", (int64_t)size, -1);
    npy_reader r = {.job = job, .at = (const char *)data + prefix, .file = data};
    r.end = r.at + length;
    FV_TRY(read_dictionary(&r, npy));
    npy->data = prefix + length;
    npy->elements = 1;
    for (int i = 0; i < npy->n_dims; i++) {
        if (!fv_size_mul(npy->elements, npy->dims[i], &npy->elements))
            return fail_header(&r, "a shape whose product overflows");
    }
    if (!fv_size_mul(npy->elements, npy->item_bytes, &npy->data_bytes))
        return fail_header(&r, "a shape whose product overflows");
    return FV_OK;
}
