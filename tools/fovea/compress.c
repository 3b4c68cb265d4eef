/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fovea compress: distill, prune, fine-tune, quantize in one chain, each stage a verb of the program that takes the
 * model of the one before. Files of a stage are named by what it was told and by all before it, so the same command
 * goes on where it was stopped, and a recipe whose end is another is done again from there on.
 */
#include "compress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output.h"
#include "prune.h"
#include "show.h"
#include "watch.h"

static const series_kind kind = {.command = "compress"};

/* ---- one stage ---- */

/* What a verb prints goes to a file. */
static int turn_output(const chain *k, const chain_stage *s)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/%s.txt", k->s.dir, s->run);
    fflush(stdout);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), before = dup(STDOUT_FILENO);
    if (file >= 0)
        dup2(file, STDOUT_FILENO);
    if (file >= 0)
        close(file);
    return before;
}

static bool turn_back(int before)
{
    const bool put = fflush(stdout) == 0 && !ferror(stdout);
    if (before >= 0) {
        dup2(before, STDOUT_FILENO);
        close(before);
    }
    return put;
}

/* `fovea VERB MODEL --output FILE ...` within this command. */
static fv_status run_verb(const chain *k, const chain_stage *from, const chain_stage *s)
{
    settings own;
    help_kind help;
    char output[4500];
    const int n = s->words.count + 2;
    char **argv = calloc((size_t)n + 1, sizeof *argv);
    if (!argv || !options_push()) {
        free(argv);
        return FV_ERR_NO_MEMORY;
    }
    snprintf(output, sizeof output, "--output=%s", s->model);
    argv[0] = (char *)from->model;
    argv[1] = output;
    memcpy(argv + 2, s->words.word, (size_t)s->words.count * sizeof *argv);
    fv_status status = options_read(s->verb, n, argv, &own, &help);
    own.words = argv;
    own.n_words = n;
    own.progress = k->c->progress;
    own.verbose = k->c->verbose;
    cli_quiet = k->c->quiet;
    const int before = turn_output(k, s);
    if (status == FV_OK)
        status = s->verb->run(&own);
    if (!turn_back(before) && status == FV_OK)
        status = complain(FV_ERR_IO, "look for room", "%s/%s.txt: cannot be written", k->s.dir, s->run);
    options_pop();
    free(argv);
    return status;
}

/* The integers of --qat; else the best epoch's weights where there was a validation split; else the last's. */
static fv_status find_trained(const chain *k, chain_stage *s)
{
    static const char *const names[] = {"int8", "best", "last"};
    struct stat st;
    for (int i = 0; i < 3; i++) {
        snprintf(s->model, sizeof s->model, "%s/%s/weights/%s.safetensors", k->s.dir, s->run, names[i]);
        if (stat(s->model, &st) == 0)
            return FV_OK;
    }
    return complain(FV_ERR_MODEL, "`fovea runs ls` lists what came of it", "%s/%s: no weights are there", k->s.dir,
                    s->run);
}

static fv_status train(const chain *k, const chain_stage *from, chain_stage *s)
{
    series_run run = {.trained = false};
    char *model = NULL;
    fv_status status = FV_OK;
    bool own_model = false;
    snprintf(run.name, sizeof run.name, "%.31s", s->run);
    for (int i = 0; i < s->words.count && status == FV_OK; i++) {
        char *word = strdup(s->words.word[i]);
        own_model |= strncmp(s->words.word[i], "--model=", 8) == 0;
        status = words_set(&run.words, word) ? FV_OK : (fv_status)FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK && !own_model)
        status = asprintf(&model, "--model=%s", from->model) >= 0 && words_set(&run.words, model)
                     ? FV_OK
                     : (fv_status)FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = series_train(&k->s, &run, 0, false);
    words_free(&run.words);
    return status == FV_OK ? find_trained(k, s) : status;
}

static fv_status gate(const chain *k, int i)
{
    const chain_stage *s = &k->stage[i];
    char before[64], after[64];
    const double lost = chain_lost(k, i - 1, i);
    if (!(lost > s->max_drop + 1e-9))
        return FV_OK;
    return complain(FV_ERR_GATE, "raise max-drop there, ask less of the stage, or train longer behind it",
                    "%s: stage %d, %s, loses %.2f points, more than %g: %s > %s", k->c->config, i, s->name, lost,
                    s->max_drop, chain_score_text(k, i - 1, before), chain_score_text(k, i, after));
}

static fv_status take_stage(chain *k, int i)
{
    chain_stage *s = &k->stage[i];
    const chain_stage *from = &k->stage[i - 1];
    const bool trains = s->verb->mask & V_TRAIN;
    char score[64];
    struct stat st;
    const bool done = !trains && stat(s->model, &st) == 0;
    if (!done)
        note("stage %d of %d: %s", i, k->count - 1, s->name);
    if (trains)
        FV_TRY(train(k, from, s));
    else if (!done)
        FV_TRY(run_verb(k, from, s));
    FV_TRY(chain_score(k, i));
    note("stage %d of %d: %s%s, %s %s", i, k->count - 1, s->name, done ? " is there" : "", k->metric->name,
         chain_score_text(k, i, score));
    return gate(k, i);
}

/* ---- the chain ---- */

static fv_status check_words(const settings *c)
{
    if (!c->config)
        return complain(FV_ERR_USAGE, "fovea compress -c RECIPE --model FILE --data PATH --output DIR",
                        "fovea compress: which stages? -c RECIPE names a file with `stages:`");
    if (!option_given("model"))
        return complain(FV_ERR_USAGE, "add --model FILE, or `model: FILE` to the recipe",
                        "fovea compress: which model?");
    if (!c->data)
        return complain(FV_ERR_USAGE, "add --data PATH, or `data: PATH` to the recipe",
                        "fovea compress: on which data is it trained, calibrated and scored?");
    if (!c->output)
        return complain(FV_ERR_USAGE, "add --output DIR", "fovea compress: where do the stages and the model go?");
    return FV_OK;
}

