/* SPDX-License-Identifier: Apache-2.0 */
/* What may be said while files are being spoilt. */
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "soak/soak.h"

/* What may be complained about, without the folder's name: prey, or a set of which a part is prey. */
static const char *const subjects[] = {
    "folder",
    "folder/[cd]*/prey_[0-9][0-9].[jp][pn]g",
    "manifest.csv",
    "manifest.csv/*",
    "set.fvpack",
    "set.fvpack/[cd]*/prey_[0-9][0-9].[jp][pn]g",
    "raw.fvpack",
    "raw.fvpack/[cd]*/prey_[0-9][0-9].[jp][pn]g",
    "shards/train-0000[0-9][0-9].tar",
    "shards/train-0000[0-9][0-9].tar:[0-9]*.[jp][pn]g",
    "shards",
    "npy",
    "npy/images.npy",
    "npy/images.npy\\[[23][0-9]\\]",
};
enum { N_SUBJECTS = sizeof subjects / sizeof *subjects };
/* What may be said about it. */
static const char *const reasons[] = {
    /* a sample */
    "quarantined: cannot open: *",
    "quarantined: not a regular file",
    "quarantined: the file is empty (0 bytes)",
    "quarantined: truncated JPEG at byte *",
    "quarantined: truncated PNG at byte *",
    "quarantined: corrupt JPEG at byte *",
    "quarantined: corrupt PNG at byte *",
    "quarantined: the content looks like *, not like an image that can be read (*",
    "quarantined: record * at byte * of the packed file: its checksum is wrong",
    "quarantined: the shard cannot be *",
    "quarantined: cannot be read at byte *",
    "quarantined: the shard is no regular file any more",
    "quarantined: the shard has become shorter: it ends at byte *",
    "quarantined: the file became shorter while it was used: nothing from byte * on, the sample begins at byte *",
    "quarantined: the file has not answered for * s",
    "the file has not answered for * s, like * before",
    "still does not answer; a thread stays behind until it does",
    "quarantined: * not supported*",
    "*; the image is used as it decodes",
    "quarantined: the header says * x * pixels: there is no image",
    "the header says * x * pixels, the limit is * pixels",
    /* a data set */
    "no such file or folder",
    "no images.npy of split 'train'",
    "cannot open: *",
    "cannot read: *",
    "a file that is no data set: it looks like *",
    "is a device or pipe, expected a regular file",
    "not a regular file, expected a tar archive",
    "truncated at byte *",
    "byte *: the checksum of the tables is wrong",
    "byte *: the footer*",
    "byte 0: no packed file: its first bytes are others",
    "the content looks like *, expected an NPY array",
    "byte *: an entry of the index contradicts the file",
    "byte *: *; the * member* before it *used",
    "* sample* without .cls or .json left out",
    "* sample* without an image left out",
    "* member name* collide*",
    "* key*, and none with an image and a label",
    "member * has * bytes, a label or its JSON at most *",
    "a compressed archive: its members cannot be read one by one",
    "class '*': the name is not UTF-8, as models store it",
    "class '*' has one sample: is it a misspelt '*'?",
    "classes '*' and '*' differ by letter case or blanks only",
    "classes.txt has * names, but the labels go up to *",
    "a label is *, expected a class below *",
    "* sample* of unknown classes left out",
    "no sample of split '*'",
    "no samples left in split '*'",
    "an empty file, expected a manifest",
    "a header and no line behind it",
    "the manifest has vanished",
    "and * more",
    "* sample* whose label or JSON cannot be used left out",
    "labels that cannot be used, the first: *",
    "* path* listed more than once*",
    "this pipe has not answered for * s",
    "no data set here: found * entr*, none of them an IDX or CIFAR file or a folder",
    "* FIFO*, socket* or device* skipped (first: *)",
    "* link* to something that is not there skipped (first: *)",
    "* bad line*, the first manifest.csv:*",
};
enum { N_REASONS = sizeof reasons / sizeof *reasons };
static long long said[N_SUBJECTS][N_REASONS];
static const soak_world *world;
static int findings;
static long long rows_told;

void soak_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("soak: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    exit(1);
}

static void find(const char *what, const char *line)
{
    fprintf(stderr, "soak: %s: %s\n", what, line);
    findings++;
}

