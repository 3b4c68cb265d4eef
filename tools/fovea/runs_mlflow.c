/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MLflow's file store: STORE/EXPERIMENT/meta.yaml, and in STORE/EXPERIMENT/RUN/ meta.yaml, metrics/NAME (lines of
 * "milliseconds value step"), params/NAME and tags/NAME (a value each), artifacts/. An experiment is a folder of runs.
 * Ids follow from the paths, so that a run that is written again takes its own place.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "runs.h"

enum { PATHS = 3 * PATH_MAX };

static fv_status make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return FV_OK;
    return complain(errno == EACCES || errno == EPERM || errno == EROFS ? FV_ERR_PERMISSION
                    : errno == ENOSPC || errno == EDQUOT                ? FV_ERR_NO_SPACE
                                                                        : FV_ERR_IO,
                    "check the permissions, or choose another --output", "%s: cannot create the folder: %s", path,
                    strerror(errno));
}

static fv_status write_file(const char *dir, const char *name, const char *text)
{
    char path[PATHS + 128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return output_write(path, text, strlen(text));
}

/* FNV-1a of 64 bits, from a basis on. */
static uint64_t hash(const char *text, uint64_t basis)
{
    uint64_t h = basis;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return h;
}

/* A text as YAML has it between single quotes. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        fprintf(out, *text == '\'' ? "''" : "%c", (unsigned char)*text < ' ' ? ' ' : *text);
    fputs("'\n", out);
}

static void put_address(FILE *out, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
    fputs("'file://", out);
    for (; *path; path++)
        fprintf(out, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
    fputs("'\n", out);
}

/* One run on its way into the store. */
typedef struct entry {
    const run *r;
    char path[PATH_MAX];           /* of the run, whole */
    char experiment[24], name[64]; /* the experiment's id; the run's id */
    char dir[PATHS];               /* of the run in the store */
} entry;

static int64_t milliseconds(const run *r, double seconds)
{
    return (int64_t)(1000 * (r->facts.began + (isfinite(seconds) ? seconds : 0)));
}

static double seconds_of(const run *r, int epoch)
{
    return epoch < 0 ? NAN : run_number(r, epoch, run_column(r, "time_s"));
}

/* Writes what `put` says of the entry. */
static fv_status write_said(const entry *e, const char *dir, const char *name,
                            void (*put)(FILE *out, const entry *e, const char *name))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return FV_ERR_NO_MEMORY;
    put(out, e, name);
    const bool closed = fclose(out) == 0;
    const fv_status status = !closed ? FV_ERR_NO_MEMORY : size > 0 ? write_file(dir, name, text) : FV_OK;
    free(text);
    return status;
}

static void put_experiment(FILE *out, const entry *e, const char *name)
{
    char folder[PATHS], shown[PATH_MAX];
    (void)name;
    snprintf(shown, sizeof shown, "%s", e->path);
    char *slash = strrchr(shown, '/');
    if (slash && slash > shown)
        *slash = 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(e->dir, '/') - e->dir), e->dir);
    fputs("artifact_location: ", out);
    put_address(out, folder);
    fprintf(out,
            "creation_time: %" PRId64 "\nexperiment_id: '%s'\nlast_update_time: %" PRId64
            "\nlifecycle_stage: active\nname: ",
            milliseconds(e->r, 0), e->experiment, milliseconds(e->r, 0));
    put_quoted(out, shown);
}

