/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes in JSON files as COCO has them. */
#include <string.h>
#include <strings.h>

#include "base/doc.h"
#include "base/file.h"
#include "data/marks/coco_json.h"
#include "data/marks/marks.h"

static bool ends_with(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcasecmp(text + n - m, suffix) == 0;
}

static bool has_word(const fv_blob *file, const char *word)
{
    return memmem(file->data, (size_t)file->size, word, strlen(word)) != NULL;
}

/* Whether text is no JSON at all. */
static fv_status is_broken(fv_ctx *ctx, const fv_blob *file, bool *yes)
{
    fv_arena *arena = NULL;
    fv_coco coco = {0};
    fv_doc *doc = NULL;
    FV_TRY(fv_arena_create(ctx, &arena));
    fv_status status = fv_coco_parse(ctx, arena, (const char *)file->data, file->size, &coco);
    *yes = status == FV_OK && coco.bad_line > 0;
    fv_coco_free(ctx, &coco);
    fv_arena_destroy(&arena);
    if (!*yes)
        return status;
    /* What is no COCO file may be JSON of another kind. */
    status = fv_doc_parse_json(ctx, "annotations", (const char *)file->data, (size_t)file->size, &doc);
    *yes = status != FV_OK;
    fv_doc_destroy(&doc);
    return status == FV_ERR_NO_MEMORY ? status : FV_OK;
}

/* Whether a file is JSON with a list of annotations in it, or was meant to be: text that breaks off may have lost one
 * of the lists, and would let the folder pass for something else. */
static fv_status is_coco(const fv_marks_place *place, const char *name, bool *yes)
{
    fv_blob file = {0};
    char *path = fv_path_join(place->ctx, place->root, name);
    *yes = false;
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status =
        ends_with(name, ".json") && !fv_path_is_dir(path) ? fv_blob_read(place->ctx, path, &file) : FV_OK;
    fv_free(place->ctx, path);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    status = FV_OK;
    if (file.size > 0 && memchr(file.data, '{', file.size < 16 ? (size_t)file.size : 16)) {
        const bool boxes = has_word(&file, "\"annotations\""), images = has_word(&file, "\"images\"");
        *yes = boxes && images;
        if (!*yes && (boxes || images || has_word(&file, "\"categories\"")))
            status = is_broken(place->ctx, &file, yes);
    }
    fv_blob_free(place->ctx, &file);
    return status;
}

fv_status fv_coco_each_file(const fv_marks_place *place, fv_status (*fn)(void *arg, const char *name), void *arg)
{
    static const char *const dirs[] = {"", "annotations"};
    bool yes = false;
    if (place->file) { /* the file itself was given */
        FV_TRY(is_coco(place, place->file, &yes));
        return yes ? fn(arg, place->file) : FV_OK;
    }
    for (size_t d = 0; d < 2; d++) {
        char **names = NULL,
             *dir = dirs[d][0] ? fv_path_join(place->ctx, place->root, dirs[d]) : fv_strdup(place->ctx, place->root);
        int64_t count = 0;
        fv_status status = dir ? FV_OK : FV_ERR_NO_MEMORY;
        if (status == FV_OK && fv_path_is_dir(dir))
            status = fv_path_list(place->ctx, dir, &names, &count);
        for (int64_t i = 0; i < count && status == FV_OK; i++) {
            char *name = dirs[d][0] ? fv_path_join(place->ctx, dirs[d], names[i]) : fv_strdup(place->ctx, names[i]);
            status = name ? is_coco(place, name, &yes) : FV_ERR_NO_MEMORY;
            if (status == FV_OK && yes)
                status = fn(arg, name);
            fv_free(place->ctx, name);
        }
        fv_free(place->ctx, names);
        fv_free(place->ctx, dir);
        FV_TRY(status);
    }
    return FV_OK;
}

static fv_status found(void *yes, const char *name)
{
    (void)name;
    *(bool *)yes = true;
    return FV_OK;
}

static fv_status probe(const fv_marks_place *place, bool *yes)
{
    return fv_coco_each_file(place, found, yes);
}

static const char *const homes[] = {"images", "annotations", "train2017", "val2017", NULL};

const fv_marks_type fv_marks_coco = {.name = "coco",
                                     .kind = FV_MARKS_BOXES,
                                     .text = "boxes as COCO has them (a JSON file with annotations)",
                                     .homes = homes,
                                     .probe = probe};
