/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "base/ctx.h"
#include "kernels/kernels.h"
#include "kernels/winograd/winograd.h"

/* The context offers the instruction sets that kernels were compiled for, and computes with the one it names. */
static void test_context_and_tables_agree(void **state)
{
    (void)state;
    for (int i = 0; i < FV_ISA_COUNT; i++) {
        const fv_kernels *kernels = fv_kernels_get((fv_isa)i);
        assert_int_equal(kernels != NULL, fv_isa_built((fv_isa)i));
        fv_ctx *ctx = NULL;
        const fv_ctx_options options = {.threads = 1, .isa = fv_isa_name((fv_isa)i)};
        if (fv_ctx_create(&options, &ctx) == FV_OK) {
            assert_ptr_equal(fv_kernels_of(ctx), kernels);
            assert_int_equal(kernels->isa, i);
        }
        fv_ctx_destroy(&ctx);
    }
    assert_null(fv_kernels_get(FV_ISA_COUNT));
    unsetenv("FOVEA_CPU");
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    assert_non_null(fv_kernels_of(ctx));
    assert_string_equal(fv_ctx_isa(ctx), fv_isa_name(fv_kernels_of(ctx)->isa));
    fv_ctx_destroy(&ctx);
}

/* The transforms of F(2x2,3x3) have the matrices of Lavin and Gray (arXiv:1509.09308, section 4.1): what they make of
 * single pixels, taps and sums are products of two elements. */
static void test_matrices_of_lavin_and_gray(void **state)
{
    static const float bt[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
    static const float g[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
    static const float at[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
    static const fv_tiles s = {
        .m = {2, 2}, .n = {4, 4}, .h = 4, .w = 4, .c = 16, .p = 2, .q = 2, .k = 16, .tiles_y = 1, .tiles_x = 1};
    /* Channel i of the image and of the sums, and filter i, are 1 at place i alone; kernels read behind their ends. */
    float unit[16 * 16 + 64] = {0}, taps[9 * 16 + 64] = {0}, v[16 * 16 + 64], u[16 * 16 + 64], y[4 * 16 + 64];
    const fv_tile_end end = {.bias = NULL};
    (void)state;
    for (int i = 0; i < 16; i++)
        unit[i * 16 + i] = 1.0f;
    for (int i = 0; i < 9; i++)
        taps[i * 16 + i] = 1.0f;
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    for (int isa = 0; isa < FV_ISA_COUNT; isa++) {
        const fv_kernels *k = cpu.has[isa] ? fv_kernels_get((fv_isa)isa) : NULL;
        if (!k)
            continue;
        k->winograd->tiles.input(&s, unit, 0, 1, 0, 16, v, 16);
        k->winograd->tiles.filter(&s, taps, (int64_t[]){3 * 16, 16}, 9, u, 16, 1);
        k->winograd->tiles.output(&s, &end, unit, 16, 0, 1, 0, 16, y);
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++)
                for (int i = 0; i < 16; i++) {
                    assert_true(v[(a * 4 + b) * 16 + i] == bt[a][i / 4] * bt[b][i % 4]);
                    if (i < 9)
                        assert_true(u[(a * 4 + b) * 16 + i] == g[a][i / 3] * g[b][i % 3]);
                    if (a < 2 && b < 2)
                        assert_true(y[(a * 2 + b) * 16 + i] == at[a][i / 4] * at[b][i % 4]);
                }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_context_and_tables_agree),
                                       cmocka_unit_test(test_matrices_of_lavin_and_gray)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
