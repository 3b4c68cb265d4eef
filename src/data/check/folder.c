/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of classes, with what lies in them and should not. */
#include "base/file.h"
#include "data/check/check.h"

static fv_status probe(fv_check_report *r, bool *yes)
{
    const fv_source_type *type = NULL;
    FV_TRY(fv_source_find(r->ctx, r->path, &type));
    *yes = type == &fv_source_folder;
    return FV_OK;
}

static fv_status tell_layout(fv_check_report *r, fv_split split)
{
    const struct {
        int fault;
        fv_verdict verdict;
        const char *text;
    } kinds[FV_ODD_COUNT] = {
        [FV_ODD_HIDDEN] = {FV_FAULT_LAYOUT, FV_VERDICT_WARN, "hidden or system file: skipped"},
        [FV_ODD_OWN] = {FV_FAULT_LAYOUT, FV_VERDICT_WARN, "written by fovea: left out"},
        [FV_ODD_STRAY] = {FV_FAULT_LAYOUT, FV_VERDICT_WARN, "outside the class folders: skipped"},
        [FV_ODD_SPECIAL] = {FV_FAULT_STALL, FV_VERDICT_QUARANTINE, fv_folder_loss(FV_ODD_SPECIAL)},
        [FV_ODD_DANGLING] = {FV_FAULT_VANISHED, FV_VERDICT_QUARANTINE, fv_folder_loss(FV_ODD_DANGLING)},
        [FV_ODD_LOOP] = {FV_FAULT_LAYOUT, FV_VERDICT_WARN, "a link that leads back up: not followed"},
        [FV_ODD_NESTED] = {FV_FAULT_LAYOUT, FV_VERDICT_WARN,
                           "a folder inside a class folder: its files belong to the class"},
        [FV_ODD_EMPTY_CLASS] = {FV_FAULT_EMPTY_CLASS, FV_VERDICT_WARN, "a class folder without files"},
    };
    const fv_folder_scan *scan = &r->splits[split].scan;
    for (int64_t i = 0; i < scan->n_notes; i++) {
        const fv_folder_note *note = &scan->notes[i];
        const bool reject = note->kind == FV_ODD_EMPTY_CLASS && split == FV_SPLIT_TRAIN && !r->options.data.allow_empty;
        FV_TRY(fv_check_add(r, kinds[note->kind].fault, reject ? FV_VERDICT_REJECT : kinds[note->kind].verdict,
                            note->path, -1, -1, "%s%s", kinds[note->kind].text,
                            reject ? ": add images, remove the folder, or keep the class with --allow-empty" : ""));
    }
    return FV_OK;
}

/* Images whose labels are kept back: one line for all, and no split to look at. */
static fv_status tell_unlabeled(fv_check_report *r, const char *dir)
{
    return fv_check_add(r, FV_FAULT_LAYOUT, FV_VERDICT_WARN, dir, -1, -1,
                        "images without labels: no class folders in the test split: left out; `fovea predict --split "
                        "test` tells their classes");
}

static fv_status list_split(fv_check_report *r, fv_split split, const char *dir)
{
    fv_check_split *s = &r->splits[split];
    if (split == FV_SPLIT_TEST) {
        const char *bare = NULL;
        FV_TRY(fv_folder_unlabeled(r->ctx, r->arena, r->root, &bare));
        if (bare)
            return tell_unlabeled(r, bare);
    }
    FV_TRY(fv_folder_scan_split(r->ctx, r->arena, r->root, dir, &s->scan));
    fv_check_begin_split(r, split, dir);
    s->classes = s->scan.classes;
    for (int64_t i = 0; i < s->scan.n_files; i++) {
        fv_check_sample *sample = NULL;
        FV_TRY(fv_check_add_sample(r, split, s->scan.files[i].path, &sample));
        sample->label = s->scan.files[i].label;
        sample->bytes = s->scan.files[i].bytes;
    }
    fv_check_end_split(r, split);
    return tell_layout(r, split);
}

/* classes.txt numbers the classes where there is one. */
static fv_status read_classes(fv_check_report *r)
{
    char *file = fv_path_join(r->ctx, r->root, "classes.txt");
    if (!file)
        return FV_ERR_NO_MEMORY;
    fv_status status = FV_OK;
    if (fv_path_exists(file) && !fv_path_is_dir(file)) {
        status = fv_names_read(r->arena, r->ctx, file, &r->classes);
        if (status == FV_ERR_DATA_CLASSES) {
            status = fv_check_add(r, FV_FAULT_CLASSES, FV_VERDICT_REJECT, "classes.txt", -1, -1, "%s",
                                  fv_check_said(r, "classes.txt"));
            r->classes = (fv_names){0};
        }
    }
    fv_free(r->ctx, file);
    return status;
}

static fv_status list(fv_check_report *r)
{
    FV_TRY(read_classes(r));
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const char *dir = NULL;
        FV_TRY(fv_folder_locate(r->ctx, r->arena, r->root, (fv_split)k, &dir));
        if (!dir)
            continue;
        FV_TRY(list_split(r, (fv_split)k, dir));
        if (r->classes.count == 0)
            r->classes = r->splits[k].classes;
    }
    return FV_OK;
}

const fv_check_layout fv_check_folder = {.name = "folder", .probe = probe, .list = list};
