/* SPDX-License-Identifier: Apache-2.0 */
#include "train/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "train/columns.h"
#include "train/norms.h"

enum { LINE_ROOM = 8192 };

static fv_status open_log(fv_journal *j, const char *name, int flags, int *fd)
{
    char *path = fv_path_join(j->ctx, j->dir, name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    *fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0666);
    fv_status status = *fd < 0 ? fv_fail_errno(j->ctx, errno, "open", path) : FV_OK;
    fv_free(j->ctx, path);
    return status;
}

/* A line that could not be written leaves nothing of itself behind; said once, as a full disk refuses the next ones
 * too.
 */
static void gap(fv_journal *j, int fd, size_t written, int error)
{
    struct stat st;
    if (written > 0 && fstat(fd, &st) == 0 && st.st_size >= (off_t)written &&
        ftruncate(fd, st.st_size - (off_t)written) != 0)
        fv_log(j->ctx, FV_LOG_DEBUG, "train", "%s: half a line stays in the log", j->dir);
    if (!j->has_gap)
        fv_log(j->ctx, FV_LOG_WARN, "train", "%s: lines of the logs are lost: %s", j->dir, strerror(error));
    j->has_gap = true;
}

void fv_journal_put(fv_journal *j, int fd)
{
    const char *data = j->line.data;
    size_t size = j->line.size;
    bool failed = j->line.failed;
    j->line.size = 0;
    j->line.failed = false;
    if (failed) {
        fv_log(j->ctx, FV_LOG_WARN, "train", "%s: no memory for a line of the log", j->dir);
        return;
    }
    size_t done = 0;
    while (fd >= 0 && done < size) {
        ssize_t n = write(fd, data + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            gap(j, fd, done, n < 0 ? errno : EIO);
            return;
        }
        done += (size_t)n;
    }
}

fv_status fv_journal_open(fv_ctx *ctx, const char *dir, fv_journal **journal)
{
    *journal = NULL;
    fv_journal *j = fv_new(ctx, fv_journal);
    if (!j)
        return FV_ERR_NO_MEMORY;
    char *path = NULL;
    fv_status status = FV_ERR_NO_MEMORY;
    j->ctx = ctx;
    j->lock.fd = j->results = j->events = j->norms = -1;
    j->dir = fv_strdup(ctx, dir);
    j->weights = fv_path_join(ctx, dir, "weights");
    j->line.ctx = ctx;
    if (j->dir && j->weights && fv_str_reserve(&j->line, LINE_ROOM))
        status = fv_path_mkdirs(ctx, j->weights);
    if (status == FV_OK)
        status = (path = fv_path_join(ctx, dir, ".lock")) ? fv_lock_take(ctx, path, &j->lock) : FV_ERR_NO_MEMORY;
    fv_free(ctx, path);
    if (status != FV_OK)
        fv_journal_close(&j);
    *journal = j;
    return status;
}

static fv_status check_room(const fv_journal *j, const fv_journal_start *start)
{
    const double room = (double)fv_path_free_bytes(j->dir), states = 3 * (double)start->checkpoint_bytes;
    const double need = states + (double)start->epoch_files * (double)start->model_bytes;
    char epochs[96] = "";
    if (room < 0 || room >= need)
        return FV_OK;
    if (start->epoch_files > 0)
        snprintf(epochs, sizeof epochs, " and the models of %lld epochs", (long long)start->epoch_files);
    return fv_fail_hint(j->ctx,
                        fv_fail(j->ctx, FV_ERR_NO_SPACE, "%s: %lld MB free, three checkpoints%s need %lld MB", j->dir,
                                (long long)(room / 1048576), epochs, (long long)(need / 1048576) + 1),
                        room < states ? "free space, or choose another --output"
                                      : "keep fewer: a larger --save-period, a smaller --checkpoint-hist; or free "
                                        "space, or choose another --output");
}

fv_status fv_journal_write(const fv_journal *j, const char *name, const char *text)
{
    char *path = fv_path_join(j->ctx, j->dir, name);
    fv_status status = path ? fv_file_write(j->ctx, path, text, strlen(text)) : FV_ERR_NO_MEMORY;
    fv_free(j->ctx, path);
    return status;
}

/* A path as a shell reads it. */
static void quote(fv_str *out, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@%";
    if (path[0] && path[0] != '-' && path[strspn(path, plain)] == '\0') {
        fv_str_append(out, path);
        return;
    }
    fv_str_append(out, path[0] == '-' ? "./'" : "'");
    for (const char *p = path; *p; p++)
        fv_str_append_n(out, *p == '\'' ? "'\\''" : p, *p == '\'' ? 4 : 1);
    fv_str_append(out, "'");
}

fv_status fv_journal_hint(const fv_journal *j, fv_status status, const char *when)
{
    fv_str text = {.ctx = j->ctx};
    quote(&text, j->dir);
    status = fv_fail_hint(j->ctx, status, "`fovea train --resume %s` goes on%s", fv_str_get(&text), when);
    fv_str_free(&text);
    return status;
}

