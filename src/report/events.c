/* SPDX-License-Identifier: Apache-2.0 */
#include "report/events.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/file.h"
#include "report/picture.h"
#include "report/proto.h"

static const char prefix[] = "events.out.tfevents.";

/* So many bytes of records wait to be written together. */
enum { PENDING = 1 << 16 };
/* Wire types, for reading. */
enum { VARINT = FV_PROTO_VARINT, FIXED64 = FV_PROTO_FIXED64, BYTES = FV_PROTO_BYTES, FIXED32 = FV_PROTO_FIXED32 };

static void put_value(fv_str *summary, const fv_scalar *scalar)
{
    fv_str value = {.ctx = summary->ctx};
    fv_proto_text(&value, 1, scalar->tag);
    fv_proto_float(&value, 2, (float)scalar->value);
    fv_proto_message(summary, 1, &value);
}

/* ---- records ---- */

/* The event, which is freed, as a record behind those that wait. */
static fv_status add_record(fv_events *e, fv_str *event)
{
    fv_str record = {.ctx = e->ctx};
    fv_proto_fixed(&record, event->size, 8);
    fv_proto_fixed(&record, record.data ? fv_crc32c_masked(record.data, 8) : 0, 4);
    fv_str_append_n(&record, event->data, event->size);
    fv_proto_fixed(&record, fv_crc32c_masked(event->data, event->size), 4);
    record.failed |= event->failed;
    fv_status status = fv_str_status(&record);
    if (status == FV_OK)
        fv_str_append_n(&e->pending, record.data, record.size);
    if (status == FV_OK)
        status = fv_str_status(&e->pending);
    e->pending.failed = false;
    fv_str_free(event);
    fv_str_free(&record);
    return status;
}

