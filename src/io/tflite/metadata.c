/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a file says of its images and classes: the metadata that TensorFlow's tools put into one of its buffers, with
 * files in a zip archive behind the tables.
 */
#include <stdio.h>
#include <string.h>

#include "io/import.h"
#include "io/tflite/node.h"
#include "io/zip.h"

/* Fields of the tables, by number. */
enum { MODEL_BUFFERS = 4, MODEL_METADATA = 6 };
enum { ENTRY_NAME, ENTRY_BUFFER };
enum { META_GRAPHS = 3, META_LICENSE = 5 };
enum { GRAPH_INPUTS = 2, GRAPH_OUTPUTS };
enum { PORT_UNITS = 4, PORT_FILES = 6 };
enum { UNIT_TYPE, UNIT_OPTIONS };
enum { NORMALIZATION_MEAN, NORMALIZATION_STD };
enum { FILE_NAME, FILE_TYPE = 2 };
enum { UNIT_NORMALIZATION = 1, FILE_AXIS_LABELS = 2 };

/* The tables of the metadata, which are a file in the file. */
static fv_flat_table metadata_of(fv_tflite_file *file, fv_flat *inner)
{
    const fv_flat_vector list = fv_flat_list(file->model, MODEL_METADATA, 4);
    for (int64_t i = 0; i < list.count; i++) {
        const fv_flat_table entry = fv_flat_list_child(list, i);
        const int64_t index = fv_flat_int(entry, ENTRY_BUFFER, -1);
        if (strcmp(fv_flat_text(entry, ENTRY_NAME), "TFLITE_METADATA") != 0 || index < 0 ||
            index >= file->buffers.count)
            continue;
        const fv_flat_vector bytes = fv_flat_list(fv_flat_list_child(file->buffers, index), 0, 1);
        if (bytes.count < 8)
            continue;
        *inner = (fv_flat){fv_flat_bytes(bytes), bytes.count, false};
        return fv_flat_root(inner);
    }
    return (fv_flat_table){inner, 0};
}

/* Of the only input or output that is described. */
static fv_flat_table port_of(fv_flat_table meta, int field)
{
    const fv_flat_vector graphs = fv_flat_list(meta, META_GRAPHS, 4);
    const fv_flat_vector ports =
        graphs.count == 1 ? fv_flat_list(fv_flat_list_child(graphs, 0), field, 4) : (fv_flat_vector){0};
    return ports.count == 1 ? fv_flat_list_child(ports, 0) : (fv_flat_table){meta.flat, 0};
}

/* (pixel - mean) / std of pixels in [0, 255]. */
static fv_status take_pixels(const fv_tflite_file *file, fv_flat_table input, fv_model *m)
{
    const fv_flat_vector units = fv_flat_list(input, PORT_UNITS, 4);
    fv_pipeline p = *fv_model_pipeline(m);
    fv_model_input_size(m, &p.h, &p.w, &p.c);
    for (int64_t i = 0; i < units.count; i++) {
        const fv_flat_table unit = fv_flat_list_child(units, i), options = fv_flat_child(unit, UNIT_OPTIONS);
        const fv_flat_vector mean = fv_flat_list(options, NORMALIZATION_MEAN, 4),
                             std = fv_flat_list(options, NORMALIZATION_STD, 4);
        if (fv_flat_byte(unit, UNIT_TYPE, 0) != UNIT_NORMALIZATION || p.c < 1 || p.c > 16 || mean.count < 1 ||
            std.count != mean.count || (mean.count != 1 && mean.count != p.c))
            continue;
        for (int k = 0; k < 16; k++) {
            const int64_t at = mean.count == 1 || k >= p.c ? 0 : k;
            p.mean[k] = (float)(fv_flat_list_real(mean, at) / 255.0);
            p.std[k] = (float)(fv_flat_list_real(std, at) / 255.0);
            if (!(p.std[k] > 0) || !(p.std[k] < 1e6f) || !(p.mean[k] > -1e6f && p.mean[k] < 1e6f))
                return FV_OK; /* no normalization at all */
        }
        FV_TRY(fv_model_set_pipeline(m, &p));
        m->card.pixels_said = true;
        fv_log(file->ctx, FV_LOG_INFO, "import", "%s: its metadata say: (pixel - %g) / %g", file->path,
               fv_flat_list_real(mean, 0), fv_flat_list_real(std, 0));
        return FV_OK;
    }
    return FV_OK;
}

/* ---- names of classes ---- */

/* The file of labels that goes with the output, in the archive behind the tables. *text NULL: there is none. */
static fv_status packed_labels(const fv_tflite_file *file, fv_flat_table output, fv_arena *arena, char **text)
{
    const fv_flat_vector list = fv_flat_list(output, PORT_FILES, 4);
    const char *name = NULL;
    const uint8_t *data = NULL;
    int64_t size = 0;
    fv_zip *zip = NULL;
    *text = NULL;
    for (int64_t i = 0; i < list.count && !name; i++) {
        const fv_flat_table entry = fv_flat_list_child(list, i);
        if (fv_flat_byte(entry, FILE_TYPE, 0) == FILE_AXIS_LABELS && *fv_flat_text(entry, FILE_NAME))
            name = fv_flat_text(entry, FILE_NAME);
    }
    if (!name)
        return FV_OK;
    fv_status status =
        fv_zip_open(file->ctx, file->path, file->flat.data, file->flat.size, arena, FV_IMPORT_LABELS_MAX, &zip);
    if (status == FV_OK)
        status = fv_zip_read(zip, name, &data, &size);
    fv_zip_close(&zip);
    if (status == FV_OK && data) {
        *text = fv_arena_alloc(arena, (size_t)size + 1);
        if (!*text)
            return FV_ERR_NO_MEMORY;
        memcpy(*text, data, (size_t)size);
    }
    if (status == FV_OK || status == FV_ERR_NO_MEMORY)
        return status;
    fv_log(file->ctx, FV_LOG_WARN, "import", "%s: the labels '%.100s' cannot be read: %s", file->path, name,
           fv_ctx_error(file->ctx));
    fv_fail_clear(file->ctx);
    return FV_OK;
}

fv_status fv_tflite_describe(fv_tflite_file *file, fv_model *m)
{
    fv_flat inner = {0};
    fv_arena *arena = NULL;
    char *text = NULL;
    const fv_flat_table meta = metadata_of(file, &inner);
    if (meta.at) {
        FV_TRY(take_pixels(file, port_of(meta, GRAPH_INPUTS), m));
        FV_TRY(fv_arena_create(file->ctx, &arena));
        fv_status status = packed_labels(file, port_of(meta, GRAPH_OUTPUTS), arena, &text);
        if (status == FV_OK && text)
            status = fv_import_labels(file->ctx, file->path, text, m);
        fv_arena_destroy(&arena);
        FV_TRY(status);
    }
    return FV_OK;
}
