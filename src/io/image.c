/* SPDX-License-Identifier: Apache-2.0 */
/* From a file's bytes to an image: which format, decode, orient. */
#include "io/image.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PIXELS_DEFAULT INT64_C(178956970)
#define MAX_FILE_BYTES     (INT64_C(1) << 30)
/* So much of the context's limit an image may take whatever is in use. */
#define ALWAYS_PART 16

static const fv_image_format *const formats[] = {
#define FV_IMAGE_FORMAT(name) &fv_image_##name,
#include "io/image_formats.def"
#undef FV_IMAGE_FORMAT
};
#define N_FORMATS (sizeof formats / sizeof *formats)

fv_status fv_image_fail(fv_image_job *job, fv_status status, fv_image_fault fault, int64_t byte, const char *format,
                        ...)
{
    va_list args;
    va_start(args, format);
    fv_text_vformat(job->error->text, sizeof job->error->text, format, args);
    va_end(args);
    job->error->status = status;
    job->error->fault = fault;
    job->error->byte = byte;
    job->notes.bad_byte = byte;
    return status;
}

fv_status fv_image_afford(fv_image_job *job, int64_t bytes)
{
    const int64_t limit = fv_ctx_memory_limit(job->ctx);
    int64_t now, need;
    fv_ctx_memory(job->ctx, &now, NULL);
    if (limit <= 0 || bytes <= limit / ALWAYS_PART || (fv_size_add(now, bytes, &need) && need <= limit))
        return FV_OK;
    return fv_image_fail(job, FV_ERR_OVER_BUDGET, FV_FAULT_TOO_LARGE, -1,
                         "decoding needs %.1f MiB and %.1f MiB are in use, but the limit is %.1f MiB (--memory)",
                         (double)bytes / 1048576, (double)now / 1048576, (double)limit / 1048576);
}

fv_status fv_image_check_size(fv_image_job *job, int64_t h, int64_t w)
{
    if (h <= 0 || w <= 0)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TINY, -1,
                             "the header says %lld x %lld pixels: there is no image", (long long)w, (long long)h);
    int64_t pixels = 0;
    if (fv_size_mul(h, w, &pixels) && pixels <= job->options.max_pixels)
        return fv_image_afford(job, pixels);
    job->error->h = h;
    job->error->w = w;
    return fv_image_fail(job, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, -1,
                         "the header says %lld x %lld pixels, the limit is %lld pixels", (long long)w, (long long)h,
                         (long long)job->options.max_pixels);
}

size_t fv_depth_bytes(fv_depth depth)
{
    static const size_t bytes[FV_DEPTH_COUNT] = {1, 2, 4};
    return bytes[depth];
}

fv_status fv_image_alloc(fv_image_job *job, int64_t h, int64_t w, int64_t c, fv_depth depth)
{
    const bool reduced = depth != FV_DEPTH_8 && !job->options.keep_depth;
    const bool turned = job->orientation > 1 && !job->options.ignore_exif;
    int64_t bytes = 0, samples = 0;
    if (fv_size_mul(h, w, &samples) && fv_size_mul(samples, c, &samples) &&
        fv_size_mul(samples, (int64_t)fv_depth_bytes(depth), &bytes) && bytes < INT64_MAX / 2) {
        FV_TRY(fv_image_afford(job, bytes + (reduced ? samples : turned ? bytes : 0)));
        job->image.data = fv_malloc(job->ctx, (size_t)bytes);
    }
    if (!job->image.data)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for %lld x %lld x %lld samples",
                             (long long)h, (long long)w, (long long)c);
    job->image.h = h;
    job->image.w = w;
    job->image.c = c;
    job->image.depth = depth;
    return FV_OK;
}

bool fv_image_format_at(int64_t i, fv_image_format_info *info)
{
    if (i < 0 || i >= (int64_t)N_FORMATS)
        return false;
    const fv_image_format *f = formats[i];
    *info = (fv_image_format_info){f->name, f->title, f->library, !f->missing};
    return true;
}

