/* SPDX-License-Identifier: Apache-2.0 */
/* A batch computed in pieces, at the same time and one after another, against the batch computed at once: the same
 * bits. */
#include "net.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/ctx.h"

enum { CLASSES = 5, PIXELS = 8 * 8 * 3, SEED = 11, STEP = 4 };

/* One of everything that sums over samples or counts them. */
static void everything(net *t, bool norm)
{
    const fv_dropout_attr drop = {.rate = 0.4};
    fv_val *x = net_input(t, "image", 4, (const int64_t[]){1, 8, 8, 3});
    x = net_conv(t, x, 10, 3, 1, 1, true);
    x = norm ? net_unary(t, "relu", net_norm(t, x)) : net_unary(t, "relu", x);
    x = net_op(t, "dropout", &drop, 1, &x);
    fv_val *alpha = net_param(t, "alpha", FV_ROLE_PARAM, 1, (const int64_t[]){10});
    fv_val *y = net_op(t, "prelu", NULL, 2, (fv_val *[]){net_conv(t, x, 10, 3, 1, 1, false), alpha});
    y = norm ? net_norm(t, y) : y;
    x = net_pool(t, net_add(t, x, y), 2, 2);
    x = net_unary(t, "flatten", x);
    x = net_op(t, "dropout", &drop, 1, &x);
    net_output(t, net_dense(t, x, CLASSES));
    net_bind(t, t->dtype);
}

/* Network number `kind`: two fixed ones, then random ones. */
static void make_net(net *t, fv_ctx *ctx, uint64_t kind)
{
    net_init(t, ctx, FV_F32, 40 + kind);
    if (kind < 2)
        everything(t, kind == 0);
    else
        net_random_graph(t, (int)(2 + kind % 7), CLASSES, false);
}

/* ---- one piece ---- */

typedef struct piece {
    fv_ctx *ctx;
    net t;
    net_exec *exec;
    fv_peers peers;
    fv_run run;
    fv_lockstep *lockstep;
    fv_status status;
    char message[256]; /* of a failure: messages belong to their thread */
    pthread_t thread;
} piece;

static net_exec_options piece_options(net *t, int64_t batch, int64_t total, fv_lowering lowering, bool own)
{
    net_exec_options o = net_options(t, batch, true);
    o.lowering = lowering;
    o.part.total = total;
    o.own_statistics = own;
    return o;
}

static void fill_piece(net_exec *to, const net_exec *from, int64_t first, int64_t n)
{
    const float *images = net_exec_input((net_exec *)(uintptr_t)from, 0);
    const int32_t *labels = net_exec_target((net_exec *)(uintptr_t)from);
    memcpy(net_exec_input(to, 0), images + first * PIXELS, (size_t)(n * PIXELS) * sizeof(float));
    memcpy(net_exec_target(to), labels + first, (size_t)n * sizeof(int32_t));
}

static void *run_piece(void *arg)
{
    piece *p = arg;
    p->status = fv_instance_run(p->exec->instance, &p->run);
    if (p->status == FV_OK)
        return NULL;
    snprintf(p->message, sizeof p->message, "%s", fv_ctx_error(p->ctx));
    fv_lockstep_leave(p->lockstep);
    return NULL;
}

static void same(const void *a, const void *b, size_t bytes, uint64_t kind, int64_t n, int k, const char *what)
{
    if ((a == NULL) != (b == NULL) || (a && memcmp(a, b, bytes) != 0))
        fail_msg("network %d, %lld samples in %d pieces: other bits of %s", (int)kind, (long long)n, k, what);
}

/* Gradients, loss, running statistics; and logits of samples from `first` on unless that is negative. */
static void expect_same(const net *t, const net_exec *exec, const net *whole, const net_exec *whole_exec, int64_t first,
                        int64_t n, int k, uint64_t kind)
{
    for (int i = 0; i < t->n_tensors; i++) {
        const net_tensor *a = &t->tensor[i], *b = &whole->tensor[i];
        size_t bytes = (size_t)a->count * sizeof(float);
        if (a->role == FV_ROLE_STATE)
            same(a->bound, b->bound, bytes, kind, n, k, a->name);
        else
            same(net_exec_gradient((net_exec *)(uintptr_t)exec, a->name),
                 net_exec_gradient((net_exec *)(uintptr_t)whole_exec, a->name), bytes, kind, n, k, a->name);
    }
    const double loss = net_exec_loss(exec), expected = net_exec_loss(whole_exec);
    same(&loss, &expected, sizeof loss, kind, n, k, "the loss");
    const float *logits = net_exec_output(exec, 0, NULL), *all = net_exec_output(whole_exec, 0, NULL);
    if (first >= 0)
        same(logits, all + first * CLASSES, (size_t)(n / k * CLASSES) * sizeof(float), kind, n, k, "the logits");
}

