/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of files for the inputs of a network. */
#include "feed.h"

#include <stdlib.h>
#include <string.h>

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

fv_status feed_read(fv_ctx *ctx, const char *list, feed *f)
{
    char *copy = strdup(list), *rest = copy;
    fv_status status = copy ? FV_OK : complain(FV_ERR_NO_MEMORY, NULL, "no memory for --input");
    for (char *word = strtok_r(rest, ",", &rest); status == FV_OK && word; word = strtok_r(NULL, ",", &rest))
        status = read_one(ctx, f, word);
    free(copy);
    return status;
}

void feed_free(feed *f)
{
    for (int i = 0; i < f->files; i++) {
        fv_arrays_destroy(&f->file[i]);
        free(f->name[i]);
    }
}

const fv_tensor *feed_value(const feed *f, const char *name, int inputs)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->value[i].name, name) == 0 || (inputs == 1 && f->count == 1))
            return f->value[i].tensor;
    return NULL;
}

fv_status feed_match(const fv_model *m, const feed *f, int64_t *batch)
{
    const int inputs = fv_model_port_count(m, false);
    fv_port_info port;
    int used = 0;
    *batch = 0;
    for (int i = 0; fv_model_port(m, false, i, &port); i++) {
        const fv_tensor *t = feed_value(f, port.name, inputs);
        char text[96];
        if (!t)
            return complain(FV_ERR_USAGE, "give every input of the network: --input NAME=FILE.npy",
                            "--input: there is no array for input '%s' (%s %s)", port.name, fv_dtype_name(port.dtype),
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
