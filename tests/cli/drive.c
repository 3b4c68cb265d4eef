/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program in circumstances that a shell cannot make, and reads its JSON. drive HOW ... [--] COMMAND WORDS:
 *   pty COLUMNS [hangup=TEXT] COMMAND   in a terminal of that width, whose output is copied to standard output; the
 *                                       terminal is closed once TEXT has been seen
 *   signal NAME after=TEXT COMMAND      with default signal actions; the signal is sent once TEXT has been seen on
 *                                       its standard error, which is copied to standard error
 *   nobody COMMAND                      as a user without rights (the caller must be root)
 *   peak FILE COMMAND                   the most memory that it had, in kB, is written to the file
 *   web PORTFILE                        an HTTP server for tests of fetching (web.c)
 *   json [KEY[.KEY]...]                 every line of standard input must be JSON; the value of KEY in each is printed
 * Ends as the command ends: with its exit code, or 128 + the signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "web.h"

static int fail(const char *what)
{
    fprintf(stderr, "drive: %s: %s\n", what, strerror(errno));
    return 99;
}

static int result_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return fail("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void default_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXCPU};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

/* Copies from `in` to `out` until the end, or until `text` has been seen; tells which. */
static bool copy_until(int in, int out, const char *text)
{
    static char seen[1 << 20];
    size_t size = 0;
    char buffer[4096];
    ssize_t n;
    while ((n = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)n) < 0)
            return false;
        size_t room = sizeof seen - 1 - size, take = (size_t)n < room ? (size_t)n : room;
        memcpy(seen + size, buffer, take);
        seen[size += take] = 0;
        if (text && strstr(seen, text))
            return true;
    }
    return false;
}

static const char *word(char **argv, const char *key)
{
    size_t n = strlen(key);
    return argv[0] && strncmp(argv[0], key, n) == 0 && argv[0][n] == '=' ? argv[0] + n + 1 : NULL;
}

static int in_terminal(char **argv)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)atoi(argv[0] ? argv[0] : "80")};
    int master;
    const char *hangup = word(++argv, "hangup");
    argv += hangup != NULL;
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child < 0)
        return fail("forkpty");
    if (child == 0) {
        default_signals();
        execvp(argv[0], argv);
        _exit(127);
    }
    copy_until(master, STDOUT_FILENO, hangup);
    close(master);
    return result_of(child);
}

static int with_signal(char **argv)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"INT", SIGINT},   {"TERM", SIGTERM}, {"HUP", SIGHUP},  {"KILL", SIGKILL},
                   {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"XCPU", SIGXCPU}};
    int number = 0, ends[2];
    for (size_t i = 0; argv[0] && i < sizeof signals / sizeof *signals; i++)
        if (strcmp(argv[0], signals[i].name) == 0)
            number = signals[i].number;
    const char *after = number ? word(argv + 1, "after") : NULL;
    if (!after || pipe(ends) != 0)
        return fail("signal NAME after=TEXT");
    pid_t child = fork();
    if (child == 0) {
        default_signals();
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    close(ends[1]);
    if (copy_until(ends[0], STDERR_FILENO, after))
        kill(child, number);
    copy_until(ends[0], STDERR_FILENO, NULL);
    return result_of(child);
}

/* The program is opened first: the user without rights may not be able to reach it by its path. */
static int as_nobody(char **argv)
{
    int fd = open(argv[0], O_RDONLY);
    if (fd < 0 || setgid(65534) != 0 || setuid(65534) != 0)
        return fail("nobody");
    fexecve(fd, argv, environ);
    return fail(argv[0]);
}

static int with_peak(char **argv)
{
    FILE *file = argv[0] ? fopen(argv[0], "w") : NULL;
    struct rusage usage;
    if (!file)
        return fail("peak FILE");
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[1], argv + 1);
        _exit(127);
    }
    const int result = result_of(child);
    getrusage(RUSAGE_CHILDREN, &usage);
    fprintf(file, "%ld\n", usage.ru_maxrss);
    return fclose(file) == 0 ? result : fail(argv[0]);
}

static int read_json(char **argv)
{
    char *line = NULL;
    size_t capacity = 0;
    int count = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        json_error_t error;
        json_t *root = json_loads(line, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error), *value = root;
        if (!root) {
            fprintf(stderr, "drive: %s in: %s", error.text, line);
            return 1;
        }
        char *path = argv[0] ? strdup(argv[0]) : NULL, *rest = path;
        for (char *key = path ? strtok_r(path, ".", &rest) : NULL; key && value; key = strtok_r(NULL, ".", &rest))
            value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key)) : json_object_get(value, key);
        if (path && !value) {
            fprintf(stderr, "drive: no %s in: %s", argv[0], line);
            return 1;
        }
        if (path && json_is_string(value))
            puts(json_string_value(value));
        else if (path && json_is_object(value)) {
            const char *key;
            json_t *member;
            json_object_foreach(value, key, member) printf("%s ", key);
            putchar('\n');
        } else if (path) {
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_COMPACT);
            putchar('\n');
        }
        free(path);
        json_decref(root);
        count++;
    }
    free(line);
    return count ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(char **argv);
    } ways[] = {{"pty", in_terminal}, {"signal", with_signal}, {"nobody", as_nobody},
                {"peak", with_peak},  {"json", read_json},     {"web", web_serve}};
    for (size_t i = 0; argc > 1 && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(argv[1], ways[i].name) == 0)
            return ways[i].run(argv + 2);
    return fail("usage: drive pty|signal|nobody|peak|json|web ...");
}
