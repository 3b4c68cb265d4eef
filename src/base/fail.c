/* SPDX-License-Identifier: Apache-2.0 */
/* Recording failures and sending log lines. */
#include "base/ctx_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Formats into buf as one line: control characters become '?', a text that is too long ends in "...". */
static void format_line(char *buf, size_t capacity, const char *format, va_list args)
{
    int n = vsnprintf(buf, capacity, format, args);
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
    pthread_mutex_lock(&ctx->message_mutex);
    memcpy(ctx->message, line, strlen(line) + 1);
    ctx->hint[0] = '\0';
    pthread_mutex_unlock(&ctx->message_mutex);
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
    pthread_mutex_lock(&ctx->message_mutex);
    memcpy(ctx->hint, line, strlen(line) + 1);
    pthread_mutex_unlock(&ctx->message_mutex);
    return status;
}

fv_status fv_fail_prefix(fv_ctx *ctx, fv_status status, const char *prefix)
{
    if (!ctx)
        return status;
    char rest[FV_MESSAGE_MAX];
    pthread_mutex_lock(&ctx->message_mutex);
    memcpy(rest, ctx->message, sizeof rest);
    int n = snprintf(ctx->message, sizeof ctx->message, "%s: %s", prefix, rest);
    if (n >= (int)sizeof ctx->message)
        memcpy(ctx->message + sizeof ctx->message - 4, "...", 4);
    pthread_mutex_unlock(&ctx->message_mutex);
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
    pthread_mutex_lock(&ctx->message_mutex);
    ctx->message[0] = ctx->hint[0] = '\0';
    pthread_mutex_unlock(&ctx->message_mutex);
}

const char *fv_ctx_error(const fv_ctx *ctx)
{
    return ctx->message;
}

const char *fv_ctx_hint(const fv_ctx *ctx)
{
    return ctx->hint;
}

fv_log_sink fv_log_redirect(fv_ctx *ctx, fv_log_sink sink)
{
    const fv_log_sink before = {ctx->log, ctx->log_user, ctx->log_all};
    ctx->log = sink.fn;
    ctx->log_user = sink.user;
    ctx->log_all = sink.all;
    return before;
}

bool fv_log_wants_all(const fv_ctx *ctx)
{
    return ctx->log && ctx->log_all;
}

bool fv_log_wants(const fv_ctx *ctx, const char *topic)
{
    if (!ctx->log)
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
    if (!ctx->log || (level == FV_LOG_DEBUG && !fv_log_wants(ctx, topic)))
        return;
    char line[FV_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    format_line(line, sizeof line, format, args);
    va_end(args);
    ctx->log(ctx->log_user, level, topic, line);
}
