/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says to people, the library's context that says more, and signals. */
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "show.h"

bool cli_quiet;

/* ---- messages: one line is one write, as several threads may have something to say ---- */

volatile bool bar_drawn;

void bar_wipe(void)
{
    if (bar_drawn)
        fputs("\r\033[K", stderr);
    bar_drawn = false;
}

static void say(const char *before, const char *format, va_list args) FV_PRINTF(2, 0);
static void say(const char *before, const char *format, va_list args)
{
    char line[8192];
    vsnprintf(line, sizeof line, format, args);
    flockfile(stderr);
    bar_wipe();
    fputs(before, stderr);
    show_text(stderr, line);
    fputc('\n', stderr);
    fflush(stderr);
    funlockfile(stderr);
}

static void say_line(const char *before, const char *format, ...) FV_PRINTF(2, 3);
static void say_line(const char *before, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(before, format, args);
    va_end(args);
}

static char help_topic[64];

void message_topic(const char *name, const char *action)
{
    snprintf(help_topic, sizeof help_topic, "%s%s%s", name, action ? " " : "", action ? action : "");
}

/* complain() has spoken: what it returned is not to be told again. */
static bool complained;

/* The run of several that is spoken of; NULL: none. */
static const char *part;
static bool part_may_fail;

void messages_of_part(const char *label, bool may_fail)
{
    part = label;
    part_may_fail = may_fail;
    complained = false;
}

bool status_is_of_settings(fv_status status)
{
    static const fv_status list[] = {FV_ERR_VALUE, FV_ERR_CONFLICT, FV_ERR_SHAPE, FV_ERR_OVER_BUDGET, FV_ERR_DIVERGED};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i] == status)
            return true;
    return false;
}

/* A run that was interrupted goes on with all of them, and one that its settings spoil is no end of the others. */
static bool is_told_as_part(fv_status status, const char *text)
{
    if (!part || (status != FV_ERR_INTERRUPTED && !(part_may_fail && status_is_of_settings(status))))
        return false;
    if (status != FV_ERR_INTERRUPTED)
        say_line("fovea: warning: ", "%s: %s", part, *text ? text : fv_status_text(status));
    return true;
}

static void print_failure(fv_status status, const char *text, const char *hint)
{
    char usage[128];
    if (is_told_as_part(status, text))
        return;
    if (status == FV_ERR_USAGE && (!hint || !*hint) && *help_topic) {
        snprintf(usage, sizeof usage, "`fovea help %s` shows the usage", help_topic);
        hint = usage;
    }
    say_line("fovea: ", "error[E%d]: %s", -(int)status, *text ? text : fv_status_text(status));
    if (!hint || !*hint)
        hint = fv_status_cure(status);
    if (*hint && strcmp(hint, "see the message") != 0)
        say_line("hint: ", "%s", hint);
}

fv_status report(const fv_ctx *ctx, fv_status status)
{
    if (status != FV_OK && !complained)
        print_failure(status, ctx ? fv_ctx_error(ctx) : "", ctx ? fv_ctx_hint(ctx) : "");
    return status;
}

fv_status complain(fv_status status, const char *hint, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    print_failure(status, text, hint);
    complained = true;
    return status;
}

void warn(const char *format, ...)
{
    va_list args;
    if (part && part_may_fail && cli_quiet)
        return; /* the run's log has it, and of the first one it was told */
    va_start(args, format);
    say("fovea: warning: ", format, args);
    va_end(args);
}

void note(const char *format, ...)
{
    va_list args;
    if (cli_quiet)
        return;
    va_start(args, format);
    say("", format, args);
    va_end(args);
}

const char *count_of(int64_t n, const char *one, const char *many, char *text)
{
    snprintf(text, 64, "%lld %s", (long long)n, n == 1 ? one : many);
    return text;
}

/* ---- context ---- */

/* While a context is being made its error is a line of the log: kept to be told as the error it is. */
static char opening_error[1024];
static bool opening;

/* What data sets say once each (training has up to three) is said once by the program: the kind of it stands between
 * the file's name and the mark. */
static bool said_before(const char *line)
{
    static char said[16][96];
    static int count;
    const char *mark = strstr(line, " (said once;"), *kind = line;
    for (const char *p = line; mark && p < mark; p++)
        kind = p[0] == ':' && p[1] == ' ' ? p + 2 : kind;
    if (!mark)
        return false;
    const int n = (int)(mark - kind);
    for (int i = 0; i < count; i++)
        if ((int)strlen(said[i]) == n && strncmp(said[i], kind, (size_t)n) == 0)
            return true;
    if (count < 16 && n < 96)
        snprintf(said[count++], sizeof said[0], "%.*s", n, kind);
    return false;
}

static void log_line(void *user, fv_log_level level, const char *topic, const char *line)
{
    (void)user;
    if (said_before(line))
        return;
    if (level == FV_LOG_WARN)
        warn("%s", line);
    else if (level == FV_LOG_ERROR && opening)
        snprintf(opening_error, sizeof opening_error, "%s", line);
    else if (level == FV_LOG_ERROR)
        say_line("fovea: ", "%s", line);
    else if (level == FV_LOG_DEBUG)
        say_line(topic, ": %s", line);
    else if (!cli_quiet)
        say_line("", "%s", line);
}

/* The options of the planner. */
static fv_status plan_set(const settings *c, fv_ctx *ctx)
{
    const fv_plan_options options = {
        .plan = c->plan, .effort = (int)c->plan_effort, .workspace = c->plan_workspace, .algorithm = c->conv_algo};
    fv_status status = fv_ctx_plan(ctx, &options);
    if (status != FV_OK)
        print_failure(status, fv_ctx_error(ctx), fv_ctx_hint(ctx));
    return status;
}

fv_status context_open(const settings *c, fv_ctx **ctx)
{
    fv_ctx_options options = {.log = log_line, .threads = (int)c->threads, .memory = c->memory};
    opening = true;
    fv_status status = fv_ctx_create(&options, ctx);
    opening = false;
    if (status != FV_OK)
        print_failure(status, opening_error,
                      status == FV_ERR_VALUE ? "correct or unset that variable; see `fovea help environment`" : NULL);
    if (status == FV_OK)
        status = plan_set(c, *ctx);
    if (status != FV_OK)
        fv_ctx_destroy(ctx);
    return status;
}

/* ---- signals ---- */

volatile sig_atomic_t caught_signal;

static void on_signal(int number)
{
    if (caught_signal && number == SIGINT)
        _exit(130);
    caught_signal = number;
}

void signals_catch(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        /* What whoever started us has them ignored for stays so: nohup, or a shell's background job. */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

void signals_die(void)
{
    signal(caught_signal, SIG_DFL);
    raise(caught_signal);
}
