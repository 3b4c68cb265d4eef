/* SPDX-License-Identifier: Apache-2.0 */
/* fovea predict: images to classes, many files at a time. One that cannot be read is reported in its place; the others
 * are done; exit 3 at the end, 7 where an answer is not finite. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.h"
#include "lines.h"
#include "memory_text.h"
#include "output.h"
#include "predict.h"
#include "walk.h"
#include "watch.h"

/* Files that are answered together; their names are in memory meanwhile. */
enum { TOGETHER = 4096 };

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

static void report_bad(prediction *p, const char *name, const char *text, fv_status status)
{
    p->bad++;
    p->lost += status == FV_ERR_DIVERGED;
    prediction_print_bad(p, name, text);
}

/* p->probability is there, and p->order. */
static fv_status report_good(prediction *p, const char *name, const fv_image *image)
{
    if (p->explaining)
        FV_TRY(explain_image(p->explaining, name, image, p->order[0]));
    prediction_print_good(p, name);
    p->shown++;
    if (!p->sheet)
        return FV_OK;
    return sheet_add_prediction(p->sheet, image, fv_model_class_name(p->model, p->order[0]),
                                p->probability[p->order[0]], truth_name(&p->truth));
}

static bool enough(const prediction *p)
{
    /* Also when nobody can read what comes, or somebody wants it to end. */
    return watch_asked() || (p->c->limit > 0 && p->shown + p->bad + p->n_paths >= p->c->limit) || ferror(stdout);
}

/* ---- many images ---- */

static fv_status tell_answer(prediction *p, fv_dataset *data, const fv_answer *a)
{
    char name[4200], text[8800];
    fv_image image = {0};
    fv_dataset_sample_name(data, a->sample, name, sizeof name);
    truth_take(&p->truth, data, a->sample);
    const size_t piped = strlen(p->piped);
    const bool is_piped = piped > 0 && strcmp(name, p->piped) == 0;
    if (is_piped)
        snprintf(name, sizeof name, "-");
    if (!a->mean) {
        const bool lost = a->status == FV_ERR_DIVERGED;
        const bool named = is_piped && a->error && strncmp(a->error, p->piped, piped) == 0;
        snprintf(text, sizeof text, "%s%s%s", lost || named ? name : "", lost ? ": " : "",
                 a->error + (named ? piped : 0));
        report_bad(p, name, text, a->status);
        return FV_OK;
    }
    memcpy(p->probability, a->mean, (size_t)p->classes * sizeof(float));
    memcpy(p->deviation, a->std, (size_t)p->classes * sizeof(float));
    rank(p);
    p->done++;
    if (p->c->wrong_only && truth_agrees(&p->truth, p->probability, p->order[0]))
        return FV_OK;
    if ((p->sheet || p->explaining) &&
        fv_dataset_image(data, a->sample, &image, NULL) != FV_OK) { /* gone since it was predicted */
        p->done--;
        report_bad(p, name, fv_ctx_error(p->ctx), FV_ERR_IO);
        return FV_OK;
    }
    fv_status status = report_good(p, name, &image);
    fv_image_free(p->ctx, &image);
    return status;
}

/* All samples of a data set, or as many as are enough. */
static fv_status predict_dataset(prediction *p, fv_dataset *data)
{
    fv_predictor *predictor = p->models.predictor;
    fv_answer answer = {0};
    fv_memory plan;
    FV_TRY(fv_predictor_memory(predictor, data, &plan));
    if ((p->c->verbose && p->done + p->bad == 0) || plan.total > fv_ctx_memory_limit(p->ctx))
        FV_TRY(memory_tell(p->ctx, "predicting", &plan, "use a smaller --batch-size, or raise --memory"));
    fv_status status = fv_predictor_start(predictor, data, (uint64_t)(p->done + p->bad));
    while (status == FV_OK && !enough(p)) {
        status = fv_predictor_next(predictor, &answer);
        if (status != FV_OK || answer.sample < 0)
            break;
        status = tell_answer(p, data, &answer);
        if (!p->shared_line)
            watch_step("answered", "images", p->done + p->bad, p->data ? fv_dataset_count(p->data) : 0);
    }
    fv_predictor_stop(predictor);
    return status;
}

