/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fvbench start: from the start of a process to its first answer.
 *   fvbench start IMAGE --model NAME|FILE.safetensors [--threads 1] [--seconds 10]
 * Each turn is a new process that does what `fovea predict` does for one image and notes the time after every part; and
 * one of `fovea predict` itself, which lies beside this program. Of both the fastest turn is printed: processor time of
 * all threads, and time by the clock. The network's own time is the least of 30 runs behind the first answer. Of an
 * architecture a file with its first weights is written.
 */
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fovea/fovea.h>

#include "base/file.h"
#include "fvbench.h"

enum { RUNS = 30 };

typedef enum part { PROCESS, CONTEXT, MODEL, PLAN, IMAGE, FIRST, NETWORK, PARTS } part;
static const char *const part_names[PARTS] = {
    "process: loading, linking",        "context: what machine it is", "model: read, checked, made ready",
    "network: compiled and planned",    "image: read and decoded",     "first run: weights packed, answer",
    "the network itself (least of 30)",
};

typedef struct moment {
    double cpu, wall;
} moment;

static moment now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (moment){(double)t.tv_sec + 1e-9 * (double)t.tv_nsec, fv_time_monotonic()};
}

/* ---- the process that is measured ---- */

typedef struct subject {
    fv_ctx *ctx;
    fv_model *model;
    fv_predictor *predictor;
    fv_session *session;
    fv_image image;
    float *answer;
    moment took[PARTS], last;
} subject;

static void note(subject *x, part p)
{
    const moment t = now();
    x->took[p] = (moment){t.cpu - x->last.cpu, t.wall - x->last.wall};
    x->last = t;
}

static fv_status answer_once(subject *x, const char *model, const char *image, int threads)
{
    FV_TRY(fv_ctx_create(&(fv_ctx_options){.threads = threads}, &x->ctx));
    note(x, CONTEXT);
    FV_TRY(fv_model_load(x->ctx, model, &x->model));
    note(x, MODEL);
    FV_TRY(fv_predictor_create(&x->model, 1, &(fv_predictor_options){.batch_size = 1}, &x->predictor));
    note(x, PLAN);
    FV_TRY(fv_image_read(x->ctx, image, NULL, &x->image, NULL));
    note(x, IMAGE);
    x->answer = malloc((size_t)fv_predictor_classes(x->predictor) * sizeof *x->answer);
    if (!x->answer)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_predictor_run(x->predictor, &x->image, 0, x->answer, NULL));
    note(x, FIRST);
    FV_TRY(fv_session_create(x->model, 1, &x->session));
    FV_TRY(fv_session_run(x->session));
    x->took[NETWORK] = (moment){1e9, 1e9};
    for (int i = 0; i < RUNS; i++) {
        const moment begin = now();
        FV_TRY(fv_session_run(x->session));
        const moment end = now();
        x->took[NETWORK].cpu = fmin(x->took[NETWORK].cpu, end.cpu - begin.cpu);
        x->took[NETWORK].wall = fmin(x->took[NETWORK].wall, end.wall - begin.wall);
    }
    return FV_OK;
}

/* fvbench start-parts MODEL IMAGE THREADS BEGIN: a line of seconds for every part. BEGIN: when the process was made. */
int fvbench_start_parts(int argc, char **argv)
{
    subject x = {.last = {0, argc > 5 ? atof(argv[5]) : 0}};
    note(&x, PROCESS);
    if (argc < 6)
        return 2;
    const fv_status status = answer_once(&x, argv[2], argv[3], atoi(argv[4]));
    if (status != FV_OK)
        fprintf(stderr, "fvbench: %s\n", x.ctx ? fv_ctx_error(x.ctx) : fv_status_text(status));
    for (part p = 0; status == FV_OK && p < PARTS; p++)
        printf("%.9f %.9f\n", x.took[p].cpu, x.took[p].wall);
    free(x.answer);
    if (x.ctx)
        fv_image_free(x.ctx, &x.image);
    fv_session_destroy(&x.session);
    fv_predictor_destroy(&x.predictor);
    fv_model_destroy(&x.model);
    fv_ctx_destroy(&x.ctx);
    return fv_status_exit_code(status);
}

/* ---- the process that measures ---- */

extern char **environ;

