/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the packed file (format.h). */
#include <string.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "data/pack/format.h"
#include "data/pack/pack.h"

typedef struct file_sink {
    fv_packer *packer;
    fv_ctx *ctx;
    fv_writer *writer;
    int64_t at; /* bytes written */
    fv_str index, names, targets;
    int64_t count;
    uint32_t flags;
    int64_t h, w, c; /* of the first record */
    fv_depth depth;
    bool bands;
} file_sink;

static fv_status put(file_sink *s, const void *data, int64_t size)
{
    s->at += size;
    return fv_writer_put(s->writer, data, (size_t)size);
}

/* Up to a multiple of `align`. */
static fv_status pad(file_sink *s, int64_t align)
{
    static const uint8_t zeros[64];
    const int64_t gap = (align - s->at % align) % align;
    return gap ? put(s, zeros, gap) : FV_OK;
}

static void note_common(file_sink *s, const fv_pack_item *item)
{
    if (s->count == 0) {
        s->flags |= FV_PACK_UNIFORM;
        s->h = item->h;
        s->w = item->w;
        s->c = item->c;
        s->depth = item->depth;
        s->bands = item->bands;
    }
    if (item->kind != FV_PACK_PIXELS || item->h != s->h || item->w != s->w || item->c != s->c ||
        item->depth != s->depth || item->bands != s->bands)
        s->flags &= ~(uint32_t)FV_PACK_UNIFORM;
}

static void put_float(uint8_t *p, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    fv_pack_put(p, bits, 4);
}

static fv_status put_sample(void *state, const fv_pack_item *item)
{
    file_sink *s = state;
    const fv_dataset *d = item->dataset;
    uint8_t e[FV_PACK_ENTRY] = {0};
    char name[4200];
    FV_TRY(pad(s, item->kind == FV_PACK_PIXELS ? (int64_t)fv_depth_bytes(item->depth) : 1));
    fv_dataset_sample_name(d, item->sample, name, sizeof name);
    fv_pack_put(e + FV_PACK_E_OFFSET, (uint64_t)s->at, 8);
    fv_pack_put(e + FV_PACK_E_SIZE, (uint64_t)item->size, 8);
    fv_pack_put(e + FV_PACK_E_GROUP, fv_dataset_group(d, item->sample), 8);
    fv_pack_put(e + FV_PACK_E_KEY, d->source->ops->key(d->source, d->index[item->sample]), 8);
    fv_pack_put(e + FV_PACK_E_NAME, s->names.size, 8);
    fv_pack_put(e + FV_PACK_E_CRC, fv_crc32c(item->data, (size_t)item->size), 4);
    fv_pack_put(e + FV_PACK_E_LABEL, (uint64_t)fv_dataset_label(d, item->sample), 4);
    put_float(e + FV_PACK_E_WEIGHT, fv_dataset_weight(d, item->sample));
    fv_pack_put(e + FV_PACK_E_H, (uint64_t)item->h, 4);
    fv_pack_put(e + FV_PACK_E_W, (uint64_t)item->w, 4);
    fv_pack_put(e + FV_PACK_E_C, (uint64_t)item->c, 2);
    e[FV_PACK_E_DEPTH] = (uint8_t)((int)item->depth | (item->bands ? FV_PACK_BANDS : 0));
    e[FV_PACK_E_KIND] = (uint8_t)item->kind;
    note_common(s, item);
    s->flags |= (d->weights ? FV_PACK_WEIGHTS : 0u) | (d->groups ? FV_PACK_GROUPS : 0u);
    fv_str_append_n(&s->index, e, sizeof e);
    fv_str_append_n(&s->names, name, strlen(name) + 1);
    const float *targets = fv_dataset_targets(d, item->sample);
    for (int64_t k = 0; targets && k < d->classes.count; k++) {
        uint8_t bytes[4];
        put_float(bytes, targets[k]);
        fv_str_append_n(&s->targets, bytes, sizeof bytes);
    }
    s->count++;
    return put(s, item->data, item->size);
}