fv_status fv_events_flush(fv_events *e)
{
    size_t done = 0;
    fv_status status = FV_OK;
    while (status == FV_OK && done < e->pending.size) {
        ssize_t n = write(e->fd, e->pending.data + done, e->pending.size - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            status = fv_fail_errno(e->ctx, n == 0 ? EIO : errno, "write", e->path);
    }
    if (status == FV_OK)
        e->size += (int64_t)e->pending.size;
    else if (ftruncate(e->fd, e->size) == 0) /* readers stop at half a record */
        (void)lseek(e->fd, e->size, SEEK_SET);
    e->pending.size = 0;
    return status;
}

static void begin_event(fv_str *event, int64_t step)
{
    fv_proto_double(event, 1, fv_time_wall());
    fv_proto_int(event, 2, (uint64_t)step);
}

static fv_status write_version(fv_events *e)
{
    static const char version[] = "brain.Event:2";
    fv_str event = {.ctx = e->ctx};
    fv_proto_double(&event, 1, fv_time_wall());
    fv_proto_text(&event, 3, version);
    FV_TRY(add_record(e, &event));
    return fv_events_flush(e);
}

/* ---- files ---- */

static fv_status open_file(fv_events *e, const char *dir)
{
    char host[65] = "localhost", name[160];
    if (gethostname(host, sizeof host - 1) != 0)
        memcpy(host, "localhost", sizeof "localhost");
    host[sizeof host - 1] = '\0';
    for (char *p = host; *p; p++)
        *p = *p == '/' ? '-' : *p;
    /* The number counts microseconds of the second: in the order of their names files are in that of their making, and
     * one that is taken is rare. */
    const double now = fv_time_wall();
    const long long seconds = (long long)now, micros = (long long)((now - (double)seconds) * 1e6);
    for (int n = 0; e->fd < 0; n++) {
        snprintf(name, sizeof name, "%s%lld.%s.%lld.%06lld", prefix, seconds, host, (long long)getpid(), micros + n);
        fv_free(e->ctx, e->path);
        e->path = fv_path_join(e->ctx, dir, name);
        if (!e->path)
            return FV_ERR_NO_MEMORY;
        e->fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (e->fd < 0 && (errno != EEXIST || n == 99999))
            return fv_fail_errno(e->ctx, errno, "create", e->path);
    }
    return FV_OK;
}

fv_status fv_events_open(fv_ctx *ctx, const char *dir, fv_events **events)
{
    *events = NULL;
    fv_events *e = fv_new(ctx, fv_events);
    if (!e)
        return FV_ERR_NO_MEMORY;
    e->ctx = e->pending.ctx = ctx;
    e->fd = -1;
    fv_status status = fv_path_mkdirs(ctx, dir);
    if (status == FV_OK)
        status = open_file(e, dir);
    if (status == FV_OK)
        status = write_version(e);
    if (status != FV_OK) {
        if (e->fd >= 0)
            (void)unlink(e->path);
        fv_events_close(&e);
    }
    *events = e;
    return status;
}

fv_status fv_events_add_summary(fv_events *e, int64_t step, fv_str *summary)
{
    fv_str event = {.ctx = e->ctx};
    if (summary->size == 0 && !summary->failed)
        return FV_OK;
    begin_event(&event, step);
    fv_proto_message(&event, 5, summary);
    FV_TRY(add_record(e, &event));
    return e->pending.size > PENDING ? fv_events_flush(e) : FV_OK;
}

fv_status fv_events_add(fv_events *e, int64_t step, const fv_scalar *scalars, int count)
{
    fv_str summary = {.ctx = e->ctx};
    for (int i = 0; i < count; i++)
        if (isfinite(scalars[i].value))
            put_value(&summary, &scalars[i]);
    return fv_events_add_summary(e, step, &summary);
}

fv_status fv_events_put(fv_events *e, int64_t step, const fv_scalar *scalars, int count)
{
    FV_TRY(fv_events_add(e, step, scalars, count));
    return fv_events_flush(e);
}

fv_status fv_events_put_value(fv_events *e, int64_t step, fv_str *value)
{
    fv_str event = {.ctx = e->ctx}, summary = {.ctx = e->ctx};
    begin_event(&event, step);
    fv_proto_message(&summary, 1, value);
    fv_proto_message(&event, 5, &summary);
    FV_TRY(add_record(e, &event));
    return fv_events_flush(e);
}

fv_status fv_events_put_image(fv_events *e, int64_t step, const char *tag, const fv_picture *picture)
{
    fv_str value = {.ctx = e->ctx}, image = {.ctx = e->ctx}, file = {.ctx = e->ctx};
    fv_status status = fv_picture_png(&file, picture);
    if (status == FV_OK) {
        fv_proto_int(&image, 1, (uint64_t)picture->h);
        fv_proto_int(&image, 2, (uint64_t)picture->w);
        fv_proto_int(&image, 3, 3); /* RGB */
        fv_proto_bytes(&image, 4, file.data, file.size);
        fv_proto_text(&value, 1, tag);
        fv_proto_message(&value, 4, &image);
        status = fv_events_put_value(e, step, &value);
    }
    fv_str_free(&file);
    return status;
}

void fv_events_close(fv_events **events)
{
    fv_events *e = events ? *events : NULL;
    if (!e)
        return;
    if (e->fd >= 0) {
        (void)fv_events_flush(e);
        close(e->fd);
    }
    fv_str_free(&e->pending);
    fv_free(e->ctx, e->path);
    fv_free(e->ctx, e);
    *events = NULL;
}

/* ---- reading ---- */

typedef struct bytes {
    const uint8_t *at, *end;
} bytes;

static uint64_t get_fixed(const uint8_t *p, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint64_t)p[i] << 8 * i;
    return value;
}

