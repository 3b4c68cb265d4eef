/* SPDX-License-Identifier: Apache-2.0 */
/* fovea predict: images to classes. A file that cannot be read is reported in its place; the others are done; exit 3 at
 * the end, 7 where an answer is not finite. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frames.h"
#include "output.h"
#include "sheet.h"
#include "show.h"
#include "test_time.h"

typedef struct prediction {
    settings *c;
    fv_ctx *ctx;
    ensemble models;
    fv_model *model; /* the first of them */
    fv_task task;
    fv_dataset *data;
    float *probability, *deviation; /* or values; the deviation of a pass with dropout */
    int64_t *order;
    int64_t classes, topk, done, bad, lost; /* lost: of the bad, those read but not answered */
    sheet *sheet;
} prediction;

/* ---- output ---- */

static void print_bad(const prediction *p, const char *name, const char *error)
{
    if (p->c->out == OUT_JSON) {
        json_t *line = json_pack("{s:o, s:o}", "file", show_json(name), "error", show_json(error));
        json_dumpf(line, stdout, JSON_COMPACT);
        json_decref(line);
        putchar('\n');
    } else if (p->c->out == OUT_CSV) {
        show_csv(stdout, name);
        fputs(p->c->mc_dropout ? ",,,," : ",,,", stdout);
        show_csv(stdout, error);
        putchar('\n');
    } else {
        warn("%s", error);
    }
}

