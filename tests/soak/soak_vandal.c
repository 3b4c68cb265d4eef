/* SPDX-License-Identifier: Apache-2.0 */
/* The vandal: spoils its prey in every way that file systems know, and repairs it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "soak/soak.h"

typedef struct act_on {
    const soak_prey *prey;
    uint64_t *random;
    char other[540]; /* a name beside the prey, for what is renamed onto it */
} act_on;

/* The vandal does not care whether an act succeeds: what it wants to spoil may be spoilt already. */
static void write_at(const char *path, int flags, size_t at, const uint8_t *data, size_t size)
{
    const int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | flags, 0644);
    if (fd < 0)
        return;
    if ((at > 0 ? pwrite(fd, data, size, (off_t)at) : write(fd, data, size)) < 0) /* a pipe has no places */
        usleep(100);
    close(fd);
}

static void clear_away(const char *path)
{
    if (unlink(path) != 0)
        rmdir(path);
}

static void vanish(const act_on *a)
{
    clear_away(a->prey->path);
}

static void restore_at_once(const act_on *a)
{
    write_at(a->other, O_CREAT | O_TRUNC, 0, a->prey->data, a->prey->size);
    rmdir(a->prey->path); /* a file cannot be renamed onto a folder */
    rename(a->other, a->prey->path);
}

/* In place and slowly, so that readers see half of it. */
static void restore_in_place(const act_on *a)
{
    const soak_prey *p = a->prey;
    const size_t half = p->first + (p->size - p->first) / 2;
    struct stat st;
    if (lstat(p->path, &st) != 0 || !S_ISREG(st.st_mode))
        clear_away(p->path);
    chmod(p->path, 0644);
    write_at(p->path, O_CREAT, 0, p->data, p->first);
    write_at(p->path, 0, p->first, p->data + p->first, half - p->first);
    usleep(soak_random(a->random, 3000));
    write_at(p->path, 0, half, p->data + half, p->size - half);
    if (truncate(p->path, (off_t)p->size) != 0)
        usleep(100);
}

static void cut(const act_on *a)
{
    const soak_prey *p = a->prey;
    if (truncate(p->path, (off_t)(p->first + soak_random(a->random, (unsigned)(p->size - p->first)))) != 0)
        usleep(100);
}

static void flip(const act_on *a)
{
    const soak_prey *p = a->prey;
    for (int i = 0; i < 4; i++) {
        const size_t at = p->first + soak_random(a->random, (unsigned)(p->size - p->first));
        const uint8_t byte = (uint8_t)(p->data[at] ^ 1u << soak_random(a->random, 8));
        write_at(p->path, 0, at, &byte, 1);
    }
}

static void junk(const act_on *a)
{
    static const char page[] = "<!DOCTYPE html><html><body>404 Not Found</body></html>\n";
    write_at(a->other, O_CREAT | O_TRUNC, 0, (const uint8_t *)page, sizeof page - 1);
    rename(a->other, a->prey->path);
}

static void empty(const act_on *a)
{
    write_at(a->other, O_CREAT | O_TRUNC, 0, NULL, 0);
    rename(a->other, a->prey->path);
}

/* A pipe that nobody writes to; later perhaps somebody does, for a moment. */
static void pipe_in_place(const act_on *a)
{
    clear_away(a->prey->path);
    if (mkfifo(a->prey->path, 0644) != 0)
        return;
    usleep(soak_random(a->random, 20000));
    write_at(a->prey->path, 0, 0, a->prey->data, a->prey->size < 4096 ? a->prey->size : 4096);
}

static void folder_in_place(const act_on *a)
{
    clear_away(a->prey->path);
    mkdir(a->prey->path, 0755);
}

static void link_loop(const act_on *a)
{
    clear_away(a->prey->path);
    if (symlink(strrchr(a->prey->path, '/') + 1, a->prey->path) != 0)
        usleep(100);
}

static void forbid(const act_on *a)
{
    chmod(a->prey->path, 0); /* the superuser may read it all the same */
}

/* A header of 60,000 x 60,000 pixels. */
static void bomb(const act_on *a)
{
    static const uint8_t header[] = {0x89, 'P',  'N', 'G', 13, 10,   26,  10, 0, 0, 0, 13, 'I',  'H',  'D',  'R', 0,
                                     0,    0xEA, 'X', 0,   0,  0xEA, 'X', 8,  2, 0, 0, 0,  0x5D, 0x4A, 0xB5, 0x4C};
    write_at(a->other, O_CREAT | O_TRUNC, 0, header, sizeof header);
    rename(a->other, a->prey->path);
}

static const struct {
    void (*act)(const act_on *);
    unsigned weight;
    bool whole; /* only for prey that it may touch as a whole */
} acts[] = {
    {restore_at_once, 20, false},
    {restore_in_place, 20, false},
    {vanish, 4, true},
    {cut, 6, false},
    {flip, 6, false},
    {junk, 2, true},
    {empty, 2, true},
    {pipe_in_place, 4, true},
    {folder_in_place, 2, true},
    {link_loop, 2, true},
    {forbid, 2, true},
    {bomb, 1, true},
};

void soak_vandalize(const soak_world *w, unsigned seed)
{
    uint64_t random = seed;
    unsigned all = 0;
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        all += acts[i].weight;
    for (;;) {
        act_on a = {.prey = &w->prey[soak_random(&random, (unsigned)w->n_prey)], .random = &random};
        snprintf(a.other, sizeof a.other, "%s.new", a.prey->path);
        char *slash = strrchr(a.other, '/');
        if (slash) /* hidden: no file of the data set */
            snprintf(slash + 1, sizeof a.other - (size_t)(slash + 1 - a.other), ".%s.new",
                     strrchr(a.prey->path, '/') + 1);
        unsigned pick = soak_random(&random, all);
        for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
            if (pick < acts[i].weight) {
                /* A file of many samples may also be another one, or none, for a while. */
                if (!acts[i].whole || a.prey->first == 0 || acts[i].act == vanish || acts[i].act == pipe_in_place)
                    acts[i].act(&a);
                break;
            }
            pick -= acts[i].weight;
        }
        usleep(soak_random(&random, 4000));
    }
}
