/* SPDX-License-Identifier: Apache-2.0 */
/* The data sets of the soak. */
#include "data/corpus.h"
#include "soak/soak.h"

#include "base/file.h"
#include "data/dataset.h"
#include "data/pack/format.h"

enum { PER_CLASS = 12, NPY_SIDE = 16, NPY_COUNT = 40 };

static const char *const classes[] = {"ant", "bee", "cat", "dog"}; /* the first two are safe */

bool soak_is_safe(const fv_dataset *dataset, int64_t sample)
{
    const char *name = fv_dataset_class_name(dataset, fv_dataset_label(dataset, sample));
    return strcmp(name, "ant") == 0 || strcmp(name, "bee") == 0 || strcmp(name, "0") == 0 || strcmp(name, "1") == 0;
}

static void note_prey(soak_world *w, fv_ctx *ctx, const char *path, size_t first)
{
    int64_t size = 0;
    uint8_t *data = NULL;
    soak_prey *all = realloc(w->prey, (size_t)(w->n_prey + 1) * sizeof *all);
    assert_non_null(all);
    w->prey = all;
    soak_prey *p = &all[w->n_prey++];
    snprintf(p->path, sizeof p->path, "%s", path);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &data, &size), FV_OK);
    p->data = malloc((size_t)size + 1);
    assert_non_null(p->data);
    memcpy(p->data, data, (size_t)size);
    fv_free(ctx, data);
    p->size = (size_t)size;
    p->first = first;
}

static planted picture(unsigned number)
{
    const int h = 24 + (int)(number * 7 % 40), w = 24 + (int)(number * 11 % 40);
    if (number % 3 != 0)
        return corpus_picture(number, h, w, 85);
    uint8_t *rgb = corpus_scene(number, h, w);
    planted file = corpus_png(rgb, h, w, PNG_FORMAT_RGB, NULL);
    free(rgb);
    return file;
}

/* Folders of classes, and the manifest that lists their files. */
static void make_folder(soak_world *w, fv_ctx *ctx)
{
    char path[400], text[8192] = "path,label\n";
    size_t first = 0;
    for (unsigned c = 0; c < 4; c++) {
        first = c == 2 ? strlen(text) : first;
        for (unsigned i = 0; i < PER_CLASS; i++) {
            const unsigned number = c * PER_CLASS + i;
            const size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "folder/%s/%s_%02u.%s,%s\n", classes[c], c < 2 ? "safe" : "prey", i,
                     number % 3 ? "jpg" : "png", classes[c]);
            snprintf(path, sizeof path, "%s/folder/%s/%s_%02u.%s", w->dir, classes[c], c < 2 ? "safe" : "prey", i,
                     number % 3 ? "jpg" : "png");
            planted_save(path, picture(number));
            if (c >= 2)
                note_prey(w, ctx, path, 0);
        }
    }
    fv_test_write_text(w->set[SOAK_MANIFEST], text);
    w->first_row = 2 + 2 * PER_CLASS;
    note_prey(w, ctx, w->set[SOAK_MANIFEST], first);
}

static void pack(soak_world *w, fv_ctx *ctx, int set, const fv_pack_options *options)
{
    fv_packer *packer = NULL;
    fv_pack_report report;
    assert_int_equal(fv_packer_create(ctx, w->set[SOAK_FOLDER], NULL, options, &packer), FV_OK);
    assert_int_equal(fv_packer_write(packer, w->set[set], &report), FV_OK);
    fv_packer_destroy(&packer);
}

/* Records of the first two classes come first; the vandal's part begins behind them. */
static size_t first_prey_record(const soak_world *w, fv_ctx *ctx, int set)
{
    int64_t size = 0, safe = 0;
    uint8_t *p = NULL;
    fv_dataset *d = NULL;
    assert_int_equal(fv_dataset_open(ctx, w->set[set], NULL, &d), FV_OK);
    while (soak_is_safe(d, safe))
        safe++;
    assert_int_equal(safe, 2 * PER_CLASS);
    fv_dataset_destroy(&d);
    assert_int_equal(fv_file_read(ctx, w->set[set], 0, false, &p, &size), FV_OK);
    const uint64_t index = fv_pack_get(p + size - FV_PACK_FOOTER + FV_PACK_F_INDEX, 8);
    const uint64_t offset = fv_pack_get(p + index + (uint64_t)safe * FV_PACK_ENTRY + FV_PACK_E_OFFSET, 8);
    fv_free(ctx, p);
    return (size_t)offset;
}

