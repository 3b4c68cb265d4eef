/* SPDX-License-Identifier: Apache-2.0 */
/* WebP: lossless, lossy, transparent, animated; and what a build without libwebp says. */
#include "io/formats.h"

#ifdef FV_WITH_WEBP
#include <webp/encode.h>

static const int height = 24, width = 33;

/* A chunk with its padding. */
static void put_chunk(bytes *b, const char *name, const void *data, size_t n)
{
    put_text(b, name);
    put_uint(b, n, 4, false);
    put(b, data, n);
    if (n & 1)
        put_uint(b, 0, 1, false);
}

static bytes riff(const bytes *content)
{
    bytes b = {.size = 0};
    put_text(&b, "RIFF");
    put_uint(&b, content->size + 4, 4, false);
    put_text(&b, "WEBP");
    put(&b, content->data, content->size);
    return b;
}

/* What libwebp makes of the picture of planted.h. */
static bytes encode(bool lossless, bool alpha)
{
    uint8_t *pixels = malloc((size_t)(height * width * 4)), *out = NULL;
    for (int i = 0; i < height * width * 4; i++)
        pixels[i] = i % 4 == 3 ? (uint8_t)(i / 4 % width * 7)
                               : planted_pixel(i / 4 / width, i / 4 % width, i % 4, height, width);
    size_t n;
    if (alpha)
        n = lossless ? WebPEncodeLosslessRGBA(pixels, width, height, width * 4, &out)
                     : WebPEncodeRGBA(pixels, width, height, width * 4, 95, &out);
    else {
        for (int i = 0; i < height * width; i++)
            memmove(pixels + 3 * i, pixels + 4 * i, 3);
        n = lossless ? WebPEncodeLosslessRGB(pixels, width, height, width * 3, &out)
                     : WebPEncodeRGB(pixels, width, height, width * 3, 95, &out);
    }
    bytes b = {.size = 0};
    put(&b, out, n);
    WebPFree(out);
    free(pixels);
    return b;
}

static void compare(const decoded *d, int y0, int x0, bool alpha, int tolerance)
{
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            const uint8_t *p = d->image.data + ((y + y0) * d->image.w + x + x0) * d->image.c;
            if (alpha)
                assert_int_equal(p[3], (uint8_t)(x * 7));
            for (int k = 0; k < 3 && !(alpha && p[3] == 0); k++)
                assert_true(abs(p[k] - planted_pixel(y, x, k, height, width)) <= tolerance);
        }
    }
}

static void webp_kinds(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const bool lossless = i & 1, alpha = i & 2;
        bytes b = encode(lossless, alpha);
        decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
        assert_string_equal(d.notes.format, "webp");
        assert_true(d.image.h == height && d.image.w == width && d.image.c == (alpha ? 4 : 3));
        assert_int_equal(d.notes.alpha, alpha);
        assert_false(d.notes.animated || d.notes.icc);
        compare(&d, 0, 0, alpha, lossless ? 0 : 48);
        decoded_free(&d);
        expect_truncated_anywhere(b.data, b.size, 12);
    }
}

static void webp_extended(void **state)
{
    (void)state;
    const bytes plain = encode(true, false);
    uint8_t exif[26];
    planted_exif(exif, 6, true);
    bytes content = {.size = 0};
    put_chunk(&content, "VP8X", (const uint8_t[10]){0x28, 0, 0, 0, 32, 0, 0, 23, 0, 0}, 10);
    put_chunk(&content, "ICCP", "profile", 7);
    put(&content, plain.data + 12, plain.size - 12);
    put_chunk(&content, "EXIF", exif, sizeof exif);
    bytes b = riff(&content);
    decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_true(d.notes.icc && d.notes.exif_rotated);
    assert_true(d.image.h == width && d.image.w == height);
    decoded_free(&d);
    d = decode_sound(b.data, b.size, (fv_decode_options){.ignore_exif = true});
    compare(&d, 0, 0, false, 0);
    decoded_free(&d);
}

/* A canvas of 40 x 50 with the first frame at row 4, column 6. */
static bytes animation(int canvas_w)
{
    const bytes plain = encode(true, true);
    bytes content = {.size = 0}, frame = {.size = 0};
    put_chunk(&content, "VP8X", (const uint8_t[10]){0x12, 0, 0, 0, (uint8_t)(canvas_w - 1), 0, 0, 39, 0, 0}, 10);
    put_chunk(&content, "ANIM", "\0\0\0\0\0\0", 6);
    put(&frame,
        (const uint8_t[16]){3, 0, 0, 2, 0, 0, (uint8_t)(width - 1), 0, 0, (uint8_t)(height - 1), 0, 0, 9, 0, 0, 0}, 16);
    put(&frame, plain.data + 12, plain.size - 12);
    put_chunk(&content, "ANMF", frame.data, frame.size);
    put_chunk(&content, "ANMF", frame.data, frame.size);
    return riff(&content);
}

static void webp_animated(void **state)
{
    (void)state;
    bytes b = animation(50);
    decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
    assert_true(d.notes.animated && d.notes.alpha);
    assert_true(d.image.h == 40 && d.image.w == 50 && d.image.c == 4);
    assert_int_equal(d.image.data[3], 0);
    compare(&d, 4, 6, true, 0);
    decoded_free(&d);
    b = animation(20);
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "does not fit its canvas");
}

static void webp_broken(void **state)
{
    (void)state;
    bytes b = encode(true, false);
    for (size_t i = 20; i < 25; i++)
        b.data[i] ^= 0x5A;
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "corrupt WebP");
    memset(b.data + 4, 0, 4);
    expect_refused(b.data, b.size, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "corrupt WebP");
    b = encode(true, false);
    decoded d = decode_bytes(b.data, b.size, (fv_decode_options){.max_pixels = height * width - 1});
    assert_int_equal(d.status, FV_ERR_DATA_TOO_LARGE);
    decoded_free(&d);
    assert_true(fv_test_each_allocation(decode_for_allocation, &b) >= 1);
}

#else

static void webp_absent(void **state)
{
    (void)state;
    expect_refused("RIFF\x10\0\0\0WEBPVP8 \0\0\0\0", 20, FV_ERR_DATA_FORMAT, FV_FAULT_CODING,
                   "a WebP image: this build of fovea is without libwebp (install it and build again)");
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef FV_WITH_WEBP
        cmocka_unit_test(webp_kinds),
        cmocka_unit_test(webp_extended),
        cmocka_unit_test(webp_animated),
        cmocka_unit_test(webp_broken),
#else
        cmocka_unit_test(webp_absent),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