/* ---- at the same time ---- */

static void lockstep_case(uint64_t kind, int64_t n, int k)
{
    static piece pieces[8];
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_lockstep *lockstep;
    net whole;
    make_net(&whole, ctx, kind);
    net_exec_options o = net_options(&whole, n, true);
    net_exec *exec = net_compile(&whole, &o);
    net_fill(&whole, exec, n, CLASSES, kind);
    assert_int_equal(fv_lockstep_create(ctx, k, &lockstep), FV_OK);
    for (int j = 0; j < k; j++) {
        piece *p = &pieces[j];
        p->ctx = fv_test_ctx(1 + j % 2, NULL, NULL);
        p->lockstep = lockstep;
        p->peers = fv_lockstep_peers(lockstep, j, p->ctx);
        p->run = (fv_run){.seed = SEED, .step = STEP, .offset = j * (n / k), .peers = &p->peers};
        make_net(&p->t, p->ctx, kind);
        o = piece_options(&p->t, n / k, n, FV_LOWER_TRAINING, false);
        p->exec = net_compile(&p->t, &o);
        fill_piece(p->exec, exec, p->run.offset, n / k);
        assert_int_equal(pthread_create(&p->thread, NULL, run_piece, p), 0);
    }
    assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
    for (int j = 0; j < k; j++) {
        piece *p = &pieces[j];
        assert_int_equal(pthread_join(p->thread, NULL), 0);
        if (p->status != FV_OK)
            fail_msg("piece %d: %s", j, p->message);
        expect_same(&p->t, p->exec, &whole, exec, p->run.offset, n, k, kind);
        net_exec_destroy(&p->exec);
        net_free(&p->t);
        fv_ctx_destroy(&p->ctx);
    }
    fv_lockstep_destroy(&lockstep);
    net_exec_destroy(&exec);
    net_free(&whole);
    fv_ctx_destroy(&ctx);
}

static void test_pieces_in_lockstep(void **state)
{
    (void)state;
    for (uint64_t kind = 0; kind < 12; kind++) {
        for (int k = 1; k <= 8; k *= 2)
            lockstep_case(kind, 16, k);
        lockstep_case(kind, 12, 4);
        lockstep_case(kind, 6, 2);
    }
}

/* ---- one after another ---- */

/* Runs the pieces of the batch that `whole` holds, and leaves the last one's results. */
static void run_accumulated(net_exec *exec, const net_exec *whole, fv_accumulate *accumulate, int64_t n, int k)
{
    for (int j = 0; j < k; j++) {
        const fv_peers peers = fv_accumulate_peers(accumulate, j, k);
        const fv_run run = {.seed = SEED, .step = STEP, .offset = j * (n / k), .peers = &peers};
        fill_piece(exec, whole, run.offset, n / k);
        assert_int_equal(fv_instance_run(exec->instance, &run), FV_OK);
    }
}

static void accumulate_case(uint64_t kind, int64_t n, int k, fv_lowering lowering)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_accumulate *accumulate;
    net t, whole;
    make_net(&whole, ctx, kind);
    make_net(&t, ctx, kind);
    net_exec_options o = net_options(&whole, n, true);
    o.lowering = lowering;
    net_exec *exec = net_compile(&whole, &o);
    o = piece_options(&t, n / k, n, lowering, true);
    net_exec *small = net_compile(&t, &o);
    assert_int_equal(fv_accumulate_create(ctx, &accumulate), FV_OK);
    for (uint64_t batch = 0; batch < 2; batch++) {
        net_fill(&whole, exec, n, CLASSES, 100 * kind + batch);
        assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
        run_accumulated(small, exec, accumulate, n, k);
        expect_same(&t, small, &whole, exec, n - n / k, n, k, kind);
    }
    fv_accumulate_destroy(&accumulate);
    net_exec_destroy(&small);
    net_exec_destroy(&exec);
    net_free(&t);
    net_free(&whole);
    fv_ctx_destroy(&ctx);
}

