/* SPDX-License-Identifier: Apache-2.0 */
#include <fovea/config.h>

#include <string.h>

#include "base/arena.h"
#include "base/doc.h"
#include "base/text.h"

struct fv_config {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_setting *settings;
    int count, capacity;
};

static const char *const sections[] = {"model", "data", "aug", NULL};

static bool is_section(const fv_doc_node *node)
{
    for (int i = 0; node->kind == FV_DOC_MAP && sections[i]; i++)
        if (strcmp(node->key, sections[i]) == 0)
            return true;
    return false;
}

/* "a,b,c" for a list of scalars; the text of a scalar. NULL with a recorded failure otherwise. */
static char *value_text(fv_config *config, const fv_doc *doc, const fv_doc_node *node)
{
    if (node->kind == FV_DOC_NULL)
        return fv_arena_strdup(config->arena, "");
    if (node->kind != FV_DOC_LIST && node->kind != FV_DOC_MAP)
        return fv_arena_strdup(config->arena, node->text);
    fv_str text = {.ctx = config->ctx};
    char *copy = NULL;
    for (int64_t i = 0; node->kind == FV_DOC_LIST && i < node->count; i++) {
        const fv_doc_node *item = &node->child[i];
        if (item->kind == FV_DOC_LIST || item->kind == FV_DOC_MAP) {
            fv_doc_fail(doc, item, FV_ERR_VALUE, "'%s': expected a list of plain values", node->key);
            goto done;
        }
        fv_str_append(&text, i ? "," : "");
        fv_str_append(&text, item->text);
    }
    if (node->kind == FV_DOC_MAP) {
        fv_doc_fail(doc, node, FV_ERR_VALUE,
                    "'%s': expected a value, found a map (only model, data and aug may hold one)", node->key);
        goto done;
    }
    if (fv_str_status(&text) == FV_OK)
        copy = fv_arena_strdup(config->arena, fv_str_get(&text));
done:
    fv_str_free(&text);
    return copy;
}

static fv_status add(fv_config *config, const fv_doc *doc, const fv_doc_node *node)
{
    if (config->count == config->capacity) {
        int capacity = config->capacity ? 2 * config->capacity : 32;
        fv_setting *grown = fv_realloc(config->ctx, config->settings, (size_t)capacity * sizeof *grown);
        if (!grown)
            return FV_ERR_NO_MEMORY;
        config->settings = grown;
        config->capacity = capacity;
    }
    char *key = fv_arena_strdup(config->arena, node->key);
    if (!key)
        return FV_ERR_NO_MEMORY;
    for (char *p = key; *p; p++)
        *p = *p == '_' ? '-' : *p;
    fv_fail_clear(config->ctx);
    char *value = value_text(config, doc, node);
    if (!value)
        return fv_ctx_error(config->ctx)[0] && node->kind >= FV_DOC_LIST ? FV_ERR_VALUE : FV_ERR_NO_MEMORY;
    config->settings[config->count++] = (fv_setting){key, value, node->line, node->column};
    return FV_OK;
}

static fv_status add_all(fv_config *config, const fv_doc *doc)
{
    const fv_doc_node *root = fv_doc_root(doc);
    if (root->kind == FV_DOC_NULL)
        return FV_OK;
    if (root->kind != FV_DOC_MAP)
        return fv_doc_fail(doc, root, FV_ERR_VALUE, "expected `key: value` lines");
    for (int64_t i = 0; i < root->count; i++) {
        const fv_doc_node *node = &root->child[i];
        if (!is_section(node)) {
            FV_TRY(add(config, doc, node));
            continue;
        }
        for (int64_t k = 0; k < node->count; k++)
            FV_TRY(add(config, doc, &node->child[k]));
    }
    return FV_OK;
}

fv_status fv_config_read(fv_ctx *ctx, const char *path, fv_config **config)
{
    fv_doc *doc = NULL;
    *config = NULL;
    FV_TRY(fv_doc_read(ctx, path, &doc));
    fv_config *c = fv_new(ctx, fv_config);
    fv_status status = c ? fv_arena_create(ctx, &c->arena) : FV_ERR_NO_MEMORY;
    if (status == FV_OK) {
        c->ctx = ctx;
        status = add_all(c, doc);
    }
    fv_doc_destroy(&doc);
    if (status == FV_OK) {
        *config = c;
        return FV_OK;
    }
    if (c) {
        c->ctx = ctx;
        fv_config_destroy(&c);
    }
    return status;
}

void fv_config_destroy(fv_config **config)
{
    fv_config *c = config ? *config : NULL;
    if (!c)
        return;
    fv_arena_destroy(&c->arena);
    fv_free(c->ctx, c->settings);
    fv_free(c->ctx, c);
    *config = NULL;
}

int fv_config_count(const fv_config *config)
{
    return config->count;
}

const fv_setting *fv_config_get(const fv_config *config, int i)
{
    return i >= 0 && i < config->count ? &config->settings[i] : NULL;
}

const char *fv_nearest(const char *word, const char *const *words)
{
    return fv_text_nearest(word, words);
}
