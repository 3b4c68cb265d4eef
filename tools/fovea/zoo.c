/* SPDX-License-Identifier: Apache-2.0 */
#include "zoo.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Where the index lies that came with the program: installed with it, or beside it where it was built. */
static bool own_index(char path[4096])
{
    static const char *const places[] = {"../share/fovea/zoo/index.json", "zoo/index.json"};
    char program[2048];
    const ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    char *slash = NULL;
    if (n > 0) {
        program[n] = '\0';
        slash = strrchr(program, '/');
    }
    for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++) {
        char *real = NULL;
        snprintf(path, 4096, "%.*s/%s", (int)(slash - program), program, places[i]);
        real = realpath(path, NULL);
        if (real && strlen(real) < 4096) {
            strcpy(path, real);
            free(real);
            return true;
        }
        free(real);
    }
    return false;
}

fv_status zoo_open(fv_ctx *ctx, zoo *z)
{
    const char *folder = getenv("FOVEA_ZOO");
    char path[4096];
    *z = (zoo){0};
    if (folder && *folder)
        snprintf(z->mirror, sizeof z->mirror, "%s", folder);
    if (z->mirror[0] && (size_t)snprintf(path, sizeof path, "%s/index.json", folder) < sizeof path && is_there(path))
        FV_TRY(fv_zoo_index_read(ctx, path, &z->index[0]));
    if (own_index(path))
        FV_TRY(fv_zoo_index_read(ctx, path, &z->index[1]));
    return FV_OK;
}

void zoo_close(zoo *z)
{
    for (int i = 0; i < ZOO_INDEXES; i++)
        fv_zoo_index_destroy(&z->index[i]);
}

static const fv_zoo_entry *find_in(const fv_zoo_index *index, const char *name)
{
    for (int i = 0; index && i < fv_zoo_index_count(index); i++)
        if (strcmp(fv_zoo_index_entry(index, i)->name, name) == 0)
            return fv_zoo_index_entry(index, i);
    return NULL;
}

const fv_zoo_entry *zoo_find(const zoo *z, const char *name)
{
    const fv_zoo_entry *e = find_in(z->index[0], name);
    return e ? e : find_in(z->index[1], name);
}

const fv_zoo_entry *zoo_at(const zoo *z, int i)
{
    for (int k = 0; k < ZOO_INDEXES; k++)
        for (int at = 0; z->index[k] && at < fv_zoo_index_count(z->index[k]); at++) {
            const fv_zoo_entry *e = fv_zoo_index_entry(z->index[k], at);
            if (zoo_find(z, e->name) == e && i-- == 0)
                return e;
        }
    return NULL;
}

bool zoo_file(const zoo *z, const fv_zoo_entry *e, const char *folder, char path[4096])
{
    const char *const folders[] = {folder, z->mirror[0] ? z->mirror : NULL, e->source == FV_ZOO_FILE ? e->from : NULL};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (folders[i] && (size_t)snprintf(path, 4096, "%s/%s", folders[i], e->file) < 4096 && is_there(path))
            return true;
    path[0] = '\0';
    return false;
}

/* ---- --model and --weights ---- */

/* A word that is neither an architecture nor a file. */
static bool may_be_entry(const char *word)
{
    return word && !strchr(word, '/') && !model_is_architecture(word) && !is_there(word);
}

static fv_status resolve(fv_ctx *ctx, const zoo *z, const char *option, const char **value, char path[4096])
{
    const fv_zoo_entry *e = zoo_find(z, *value);
    if (!e)
        return FV_OK;
    if (!zoo_file(z, e, NULL, path))
        return complain(FV_ERR_NOT_FOUND, "`fovea zoo get` fetches it into the folder that FOVEA_ZOO names",
                        "%s%s: the file of this network (%s) is not here", option, *value, e->file);
    FV_TRY(fv_zoo_verify(ctx, e, path));
    note("%s%s: %s", option, *value, path);
    *value = path;
    return FV_OK;
}

fv_status zoo_resolve(const verb *v, settings *c)
{
    enum { WORDS = 4, ROWS = WORDS + MAX_NETWORKS };
    static char paths[ROWS][4096];
    struct {
        const char *option, **value;
        bool given;
    } rows[ROWS] = {{"--model ", &c->model, option_given("model")},
                    {"--weights ", &c->weights, true},
                    {"--from ", &c->from, true},
                    {"--teacher ", &c->teacher, true}};
    const int words = v->mask & V_INFO ? c->n_positional
                      : v->mask & (V_CONVERT | V_RUN | V_FACTORIZE | V_QUANTIZE | V_CALIBRATE | V_DISTILL)
                          ? c->n_positional > 0
                          : 0;
    int n = WORDS;
    for (int i = 0; i < words && n < ROWS; i++, n++) {
        rows[n].option = "";
        rows[n].value = &c->positional[i];
        rows[n].given = true;
    }
    fv_ctx *ctx = NULL;
    zoo z = {0};
    bool any = false;
    for (int i = 0; i < n; i++)
        any |= rows[i].given && may_be_entry(*rows[i].value);
    if (!any)
        return FV_OK;
    FV_TRY(context_open(c, &ctx));
    fv_status status = zoo_open(ctx, &z);
    for (int i = 0; status == FV_OK && i < n; i++)
        if (rows[i].given && may_be_entry(*rows[i].value))
            status = resolve(ctx, &z, rows[i].option, rows[i].value, paths[i]);
    zoo_close(&z);
    report(ctx, status);
    fv_ctx_destroy(&ctx);
    return status;
}