static void test_pieces_accumulated(void **state)
{
    (void)state;
    for (int k = 1; k <= 8; k *= 2) {
        accumulate_case(1, 16, k, FV_LOWER_TRAINING); /* no normalization */
        for (uint64_t kind = 0; kind < 8; kind++)
            accumulate_case(kind, 16, k, FV_LOWER_FROZEN);
    }
    accumulate_case(0, 12, 4, FV_LOWER_FROZEN);
}

/* Normalized by itself a piece has other numbers than the batch; the gradients still meet. */
static void test_statistics_of_their_own(void **state)
{
    (void)state;
    enum { N = 16, K = 4 };
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    fv_accumulate *accumulate;
    net t, again, whole;
    make_net(&whole, ctx, 0);
    make_net(&t, ctx, 0);
    make_net(&again, ctx, 0);
    net_exec_options o = net_options(&whole, N, true);
    net_exec *exec = net_compile(&whole, &o);
    net_fill(&whole, exec, N, CLASSES, 5);
    assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
    assert_int_equal(fv_accumulate_create(ctx, &accumulate), FV_OK);
    o = piece_options(&t, N / K, N, FV_LOWER_TRAINING, true);
    net_exec *small = net_compile(&t, &o);
    o = piece_options(&again, N / K, N, FV_LOWER_TRAINING, true);
    net_exec *other = net_compile(&again, &o);
    run_accumulated(small, exec, accumulate, N, K);
    run_accumulated(other, exec, accumulate, N, K);
    expect_same(&again, other, &t, small, -1, N, K, 0);
    int parameters = 0;
    for (int i = 0; i < t.n_tensors; i++) {
        const net_tensor *p = &t.tensor[i];
        const float *a = net_exec_gradient(small, p->name), *b = net_exec_gradient(exec, p->name);
        if (p->role != FV_ROLE_PARAM || !a)
            continue;
        double distance = 0, norm = 0;
        for (int64_t k = 0; k < p->count; k++) {
            distance += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
            norm += (double)b[k] * (double)b[k];
        }
        /* The bias before a normalization has no gradient but rounding. */
        if (norm > 1e-8) {
            parameters++;
            assert_true(distance > 0 && distance < norm);
        }
    }
    assert_true(parameters >= 6);
    assert_true(fabs(net_exec_loss(small) - net_exec_loss(exec)) < 0.5 * net_exec_loss(exec));
    fv_accumulate_destroy(&accumulate);
    net_exec_destroy(&other);
    net_exec_destroy(&small);
    net_exec_destroy(&exec);
    net_free(&again);
    net_free(&t);
    net_free(&whole);
    fv_ctx_destroy(&ctx);
}

/* ---- a frozen normalization ---- */

static void test_frozen_gradient(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F64, 77);
    net_small(&t, CLASSES);
    net_exec_options o = net_options(&t, 4, true);
    o.lowering = FV_LOWER_FROZEN;
    net_exec *exec = net_compile(&t, &o);
    net_fill(&t, exec, 4, CLASSES, 7);
    int checked = 0;
    for (int p = 0; p < t.n_tensors; p++) {
        net_tensor *tensor = &t.tensor[p];
        assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
        const double *d = net_exec_gradient(exec, tensor->name);
        if (tensor->role == FV_ROLE_STATE || !d)
            continue;
        int64_t i = tensor->count / 2;
        double kept = net_get(&t, tensor, i), expected = d[i], f[2], h = 1e-6;
        for (int side = 0; side < 2; side++) {
            net_set(&t, tensor, i, side ? kept + h : kept - h);
            assert_int_equal(net_exec_run(exec, SEED, STEP), FV_OK);
            f[side] = net_exec_loss(exec);
        }
        net_set(&t, tensor, i, kept);
        double found = (f[1] - f[0]) / (2 * h);
        if (!(fabs(found - expected) <= 1e-7 + 1e-5 * fabs(expected)))
            fail_msg("%s: gradient %.12g, differences say %.12g", tensor->name, expected, found);
        checked++;
    }
    assert_true(checked >= 8);
    for (int p = 0; p < t.n_tensors; p++) /* and nothing moved */
        if (t.tensor[p].role == FV_ROLE_STATE)
            for (int64_t i = 0; i < t.tensor[p].count; i++)
                assert_true(net_get(&t, &t.tensor[p], i) == t.tensor[p].data[i]);
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* ---- what is refused ---- */

