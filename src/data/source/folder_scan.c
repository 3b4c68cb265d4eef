/* SPDX-License-Identifier: Apache-2.0 */
#include "data/source/folder_scan.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "data/source/aside.h"
#include "io/image.h"

#define MAX_DEPTH 64

/* A folder on the way down, to notice links that lead back to it. */
typedef struct ancestor {
    dev_t dev;
    ino_t ino;
} ancestor;

/* A walk in progress. `path` is the full path of where it stands; behind `root_size` it is relative to the root. */
typedef struct walk {
    fv_ctx *ctx;
    fv_arena *arena;
    fv_folder_scan *scan;
    fv_str path;
    size_t root_size;
    ancestor above[MAX_DEPTH + 1];
    int depth;
    int32_t label;
    unsigned splits; /* a bit for each split that a folder in this class is called by */
} walk;

const char *fv_folder_loss(fv_folder_oddity kind)
{
    return kind == FV_ODD_SPECIAL    ? "FIFO, socket or device, no file: reading it could wait forever"
           : kind == FV_ODD_DANGLING ? "a link to something that is not there"
                                     : NULL;
}

/* Lists root/dir. */
static fv_status list(fv_ctx *ctx, const char *root, const char *dir, char ***names, int64_t *count)
{
    if (dir[0] == '\0')
        return fv_path_list(ctx, root, names, count);
    char *path = fv_path_join(ctx, root, dir);
    if (!path)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_path_list(ctx, path, names, count);
    fv_free(ctx, path);
    return status;
}

/* Whether root/dir/name is a folder that may be a class or a split. */
static bool is_class_dir(fv_ctx *ctx, const char *root, const char *dir, const char *name, bool *failed)
{
    if (fv_name_is_system(name))
        return false;
    fv_str path = {.ctx = ctx};
    fv_str_printf(&path, "%s/%s%s%s", root, dir, dir[0] ? "/" : "", name);
    bool yes =
        fv_str_status(&path) == FV_OK && fv_path_is_dir(fv_str_get(&path)) && !fv_path_is_own_folder(fv_str_get(&path));
    *failed |= fv_str_status(&path) != FV_OK;
    fv_str_free(&path);
    return yes;
}

static fv_status has_class_dir(fv_ctx *ctx, const char *root, const char *dir, bool *has)
{
    char **names = NULL;
    int64_t count = 0;
    bool failed = false;
    *has = false;
    FV_TRY(list(ctx, root, dir, &names, &count));
    for (int64_t i = 0; i < count && !*has && !failed; i++)
        *has = is_class_dir(ctx, root, dir, names[i], &failed);
    fv_free(ctx, names);
    return failed ? FV_ERR_NO_MEMORY : FV_OK;
}

static fv_status fail_twice(fv_ctx *ctx, const char *root, const char *a, const char *b, fv_split split)
{
    return fv_fail_hint(
        ctx,
        fv_fail(ctx, FV_ERR_CONFLICT, "%s: both '%s' and '%s' would be split '%s'", root, a, b, fv_split_name(split)),
        "rename or remove one of them");
}

/*
 * A root has splits when a folder with a split's name has folders in it: "train" may also be a class of vehicles, and
 * then has images in it. Where two folders have names of one split, the one with classes in it is meant.
 */
fv_status fv_folder_locate(fv_ctx *ctx, fv_arena *arena, const char *root, fv_split split, const char **dir)
{
    char **names = NULL;
    int64_t count = 0;
    bool splits = false, failed = false, full = false; /* `found` has classes in it */
    const char *found = NULL;
    *dir = NULL;
    FV_TRY(list(ctx, root, "", &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        const int which = fv_split_parse(names[i]);
        bool has = false;
        if (which < 0 || (which != (int)split && splits) || !is_class_dir(ctx, root, "", names[i], &failed))
            continue;
        status = has_class_dir(ctx, root, names[i], &has);
        splits |= has;
        if (which != (int)split || status != FV_OK)
            continue;
        if (has && full)
            status = fail_twice(ctx, root, found, names[i], split);
        if (has || !found)
            found = names[i];
        full |= has;
    }
    if (failed)
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK && !splits && split == FV_SPLIT_TRAIN)
        found = "";
    if (status == FV_OK && found && (splits || found[0] == '\0')) {
        *dir = fv_arena_strdup(arena, found);
        status = *dir ? FV_OK : FV_ERR_NO_MEMORY;
    }
    fv_free(ctx, names);
    return status;
}

