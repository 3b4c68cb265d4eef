/* SPDX-License-Identifier: Apache-2.0 */
/* Files from an address. libcurl is opened when it is needed, so that no other use of the program loads it. */
#include "io/zoo/zoo.h"

#include <string.h>

#ifdef FV_WITH_CURL
#include <curl/curl.h>
#include <stddef.h>

#include "base/library.h"

typedef struct curl_calls {
    CURL *(*init)(void);
    CURLcode (*setopt)(CURL *, CURLoption, ...);
    CURLcode (*perform)(CURL *);
    void (*cleanup)(CURL *);
    const char *(*strerror)(CURLcode);
} curl_calls;

static bool open_library(curl_calls *c)
{
    static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", NULL};
    static const fv_library_call rows[] = {{"curl_easy_init", offsetof(curl_calls, init)},
                                           {"curl_easy_setopt", offsetof(curl_calls, setopt)},
                                           {"curl_easy_perform", offsetof(curl_calls, perform)},
                                           {"curl_easy_cleanup", offsetof(curl_calls, cleanup)},
                                           {"curl_easy_strerror", offsetof(curl_calls, strerror)}};
    return fv_library_open(names, rows, sizeof rows / sizeof *rows, c);
}

typedef struct taker {
    fv_zoo_sink *sink;
    fv_status status;
} taker;

static size_t take(char *data, size_t one, size_t count, void *user)
{
    taker *t = user;
    (void)one; /* always 1 */
    t->status = fv_zoo_put(t->sink, data, count);
    return t->status == FV_OK ? count : 0;
}

static fv_status transfer(fv_zoo_sink *sink, const curl_calls *c, CURL *curl)
{
    char error[CURL_ERROR_SIZE] = "";
    taker to = {.sink = sink};
    c->setopt(curl, CURLOPT_URL, sink->entry->from);
#if LIBCURL_VERSION_NUM >= 0x075500
    c->setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    c->setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
    c->setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    c->setopt(curl, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    c->setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    c->setopt(curl, CURLOPT_MAXREDIRS, 10L);
    c->setopt(curl, CURLOPT_FAILONERROR, 1L);
    c->setopt(curl, CURLOPT_NOSIGNAL, 1L);
    c->setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
    c->setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* bytes a second, */
    c->setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L); /* for so many of them */
    c->setopt(curl, CURLOPT_USERAGENT, "fovea");
    c->setopt(curl, CURLOPT_ERRORBUFFER, error);
    c->setopt(curl, CURLOPT_WRITEFUNCTION, take);
    c->setopt(curl, CURLOPT_WRITEDATA, &to);
    const CURLcode code = c->perform(curl);
    if (to.status != FV_OK)
        return to.status;
    if (code == CURLE_OK)
        return FV_OK;
    return fv_fail_hint(sink->ctx,
                        fv_fail(sink->ctx, FV_ERR_IO, "%s: %s", sink->entry->from, *error ? error : c->strerror(code)),
                        "is the network there? A folder with %s in FOVEA_ZOO needs none", sink->entry->file);
}

fv_status fv_zoo_fetch_url(fv_zoo_sink *sink)
{
    curl_calls c = {0};
    fv_status status;
    CURL *curl = open_library(&c) ? c.init() : NULL;
    if (curl)
        status = transfer(sink, &c, curl);
    else
        status = fv_fail_hint(
            sink->ctx, fv_fail(sink->ctx, FV_ERR_UNSUPPORTED, "%s: libcurl is not on this machine", sink->entry->from),
            "install libcurl4, or put %s into a folder that FOVEA_ZOO names", sink->entry->file);
    if (curl)
        c.cleanup(curl);
    return status;
}
#else
fv_status fv_zoo_fetch_url(fv_zoo_sink *sink)
{
    return fv_fail_hint(sink->ctx,
                        fv_fail(sink->ctx, FV_ERR_UNSUPPORTED,
                                "%s: this build cannot fetch from addresses: libcurl was missing", sink->entry->from),
                        "fetch it by other means and put %s into a folder that FOVEA_ZOO names", sink->entry->file);
}
#endif
