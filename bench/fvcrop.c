/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes and crops for bench/peers/decode_crop.py: fvcrop LIST SIZE, LIST having lines "path top left height width".
 * The files are read into memory; then each line of input is the name of a contestant, which decodes all of them, crops
 * each to its box and resizes that to SIZE x SIZE (bilinear with antialiasing, 3 channels), and a line with the seconds
 * of processor time and a sum of all pixels goes out. One thread.
 *   fovea     decodes the box
 *   libjpeg   decodes everything by libjpeg, as it is by default; crop and resize are fovea's
 *   decode    as fovea, without the resize
 *   resize    of boxes decoded before
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#include "base/ctx.h"
#include "data/image/resize.h"
#include "io/image.h"

typedef struct photo {
    uint8_t *data;
    size_t size;
    long top, left, h, w;
    fv_image box; /* decoded */
} photo;

typedef struct bench {
    fv_ctx *ctx;
    photo *photos;
    int64_t count, size;
    fv_resize_scratch scratch;
    uint8_t *dst, *whole;
    size_t whole_size;
    int64_t made; /* bytes in dst */
} bench;

typedef struct request {
    fv_image_request base;
    const photo *photo;
} request;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void choose(fv_image_request *r, int64_t h, int64_t w)
{
    const photo *p = ((request *)r)->photo;
    (void)h, (void)w;
    r->y0 = (double)p->top;
    r->x0 = (double)p->left;
    r->y1 = (double)(p->top + p->h);
    r->x1 = (double)(p->left + p->w);
    r->h = r->w = 224;
}

static fv_status shrink(bench *b, const fv_image *box)
{
    const fv_resize_spec spec = fv_resize_whole(box, b->size, b->size, FV_FILTER_BILINEAR, true);
    b->made = b->size * b->size * box->c;
    return fv_resize(&b->scratch, box, &spec, b->dst);
}

static fv_status decode_box(bench *b, const photo *p, fv_image *box)
{
    const fv_decode_options options = {.ignore_exif = true};
    request r = {.base.choose = choose, .photo = p};
    fv_decode_notes notes;
    fv_image_error error;
    const fv_status status = fv_image_decode_quiet(b->ctx, p->data, p->size, &options, &r.base, box, &notes, &error);
    if (status != FV_OK)
        fprintf(stderr, "fvcrop: %s\n", error.text);
    return status;
}

static fv_status by_fovea(bench *b, photo *p)
{
    fv_image box = {0};
    FV_TRY(decode_box(b, p, &box));
    const fv_status status = shrink(b, &box);
    fv_image_free(b->ctx, &box);
    return status;
}

static fv_status decode_only(bench *b, photo *p)
{
    fv_image_free(b->ctx, &p->box);
    return decode_box(b, p, &p->box);
}

static fv_status resize_only(bench *b, photo *p)
{
    return shrink(b, &p->box);
}

static fv_status by_libjpeg(bench *b, photo *p)
{
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, p->data, p->size);
    jpeg_read_header(&d, TRUE);
    d.out_color_space = JCS_RGB;
    jpeg_start_decompress(&d);
    const size_t row = (size_t)d.output_width * 3, need = row * d.output_height;
    if (need > b->whole_size) {
        free(b->whole);
        b->whole = malloc(need);
        b->whole_size = need;
    }
    while (d.output_scanline < d.output_height) {
        JSAMPROW line = b->whole + d.output_scanline * row;
        jpeg_read_scanlines(&d, &line, 1);
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    /* The cropped rows, moved together. */
    const size_t part = (size_t)p->w * 3;
    for (long y = 0; y < p->h; y++)
        memmove(b->whole + (size_t)y * part, b->whole + (size_t)(p->top + y) * row + (size_t)p->left * 3, part);
    return shrink(b, &(fv_image){.data = b->whole, .h = p->h, .w = p->w, .c = 3});
}

static const struct {
    const char *name;
    fv_status (*run)(bench *b, photo *p);
} contestants[] = {{"fovea", by_fovea}, {"libjpeg", by_libjpeg}, {"decode", decode_only}, {"resize", resize_only}};

static bool read_list(bench *b, const char *path)
{
    char line[4096], name[4000];
    FILE *list = fopen(path, "r");
    while (list && fgets(line, sizeof line, list)) {
        photo p = {0};
        if (sscanf(line, "%3999s %ld %ld %ld %ld", name, &p.top, &p.left, &p.h, &p.w) != 5)
            break;
        FILE *file = fopen(name, "rb");
        if (!file || fseek(file, 0, SEEK_END))
            return false;
        p.size = (size_t)ftell(file);
        p.data = malloc(p.size);
        rewind(file);
        if (!p.data || fread(p.data, 1, p.size, file) != p.size)
            return false;
        fclose(file);
        photo *more = realloc(b->photos, (size_t)(b->count + 1) * sizeof *more);
        if (!more)
            return false;
        b->photos = more;
        b->photos[b->count++] = p;
    }
    if (list)
        fclose(list);
    return b->count > 0;
}

int main(int argc, char **argv)
{
    bench b = {.size = argc == 3 ? atol(argv[2]) : 0};
    char line[64];
    if (b.size < 1 || !read_list(&b, argv[1]) || fv_ctx_create(NULL, &b.ctx) != FV_OK) {
        fprintf(stderr, "usage: fvcrop LIST SIZE, with lines \"path top left height width\" in LIST\n");
        return 1;
    }
    b.scratch.ctx = b.ctx;
    b.dst = malloc((size_t)(b.size * b.size * 4));
    fv_status status = b.dst ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < b.count && status == FV_OK; i++)
        status = decode_only(&b, &b.photos[i]);
    while (status == FV_OK && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        size_t which = 0, n = sizeof contestants / sizeof *contestants;
        while (which < n && strcmp(contestants[which].name, line) != 0)
            which++;
        if (which == n)
            break;
        double seconds = 0.0;
        uint64_t sum = 0;
        for (int64_t i = 0; i < b.count && status == FV_OK; i++) {
            const double begin = now();
            b.made = 0;
            status = contestants[which].run(&b, &b.photos[i]);
            seconds += now() - begin;
            for (int64_t k = 0; k < b.made; k++)
                sum += b.dst[k];
        }
        printf("%.6f %llu\n", seconds, (unsigned long long)sum);
        fflush(stdout);
    }
    for (int64_t i = 0; i < b.count; i++) {
        fv_image_free(b.ctx, &b.photos[i].box);
        free(b.photos[i].data);
    }
    free(b.photos);
    free(b.dst);
    free(b.whole);
    fv_scratch_free(&b.scratch);
    fv_ctx_destroy(&b.ctx);
    return status != FV_OK;
}
