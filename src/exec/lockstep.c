/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of a batch in threads of one process: they wait for each other where their sums meet. */
#include <pthread.h>

#include "base/ctx.h"
#include "exec/peers.h"

typedef struct lockstep_seat {
    fv_lockstep *lockstep;
    fv_ctx *ctx; /* of the thread, for messages */
    int piece;
} lockstep_seat;

/* What a thread brings to a meeting. */
typedef struct lockstep_offer {
    void *data;
    int64_t count;
    int32_t index;
    fv_dtype dtype;
} lockstep_offer;

struct fv_lockstep {
    fv_ctx *ctx;
    int pieces;
    pthread_mutex_t mutex;
    pthread_cond_t turned;
    int arrived;     /* at the barrier */
    uint64_t rounds; /* times that the barrier opened */
    bool left;
    lockstep_offer offer[FV_PIECES_MAX];
    lockstep_seat seat[FV_PIECES_MAX];
};

fv_status fv_lockstep_create(fv_ctx *ctx, int pieces, fv_lockstep **lockstep)
{
    *lockstep = NULL;
    if (pieces < 1 || pieces > FV_PIECES_MAX || (pieces & (pieces - 1)) != 0)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "lockstep of %d pieces: expected a power of two up to %d", pieces,
                       FV_PIECES_MAX);
    fv_lockstep *l = fv_new(ctx, fv_lockstep);
    if (!l)
        return FV_ERR_NO_MEMORY;
    l->ctx = ctx;
    l->pieces = pieces;
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->turned, NULL);
    *lockstep = l;
    return FV_OK;
}

void fv_lockstep_destroy(fv_lockstep **lockstep)
{
    fv_lockstep *l = lockstep ? *lockstep : NULL;
    if (!l)
        return;
    pthread_cond_destroy(&l->turned);
    pthread_mutex_destroy(&l->mutex);
    fv_free(l->ctx, l);
    *lockstep = NULL;
}

void fv_lockstep_leave(fv_lockstep *l)
{
    pthread_mutex_lock(&l->mutex);
    l->left = true;
    pthread_cond_broadcast(&l->turned);
    pthread_mutex_unlock(&l->mutex);
}

/* Waits until all threads came here; false when one of them left. */
static bool lockstep_wait(fv_lockstep *l)
{
    pthread_mutex_lock(&l->mutex);
    uint64_t round = l->rounds;
    if (!l->left && ++l->arrived == l->pieces) {
        l->arrived = 0;
        l->rounds++;
        pthread_cond_broadcast(&l->turned);
    }
    while (!l->left && l->rounds == round)
        pthread_cond_wait(&l->turned, &l->mutex);
    bool open = l->rounds != round;
    pthread_mutex_unlock(&l->mutex);
    return open;
}

/* One stretch of all pieces' data: summed by a tree of neighbors, each sum rounded to the dtype, and written to all. */
static void sum_stretch(const fv_lockstep *l, fv_dtype dtype, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        double v[FV_PIECES_MAX];
        for (int k = 0; k < l->pieces; k++)
            v[k] = fv_get(dtype, l->offer[k].data, i);
        for (int step = 1; step < l->pieces; step *= 2) {
            for (int k = 0; k + step < l->pieces; k += 2 * step) {
                v[k] += v[k + step];
                /* The sum of two floats in double, rounded to float, is their sum in float. */
                if (dtype == FV_F32)
                    v[k] = (double)(float)v[k];
            }
        }
        for (int k = 0; k < l->pieces; k++)
            fv_set(dtype, l->offer[k].data, i, v[0]);
    }
}

/* All threads see the same offers and so agree about them. */
static bool lockstep_offers_agree(const fv_lockstep *l)
{
    for (int k = 1; k < l->pieces; k++)
        if (l->offer[k].count != l->offer[0].count || l->offer[k].index != l->offer[0].index ||
            l->offer[k].dtype != l->offer[0].dtype)
            return false;
    return l->offer[0].dtype == FV_F32 || l->offer[0].dtype == FV_F64;
}

/* Every thread sums a stretch of its own. */
static fv_status lockstep_combine(void *user, int32_t index, void *data, int64_t count, fv_dtype dtype)
{
    const lockstep_seat *seat = user;
    fv_lockstep *l = seat->lockstep;
    int64_t per = (count + l->pieces - 1) / l->pieces, begin = per * seat->piece;
    l->offer[seat->piece] = (lockstep_offer){.data = data, .count = count, .index = index, .dtype = dtype};
    if (!lockstep_wait(l))
        goto left;
    if (!lockstep_offers_agree(l)) {
        fv_lockstep_leave(l);
        return fv_fail(seat->ctx, FV_ERR_INTERNAL,
                       "piece %d of a batch: sum %d of %lld values is none of another piece's; all pieces must run the "
                       "same graph",
                       seat->piece, (int)index, (long long)count);
    }
    sum_stretch(l, dtype, begin < count ? begin : count, begin + per < count ? begin + per : count);
    if (lockstep_wait(l))
        return FV_OK;
left:
    return fv_fail(seat->ctx, FV_ERR_FAILED, "piece %d of a batch: another piece stopped", seat->piece);
}

fv_peers fv_lockstep_peers(fv_lockstep *l, int piece, fv_ctx *ctx)
{
    l->seat[piece] = (lockstep_seat){.lockstep = l, .ctx = ctx, .piece = piece};
    return (fv_peers){.combine = lockstep_combine, .user = &l->seat[piece]};
}
