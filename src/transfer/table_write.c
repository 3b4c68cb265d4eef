/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables as files. Numbers of a map are written c h w, as PyTorch has them; a stage is an array of its own. What the
 * rows are stands in the header of a safetensors file, in columns of a CSV file, and beside NumPy's in NAME.json. Rows
 * go through in pieces, whatever their number.
 */
#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "io/zip.h"
#include "transfer/table.h"

#define PIECE_BYTES (INT64_C(1) << 20)
/* What readers of safetensors take as a header at most. */
#define HEADER_MAX (INT64_C(100) << 20)

typedef fv_status (*put_fn)(void *user, const void *data, size_t size);

/* ---- what is written ---- */

fv_shape fv_feature_file_shape(const fv_feature_stage *s)
{
    const int64_t *d = s->features.dim;
    fv_shape shape = {.rank = s->features.rank - 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = d[i + 1];
    if (s->features.rank != 4)
        return shape;
    if (s->pool != FV_POOLING_NONE && d[1] * d[2] == 1)
        return (fv_shape){1, {d[3]}};
    return (fv_shape){3, {d[3], d[1], d[2]}};
}

void fv_feature_turn(const fv_feature_stage *s, bool to_file, const float *src, float *dst)
{
    const bool map = s->features.rank == 4;
    const int64_t pixels = map ? s->features.dim[1] * s->features.dim[2] : 1, channels = s->width / pixels;
    for (int64_t p = 0; p < pixels; p++)
        for (int64_t c = 0; c < channels; c++)
            if (to_file)
                dst[c * pixels + p] = src[p * channels + c];
            else
                dst[p * channels + c] = src[c * pixels + p];
}

/* Every number of a stage in the file's order, in pieces. */
static fv_status each_piece(const fv_feature_table *t, int stage, put_fn put, void *user)
{
    const fv_feature_stage *s = &t->stages[stage];
    const int64_t bytes = s->width * (int64_t)sizeof(float);
    const int64_t most = bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    float *rows = fv_malloc(t->ctx, (size_t)(2 * most * bytes)), *turned = rows + most * s->width;
    fv_status status = rows ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t at = 0; status == FV_OK && at < t->rows; at += most) {
        const int64_t n = t->rows - at < most ? t->rows - at : most;
        status = fv_feature_table_get(t, stage, at, n, rows);
        for (int64_t i = 0; status == FV_OK && i < n; i++)
            fv_feature_turn(s, true, rows + i * s->width, turned + i * s->width);
        if (status == FV_OK)
            status = put(user, turned, (size_t)(n * bytes));
        if (status == FV_OK)
            status = fv_watch(t->ctx, "wrote", "rows", at + n, t->rows);
    }
    fv_free(t->ctx, rows);
    return status;
}

static fv_shape array_shape(const fv_feature_table *t, int stage)
{
    const fv_shape row = fv_feature_file_shape(&t->stages[stage]);
    fv_shape shape = {.rank = row.rank + 1, .dim = {t->rows}};
    memcpy(shape.dim + 1, row.dim, (size_t)row.rank * sizeof *row.dim);
    return shape;
}

static void put_dims(fv_json *j, const char *key, const fv_shape *shape)
{
    fv_json_key(j, key);
    fv_json_begin_array(j);
    for (int i = 1; i < shape->rank; i++)
        fv_json_int(j, shape->dim[i]);
    fv_json_end_array(j);
}