static void print_json(const prediction *p, const char *name)
{
    const bool values = p->task == FV_TASK_REGRESS;
    json_t *list = json_array(), *line;
    for (int64_t k = 0; k < p->topk; k++) {
        const int64_t i = p->order[k];
        json_t *item =
            json_pack("{s:o, s:I, s:f}", values ? "target" : "class", show_json(fv_model_class_name(p->model, i)),
                      "index", (json_int_t)i, values ? "value" : "probability", (double)p->probability[i]);
        if (p->c->mc_dropout)
            json_object_set_new(item, "std", json_real((double)p->deviation[i]));
        json_array_append_new(list, item);
    }
    line = json_pack("{s:o, s:o}", "file", show_json(name), "predictions", list);
    json_dumpf(line, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(line);
    putchar('\n');
}

/* "cat 93.1%", "cat 93.1% +- 2.0%", "age 41.5". */
static void print_text(const prediction *p, int64_t i)
{
    const bool values = p->task == FV_TASK_REGRESS;
    const double factor = values ? 1 : 100;
    show_text(stdout, fv_model_class_name(p->model, i));
    printf(values ? " %.6g" : " %.1f%%", factor * (double)p->probability[i]);
    if (p->c->mc_dropout)
        printf(values ? " +- %.3g" : " +- %.1f%%", factor * (double)p->deviation[i]);
}

static void print_good(const prediction *p, const char *name)
{
    if (p->c->out == OUT_JSON) {
        print_json(p, name);
        return;
    }
    for (int64_t k = 0; k < p->topk; k++) {
        const int64_t i = p->order[k];
        if (p->c->out == OUT_CSV) {
            show_csv(stdout, name);
            putchar(',');
            show_csv(stdout, fv_model_class_name(p->model, i));
            printf(",%.9g,", (double)p->probability[i]);
            if (p->c->mc_dropout)
                printf("%.9g,", (double)p->deviation[i]);
            putchar('\n');
        } else {
            if (k == 0)
                show_text(stdout, name);
            fputs(k ? ", " : ": ", stdout);
            print_text(p, i);
        }
    }
    if (p->c->out == OUT_TEXT)
        putchar('\n');
}

/* ---- one image ---- */

/* The best first; values in their own order. */
static void rank(prediction *p)
{
    for (int64_t k = 0; p->task == FV_TASK_REGRESS && k < p->topk; k++)
        p->order[k] = k;
    if (p->task == FV_TASK_REGRESS)
        return;
    for (int64_t k = 0; k < p->topk; k++) {
        int64_t best = -1;
        for (int64_t i = 0; i < p->classes; i++) {
            bool taken = false;
            for (int64_t q = 0; q < k; q++)
                taken = taken || p->order[q] == i;
            if (!taken && (best < 0 || p->probability[i] > p->probability[best]))
                best = i;
        }
        p->order[k] = best;
    }
}

static fv_status predict_one(prediction *p, const char *name, fv_image *image, fv_status status, const char *truth)
{
    const bool read = status == FV_OK;
    if (read)
        status =
            fv_predictor_run(p->models.predictor, image, (uint64_t)(p->done + p->bad), p->probability, p->deviation);
    if (status == FV_ERR_NO_MEMORY)
        return status;
    if (status != FV_OK) {
        char text[4096];
        snprintf(text, sizeof text, "%s%s%s", read ? name : "", read ? ": " : "", fv_ctx_error(p->ctx));
        p->bad++;
        p->lost += status == FV_ERR_DIVERGED;
        print_bad(p, name, text);
        return FV_OK;
    }
    rank(p);
    print_good(p, name);
    if (p->sheet)
        status = sheet_add_prediction(p->sheet, image, fv_model_class_name(p->model, p->order[0]),
                                      p->probability[p->order[0]], truth);
    p->done++;
    return status;
}

static bool enough(const prediction *p)
{
    /* Also when nobody can read what comes. */
    return (p->c->limit > 0 && p->done + p->bad >= p->c->limit) || ferror(stdout);
}

static fv_status predict_file(prediction *p, const char *path)
{
    fv_image image = {0};
    fv_decode_options o = {.max_pixels = p->c->max_pixels, .ignore_exif = p->c->ignore_exif, .salvage = p->c->salvage};
    o = fv_pipeline_decoding(fv_model_pipeline(p->model), &o);
    fv_status status = fv_image_read(p->ctx, path, &o, &image, NULL);
    status = predict_one(p, path, &image, status, NULL);
    fv_image_free(p->ctx, &image);
    return status;
}

/* ---- sources ---- */

/* Frames in their order, whether or not their numbers have leading zeros. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return natural_compare((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "Thumbs.db") != 0;
}

/* A folder on the way down, to notice links that lead back to it. */
typedef struct ancestor {
    const struct ancestor *above;
    dev_t dev;
    ino_t ino;
} ancestor;

static bool leads_back(const ancestor *a, const struct stat *st)
{
    for (; a; a = a->above)
        if (a->dev == st->st_dev && a->ino == st->st_ino)
            return true;
    return false;
}

static fv_status predict_folder(prediction *p, const char *path, const ancestor *above);

static fv_status predict_entry(prediction *p, const char *path, const ancestor *here)
{
    struct stat st;
    if (stat(path, &st) != 0 || !(S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
        warn("%s: a FIFO, socket, device or dangling link: skipped", path);
    else if (S_ISREG(st.st_mode))
        return predict_file(p, path);
    else if (leads_back(here, &st))
        warn("%s: a link that leads back up: not followed", path);
    else
        return predict_folder(p, path, here);
    return FV_OK;
}

static fv_status predict_folder(prediction *p, const char *path, const ancestor *above)
{
    struct dirent **entries;
    struct stat st = {0};
    int n = stat(path, &st) == 0 ? scandir(path, &entries, visible, by_name) : -1;
    const ancestor here = {above, st.st_dev, st.st_ino};
    const char *slash = *path && path[strlen(path) - 1] == '/' ? "" : "/";
    fv_status status = FV_OK;
    if (n < 0)
        return complain(errno == EACCES ? FV_ERR_PERMISSION : FV_ERR_IO, NULL, "%s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *name = NULL;
        if (status == FV_OK && !enough(p) && asprintf(&name, "%s%s%s", path, slash, entries[i]->d_name) > 0)
            status = predict_entry(p, name, &here);
        free(name);
        free(entries[i]);
    }
    free(entries);
    return status;
}

static fv_status predict_list(prediction *p, FILE *f)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t n;
    fv_status status = FV_OK;
    while (status == FV_OK && !enough(p) && (n = getline(&line, &capacity, f)) > 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = 0;
        if (n > 0)
            status = predict_file(p, line);
    }
    free(line);
    return status;
}

static fv_status predict_frame(prediction *p, const frame_form *form, uint8_t *data, int64_t number)
{
    char name[32];
    fv_image image = {.data = data, .h = form->h, .w = form->w, .c = form->c, .depth = form->depth};
    const int64_t bad = frame_not_finite(form, data);
    snprintf(name, sizeof name, "-[%lld]", (long long)number);
    if (bad < 0)
        return predict_one(p, name, &image, FV_OK, NULL);
    char text[128];
    snprintf(text, sizeof text, "%s: number %lld of the frame is not finite", name, (long long)bad);
    p->bad++;
    print_bad(p, name, text);
    return FV_OK;
}

/* Raw frames from standard input. */
static fv_status predict_frames(prediction *p)
{
    frame_form form;
    size_t got = 0;
    FV_TRY(frame_form_parse(p->c->raw, &form));
    uint8_t *data = malloc(form.bytes + 256); /* kernels may read a little beyond */
    if (!data)
        return FV_ERR_NO_MEMORY;
    memset(data + form.bytes, 0, 256);
    fv_status status = FV_OK;
    int more = 1;
    for (int64_t number = 0; status == FV_OK && more == 1 && !enough(p); number++) {
        more = frame_read(&form, stdin, data, &got);
        if (more == 1)
            status = predict_frame(p, &form, data, number);
        fflush(stdout); /* whoever sends frames waits for answers */
    }
    free(data);
    if (status == FV_OK && more == -1) {
        warn("standard input ends inside of frame %lld: %zu of %zu bytes", (long long)(p->done + p->bad), got,
             form.bytes);
        p->bad++;
    }
    if (status == FV_OK && more == -2)
        return complain(FV_ERR_IO, NULL, "standard input: %s", strerror(errno));
    return status;
}

static fv_status predict_source(prediction *p)
{
    const char *source = p->c->source;
    struct stat st;
    if (strcmp(source, "-") == 0)
        return p->c->raw ? predict_frames(p) : predict_list(p, stdin);
    if (stat(source, &st) != 0)
        return complain(errno == ENOENT ? FV_ERR_NOT_FOUND : FV_ERR_IO, NULL, "%s: %s", source, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return predict_folder(p, source, NULL);
    size_t n = strlen(source);
    if (n < 4 || strcmp(source + n - 4, ".txt") != 0)
        return predict_file(p, source);
    FILE *f = fopen(source, "r");
    if (!f)
        return complain(FV_ERR_IO, NULL, "%s: %s", source, strerror(errno));
    fv_status status = predict_list(p, f);
    fclose(f);
    return status;
}

static fv_status predict_data(prediction *p)
{
    fv_status status = data_open(p->ctx, p->c, p->c->split ? p->c->split : "test", p->model, &p->data);
    for (int64_t i = 0; status == FV_OK && i < fv_dataset_count(p->data) && !enough(p); i++) {
        char name[1024];
        fv_image image = {0};
        fv_dataset_sample_name(p->data, i, name, sizeof name);
        int32_t label = p->task == FV_TASK_CLASSIFY ? fv_dataset_label(p->data, i) : -1;
        status = fv_dataset_image(p->data, i, &image, NULL);
        status = predict_one(p, name, &image, status, label >= 0 ? fv_model_class_name(p->model, label) : NULL);
        fv_image_free(p->ctx, &image);
    }
    return status;
}

/* ---- the verb ---- */

/* There was not one image to look at. */
static fv_status fail_nothing(const prediction *p)
{
    const settings *c = p->c;
    if (c->source && strcmp(c->source, "-") == 0)
        return complain(FV_ERR_DATA_EMPTY, NULL, "standard input: no %s came",
                        c->raw ? "frame" : "name of an image file");
    return complain(FV_ERR_DATA_EMPTY, NULL, "%s: no image in it", c->source ? c->source : c->data);
}

static fv_status predict(prediction *p)
{
    settings *c = p->c;
    FV_TRY(ensemble_open(p->ctx, c, &p->models));
    FV_TRY(ensemble_predictor(c, &p->models));
    p->model = p->models.model[0];
    p->task = fv_model_task(p->model);
    if (c->sheet && p->task == FV_TASK_REGRESS)
        return complain(FV_ERR_CONFLICT, "use --out csv", "--sheet shows classes, %s predicts numbers", c->model);
    p->classes = fv_predictor_classes(p->models.predictor);
    p->topk = c->topk < p->classes ? c->topk : p->classes;
    if (p->task == FV_TASK_REGRESS && !option_given("topk"))
        p->topk = p->classes;
    p->probability = calloc((size_t)p->classes + 1, sizeof(float));
    p->deviation = calloc((size_t)p->classes + 1, sizeof(float));
    p->order = calloc((size_t)p->topk + 1, sizeof(int64_t));
    if (!p->probability || !p->deviation || !p->order)
        return FV_ERR_NO_MEMORY;
    if (c->sheet && !(p->sheet = sheet_create(0)))
        return FV_ERR_NO_MEMORY;
    if (c->out == OUT_CSV)
        printf("file,%s,%serror\n", p->task == FV_TASK_REGRESS ? "target,value" : "class,probability",
               c->mc_dropout ? "std," : "");
    FV_TRY(c->source ? predict_source(p) : predict_data(p));
    if (p->done + p->bad == 0 && !ferror(stdout))
        return fail_nothing(p);
    if (p->sheet && p->done) {
        FV_TRY(sheet_write(p->sheet, p->ctx, c->sheet));
        note("%s: %lld images with predictions", c->sheet, (long long)p->done);
    }
    return FV_OK;
}

fv_status verb_predict(settings *c)
{
    prediction p = {.c = c};
    if (c->positional[0] && !c->source)
        c->source = c->positional[0];
    if (c->json && option_given("out") && c->out != OUT_JSON)
        return complain(FV_ERR_CONFLICT, "drop one of them", "--json and --out: two forms of one result");
    if (c->json)
        c->out = OUT_JSON;
    if (!option_given("model") || (!c->source && !c->data))
        return complain(FV_ERR_USAGE, NULL,
                        "fovea predict: --model FILE and one of --source PATH or --data PATH are needed");
    if (c->source && c->data)
        return complain(FV_ERR_CONFLICT, NULL, "fovea predict: give --source or --data, not both");
    if (c->raw && (!c->source || strcmp(c->source, "-") != 0))
        return complain(FV_ERR_CONFLICT, "write --source -", "--raw %s: raw frames are read from standard input only",
                        c->raw);
    FV_TRY(output_check(c, "sheet", c->sheet, OUTPUT_SHEET));
    fv_status status = context_open(c, &p.ctx);
    if (status != FV_OK)
        return status;
    status = report(p.ctx, predict(&p));
    const bool done = status == FV_OK;
    if (done && p.bad > p.lost) {
        warn("%lld of %lld images could not be read; the others are done", (long long)(p.bad - p.lost),
             (long long)(p.bad + p.done));
        status = FV_ERR_DATA;
    }
    if (done && p.lost)
        status = complain(FV_ERR_DIVERGED, lost_cure, "%s: no finite answer for %lld of %lld images", c->model,
                          (long long)p.lost, (long long)(p.bad + p.done));
    sheet_destroy(p.sheet);
    free(p.probability);
    free(p.deviation);
    free(p.order);
    fv_dataset_destroy(&p.data);
    ensemble_close(&p.models);
    fv_ctx_destroy(&p.ctx);
    return status;
}
