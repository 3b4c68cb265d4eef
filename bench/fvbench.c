/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fvbench: times what fovea does, for the scripts beside it.
 *   fvbench train --model resnet20 --batch-size 128 --threads 2 --seconds 5      img_per_s=...
 *   fvbench infer --model resnet50 --batch-size 1 --threads 1 --seconds 5        ms=... median_ms=...
 *   fvbench data digits.fvpack --seconds 3                                       read_gb_per_s=... img_per_s=...
 *   fvbench start photo.jpg --model mobilenet_v2 --threads 1             process start to first answer, part by part
 *   fvbench overlap flowers5 --model mobilenet_v2 --batch-size 16 --seconds 60   alone step_ms=... loader ...
 *   fvbench list --model resnet20 --batch-size 8 --training                      its problems, one per line
 *   fvbench check bench/problems/resnet20.txt [--verify-only] [--seconds 0.1]    solvers verified and timed, regret
 * Single convolutions and products are timed by `fovea bench conv`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "fvbench.h"

typedef fvbench_settings settings;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs `step` until the time is up, at least three times; returns the shortest and the median of the durations. */
static fv_status measure(const settings *s, fv_status (*step)(void *), void *arg, double *best, double *median)
{
    enum { MAX = 100000 };
    static double times[MAX];
    int n = 0;
    FV_TRY(step(arg));
    FV_TRY(step(arg));
    double begin = fv_time_monotonic();
    while (n < 3 || (n < MAX && fv_time_monotonic() - begin < s->seconds)) {
        double t = fv_time_monotonic();
        FV_TRY(step(arg));
        times[n++] = fv_time_monotonic() - t;
    }
    qsort(times, (size_t)n, sizeof times[0], by_value);
    *best = times[0];
    *median = times[n / 2];
    return FV_OK;
}

static void fill(float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)((uint32_t)i * 2654435761u >> 8) / 8388608.0f - 1.0f;
}

static fv_status make_model(fv_ctx *ctx, const settings *s, fv_model **model, int64_t *count)
{
    int64_t h, w, c;
    fv_zoo_options o = {.img_size = {s->img_size, s->img_size}, .dropout = -1};
    FV_TRY(fv_model_zoo(ctx, s->model, &o, model));
    FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT));
    fv_model_input_size(*model, &h, &w, &c);
    *count = s->batch * h * w * c;
    return FV_OK;
}

/* ---- training ---- */

typedef struct train_job {
    fv_trainer *trainer;
    float *images;
    int32_t *labels;
    int64_t n;
} train_job;

static fv_status train_step(void *arg)
{
    train_job *j = arg;
    double loss;
    FV_TRY(fv_trainer_gradient(j->trainer, j->images, j->labels, j->n, &loss));
    return fv_trainer_apply(j->trainer, 1e-6);
}

static fv_status bench_train(fv_ctx *ctx, const settings *s)
{
    fv_model *model = NULL;
    train_job j = {.n = s->batch};
    int64_t count = 0;
    double best, median;
    fv_fit_options o = FV_FIT_OPTIONS(.batch_size = s->batch, .lr = 1e-6);
    fv_status status = make_model(ctx, s, &model, &count);
    if (status == FV_OK)
        status = fv_trainer_create(model, &o, &j.trainer);
    j.images = malloc((size_t)count * sizeof(float) + 1);
    j.labels = calloc((size_t)s->batch, sizeof(int32_t));
    if (status == FV_OK && j.images && j.labels) {
        fill(j.images, count);
        for (int64_t i = 0; i < s->batch; i++)
            j.labels[i] = (int32_t)(i % fv_model_classes(model));
        status = measure(s, train_step, &j, &best, &median);
    }
    if (status == FV_OK)
        printf("img_per_s=%.2f median_img_per_s=%.2f\n", (double)s->batch / best, (double)s->batch / median);
    fv_trainer_destroy(&j.trainer);
    fv_model_destroy(&model);
    free(j.images);
    free(j.labels);
    return status;
}

