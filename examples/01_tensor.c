/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts, tensors, statuses: what everything else stands on. */
#include <stdio.h>

#include <fovea/fovea.h>

int main(void)
{
    /* Everything hangs from a context: allocator, threads, log, the message of the last failure. */
    fv_ctx *ctx = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    printf("fovea %s on %s, %s, %d thread(s)\n", fv_version(), fv_ctx_processor(ctx), fv_ctx_isa(ctx),
           fv_ctx_threads(ctx));

    /* An image: one of 4 x 6 pixels with 3 channels, zero-filled. Channels are innermost. */
    fv_tensor *image = NULL, *same = NULL;
    fv_status status = fv_tensor_create(ctx, FV_F32, &(fv_shape){4, {1, 4, 6, 3}}, &image);
    if (status != FV_OK)
        goto fail;
    float *pixels = fv_tensor_data(image);
    pixels[(2 * 6 + 5) * 3 + 1] = 0.5f; /* row 2, column 5, green */

    char text[96];
    printf("%s %s: %lld numbers\n", fv_dtype_name(fv_tensor_dtype(image)), fv_shape_text(fv_tensor_shape(image), text),
           (long long)fv_tensor_count(image));

    /* A second handle shares the numbers; they go with the last handle. */
    status = fv_tensor_share(image, &same);
    if (status != FV_OK)
        goto fail;
    fv_tensor_destroy(&image);
    printf("green at row 2, column 5: %g\n", (double)((const float *)fv_tensor_const_data(same))[(2 * 6 + 5) * 3 + 1]);
    fv_tensor_destroy(&same);

    /* A failure is a status and a message that names what was wrong. */
    status = fv_tensor_create(ctx, FV_F32, &(fv_shape){2, {3, -1}}, &image);
    printf("a tensor of 3 x -1: %s: %s\n", fv_status_name(status), fv_ctx_error(ctx));
    fv_ctx_destroy(&ctx);
    return status == FV_OK; /* it must have failed */

fail:
    fprintf(stderr, "%s: %s\n", fv_status_name(status), fv_ctx_error(ctx));
    fv_tensor_destroy(&image);
    fv_tensor_destroy(&same);
    fv_ctx_destroy(&ctx);
    return 1;
}
