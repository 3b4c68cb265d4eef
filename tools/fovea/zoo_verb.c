/* SPDX-License-Identifier: Apache-2.0 */
/* fovea zoo: what trained networks there are, fetching them, and whether their files are what they should be. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "zoo.h"

/* The folder that files are put into and looked for first. */
static const char *folder_of(const settings *c, const zoo *z)
{
    return c->output ? c->output : z->mirror[0] ? z->mirror : ".";
}

static const char *source_of(const fv_zoo_entry *e)
{
    return e->source == FV_ZOO_FILE ? "comes with the index" : e->from;
}

static void size_text(int64_t bytes, char text[32])
{
    snprintf(text, 32, bytes < 1000000 ? "%.0f kB" : "%.1f MB", (double)bytes / (bytes < 1000000 ? 1e3 : 1e6));
}

static fv_status unknown(const zoo *z, const char *name)
{
    int n = 0;
    while (zoo_at(z, n))
        n++;
    const char **names = calloc((size_t)n + 1, sizeof *names);
    if (!names)
        return FV_ERR_NO_MEMORY;
    for (int i = 0; i < n; i++)
        names[i] = zoo_at(z, i)->name;
    const char *near = fv_nearest(name, names);
    for (int i = 0; !near && i < n; i++) { /* resnet8: resnet8-mnist */
        const char *of = zoo_at(z, i)->architecture;
        near = of && strcmp(of, name) == 0 ? names[i] : NULL;
    }
    fv_status status =
        complain(FV_ERR_UNKNOWN_OPTION, "`fovea zoo list` shows what there is", "there is no network '%s'%s%s%s", name,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return status;
}

/* ---- list ---- */

static json_t *entry_json(const fv_zoo_entry *e, const char *path)
{
    const struct {
        const char *key, *text;
    } rows[] = {{"name", e->name},       {"architecture", e->architecture},
                {"task", e->task},       {"data", e->data},
                {"license", e->license}, {"date", e->date},
                {"file", e->file},       {"sha256", e->sha256},
                {"command", e->command}, {"note", e->note},
                {"path", path}};
    static const char *const kinds[] = {"file", "url", "package"};
    json_t *object = json_object(), *metrics = json_object(), *source = json_object();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].text && *rows[i].text)
            json_object_set_new(object, rows[i].key, show_json(rows[i].text));
    for (int i = 0; i < e->n_metrics; i++)
        json_object_set_new(metrics, e->metrics[i].name, json_real(e->metrics[i].value));
    json_object_set_new(source, kinds[e->source], e->source == FV_ZOO_FILE ? json_true() : show_json(e->from));
    if (e->source == FV_ZOO_PACKAGE) {
        json_object_set_new(source, "path", show_json(e->member));
        json_object_set_new(source, "sha256", show_json(e->package_sha256));
    }
    json_object_set_new(object, "bytes", json_integer((json_int_t)e->bytes));
    json_object_set_new(object, "metrics", metrics);
    json_object_set_new(object, "source", source);
    return object;
}

static void print_entry(const fv_zoo_entry *e, const char *path)
{
    char size[32];
    size_text(e->bytes, size);
    printf("%s\n  %s, %s, %s, %s\n", e->name, e->architecture ? e->architecture : "weights only",
           e->task ? e->task : "classify", size, e->license);
    const struct {
        const char *title, *text;
    } rows[] = {{"data", e->data}, {"source", source_of(e)}, {"again", e->command}, {"note", e->note}, {"here", path}};
    if (e->n_metrics > 0) {
        printf("  metrics  ");
        for (int i = 0; i < e->n_metrics; i++)
            printf("%s%s %.4g", i ? ", " : "", e->metrics[i].name, e->metrics[i].value);
        putchar('\n');
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].text || !*rows[i].text)
            continue;
        printf("  %-8s ", rows[i].title);
        show_text(stdout, rows[i].text);
        putchar('\n');
    }
}

static fv_status list(fv_ctx *ctx, settings *c, const zoo *z)
{
    char path[4096];
    json_t *all = json_array();
    const fv_zoo_entry *e;
    (void)ctx;
    for (int i = 0; (e = zoo_at(z, i)); i++) {
        zoo_file(z, e, c->output, path);
        if (c->json)
            json_array_append_new(all, entry_json(e, path));
        else
            print_entry(e, path);
    }
    if (c->json) {
        json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
        putchar('\n');
    }
    json_decref(all);
    if (!zoo_at(z, 0))
        note("no index here: put index.json into a folder and name it in FOVEA_ZOO");
    return FV_OK;
}

