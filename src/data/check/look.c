/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding every sample once, on all threads, and keeping what the checks need. */
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "data/check/check.h"
#include "data/dataset.h"

fv_status fv_check_image(const fv_check_report *r, int64_t i, const fv_decode_options *decode, fv_image *image,
                         fv_decode_notes *notes, fv_image_error *error)
{
    const fv_check_sample *s = &r->samples[i];
    fv_source *source = r->splits[s->split].source;
    fv_decode_notes own = {.bad_byte = -1};
    notes = notes ? notes : &own;
    *notes = own;
    *image = (fv_image){0};
    if (!source) {
        char *path = fv_path_join(r->ctx, r->root, s->name);
        fv_status status =
            path ? fv_image_read_quiet(r->ctx, path, decode, NULL, image, notes, error) : FV_ERR_NO_MEMORY;
        fv_free(r->ctx, path);
        return status;
    }
    if (!source->pixels)
        return source->ops->image(source, s->index, decode, NULL, image, notes, error);
    const size_t size = (size_t)(source->h * source->w * source->c);
    *image = (fv_image){
        .data = fv_malloc(r->ctx, size), .h = source->h, .w = source->w, .c = source->c, .bands = source->bands};
    if (!image->data) {
        *image = (fv_image){0};
        return FV_ERR_NO_MEMORY;
    }
    memcpy(image->data, source->pixels + (size_t)s->index * size, size);
    return FV_OK;
}

/* Equal pixels give equal hashes, and SHA-256 confirms what looks equal (duplicates.c). */
static void hash_pixels(const fv_image *image, uint64_t hash[2])
{
    const size_t size = (size_t)(image->h * image->w * image->c) * fv_depth_bytes(image->depth);
    const uint64_t shape[4] = {(uint64_t)image->h, (uint64_t)image->w, (uint64_t)image->c, (uint64_t)image->depth};
    hash[0] = UINT64_C(0x9E3779B97F4A7C15);
    hash[1] = UINT64_C(0xC2B2AE3D27D4EB4F);
    for (size_t i = 0; i < 4; i++)
        hash[0] = (hash[0] ^ shape[i]) * UINT64_C(0xFF51AFD7ED558CCD) + (hash[0] >> 31);
    fv_hash_add(hash, image->data, size);
}

static bool is_constant(const fv_image *image)
{
    const size_t pixel = (size_t)image->c * fv_depth_bytes(image->depth), size = (size_t)(image->h * image->w) * pixel;
    return size > pixel && memcmp(image->data, image->data + pixel, size - pixel) == 0;
}

/* Keeps notes only where they say something. Under the mutex. */
static fv_status keep_notes(fv_check_report *r, fv_check_sample *s, const fv_decode_notes *notes)
{
    fv_decode_notes silent = {.format = notes->format, .bad_byte = -1};
    s->format = notes->format;
    if (memcmp(notes, &silent, sizeof silent) == 0)
        return FV_OK;
    s->notes = fv_arena_memdup(r->arena, notes, sizeof *notes);
    return s->notes ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Keeps the reason of a failure. Under the mutex. */
static fv_status keep_error(fv_check_report *r, fv_check_sample *s, fv_status status, const fv_image_error *error)
{
    if (status == FV_ERR_NO_MEMORY)
        return status;
    if (error->fault == FV_FAULT_MACHINE) /* says nothing about the file */
        return fv_fail(r->ctx, status, "%s/%s: %s", r->root, s->name, error->text);
    s->status = status;
    s->fault = error->fault;
    s->bad_byte = error->byte;
    s->error = fv_arena_strdup(r->arena, error->text);
    return s->error ? FV_OK : FV_ERR_NO_MEMORY;
}

static fv_status look_at(void *arg, int64_t i)
{
    fv_check_report *r = arg;
    fv_check_sample *s = &r->samples[i];
    fv_image image;
    fv_image_error error = {.byte = -1};
    fv_decode_notes notes = {.bad_byte = -1};
    fv_pixel_sums sums;
    fv_pixel_range range = {0};
    fv_status status = fv_check_image(r, i, &r->options.data.decode, &image, &notes, &error), kept = FV_OK;
    for (int tries = 1; status != FV_OK && fv_read_again(&error, tries, FV_READ_PAUSE); tries++) {
        error = (fv_image_error){.byte = -1};
        status = fv_check_image(r, i, &r->options.data.decode, &image, &notes, &error);
    }
    const bool decoded = status == FV_OK;
    if (decoded) {
        s->h = image.h;
        s->w = image.w;
        s->c = image.c;
        s->depth = (uint8_t)image.depth;
        s->constant = is_constant(&image);
        hash_pixels(&image, s->hash);
        fv_pixel_range_add(&range, &image);
        if (s->split == FV_SPLIT_TRAIN)
            fv_pixel_sums_image(&image, notes.alpha, &sums);
        if (r->options.near_duplicates && (s->thumb = fv_malloc(r->ctx, sizeof *s->thumb)))
            fv_check_thumb_make(&image, s->thumb);
        kept = r->options.near_duplicates && !s->thumb ? FV_ERR_NO_MEMORY : FV_OK;
        fv_image_free(r->ctx, &image);
    }
    pthread_mutex_lock(&r->mutex);
    if (kept == FV_OK)
        kept = keep_notes(r, s, &notes);
    if (kept == FV_OK && !decoded)
        kept = keep_error(r, s, status, &error);
    if (decoded && s->split == FV_SPLIT_TRAIN)
        fv_pixel_sums_add(&r->sums, &sums);
    fv_pixel_range_merge(&r->splits[s->split].range, &range);
    pthread_mutex_unlock(&r->mutex);
    const fv_image_format *format = fv_image_format_find(s->format);
    s->wrong_extension = format && !fv_image_extension_fits(format, s->name);
    return kept;
}

fv_status fv_check_look(fv_check_report *r)
{
    return fv_data_each(r->ctx, "checked", "images", r->n_samples, look_at, r);
}