static fv_status put_tables(file_sink *s, const fv_pack_report *report, uint8_t footer[FV_PACK_FOOTER])
{
    const fv_dataset *d = NULL;
    for (int k = FV_SPLIT_COUNT - 1; k >= 0; k--)
        d = s->packer->splits[k] ? s->packer->splits[k] : d;
    fv_str classes = {.ctx = s->ctx};
    for (int64_t k = 0; k < d->classes.count; k++)
        fv_str_append_n(&classes, d->classes.name[k], strlen(d->classes.name[k]) + 1);
    const fv_str *tables[] = {&s->index, &s->names, &classes, &s->targets};
    static const int places[] = {FV_PACK_F_INDEX, FV_PACK_F_NAMES, FV_PACK_F_CLASSES, FV_PACK_F_TARGETS};
    fv_status status = pad(s, 64);
    uint32_t crc = 0;
    for (int t = 0; t < 4 && status == FV_OK; t++) {
        fv_pack_put(footer + places[t], (uint64_t)s->at, 8);
        crc = fv_crc32c_more(crc, tables[t]->data, tables[t]->size);
        status = fv_str_status(tables[t]);
        if (status == FV_OK)
            status = put(s, tables[t]->data, (int64_t)tables[t]->size);
    }
    fv_pack_put(footer + FV_PACK_F_TABLES_CRC, crc, 4);
    fv_pack_put(footer + FV_PACK_F_COUNT, (uint64_t)s->count, 8);
    for (int k = 0; k < FV_SPLIT_COUNT; k++)
        fv_pack_put(footer + FV_PACK_F_SPLITS + 8 * k, (uint64_t)report->samples[k], 8);
    fv_pack_put(footer + FV_PACK_F_KIND, d->source->kind, 4);
    fv_pack_put(footer + FV_PACK_F_N_CLASSES, (uint64_t)d->classes.count, 4);
    fv_str_free(&classes);
    return status;
}

static fv_status write_all(file_sink *s, fv_pack_report *report)
{
    uint8_t header[FV_PACK_HEADER] = FV_PACK_MAGIC, footer[FV_PACK_FOOTER] = FV_PACK_END;
    fv_pack_put(header + FV_PACK_H_VERSION, FV_PACK_VERSION, 4);
    fv_pack_put(header + FV_PACK_H_CRC, fv_crc32c(header, FV_PACK_H_CRC), 4);
    FV_TRY(put(s, header, sizeof header));
    FV_TRY(fv_packer_each(s->packer, &(fv_pack_sink){put_sample, s}, report));
    FV_TRY(put_tables(s, report, footer));
    fv_pack_put(footer + FV_PACK_F_FLAGS, s->flags, 4);
    fv_pack_put(footer + FV_PACK_F_H, (uint64_t)s->h, 4);
    fv_pack_put(footer + FV_PACK_F_W, (uint64_t)s->w, 4);
    fv_pack_put(footer + FV_PACK_F_C, (uint64_t)s->c, 4);
    fv_pack_put(footer + FV_PACK_F_DEPTH, s->depth, 4);
    fv_pack_put(footer + FV_PACK_F_FILE_SIZE, (uint64_t)(s->at + FV_PACK_FOOTER), 8);
    fv_pack_put(footer + FV_PACK_F_CRC, fv_crc32c(footer, FV_PACK_F_CRC), 4);
    return put(s, footer, sizeof footer);
}

fv_status fv_pack_write_file(fv_packer *packer, const char *output, fv_pack_report *report)
{
    fv_ctx *ctx = packer->ctx;
    file_sink s = {.packer = packer, .ctx = ctx, .index = {.ctx = ctx}, .names = {.ctx = ctx}, .targets = {.ctx = ctx}};
    FV_TRY(fv_writer_open(ctx, output, &s.writer));
    fv_status status = write_all(&s, report);
    if (status == FV_OK)
        status = fv_writer_commit(&s.writer);
    else
        fv_writer_abort(&s.writer);
    report->bytes = s.at;
    report->files = 1;
    fv_str_free(&s.index);
    fv_str_free(&s.names);
    fv_str_free(&s.targets);
    return status;
}
