/* SPDX-License-Identifier: Apache-2.0 */
/* fovea bench: convolutions and products by every algorithm. */
#include "bench.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* ---- numbers of threads ---- */

fv_status bench_counts(const char *option, const char *text, int64_t most, int64_t values[BENCH_COUNTS], int *count)
{
    *count = 0;
    for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char *end;
        const long long value = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        if (value < 1 || value > most || (*end && *end != ',') || *count == BENCH_COUNTS)
            return complain(FV_ERR_VALUE, NULL,
                            "--%s: found '%s', expected up to %d whole numbers from 1 to %lld, separated by commas",
                            option, text, BENCH_COUNTS, (long long)most);
        values[(*count)++] = value;
    }
    return FV_OK;
}

fv_status bench_threads(settings *c, int64_t threads[BENCH_COUNTS], int *count)
{
    fv_ctx *ctx;
    if (c->bench_threads)
        return bench_counts("threads", c->bench_threads, 1024, threads, count);
    c->threads = 0;
    FV_TRY(context_open(c, &ctx));
    threads[0] = 1;
    threads[1] = fv_ctx_threads(ctx);
    *count = threads[1] > 1 ? 2 : 1;
    fv_ctx_destroy(&ctx);
    return FV_OK;
}

fv_status bench_crew_open(settings *c, bench_crew *crew)
{
    FV_TRY(bench_threads(c, crew->threads, &crew->count));
    for (int t = 0; t < crew->count; t++) {
        c->threads = crew->threads[t];
        FV_TRY(context_open(c, &crew->ctx[t]));
        FV_TRY(bench_crew_roof(crew, t));
    }
    return FV_OK;
}

fv_status bench_crew_roof(bench_crew *crew, int t)
{
    double gflops;
    FV_TRY(report(crew->ctx[t], fv_machine_roof(crew->ctx[t], &gflops)));
    crew->gflops[t] = gflops > crew->gflops[t] ? gflops : crew->gflops[t];
    return FV_OK;
}

void bench_crew_close(bench_crew *crew)
{
    for (int t = 0; t < crew->count; t++)
        fv_ctx_destroy(&crew->ctx[t]);
}

fv_dtype bench_dtype(int choice)
{
    return choice == 1 ? FV_F16 : FV_F32;
}

/* ---- running ---- */

fv_status bench_run(bench_job *j, const fv_bench_problem *p, int t, fv_bench_rows *rows)
{
    fv_bench_options options = j->options;
    options.no_error = t > 0;
    if (options.seconds > 0) /* a neighbor may have been busy before */
        FV_TRY(bench_crew_roof(&j->crew, t));
    return report(j->crew.ctx[t], fv_bench_run(j->crew.ctx[t], p->text, &options, rows));
}

/* Errors that were found with the first number of threads; a solver's bits do not depend on it. */
static void copy_errors(const fv_bench_rows *from, fv_bench_rows *to)
{
    for (int i = 0; i < to->count && i < from->count; i++)
        if (!to->row[i].refused[0]) {
            to->row[i].max_error = from->row[i].max_error;
            to->row[i].bound = from->row[i].bound;
        }
    to->compared = from->compared;
}

static fv_status run_list(bench_job *j)
{
    static fv_bench_rows rows[2];
    bench_print_begin(j);
    for (int i = 0; i < fv_bench_count(j->list); i++) {
        const fv_bench_problem *p = fv_bench_problem_at(j->list, i);
        for (int t = 0; t < j->crew.count; t++) {
            FV_TRY(bench_run(j, p, t, &rows[t > 0]));
            if (t > 0)
                copy_errors(&rows[0], &rows[1]);
            bench_print_rows(j, p, t, &rows[t > 0]);
        }
    }
    bench_print_end(j);
    return FV_OK;
}

/* ---- conv ---- */

