/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server on 127.0.0.1 for tests of fetching: web PORTFILE. It writes the number of a free port into the file
 * and serves files of its folder, one request after the other, until its parent ends or a minute is over:
 *   GET /good/NAME   the file
 *   GET /cut/NAME    half of the file, though its whole length was announced
 *   GET /short/NAME  half of the file, no length announced
 *   GET /more/NAME   the file and some bytes more, no length announced
 *   GET /moved/NAME  302 to /good/NAME
 *   GET /away/NAME   302 to the file by a file: address
 *   GET /round/NAME  302 to itself
 * anything else: 404. Requests are told on standard output, a line each.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web.h"

typedef struct request {
    char way[16], name[128];
    FILE *to;
} request;

static void put_head(const request *r, const char *status, const char *more)
{
    fprintf(r->to, "HTTP/1.1 %s\r\nServer: test\r\nConnection: close\r\n%s\r\n", status, more);
}

/* A file whose announced length and sent share (in halves) differ; length 0: not announced. */
static void put_file(const request *r, bool length, int halves, const char *tail)
{
    char head[96] = "";
    FILE *f = fopen(r->name, "rb");
    if (!f) {
        put_head(r, "404 Not Found", "Content-Length: 0\r\n");
        return;
    }
    fseek(f, 0, SEEK_END);
    const long size = ftell(f);
    rewind(f);
    if (length)
        snprintf(head, sizeof head, "Content-Length: %ld\r\n", size);
    put_head(r, "200 OK", head);
    for (long i = 0; i < size * halves / 2; i++)
        putc(getc(f), r->to);
    fputs(tail, r->to);
    fclose(f);
}

static void good(const request *r)
{
    put_file(r, true, 2, "");
}

static void cut(const request *r)
{
    put_file(r, true, 1, "");
}

static void too_short(const request *r)
{
    put_file(r, false, 1, "");
}

static void more(const request *r)
{
    put_file(r, false, 2, "and more");
}

static void redirect(const request *r, const char *base)
{
    char head[PATH_MAX + 256];
    snprintf(head, sizeof head, "Location: %s/%s\r\nContent-Length: 0\r\n", base, r->name);
    put_head(r, "302 Found", head);
}

static void moved(const request *r)
{
    redirect(r, "/good");
}

static void away(const request *r)
{
    char here[PATH_MAX], base[PATH_MAX + 16];
    snprintf(base, sizeof base, "file://%s", getcwd(here, sizeof here) ? here : "");
    redirect(r, base);
}

static void round_and_round(const request *r)
{
    redirect(r, "/round");
}

static void answer(request *r)
{
    static const struct {
        const char *way;
        void (*put)(const request *r);
    } ways[] = {{"good", good},   {"cut", cut},   {"short", too_short},      {"more", more},
                {"moved", moved}, {"away", away}, {"round", round_and_round}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(r->way, ways[i].way) == 0) {
            ways[i].put(r);
            return;
        }
    put_head(r, "404 Not Found", "Content-Length: 0\r\n");
}

/* A request's head is read to its end, so that closing the connection resets nothing. */
static void serve_one(int connection)
{
    char line[512];
    request r = {.to = fdopen(connection, "r+b")};
    if (!r.to)
        return;
    if (fgets(line, sizeof line, r.to) && sscanf(line, "GET /%15[a-z]/%127[A-Za-z0-9._-]", r.way, r.name) == 2) {
        printf("%s %s\n", r.way, r.name);
        fflush(stdout);
    }
    while (fgets(line, sizeof line, r.to) && line[0] != '\r' && line[0] != '\n')
        ;
    fseek(r.to, 0, SEEK_CUR); /* from reading to writing */
    answer(&r);
    fclose(r.to);
}

int web_serve(char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    char made[PATH_MAX];
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN); /* a client that has enough hangs up */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    alarm(60);
    if (!argv[0] || s < 0 || bind(s, (struct sockaddr *)&here, size) != 0 || listen(s, 8) != 0 ||
        getsockname(s, (struct sockaddr *)&here, &size) != 0)
        return 99;
    snprintf(made, sizeof made, "%s.new", argv[0]);
    FILE *f = fopen(made, "w");
    if (!f || fprintf(f, "%d\n", ntohs(here.sin_port)) < 0 || fclose(f) != 0 || rename(made, argv[0]) != 0)
        return 99;
    for (;;) {
        const int connection = accept(s, NULL, NULL);
        if (connection >= 0)
            serve_one(connection);
    }
}