/* Shards in which nothing safe is. */
static void note_shards(soak_world *w, fv_ctx *ctx)
{
    char **names = NULL, path[800];
    int64_t count = 0;
    int prey = 0;
    fv_dataset *d = NULL;
    assert_int_equal(fv_dataset_open(ctx, w->set[SOAK_SHARDS], NULL, &d), FV_OK);
    assert_int_equal(fv_path_list(ctx, w->set[SOAK_SHARDS], &names, &count), FV_OK);
    for (int64_t k = 0; k < count; k++) {
        bool safe = strstr(names[k], ".tar") == NULL;
        for (int64_t i = 0; i < fv_dataset_count(d); i++) {
            char name[512];
            fv_dataset_sample_name(d, i, name, sizeof name);
            safe |= strncmp(name, names[k], strlen(names[k])) == 0 && soak_is_safe(d, i);
        }
        snprintf(path, sizeof path, "%s/%s", w->set[SOAK_SHARDS], names[k]);
        if (!safe)
            note_prey(w, ctx, path, 0);
        prey += !safe;
    }
    assert_true(prey > 0);
    fv_free(ctx, names);
    fv_dataset_destroy(&d);
}

static void save_npy(const char *path, const char *descr, const char *shape, const void *data, size_t size)
{
    char header[119];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
    fprintf(file, "%c%s%c%c%c%c%-117s\n", 0x93, "NUMPY", 1, 0, 118, 0, header);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void make_npy(soak_world *w, fv_ctx *ctx)
{
    enum { BYTES = NPY_SIDE * NPY_SIDE * 3 };
    int64_t labels[NPY_COUNT];
    uint8_t *pixels = malloc((size_t)NPY_COUNT * BYTES);
    char path[400];
    assert_non_null(pixels);
    for (unsigned i = 0; i < NPY_COUNT; i++) {
        uint8_t *rgb = corpus_scene(100 + i, NPY_SIDE, NPY_SIDE);
        memcpy(pixels + (size_t)i * BYTES, rgb, BYTES);
        free(rgb);
        labels[i] = i * 4 / NPY_COUNT;
    }
    assert_int_equal(mkdir(w->set[SOAK_NPY], 0777), 0);
    snprintf(path, sizeof path, "%s/labels.npy", w->set[SOAK_NPY]);
    save_npy(path, "<i8", "40,", labels, sizeof labels);
    snprintf(path, sizeof path, "%s/images.npy", w->set[SOAK_NPY]);
    save_npy(path, "|u1", "40, 16, 16, 3", pixels, (size_t)NPY_COUNT * BYTES);
    free(pixels);
    note_prey(w, ctx, path, 128 + (size_t)NPY_COUNT / 2 * BYTES);
}

void soak_world_make(soak_world *w)
{
    static const char *const names[SOAK_SETS] = {"folder", "manifest.csv", "set.fvpack", "raw.fvpack", "shards", "npy"};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_test_dir_create(w->dir);
    for (int k = 0; k < SOAK_SETS; k++)
        snprintf(w->set[k], sizeof w->set[k], "%s/%s", w->dir, names[k]);
    make_folder(w, ctx);
    pack(w, ctx, SOAK_PACK, &(fv_pack_options){0});
    pack(w, ctx, SOAK_RAW, &(fv_pack_options){.raw = true, .h = 32, .w = 32});
    pack(w, ctx, SOAK_SHARDS, &(fv_pack_options){.shards = true, .shard_bytes = 10000});
    note_prey(w, ctx, w->set[SOAK_PACK], first_prey_record(w, ctx, SOAK_PACK));
    note_prey(w, ctx, w->set[SOAK_RAW], first_prey_record(w, ctx, SOAK_RAW));
    note_shards(w, ctx);
    make_npy(w, ctx);
    fv_ctx_destroy(&ctx);
}

void soak_world_free(soak_world *w)
{
    for (int i = 0; i < w->n_prey; i++)
        free(w->prey[i].data);
    free(w->prey);
}
