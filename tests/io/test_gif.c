/* SPDX-License-Identifier: Apache-2.0 */
/* GIF: coded here, in several ways, and broken. */
#include "io/formats.h"

enum { CLEARS = 1, INTERLACED = 2, TRANSPARENT = 4, LOCAL = 8, ANIMATED = 16 };

typedef struct packer {
    bytes *b;
    uint8_t block[255];
    int n, n_bits;
    uint32_t bits;
} packer;

static void flush_block(packer *p)
{
    put_uint(p->b, (uint64_t)p->n, 1, false);
    put(p->b, p->block, (size_t)p->n);
    p->n = 0;
}

static void put_code(packer *p, int code, int size)
{
    p->bits |= (uint32_t)code << p->n_bits;
    p->n_bits += size;
    while (p->n_bits >= 8) {
        p->block[p->n++] = (uint8_t)p->bits;
        p->bits >>= 8;
        p->n_bits -= 8;
        if (p->n == 255)
            flush_block(p);
    }
}

/* LZW as the specification describes it, by searching through the strings known so far. */
static void put_lzw(bytes *b, const uint8_t *src, int n, int min_size, int clear_after)
{
    static int prefix[4096], last[4096];
    const int clear = 1 << min_size;
    int next = clear + 2, size = min_size + 1, current = -1, since = 0;
    packer p = {.b = b};
    put_uint(b, (uint64_t)min_size, 1, false);
    put_code(&p, clear, size);
    for (int i = 0; i < n; i++) {
        int code = current < 0 ? src[i] : -1;
        for (int k = clear + 2; code < 0 && k < next; k++)
            code = prefix[k] == current && last[k] == src[i] ? k : -1;
        if (code >= 0) {
            current = code;
            continue;
        }
        put_code(&p, current, size);
        if (next < 4096) {
            prefix[next] = current;
            last[next] = src[i];
            if (next == 1 << size)
                size++;
            next++;
        }
        current = src[i];
        if (clear_after && ++since == clear_after) {
            put_code(&p, current, size);
            /* A decoder adds a string here as well, whose length may need a longer code. */
            if (next < 4096 && next == 1 << size)
                size++;
            put_code(&p, clear, size);
            next = clear + 2;
            size = min_size + 1;
            since = 0;
            current = -1;
        }
    }
    if (current >= 0) {
        put_code(&p, current, size);
        if (next < 4096 && next == 1 << size)
            size++;
    }
    put_code(&p, clear + 1, size);
    put_code(&p, 0, 7);
    if (p.n)
        flush_block(&p);
    put_uint(b, 0, 1, false);
}

static uint8_t index_at(int y, int x, int bits)
{
    return (uint8_t)((y * y / 3 + x * 5 + (x * y) / 7) & ((1 << bits) - 1));
}

static void put_colors(bytes *b, int n, int blue)
{
    for (int i = 0; i < n; i++)
        put(b, (const uint8_t[3]){(uint8_t)i, (uint8_t)(255 - i), (uint8_t)blue}, 3);
}