/* ---- get ---- */

static fv_status get(fv_ctx *ctx, settings *c, const zoo *z)
{
    const char *folder = folder_of(c, z);
    const fv_zoo_get_options o = {.folder = folder,
                                  .mirror = z->mirror[0] && strcmp(z->mirror, folder) != 0 ? z->mirror : NULL,
                                  .offline = c->offline,
                                  .replace = c->force};
    if (!c->positional[1])
        return complain(FV_ERR_USAGE, "`fovea zoo list` shows what there is", "fovea zoo get: which network?");
    for (int i = 1; c->positional[i]; i++)
        if (!zoo_find(z, c->positional[i]))
            return unknown(z, c->positional[i]);
    for (int i = 1; c->positional[i]; i++) {
        const fv_zoo_entry *e = zoo_find(z, c->positional[i]);
        FV_TRY(fv_zoo_get(ctx, e, &o));
        printf("%s/%s\n", folder, e->file);
        note("%s: %s, license %s", e->name, e->architecture ? e->architecture : "weights only", e->license);
    }
    return FV_OK;
}

/* ---- verify ---- */

static fv_status verify(fv_ctx *ctx, settings *c, const zoo *z)
{
    char path[4096];
    fv_status worst = FV_OK;
    const fv_zoo_entry *e;
    for (int i = 1; c->positional[i]; i++)
        if (!zoo_find(z, c->positional[i]))
            return unknown(z, c->positional[i]);
    for (int i = 0; (e = zoo_at(z, i)); i++) {
        bool asked = false;
        for (int k = 1; c->positional[k]; k++)
            asked |= strcmp(c->positional[k], e->name) == 0;
        if (c->positional[1] && !asked)
            continue;
        const bool here = zoo_file(z, e, c->output, path);
        const fv_status status = here ? fv_zoo_verify(ctx, e, path) : FV_OK;
        printf("%-10s %s", !here ? "not here" : status == FV_OK ? "ok" : "WRONG", e->name);
        if (here) {
            fputs("  ", stdout);
            show_text(stdout, path);
        }
        putchar('\n');
        if (status != FV_OK)
            warn("%s", fv_ctx_error(ctx));
        if (!here && asked)
            worst = worst == FV_OK ? FV_ERR_NOT_FOUND : worst;
        worst = status != FV_OK ? status : worst;
    }
    if (worst == FV_ERR_NOT_FOUND)
        return complain(worst, "`fovea zoo get` fetches them", "fovea zoo verify: not all of these networks are here");
    return worst == FV_OK ? FV_OK
                          : complain(worst, "`fovea zoo get` with --force fetches them again",
                                     "fovea zoo verify: not all files are what the index says");
}

static const struct {
    const char *name;
    fv_status (*run)(fv_ctx *ctx, settings *c, const zoo *z);
    const char *options; /* of its own */
} actions[] = {{"list", list, " json output "}, {"get", get, " output offline force "}, {"verify", verify, " output "}};
enum { ACTIONS = sizeof actions / sizeof *actions };

static fv_status no_action(const char *name)
{
    const char *names[ACTIONS + 1] = {NULL};
    for (int i = 0; i < ACTIONS; i++)
        names[i] = actions[i].name;
    const char *near = name ? fv_nearest(name, names) : NULL;
    return complain(FV_ERR_USAGE, "see `fovea help zoo`", "fovea zoo: %s%s%s; the actions are list, get, verify%s%s%s",
                    name ? "there is no '" : "do what?", name ? name : "", name ? "'" : "",
                    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

fv_status verb_zoo(settings *c)
{
    static const char *const own[] = {"json", "output", "offline", "force"};
    const char *name = c->positional[0];
    char word[64];
    fv_ctx *ctx;
    zoo z;
    int a = 0;
    while (name && a < ACTIONS && strcmp(actions[a].name, name) != 0)
        a++;
    if (!name || a == ACTIONS)
        return no_action(name);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        snprintf(word, sizeof word, " %s ", own[i]);
        if (option_given(own[i]) && !strstr(actions[a].options, word))
            return complain(FV_ERR_CONFLICT, "drop it", "fovea zoo %s: --%s has no effect here", name, own[i]);
    }
    FV_TRY(context_open(c, &ctx));
    fv_status status = zoo_open(ctx, &z);
    if (status == FV_OK)
        status = actions[a].run(ctx, c, &z);
    report(ctx, status);
    zoo_close(&z);
    fv_ctx_destroy(&ctx);
    return status;
}
