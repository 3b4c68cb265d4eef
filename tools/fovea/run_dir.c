/* SPDX-License-Identifier: Apache-2.0 */
#include "run_dir.h"
#include "card.h"
#include "head.h"
#include "run_find.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Folders made for this run, to be removed again when it does not come to be. */
static struct {
    char path[4096];
    size_t length[64]; /* of the prefixes of path that were made, in order */
    int count;
} made;

/* Makes the folders above `dir`, then dir itself. False with errno; EEXIST only when dir itself was there. */
static bool make_folders(const char *dir)
{
    made.count = 0;
    snprintf(made.path, sizeof made.path, "%s", dir);
    for (char *p = made.path + strspn(made.path, "/");; p += strspn(p, "/")) {
        p += strcspn(p, "/");
        char end = *p;
        *p = 0;
        bool ok = mkdir(made.path, 0777) == 0;
        int error = errno;
        if (ok && made.count < 64)
            made.length[made.count++] = (size_t)(p - made.path);
        *p = end;
        if (!ok && !(end && error == EEXIST)) {
            errno = error;
            return false;
        }
        if (!end)
            return true;
    }
}

/* An empty weights/ tells whoever looks for data in the folders around that this is a run. */
static void mark_folder(const char *dir)
{
    char weights[4200];
    snprintf(weights, sizeof weights, "%s/weights", dir);
    if (made.count > 0 && made.count < 64 && strlen(weights) < sizeof made.path && mkdir(weights, 0777) == 0) {
        made.length[made.count++] = strlen(weights);
        memcpy(made.path, weights, strlen(weights) + 1);
    }
}

void run_dir_release(void)
{
    while (made.count > 0) {
        made.path[made.length[--made.count]] = 0;
        rmdir(made.path); /* what has something in it stays */
    }
}

static fv_status fail_folder(const char *dir, int error)
{
    fv_status status = error == EACCES || error == EPERM || error == EROFS ? FV_ERR_PERMISSION
                       : error == ENOSPC || error == EDQUOT                ? FV_ERR_NO_SPACE
                                                                           : FV_ERR_IO;
    run_dir_release();
    if (error == ENOTDIR)
        return complain(status, "choose another --output",
                        "%s: cannot be made: part of the path is a file, expected a folder", dir);
    return complain(status, "check the permissions, or choose another --output", "%s: cannot create the folder: %s",
                    dir, strerror(error));
}

static fv_status too_long(void)
{
    return complain(FV_ERR_VALUE, "choose a shorter --output", "--output: the path is too long");
}

fv_status run_dir_claim(const char *root, const char *name, char *dir, size_t size)
{
    /* Making the folder is what claims the name: another run may look for one at the same time. */
    for (int i = 1; i < 1000000; i++) {
        const int n = i == 1 ? snprintf(dir, size, "%s/%s", root, name) : snprintf(dir, size, "%s/%s%d", root, name, i);
        if (n < 0 || (size_t)n >= size)
            break;
        if (make_folders(dir))
            return FV_OK;
        if (errno != EEXIST)
            return fail_folder(dir, errno);
    }
    return too_long();
}

fv_status run_dir_choose(fv_ctx *ctx, const settings *c, char *dir, size_t size)
{
    const char *root = c->output ? c->output : "runs/train", *name = c->experiment ? c->experiment : "exp";
    if (c->resume && strcmp(c->resume, "auto") != 0) {
        const int n = snprintf(dir, size, "%s", c->resume);
        return n >= 0 && (size_t)n < size ? FV_OK : too_long();
    }
    if (c->resume)
        FV_TRY(run_find(ctx, c, root, dir, size));
    if (c->resume && dir[0]) { /* with --experiment it need not be there yet */
        if (!make_folders(dir) && errno != EEXIST)
            return fail_folder(dir, errno);
    } else {
        FV_TRY(run_dir_claim(root, name, dir, size));
        mark_folder(dir);
    }
    return FV_OK;
}

/* The path in two, behind its last slash. */
void run_dir_name(settings *c, const char *dir)
{
    static char output[4096], experiment[4096], here[4096];
    char whole[4096];
    const char *slash = strrchr(dir, '/'), *last = slash ? slash + 1 : dir;
    if ((strcmp(last, ".") == 0 || strcmp(last, "..") == 0) && realpath(dir, whole)) {
        dir = whole;
        slash = strrchr(dir, '/');
    }
    snprintf(experiment, sizeof experiment, "%s", slash ? slash + 1 : dir);
    snprintf(output, sizeof output, "%.*s", slash ? (int)(slash - dir) : 1, slash ? dir : ".");
    c->output = output[0] ? output : "/";
    c->experiment = experiment;
    c->directory = getcwd(here, sizeof here);
}

static void print_load_report(const settings *c, const fv_load_report *r)
{
    static const char *const words[] = {"loaded", "missing, starts anew", "not used", "shape differs, starts anew"};
    enum { SHOWN = 20 };
    int counts[4] = {0}, rows = 0, aux = 0;
    for (int i = 0; i < fv_load_report_count(r); i++) {
        const fv_load_row *row = fv_load_report_row(r, i);
        char a[96], b[96];
        if (row->aux && row->verdict == FV_MISSING && !c->verbose) {
            aux++;
            continue;
        }
        counts[row->verdict]++;
        if (!c->verbose && (row->verdict == FV_LOADED || ++rows > SHOWN))
            continue;
        if (row->verdict == FV_SHAPE_MISMATCH)
            note("  %-32s %s: model %s, file %s", row->name, words[row->verdict], fv_shape_text(&row->model_shape, a),
                 fv_shape_text(&row->file_shape, b));
        else
            note("  %-32s %s", row->name, words[row->verdict]);
    }
    if (!c->verbose && rows > SHOWN)
        note("  ... and %d more (--verbose shows all)", rows - SHOWN);
    if (aux > 0)
        note("%s: %d tensors of auxiliary heads are not in the file: they start anew (--no-aux leaves the heads out)",
             c->weights, aux);
    note("%s: tensors: %d loaded, %d missing, %d of another shape, %d not used", c->weights, counts[FV_LOADED],
         counts[FV_MISSING], counts[FV_SHAPE_MISMATCH], counts[FV_UNUSED]);
}