/* What the rows are, as JSON. */
static fv_status describe(const fv_feature_table *t, fv_str *out)
{
    fv_json j = {.out = out};
    fv_json_begin_object(&j);
    fv_json_key(&j, "format");
    fv_json_string(&j, FV_FEATURES_FORMAT);
    fv_json_key(&j, "model");
    fv_json_string(&j, t->model);
    fv_json_key(&j, "digest");
    fv_json_string(&j, t->digest);
    fv_json_key(&j, "stages");
    fv_json_begin_array(&j);
    for (int i = 0; i < t->count; i++) {
        fv_json_begin_object(&j);
        fv_json_key(&j, "name");
        fv_json_string(&j, t->stages[i].name);
        put_dims(&j, "shape", &t->stages[i].shape);
        put_dims(&j, "features", &t->stages[i].features);
        fv_json_key(&j, "pool");
        fv_json_string(&j, fv_pooling_names()[t->stages[i].pool]);
        fv_json_end_object(&j);
    }
    fv_json_end_array(&j);
    fv_json_key(&j, "classes");
    fv_json_begin_array(&j);
    for (int64_t i = 0; i < t->classes; i++)
        fv_json_string(&j, t->class_names[i]);
    fv_json_end_array(&j);
    fv_json_key(&j, "samples");
    fv_json_begin_array(&j);
    for (int64_t i = 0; i < t->rows; i++) {
        fv_json_begin_object(&j);
        fv_json_key(&j, "path");
        fv_json_string(&j, t->names[i]);
        fv_json_key(&j, "label");
        if (t->labels[i] >= 0)
            fv_json_int(&j, t->labels[i]);
        else
            fv_json_null(&j);
        fv_json_end_object(&j);
    }
    fv_json_end_array(&j);
    fv_json_end_object(&j);
    return fv_str_status(out);
}

static fv_status put_file(void *user, const void *data, size_t size)
{
    return fv_writer_put(user, data, size);
}

/* The labels as i64, in pieces. */
static fv_status each_label(const fv_feature_table *t, put_fn put, void *user)
{
    int64_t labels[512];
    for (int64_t at = 0; at < t->rows;) {
        int64_t n = 0;
        for (; n < 512 && at < t->rows; n++, at++)
            labels[n] = t->labels[at];
        FV_TRY(put(user, labels, (size_t)n * sizeof *labels));
    }
    return FV_OK;
}

/* ---- NumPy ---- */

static fv_status write_beside(const fv_feature_table *t, const char *path)
{
    fv_str text = {.ctx = t->ctx}, name = {.ctx = t->ctx};
    fv_str_printf(&name, "%s.json", path);
    fv_status status = describe(t, &text);
    fv_str_append(&text, "\n");
    if (status == FV_OK)
        status = fv_str_status(&name);
    if (status == FV_OK)
        status = fv_file_write(t->ctx, name.data, text.data, text.size);
    fv_str_free(&text);
    fv_str_free(&name);
    return status;
}

static fv_status write_npy(const fv_feature_table *t, fv_writer *writer)
{
    fv_str head = {.ctx = t->ctx};
    const fv_shape shape = array_shape(t, 0);
    fv_status status = fv_npy_header(&head, FV_F32, &shape);
    if (status == FV_OK)
        status = fv_writer_put(writer, head.data, head.size);
    fv_str_free(&head);
    return status == FV_OK ? each_piece(t, 0, put_file, writer) : status;
}

static fv_status put_crc(void *user, const void *data, size_t size)
{
    uLong *crc = user;
    *crc = crc32(*crc, data, (uInt)size);
    return FV_OK;
}

/* A member; stage -1: the labels. Its checksum stands before it, so that rows are looked at twice. */
static fv_status write_member(const fv_feature_table *t, int stage, fv_zip_writer *zip, fv_writer *writer)
{
    char name[600];
    fv_str head = {.ctx = t->ctx};
    const fv_shape shape = stage < 0 ? (fv_shape){1, {t->rows}} : array_shape(t, stage);
    fv_status status = fv_npy_header(&head, stage < 0 ? FV_I64 : FV_F32, &shape);
    uLong crc = crc32(0, NULL, 0);
    snprintf(name, sizeof name, "%.500s.npy", stage < 0 ? "label" : t->stages[stage].name);
    if (status == FV_OK) {
        crc = crc32(crc, (const Bytef *)head.data, (uInt)head.size);
        status = stage < 0 ? each_label(t, put_crc, &crc) : each_piece(t, stage, put_crc, &crc);
    }
    const int64_t bytes = (int64_t)head.size + fv_shape_count(&shape) * (stage < 0 ? 8 : 4);
    if (status == FV_OK)
        status = fv_zip_begin(zip, writer, name, bytes, (uint32_t)crc);
    if (status == FV_OK)
        status = fv_writer_put(writer, head.data, head.size);
    fv_str_free(&head);
    FV_TRY(status);
    return stage < 0 ? each_label(t, put_file, writer) : each_piece(t, stage, put_file, writer);
}