/* Runs a program to its end with its output into `fd`; false: it failed. */
static bool run_program(char *const *argv, int fd, moment *took)
{
    posix_spawn_file_actions_t files;
    struct rusage usage = {0};
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fd, STDOUT_FILENO);
    const double begin = fv_time_monotonic();
    if (posix_spawn(&pid, argv[0], &files, NULL, argv, environ) == 0)
        wait4(pid, &status, 0, &usage);
    posix_spawn_file_actions_destroy(&files);
    *took = (moment){(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                         1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec),
                     fv_time_monotonic() - begin};
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static double start_of(const moment *took, bool cpu)
{
    double sum = 0;
    for (part p = 0; p < NETWORK; p++)
        sum += cpu ? took[p].cpu : took[p].wall;
    return sum;
}

/* One turn of the parts; what is faster than `best` takes its place. */
static bool turn_of_parts(char *self, char *model, char *image, char *threads, moment best[PARTS])
{
    char begin[32];
    moment took[PARTS], whole;
    FILE *lines = tmpfile();
    if (!lines)
        return false;
    snprintf(begin, sizeof begin, "%.9f", fv_time_monotonic());
    char *const argv[] = {self, "start-parts", model, image, threads, begin, NULL};
    bool fine = run_program(argv, fileno(lines), &whole);
    rewind(lines);
    for (part p = 0; fine && p < PARTS; p++)
        fine = fscanf(lines, "%lf %lf", &took[p].cpu, &took[p].wall) == 2;
    fclose(lines);
    if (fine && (best[FIRST].cpu <= 0 || start_of(took, true) < start_of(best, true)))
        memcpy(best, took, sizeof took);
    return fine;
}

static void print_row(const char *name, moment t, moment network)
{
    printf("%-38s %9.2f %9.2f", name, 1e3 * t.cpu, 1e3 * t.wall);
    if (network.cpu > 0)
        printf("   %.2f times the network's own", t.cpu / network.cpu);
    putchar('\n');
}

static void print_table(const moment *parts, moment program)
{
    const moment none = {0, 0}, start = {start_of(parts, true), start_of(parts, false)};
    printf("%-38s %9s %9s\n", "part", "cpu ms", "clock ms");
    for (part p = 0; p < PARTS; p++) {
        if (p == NETWORK)
            print_row("start to first answer", start, parts[NETWORK]);
        print_row(part_names[p], parts[p], none);
    }
    print_row("fovea predict, the whole process", program, parts[NETWORK]);
}

static fv_status measure(const fvbench_settings *s, char *self, char *program, char *model)
{
    char threads[16], *image = (char *)(uintptr_t)s->problem;
    moment best[PARTS] = {{0, 0}}, least = {0, 0}, took;
    FILE *rest = tmpfile();
    bool fine = rest != NULL;
    snprintf(threads, sizeof threads, "%d", s->threads > 0 ? s->threads : 1);
    char *const argv[] = {program, "predict", "--model", model, "--source", image, "--threads", threads, NULL};
    const double begin = fv_time_monotonic();
    for (int turn = 0; fine && (turn < 3 || fv_time_monotonic() - begin < s->seconds); turn++) {
        fine = turn_of_parts(self, model, image, threads, best) && run_program(argv, fileno(rest), &took);
        if (fine && (turn == 0 || took.cpu < least.cpu))
            least = took;
    }
    if (rest)
        fclose(rest);
    if (!fine)
        return FV_ERR_IO; /* the process has said why */
    print_table(best, least);
    return FV_OK;
}

/* The model of that name, as a file that is removed again. */
static fv_status write_model(fv_ctx *ctx, const char *name, const char *path)
{
    fv_model *model = NULL;
    FV_TRY(fv_model_zoo(ctx, name, &(fv_zoo_options){.dropout = -1}, &model));
    fv_status status = fv_model_init(model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_model_save(model, path);
    fv_model_destroy(&model);
    return status;
}

fv_status fvbench_start(fv_ctx *ctx, const fvbench_settings *s)
{
    char self[PATH_MAX] = "", folder[PATH_MAX], program[PATH_MAX + 8], made[] = "/tmp/fvbench-XXXXXX";
    char *model = (char *)(uintptr_t)s->model;
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return FV_ERR_IO;
    memcpy(folder, self, sizeof folder);
    snprintf(program, sizeof program, "%s/fovea", dirname(folder));
    if (access(model, R_OK) == 0)
        return measure(s, self, program, model);
    const int fd = mkstemp(made);
    if (fd < 0)
        return FV_ERR_IO;
    close(fd);
    fv_status status = write_model(ctx, model, made);
    if (status == FV_OK)
        status = measure(s, self, program, made);
    unlink(made);
    return status;
}
