/* SPDX-License-Identifier: Apache-2.0 */
/* fovea run: raw arrays through a network, every output out, named and laid out as in the network's file. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "feed.h"

enum { LAYOUT_FILE, LAYOUT_NCHW, LAYOUT_NHWC };

static fv_port_layout layout_of(const settings *c, const fv_port_info *port)
{
    if (c->layout == LAYOUT_FILE || port->layout == FV_LAYOUT_WHOLE || port->shape.rank != 4)
        return port->layout;
    if (c->layout == LAYOUT_NCHW)
        return FV_LAYOUT_NCHW;
    return port->layout >= FV_LAYOUT_INTEGERS ? port->layout : FV_LAYOUT_PLAIN;
}

static fv_status compute(fv_ctx *ctx, const settings *c, fv_model *m, const feed *f, fv_arrays *out)
{
    fv_session *s = NULL;
    fv_port_info port;
    int64_t batch;
    char text[96];
    FV_TRY(feed_match(m, f, &batch));
    fv_status status = fv_session_create(m, batch, &s);
    for (int i = 0; status == FV_OK && fv_model_port(m, false, i, &port); i++)
        status = fv_session_set_tensor(s, port.name, layout_of(c, &port),
                                       feed_value(f, port.name, fv_model_port_count(m, false)));
    if (status == FV_OK)
        status = fv_session_run(s);
    for (int i = 0; status == FV_OK && fv_model_port(m, true, i, &port); i++) {
        fv_tensor *t = NULL;
        status = fv_session_get_tensor(s, port.name, layout_of(c, &port), &t);
        if (status == FV_OK)
            status = fv_arrays_add(out, port.name, t);
        if (status == FV_OK)
            note("%s: %s %s", port.name, fv_dtype_name(fv_tensor_dtype(t)), fv_shape_text(fv_tensor_shape(t), text));
        fv_tensor_destroy(&t);
    }
    fv_session_destroy(&s);
    (void)ctx;
    return status;
}

/* An architecture with --weights, for images of the array's size where --img-size names none. */
static fv_status open_architecture(fv_ctx *ctx, const settings *c, const char *name, const feed *f, fv_model **m)
{
    fv_zoo_options o = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    const fv_shape *shape = f->count == 1 ? fv_tensor_shape(f->value[0].tensor) : NULL;
    if (shape && shape->rank == 4) {
        const bool first = c->layout == LAYOUT_NCHW; /* channels before rows and columns */
        o.channels = shape->dim[first ? 1 : 3];
        for (int i = 0; i < 2; i++)
            o.img_size[i] = o.img_size[i] ? o.img_size[i] : shape->dim[(first ? 2 : 1) + i];
    }
    settings named = *c;
    named.model = name;
    return model_open_trained_for(ctx, &named, &o, m);
}

static fv_status open_file(fv_ctx *ctx, const settings *c, const char *path, const feed *f, fv_model **m)
{
    const fv_import_options options = {.img_size = {c->img_size[0], c->img_size[1]},
                                       .weights = c->weights,
                                       .values = f->value,
                                       .n_values = f->count,
                                       .values_order = c->layout == LAYOUT_NCHW   ? 1
                                                       : c->layout == LAYOUT_NHWC ? 2
                                                                                  : 0};
    return fv_model_import(ctx, path, &options, m);
}

static fv_status execute(fv_ctx *ctx, const settings *c, const char *path)
{
    feed f = {.count = 0};
    fv_model *m = NULL;
    fv_arrays *out = NULL;
    fv_status status = feed_read(ctx, c->input, &f);
    if (status == FV_OK)
        status = (model_is_architecture(path) || model_is_recipe(path) ? open_architecture : open_file)(ctx, c, path,
                                                                                                        &f, &m);
    if (status == FV_OK)
        status = fv_arrays_create(ctx, &out);
    if (status == FV_OK)
        status = compute(ctx, c, m, &f, out);
    if (status == FV_OK)
        status = fv_arrays_write(out, c->output);
    fv_arrays_destroy(&out);
    fv_model_destroy(&m);
    feed_free(&f);
    return status;
}

fv_status verb_run(settings *c)
{
    fv_ctx *ctx;
    const char *path = c->positional[0] ? c->positional[0] : option_given("model") ? c->model : NULL;
    if (!path)
        return complain(FV_ERR_USAGE, "fovea run MODEL --input x.npy --output y.npz", "fovea run: which model file?");
    if (!c->input || !c->output)
        return complain(FV_ERR_USAGE, "fovea run MODEL --input x.npy --output y.npz",
                        "fovea run: --input and --output are needed");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, execute(ctx, c, path));
    fv_ctx_destroy(&ctx);
    return status;
}