/* Words of the command line: one with blanks is a problem, others are words of one, which begins with its images. */
static fv_status add_words(bench_job *j, const char **words, int count)
{
    char text[512] = "";
    for (int i = 0; i <= count; i++) {
        const bool whole = i < count && (!words[i][0] || strchr(words[i], ' '));
        const bool begins = i < count && !whole && strchr("nhwc", words[i][0]) && isdigit((unsigned char)words[i][1]);
        if (text[0] && (i == count || whole || begins)) {
            FV_TRY(report(j->crew.ctx[0], fv_bench_add_conv(j->list, text, j->directions)));
            text[0] = '\0';
        }
        if (whole)
            FV_TRY(report(j->crew.ctx[0], fv_bench_add_conv(j->list, words[i], j->directions)));
        else if (i < count && strlen(text) + strlen(words[i]) + 2 > sizeof text)
            return complain(FV_ERR_VALUE, NULL, "bench conv: a problem of more than %d characters: '%.60s...'",
                            (int)sizeof text - 1, text[0] ? text : words[i]);
        else if (i < count)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] ? " " : "", words[i]);
    }
    return FV_OK;
}

static fv_status add_layers(bench_job *j)
{
    settings *c = j->c;
    const fv_zoo_options options = {.img_size = {c->img_size[0], c->img_size[1]}, .dropout = -1};
    int64_t batches[BENCH_COUNTS] = {1};
    int count = 1;
    fv_model *model = NULL;
    bool loaded;
    if (c->bench_batches)
        FV_TRY(bench_counts("batch-size", c->bench_batches, 1000000, batches, &count));
    fv_status status = report(j->crew.ctx[0], model_open(j->crew.ctx[0], c, c->model, &options, &model, &loaded));
    for (int i = 0; status == FV_OK && i < count; i++)
        status = report(j->crew.ctx[0], fv_bench_add_model(j->list, model, batches[i], c->bench_layers, j->directions));
    fv_model_destroy(&model);
    return status;
}

static fv_status bench_conv(bench_job *j)
{
    settings *c = j->c;
    if (bench_dtype(c->bench_dtype) == FV_F16 && j->directions != 1u << FV_BENCH_FWD)
        return complain(FV_ERR_CONFLICT, "leave one out", "bench conv --dtype fp16 --direction %s: gradients are fp32",
                        c->direction == FV_BENCH_DIRECTIONS ? "all" : fv_bench_direction_names()[c->direction]);
    const bool model = option_given("model");
    if (model == (c->n_positional > 1))
        return complain(FV_ERR_USAGE, NULL,
                        model
                            ? "bench conv takes problems, or --model NAME|FILE: found both"
                            : "bench conv: expected a problem such as 'n1h56w56c64 k64r3s3 p1', or --model NAME|FILE");
    FV_TRY(model ? add_layers(j) : add_words(j, c->positional + 1, c->n_positional - 1));
    return run_list(j);
}

/* ---- gemm ---- */

/* "3136x64x576": rows, columns, depth. */
static bool read_shape(const char *word, int64_t mnk[3])
{
    char *end = (char *)(uintptr_t)word;
    for (int i = 0; i < 3; i++) {
        if (!isdigit((unsigned char)*end))
            return false;
        mnk[i] = strtoll(end, &end, 10);
        if (i < 2 && *end++ != 'x')
            return false;
    }
    return *end == '\0';
}

static fv_status add_gemm(bench_job *j, const int64_t mnk[3])
{
    return report(j->crew.ctx[0], fv_bench_add_gemm(j->list, mnk[0], mnk[1], mnk[2], j->directions));
}

/* Squares; a convolution as a product: 3x3 filters of ResNets' maps, 1x1 where they are smallest; one row. */
static const int64_t usual_shapes[][3] = {
    {256, 256, 256},  {512, 512, 512},  {1024, 1024, 1024}, {2048, 2048, 2048}, {3136, 64, 576},
    {784, 128, 1152}, {196, 256, 2304}, {49, 512, 4608},    {1, 1000, 2048},    {1, 4096, 4096},
};