static uint64_t get_varint(bytes *b)
{
    uint64_t value = 0;
    for (int shift = 0; b->at < b->end && shift < 64; shift += 7) {
        const uint8_t byte = *b->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

/* The next field of a message: its number (0: none is left), its number's value or its bytes. */
static int get_field(bytes *b, uint64_t *value, bytes *inner)
{
    const uint64_t key = b->at < b->end ? get_varint(b) : 0;
    const uint64_t left = (uint64_t)(b->end - b->at), size = (key & 7) == FIXED64 ? 8 : (key & 7) == FIXED32 ? 4 : 0;
    *value = 0;
    *inner = (bytes){b->at, b->at};
    if ((key & 7) == VARINT) {
        *value = get_varint(b);
    } else if ((key & 7) == BYTES) {
        const uint64_t n = get_varint(b);
        if (n > (uint64_t)(b->end - b->at))
            return 0;
        *inner = (bytes){b->at, b->at + n};
        b->at += n;
    } else {
        if (size == 0 || size > left)
            return 0;
        b->at += size;
    }
    return (int)(key >> 3);
}

/* Bytes of the field with that number; empty: there is none. */
static bytes find_field(bytes message, int wanted, uint64_t *value)
{
    bytes inner;
    int field;
    while ((field = get_field(&message, value, &inner)) > 0)
        if (field == wanted)
            return inner;
    *value = 0;
    return (bytes){NULL, NULL};
}

enum { AROUND = 16 }; /* bytes of a record beside its event: length, two checksums */

/* The event of the record at `at`, which moves behind it. False: there is none that is whole. */
static bool next_event(const fv_blob *file, int64_t *at, bytes *event)
{
    if (file->size - *at < AROUND)
        return false;
    const uint64_t n = get_fixed(file->data + *at, 8);
    if (n > (uint64_t)(file->size - *at - AROUND))
        return false;
    *event = (bytes){file->data + *at + 12, file->data + *at + 12 + n};
    *at += (int64_t)n + AROUND;
    return true;
}

/* The tag of an event's first value, and the event's step. */
static bytes tag_of(bytes event, uint64_t *step)
{
    uint64_t unused;
    (void)find_field(event, 2, step);
    return find_field(find_field(find_field(event, 5, &unused), 1, &unused), 1, &unused);
}

static bool begins_with(bytes tag, const char *start)
{
    const size_t n = strlen(start);
    return tag.at && (size_t)(tag.end - tag.at) >= n && memcmp(tag.at, start, n) == 0;
}

/* Whether an event is of an epoch or step that the run has done. */
static bool is_kept(bytes event, const fv_events_done *done)
{
    uint64_t step;
    const bytes tag = tag_of(event, &step);
    const bool last_step = begins_with(tag, "weights/") || begins_with(tag, "gradients/");
    return step <= (uint64_t)(last_step ? done->last_steps : begins_with(tag, "epoch_") ? done->epochs : done->steps);
}

static fv_status cut_file(fv_ctx *ctx, const char *path, void *done)
{
    fv_blob file;
    bytes event;
    int64_t kept = 0;
    FV_TRY(fv_blob_read(ctx, path, &file));
    for (int64_t at = 0; next_event(&file, &at, &event) && is_kept(event, done);)
        kept = at;
    const bool cut = kept < file.size;
    fv_blob_free(ctx, &file);
    return !cut || truncate(path, (off_t)kept) == 0 ? FV_OK : fv_fail_errno(ctx, errno, "cut", path);
}

/* A tag and step, and whether they were met. */
typedef struct wanted {
    const char *tag;
    uint64_t step;
    bool found;
} wanted;

static fv_status look_in_file(fv_ctx *ctx, const char *path, void *arg)
{
    wanted *w = arg;
    fv_blob file;
    bytes event;
    uint64_t step;
    FV_TRY(fv_blob_read(ctx, path, &file));
    for (int64_t at = 0; !w->found && next_event(&file, &at, &event);) {
        const bytes tag = tag_of(event, &step);
        w->found = step == w->step && begins_with(tag, w->tag) && (size_t)(tag.end - tag.at) == strlen(w->tag);
    }
    fv_blob_free(ctx, &file);
    return FV_OK;
}

/* visit(path) for every event file of a folder, which need not be there. */
static fv_status each_file(fv_ctx *ctx, const char *dir, fv_status (*visit)(fv_ctx *ctx, const char *path, void *arg),
                           void *arg)
{
    char **names = NULL;
    int64_t count = 0;
    if (!fv_path_is_dir(dir))
        return FV_OK;
    FV_TRY(fv_path_list(ctx, dir, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        if (strncmp(names[i], prefix, sizeof prefix - 1) != 0)
            continue;
        char *path = fv_path_join(ctx, dir, names[i]);
        status = path ? visit(ctx, path, arg) : FV_ERR_NO_MEMORY;
        fv_free(ctx, path);
    }
    fv_free(ctx, names);
    return status;
}

fv_status fv_events_cut(fv_ctx *ctx, const char *dir, const fv_events_done *done)
{
    fv_events_done d = *done;
    return each_file(ctx, dir, cut_file, &d);
}

fv_status fv_events_find(fv_ctx *ctx, const char *dir, const char *tag, int64_t step, bool *found)
{
    wanted w = {.tag = tag, .step = (uint64_t)step};
    const fv_status status = each_file(ctx, dir, look_in_file, &w);
    *found = w.found;
    return status;
}

static fv_status remove_file(fv_ctx *ctx, const char *path, void *removed)
{
    if (unlink(path) != 0)
        return fv_fail_errno(ctx, errno, "remove", path);
    ++*(int64_t *)removed;
    return FV_OK;
}

fv_status fv_events_remove(fv_ctx *ctx, const char *dir, int64_t *removed)
{
    *removed = 0;
    return each_file(ctx, dir, remove_file, removed);
}