void soak_judge_begin(const soak_world *w)
{
    world = w;
}

/* A shard is prey as a whole or not at all. */
static bool is_safe_shard(const char *line)
{
    const char *shard = strstr(line, "shards/train-");
    if (!shard)
        return false;
    for (int i = 0; i < world->n_prey; i++) {
        if (strncmp(world->prey[i].path + strlen(world->dir) + 1, shard, strcspn(shard, ".")) == 0)
            return false;
    }
    return true;
}

/* Lines of the manifest before the first prey. */
static bool is_safe_row(const char *line)
{
    static const char name[] = "manifest.csv:";
    return strncmp(line, name, sizeof name - 1) == 0 && line[sizeof name - 1] != ' ' &&
           atoi(line + sizeof name - 1) < world->first_row;
}

/* Without the folder's name in front of paths. */
static void shorten(const char *line, char *out, size_t size)
{
    const size_t n = strlen(world->dir);
    size_t at = 0;
    while (*line && at + 1 < size) {
        if (strncmp(line, world->dir, n) == 0)
            line += n + (line[n] == '/');
        else
            out[at++] = *line++;
    }
    out[at] = '\0';
}

static void judge(const char *line)
{
    char text[8192], subject[8192];
    shorten(line, text, sizeof text);
    if (strstr(text, "safe_") || is_safe_row(text) || is_safe_shard(text))
        find("something that nobody touched is complained about", text);
    int a = 0, b = 0;
    sscanf(text, "manifest.csv:%*[0-9]%n", &a);
    sscanf(text, "shards/train-%*[0-9].tar:%*[0-9].%*[jp]%n", &b);
    const bool quarantined = strstr(text, ": quarantined: ") || strstr(text, ": the image is used");
    if (a > 0 || (b > 0 && !quarantined)) { /* a line or a member of JSON, which can be bad in many ways */
        rows_told++;
        return;
    }
    for (const char *colon = strstr(text, ": "); colon; colon = strstr(colon + 2, ": ")) {
        snprintf(subject, sizeof subject, "%.*s", (int)(colon - text), text);
        for (int s = 0; s < N_SUBJECTS; s++) {
            for (int r = 0; r < N_REASONS; r++) {
                if (fnmatch(subjects[s], subject, 0) == 0 && fnmatch(reasons[r], colon + 2, 0) == 0) {
                    said[s][r]++;
                    return;
                }
            }
        }
    }
    find("a line that was not expected", text);
}

void soak_judge(const char *text)
{
    char line[8192];
    while (*text) {
        const size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        text += n + (text[n] == '\n');
        const char *topic = strncmp(line + 1, " data: ", 7) == 0 ? line + 8 : line;
        if (topic == line || line[0] - '0' <= FV_LOG_WARN) /* a message, or a line of the log that is no mere news */
            judge(topic);
    }
}

void soak_judge_run(const char *output, char *const *args, int code)
{
    char line[8192];
    FILE *file = fopen(output, "r");
    const int status = WIFEXITED(code) ? WEXITSTATUS(code) : -1;
    bool bad = !file || (status != 0 && status != 3 && status != 9); /* fine, data, a file cannot be read */
    while (file && fgets(line, sizeof line, file)) {
        bad |= strstr(line, "Sanitizer") || strstr(line, "runtime error");
        bad |=
            strstr(line, "safe_") && (strstr(line, "warning") || strstr(line, "error") || strstr(line, "quarantine"));
    }
    if (bad) {
        fprintf(stderr, "soak: status %x of", (unsigned)code);
        for (int i = 0; args[i]; i++)
            fprintf(stderr, " %s", args[i]);
        fputs("\n", stderr);
        if (file)
            rewind(file);
        while (file && fgets(line, sizeof line, file))
            fputs(line, stderr);
        findings++;
    }
    if (file)
        fclose(file);
}

int soak_judge_tell(void)
{
    printf("%9lld lines of manifest.csv and samples' JSON\n", rows_told);
    for (int r = 0; r < N_REASONS; r++) {
        for (int k = 0; k < N_SUBJECTS; k++) {
            if (said[k][r] > 0)
                printf("%9lld %s: %s\n", said[k][r], subjects[k], reasons[r]);
        }
    }
    return findings;
}
