/* SPDX-License-Identifier: Apache-2.0 */
/* Recording failures, one per thread, and sending log lines. */
#include "base/ctx_impl.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Formats into buf as one line: control characters become '?', a text that is too long ends in "...". */
static void format_line(char *buf, size_t capacity, const char *format, va_list args)
{
    int n = fv_text_vformat(buf, capacity, format, args);
    if (n < 0)
        buf[0] = '\0';
    for (char *p = buf; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = *p == '\n' || *p == '\t' ? ' ' : '?';
    }
    if (n < 0 || (size_t)n < capacity)
        return;
    size_t end = capacity - 4;
    while (end > 0 && ((unsigned char)buf[end] & 0xC0) == 0x80)
        end--; /* not inside a UTF-8 sequence */
    memcpy(buf + end, "...", 4);
}

void fv_failures_init(fv_ctx *ctx)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&ctx->log_mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    pthread_mutex_init(&ctx->failure_mutex, NULL);
    for (int i = 0; i + 1 < FV_FAILURES; i++)
        ctx->first_failures[i].next = &ctx->first_failures[i + 1];
    atomic_init(&ctx->failures, &ctx->first_failures[0]);
}

void fv_failures_free(fv_ctx *ctx)
{
    fv_failure_record *r = atomic_load(&ctx->failures);
    while (r != &ctx->first_failures[0]) {
        fv_failure_record *next = r->next;
        ctx->allocator.release(ctx->allocator.user, r, sizeof *r);
        r = next;
    }
    pthread_mutex_destroy(&ctx->failure_mutex);
    pthread_mutex_destroy(&ctx->log_mutex);
}

static int this_thread(void)
{
    return (int)syscall(SYS_gettid);
}

/* Whether a thread of this process has ended. */
static bool has_ended(int thread)
{
    const int before = errno;
    const bool ended = syscall(SYS_tgkill, getpid(), thread, 0) != 0 && errno == ESRCH;
    errno = before;
    return ended;
}

/* The calling thread's record; NULL if it has none. Takes no lock: records are added in front and never leave. */
static fv_failure_record *own_record(const fv_ctx *ctx)
{
    const int thread = this_thread();
    for (fv_failure_record *r = atomic_load(&ctx->failures); r; r = r->next) {
        if (atomic_load_explicit(&r->thread, memory_order_relaxed) == thread)
            return r;
    }
    return NULL;
}

/* The same; a thread that has none gets an ended thread's, or a new one. NULL: no memory for one. */
static fv_failure_record *need_record(fv_ctx *ctx)
{
    fv_failure_record *r = own_record(ctx);
    if (r)
        return r;
    pthread_mutex_lock(&ctx->failure_mutex);
    fv_failure_record *first = atomic_load(&ctx->failures);
    for (r = first; r && atomic_load(&r->thread) != 0 && !has_ended(atomic_load(&r->thread)); r = r->next) {
    }
    if (!r && (r = ctx->allocator.alloc(ctx->allocator.user, sizeof *r, FV_ALIGN))) {
        atomic_init(&r->thread, 0);
        r->next = first;
        atomic_store(&ctx->failures, r);
    }
    if (r) {
        r->failure.message[0] = r->failure.hint[0] = '\0';
        atomic_store(&r->thread, this_thread());
    } else {
        atomic_store(&ctx->speechless, this_thread());
    }
    pthread_mutex_unlock(&ctx->failure_mutex);
    return r;
}

/* Sets the parts of the calling thread's failure that are not NULL. */
static void set_failure(fv_ctx *ctx, const char *message, const char *hint)
{
    fv_failure_record *r = need_record(ctx);
    if (!r)
        return;
    if (message)
        memcpy(r->failure.message, message, strlen(message) + 1);
    if (hint)
        memcpy(r->failure.hint, hint, strlen(hint) + 1);
    atomic_store(&r->thread, this_thread()); /* what was written comes before who takes the record over */
}

