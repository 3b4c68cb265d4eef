/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sources, and what they share. */
#include "data/source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static const fv_source_type *const types[] = {
#define FV_SOURCE(name) &fv_source_##name,
#include "data/source/sources.def"
#undef FV_SOURCE
};

/* The first bytes of a file, or the names in a folder. */
static fv_status look(fv_ctx *ctx, const char *path, fv_location *place, char ***names)
{
    *place = (fv_location){.path = path, .is_file = !fv_path_is_dir(path)};
    if (!place->is_file) {
        FV_TRY(fv_path_list(ctx, path, names, &place->count));
        place->names = (const char *const *)*names;
        return FV_OK;
    }
    fv_reader file;
    FV_TRY(fv_reader_open(ctx, path, &file)); /* refuses devices and pipes */
    const int error = fv_reader_get(&file, 0, place->head, sizeof place->head, &place->head_size);
    fv_reader_close(&file);
    return error ? fv_fail_errno(ctx, error, "read", path) : FV_OK;
}

static fv_status fail_unknown(fv_ctx *ctx, const fv_location *place)
{
    const char *looks = place->head_size ? fv_image_looks_like(place->head, place->head_size) : "an empty file";
    const fv_image_format *image = fv_image_sniff(place->head, place->head_size);
    if (place->is_file)
        return fv_fail_hint(
            ctx,
            fv_fail(ctx, FV_ERR_DATA, "%s: a file that is no data set: it looks like %s%s", place->path,
                    image ? "an image, " : looks, image ? image->title : ""),
            "expected a manifest (.csv, .jsonl), a packed file (.fvpack), a .tar shard (not compressed) "
            "or images.npy; or give the folder that the file is in");
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_DATA_EMPTY,
                                "%s: no data set here: found %lld entries, none of them an IDX "
                                "or CIFAR file or a folder",
                                place->path, (long long)place->count),
                        "expected train/CLASS/*.jpg or CLASS/*.jpg, manifest.csv, IDX files "
                        "(train-images-idx3-ubyte[.gz]), CIFAR files (data_batch_1.bin[.gz]), images.npy or *.tar");
}

fv_status fv_source_find(fv_ctx *ctx, const char *path, const fv_source_type **type)
{
    fv_location place;
    char **names = NULL;
    *type = NULL;
    if (!fv_path_exists(path))
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_NOT_FOUND, "%s: no such file or folder", path),
                            "check --data; the path is taken relative to the current folder");
    FV_TRY(look(ctx, path, &place, &names));
    fv_status status = FV_OK;
    for (size_t i = 0; i < sizeof types / sizeof *types && !*type && status == FV_OK; i++) {
        bool yes = false;
        status = types[i]->probe(ctx, &place, &yes);
        if (yes)
            *type = types[i];
    }
    fv_free(ctx, names);
    return *type || status != FV_OK ? status : fail_unknown(ctx, &place);
}

uint64_t fv_text_key(const char *text)
{
    fv_sha256 hash;
    uint8_t digest[32];
    uint64_t key = 0;
    fv_sha256_init(&hash);
    fv_sha256_update(&hash, text, strlen(text));
    fv_sha256_final(&hash, digest);
    for (int b = 0; b < 8; b++)
        key |= (uint64_t)digest[b] << (8 * b);
    return key ? key : 1;
}

void fv_image_answer_whole(fv_image_request *request, const fv_image *image)
{
    if (!request)
        return;
    request->full_h = image->h;
    request->full_w = image->w;
    request->y = request->x = 0.0;
    request->step = 1.0;
    request->choose(request, image->h, image->w);
}

fv_status fv_sample_fail(fv_image_error *error, fv_status status, fv_image_fault fault, int64_t byte,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fv_text_vformat(error->text, sizeof error->text, format, args);
    va_end(args);
    error->status = status;
    error->fault = fault;
    error->byte = byte;
    return status;
}

static fv_status fail_file(fv_image_error *error, const char *verb)
{
    char text[128];
    const fv_read_fault found = fv_read_fault_of(errno);
    return fv_sample_fail(error, found.status, found.fault, -1, "cannot %s: %s", verb,
                          strerror_r(errno, text, sizeof text));
}

/* The open file's bytes. */
static fv_status read_open(fv_ctx *ctx, int fd, uint8_t **data, int64_t *size, fv_image_error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail_file(error, "look at the file");
    if (!S_ISREG(st.st_mode))
        return fv_sample_fail(error, FV_ERR_DATA_FORMAT, FV_FAULT_NOT_IMAGE, -1, "not a regular file");
    if (st.st_size > (1 << 30))
        return fv_sample_fail(error, FV_ERR_DATA_TOO_LARGE, FV_FAULT_TOO_LARGE, -1, "%lld bytes, the limit is %d",
                              (long long)st.st_size, 1 << 30);
    *data = fv_malloc(ctx, (size_t)st.st_size + 1);
    if (!*data)
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for the file's %lld bytes",
                              (long long)st.st_size);
    for (*size = 0; *size < st.st_size;) {
        const ssize_t n = read(fd, *data + *size, (size_t)(st.st_size - *size));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_file(error, "read");
        if (n == 0)
            break;
        *size += n;
    }
    return FV_OK;
}

