/* SPDX-License-Identifier: Apache-2.0 */
/* Weights in several safetensors files, which a JSON index names: {"weight_map": {tensor: file beside the index}}. */
#include <string.h>

#include "io/safetensors.h"

bool fv_safetensors_is_index(const uint8_t *data, int64_t size)
{
    static const char key[] = "\"weight_map\"";
    return size > 0 && data[0] == '{' && memmem(data, (size_t)size, key, sizeof key - 1) != NULL;
}

/* A file beside the index, never one elsewhere. */
static fv_status open_shard(const fv_tensor_file *index, const char *name, fv_tensor_file **shard)
{
    const char *slash = strrchr(index->name, '/');
    const int folder = slash ? (int)(slash - index->name) + 1 : 0;
    if (name[0] == '\0' || strchr(name, '/') || strchr(name, '\\') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        return fv_tensor_file_bad(index, "weight_map names '%.200s': expected the name of a file beside the index",
                                  name);
    char *path = fv_arena_printf(index->arena, "%.*s%s", folder, index->name, name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_safetensors_open(index->ctx, path, shard);
    return status == FV_OK ? status : fv_fail_prefix(index->ctx, status, index->name);
}

/* Adds those tensors of a shard that the index expects there, and takes over its bytes. */
static fv_status join(fv_tensor_file *index, const fv_doc_node *map, const char *name, fv_tensor_file *shard)
{
    for (int64_t i = 0; i < map->count; i++) {
        if (strcmp(map->child[i].text, name) != 0)
            continue;
        const fv_st_entry *found = fv_tensor_file_find(shard, map->child[i].key);
        if (!found)
            return fv_tensor_file_bad(index, "tensor '%.200s' is not in %.200s, where the index says it is",
                                      map->child[i].key, name);
        fv_st_entry entry = *found;
        entry.name = map->child[i].key;
        FV_TRY(fv_tensor_file_add(index, &entry));
    }
    return fv_tensor_file_take_part(index, shard);
}

fv_status fv_safetensors_read_index(fv_tensor_file *index, const uint8_t *data, int64_t size)
{
    fv_status status = fv_doc_parse_json(index->ctx, index->name, (const char *)data, (size_t)size, &index->doc);
    if (status == FV_ERR_SYNTAX)
        return fv_fail_prefix(index->ctx, FV_ERR_MODEL_FORMAT, "index of safetensors files");
    FV_TRY(status);
    const fv_doc_node *root = fv_doc_root(index->doc);
    const fv_doc_node *map = root->kind == FV_DOC_MAP ? fv_doc_get(root, "weight_map") : NULL;
    if (!map || map->kind != FV_DOC_MAP || map->count == 0)
        return fv_tensor_file_bad(index, "weight_map is no map of tensors to files");
    for (int64_t i = 0; i < map->count; i++) {
        if (map->child[i].kind != FV_DOC_STRING)
            return fv_tensor_file_bad(index, "weight_map: tensor '%.200s' has no file name", map->child[i].key);
    }
    for (int64_t i = 0; i < map->count; i++) {
        fv_tensor_file *shard = NULL;
        if (fv_tensor_file_find(index, map->child[i].key))
            continue; /* of a shard that was read */
        status = open_shard(index, map->child[i].text, &shard);
        if (status == FV_OK)
            status = join(index, map, map->child[i].text, shard);
        fv_tensor_file_close(&shard);
        FV_TRY(status);
    }
    return FV_OK;
}
