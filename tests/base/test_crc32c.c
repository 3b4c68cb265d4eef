/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C: every length and place, in one piece and in parts, with the instruction and without. */
#include "support/support.h"

#include "base/crc32c.h"

static uint32_t bit_by_bit(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    }
    return ~crc;
}

static void known(void **state)
{
    (void)state;
    assert_int_equal(fv_crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(fv_crc32c("", 0), 0);
}

static void all_lengths(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint8_t data[N + 16];
    for (int i = 0; i < N + 16; i++)
        data[i] = (uint8_t)((uint32_t)i * 2654435761u >> 23);
    for (size_t n = 0; n < N; n += n < 300 ? 1 : n > 6100 && n < 6200 ? 1 : 97) {
        const uint8_t *p = data + n % 16;
        const uint32_t expected = bit_by_bit(p, n);
        assert_int_equal(fv_crc32c(p, n), expected);
        assert_int_equal(fv_crc32c_plain(0, p, n), expected);
        const size_t part = n * 3 / 7;
        assert_int_equal(fv_crc32c_more(fv_crc32c(p, part), p + part, n - part), expected);
    }
}

static void pieces(void **state)
{
    (void)state;
    static uint8_t data[9000];
    uint32_t crc[9];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)((uint32_t)i * 2654435761u >> 23);
    for (size_t size = 0; size < 900; size += size < 40 ? 1 : 53) {
        for (size_t count = 0; count < 9; count++) {
            memset(crc, 0xEE, sizeof crc);
            fv_crc32c_each(data + size % 5, size, count, crc);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(crc[i], bit_by_bit(data + size % 5 + i * size, size));
            assert_int_equal(crc[count], 0xEEEEEEEEu); /* no more than asked for */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known), cmocka_unit_test(all_lengths),
                                       cmocka_unit_test(pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
