/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a file or pipe, for readers that want to know whether the next one is there already. */
#ifndef FOVEA_LINES_H
#define FOVEA_LINES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lines {
    int fd;
    char *data; /* [at, end) has been read and not been returned */
    size_t at, end, capacity;
    bool over;
    int error; /* errno of what ended it; 0: the file's end */
} lines;

/* Whether lines_next would return without waiting. */
bool lines_waiting(const lines *l);
/* The next line without its end ("\n" or "\r\n"), valid until the next call; NULL: there are no more. */
const char *lines_next(lines *l);
/* What has been read and not returned, after one read where that is nothing; how many bytes it is. lines_take returns
 * it: 0 is the end. */
size_t lines_peek(lines *l, const char **data);
size_t lines_take(lines *l, const char **data);
void lines_free(lines *l);

#endif