/* Answers the files that have been collected. */
static fv_status predict_collected(prediction *p)
{
    fv_decode_options o = {.max_pixels = p->c->max_pixels, .ignore_exif = p->c->ignore_exif, .salvage = p->c->salvage};
    o = fv_pipeline_decoding(fv_model_pipeline(p->model), &o);
    fv_dataset *files = NULL;
    const int64_t n = p->n_paths;
    fv_status status = n == 0 ? FV_OK : fv_dataset_files(p->ctx, (const char *const *)p->paths, n, &o, &files);
    for (p->n_paths = 0; p->n_paths < n; p->n_paths++)
        free(p->paths[p->n_paths]);
    p->n_paths = 0;
    if (files)
        status = predict_dataset(p, files);
    fv_dataset_destroy(&files);
    return status;
}

static fv_status predict_file(prediction *p, const char *path)
{
    if (!(p->paths[p->n_paths] = strdup(path)))
        return FV_ERR_NO_MEMORY;
    return ++p->n_paths == TOGETHER ? predict_collected(p) : FV_OK;
}

/* ---- sources ---- */

static fv_status predict_source(prediction *p, const char *source);

static fv_status walk_file(void *user, const char *path)
{
    return predict_file(user, path);
}

static fv_status walk_source(void *user, const char *path)
{
    return predict_source(user, path);
}

static fv_status walk_flush(void *user)
{
    return predict_collected(user);
}

static bool walk_enough(void *user)
{
    return enough(user);
}

static const walk files = {walk_file, walk_flush, walk_enough}, sources = {walk_source, walk_flush, walk_enough};