static fv_status make_folder(const char *path)
{
    struct stat st;
    if (mkdir(path, 0777) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return FV_OK;
    return complain(FV_ERR_IO, "name another --output", "%s: cannot be made: %s", path, strerror(errno));
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;
    while (folder && n < 3 && readdir(folder)) /* itself and the one above it */
        n++;
    if (folder)
        closedir(folder);
    return folder && n < 3;
}

/* A folder of ours, or one that is empty or not there. */
static fv_status check_folder(chain *k)
{
    const settings *c = k->c;
    struct stat st;
    if ((size_t)snprintf(k->s.dir, sizeof k->s.dir, "%s/stages", c->output) >= sizeof k->s.dir)
        return complain(FV_ERR_VALUE, "name a shorter one", "--output %.40s...: too long", c->output);
    const bool ours = stat(k->s.dir, &st) == 0 || stat(c->output, &st) != 0;
    if (!ours && S_ISDIR(st.st_mode) && !is_empty(c->output) && !c->force)
        return complain(FV_ERR_CONFLICT, "name another --output, or add --force", "%s: other files are there",
                        c->output);
    return FV_OK;
}

static fv_status open_folder(chain *k)
{
    FV_TRY(make_folder(k->c->output));
    FV_TRY(make_folder(k->s.dir));
    k->s.lock = open(k->s.dir, O_RDONLY | O_CLOEXEC);
    if (k->s.lock >= 0 && flock(k->s.lock, LOCK_EX | LOCK_NB) != 0)
        return complain(FV_ERR_LOCKED, "wait for it, or name another --output", "%s: another process is at work there",
                        k->c->output);
    return FV_OK;
}

/* Points are points of a share. */
static fv_status check_gates(const chain *k)
{
    for (int i = 0; i < k->count; i++)
        if (!isnan(k->stage[i].max_drop) && !k->metric->percent)
            return complain(FV_ERR_CONFLICT, "leave it out", "%s: max-drop: %s is not in percent", k->c->config,
                            k->metric->name);
    return FV_OK;
}

/* The bytes of a file as another. */
static fv_status copy_file(const char *from, const char *to)
{
    struct stat st;
    char *bytes = NULL;
    FILE *f = fopen(from, "rb");
    bool read = f && fstat(fileno(f), &st) == 0 && (bytes = malloc((size_t)st.st_size + 1)) &&
                fread(bytes, 1, (size_t)st.st_size, f) == (size_t)st.st_size;
    const fv_status status = read ? output_write(to, bytes, (size_t)st.st_size)
                                  : complain(FV_ERR_IO, NULL, "%s: cannot be read: %s", from, strerror(errno));
    if (f)
        fclose(f);
    free(bytes);
    return status;
}

static fv_status check_all(const chain *k)
{
    const double lost = chain_lost(k, 0, k->count - 1), most = k->c->max_drop;
    char before[64], after[64];
    if (!option_given("max-drop") || !(lost > most + 1e-9))
        return FV_OK;
    return complain(FV_ERR_GATE, "raise max-drop, or train longer between the stages",
                    "%s: all stages lose %.2f points, more than %g: %s > %s", k->c->config, lost, most,
                    chain_score_text(k, 0, before), chain_score_text(k, k->count - 1, after));
}

/* What is smaller and no faster is not to be taken for it. Of runs by turns the best and the median differ by some
 * hundredths. */
static void warn_of_speed(const chain *k)
{
    const chain_figures *first = &k->stage[0].figures, *last = &k->stage[k->count - 1].figures;
    if (last->time.p50_ms >= 0.97 * first->time.p50_ms || last->time.best_ms >= 0.97 * first->time.best_ms)
        warn("%s/model.safetensors: no faster on this machine than what was given: %.3g ms, %.3g ms before",
             k->c->output, last->time.p50_ms, first->time.p50_ms);
}

static fv_status execute(chain *k)
{
    char path[4400];
    FV_TRY(check_folder(k));
    snprintf(k->stage[0].model, sizeof k->stage[0].model, "%s", k->c->model);
    k->stage[0].name = "given";
    k->stage[0].max_drop = NAN;
    FV_TRY(chain_read(k));
    FV_TRY(open_folder(k));
    FV_TRY(chain_score(k, 0));
    FV_TRY(check_gates(k));
    for (int i = 1; i < k->count; i++)
        FV_TRY(take_stage(k, i));
    FV_TRY(check_all(k));
    FV_TRY(chain_measure(k));
    snprintf(path, sizeof path, "%s/model.safetensors", k->c->output);
    FV_TRY(copy_file(k->stage[k->count - 1].model, path));
    return chain_tell(k);
}

fv_status verb_compress(settings *c)
{
    FV_TRY(check_words(c));
    chain *k = calloc(1, sizeof *k);
    if (!k)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the chain");
    k->c = c;
    k->s = (series){.kind = &kind, .c = c, .lock = -1};
    const fv_status status = execute(k);
    if (status == FV_OK)
        warn_of_speed(k);
    for (int i = 0; i <= CHAIN_STAGES; i++)
        words_free(&k->stage[i].words);
    for (int i = 0; i < 2; i++)
        free(k->layers[i]);
    series_close(&k->s);
    free(k);
    return status;
}