static fv_status write_npz(const fv_feature_table *t, fv_writer *writer)
{
    fv_zip_writer zip = {.ctx = t->ctx};
    fv_status status = FV_OK;
    for (int i = -1; status == FV_OK && i < t->count; i++)
        status = write_member(t, i, &zip, writer);
    if (status == FV_OK)
        status = fv_zip_finish(&zip, writer);
    fv_zip_discard(&zip);
    return status == FV_ERR_UNSUPPORTED ? fv_fail_hint(t->ctx, status, "write to a .safetensors file") : status;
}

/* ---- safetensors ---- */

/* Its length in front; padded, so that what follows begins at a multiple of 8. */
static fv_status make_header(const fv_feature_table *t, const char *about, fv_str *out)
{
    fv_json j = {.out = out};
    int64_t offset = 0;
    const fv_shape labels = {1, {t->rows}};
    fv_str_append_n(out, "\0\0\0\0\0\0\0\0", 8);
    fv_json_begin_object(&j);
    fv_json_key(&j, "__metadata__");
    fv_json_begin_object(&j);
    fv_json_key(&j, "format");
    fv_json_string(&j, "pt");
    fv_json_key(&j, FV_FEATURES_KEY);
    fv_json_string(&j, about);
    fv_json_end_object(&j);
    fv_st_put_entry(&j, "label", "I64", &labels, 8 * t->rows, &offset);
    for (int i = 0; i < t->count; i++) {
        const fv_shape shape = array_shape(t, i);
        fv_st_put_entry(&j, t->stages[i].name, "F32", &shape, 4 * fv_shape_count(&shape), &offset);
    }
    fv_json_end_object(&j);
    while (out->size % 8 != 0 && !out->failed)
        fv_str_append(out, " ");
    FV_TRY(fv_str_status(out));
    if ((int64_t)out->size - 8 > HEADER_MAX)
        return fv_fail_hint(t->ctx,
                            fv_fail(t->ctx, FV_ERR_UNSUPPORTED,
                                    "the names of %lld rows are more than the header of a "
                                    "safetensors file can hold",
                                    (long long)t->rows),
                            "write to a .npz file");
    for (int i = 0; i < 8; i++)
        out->data[i] = (char)((uint64_t)(out->size - 8) >> (8 * i));
    return FV_OK;
}

static fv_status write_safetensors(const fv_feature_table *t, fv_writer *writer)
{
    fv_str about = {.ctx = t->ctx}, head = {.ctx = t->ctx};
    fv_status status = describe(t, &about);
    if (status == FV_OK)
        status = make_header(t, about.data, &head);
    fv_str_free(&about);
    if (status == FV_OK)
        status = fv_writer_put(writer, head.data, head.size);
    fv_str_free(&head);
    if (status == FV_OK)
        status = each_label(t, put_file, writer);
    for (int i = 0; status == FV_OK && i < t->count; i++)
        status = each_piece(t, i, put_file, writer);
    return status;
}

/* ---- CSV ---- */