fv_status fv_sample_read_file(fv_ctx *ctx, const char *root, const char *path, uint8_t **data, int64_t *size,
                              fv_image_error *error)
{
    *data = NULL;
    *size = 0;
    char *full = fv_path_join(ctx, path[0] == '/' ? "" : root, path);
    if (!full)
        return fv_sample_fail(error, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for a path");
    const int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    fv_free(ctx, full);
    if (fd < 0)
        return fail_file(error, "open");
    const fv_status status = read_open(ctx, fd, data, size, error);
    close(fd);
    if (status != FV_OK) {
        fv_free(ctx, *data);
        *data = NULL;
    }
    return status;
}

fv_status fv_sample_read_head(fv_ctx *ctx, const char *root, const char *path, int64_t at, uint8_t *data, size_t room,
                              size_t *got)
{
    ssize_t n = 1;
    *got = 0;
    char *full = fv_path_join(ctx, path[0] == '/' ? "" : root, path);
    if (!full)
        return FV_ERR_NO_MEMORY;
    const int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    fv_free(ctx, full);
    while (fd >= 0 && *got < room && n != 0) {
        n = pread(fd, data + *got, room - *got, at + (int64_t)*got);
        if (n < 0 && errno != EINTR)
            break;
        *got += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    return fd < 0 || n < 0 ? FV_ERR_IO : FV_OK;
}

fv_source *fv_source_new(fv_ctx *ctx, size_t size, const fv_source_ops *ops)
{
    fv_source *source = fv_calloc(ctx, 1, size);
    if (!source)
        return NULL;
    source->ctx = ctx;
    source->ops = ops;
    if (fv_arena_create(ctx, &source->arena) != FV_OK)
        fv_source_destroy(&source);
    return source;
}

void fv_source_destroy(fv_source **source)
{
    if (!source || !*source)
        return;
    fv_source *s = *source;
    if (s->ops->destroy)
        s->ops->destroy(s);
    fv_arena_destroy(&s->arena);
    fv_free(s->ctx, s);
    *source = NULL;
}

static const char **names_new(fv_arena *arena, int64_t count)
{
    return fv_arena_alloc(arena, (size_t)(count + 1) * sizeof(char *));
}

fv_status fv_names_numbers(fv_arena *arena, int64_t count, fv_names *names)
{
    const char **list = names_new(arena, count);
    for (int64_t i = 0; list && i < count; i++) {
        list[i] = fv_arena_printf(arena, "%lld", (long long)i);
        if (!list[i])
            list = NULL;
    }
    *names = (fv_names){list, count};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_names_copy(fv_arena *arena, const fv_names *from, fv_names *names)
{
    const char **list = names_new(arena, from->count);
    for (int64_t i = 0; list && i < from->count; i++) {
        list[i] = fv_arena_strdup(arena, from->name[i]);
        if (!list[i])
            list = NULL;
    }
    *names = (fv_names){list, from->count};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

/* A name and its place in a list. */
typedef struct named {
    const char *name;
    int64_t at;
} named;

static int by_name_and_place(const void *a, const void *b)
{
    const named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : x->at < y->at ? -1 : x->at > y->at;
}

/* The names in byte-wise order, the caller's. */
static named *sort_names(fv_ctx *ctx, const fv_names *names)
{
    named *sorted = fv_malloc(ctx, (size_t)(names->count + 1) * sizeof *sorted);
    for (int64_t i = 0; sorted && i < names->count; i++)
        sorted[i] = (named){names->name[i], i};
    if (sorted)
        qsort(sorted, (size_t)names->count, sizeof *sorted, by_name_and_place);
    return sorted;
}

/* The first name that is there before, or -1. */
static fv_status find_twice(fv_ctx *ctx, const fv_names *names, int64_t *twice)
{
    named *sorted = sort_names(ctx, names);
    *twice = -1;
    for (int64_t i = 1; sorted && i < names->count; i++) {
        if (strcmp(sorted[i - 1].name, sorted[i].name) == 0 && (*twice < 0 || sorted[i].at < *twice))
            *twice = sorted[i].at;
    }
    fv_free(ctx, sorted);
    return sorted ? FV_OK : FV_ERR_NO_MEMORY;
}

/* The lines of `data` that are not empty, each with its number; the lines' ends are overwritten. */
static fv_status take_lines(fv_arena *arena, char *data, int64_t size, const char **list, int64_t *lines,
                            int64_t *count)
{
    char *at = data, *const stop = data + size;
    if (size >= 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    for (int64_t line = 1; at < stop; line++) {
        char *end = memchr(at, '\n', (size_t)(stop - at));
        char *next = end ? end + 1 : stop;
        end = end ? end : next;
        while (end > at && end[-1] == '\r')
            end--;
        *end = '\0';
        if (*at != '\0') { /* blank lines end many such files */
            lines[*count] = line;
            if (!(list[*count] = fv_arena_strdup(arena, at)))
                return FV_ERR_NO_MEMORY;
            ++*count;
        }
        at = next;
    }
    return FV_OK;
}

fv_status fv_names_read(fv_arena *arena, fv_ctx *ctx, const char *path, fv_names *names)
{
    uint8_t *data = NULL;
    int64_t size = 0;
    FV_TRY(fv_file_read(ctx, path, 16 << 20, false, &data, &size));
    int64_t lines = 1;
    for (int64_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    const char **list = names_new(arena, lines);
    int64_t *line = fv_malloc(ctx, (size_t)lines * sizeof *line), count = 0, twice = -1;
    fv_status status = list && line ? take_lines(arena, (char *)data, size, list, line, &count) : FV_ERR_NO_MEMORY;
    *names = (fv_names){list, count};
    if (status == FV_OK)
        status = find_twice(ctx, names, &twice);
    if (status == FV_OK && twice >= 0)
        status = fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s:%lld: class '%s' is listed twice", path, (long long)line[twice],
                         list[twice]);
    if (status == FV_OK && count == 0)
        status = fv_fail(ctx, FV_ERR_DATA_CLASSES, "%s: no class name in it", path);
    fv_free(ctx, data);
    fv_free(ctx, line);
    return status;
}

fv_status fv_names_check_lines(fv_ctx *ctx, const char *path, const fv_names *names)
{
    for (int64_t k = 0; k < names->count; k++) {
        const char *name = names->name[k];
        if (strpbrk(name, "\r\n") || (k == 0 && strncmp(name, "\xEF\xBB\xBF", 3) == 0))
            return fv_fail_hint(ctx,
                                fv_fail(ctx, FV_ERR_DATA_CLASSES,
                                        "%s: class '%s': its name would not be the same as a line of classes.txt", path,
                                        name),
                                "rename the class; a packed file (.fvpack) holds every name");
    }
    return FV_OK;
}

fv_status fv_names_write(fv_ctx *ctx, const char *path, const fv_names *names)
{
    fv_str text = {.ctx = ctx};
    for (int64_t k = 0; k < names->count; k++)
        fv_str_printf(&text, "%s\n", names->name[k]);
    fv_status status = fv_str_status(&text);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, text.data, text.size);
    fv_str_free(&text);
    return status;
}

/* Where the name is first, or -1. */
static int64_t find_sorted(const named *sorted, int64_t count, const char *name)
{
    int64_t low = 0, high = count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && strcmp(sorted[low].name, name) == 0 ? sorted[low].at : -1;
}

fv_status fv_names_map(fv_ctx *ctx, const fv_names *from, const fv_names *to, int64_t *map)
{
    int64_t same = 0;
    while (same < from->count && same < to->count && strcmp(from->name[same], to->name[same]) == 0) {
        map[same] = same;
        same++;
    }
    if (same == from->count) /* mostly the lists are equal */
        return FV_OK;
    named *sorted = sort_names(ctx, to);
    if (!sorted)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < from->count; i++)
        map[i] = find_sorted(sorted, to->count, from->name[i]);
    fv_free(ctx, sorted);
    return FV_OK;
}

char *fv_names_text(fv_ctx *ctx, const fv_names *names)
{
    const int64_t shown = names->count <= 24 ? names->count : 20;
    fv_str text = {.ctx = ctx};
    for (int64_t i = 0; i < shown; i++)
        fv_str_printf(&text, "%s%s", i ? ", " : "", names->name[i]);
    fv_str_printf(&text, "%s (%lld)", shown < names->count ? ", ..." : "", (long long)names->count);
    if (fv_str_status(&text) != FV_OK) {
        fv_str_free(&text);
        return NULL;
    }
    return text.data;
}

fv_status fv_sample_get(const fv_reader *file, int64_t at, void *dst, size_t size, fv_image_error *error)
{
    size_t got = 0;
    const int failed = fv_reader_get(file, at, dst, size, &got);
    if (failed)
        return fv_sample_fail(error, FV_ERR_IO,
                              fv_read_fault_of(failed).fault == FV_FAULT_MACHINE ? FV_FAULT_MACHINE : FV_FAULT_NONE, at,
                              "cannot be read at byte %lld: %s", (long long)at, strerror(failed));
    if (got < size)
        return fv_sample_fail(
            error, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, at + (int64_t)got,
            "the file became shorter while it was used: nothing from byte %lld on, the sample begins at byte "
            "%lld",
            (long long)at + (long long)got, (long long)at);
    return FV_OK;
}