fv_status fv_folder_classes(fv_ctx *ctx, fv_arena *arena, const char *root, const char *dir, fv_names *classes)
{
    char **names = NULL;
    int64_t count = 0, n = 0;
    bool failed = false;
    *classes = (fv_names){0};
    FV_TRY(list(ctx, root, dir, &names, &count));
    const char **kept = fv_arena_alloc(arena, (size_t)(count + 1) * sizeof *kept);
    for (int64_t i = 0; kept && i < count && !failed; i++) {
        if (!is_class_dir(ctx, root, dir, names[i], &failed))
            continue;
        kept[n] = fv_arena_strdup(arena, names[i]);
        failed |= kept[n++] == NULL;
    }
    fv_free(ctx, names);
    *classes = (fv_names){kept, n};
    return kept && !failed ? FV_OK : FV_ERR_NO_MEMORY;
}

/* Whether there is a file called like an image. */
static bool has_image(char *const *names, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const char *dot = strrchr(names[i], '.');
        if (names[i][0] != '.' && dot && fv_image_extension_known(dot + 1))
            return true;
    }
    return false;
}

/* The only folder of a test split, where that is no class of the train split and none by its name; else NULL. */
static fv_status find_unnamed(fv_ctx *ctx, fv_arena *arena, const char *root, const fv_names *classes,
                              const char **name)
{
    static const char *const words[] = {"all",  "test",    "image",     "images",    "img",
                                        "imgs", "unknown", "unlabeled", "unlabelled"};
    const char *train = NULL;
    fv_names trained = {0};
    *name = NULL;
    for (size_t i = 0; classes->count == 1 && i < sizeof words / sizeof *words; i++) {
        if (strcmp(classes->name[0], words[i]) == 0)
            *name = classes->name[0];
    }
    if (!*name)
        return FV_OK;
    FV_TRY(fv_folder_locate(ctx, arena, root, FV_SPLIT_TRAIN, &train));
    if (train)
        FV_TRY(fv_folder_classes(ctx, arena, root, train, &trained));
    for (int64_t i = 0; *name && i < trained.count; i++) {
        if (strcmp(trained.name[i], *name) == 0)
            *name = NULL;
    }
    return FV_OK;
}

fv_status fv_folder_unlabeled(fv_ctx *ctx, fv_arena *arena, const char *root, const char **dir)
{
    char **names = NULL;
    int64_t count = 0;
    const char *test = NULL, *inner = NULL;
    fv_names classes = {0};
    *dir = NULL;
    FV_TRY(fv_folder_locate(ctx, arena, root, FV_SPLIT_TEST, &test));
    if (!test || !test[0])
        return FV_OK;
    FV_TRY(fv_folder_classes(ctx, arena, root, test, &classes));
    if (classes.count > 0) {
        FV_TRY(find_unnamed(ctx, arena, root, &classes, &inner));
        if (!inner)
            return FV_OK;
        test = fv_arena_printf(arena, "%s/%s", test, inner);
        if (!test)
            return FV_ERR_NO_MEMORY;
    }
    FV_TRY(list(ctx, root, test, &names, &count));
    *dir = has_image(names, count) ? test : NULL;
    fv_free(ctx, names);
    return FV_OK;
}

/* Makes room for one more item. */
static bool grow(fv_ctx *ctx, void **items, int64_t count, int64_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int64_t more = *capacity ? *capacity * 2 : 64;
    void *grown = fv_realloc(ctx, *items, (size_t)more * size);
    if (!grown)
        return false;
    *items = grown;
    *capacity = more;
    return true;
}

