/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of a loader, and the watchdog that replaces those which a file keeps from going on. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/file.h"
#include "data/loader.h"

/* A file that has not answered for that long is not waited for when the loader goes. */
#define LAST_PATIENCE 5.0
/* One that has been given up before gets that long, in case it has just answered. */
#define LAST_GRACE 1.0

fv_status fv_loader_start_worker(fv_loader *l)
{
    fv_worker *w = &l->team.workers[l->team.started];
    sigset_t all, old;
    FV_TRY(fv_intake_init(l->ctx, l->views, l->n_views, l->augment, &w->intake));
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* signals belong to the caller's thread */
    const int error = pthread_create(&w->thread, NULL, l->team.loop, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    w->running = error == 0;
    l->team.started += error == 0;
    return error ? fv_fail(l->ctx, FV_ERR_FAILED, "a loader thread cannot be started: %s", strerror(error)) : FV_OK;
}

/* Whether it is the second time for that sample: the first is remembered. */
static bool was_given_up(fv_loader *l, int64_t sample)
{
    for (int i = 0; i < l->watch.n_once; i++)
        if (l->watch.once[i] == sample)
            return true;
    if (l->watch.n_once < (int)(sizeof l->watch.once / sizeof *l->watch.once))
        l->watch.once[l->watch.n_once++] = sample;
    return false;
}

/* A worker has been reading one file for too long: its place goes to others, and a fresh thread takes the worker's
 * until the file answers. They read it once more; when it does not answer them either, it is quarantined. */
static fv_status give_up(fv_loader *l, fv_worker *w, double seconds)
{
    const int64_t i = w->sample;
    fv_image_error error = {.status = FV_ERR_IO, .fault = FV_FAULT_STALLED, .byte = -1};
    fv_text_format(error.text, sizeof error.text, "the file has not answered for %.0f s", seconds);
    w->given_up = true;
    l->active--;
    l->redo[l->n_redo].slot = w->slot;
    l->redo[l->n_redo].at = w->at;
    l->n_redo++;
    if (was_given_up(l, i))
        FV_TRY(fv_dataset_quarantine(l->dataset, i, &error));
    pthread_cond_broadcast(&l->work);
    if (l->team.started < l->team.n)
        return fv_loader_start_worker(l);
    char path[FV_SAMPLE_PATH];
    fv_dataset_sample_path(l->dataset, i, path, sizeof path);
    return fv_fail_hint(l->ctx,
                        fv_fail(l->ctx, FV_ERR_IO, "%s: the file has not answered for %.0f s, like %d others before",
                                path, seconds, l->team.n - 1),
                        "see whether the disk or network it is on works; `fovea train --io-timeout` sets the patience");
}

/* Seconds between two looks at the workers, at most. */
static double pause_of(const fv_loader *l)
{
    return l->options.stuck_after < 4.0 ? l->options.stuck_after / 4.0 : 1.0;
}

/* The watch's clock goes on while the consumer waits for a batch. What passes between two looks counts as their usual
 * distance at most: more means that the process stood still (stopped, paused, its machine saved and restored), or that
 * the consumer was computing, and says nothing about files. */
static double look_at_clock(fv_loader *l)
{
    const double now = l->watch.clock(), passed = now - l->watch.last, most = pause_of(l);
    l->watch.last = now;
    l->watch.waited += passed < 0.0 ? 0.0 : passed < most ? passed : most;
    return l->watch.waited;
}

static fv_status look_after_workers(fv_loader *l)
{
    const double now = look_at_clock(l), limit = l->options.stuck_after;
    for (int i = 0; i < l->team.started; i++) {
        fv_worker *w = &l->team.workers[i];
        if (w->sample >= 0 && !w->given_up && now - w->since > limit && l->n_redo < FV_MAX_WORKERS)
            FV_TRY(give_up(l, w, now - w->since));
    }
    return FV_OK;
}

static void wait_for_news(fv_loader *l)
{
    const double pause = pause_of(l);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const double at = (double)until.tv_nsec * 1e-9 + pause;
    until.tv_sec += (time_t)at;
    until.tv_nsec = (long)((at - (double)(time_t)at) * 1e9);
    pthread_cond_timedwait(&l->ready, &l->mutex, &until);
}

fv_status fv_loader_wait_ready(fv_loader *l)
{
    wait_for_news(l);
    return look_after_workers(l);
}

static void leave_behind(fv_loader *l, fv_worker *w)
{
    char path[FV_SAMPLE_PATH];
    fv_dataset_sample_path(l->dataset, w->sample, path, sizeof path);
    fv_log(l->ctx, FV_LOG_WARN, "data", "%s: still does not answer; a thread stays behind until it does", path);
    w->given_up = true;
    pthread_detach(w->thread);
}

bool fv_loader_stop_workers(fv_loader *l)
{
    const double patience = l->options.stuck_after < LAST_PATIENCE ? l->options.stuck_after : LAST_PATIENCE;
    const double begin = look_at_clock(l);
    l->quit = true;
    pthread_cond_broadcast(&l->work);
    for (;;) {
        const double now = look_at_clock(l);
        int busy = 0, stuck = 0;
        for (int i = 0; i < l->team.started; i++) {
            const fv_worker *w = &l->team.workers[i];
            const bool keeps = w->running && w->sample >= 0 && now - w->since > patience && now - begin > LAST_GRACE;
            stuck += keeps;
            busy += w->running && !keeps;
        }
        if (busy > 0) {
            wait_for_news(l);
            continue;
        }
        for (int i = 0; i < l->team.started; i++) {
            fv_worker *w = &l->team.workers[i];
            if (w->running) {
                leave_behind(l, w);
            } else {
                pthread_join(w->thread, NULL); /* it has given its lock back, or is about to */
            }
        }
        return stuck > 0;
    }
}