fv_status fv_image_lacks(fv_image_job *job, const fv_image_format *format)
{
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, 0,
                         "a %s image: this build of fovea is without %s (install it and build again)", format->title,
                         format->library);
}

fv_status fv_image_truncated(fv_image_job *job, const char *title, int64_t byte, int64_t row)
{
    fv_image *image = &job->image;
    if (job->options.salvage && image->data && row >= 0) {
        const int64_t stride = image->w * image->c * (int64_t)fv_depth_bytes(image->depth);
        const int64_t from = row < image->h ? row : image->h;
        job->notes.salvaged = true;
        job->notes.bad_byte = byte;
        if (image->depth == FV_DEPTH_F32) {
            float *v = (float *)image->data;
            for (int64_t i = from * image->w * image->c; i < image->h * image->w * image->c; i++)
                v[i] = 0.5f;
        } else {
            memset(image->data + from * stride, 128, (size_t)((image->h - from) * stride));
        }
        return FV_OK;
    }
    if (row < 0)
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, byte,
                             "truncated %s at byte %lld of %zu: the header is not complete", title, (long long)byte,
                             job->size);
    return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, byte,
                         "truncated %s at byte %lld of %zu (row %lld of %lld)", title, (long long)byte, job->size,
                         (long long)row, (long long)image->h);
}

void fv_image_warn(fv_image_job *job, const char *text)
{
    job->notes.corrupt_markers = true;
    if (job->notes.warnings++ == 0)
        snprintf(job->notes.warning, sizeof job->notes.warning, "%s", text);
}

const fv_image_format *fv_image_sniff(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (formats[i]->sniff(data, size))
            return formats[i];
    }
    return NULL;
}

const fv_image_format *fv_image_format_find(const char *name)
{
    for (size_t i = 0; name && i < N_FORMATS; i++) {
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    }
    return NULL;
}

bool fv_image_extension_fits(const fv_image_format *format, const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *slash = strrchr(path, '/');
    if (!dot || dot[1] == '\0' || (slash && slash > dot) || strlen(dot) > 8)
        return true;
    char word[16];
    int n = snprintf(word, sizeof word, " %s ", dot + 1);
    for (int i = 0; i < n; i++)
        word[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]);
    if (strstr(format->extensions, word))
        return true;
    for (size_t i = 0; i < N_FORMATS; i++) {
        if (strstr(formats[i]->extensions, word))
            return false;
    }
    return true;
}

bool fv_image_extension_known(const char *extension)
{
    char word[16];
    const int n = snprintf(word, sizeof word, " %s ", extension);
    bool known = false;
    for (int i = 0; i < n && n < (int)sizeof word; i++)
        word[i] = (char)(word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i]);
    for (size_t i = 0; i < N_FORMATS && n > 2 && n < (int)sizeof word; i++)
        known |= strstr(formats[i]->extensions, word) != NULL;
    return known;
}

const char *fv_image_looks_like(const uint8_t *data, size_t size)
{
    static const struct {
        const char *magic;
        size_t offset, length;
        const char *what;
    } kinds[] = {
        {"ftypheic", 4, 8, "a HEIC image"},
        {"ftypavif", 4, 8, "an AVIF image"},
        {"\0\0\0\x0CjP  ", 0, 8, "a JPEG 2000 image"},
        {"%PDF", 0, 4, "a PDF document"},
        {"PK\3\4", 0, 4, "a ZIP archive"},
        {"\x1F\x8B", 0, 2, "a gzip file"},
        {"\x7F"
         "ELF",
         0, 4, "a program"},
        {"version https://git-lfs", 0, 23, "a Git LFS pointer"},
    };
    if (size == 0)
        return "an empty file";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (size >= kinds[i].offset + kinds[i].length &&
            memcmp(data + kinds[i].offset, kinds[i].magic, kinds[i].length) == 0)
            return kinds[i].what;
    }
    size_t n = size < 512 ? size : 512, printable = 0;
    char head[513];
    for (size_t i = 0; i < n; i++) {
        head[i] = (char)(data[i] ? data[i] : ' ');
        printable += data[i] >= 0x20 || data[i] == '\n' || data[i] == '\r' || data[i] == '\t';
    }
    head[n] = '\0';
    if (strcasestr(head, "<html") || strcasestr(head, "<!doctype html"))
        return "HTML";
    if (strstr(head, "<svg"))
        return "an SVG drawing";
    if (strstr(head, "<?xml"))
        return "XML";
    return printable == n ? "text" : "no known kind of file";
}

