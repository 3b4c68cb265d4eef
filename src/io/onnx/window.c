/* SPDX-License-Identifier: Apache-2.0 */
#include "io/onnx/window.h"

#include <string.h>

/* Up to two numbers of an attribute; rows have one, of their columns. */
static fv_status pair_of(const fv_onnx_node *n, const char *name, int sides, int64_t pair[2])
{
    const fv_ints ints = fv_onnx_ints(n, name);
    pair[0] = pair[1] = 1;
    if (ints.count == 0)
        return FV_OK;
    if (ints.count != sides)
        return fv_onnx_cannot(n, "%s has %lld numbers, expected %d", name, (long long)ints.count, sides);
    for (int i = 0; i < sides; i++) {
        pair[2 - sides + i] = ints.value[i];
        if (ints.value[i] < 1 || ints.value[i] > INT32_MAX)
            return fv_onnx_cannot(n, "%s holds %lld", name, (long long)ints.value[i]);
    }
    return FV_OK;
}

fv_status fv_onnx_window_of(const fv_onnx_node *n, const int64_t size[2], fv_onnx_window *win)
{
    char text[64];
    const fv_shape *src = &n->in[0]->shape;
    const int sides = src->rank - 2;
    const fv_ints pads = fv_onnx_ints(n, "pads");
    const char *mode = fv_onnx_text(n, "auto_pad", "NOTSET", text);
    *win = (fv_onnx_window){.size = {size[0], size[1]}, .ceil = fv_onnx_int(n, "ceil_mode", 0) != 0};
    FV_TRY(pair_of(n, "strides", sides, win->stride));
    FV_TRY(pair_of(n, "dilations", sides, win->dilation));
    if (strcmp(mode, "VALID") == 0)
        return FV_OK;
    if (strcmp(mode, "NOTSET") == 0) {
        if (pads.count != 0 && pads.count != 2 * sides)
            return fv_onnx_cannot(n, "pads has %lld numbers, expected %d", (long long)pads.count, 2 * sides);
        for (int i = 0; i < 2 * sides && pads.count; i++) {
            const int side = 2 - sides + i % sides;
            if (pads.value[i] < 0 || pads.value[i] > INT32_MAX)
                return fv_onnx_cannot(n, "a padding of %lld", (long long)pads.value[i]);
            win->pad[i < sides ? side : side + 2] = pads.value[i];
        }
        return FV_OK;
    }
    if (strcmp(mode, "SAME_UPPER") != 0 && strcmp(mode, "SAME_LOWER") != 0)
        return fv_onnx_cannot(n, "auto_pad is '%s'", mode);
    win->automatic = true;
    win->lower = strcmp(mode, "SAME_LOWER") == 0;
    for (int side = 2 - sides; side < 2; side++) {
        const int64_t in = src->dim[side + sides], out = (in + win->stride[side] - 1) / win->stride[side];
        int64_t total = (out - 1) * win->stride[side] + (size[side] - 1) * win->dilation[side] + 1 - in;
        total = total > 0 ? total : 0;
        win->pad[side] = win->lower ? total - total / 2 : total / 2;
        win->pad[side + 2] = total - win->pad[side];
    }
    return FV_OK;
}
