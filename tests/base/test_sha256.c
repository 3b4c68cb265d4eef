/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "base/file.h"

static void check_with(void (*init)(fv_sha256 *), const void *data, size_t size, const char *expected)
{
    for (size_t step = 1; step <= size + 1; step = step * 5 + 2) {
        fv_sha256 h;
        uint8_t digest[32];
        char hex[65];
        init(&h);
        for (size_t at = 0; at < size; at += step)
            fv_sha256_update(&h, (const uint8_t *)data + at, step < size - at ? step : size - at);
        fv_sha256_final(&h, digest);
        fv_sha256_hex(digest, hex);
        assert_string_equal(hex, expected);
    }
}

static void check_sha256(const void *data, size_t size, const char *expected)
{
    check_with(fv_sha256_init_plain, data, size, expected);
    check_with(fv_sha256_init, data, size, expected);
}

static void test_sha256(void **state)
{
    (void)state;
    /* The examples of FIPS 180 and the NIST page of examples. */
    check_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    uint8_t *a = malloc(1000000);
    memset(a, 'a', 1000000);
    check_sha256(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

/* Both ways agree on lengths around a block and on blocks that differ. */
static void test_both_ways(void **state)
{
    (void)state;
    uint8_t data[1000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i * 2654435761u >> 13);
    for (size_t size = 0; size <= sizeof data; size++) {
        fv_sha256 h;
        uint8_t digest[32];
        char hex[65];
        fv_sha256_init_plain(&h);
        fv_sha256_update(&h, data, size);
        fv_sha256_final(&h, digest);
        fv_sha256_hex(digest, hex);
        check_with(fv_sha256_init, data, size, hex);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sha256), cmocka_unit_test(test_both_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