static void put_header(fv_str *out)
{
    for (int c = 0; c < FV_RESULT_COLUMNS; c++)
        fv_str_printf(out, "%s%s", c ? "," : "", fv_column_get((fv_result_column)c)->name);
    fv_str_append(out, "\n");
}

/* Field `wanted` of a line, up to its comma or end; NULL when the line is shorter. */
static const char *field(const char *line, int wanted, size_t *size)
{
    for (; wanted > 0; wanted--, line++) {
        line += strcspn(line, ",\r\n");
        if (*line != ',')
            return NULL;
    }
    *size = strcspn(line, ",\r\n");
    return line;
}

/* The place of each column in the file's own header; -1: not there, as an earlier version wrote it. */
static void find_columns(const char *header, int place[FV_RESULT_COLUMNS])
{
    size_t size;
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        const char *name = fv_column_get((fv_result_column)c)->name;
        place[c] = -1;
        for (int k = 0; place[c] < 0 && field(header, k, &size); k++)
            if (strlen(name) == size && memcmp(field(header, k, &size), name, size) == 0)
                place[c] = k;
    }
}

/* A line of an earlier start, its numbers under today's columns. */
static void keep_line(fv_str *out, const char *line, const int place[FV_RESULT_COLUMNS])
{
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        size_t size = 0;
        const char *text = place[c] >= 0 ? field(line, place[c], &size) : NULL;
        fv_str_append(out, c ? "," : "");
        fv_str_append_n(out, text ? text : "", text ? size : 0);
    }
    fv_str_append(out, "\n");
}

/* Writes what is kept in the place of what was read, unless something failed before; frees all. */
static fv_status replace_file(fv_ctx *ctx, fv_status status, char *path, uint8_t *data, fv_str *kept)
{
    if (status == FV_OK)
        status = fv_str_status(kept);
    if (status == FV_OK)
        status = fv_file_write(ctx, path, kept->data, kept->size);
    fv_str_free(kept);
    fv_free(ctx, data);
    fv_free(ctx, path);
    return status;
}

/* The header and the lines of results.csv whose epoch is at most `epoch`. */
static fv_status keep_results(fv_journal *j, int64_t epoch)
{
    char *path = fv_path_join(j->ctx, j->dir, "results.csv");
    uint8_t *data = NULL;
    int64_t size = 0;
    int place[FV_RESULT_COLUMNS] = {0};
    fv_str kept = {.ctx = j->ctx};
    fv_status status = path ? FV_OK : FV_ERR_NO_MEMORY;
    put_header(&kept);
    if (status == FV_OK && epoch > 0 && fv_path_exists(path))
        status = fv_file_read(j->ctx, path, 0, false, &data, &size);
    if (data)
        find_columns((char *)data, place);
    for (char *line = (char *)data, *end; status == FV_OK && line && (end = strchr(line, '\n')); line = end + 1) {
        int64_t number = strtoll(line, NULL, 10);
        if (number >= 1 && number <= epoch)
            keep_line(&kept, line, place);
    }
    return replace_file(j->ctx, status, path, data, &kept);
}

/* The header and the lines of norms.csv whose step is at most `step`. */
static fv_status keep_norms(fv_journal *j, int64_t step)
{
    char *path = fv_path_join(j->ctx, j->dir, "norms.csv");
    uint8_t *data = NULL;
    int64_t size = 0;
    fv_str kept = {.ctx = j->ctx};
    fv_status status = path ? FV_OK : FV_ERR_NO_MEMORY;
    fv_str_append(&kept, fv_norms_head);
    if (status == FV_OK && step > 0 && fv_path_exists(path))
        status = fv_file_read(j->ctx, path, 0, false, &data, &size);
    for (char *line = (char *)data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        size_t width;
        const char *number = field(line, 1, &width);
        const int64_t at = number ? strtoll(number, NULL, 10) : 0;
        if (at >= 1 && at <= step)
            fv_str_append_n(&kept, line, (size_t)(end + 1 - line));
    }
    return replace_file(j->ctx, status, path, data, &kept);
}

/* Cuts off what a killed process left of a line, and finds the seconds of the last whole one; 0: there is none. */
static double last_time(fv_journal *j)
{
    enum { TAIL = 2 * LINE_ROOM };
    static const char key[] = "{\"t\":";
    char tail[TAIL + 1];
    double seconds = 0;
    const off_t size = lseek(j->events, 0, SEEK_END), at = size > TAIL ? size - TAIL : 0;
    const ssize_t n = size > 0 ? pread(j->events, tail, TAIL, at) : 0;
    if (n <= 0)
        return 0;
    tail[n] = '\0';
    char *end = strrchr(tail, '\n');
    if (!end || end[1]) {
        const off_t whole = end ? at + (end + 1 - tail) : at;
        if (ftruncate(j->events, whole) != 0)
            fv_log(j->ctx, FV_LOG_DEBUG, "train", "%s: half a line stays in the log", j->dir);
    }
    if (!end)
        return 0;
    *end = '\0';
    char *line = strrchr(tail, '\n');
    line = line ? line + 1 : tail;
    if (strncmp(line, key, sizeof key - 1) != 0)
        return 0;
    line += sizeof key - 1;
    line[strcspn(line, ",}")] = '\0';
    return fv_text_to_double(line, &seconds) ? seconds : 0;
}

