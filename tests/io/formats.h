/* SPDX-License-Identifier: Apache-2.0 */
/* Image files put together byte by byte, and what decoding them gave. */
#ifndef FV_TESTS_IO_FORMATS_H
#define FV_TESTS_IO_FORMATS_H

#include "data/planted.h"

#include <fovea/data.h>

#include "io/image.h"

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t size;
} bytes;

static inline void put(bytes *b, const void *data, size_t size)
{
    assert_true(b->size + size <= sizeof b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void put_text(bytes *b, const char *text)
{
    put(b, text, strlen(text));
}

static inline void put_uint(bytes *b, uint64_t v, int n, bool big)
{
    for (int i = 0; i < n; i++) {
        const uint8_t byte = (uint8_t)(v >> (8 * (big ? n - 1 - i : i)));
        put(b, &byte, 1);
    }
}

/* One decoding, and everything it gave; freed with decoded_free. */
typedef struct decoded {
    fv_ctx *ctx;
    fv_status status;
    fv_image image;
    fv_decode_notes notes;
    fv_image_error error;
} decoded;

/* From an exact copy, so that a sanitizer sees a step too far. */
static inline decoded decode_bytes(const void *data, size_t size, fv_decode_options options)
{
    decoded d = {.ctx = fv_test_ctx(1, NULL, NULL), .error = {.byte = -2}};
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    d.status = fv_image_decode_quiet(d.ctx, copy, size, &options, NULL, &d.image, &d.notes, &d.error);
    free(copy);
    if (d.status != FV_OK)
        assert_null(d.image.data);
    return d;
}

static inline void decoded_free(decoded *d)
{
    int64_t now = -1;
    fv_image_free(d->ctx, &d->image);
    fv_ctx_memory(d->ctx, &now, NULL);
    assert_int_equal(now, 0);
    fv_ctx_destroy(&d->ctx);
}

static inline decoded decode_sound(const void *data, size_t size, fv_decode_options options)
{
    decoded d = decode_bytes(data, size, options);
    if (d.status != FV_OK)
        fail_msg("%s: %s", fv_status_name(d.status), d.error.text);
    return d;
}

/* Must fail like that, with `words` in the message. */
static inline void expect_refused(const void *data, size_t size, fv_status status, int fault, const char *words)
{
    decoded d = decode_bytes(data, size, (fv_decode_options){0});
    if (d.status != status || (int)d.error.fault != fault || !strstr(d.error.text, words))
        fail_msg("%s, fault %d: '%s'; expected %s, %d: '%s'", fv_status_name(d.status), d.error.fault, d.error.text,
                 fv_status_name(status), fault, words);
    decoded_free(&d);
}

/* Cut anywhere from `from` on, the file is truncated there. */
static inline void expect_truncated_anywhere(const void *data, size_t size, size_t from)
{
    for (size_t cut = from; cut < size; cut += 1 + size / 97) {
        decoded d = decode_bytes(data, cut, (fv_decode_options){0});
        if (d.status != FV_ERR_DATA_TRUNCATED || d.error.byte != (int64_t)cut || !strstr(d.error.text, "truncated"))
            fail_msg("cut at %zu of %zu: %s: '%s'", cut, size, fv_status_name(d.status), d.error.text);
        decoded_free(&d);
    }
}

static inline fv_status decode_for_allocation(fv_ctx *ctx, void *arg)
{
    const bytes *b = arg;
    fv_image image;
    fv_status status = fv_image_decode(ctx, "a", b->data, b->size, NULL, &image, NULL);
    fv_image_free(ctx, &image);
    return status;
}

#endif