static fv_status fail_unknown(fv_image_job *job)
{
    char known[160] = "";
    for (size_t i = 0, used = 0; i < N_FORMATS && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", formats[i]->title);
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_IMAGE, 0,
                         "the content looks like %s, not like an image that can be read (%s)",
                         fv_image_looks_like(job->data, job->size), known);
}

static fv_status decode(fv_image_job *job)
{
    if (job->size == 0)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_EMPTY, 0, "the file is empty (0 bytes)");
    const fv_image_format *format = fv_image_sniff(job->data, job->size);
    if (!format)
        return fail_unknown(job);
    job->notes.format = format->name;
    if (job->request)
        job->request->full_h = 0;
    FV_TRY(format->decode(job));
    FV_TRY(fv_image_reduce(job));
    if (!job->options.ignore_exif && job->orientation > 1) {
        job->notes.exif_rotated = true;
        if (fv_image_orient(job->ctx, &job->image, job->orientation) != FV_OK)
            return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory to turn the image");
    }
    fv_image_request *request = job->request;
    if (request && request->full_h == 0) { /* the decoder did not ask: it gave everything */
        request->full_h = job->image.h;
        request->full_w = job->image.w;
        request->y = request->x = 0.0;
        request->step = 1.0;
        request->choose(request, request->full_h, request->full_w);
    }
    return FV_OK;
}

fv_status fv_image_decode_quiet(fv_ctx *ctx, const void *data, size_t size, const fv_decode_options *options,
                                fv_image_request *request, fv_image *image, fv_decode_notes *notes,
                                fv_image_error *error)
{
    fv_image_job job = {.ctx = ctx, .data = data, .size = size, .request = request, .error = error, .orientation = 1};
    if (options)
        job.options = *options;
    if (job.options.on_bytes)
        job.options.on_bytes(job.options.user);
    if (job.options.max_pixels <= 0)
        job.options.max_pixels = MAX_PIXELS_DEFAULT;
    job.notes.bad_byte = -1;
    *image = (fv_image){0};
    fv_status status = decode(&job);
    if (notes)
        *notes = job.notes;
    if (status != FV_OK) {
        fv_image_free(ctx, &job.image);
        return status;
    }
    *image = job.image;
    return FV_OK;
}

fv_status fv_image_decode(fv_ctx *ctx, const char *name, const void *data, size_t size,
                          const fv_decode_options *options, fv_image *image, fv_decode_notes *notes)
{
    fv_image_error error;
    fv_status status = fv_image_decode_quiet(ctx, data, size, options, NULL, image, notes, &error);
    return status == FV_OK ? FV_OK : fv_fail(ctx, status, "%s: %s", name, error.text);
}

/* Reads size bytes, fewer when the file has become shorter meanwhile; -1 and errno on failure. */
static int64_t read_all(int fd, uint8_t *data, int64_t size)
{
    int64_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, data + got, (size_t)(size - got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        got += n;
    }
    return got;
}

fv_read_fault fv_read_fault_of(int error)
{
    static const int machine[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, EAGAIN, ESTALE, ETIMEDOUT};
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
        if (error == machine[i])
            return (fv_read_fault){FV_ERR_IO, FV_FAULT_MACHINE};
    return (fv_read_fault){error == ENOENT || error == ENOTDIR ? FV_ERR_NOT_FOUND
                           : error == EACCES || error == EPERM ? FV_ERR_PERMISSION
                                                               : FV_ERR_IO,
                           FV_FAULT_VANISHED};
}

