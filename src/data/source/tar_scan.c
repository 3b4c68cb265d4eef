/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of a tar archive (POSIX.1-1988 ustar, pax records of POSIX.1-2001, GNU's @LongLink). */
#include "data/source/tar_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define BLOCK         512
#define EXTENSION_MAX (1 << 20) /* bytes of a long name or of pax records */

typedef struct scanner {
    fv_ctx *ctx;
    const char *path;
    int fd;
    int64_t size, at;
    fv_str name;  /* of the next member, from an extension; empty: the header's own */
    int64_t next; /* its size from an extension; -1: the header's own */
    fv_tar_end *end;
    bool stop;
} scanner;

static void damaged(scanner *s, int64_t byte, const char *what)
{
    s->end->byte = byte;
    snprintf(s->end->what, sizeof s->end->what, "%s", what);
    s->stop = true;
}

/* Reads up to n bytes at `at`; how many there were. */
static fv_status read_at(scanner *s, int64_t at, void *data, size_t n, size_t *got)
{
    for (*got = 0; *got < n;) {
        const ssize_t k = pread(s->fd, (char *)data + *got, n - *got, at + (int64_t)*got);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return fv_fail_errno(s->ctx, errno, "read", s->path);
        if (k == 0)
            break;
        *got += (size_t)k;
    }
    return FV_OK;
}

/* Octal digits, or a big-endian number behind a first byte of 0x80; -1 when neither or negative. */
static int64_t number(const uint8_t *p, size_t n)
{
    int64_t v = 0;
    if (p[0] == 0x80) {
        for (size_t i = 1; i < n; i++) {
            if (v >> 54)
                return -1;
            v = v << 8 | p[i];
        }
        return v;
    }
    size_t i = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (p[i] - '0');
    return i == n || p[i] == '\0' || p[i] == ' ' ? v : -1;
}

/* The sum of a header's bytes with its checksum field as blanks. */
static int64_t sum_of(const uint8_t *h)
{
    int64_t sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : h[i];
    return sum;
}

static bool all_zero(const uint8_t *h)
{
    for (int i = 0; i < BLOCK; i++)
        if (h[i])
            return false;
    return true;
}

bool fv_tar_sniff(const uint8_t *head, size_t size)
{
    return size >= BLOCK && memcmp(head + 257, "ustar", 5) == 0 && number(head + 148, 8) == sum_of(head);
}

/* pax records: "LENGTH KEY=VALUE\n" each. */
static fv_status take_pax(scanner *s, char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        char *space = memchr(text + at, ' ', size - at);
        const long length = strtol(text + at, NULL, 10);
        if (!space || length <= 0 || (size_t)length > size - at || text[at + (size_t)length - 1] != '\n') {
            damaged(s, s->at, "a pax record that is not one");
            return FV_OK;
        }
        char *key = space + 1, *stop = text + at + length - 1;
        *stop = '\0';
        if (strncmp(key, "path=", 5) == 0) {
            s->name.size = 0;
            fv_str_append(&s->name, key + 5);
        } else if (strncmp(key, "size=", 5) == 0 && (!fv_text_to_int(key + 5, &s->next) || s->next < 0)) {
            damaged(s, s->at, "a pax record with a size that is no number");
        }
        at += (size_t)length;
    }
    return fv_str_status(&s->name);
}

/* A header whose data speak of the next member. */
static fv_status take_extension(scanner *s, char type, int64_t data, int64_t size)
{
    size_t got = 0;
    if (size > EXTENSION_MAX) {
        damaged(s, s->at, "a name of more than a megabyte");
        return FV_OK;
    }
    char *text = fv_malloc(s->ctx, (size_t)size + 1);
    if (!text)
        return FV_ERR_NO_MEMORY;
    fv_status status = read_at(s, data, text, (size_t)size, &got);
    text[got] = '\0';
    if (status == FV_OK && type == 'x') {
        status = take_pax(s, text, got);
    } else if (status == FV_OK) {
        s->name.size = 0;
        fv_str_append(&s->name, text);
        status = fv_str_status(&s->name);
    }
    fv_free(s->ctx, text);
    return status;
}

/* prefix/name of a header. */
static void header_name(const uint8_t *h, char name[260])
{
    const bool ustar = memcmp(h + 257, "ustar\0", 6) == 0; /* GNU's own form has other things there */
    const int prefix = ustar ? (int)strnlen((const char *)h + 345, 155) : 0;
    snprintf(name, 260, "%.*s%s%.*s", prefix, (const char *)h + 345, prefix ? "/" : "",
             (int)strnlen((const char *)h, 100), (const char *)h);
}

