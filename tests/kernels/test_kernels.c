/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include "base/ctx.h"
#include "kernels/kernels.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_context_and_tables_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
