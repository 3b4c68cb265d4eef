/* SPDX-License-Identifier: Apache-2.0 */
/* fovea tune: random search with successive halving. Which trial goes on is a function of the trials' results alone. */
#include <fovea/tune.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tune.h"

static const series_kind kind = {.command = "tune",
                                 .root = "runs/tune",
                                 .record = "tune.yaml",
                                 .may_differ = " trials hours license data-name date "};

/* ---- one trial ---- */

static fv_status no_memory(void)
{
    return complain(FV_ERR_NO_MEMORY, NULL, "no memory for the trials");
}

/* Behind how many epochs it is looked at, as series_train has it. */
static int64_t epochs_of(const tune *t, int rung)
{
    return rung + 1 < t->n_rungs ? t->rungs[rung] : 0;
}

static fv_status tell_trial(const tune *t, int64_t i)
{
    const series_run *run = &t->trial[i].run;
    char score[64], epochs[64];
    if (!run->trained)
        return FV_OK;
    note("%s: %s, %s %s%s", run->name, count_of(run->scores.epochs, "epoch", "epochs", epochs),
         run->scores.monitor->name, series_score_text(run, score), run->state == SERIES_DIVERGED ? ", diverged" : "");
    json_t *o =
        json_pack("{s:I, s:I, s:s, s:I, s:o}", "trial", (json_int_t)i, "rung", (json_int_t)t->trial[i].rung, "state",
                  series_state_name(run, true), "epochs", (json_int_t)run->scores.epochs, run->scores.monitor->name,
                  isfinite(run->scores.best) ? json_real(run->scores.best) : json_null());
    FV_TRY(series_log(&t->s, "trial", o));
    return tune_write(t);
}

static fv_status train(tune *t, int64_t i, int rung)
{
    t->trial[i].rung = rung;
    FV_TRY(series_train(&t->s, &t->trial[i].run, epochs_of(t, rung), i > 0));
    return tell_trial(t, i);
}

/* ---- all of them ---- */

/* The first one goes to its end: from it follows what the command line left open. */
static fv_status train_first(tune *t)
{
    char text[64];
    tune_trial *first = &t->trial[0];
    t->n_rungs = 1;
    if (!words_given(&first->run.words, t->s.c))
        return no_memory();
    FV_TRY(train(t, 0, 0));
    series_setting(&t->s, &first->run, "epochs", text, sizeof text);
    t->epochs = strtoll(text, NULL, 10);
    t->n_rungs = fv_tune_rungs(t->epochs, t->n, t->s.c->reduction, t->rungs);
    first->rung = t->n_rungs - 1;
    return FV_OK;
}

static fv_status draw(tune *t)
{
    FV_TRY(tune_space_settle(&t->s, &t->trial[0].run, &t->space));
    for (int64_t i = 1; i < t->n; i++) {
        char *epochs = NULL;
        words *w = &t->trial[i].run.words;
        if (!words_given(w, t->s.c) || asprintf(&epochs, "--epochs=%lld", (long long)t->epochs) < 0 ||
            !words_set(w, epochs) || !tune_space_draw(&t->space, &t->s, &t->trial[0].run, i, w))
            return no_memory();
    }
    return FV_OK;
}

/* --hours: trained so far, as the runs' own clocks have it, so that a resumed search counts on. */
static bool is_late(const tune *t, int64_t until)
{
    double seconds = 0;
    for (int64_t i = 0; i < until; i++)
        seconds += isfinite(t->trial[i].run.scores.seconds) ? t->trial[i].run.scores.seconds : 0;
    return seconds >= 3600 * t->s.c->hours; /* false where none are given */
}

static fv_status train_all(tune *t)
{
    for (int64_t i = 1; i < t->n; i++) {
        series_look(&t->s, &t->trial[i].run, epochs_of(t, 0));
        if (t->trial[i].run.scores.epochs == 0 && is_late(t, i)) {
            note("--hours %g: %lld of %lld trials were started", t->s.c->hours, (long long)i, (long long)t->n);
            return FV_OK;
        }
        FV_TRY(train(t, i, 0));
    }
    return FV_OK;
}