static void put_run(FILE *out, const entry *e, const char *name)
{
    static const int states[] = {[RUN_UNKNOWN] = 3,  [RUN_RUNNING] = 1, [RUN_FINISHED] = 3, [RUN_STOPPED] = 5,
                                 [RUN_DIVERGED] = 4, [RUN_FAILED] = 4,  [RUN_KILLED] = 5};
    char folder[PATHS + 16];
    const run *r = e->r;
    (void)name;
    snprintf(folder, sizeof folder, "%s/artifacts", e->dir);
    fputs("artifact_uri: ", out);
    put_address(out, folder);
    if (r->facts.status == RUN_RUNNING)
        fputs("end_time: null\n", out);
    else
        fprintf(out, "end_time: %" PRId64 "\n", milliseconds(r, seconds_of(r, r->epochs - 1)));
    fprintf(out,
            "entry_point_name: ''\nexperiment_id: '%s'\nlifecycle_stage: active\nrun_id: %s\nrun_name: ", e->experiment,
            e->name);
    put_quoted(out, r->name);
    fprintf(out,
            "run_uuid: %s\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: %" PRId64
            "\nstatus: %d\ntags: []\nuser_id: ''\n",
            e->name, milliseconds(r, 0), states[r->facts.status]);
}

/* A column of results.csv; the name of a score of the test: "test_top1". */
static void put_metric(FILE *out, const entry *e, const char *name)
{
    int count;
    const run *r = e->r;
    const fv_metric *list = fv_metric_list(&count);
    const int column = run_column(r, name);
    for (int i = 0; column >= 0 && i < r->epochs; i++)
        if (isfinite(run_number(r, i, column)))
            fprintf(out, "%" PRId64 " %.17g %d\n", milliseconds(r, seconds_of(r, i)), run_number(r, i, column), i + 1);
    for (int i = 0; column < 0 && i < count; i++)
        if (strcmp(name + strlen("test_"), list[i].name) == 0 && isfinite(r->facts.scores[i]))
            fprintf(out, "%" PRId64 " %.17g %d\n", milliseconds(r, seconds_of(r, r->epochs - 1)), r->facts.scores[i],
                    r->epochs);
}

static fv_status write_metrics(const entry *e, const char *dir)
{
    int count;
    const fv_metric *list = fv_metric_list(&count);
    for (int c = 0; c < e->r->n_columns; c++) {
        const char *name = e->r->column[c];
        if (strcmp(name, "epoch") != 0 && !strchr(name, '/') && name[0] != '.' && name[0])
            FV_TRY(write_said(e, dir, name, put_metric));
    }
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "test_%s", list[i].name);
        FV_TRY(write_said(e, dir, name, put_metric));
    }
    return FV_OK;
}

static fv_status write_params(const entry *e, const char *dir)
{
    for (int i = 0; i < e->r->n_settings; i++) {
        const run_setting *s = &e->r->settings[i];
        if (!strchr(s->key, '/') && s->key[0] != '.' && !run_is_place(s->key))
            FV_TRY(write_file(dir, s->key, s->value));
    }
    return FV_OK;
}

static fv_status write_tags(const entry *e, const char *dir)
{
    FV_TRY(write_file(dir, "mlflow.runName", e->r->name));
    FV_TRY(write_file(dir, "mlflow.source.name", "fovea train"));
    FV_TRY(write_file(dir, "mlflow.source.type", "LOCAL"));
    FV_TRY(write_file(dir, "fovea.folder", e->path));
    return write_file(dir, "fovea.status", run_status_name(e->r->facts.status));
}

static bool copy_file(const char *from, const char *to)
{
    char block[1 << 14];
    FILE *in = fopen(from, "rb"), *out = in ? fopen(to, "wb") : NULL;
    bool ok = out != NULL;
    for (size_t n; ok && (n = fread(block, 1, sizeof block, in)) > 0;)
        ok = fwrite(block, 1, n, out) == n;
    ok = ok && !ferror(in);
    if (in)
        fclose(in);
    return (!out || fclose(out) == 0) && ok;
}

/* The run's files where MLflow looks for artifacts: hard links, which it takes for files and may remove, and copies
 * where the store lies on another disk. */