/* What does not fit must belong to the output layer, or --partial must be given. */
static fv_status check_head(const settings *c, const fv_model *model, const fv_load_report *report, const new_head *h)
{
    int bad = 0, loaded = 0;
    const char *first = NULL;
    for (int i = 0; i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        loaded += row->verdict == FV_LOADED;
        if (row->verdict == FV_LOADED || row->verdict == FV_UNUSED || row->head ||
            (row->aux && row->verdict == FV_MISSING) || head_is_new(h, row->name))
            continue;
        first = first ? first : row->name;
        bad++;
    }
    if (loaded == 0)
        return complain(FV_ERR_MODEL_MISMATCH, "choose the --model these weights belong to",
                        "%s: not one tensor fits %s", c->weights ? c->weights : c->model, fv_model_name(model));
    if (bad == 0 || c->partial)
        return FV_OK;
    return complain(
        FV_ERR_MODEL_MISMATCH, "choose the --model these weights belong to, or accept the rest with --partial",
        "%s: %d tensors beside the %s do not fit %s, first '%s' (table above)", c->weights ? c->weights : c->model, bad,
        h->report ? "new head" : "output layer", fv_model_name(model), first);
}

fv_status run_load_weights(const settings *c, fv_model *model, const new_head *h)
{
    fv_load_report *r = NULL;
    const bool head_differs = fv_model_classes(model) != 0;
    fv_status status = fv_model_load_weights(model, c->weights, c->partial || head_differs, &r);
    if (r)
        print_load_report(c, r);
    if (status == FV_OK && r)
        status = check_head(c, model, r, h);
    fv_load_report_destroy(&r);
    return status;
}

/* Whether other sizes, channels, dropout or initialization are asked for than a network has that was read. */
static bool is_other(const settings *c, const fv_zoo_options *o, const fv_pipeline *p, bool of_zoo)
{
    const bool same_size = !of_zoo && o->img_size[0] == p->h && o->img_size[1] == p->w;
    const bool same_channels = !of_zoo && o->channels == p->c;
    return (o->img_size[0] && !same_size) || (o->channels && !same_channels) || option_given("drop") ||
           option_given("drop-path") || c->init != 0;
}

fv_status run_reset_head(fv_ctx *ctx, const settings *c, const fv_zoo_options *options, fv_model **model)
{
    fv_pipeline pipeline = *fv_model_pipeline(*model);
    fv_zoo_options o = *options; /* which asks for no new head */
    fv_load_report *report = NULL;
    fv_model *fresh = NULL;
    const new_head none = {.report = NULL};
    bool of_zoo = false;
    for (const char *const *known = fv_zoo_names(); *known; known++)
        of_zoo = of_zoo || (!fv_model_origin(*model) && strcmp(*known, fv_model_name(*model)) == 0);
    if (!is_other(c, options, &pipeline, of_zoo)) {
        FV_TRY(fv_model_reset_head(*model, o.classes, (uint64_t)c->fit.seed));
        note("--reset-head: new output layer for %lld classes", (long long)o.classes);
        return FV_OK;
    }
    if (!of_zoo)
        return complain(FV_ERR_CONFLICT, "drop --img-size, --in-chans, --drop, --drop-path and --init",
                        "--reset-head: with another size, channels, dropout or initialization the architecture is "
                        "built anew, and '%s' of %s is none of the zoo",
                        fv_model_name(*model), c->model);
    /* Other sizes, channels, dropout or initialization: the architecture is built anew. */
    if (!o.img_size[0]) {
        o.img_size[0] = pipeline.h;
        o.img_size[1] = pipeline.w;
    }
    o.channels = o.channels ? o.channels : pipeline.c;
    FV_TRY(fv_model_zoo(ctx, fv_model_name(*model), &o, &fresh));
    fv_aux_info aux;
    fv_status status = fv_model_aux_head(*model, 0, &aux) ? FV_OK : fv_model_drop_aux_heads(fresh);
    if (status == FV_OK)
        status = fv_model_init(fresh, (uint64_t)c->fit.seed, (fv_init)c->init);
    if (status == FV_OK)
        status = fv_model_load_weights(fresh, c->model, true, &report);
    if (status == FV_OK)
        status = check_head(c, fresh, report, &none);
    pipeline.h = o.img_size[0];
    pipeline.w = o.img_size[1];
    if (status == FV_OK)
        status = fv_model_set_pipeline(fresh, &pipeline);
    if (status == FV_OK)
        status = card_copy(*model, fresh);
    fv_load_report_destroy(&report);
    if (status != FV_OK) {
        fv_model_destroy(&fresh);
        return status;
    }
    note("--reset-head: new output layer for %lld classes", (long long)o.classes);
    fv_model_destroy(model);
    *model = fresh;
    return FV_OK;
}