/* Scores as they were at a rung, however far a trial has come since. */
static void look_at_rung(const tune *t, int rung, double *score, bool *here)
{
    for (int64_t i = 0; i < t->n; i++) {
        series_run at = t->trial[i].run;
        here[i] = t->trial[i].rung >= rung && at.state != SERIES_OPEN;
        score[i] = NAN;
        if (!here[i] || at.state != SERIES_REACHED)
            continue;
        series_look(&t->s, &at, epochs_of(t, rung));
        score[i] = at.scores.best;
    }
}

static fv_status log_rung(const tune *t, int rung, const bool *goes_on)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < t->n; i++)
        if (goes_on[i])
            json_array_append_new(list, json_integer((json_int_t)i));
    return series_log(
        &t->s, "rung",
        json_pack("{s:i, s:I, s:o}", "rung", rung, "epochs", (json_int_t)t->rungs[rung], "goes_on", list));
}

static fv_status halve(tune *t)
{
    double *score = calloc((size_t)t->n, sizeof *score);
    bool *here = calloc(2 * (size_t)t->n, sizeof *here), *goes_on = here ? here + t->n : NULL;
    fv_status status = score && here ? FV_OK : no_memory();
    const bool higher = t->trial[0].run.scores.monitor->metric->higher_is_better;
    for (int rung = 0; status == FV_OK && rung + 1 < t->n_rungs; rung++) {
        look_at_rung(t, rung, score, here);
        fv_tune_promote(score, here, t->n, higher, t->s.c->reduction, goes_on);
        status = log_rung(t, rung, goes_on);
        for (int64_t i = 1; status == FV_OK && i < t->n; i++)
            if (goes_on[i])
                status = train(t, i, rung + 1);
    }
    free(score);
    free(here);
    return status;
}

static void choose_best(tune *t)
{
    for (int64_t i = 0; i < t->n; i++) {
        const series_run *run = &t->trial[i].run;
        if (t->trial[i].rung + 1 < t->n_rungs || run->state != SERIES_REACHED || !isfinite(run->scores.best))
            continue;
        const int sign = run->scores.monitor->metric->higher_is_better ? 1 : -1;
        if (t->best < 0 || sign * (run->scores.best - t->trial[t->best].run.scores.best) > 0)
            t->best = i;
    }
}

static fv_status search(tune *t)
{
    settings *c = t->s.c;
    FV_TRY(tune_space_read(c, &t->space));
    FV_TRY(series_check_validation(&t->s));
    series_tell(&t->s);
    t->n = c->trials;
    t->trial = calloc((size_t)t->n, sizeof *t->trial);
    if (!t->trial)
        return no_memory();
    for (int64_t i = 0; i < t->n; i++) {
        snprintf(t->trial[i].run.name, sizeof t->trial[i].run.name, "trial-%04lld", (long long)i);
        t->trial[i].run.scores.best = NAN;
    }
    FV_TRY(train_first(t));
    FV_TRY(draw(t));
    FV_TRY(train_all(t));
    FV_TRY(halve(t));
    choose_best(t);
    FV_TRY(series_log(&t->s, "end", json_pack("{s:I}", "best", (json_int_t)t->best)));
    FV_TRY(tune_write(t));
    return tune_print(t);
}

fv_status verb_tune(settings *c)
{
    tune t = {.best = -1};
    fv_status status = series_open(&t.s, c, &kind);
    if (status == FV_OK && option_given("repeats") && !c->ablate)
        status = complain(FV_ERR_CONFLICT, "drop it, or add --ablate augment",
                          "--repeats has no effect here: it belongs to --ablate");
    if (status == FV_OK)
        status = c->ablate ? tune_ablate(&t.s) : search(&t);
    if (status != FV_OK)
        series_abandon(&t.s);
    for (int64_t i = 0; i < t.n && t.trial; i++)
        words_free(&t.trial[i].run.words);
    free(t.trial);
    tune_space_free(&t.space);
    series_close(&t.s);
    return status;
}
