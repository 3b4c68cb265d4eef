/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the program under test, plays a disk and a clock that misbehave.
 *   FAULT_DISK_FLAG=FILE     while FILE exists, writing to regular files fails as on a full disk
 *   FAULT_DISK_FREE=BYTES    what statvfs says is free
 *   FAULT_CLOCK=1            the wall clock goes back an hour at every look
 *   FAULT_SPEED=N            the monotonic clock runs N times as fast
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool disk_is_full(int fd)
{
    const char *flag = getenv("FAULT_DISK_FLAG");
    struct stat st;
    return flag && fd > 2 && access(flag, F_OK) == 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *data, size_t size)
{
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) {
        void *symbol = next("write");
        memcpy(&real, &symbol, sizeof real);
    }
    if (size > 0 && disk_is_full(fd)) {
        errno = ENOSPC;
        return -1;
    }
    return real(fd, data, size);
}

int statvfs(const char *path, struct statvfs *facts)
{
    static int (*real)(const char *, struct statvfs *);
    const char *bytes = getenv("FAULT_DISK_FREE");
    if (!real) {
        void *symbol = next("statvfs");
        memcpy(&real, &symbol, sizeof real);
    }
    int result = real(path, facts);
    if (bytes && result == 0)
        facts->f_bavail = facts->f_bfree = (fsblkcnt_t)strtoull(bytes, NULL, 10) / facts->f_frsize;
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    static _Atomic long looks;
    if (!real) {
        void *symbol = next("clock_gettime");
        memcpy(&real, &symbol, sizeof real);
    }
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && getenv("FAULT_CLOCK"))
        now->tv_sec -= 3600 * ++looks;
    if (clock == CLOCK_MONOTONIC && getenv("FAULT_SPEED")) {
        const double t = ((double)now->tv_sec + 1e-9 * (double)now->tv_nsec) * strtod(getenv("FAULT_SPEED"), NULL);
        now->tv_sec = (time_t)t;
        now->tv_nsec = (long)((t - (double)now->tv_sec) * 1e9);
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    *now = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *now)
{
    struct timespec t;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    if (now)
        *now = t.tv_sec;
    return t.tv_sec;
}
