/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lines_waiting(const lines *l)
{
    struct pollfd file = {.fd = l->fd, .events = POLLIN};
    if (l->over || (l->end > l->at && memchr(l->data + l->at, '\n', l->end - l->at)))
        return true;
    return poll(&file, 1, 0) != 0;
}

/* Reads more behind what there is, with room for a final 0. */
static void read_more(lines *l)
{
    if (l->at > 0) {
        memmove(l->data, l->data + l->at, l->end - l->at);
        l->end -= l->at;
        l->at = 0;
    }
    if (l->capacity - l->end < 4096) {
        const size_t more = l->capacity ? 2 * l->capacity : 65536;
        char *data = realloc(l->data, more);
        if (!data) {
            l->error = ENOMEM;
            l->over = true;
            return;
        }
        l->data = data;
        l->capacity = more;
    }
    ssize_t n;
    do
        n = read(l->fd, l->data + l->end, l->capacity - l->end - 1);
    while (n < 0 && errno == EINTR);
    l->error = n < 0 ? errno : 0;
    l->over = n <= 0;
    l->end += n > 0 ? (size_t)n : 0;
}

const char *lines_next(lines *l)
{
    char *stop = NULL;
    size_t seen = 0;
    for (;;) {
        const size_t have = l->end - l->at;
        stop = have > seen ? memchr(l->data + l->at + seen, '\n', have - seen) : NULL;
        if (stop || l->over)
            break;
        seen = have;
        read_more(l);
    }
    if (l->at == l->end)
        return NULL;
    char *line = l->data + l->at, *end = stop ? stop : l->data + l->end;
    l->at = stop ? (size_t)(stop + 1 - l->data) : l->end;
    do
        *end = '\0';
    while (end > line && *--end == '\r');
    return line;
}

size_t lines_peek(lines *l, const char **data)
{
    if (l->at == l->end && !l->over)
        read_more(l);
    *data = l->data ? l->data + l->at : "";
    return l->end - l->at;
}

size_t lines_take(lines *l, const char **data)
{
    const size_t n = lines_peek(l, data);
    l->at = l->end;
    return n;
}

void lines_free(lines *l)
{
    free(l->data);
    l->data = NULL;
}