static fv_status note(walk *w, fv_folder_oddity kind)
{
    fv_folder_scan *scan = w->scan;
    void *notes = scan->notes;
    bool ok = grow(w->ctx, &notes, scan->n_notes, &scan->notes_capacity, sizeof *scan->notes);
    scan->notes = notes;
    const char *path = ok ? fv_arena_strdup(w->arena, w->path.data + w->root_size) : NULL;
    if (!path)
        return FV_ERR_NO_MEMORY;
    scan->notes[scan->n_notes++] = (fv_folder_note){kind, path};
    scan->odd[kind]++;
    return FV_OK;
}

static fv_status add_file(walk *w, int64_t bytes)
{
    fv_folder_scan *scan = w->scan;
    void *files = scan->files;
    bool ok = grow(w->ctx, &files, scan->n_files, &scan->files_capacity, sizeof *scan->files);
    scan->files = files;
    const char *path = ok ? fv_arena_strdup(w->arena, w->path.data + w->root_size) : NULL;
    if (!path)
        return FV_ERR_NO_MEMORY;
    scan->files[scan->n_files++] = (fv_folder_file){.path = path, .bytes = bytes, .label = w->label};
    return FV_OK;
}

/* Goes to a child of where the walk stands; returns how to come back. */
static size_t enter(walk *w, const char *name)
{
    size_t size = w->path.size;
    fv_str_append(&w->path, "/");
    fv_str_append(&w->path, name);
    return size;
}

static void leave(walk *w, size_t size)
{
    w->path.size = size;
    w->path.data[size] = '\0';
}

static fv_status walk_dir(walk *w);

/* One entry inside a class folder. */
static fv_status walk_entry(walk *w)
{
    struct stat st;
    if (stat(w->path.data, &st) != 0)
        return note(w, FV_ODD_DANGLING);
    const char *name = strrchr(w->path.data, '/') + 1;
    if (S_ISREG(st.st_mode))
        return fv_name_is_own_file(name) ? note(w, FV_ODD_OWN) : add_file(w, (int64_t)st.st_size);
    if (!S_ISDIR(st.st_mode))
        return note(w, FV_ODD_SPECIAL);
    if (w->depth >= 2 && fv_path_is_own_folder(w->path.data))
        return note(w, FV_ODD_OWN);
    if (w->depth == 2 && fv_split_parse(name) >= 0)
        w->splits |= 1u << fv_split_parse(name);
    for (int i = 0; i < w->depth; i++) {
        if (w->above[i].dev == st.st_dev && w->above[i].ino == st.st_ino)
            return note(w, FV_ODD_LOOP);
    }
    if (w->depth >= MAX_DEPTH)
        return fv_fail(w->ctx, FV_ERR_DATA, "%s: folders nested deeper than %d", w->path.data, MAX_DEPTH);
    if (w->depth >= 2)
        FV_TRY(note(w, FV_ODD_NESTED));
    w->above[w->depth++] = (ancestor){st.st_dev, st.st_ino};
    fv_status status = walk_dir(w);
    w->depth--;
    return status;
}

