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
    fv_config_stage *stages; /* of the arena */
    int n_stages;
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

static fv_status add(fv_config *config, const fv_doc *doc, const fv_doc_node *node, int stage)
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
    config->settings[config->count++] = (fv_setting){key, value, node->line, node->column, stage};
    return FV_OK;
}

/* `name`, or `name: {its: settings}`. */
static fv_status add_stage(fv_config *config, const fv_doc *doc, const fv_doc_node *item)
{
    const bool pair = item->kind == FV_DOC_MAP && item->count == 1;
    const fv_doc_node *own = pair ? &item->child[0] : NULL;
    if (!pair && item->kind != FV_DOC_STRING)
        return fv_doc_fail(doc, item, FV_ERR_VALUE,
                           "a stage is a name, or a name with settings of its own: `- name: "
                           "{key: value}`");
    if (own && own->kind != FV_DOC_MAP && own->kind != FV_DOC_NULL)
        return fv_doc_fail(doc, own, FV_ERR_VALUE, "'%s': expected settings, found one value", own->key);
    char *name = fv_arena_strdup(config->arena, own ? own->key : item->text);
    if (!name)
        return FV_ERR_NO_MEMORY;
    config->stages[config->n_stages++] = (fv_config_stage){name, item->line, item->column};
    for (int64_t i = 0; own && i < own->count; i++)
        FV_TRY(add(config, doc, &own->child[i], config->n_stages));
    return FV_OK;
}

static fv_status add_stages(fv_config *config, const fv_doc *doc, const fv_doc_node *list)
{
    if (list->kind != FV_DOC_LIST || list->count == 0)
        return fv_doc_fail(doc, list, FV_ERR_VALUE, "'stages': expected a list: lines `- name: {key: value}`");
    config->stages = fv_arena_alloc(config->arena, (size_t)list->count * sizeof *config->stages);
    if (!config->stages)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = 0; i < list->count; i++)
        FV_TRY(add_stage(config, doc, &list->child[i]));
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
        if (strcmp(node->key, "stages") == 0) {
            FV_TRY(add_stages(config, doc, node));
            continue;
        }
        if (!is_section(node)) {
            FV_TRY(add(config, doc, node, 0));
            continue;
        }
        for (int64_t k = 0; k < node->count; k++)
            FV_TRY(add(config, doc, &node->child[k], 0));
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

const fv_config_stage *fv_config_stage_at(const fv_config *config, int i)
{
    return i >= 1 && i <= config->n_stages ? &config->stages[i - 1] : NULL;
}

const char *fv_nearest(const char *word, const char *const *words)
{
    return fv_text_nearest(word, words);
}