static fv_status bench_gemm(bench_job *j)
{
    if (bench_dtype(j->c->bench_dtype) == FV_F16)
        return complain(FV_ERR_CONFLICT, "leave it out", "bench gemm --dtype fp16: only convolutions are stored so");
    const char **words = j->c->positional + 1;
    const int count = j->c->n_positional - 1;
    int64_t mnk[3];
    char whole[96];
    for (size_t i = 0; count == 0 && i < sizeof usual_shapes / sizeof *usual_shapes; i++)
        FV_TRY(add_gemm(j, usual_shapes[i]));
    snprintf(whole, sizeof whole, "%sx%sx%s", count == 3 ? words[0] : "", count == 3 ? words[1] : "",
             count == 3 ? words[2] : "");
    if (count == 3 && read_shape(whole, mnk)) {
        FV_TRY(add_gemm(j, mnk));
        return run_list(j);
    }
    for (int i = 0; i < count; i++) {
        if (!read_shape(words[i], mnk))
            return complain(
                FV_ERR_VALUE, NULL,
                "bench gemm: found '%s', expected M N K (rows, columns, depth), or shapes such as 3136x64x576",
                words[i]);
        FV_TRY(add_gemm(j, mnk));
    }
    return run_list(j);
}

/* ---- the verb ---- */

/* `without`: options that say nothing to it. */
static const struct action {
    const char *name;
    fv_status (*run)(bench_job *j);
    const char *without[6];
} actions[] = {
    {"conv", bench_conv, {NULL}},
    {"gemm", bench_gemm, {"model", "batch-size", "img-size", "layers", NULL}},
    {"vgg-e", bench_vgg, {"model", "img-size", "direction", NULL}},
};
enum { ACTIONS = sizeof actions / sizeof *actions };

static fv_status find_action(const settings *c, const struct action **action)
{
    const char *names[ACTIONS + 1] = {NULL}, *word = c->n_positional > 0 ? c->positional[0] : NULL;
    for (int i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].name;
        if (word && strcmp(word, names[i]) == 0)
            *action = &actions[i];
    }
    if (*action)
        return FV_OK;
    if (!word)
        return complain(FV_ERR_USAGE, NULL, "fovea bench: say what: conv, gemm or vgg-e");
    const char *nearest = fv_nearest(word, names);
    return complain(FV_ERR_USAGE, "`fovea help bench` lists the actions", "fovea bench has no action '%s'%s%s%s", word,
                    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* What only layers of a model take from the outside: problems have it in their words. */
static const char *const of_layers[] = {"batch-size", "img-size", "layers", NULL};

static fv_status refuse_options(const char *action, const char *const *names)
{
    for (; *names; names++)
        if (option_given(*names))
            return complain(FV_ERR_CONFLICT, "leave it out; sizes of a problem stand in its words",
                            "--%s has no effect in bench %s here", *names, action);
    return FV_OK;
}

fv_status verb_bench(settings *c)
{
    bench_job j = {
        .c = c, .options = {.seconds = c->bench_seconds, .algorithms = c->bench_algo, .processor_time = c->cpu_time}};
    const struct action *action = NULL;
    FV_TRY(find_action(c, &action));
    j.dtype = c->bench_dtype == 1 ? "fp16" : action->run == bench_vgg && !option_given("dtype") ? "fp32,fp16" : "fp32";
    const bool of_model = action->run != bench_conv || option_given("model");
    FV_TRY(refuse_options(action->name, of_model ? action->without : of_layers));
    FV_TRY(output_form(c));
    if (c->cpu_time && !(c->bench_threads && strcmp(c->bench_threads, "1") == 0))
        return complain(FV_ERR_CONFLICT, "add --threads 1, or leave it out",
                        "--cpu-time counts what one thread works, and others were not excluded");
    j.directions = c->direction == FV_BENCH_DIRECTIONS ? (1u << FV_BENCH_DIRECTIONS) - 1 : 1u << c->direction;
    fv_status status = bench_crew_open(c, &j.crew);
    if (status == FV_OK)
        status = report(j.crew.ctx[0], fv_bench_create(j.crew.ctx[0], &j.list));
    if (status == FV_OK)
        status = report(j.crew.ctx[0], fv_bench_store(j.list, bench_dtype(c->bench_dtype)));
    if (status == FV_OK)
        status = action->run(&j);
    json_decref(j.problems);
    fv_bench_destroy(&j.list);
    bench_crew_close(&j.crew);
    return status;
}