fv_status fv_journal_begin(fv_journal *j, const fv_journal_start *start)
{
    FV_TRY(check_room(j, start));
    /* The folder is ours now: whoever wrote a temporary file here was killed. */
    FV_TRY(fv_writer_sweep(j->ctx, j->dir));
    FV_TRY(fv_writer_sweep(j->ctx, j->weights));
    if (start->arguments)
        FV_TRY(fv_journal_write(j, "args.yaml", start->arguments));
    FV_TRY(keep_results(j, start->resumed ? start->epoch : 0));
    FV_TRY(keep_norms(j, start->resumed ? start->step : 0));
    FV_TRY(open_log(j, "results.csv", 0, &j->results));
    FV_TRY(open_log(j, "norms.csv", 0, &j->norms));
    FV_TRY(open_log(j, "events.jsonl", start->resumed ? 0 : O_TRUNC, &j->events));
    const double last = last_time(j);
    j->start = fv_time_monotonic() - (last > start->seconds ? last : start->seconds);
    return FV_OK;
}

void fv_journal_close(fv_journal **journal)
{
    fv_journal *j = journal ? *journal : NULL;
    if (!j)
        return;
    if (j->results >= 0)
        close(j->results);
    if (j->events >= 0)
        close(j->events);
    if (j->norms >= 0)
        close(j->norms);
    fv_lock_release(&j->lock);
    fv_free(j->ctx, j->dir);
    fv_free(j->ctx, j->weights);
    fv_str_free(&j->line);
    fv_free(j->ctx, j);
    *journal = NULL;
}

/* A number, rounded as its column is; empty when not measured. Never in the locale's spelling. */
static void csv_real(fv_str *out, double value, double steps)
{
    char text[32];
    if (isfinite(value))
        fv_str_append(out, fv_double_text(steps > 0 ? round(value * steps) / steps : value, text));
}

static void write_csv(fv_journal *j, const fv_fit_event *e)
{
    double value[FV_RESULT_COLUMNS];
    fv_columns_of(e, value);
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        fv_str_append(&j->line, c ? "," : "");
        csv_real(&j->line, value[c], fv_column_get((fv_result_column)c)->steps);
    }
    fv_str_append(&j->line, "\n");
    fv_journal_put(j, j->results);
}

/* Their fields stand in docs/runs.md. */
static const char *const kinds[FV_EVENT_COUNT] = {"start", "step", "epoch", "ckpt", "warn", "end", "note"};

static void json_field(fv_json *json, const char *key, double value)
{
    if (!isnan(value)) {
        fv_json_key(json, key);
        fv_json_real(json, value);
    }
}

/* What training or validation measured, without `prefix` in front of its names; of a step the loss is its own. */
static void metrics_json(fv_json *json, const fv_fit_event *e, bool validation, const char *prefix)
{
    int count;
    const fv_monitor *list = fv_monitor_list(&count);
    for (int i = 0; i < count; i++) {
        const bool own = e->kind == FV_EVENT_STEP && i == FV_MONITOR_train_loss;
        if (list[i].validation == validation)
            json_field(json, list[i].name + strlen(prefix), own ? e->loss : fv_monitor_value(&list[i], e));
    }
}

void fv_journal_event(fv_journal *j, const fv_fit_event *e)
{
    fv_json json = {.out = &j->line};
    fv_json_begin_object(&json);
    json_field(&json, "t", fv_time_monotonic() - j->start);
    fv_json_key(&json, "ev");
    fv_json_string(&json, kinds[e->kind]);
    if (e->kind == FV_EVENT_START) {
        fv_json_key(&json, "schema");
        fv_json_int(&json, 1);
        json_field(&json, "wall", fv_time_wall());
    }
    fv_json_key(&json, "epoch");
    fv_json_int(&json, e->epoch);
    fv_json_key(&json, "step");
    fv_json_int(&json, e->global_step);
    if (e->kind == FV_EVENT_STEP || e->kind == FV_EVENT_EPOCH) {
        metrics_json(&json, e, false, "train_");
        json_field(&json, "lr", e->lr);
        json_field(&json, "img_per_s", e->img_per_s);
        json_field(&json, "data_wait", e->data_wait);
    }
    if (e->kind == FV_EVENT_EPOCH) {
        metrics_json(&json, e, true, "");
        fv_json_key(&json, "best");
        fv_json_bool(&json, e->best);
    }
    if (e->text) {
        fv_json_key(&json, "text");
        fv_json_string(&json, e->text);
    }
    if (e->kind == FV_EVENT_END && e->status != FV_OK) {
        fv_json_key(&json, "error");
        fv_json_int(&json, -(int64_t)e->status);
    }
    fv_json_end_object(&json);
    fv_str_append(&j->line, "\n");
    fv_journal_put(j, j->events);
    if (e->kind == FV_EVENT_EPOCH)
        write_csv(j, e);
}
