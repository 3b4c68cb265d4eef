/* SPDX-License-Identifier: Apache-2.0 */
/* fovea run: raw arrays through a network, every output out, named and laid out as in the network's file. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { LAYOUT_FILE, LAYOUT_NCHW, LAYOUT_NHWC };
enum { INPUTS_MAX = 64 };

/* What the inputs are to be. */
typedef struct feed {
    fv_import_value value[INPUTS_MAX]; /* name "": the only input */
    fv_arrays *file[INPUTS_MAX];
    char *name[INPUTS_MAX]; /* those that were typed */
    int count, files;
} feed;

static fv_status add_value(feed *f, const char *name, const fv_tensor *tensor)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->value[i].name, name) == 0)
            return complain(FV_ERR_CONFLICT, "give every input once: --input NAME=FILE", "--input: '%s' is given twice",
                            name);
    if (f->count == INPUTS_MAX)
        return complain(FV_ERR_VALUE, NULL, "--input: more than %d arrays", INPUTS_MAX);
    f->value[f->count++] = (fv_import_value){name, tensor};
    return FV_OK;
}

/* "[NAME=]FILE": a .npz names its arrays itself. */
static fv_status read_one(fv_ctx *ctx, feed *f, const char *word)
{
    const char *equals = strchr(word, '=');
    const char *path = equals ? equals + 1 : word;
    if (f->files == INPUTS_MAX)
        return complain(FV_ERR_VALUE, NULL, "--input: more than %d files", INPUTS_MAX);
    FV_TRY(fv_arrays_read(ctx, path, &f->file[f->files]));
    const fv_arrays *a = f->file[f->files];
    f->name[f->files] = equals ? strndup(word, (size_t)(equals - word)) : NULL;
    const char *name = f->name[f->files++];
    if (equals && !name)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for --input");
    if (equals && fv_arrays_count(a) != 1)
        return complain(FV_ERR_CONFLICT, "give the file without NAME=: its arrays have names",
                        "--input %s: the file holds %d arrays", word, fv_arrays_count(a));
    for (int i = 0; i < fv_arrays_count(a); i++)
        FV_TRY(add_value(f, name ? name : fv_arrays_name(a, i), fv_arrays_tensor(a, i)));
    return FV_OK;
}

static fv_status read_inputs(fv_ctx *ctx, const char *list, feed *f)
{
    char *copy = strdup(list), *rest = copy;
    fv_status status = copy ? FV_OK : complain(FV_ERR_NO_MEMORY, NULL, "no memory for --input");
    for (char *word = strtok_r(rest, ",", &rest); status == FV_OK && word; word = strtok_r(NULL, ",", &rest))
        status = read_one(ctx, f, word);
    free(copy);
    return status;
}

static void free_inputs(feed *f)
{
    for (int i = 0; i < f->files; i++) {
        fv_arrays_destroy(&f->file[i]);
        free(f->name[i]);
    }
}

/* The array of an input: by name, or the only one without. */
static const fv_tensor *value_of(const feed *f, const char *name, int inputs)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->value[i].name, name) == 0 || (inputs == 1 && f->count == 1))
            return f->value[i].tensor;
    return NULL;
}

static fv_port_layout layout_of(const settings *c, const fv_port_info *port)
{
    if (c->layout == LAYOUT_FILE || port->layout == FV_LAYOUT_WHOLE || port->shape.rank != 4)
        return port->layout;
    if (c->layout == LAYOUT_NCHW)
        return FV_LAYOUT_NCHW;
    return port->layout >= FV_LAYOUT_INTEGERS ? port->layout : FV_LAYOUT_PLAIN;
}

/* Every input has an array and every array an input; *batch from their first dimensions. */
static fv_status match(const fv_model *m, const feed *f, int64_t *batch)
{
    const int inputs = fv_model_port_count(m, false);
    fv_port_info port;
    int used = 0;
    *batch = 0;
    for (int i = 0; fv_model_port(m, false, i, &port); i++) {
        const fv_tensor *t = value_of(f, port.name, inputs);
        char text[96];
        if (!t)
            return complain(FV_ERR_USAGE, "give every input of the network: --input NAME=FILE.npy",
                            "fovea run: there is no array for input '%s' (%s %s)", port.name, fv_dtype_name(port.dtype),
                            fv_shape_text(&port.shape, text));
        used++;
        const fv_shape *s = fv_tensor_shape(t);
        if (port.layout == FV_LAYOUT_WHOLE || s->rank < 1)
            continue;
        if (*batch && s->dim[0] != *batch)
            return complain(FV_ERR_SHAPE, "the first dimension is the batch, the same for all",
                            "--input: '%s' has %lld samples, another input %lld", port.name, (long long)s->dim[0],
                            (long long)*batch);
        *batch = s->dim[0];
    }
    for (int i = 0; i < f->count && f->count > used; i++) {
        bool known = false;
        for (int k = 0; fv_model_port(m, false, k, &port); k++)
            known = known || strcmp(port.name, f->value[i].name) == 0;
        if (!known)
            return complain(FV_ERR_UNKNOWN_OPTION, "`fovea info --model FILE --graph` shows the inputs",
                            "--input: the network has no input '%s'", f->value[i].name);
    }
    *batch = *batch ? *batch : 1;
    return FV_OK;
}

static fv_status compute(fv_ctx *ctx, const settings *c, fv_model *m, const feed *f, fv_arrays *out)
{
    fv_session *s = NULL;
    fv_port_info port;
    int64_t batch;
    char text[96];
    FV_TRY(match(m, f, &batch));
    fv_status status = fv_session_create(m, batch, &s);
    for (int i = 0; status == FV_OK && fv_model_port(m, false, i, &port); i++)
        status = fv_session_set_tensor(s, port.name, layout_of(c, &port),
                                       value_of(f, port.name, fv_model_port_count(m, false)));
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

static fv_status execute(fv_ctx *ctx, const settings *c, const char *path)
{
    feed f = {.count = 0};
    fv_model *m = NULL;
    fv_arrays *out = NULL;
    fv_status status = read_inputs(ctx, c->input, &f);
    const fv_import_options options = {
        .img_size = {c->img_size[0], c->img_size[1]}, .weights = c->weights, .values = f.value, .n_values = f.count};
    if (status == FV_OK)
        status = fv_model_import(ctx, path, &options, &m);
    if (status == FV_OK)
        status = fv_arrays_create(ctx, &out);
    if (status == FV_OK)
        status = compute(ctx, c, m, &f, out);
    if (status == FV_OK)
        status = fv_arrays_write(out, c->output);
    fv_arrays_destroy(&out);
    fv_model_destroy(&m);
    free_inputs(&f);
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
