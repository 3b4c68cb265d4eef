/* SPDX-License-Identifier: Apache-2.0 */
#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* Room for a copy of all slots. */
static fv_status make_best(fv_checkpoints *c, const fv_model *model)
{
    size_t bytes = 0;
    for (int i = 0; i < model->n_slots; i++)
        bytes += fv_tensor_bytes(model->slots[i].data);
    c->best = fv_calloc(c->ctx, bytes + 1, 1);
    c->best_counts = fv_calloc(c->ctx, (size_t)model->n_counters + 1, sizeof *c->best_counts);
    return c->best && c->best_counts ? FV_OK : FV_ERR_NO_MEMORY;
}

fv_status fv_checkpoints_lend(fv_checkpoints *c, const fv_trainer *trainer)
{
    if (c->selftest)
        c->model->own.lent = NULL;
    fv_session_destroy(&c->selftest);
    fv_wisdom_destroy(&c->selftest_plan);
    if (!trainer)
        return FV_OK;
    FV_TRY(fv_wisdom_create(c->ctx, &c->selftest_plan));
    FV_TRY(fv_session_create_within(c->model, 1, trainer->scratch, c->selftest_plan, &c->selftest));
    c->model->own.lent = c->selftest;
    return FV_OK;
}

fv_status fv_checkpoints_prepare(fv_trainer *trainer, bool files, bool best, fv_checkpoints *c)
{
    c->ctx = trainer->ctx;
    c->model = trainer->model;
    if (files)
        FV_TRY(fv_checkpoints_lend(c, trainer));
    return best ? make_best(c, c->model) : FV_OK;
}

fv_status fv_checkpoints_open(fv_ctx *ctx, const char *dir, fv_checkpoints *c)
{
    char **names = NULL;
    int64_t count = 0;
    c->ctx = ctx;
    c->dir = fv_strdup(ctx, dir);
    if (!c->dir)
        return FV_ERR_NO_MEMORY;
    FV_TRY(fv_path_list(ctx, dir, &names, &count));
    int kept = 0;
    /* Names sort by epoch and step, so the last ones are the newest. */
    for (int64_t i = count - 1; i >= 0 && kept < FV_RECOVERY_KEPT; i--)
        if (fv_text_match("recovery-*.state", names[i]) && strlen(names[i]) < sizeof c->recovery[0])
            snprintf(c->recovery[kept++], sizeof c->recovery[0], "%s", names[i]);
    fv_free(ctx, names);
    return FV_OK;
}

void fv_checkpoints_close(fv_checkpoints *c)
{
    if (!c->ctx)
        return;
    fv_free(c->ctx, c->dir);
    fv_free(c->ctx, c->best);
    fv_free(c->ctx, c->best_counts);
    fv_checkpoints_lend(c, NULL);
    *c = (fv_checkpoints){0};
}

static fv_status path_of(const fv_checkpoints *c, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/%s", c->dir, name);
    if (n < 0 || (size_t)n >= size)
        return fv_fail(c->ctx, FV_ERR_IO, "%s: the path is too long", c->dir);
    return FV_OK;
}

static void drop_recovery(fv_checkpoints *c, int from)
{
    char path[4096];
    for (int i = from; i < FV_RECOVERY_KEPT; i++) {
        if (c->recovery[i][0] && path_of(c, c->recovery[i], path, sizeof path) == FV_OK)
            unlink(path);
        c->recovery[i][0] = 0;
    }
}

/* A full disk is answered once by giving up the recovery states that are older than last.state. */
static bool made_room(fv_checkpoints *c, fv_status status)
{
    if (status != FV_ERR_NO_SPACE || !c->recovery[1][0])
        return false;
    fv_log(c->ctx, FV_LOG_WARN, "train", "%s; removing the older recovery state and trying again",
           fv_ctx_error(c->ctx));
    drop_recovery(c, 1);
    return true;
}

fv_status fv_checkpoints_state(fv_checkpoints *c, fv_trainer *trainer, const fv_progress *progress,
                               const fv_identity *identity, bool recovery, char *path, size_t size)
{
    char name[40] = "last.state", previous[4096];
    if (recovery)
        snprintf(name, sizeof name, "recovery-%04lld-%06lld.state", (long long)progress->epoch % 10000,
                 (long long)progress->step % 1000000);
    FV_TRY(path_of(c, name, path, size));
    if (!recovery && fv_path_exists(path)) {
        FV_TRY(path_of(c, "previous.state", previous, sizeof previous));
        unlink(previous);
        if (link(path, previous) != 0)
            fv_log(c->ctx, FV_LOG_DEBUG, "train", "%s: no hard links here; the state before the last is not kept",
                   c->dir);
    }
    fv_status status = fv_state_save(trainer, progress, identity, path);
    if (made_room(c, status))
        status = fv_state_save(trainer, progress, identity, path);
    if (status != FV_OK)
        return status;
    if (!recovery) {
        drop_recovery(c, 0);
        return FV_OK;
    }
    if (strcmp(c->recovery[0], name) != 0) {
        drop_recovery(c, FV_RECOVERY_KEPT - 1);
        memmove(c->recovery[1], c->recovery[0], sizeof c->recovery[0] * (FV_RECOVERY_KEPT - 1));
        memcpy(c->recovery[0], name, sizeof name);
    }
    return FV_OK;
}