static fv_status take_member(scanner *s, const uint8_t *h, int64_t data, int64_t size,
                             fv_status (*fn)(void *arg, const fv_tar_member *member), void *arg)
{
    char own[260];
    header_name(h, own);
    const char type = (char)h[156];
    fv_status status = FV_OK;
    if (type == '0' || type == '\0' || type == '7') {
        const fv_tar_member member = {
            .name = s->name.size ? fv_str_get(&s->name) : own, .offset = data, .size = size, .fd = s->fd};
        const size_t n = strlen(member.name);
        if (n > 0 && member.name[n - 1] != '/') { /* old archives write folders so */
            s->end->members++;
            status = fn(arg, &member);
        }
    }
    s->name.size = 0;
    s->next = -1;
    return status;
}

static fv_status scan_one(scanner *s, fv_status (*fn)(void *arg, const fv_tar_member *member), void *arg)
{
    uint8_t h[BLOCK];
    size_t got = 0;
    FV_TRY(read_at(s, s->at, h, BLOCK, &got));
    if (got < BLOCK) {
        damaged(s, s->at + (int64_t)got,
                got == 0 ? "no end mark: the archive may be cut off" : "cut off inside of a header");
        return FV_OK;
    }
    if (all_zero(h)) {
        s->stop = true;
        return FV_OK;
    }
    const char type = (char)h[156];
    int64_t size = number(h + 124, 12);
    if (number(h + 148, 8) != sum_of(h) || size < 0) {
        damaged(s, s->at, "a damaged header");
        return FV_OK;
    }
    const bool extension = type == 'x' || type == 'L' || type == 'K' || type == 'g';
    if (!extension && s->next >= 0)
        size = s->next;
    if ((type >= '1' && type <= '6')) /* links, devices, folders have no data */
        size = 0;
    const int64_t data = s->at + BLOCK;
    if (size > s->size - data) {
        damaged(s, s->size, "cut off inside of a member");
        return FV_OK;
    }
    fv_status status = FV_OK;
    if (type == 'x' || type == 'L')
        status = take_extension(s, type, data, size);
    else if (!extension)
        status = take_member(s, h, data, size, fn, arg);
    s->at = data + (size + BLOCK - 1) / BLOCK * BLOCK;
    return status;
}

fv_status fv_tar_scan(fv_ctx *ctx, const char *path, fv_status (*fn)(void *arg, const fv_tar_member *member), void *arg,
                      fv_tar_end *end)
{
    scanner s = {.ctx = ctx, .path = path, .name = {.ctx = ctx}, .next = -1, .end = end};
    struct stat st;
    *end = (fv_tar_end){.byte = -1};
    s.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s.fd < 0)
        return fv_fail_errno(ctx, errno, "open", path);
    fv_status status = fstat(s.fd, &st) != 0 ? fv_fail_errno(ctx, errno, "read", path) : FV_OK;
    if (status == FV_OK && !S_ISREG(st.st_mode))
        status = fv_fail(ctx, FV_ERR_IO, "%s: not a regular file, expected a tar archive", path);
    s.size = status == FV_OK ? (int64_t)st.st_size : 0;
    while (status == FV_OK && !s.stop)
        status = scan_one(&s, fn, arg);
    fv_str_free(&s.name);
    close(s.fd);
    return status;
}

bool fv_tar_header(uint8_t header[512], const char *name, int64_t size, char type)
{
    const size_t n = strlen(name);
    size_t cut = 0; /* where the prefix ends */
    memset(header, 0, BLOCK);
    if (size < 0 || size >> 33)
        return false;
    if (n > 100) {
        cut = n - 101;
        while (cut < n && name[cut] != '/')
            cut++;
        if (cut == 0 || cut > 155 || cut >= n - 1)
            return false;
        memcpy(header + 345, name, cut);
        cut++;
    }
    memcpy(header, name + cut, n - cut);
    memcpy(header + 100,
           "0000644\0"
           "0000000\0"
           "0000000",
           24);
    snprintf((char *)header + 124, 12, "%011llo", (unsigned long long)size);
    memcpy(header + 136, "00000000000", 12); /* no time: the same data give the same bytes */
    header[156] = (uint8_t)type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    char sum[16];
    snprintf(sum, sizeof sum, "%06o", (unsigned)sum_of(header));
    memcpy(header + 148, sum, 7);
    header[155] = ' ';
    return true;
}