static fv_status put_row(const fv_feature_table *t, int64_t row, float *room, fv_writer *writer, fv_str *line)
{
    char number[32];
    fv_str_csv(line, t->names[row]);
    fv_str_append(line, ",");
    fv_str_csv(line, fv_feature_table_class_name(t, t->labels[row]));
    for (int s = 0; s < t->count; s++) {
        const int64_t width = t->stages[s].width;
        FV_TRY(fv_feature_table_get(t, s, row, 1, room));
        fv_feature_turn(&t->stages[s], true, room, room + width);
        for (int64_t i = 0; i < width; i++) {
            fv_str_append(line, ",");
            fv_str_append(line, fv_float_text(room[width + i], number));
            if (line->size > (size_t)PIECE_BYTES) {
                FV_TRY(fv_writer_put(writer, line->data, line->size));
                line->size = 0;
            }
        }
    }
    fv_str_append(line, "\n");
    FV_TRY(fv_str_status(line));
    FV_TRY(fv_writer_put(writer, line->data, line->size));
    line->size = 0;
    return fv_watch(t->ctx, "wrote", "rows", row + 1, t->rows);
}

static fv_status write_csv(const fv_feature_table *t, fv_writer *writer)
{
    fv_str line = {.ctx = t->ctx};
    int64_t widest = 0;
    for (int s = 0; s < t->count; s++)
        widest = t->stages[s].width > widest ? t->stages[s].width : widest;
    float *room = fv_calloc(t->ctx, 2 * (size_t)widest, sizeof *room);
    fv_status status = room ? FV_OK : FV_ERR_NO_MEMORY;
    fv_str_append(&line, "path,label");
    for (int s = 0; s < t->count; s++)
        for (int64_t i = 0; i < t->stages[s].width; i++) {
            char name[600];
            snprintf(name, sizeof name, "%.500s:%lld", t->stages[s].name, (long long)i);
            fv_str_append(&line, ",");
            fv_str_csv(&line, name);
        }
    fv_str_append(&line, "\n");
    if (status == FV_OK)
        status = fv_str_status(&line);
    if (status == FV_OK)
        status = fv_writer_put(writer, line.data, line.size);
    line.size = 0;
    for (int64_t row = 0; status == FV_OK && row < t->rows; row++)
        status = put_row(t, row, room, writer, &line);
    fv_str_free(&line);
    fv_free(t->ctx, room);
    return status;
}

/* ---- forms ---- */

static const char *const npy[] = {".npy", NULL}, *const npz[] = {".npz", NULL}, *const csv[] = {".csv", NULL},
                         *const st[] = {".safetensors", NULL};
static const struct {
    const char *const *endings;
    bool one, beside; /* takes one stage only; what the rows are goes into a file beside it */
    fv_status (*write)(const fv_feature_table *table, fv_writer *writer);
} forms[] = {{npy, true, true, write_npy},
             {npz, false, true, write_npz},
             {csv, false, false, write_csv},
             {st, false, false, write_safetensors}};
enum { FORMS = sizeof forms / sizeof *forms };

static int form_of(const char *path)
{
    int i = 0;
    while (i < FORMS && !fv_text_has_ending(path, forms[i].endings))
        i++;
    return i;
}

fv_status fv_feature_file_check(fv_ctx *ctx, const char *path, int stages)
{
    const int form = form_of(path);
    if (form == FORMS)
        return fv_fail(ctx, FV_ERR_VALUE, "%s: expected a name that ends with .npy, .npz, .csv or .safetensors", path);
    if (forms[form].one && stages > 1)
        return fv_fail_hint(
            ctx, fv_fail(ctx, FV_ERR_VALUE, "%s: a .npy file holds one array, and %d layers were named", path, stages),
            "write to a .npz, .csv or .safetensors file");
    return FV_OK;
}

fv_status fv_feature_table_write(const fv_feature_table *t, const char *path)
{
    fv_writer *writer;
    FV_TRY(fv_feature_file_check(t->ctx, path, t->count));
    const int form = form_of(path);
    FV_TRY(fv_writer_open(t->ctx, path, &writer));
    const fv_status status = forms[form].write(t, writer);
    if (status != FV_OK) {
        fv_writer_abort(&writer);
        return status;
    }
    FV_TRY(fv_writer_commit(&writer));
    return forms[form].beside ? write_beside(t, path) : FV_OK;
}
