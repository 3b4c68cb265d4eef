/* SPDX-License-Identifier: Apache-2.0 */
/* Images with a file beside each: which folders, which file belongs to which, which have lost their partner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/doc.h"
#include "base/file.h"
#include "data/check/check.h"
#include "data/source/aside.h"

enum { MAX_DEPTH = 32 };

/* ---- walking ---- */

typedef struct walk {
    fv_check_report *r;
    fv_check_file_fn fn;
    void *arg;
    int depth;
} walk;

static fv_status walk_dir(walk *w, const char *dir);

static fv_status walk_entry(walk *w, const char *name)
{
    struct stat st;
    char *path = fv_path_join(w->r->ctx, w->r->root, name);
    if (!path)
        return FV_ERR_NO_MEMORY;
    const bool there = stat(path, &st) == 0;
    fv_free(w->r->ctx, path);
    if (!there || !S_ISDIR(st.st_mode))
        return w->fn(w->r, name, there ? (int64_t)st.st_size : 0, w->arg);
    if (w->depth >= MAX_DEPTH)
        return fv_check_add(w->r, FV_FAULT_LAYOUT, FV_VERDICT_WARN, name, -1, -1,
                            "nested deeper than %d folders: not looked at", MAX_DEPTH);
    w->depth++;
    fv_status status = walk_dir(w, name);
    w->depth--;
    return status;
}

static fv_status walk_dir(walk *w, const char *dir)
{
    fv_ctx *ctx = w->r->ctx;
    char **names = NULL, *full = dir[0] ? fv_path_join(ctx, w->r->root, dir) : fv_strdup(ctx, w->r->root);
    int64_t count = 0;
    fv_status status = full ? fv_path_list(ctx, full, &names, &count) : FV_ERR_NO_MEMORY;
    fv_free(ctx, full);
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        if (fv_name_is_system(names[i]))
            continue;
        char *name = dir[0] ? fv_path_join(ctx, dir, names[i]) : fv_strdup(ctx, names[i]);
        status = name ? walk_entry(w, name) : FV_ERR_NO_MEMORY;
        fv_free(ctx, name);
    }
    fv_free(ctx, names);
    return status;
}

fv_status fv_check_walk(fv_check_report *r, const char *dir, fv_check_file_fn fn, void *arg)
{
    walk w = {r, fn, arg, 0};
    return walk_dir(&w, dir);
}

/* ---- folders ---- */

static fv_status is_dir(const fv_check_report *r, const char *a, const char *b, bool *yes)
{
    const fv_marks_place place = fv_check_place(r);
    return fv_marks_is_dir(&place, a, b, yes);
}

static fv_status add_image(fv_check_report *r, const char *name, int64_t bytes, void *arg)
{
    fv_check_sample *sample = NULL;
    FV_TRY(fv_check_add_sample(r, *(const fv_split *)arg, name, &sample));
    sample->bytes = bytes;
    return FV_OK;
}

static fv_status list_images(fv_check_report *r, fv_split split, const char *dir)
{
    fv_check_begin_split(r, split, dir);
    r->splits[split].where = fv_arena_strdup(r->arena, dir);
    if (!r->splits[split].where)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_check_walk(r, dir, add_image, &split));
    fv_check_end_split(r, split);
    return FV_OK;
}

fv_status fv_check_pairs_list(fv_check_report *r)
{
    bool divided = false;
    char dir[64];
    for (int k = 1; fv_marks_holder(k); k++) {
        const fv_split split = (fv_split)fv_split_parse(fv_marks_holder(k));
        bool above = false, there = false;
        FV_TRY(is_dir(r, fv_marks_holder(k), "images", &above));
        snprintf(dir, sizeof dir, above ? "%s/images" : "images/%s", fv_marks_holder(k));
        FV_TRY(is_dir(r, "", dir, &there));
        if (r->splits[split].present || !there)
            continue;
        divided = true;
        FV_TRY(list_images(r, split, dir));
    }
    return divided ? FV_OK : list_images(r, FV_SPLIT_TRAIN, "images");
}

char *fv_check_pairs_name(const fv_check_report *r, const char *image, const char *other)
{
    fv_str name = {.ctx = r->ctx};
    const char *at = strstr(image, "images/"), *dot = strrchr(image, '.'), *slash = strrchr(image, '/');
    if (!dot || dot < slash)
        dot = image + strlen(image);
    fv_str_append_n(&name, image, (size_t)(at - image));
    fv_str_append(&name, other);
    at += strlen("images");
    fv_str_append_n(&name, at, (size_t)(dot - at));
    if (fv_str_status(&name) != FV_OK)
        fv_str_free(&name);
    return name.data;
}