fv_status fv_checkpoints_model(fv_checkpoints *c, fv_model *model, const char *name)
{
    char path[4096];
    FV_TRY(path_of(c, name, path, sizeof path));
    fv_status status = fv_model_save(model, path);
    if (made_room(c, status))
        status = fv_model_save(model, path);
    return status;
}

bool fv_checkpoints_has(const fv_checkpoints *c, const char *name)
{
    char path[4096];
    return c->dir && path_of(c, name, path, sizeof path) == FV_OK && fv_path_exists(path);
}

fv_status fv_checkpoints_drop(const fv_checkpoints *c, const char *name)
{
    char path[4096];
    FV_TRY(path_of(c, name, path, sizeof path));
    return unlink(path) == 0 || errno == ENOENT ? FV_OK : fv_fail_errno(c->ctx, errno, "remove", path);
}

/* Byte by byte, so that the two are the same file however the run came here. */
static fv_status copy_file(const fv_checkpoints *c, const char *from, const char *to)
{
    char path[4096], block[16384];
    fv_reader reader = {0};
    fv_writer *writer = NULL;
    FV_TRY(path_of(c, from, path, sizeof path));
    FV_TRY(fv_reader_open(c->ctx, path, &reader));
    char target[4096];
    fv_status status = path_of(c, to, target, sizeof target);
    if (status == FV_OK)
        status = fv_writer_open(c->ctx, target, &writer);
    for (int64_t at = 0; status == FV_OK && at < reader.size; at += (int64_t)sizeof block) {
        const size_t size = reader.size - at < (int64_t)sizeof block ? (size_t)(reader.size - at) : sizeof block;
        status = fv_reader_get_all(c->ctx, path, &reader, at, block, size);
        if (status == FV_OK)
            status = fv_writer_put(writer, block, size);
    }
    fv_reader_close(&reader);
    if (status == FV_OK)
        status = fv_writer_commit(&writer);
    fv_writer_abort(&writer);
    return status;
}

fv_status fv_checkpoints_copy(fv_checkpoints *c, const char *from, const char *to)
{
    fv_status status = copy_file(c, from, to);
    if (made_room(c, status))
        status = copy_file(c, from, to);
    return status;
}

fv_status fv_checkpoints_average(fv_checkpoints *c, fv_trainer *trainer, const char *name)
{
    fv_trainer_sync(trainer);
    fv_average_swap(trainer->average);
    fv_status status = fv_checkpoints_model(c, trainer->model, name);
    fv_average_swap(trainer->average);
    return status;
}

/* Copies all slots and counters to or from two blocks. */
static void copy_slots(fv_model *model, char *block, int64_t *counts, bool save)
{
    fv_model_sync(model);
    for (int i = 0; i < model->n_counters; i++) {
        if (save)
            counts[i] = model->counters[i].value;
        else
            model->counters[i].value = counts[i];
    }
    for (int i = 0; i < model->n_slots; i++) {
        size_t bytes = fv_tensor_bytes(model->slots[i].data);
        char *data = fv_tensor_data(model->slots[i].data);
        memcpy(save ? block : data, save ? data : block, bytes);
        block += bytes;
    }
}

fv_status fv_checkpoints_remember(fv_checkpoints *c, fv_ctx *ctx, fv_model *model)
{
    c->ctx = ctx;
    if (!c->best)
        FV_TRY(make_best(c, model));
    copy_slots(model, c->best, c->best_counts, true);
    c->remembers = true;
    return FV_OK;
}

fv_status fv_checkpoints_restore(fv_checkpoints *c, fv_model *model)
{
    if (c->remembers) {
        copy_slots(model, c->best, c->best_counts, false);
        fv_model_touch(model);
        return FV_OK;
    }
    char path[4096];
    if (!c->dir)
        return FV_OK;
    FV_TRY(path_of(c, "best.safetensors", path, sizeof path));
    return fv_model_load_weights(model, path, false, NULL);
}