static fv_status walk_dir(walk *w)
{
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(fv_path_list(w->ctx, w->path.data, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        size_t back = enter(w, names[i]);
        status = fv_str_status(&w->path);
        if (status == FV_OK)
            status = fv_name_is_system(names[i]) ? note(w, FV_ODD_HIDDEN) : walk_entry(w);
        leave(w, back);
    }
    fv_free(w->ctx, names);
    return status;
}

/* A class folder that holds train/ and test/ would be trained on both. */
static fv_status fail_splits_inside(walk *w, const char *name)
{
    const char *dir = w->scan->dir;
    return fv_fail_hint(w->ctx,
                        fv_fail(w->ctx, FV_ERR_DATA_CLASSES,
                                "%.*s: the folder has splits in it, where images of the class '%s' were expected",
                                (int)w->path.size, w->path.data, name),
                        dir[0] ? "a data set is SPLIT/CLASS/images; give the folder that has the splits"
                               : "a data set is SPLIT/CLASS/images, the splits outside: move them, or list the images "
                                 "with their splits in a manifest (`fovea help data`)");
}

/* An entry of the split's own folder: a class, or something that does not belong there. */
static fv_status walk_top(walk *w, const char *name)
{
    if (fv_name_is_system(name))
        return note(w, FV_ODD_HIDDEN);
    const fv_names *classes = &w->scan->classes;
    const bool at_root = w->scan->dir[0] == '\0';
    if (w->label + 1 < classes->count && strcmp(classes->name[w->label + 1], name) == 0) {
        w->label++;
        w->splits = 0;
        int64_t before = w->scan->n_files;
        FV_TRY(walk_entry(w));
        if (w->splits & (w->splits - 1)) /* more than one */
            return fail_splits_inside(w, name);
        return w->scan->n_files == before ? note(w, FV_ODD_EMPTY_CLASS) : FV_OK;
    }
    if (at_root && strcmp(name, "classes.txt") == 0)
        return FV_OK;
    return note(w, fv_path_is_aside(w->path.data) ? FV_ODD_OWN : FV_ODD_STRAY);
}

/* What lies beside the split folders. */
static fv_status walk_root(walk *w)
{
    char **names = NULL;
    int64_t count = 0;
    FV_TRY(fv_path_list(w->ctx, w->path.data, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        size_t back = enter(w, names[i]);
        status = fv_str_status(&w->path);
        bool known = fv_split_parse(names[i]) >= 0 || strcmp(names[i], "classes.txt") == 0;
        if (status == FV_OK && !known)
            status = note(w, fv_name_is_system(names[i])      ? FV_ODD_HIDDEN
                             : fv_path_is_aside(w->path.data) ? FV_ODD_OWN
                                                              : FV_ODD_STRAY);
        leave(w, back);
    }
    fv_free(w->ctx, names);
    return status;
}

/* Folders that are all called like splits, with images instead of classes in them. */
static fv_status refuse_bare_splits(const walk *w, const char *root)
{
    const fv_names *classes = &w->scan->classes;
    for (int64_t k = 0; k < classes->count; k++) {
        if (fv_split_parse(classes->name[k]) < 0)
            return FV_OK;
    }
    return fv_fail_hint(w->ctx,
                        fv_fail(w->ctx, FV_ERR_DATA_CLASSES,
                                "%s: '%s' is the name of a split, but there are no class folders in it", root,
                                classes->name[0]),
                        "expected %s/CLASS/images; without classes there is nothing to learn", classes->name[0]);
}

/* The only folder in `path` besides what is left aside, and no file; NULL: there is more, or none. The caller's. */
static fv_status find_only_folder(fv_ctx *ctx, const char *path, char **only)
{
    char **names = NULL;
    int64_t count = 0, n = 0;
    *only = NULL;
    FV_TRY(fv_path_list(ctx, path, &names, &count));
    fv_status status = FV_OK;
    for (int64_t i = 0; i < count && n < 2 && status == FV_OK; i++) {
        char *inner = fv_path_join(ctx, path, names[i]);
        status = inner ? FV_OK : FV_ERR_NO_MEMORY;
        const bool counts = inner && !fv_path_is_aside(inner);
        n += counts;
        if (counts && n == 1 && fv_path_is_dir(inner))
            *only = inner;
        else
            fv_free(ctx, inner);
    }
    if (n > 1 || status != FV_OK) {
        fv_free(ctx, *only);
        *only = NULL;
    }
    fv_free(ctx, names);
    return status;
}

/* One folder that holds the whole data set, as archives do when they are unpacked. */
static fv_status refuse_wrapped(walk *w, const char *root)
{
    enum { DEEPEST = 5 };
    char *at = fv_path_join(w->ctx, root, w->scan->classes.name[0]);
    fv_status status = at ? FV_OK : FV_ERR_NO_MEMORY;
    for (int depth = 0; at && status == FV_OK && depth < DEEPEST; depth++) {
        const char *dir = "";
        char *inner = NULL;
        for (int k = 0; k < FV_SPLIT_COUNT && status == FV_OK && (!dir || !dir[0]); k++)
            status = fv_folder_locate(w->ctx, w->arena, at, (fv_split)k, &dir);
        if (status == FV_OK && dir && dir[0])
            status = fv_fail_hint(w->ctx,
                                  fv_fail(w->ctx, FV_ERR_DATA_CLASSES,
                                          "%s: nothing but the folder '%s', in which a data set with splits lies", root,
                                          w->scan->classes.name[0]),
                                  "use --data %s", at);
        if (status == FV_OK)
            status = find_only_folder(w->ctx, at, &inner);
        fv_free(w->ctx, at);
        at = inner;
    }
    fv_free(w->ctx, at);
    return status;
}

fv_status fv_folder_refuse_ambiguous(fv_ctx *ctx, const char *root, const char *dir)
{
    char **inside = NULL, **beside = NULL;
    int64_t n_inside = 0, n_beside = 0;
    const char *other = NULL;
    bool failed = false;
    fv_status status = list(ctx, root, dir, &inside, &n_inside);
    const bool images = status == FV_OK && has_image(inside, n_inside);
    if (images)
        status = list(ctx, root, "", &beside, &n_beside);
    for (int64_t i = 0; images && status == FV_OK && i < n_beside && !other; i++) {
        if (fv_split_parse(beside[i]) < 0 && is_class_dir(ctx, root, "", beside[i], &failed))
            other = beside[i];
    }
    if (other)
        status =
            fv_fail_hint(ctx,
                         fv_fail(ctx, FV_ERR_DATA_CLASSES,
                                 "%s/%s: a split with classes in it, or a class beside '%s'? It has both images and "
                                 "folders",
                                 root, dir, other),
                         "for a split move its images into class folders; for a class take the folders out of it");
    fv_free(ctx, inside);
    fv_free(ctx, beside);
    return failed ? FV_ERR_NO_MEMORY : status;
}

/* What looks like classes by its place and is none. */
static fv_status refuse_no_classes(walk *w, const char *root)
{
    if (w->scan->dir[0])
        return fv_folder_refuse_ambiguous(w->ctx, root, w->scan->dir);
    if (w->scan->classes.count == 0)
        return FV_OK;
    FV_TRY(refuse_bare_splits(w, root));
    return w->scan->classes.count == 1 ? refuse_wrapped(w, root) : FV_OK;
}

fv_status fv_folder_scan_split(fv_ctx *ctx, fv_arena *arena, const char *root, const char *dir, fv_folder_scan *scan)
{
    *scan = (fv_folder_scan){.dir = dir};
    walk w = {.ctx = ctx, .arena = arena, .scan = scan, .path = {.ctx = ctx}, .label = -1};
    char **names = NULL;
    int64_t count = 0;
    fv_str_append(&w.path, root);
    w.root_size = w.path.size + 1;
    fv_status status = fv_str_status(&w.path);
    /* Strays beside the splits are told once, with the train split. */
    if (status == FV_OK && dir[0] && fv_split_parse(dir) == FV_SPLIT_TRAIN)
        status = walk_root(&w);
    if (status == FV_OK && dir[0]) {
        enter(&w, dir);
        status = fv_str_status(&w.path);
    }
    if (status == FV_OK)
        status = fv_folder_classes(ctx, arena, root, dir, &scan->classes);
    if (status == FV_OK)
        status = refuse_no_classes(&w, root);
    if (status == FV_OK)
        status = fv_path_list(ctx, w.path.data, &names, &count);
    struct stat st;
    if (status == FV_OK && stat(w.path.data, &st) == 0)
        w.above[w.depth++] = (ancestor){st.st_dev, st.st_ino};
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        size_t back = enter(&w, names[i]);
        status = fv_str_status(&w.path);
        if (status == FV_OK)
            status = walk_top(&w, names[i]);
        leave(&w, back);
    }
    fv_free(ctx, names);
    fv_str_free(&w.path);
    if (status != FV_OK)
        fv_folder_scan_free(ctx, scan);
    return status;
}

void fv_folder_scan_free(fv_ctx *ctx, fv_folder_scan *scan)
{
    fv_free(ctx, scan->files);
    fv_free(ctx, scan->notes);
    *scan = (fv_folder_scan){0};
}