/* A frame of h x w at (1, 2) on a screen of (h + 1) x (w + 2) when partial. */
static bytes make_gif(int h, int w, int bits, bool partial, int flags)
{
    bytes b = {.size = 0};
    put_text(&b, flags & TRANSPARENT ? "GIF89a" : "GIF87a");
    put_uint(&b, (uint64_t)(w + 2 * partial), 2, false);
    put_uint(&b, (uint64_t)(h + partial), 2, false);
    put_uint(&b, (uint64_t)(0x80 | (bits - 1)), 1, false);
    put_uint(&b, 0, 2, false);
    put_colors(&b, 1 << bits, flags & LOCAL ? 99 : 7);
    for (int frame = 0; frame < (flags & ANIMATED ? 2 : 1); frame++) {
        if (flags & TRANSPARENT)
            put(&b,
                "\x21\xFE\x03"
                "abc\0\x21\xF9\x04\x01\0\0\x02\0",
                15);
        put_uint(&b, 0x2C, 1, false);
        put_uint(&b, partial ? 2 : 0, 2, false);
        put_uint(&b, partial, 2, false);
        put_uint(&b, (uint64_t)w, 2, false);
        put_uint(&b, (uint64_t)h, 2, false);
        put_uint(&b, (uint64_t)((flags & INTERLACED ? 0x40 : 0) | (flags & LOCAL ? 0x80 | (bits - 1) : 0)), 1, false);
        if (flags & LOCAL)
            put_colors(&b, 1 << bits, 7);
        uint8_t *indices = malloc((size_t)(h * w));
        int n = 0;
        for (int pass = 0; pass < (flags & INTERLACED ? 4 : 1); pass++) {
            static const int start[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
            for (int y = flags & INTERLACED ? start[pass] : 0; y < h; y += flags & INTERLACED ? step[pass] : 1)
                for (int x = 0; x < w; x++)
                    indices[n++] = index_at(y, x, bits);
        }
        put_lzw(&b, indices, n, bits < 2 ? 2 : bits, flags & CLEARS ? 50 : 0);
        free(indices);
    }
    put_text(&b, ";");
    return b;
}

static void gif_kinds(void **state)
{
    (void)state;
    static const int flags[] = {
        0, CLEARS, INTERLACED, TRANSPARENT, LOCAL | INTERLACED, ANIMATED, ANIMATED | TRANSPARENT};
    for (int i = 0; i < 7 * 2 * 4; i++) {
        const int how = flags[i % 7], bits = (const int[]){8, 1, 4, 7}[i / 14];
        const bool partial = i / 7 % 2;
        bytes b = make_gif(37, 91, bits, partial, how);
        decoded d = decode_sound(b.data, b.size, (fv_decode_options){0});
        const bool alpha = partial || (how & TRANSPARENT);
        assert_string_equal(d.notes.format, "gif");
        assert_int_equal(d.image.h, 37 + partial);
        assert_int_equal(d.image.w, 91 + 2 * partial);
        assert_int_equal(d.image.c, alpha ? 4 : 3);
        assert_int_equal(d.notes.alpha, alpha);
        assert_int_equal(d.notes.animated, how & ANIMATED ? 1 : 0);
        assert_true(d.notes.palette);
        assert_int_equal(d.notes.warnings, 0);
        for (int y = 0; y < d.image.h; y++) {
            for (int x = 0; x < d.image.w; x++) {
                const uint8_t *p = d.image.data + (y * d.image.w + x) * d.image.c;
                if (partial && (y < 1 || x < 2)) {
                    assert_int_equal(p[3], 0);
                    continue;
                }
                const int v = index_at(y - partial, x - 2 * partial, bits);
                assert_true(p[0] == v && p[1] == 255 - v && p[2] == 7);
                assert_true(!alpha || p[3] == ((how & TRANSPARENT) && v == 2 ? 0 : 255));
            }
        }
        decoded_free(&d);
    }
}

static void gif_broken(void **state)
{
    (void)state;
    bytes b = make_gif(60, 60, 8, false, INTERLACED);
    expect_truncated_anywhere(b.data, b.size - 4, 6);
    decoded d = decode_sound(b.data, b.size - 1, (fv_decode_options){0});
    assert_non_null(strstr(d.notes.warning, "the end of the file is missing"));
    decoded_free(&d);
    b = make_gif(60, 60, 8, false, 0);
    d = decode_sound(b.data, b.size / 2, (fv_decode_options){.salvage = true});
    assert_true(d.notes.salvaged);
    assert_int_equal(d.image.data[0], index_at(0, 0, 8));
    assert_int_equal(d.image.data[60 * 60 * 3 - 1], 128);
    decoded_free(&d);

    static const struct {
        int at, value, fault;
        const char *words;
    } changes[] = {{13 + 768, 'x', FV_FAULT_TRUNCATED, "corrupt GIF at byte 781 of "},
                   {13 + 768, ';', FV_FAULT_TRUNCATED, "there is no image in it"},
                   {13 + 768 + 10, 9, FV_FAULT_TRUNCATED, "a code size other than 1 to 8"},
                   {13 + 768 + 1, 1, FV_FAULT_TRUNCATED, "larger than the screen"},
                   {13 + 768 + 5, 0, FV_FAULT_TINY, "0 x 60"},
                   {6, 0, FV_FAULT_TINY, "0 x 60"},
                   {13 + 768 + 12, 0xFF, FV_FAULT_TRUNCATED, "a code that cannot be"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bytes changed = b;
        changed.data[changes[i].at] = (uint8_t)changes[i].value;
        expect_refused(changed.data, changed.size, FV_ERR_DATA_FORMAT, changes[i].fault, changes[i].words);
    }
    bytes changed = b;
    memset(changed.data + 6, 0xFF, 4);
    expect_refused(changed.data, changed.size, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, "65535 x 65535");
    /* No palette at all. */
    bytes bare = {.size = 0};
    put(&bare, b.data, 13);
    bare.data[10] = 0;
    put(&bare, b.data + 13 + 768, b.size - 13 - 768);
    expect_refused(bare.data, bare.size, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, "without colors");
}

static void allocation_failures(void **state)
{
    (void)state;
    bytes b = make_gif(5, 6, 4, true, TRANSPARENT);
    assert_true(fv_test_each_allocation(decode_for_allocation, &b) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gif_kinds),
        cmocka_unit_test(gif_broken),
        cmocka_unit_test(allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