/* ---- inference ---- */

static fv_status infer_step(void *arg)
{
    return fv_session_run(arg);
}

static fv_status bench_infer(fv_ctx *ctx, const settings *s)
{
    fv_model *model = NULL;
    fv_session *session = NULL;
    int64_t count = 0;
    double best, median;
    fv_status status = make_model(ctx, s, &model, &count);
    if (status == FV_OK)
        status = fv_session_create(model, s->batch, &session);
    if (status == FV_OK) {
        fill(fv_session_input(session), count);
        status = measure(s, infer_step, session, &best, &median);
    }
    if (status == FV_OK)
        printf("ms=%.3f median_ms=%.3f\n", best * 1e3, median * 1e3);
    if (status == FV_OK && s->profile) {
        char *table = NULL;
        status = fv_session_profile(session, true, NULL, NULL);
        for (int i = 0; status == FV_OK && i < 20; i++)
            status = fv_session_run(session);
        if (status == FV_OK)
            status = fv_session_profile(session, false, &table, NULL);
        if (status == FV_OK)
            fputs(table, stdout);
        fv_text_free(ctx, table);
    }
    fv_session_destroy(&session);
    fv_model_destroy(&model);
    return status;
}

static void print_log(void *user, fv_log_level level, const char *topic, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s: %s\n", topic, line);
}

int main(int argc, char **argv)
{
    settings s = {.batch = 1, .seconds = 3, .paths = argv};
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "start-parts") == 0)
        return fvbench_start_parts(argc, argv);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--profile") == 0)
            s.profile = true;
        else if (strcmp(argv[i], "--training") == 0)
            s.training = true;
        else if (strcmp(argv[i], "--verify-only") == 0)
            s.verify_only = true;
        else if (strcmp(argv[i], "--cold") == 0)
            s.cold = true;
        else if (strcmp(argv[i], "--model") == 0 && i + 1 < argc)
            s.model = argv[++i];
        else if (strcmp(argv[i], "--batch-size") == 0 && i + 1 < argc)
            s.batch = atoll(argv[++i]);
        else if (strcmp(argv[i], "--img-size") == 0 && i + 1 < argc)
            s.img_size = atoll(argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            s.threads = atoi(argv[++i]);
        else if (strcmp(argv[i], "--augment") == 0 && i + 1 < argc)
            s.augment = argv[++i];
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            s.seconds = atof(argv[++i]);
        else
            s.problem = s.paths[s.n_paths++] = argv[i];
    }
    fv_ctx *ctx = NULL;
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = s.threads, .log = print_log}, &ctx);
    if (status == FV_OK && strcmp(mode, "train") == 0 && s.model)
        status = bench_train(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "infer") == 0 && s.model)
        status = bench_infer(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "list") == 0 && s.model)
        status = fvbench_list(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "check") == 0 && s.problem)
        status = fvbench_check(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "data") == 0 && s.problem)
        status = fvbench_data(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "overlap") == 0 && s.problem && s.model)
        status = fvbench_overlap(ctx, &s);
    else if (status == FV_OK && strcmp(mode, "start") == 0 && s.problem && s.model)
        status = fvbench_start(ctx, &s);
    else if (status == FV_OK) {
        fputs("usage: fvbench train|infer --model NAME [--batch-size N] [--threads N] [--seconds S] [--profile] | "
              "list --model NAME [--training] | check FILE... [--verify-only] | data PATH "
              "[--augment STEPS] [--cold] | overlap PATH --model NAME | start IMAGE --model NAME|FILE\n",
              stderr);
        fv_ctx_destroy(&ctx);
        return 2;
    }
    if (status != FV_OK)
        fprintf(stderr, "fvbench: %s\n", ctx ? fv_ctx_error(ctx) : fv_status_text(status));
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