fv_status fv_fail(fv_ctx *ctx, fv_status status, const char *format, ...)
{
    if (!ctx)
        return status;
    /* Formatted aside first: the arguments may point into the message recorded before. */
    char line[FV_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    set_failure(ctx, line, "");
    return status;
}

fv_status fv_fail_hint(fv_ctx *ctx, fv_status status, const char *format, ...)
{
    if (!ctx)
        return status;
    char line[FV_HINT_MAX];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    set_failure(ctx, NULL, line);
    return status;
}

fv_status fv_fail_prefix(fv_ctx *ctx, fv_status status, const char *prefix)
{
    if (!ctx)
        return status;
    char line[FV_MESSAGE_MAX];
    if (snprintf(line, sizeof line, "%s: %s", prefix, fv_ctx_error(ctx)) >= (int)sizeof line)
        memcpy(line + sizeof line - 4, "...", 4);
    set_failure(ctx, line, NULL);
    return status;
}

void fv_fail_save(const fv_ctx *ctx, fv_failure *failure)
{
    snprintf(failure->message, sizeof failure->message, "%s", fv_ctx_error(ctx));
    snprintf(failure->hint, sizeof failure->hint, "%s", fv_ctx_hint(ctx));
}

fv_status fv_fail_restore(fv_ctx *ctx, fv_status status, const fv_failure *failure)
{
    set_failure(ctx, failure->message, failure->hint);
    return status;
}

fv_status fv_fail_errno(fv_ctx *ctx, int error, const char *verb, const char *path)
{
    static const struct {
        int error;
        fv_status status;
    } rows[] = {
        {ENOENT, FV_ERR_NOT_FOUND}, {ENOTDIR, FV_ERR_NOT_FOUND}, {EACCES, FV_ERR_PERMISSION},
        {EPERM, FV_ERR_PERMISSION}, {EROFS, FV_ERR_PERMISSION},  {ENOSPC, FV_ERR_NO_SPACE},
        {EDQUOT, FV_ERR_NO_SPACE},  {ENOMEM, FV_ERR_NO_MEMORY},
    };
    fv_status status = FV_ERR_IO;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].error == error)
            status = rows[i].status;
    }
    char text[128];
    return fv_fail(ctx, status, "%s: cannot %s: %s", path, verb, strerror_r(error, text, sizeof text));
}

fv_status fv_fail_memory(fv_ctx *ctx, size_t size, const char *what)
{
    return fv_fail(ctx, FV_ERR_NO_MEMORY, "out of memory: %zu bytes for %s", size, what);
}

void fv_fail_clear(fv_ctx *ctx)
{
    if (own_record(ctx))
        set_failure(ctx, "", "");
}

const char *fv_ctx_error(const fv_ctx *ctx)
{
    if (!ctx)
        return "there is no context";
    const fv_failure_record *r = own_record(ctx);
    return r ? r->failure.message : atomic_load(&ctx->speechless) == this_thread() ? "out of memory" : "";
}

const char *fv_ctx_hint(const fv_ctx *ctx)
{
    if (!ctx)
        return "create one with fv_ctx_create, whose log says why it cannot be had";
    const fv_failure_record *r = own_record(ctx);
    return r ? r->failure.hint : "";
}

fv_log_sink fv_log_redirect(fv_ctx *ctx, fv_log_sink sink)
{
    pthread_mutex_lock(&ctx->log_mutex);
    const fv_log_sink before = ctx->sink;
    ctx->sink = sink;
    pthread_mutex_unlock(&ctx->log_mutex);
    return before;
}

/* Where lines go now. */
static fv_log_sink sink_of(const fv_ctx *ctx)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)&ctx->log_mutex;
    pthread_mutex_lock(mutex);
    const fv_log_sink sink = ctx->sink;
    pthread_mutex_unlock(mutex);
    return sink;
}

bool fv_log_wants_all(const fv_ctx *ctx)
{
    const fv_log_sink sink = sink_of(ctx);
    return sink.fn && sink.all;
}

bool fv_log_wants(const fv_ctx *ctx, const char *topic)
{
    if (!sink_of(ctx).fn)
        return false;
    size_t length = strlen(topic);
    for (const char *p = ctx->topics; *p;) {
        size_t n = strcspn(p, ",");
        if ((n == length && !memcmp(p, topic, n)) || (n == 3 && !memcmp(p, "all", 3)))
            return true;
        p += n;
        p += *p == ',';
    }
    return false;
}

void fv_log(fv_ctx *ctx, fv_log_level level, const char *topic, const char *format, ...)
{
    if (level == FV_LOG_DEBUG ? !fv_log_wants(ctx, topic) : !sink_of(ctx).fn)
        return;
    char line[FV_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock(&ctx->log_mutex);
    if (ctx->sink.fn)
        ctx->sink.fn(ctx->sink.user, level, topic, line);
    pthread_mutex_unlock(&ctx->log_mutex);
}