fv_status fv_check_pairs_walk(fv_check_report *r, const char *other, fv_check_file_fn fn, void *arg)
{
    for (int k = 0; fv_marks_holder(k); k++) {
        char dir[64];
        bool there = false;
        snprintf(dir, sizeof dir, "%s%s%s", fv_marks_holder(k), k ? "/" : "", other);
        FV_TRY(is_dir(r, "", dir, &there));
        if (there)
            FV_TRY(fv_check_walk(r, dir, fn, arg));
    }
    return FV_OK;
}

/* ---- class names ---- */

static fv_status names_of_yaml(fv_check_report *r, const fv_doc *doc)
{
    const fv_doc_node *names = fv_doc_get(fv_doc_root(doc), "names");
    if (!names || (names->kind != FV_DOC_LIST && names->kind != FV_DOC_MAP))
        return FV_OK;
    const char **list = fv_arena_alloc(r->arena, (size_t)(names->count + 1) * sizeof *list);
    for (int64_t i = 0; list && i < names->count; i++) {
        list[i] = fv_arena_strdup(r->arena, names->child[i].text ? names->child[i].text : "");
        if (!list[i])
            return FV_ERR_NO_MEMORY;
    }
    r->classes = (fv_names){list, names->count};
    return list ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_check_pairs_classes(fv_check_report *r, int fault)
{
    static const char *const files[] = {"classes.txt", "labels/classes.txt", "obj.names", "data.yaml", "dataset.yaml"};
    for (size_t i = 0; i < sizeof files / sizeof *files && r->classes.count == 0; i++) {
        char *path = fv_path_join(r->ctx, r->root, files[i]);
        if (!path)
            return FV_ERR_NO_MEMORY;
        const bool there = fv_path_exists(path) && !fv_path_is_dir(path), yaml = strstr(files[i], ".yaml") != NULL;
        fv_doc *doc = NULL;
        fv_status status = !there ? FV_OK
                           : yaml ? fv_doc_read(r->ctx, path, &doc)
                                  : fv_names_read(r->arena, r->ctx, path, &r->classes);
        if (status == FV_OK && doc)
            status = names_of_yaml(r, doc);
        fv_doc_destroy(&doc);
        fv_free(r->ctx, path);
        if (status == FV_ERR_NO_MEMORY)
            return status;
        if (status != FV_OK)
            FV_TRY(fv_check_add(r, fault, FV_VERDICT_REJECT, files[i], -1, -1, "%s", fv_check_said(r, files[i])));
    }
    return FV_OK;
}

/* ---- what has no image ---- */

typedef struct lone {
    char **names; /* of companions without extension, sorted */
    int64_t count;
    const char *extension;
    int fault;
} lone;

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static fv_status tell_lone(fv_check_report *r, const char *name, int64_t bytes, void *arg)
{
    (void)bytes;
    const lone *l = arg;
    const char *dot = strrchr(name, '.'), *slash = strrchr(name, '/');
    if (!dot || dot < slash || (l->extension && strcmp(dot, l->extension) != 0) || strcmp(slash, "/classes.txt") == 0)
        return FV_OK;
    char *stem = fv_strdup(r->ctx, name);
    if (!stem)
        return FV_ERR_NO_MEMORY;
    stem[dot - name] = '\0';
    const bool found = bsearch(&stem, l->names, (size_t)l->count, sizeof *l->names, compare_names) != NULL;
    fv_free(r->ctx, stem);
    return found ? FV_OK
                 : fv_check_add(r, l->fault, FV_VERDICT_WARN, name, -1, -1, "there is no image that it belongs to");
}

fv_status fv_check_pairs_lone(fv_check_report *r, const char *other, const char *extension, int fault)
{
    lone l = {.extension = extension, .fault = fault};
    l.names = fv_calloc(r->ctx, (size_t)r->n_samples + 1, sizeof *l.names);
    fv_status status = l.names ? FV_OK : FV_ERR_NO_MEMORY;
    for (; status == FV_OK && l.count < r->n_samples; l.count++) {
        l.names[l.count] = fv_check_pairs_name(r, r->samples[l.count].name, other);
        status = l.names[l.count] ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK) {
        qsort(l.names, (size_t)l.count, sizeof *l.names, compare_names);
        status = fv_check_pairs_walk(r, other, tell_lone, &l);
    }
    for (int64_t i = 0; l.names && i < l.count; i++)
        fv_free(r->ctx, l.names[i]);
    fv_free(r->ctx, l.names);
    return status;
}