static void refuse(fv_ctx *ctx, int64_t batch, int64_t total, int shards, const char *text)
{
    net t;
    make_net(&t, ctx, 1);
    net_exec_options o = piece_options(&t, batch, total, FV_LOWER_TRAINING, false);
    o.part.shards = shards;
    net_exec *exec = NULL;
    assert_int_equal(net_exec_create(ctx, t.g, &o, &exec), FV_ERR_ARGUMENT);
    if (!strstr(fv_ctx_error(ctx), text))
        fail_msg("'%s' lacks '%s'", fv_ctx_error(ctx), text);
    net_free(&t);
}

static void test_refused(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    refuse(ctx, 3, 16, 0, "a piece of 3 samples of a batch of 16: the batch has 8 shards of 2 samples");
    refuse(ctx, 6, 16, 0, "must be a power of two of them");
    refuse(ctx, 7, 14, 1, "the batch has 1 shards of 14 samples");
    refuse(ctx, 8, 16, 3, "a batch of 16 samples in 3 shards");
    refuse(ctx, 8, 12, 8, "a batch of 12 samples in 8 shards");
    refuse(ctx, 32, 16, 0, "a piece of 32 samples");
    net t;
    make_net(&t, ctx, 1);
    net_exec_options o = piece_options(&t, 4, 16, FV_LOWER_TRAINING, false);
    net_exec *exec = net_compile(&t, &o);
    const int64_t offsets[] = {-4, 2, 16};
    for (int i = 0; i < 3; i++) {
        const fv_run run = {.offset = offsets[i]};
        assert_int_equal(fv_instance_run(exec->instance, &run), FV_ERR_ARGUMENT);
    }
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

/* A thread that never comes, or that runs another network, does not hold up the others for ever. */
static void test_peers_that_fail(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        piece pieces[2] = {{0}};
        fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
        fv_lockstep *lockstep;
        assert_int_equal(fv_lockstep_create(ctx, 3, &lockstep), FV_ERR_ARGUMENT);
        assert_int_equal(fv_lockstep_create(ctx, 2, &lockstep), FV_OK);
        for (int j = 0; j < 1 + other; j++) {
            piece *p = &pieces[j];
            p->ctx = fv_test_ctx(1, NULL, NULL);
            p->lockstep = lockstep;
            p->peers = fv_lockstep_peers(lockstep, j, p->ctx);
            p->run = (fv_run){.offset = 4 * j, .peers = &p->peers};
            make_net(&p->t, p->ctx, (uint64_t)j);
            net_exec_options o = piece_options(&p->t, 4, 8, FV_LOWER_TRAINING, false);
            p->exec = net_compile(&p->t, &o);
            assert_int_equal(pthread_create(&p->thread, NULL, run_piece, p), 0);
        }
        if (!other)
            fv_lockstep_leave(lockstep);
        for (int j = 0; j < 1 + other; j++) {
            piece *p = &pieces[j];
            assert_int_equal(pthread_join(p->thread, NULL), 0);
            assert_true(p->status == FV_ERR_FAILED || (other && p->status == FV_ERR_INTERNAL));
            assert_non_null(
                strstr(p->message, p->status == FV_ERR_FAILED ? "another piece stopped" : "must run the same graph"));
            net_exec_destroy(&p->exec);
            net_free(&p->t);
            fv_ctx_destroy(&p->ctx);
        }
        fv_lockstep_destroy(&lockstep);
        fv_ctx_destroy(&ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_in_lockstep),
        cmocka_unit_test(test_pieces_accumulated),
        cmocka_unit_test(test_statistics_of_their_own),
        cmocka_unit_test(test_frozen_gradient),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_peers_that_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