static fv_status link_artifacts(const entry *e, const char *dir)
{
    static const char *const files[] = {"args.yaml",
                                        "results.csv",
                                        "events.jsonl",
                                        "report.html",
                                        "test.json",
                                        "weights/best.safetensors",
                                        "weights/last.safetensors",
                                        "weights/ema.safetensors"};
    char from[PATHS], to[PATHS + 64];
    snprintf(to, sizeof to, "%s/weights", dir);
    FV_TRY(make_folder(to));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(from, sizeof from, "%s/%s", e->path, files[i]);
        snprintf(to, sizeof to, "%s/%s", dir, files[i]);
        unlink(to);
        if (access(from, F_OK) == 0 && link(from, to) != 0 && !copy_file(from, to))
            return complain(errno == ENOSPC || errno == EDQUOT ? FV_ERR_NO_SPACE : FV_ERR_IO,
                            "choose another --output, best on the disk of the runs", "%s: cannot be made: %s", to,
                            strerror(errno));
    }
    return FV_OK;
}

static fv_status write_run(const run *r, const char *store)
{
    static const struct {
        const char *name;
        fv_status (*write)(const entry *e, const char *dir);
    } parts[] = {
        {"metrics", write_metrics}, {"params", write_params}, {"tags", write_tags}, {"artifacts", link_artifacts}};
    char folder[PATHS + 16], began[40];
    entry e = {.r = r};
    if (!realpath(r->dir, e.path) || strlen(store) + 128 > PATH_MAX)
        return complain(FV_ERR_IO, NULL, "%s: the path cannot be followed", r->dir);
    snprintf(began, sizeof began, "%.3f", r->facts.began);
    snprintf(e.name, sizeof e.name, "%016" PRIx64 "%016" PRIx64, hash(e.path, UINT64_C(0xcbf29ce484222325)),
             hash(e.path, hash(began, UINT64_C(0x9ae16a3b2f90404f))));
    char *slash = strrchr(e.path, '/');
    *slash = 0; /* the folder of runs: an experiment, whose id has 18 digits */
    snprintf(e.experiment, sizeof e.experiment, "%" PRIu64,
             UINT64_C(100000000000000000) + hash(e.path, UINT64_C(0xcbf29ce484222325)) % UINT64_C(900000000000000000));
    *slash = '/';
    snprintf(e.dir, sizeof e.dir, "%s/%s", store, e.experiment);
    FV_TRY(make_folder(e.dir));
    snprintf(e.dir, sizeof e.dir, "%s/%s/%s", store, e.experiment, e.name);
    FV_TRY(make_folder(e.dir));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(folder, sizeof folder, "%s/%s", e.dir, parts[i].name);
        FV_TRY(make_folder(folder));
        FV_TRY(parts[i].write(&e, folder));
    }
    FV_TRY(write_said(&e, e.dir, "meta.yaml", put_run)); /* last: without it there is no run */
    snprintf(folder, sizeof folder, "%s/%s", store, e.experiment);
    return write_said(&e, folder, "meta.yaml", put_experiment);
}

/* FV_OK for a folder that is empty, or that has experiments. */
static fv_status check_store(const settings *c)
{
    char path[4096 + 300];
    struct dirent *inner;
    bool other = false, store = false;
    DIR *d = opendir(c->output);
    while (d && (inner = readdir(d))) {
        if (inner->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s/meta.yaml", c->output, inner->d_name);
        store = store || access(path, F_OK) == 0;
        other = true;
    }
    if (d)
        closedir(d);
    if (!other || store || c->force)
        return FV_OK;
    return complain(FV_ERR_CONFLICT, "choose another folder, or write into this one with --force",
                    "--output %s: a folder with other files, and no store of MLflow", c->output);
}

fv_status runs_mlflow(const settings *c, const run_list *runs)
{
    char store[PATH_MAX];
    FV_TRY(check_store(c));
    FV_TRY(make_folder(c->output));
    if (!realpath(c->output, store))
        return complain(FV_ERR_IO, NULL, "%s: the path cannot be followed", c->output);
    for (int i = 0; i < runs->count; i++)
        FV_TRY(write_run(&runs->list[i], store));
    note("%s: %d %s; `MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri %s` shows them", c->output,
         runs->count, runs->count == 1 ? "run" : "runs", c->output);
    return FV_OK;
}