/* Names of files, a line each. Whoever writes them one by one and waits gets each answer at once. */
static fv_status predict_list(prediction *p, lines *from, const char *name)
{
    fv_status status = FV_OK;
    const char *line = NULL;
    bool first = true;
    while (status == FV_OK && !enough(p)) {
        if (!lines_waiting(from)) {
            status = predict_collected(p);
            fflush(stdout);
            if (status != FV_OK || enough(p))
                break;
        }
        if (!(line = lines_next(from)))
            break;
        if (first && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
            line += 3; /* some editors begin a text with it */
        first = false;
        if (*line)
            status = predict_file(p, line);
    }
    if (status == FV_OK && from->error)
        status = predict_collected(p);
    if (status == FV_OK && from->error)
        status = complain(FV_ERR_IO, NULL, "%s: %s", name, strerror(from->error));
    return status;
}

static fv_status predict_frame(prediction *p, const frame_form *form, uint8_t *data, int64_t number)
{
    char name[32];
    fv_image image = {.data = data, .h = form->h, .w = form->w, .c = form->c, .depth = form->depth};
    const int64_t bad = frame_not_finite(form, data);
    char text[4096];
    fv_status status = FV_ERR_DATA;
    snprintf(name, sizeof name, "-[%lld]", (long long)number);
    snprintf(text, sizeof text, "%s: number %lld of the frame is not finite", name, (long long)bad);
    if (bad < 0) {
        status =
            fv_predictor_run(p->models.predictor, &image, (uint64_t)(p->done + p->bad), p->probability, p->deviation);
        if (status == FV_OK) {
            rank(p);
            p->done++;
            return report_good(p, name, &image);
        }
        snprintf(text, sizeof text, "%s: %s", name, fv_ctx_error(p->ctx));
    }
    if (status == FV_ERR_NO_MEMORY)
        return status;
    report_bad(p, name, text, status);
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

/* Whether bytes begin as an image does, and no name of a file. */
static bool begins_image(const char *data, size_t n)
{
    static const char *const marks[] = {"\xff\xd8\xff", "\x89PNG", "GIF8", "RIFF", "II*", "MM", "BM"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n > strlen(marks[i]) && memcmp(data, marks[i], strlen(marks[i])) == 0 &&
            (memchr(data, '\0', n) || (data[0] & 0x80)))
            return true;
    return n > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' && strchr(" \t\r\n", data[2]);
}

/* One image from standard input, of which `from` has read a part: kept as a file without a name. */
static fv_status keep_piped(prediction *p, lines *from, int fd)
{
    const int64_t limit = fv_ctx_memory_limit(p->ctx);
    const char *data;
    int64_t size = 0;
    for (size_t n; (n = lines_take(from, &data)) > 0;) {
        size += (int64_t)n;
        if (size > limit)
            return complain(FV_ERR_OVER_BUDGET, "raise --memory, or give a file",
                            "standard input: an image of more than the %.1f MB of --memory", (double)limit / 1048576);
        if (write(fd, data, n) != (ssize_t)n)
            return complain(FV_ERR_IO, NULL, "standard input: cannot be kept: %s", strerror(errno));
    }
    return from->error ? complain(FV_ERR_IO, NULL, "standard input: %s", strerror(from->error)) : FV_OK;
}

static fv_status predict_piped(prediction *p, lines *from)
{
    const int fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0)
        return complain(FV_ERR_IO, NULL, "standard input: cannot be kept: %s", strerror(errno));
    fv_status status = keep_piped(p, from, fd);
    snprintf(p->piped, sizeof p->piped, "/proc/self/fd/%d", fd);
    if (status == FV_OK)
        status = predict_file(p, p->piped);
    if (status == FV_OK)
        status = predict_collected(p);
    close(fd);
    return status;
}

static fv_status predict_input(prediction *p)
{
    lines from = {.fd = STDIN_FILENO};
    const char *data;
    const size_t n = lines_peek(&from, &data);
    fv_status status = begins_image(data, n) ? predict_piped(p, &from) : predict_list(p, &from, "standard input");
    lines_free(&from);
    return status;
}

static fv_status predict_source(prediction *p, const char *source)
{
    struct stat st;
    if (strcmp(source, "-") == 0)
        return p->c->raw ? predict_frames(p) : predict_input(p);
    if (stat(source, &st) != 0 && errno == ENOENT && strpbrk(source, "*?["))
        return walk_pattern(&sources, p, source);
    if (stat(source, &st) != 0)
        return complain(errno == ENOENT ? FV_ERR_NOT_FOUND : FV_ERR_IO, NULL, "%s: %s", source, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return walk_folder(&files, p, source);
    size_t n = strlen(source);
    if (n < 4 || strcmp(source + n - 4, ".txt") != 0)
        return predict_file(p, source);
    const int fd = open(source, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return complain(FV_ERR_IO, NULL, "%s: %s", source, strerror(errno));
    lines from = {.fd = fd};
    fv_status status = predict_list(p, &from, source);
    lines_free(&from);
    close(fd);
    return status;
}

/* --limit: samples of all classes rather than the first ones, which are of one class in most data sets. Of wrong
 * answers nobody knows where they are. */
static fv_status keep_some(prediction *p)
{
    const int64_t all = fv_dataset_count(p->data), limit = p->c->limit;
    if (limit == 0 || limit >= all || p->c->wrong_only)
        return FV_OK;
    note("--limit: %lld of %lld samples, %s (--seed %lld)", (long long)limit, (long long)all,
         fv_dataset_task(p->data) == FV_TASK_CLASSIFY ? "of each class its share" : "drawn from all",
         (long long)p->c->fit.seed);
    return fv_dataset_keep(p->data, limit, (uint64_t)p->c->fit.seed);
}

static fv_status predict_data(prediction *p)
{
    static const char *const order[] = {"test", "val", "train"};
    bool has = p->c->split != NULL;
    char bare[4096] = "";
    if (!has || strcmp(p->c->split, "test") == 0)
        FV_TRY(fv_dataset_unlabeled_test(p->ctx, p->c->data, bare, sizeof bare));
    if (bare[0] && !p->c->wrong_only) {
        note("%s: images without labels", bare);
        prediction_print_head(p);
        return predict_source(p, bare);
    }
    for (int i = 0; i < 3 && !has; i++) {
        p->c->split = order[i];
        FV_TRY(fv_dataset_has_split(p->ctx, p->c->data, p->c->split, &has));
    }
    FV_TRY(data_open(p->ctx, p->c, p->c->split, p->model, &p->data));
    p->truth = truth_of(p->model, p->data);
    if (p->c->wrong_only && (!p->truth.there || p->task == FV_TASK_REGRESS))
        return complain(FV_ERR_CONFLICT, "leave --wrong-only out",
                        "--wrong-only: %s has no classes as labels that the model's answers could be held against",
                        p->c->data);
    FV_TRY(keep_some(p));
    prediction_print_head(p);
    return predict_dataset(p, p->data);
}

/* ---- the verb ---- */

/* There was not one image to look at. */
static fv_status fail_nothing(const prediction *p)
{
    const settings *c = p->c;
    const char *source = c->source ? c->source : c->positional[0];
    if (source && strcmp(source, "-") == 0)
        return complain(FV_ERR_DATA_EMPTY, NULL, "standard input: no %s came",
                        c->raw ? "frame" : "image or name of an image file");
    return complain(FV_ERR_DATA_EMPTY, NULL, "%s: no image in it", source ? source : c->data);
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
    p->paths = calloc(TOGETHER, sizeof *p->paths);
    if (!p->probability || !p->deviation || !p->order || !p->paths)
        return FV_ERR_NO_MEMORY;
    if (c->sheet && !(p->sheet = sheet_create(0)))
        return FV_ERR_NO_MEMORY;
    FV_TRY(explain_open(p->ctx, c, &p->models, &p->explaining));
    if (!c->data)
        prediction_print_head(p);
    if (c->source)
        FV_TRY(predict_source(p, c->source));
    for (int i = 0; i < c->n_positional && !enough(p); i++)
        FV_TRY(predict_source(p, c->positional[i]));
    if (c->data)
        FV_TRY(predict_data(p));
    FV_TRY(predict_collected(p));
    if (p->done + p->bad == 0 && !ferror(stdout) && !watch_asked())
        return fail_nothing(p);
    if (c->wrong_only)
        note("%lld of %lld samples have another label than the answer%s", (long long)p->shown, (long long)p->done,
             c->limit > 0 ? " (--limit)" : "");
    if (p->explaining)
        explain_summary(p->explaining);
    if (p->sheet && p->shown && !watch_asked()) {
        FV_TRY(sheet_write(p->sheet, p->ctx, c->sheet));
        note("%s: %lld images with predictions", c->sheet, (long long)p->shown);
    }
    return FV_OK;
}

fv_status verb_predict(settings *c)
{
    prediction p = {.c = c};
    const char *source = c->source ? c->source : c->positional[0];
    FV_TRY(output_form(c));
    if (!option_given("model") || (!source && !c->data))
        return complain(FV_ERR_USAGE, NULL,
                        "fovea predict: --model FILE and one of IMAGE, --source PATH or --data PATH are needed");
    if (source && c->data)
        return complain(FV_ERR_CONFLICT, NULL, "fovea predict: give images or --data, not both");
    if (c->wrong_only && !c->data)
        return complain(FV_ERR_CONFLICT, "name the labeled images with --data",
                        "--wrong-only: images of --source have no labels");
    if (c->raw && (!source || strcmp(source, "-") != 0))
        return complain(FV_ERR_CONFLICT, "write --source -", "--raw %s: raw frames are read from standard input only",
                        c->raw);
    FV_TRY(explain_check(c));
    FV_TRY(output_check(c, c->data, "sheet", c->sheet, OUTPUT_SHEET));
    fv_status status = context_open(c, &p.ctx);
    if (status != FV_OK)
        return status;
    if (!source || strcmp(source, "-") != 0) /* whoever waits for words ends at once */
        watch_begin(c, p.ctx);
    p.shared_line = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    status = report(p.ctx, predict(&p));
    watch_end();
    const bool stopped = watch_stopped(), done = status == FV_OK && !stopped;
    if (stopped && status == FV_OK) {
        char of[32] = "";
        if (p.data)
            snprintf(of, sizeof of, " of %lld", (long long)fv_dataset_count(p.data));
        fflush(stdout);
        warn("stopped by signal %d: %lld%s images answered, the rest not%s%s%s", (int)caught_signal,
             (long long)(p.done + p.bad), of, c->sheet ? "; " : "", c->sheet ? c->sheet : "",
             c->sheet ? " was not written" : "");
    }
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
    while (p.n_paths > 0)
        free(p.paths[--p.n_paths]);
    free(p.paths);
    fv_dataset_destroy(&p.data);
    explain_close(&p.explaining);
    ensemble_close(&p.models);
    fv_ctx_destroy(&p.ctx);
    return status;
}