bool fv_read_again(const fv_image_error *error, int tries, long pause)
{
    enum { MORE = 5 };
    if (error->status != FV_ERR_IO || error->fault != FV_FAULT_MACHINE)
        return error->status == FV_ERR_IO && tries < 2;
    for (int i = 1; i < tries; i++)
        pause *= 4;
    const struct timespec t = {.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000};
    if (tries <= MORE)
        nanosleep(&t, NULL);
    return tries <= MORE;
}

static fv_status fail_errno(fv_image_job *job, const char *verb)
{
    const int error = errno;
    const fv_read_fault found = fv_read_fault_of(error);
    char text[128];
    return fv_image_fail(job, found.status, found.fault, -1, "cannot %s: %s", verb,
                         strerror_r(error, text, sizeof text));
}

/* The content of the file behind fd into *data. Only as much of a file is read as is needed to refuse it. */
static fv_status load(fv_image_job *job, int fd, uint8_t **data)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_errno(job, "look at the file");
    if (!S_ISREG(st.st_mode))
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_IMAGE, -1, "not a regular file");
    uint8_t head[512];
    int64_t got = read_all(fd, head, (int64_t)sizeof head < st.st_size ? (int64_t)sizeof head : (int64_t)st.st_size);
    if (got < 0)
        return fail_errno(job, "read");
    bool known = fv_image_sniff(head, (size_t)got) != NULL;
    if (known && st.st_size > MAX_FILE_BYTES)
        return fv_image_fail(job, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, -1, "%lld bytes, the limit is %lld",
                             (long long)st.st_size, (long long)MAX_FILE_BYTES);
    int64_t size = known ? (int64_t)st.st_size : got;
    FV_TRY(fv_image_afford(job, size));
    *data = fv_malloc(job->ctx, (size_t)(size > 0 ? size : 1));
    if (!*data)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for the file's %lld bytes",
                             (long long)size);
    memcpy(*data, head, (size_t)got);
    if (size > got) {
        int64_t more = read_all(fd, *data + got, size - got);
        if (more < 0)
            return fail_errno(job, "read");
        got += more;
    }
    job->size = (size_t)got;
    return FV_OK;
}

fv_status fv_image_read_quiet(fv_ctx *ctx, const char *path, const fv_decode_options *options,
                              fv_image_request *request, fv_image *image, fv_decode_notes *notes, fv_image_error *error)
{
    fv_image_job job = {.ctx = ctx, .error = error};
    uint8_t *data = NULL;
    *image = (fv_image){0};
    if (notes)
        *notes = (fv_decode_notes){.bad_byte = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    fv_status status = fd < 0 ? fail_errno(&job, "open") : load(&job, fd, &data);
    if (fd >= 0)
        close(fd);
    if (status == FV_OK)
        status = fv_image_decode_quiet(ctx, data, job.size, options, request, image, notes, error);
    fv_free(ctx, data);
    return status;
}

fv_status fv_image_read(fv_ctx *ctx, const char *path, const fv_decode_options *options, fv_image *image,
                        fv_decode_notes *notes)
{
    fv_image_error error;
    fv_decode_notes own;
    fv_status status = fv_image_read_quiet(ctx, path, options, NULL, image, &own, &error);
    if (notes)
        *notes = own;
    if (status != FV_OK)
        return fv_fail(ctx, status, "%s: %s", path, error.text);
    if (own.corrupt_markers)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: %s; the image is used as it decodes", path, own.warning);
    if (own.salvaged)
        fv_log(ctx, FV_LOG_WARN, "data", "%s: salvaged, damaged at byte %lld; the rest is grey", path,
               (long long)own.bad_byte);
    return FV_OK;
}

void fv_image_free(fv_ctx *ctx, fv_image *image)
{
    if (!image)
        return;
    fv_free(ctx, image->data);
    *image = (fv_image){0};
}
