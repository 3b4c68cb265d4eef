/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes that compute half a batch each and exchange their sums over a socket: the bits of the whole batch in
 * one process, whatever shards the caller cuts it into. */
#include "exec/net.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ctx.h"

enum { CLASSES = 5, PIXELS = 8 * 8 * 3, SEED = 11, STEP = 4 };

static void make_net(net *t, fv_ctx *ctx, uint64_t kind)
{
    net_init(t, ctx, FV_F32, 70 + kind);
    if (kind == 0)
        net_small(t, CLASSES);
    else
        net_random_graph(t, (int)(3 + kind), CLASSES, false);
}

/* All bytes, or false. */
static bool send_all(int to, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(to, (const char *)data + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static bool receive_all(int from, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = read(from, (char *)data + done, size - done);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* One process: piece 0 speaks first and piece 1 listens first, so that neither waits for the other to read. */
typedef struct peer {
    int socket, piece;
} peer;

/* data = sum of piece 0 + sum of piece 1, in this order in both processes. */
static fv_status combine(void *user, int32_t index, void *data, int64_t count, fv_dtype dtype)
{
    const peer *p = user;
    (void)index;
    const size_t size = (size_t)count * fv_dtype_size(dtype);
    void *other = malloc(size + 1);
    const bool whole =
        other && (p->piece == 0 ? send_all(p->socket, data, size) && receive_all(p->socket, other, size)
                                : receive_all(p->socket, other, size) && send_all(p->socket, data, size));
    const void *first = p->piece == 0 ? data : other, *second = p->piece == 0 ? other : data;
    for (int64_t i = 0; whole && i < count; i++) {
        if (dtype == FV_F64)
            ((double *)data)[i] = ((const double *)first)[i] + ((const double *)second)[i];
        else
            ((float *)data)[i] = ((const float *)first)[i] + ((const float *)second)[i];
    }
    free(other);
    return whole && (dtype == FV_F64 || dtype == FV_F32) ? FV_OK : FV_ERR_FAILED;
}

/* ---- what a run leaves: logits, then the loss, gradients and running statistics ---- */

typedef struct bytes {
    char *data;
    size_t size, logits;
} bytes;

static void add_bytes(bytes *b, const void *data, size_t size)
{
    b->data = realloc(b->data, b->size + size + 1);
    assert_non_null(b->data);
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void take_results(const net *t, net_exec *exec, int64_t n, bytes *b)
{
    b->logits = (size_t)(n * CLASSES) * sizeof(float);
    add_bytes(b, net_exec_output(exec, 0, NULL), b->logits);
    const double loss = net_exec_loss(exec);
    add_bytes(b, &loss, sizeof loss);
    for (int i = 0; i < t->n_tensors; i++) {
        const net_tensor *a = &t->tensor[i];
        const void *d = a->role == FV_ROLE_STATE ? a->bound : net_exec_gradient(exec, a->name);
        if (d)
            add_bytes(b, d, (size_t)a->count * sizeof(float));
    }
}

/* Runs samples [first, first + n) of a batch of `total` in `shards`. */
static fv_status run(uint64_t kind, int64_t total, int shards, int64_t first, int64_t n, const fv_peers *peers,
                     bytes *b)
{
    fv_ctx *ctx = fv_test_ctx(2, NULL, NULL);
    net t, all;
    make_net(&t, ctx, kind);
    make_net(&all, ctx, kind);
    net_exec_options o = net_options(&all, total, true);
    net_exec *source = net_compile(&all, &o);
    net_fill(&all, source, total, CLASSES, kind);
    o = net_options(&t, n, true);
    o.part = (fv_batch_part){.total = total, .shards = shards};
    net_exec *exec = net_compile(&t, &o);
    memcpy(net_exec_input(exec, 0), (const float *)net_exec_input(source, 0) + first * PIXELS,
           (size_t)(n * PIXELS) * sizeof(float));
    memcpy(net_exec_target(exec), (const int32_t *)net_exec_target(source) + first, (size_t)n * sizeof(int32_t));
    const fv_run call = {.seed = SEED, .step = STEP, .offset = first, .peers = peers};
    const fv_status status = fv_instance_run(exec->instance, &call);
    if (status == FV_OK)
        take_results(&t, exec, n, b);
    net_exec_destroy(&exec);
    net_exec_destroy(&source);
    net_free(&all);
    net_free(&t);
    fv_ctx_destroy(&ctx);
    return status;
}

/* The process of one half: its results go to the pipe. */
static void be_half(uint64_t kind, int64_t total, int shards, int piece, int socket, int to)
{
    peer p = {socket, piece};
    const fv_peers peers = {.combine = combine, .user = &p};
    bytes b = {0};
    const fv_status status = run(kind, total, shards, piece * (total / 2), total / 2, &peers, &b);
    const bool sent = status == FV_OK && send_all(to, &b.size, sizeof b.size) && send_all(to, b.data, b.size);
    free(b.data);
    _exit(sent ? 0 : 1);
}

static void compare(uint64_t kind, int64_t total, int shards, bytes *logits)
{
    int between[2], results[2][2];
    pid_t child[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, between), 0);
    for (int piece = 0; piece < 2; piece++) {
        assert_int_equal(pipe(results[piece]), 0);
        child[piece] = fork();
        assert_true(child[piece] >= 0);
        if (child[piece] == 0) {
            close(between[!piece]);
            be_half(kind, total, shards, piece, between[piece], results[piece][1]);
        }
        close(results[piece][1]);
    }
    close(between[0]);
    close(between[1]);
    bytes whole = {0};
    assert_int_equal(run(kind, total, shards, 0, total, NULL, &whole), FV_OK);
    for (int piece = 0; piece < 2; piece++) {
        bytes half = {.logits = whole.logits / 2};
        assert_true(receive_all(results[piece][0], &half.size, sizeof half.size));
        assert_int_equal(half.size, whole.size - half.logits);
        half.data = malloc(half.size);
        assert_non_null(half.data);
        assert_true(receive_all(results[piece][0], half.data, half.size));
        assert_memory_equal(half.data, whole.data + (size_t)piece * half.logits, half.logits);
        assert_memory_equal(half.data + half.logits, whole.data + whole.logits, half.size - half.logits);
        free(half.data);
        close(results[piece][0]);
        int code;
        assert_int_equal(waitpid(child[piece], &code, 0), child[piece]);
        assert_int_equal(code, 0);
    }
    *logits = whole;
}

static void test_two_processes(void **state)
{
    (void)state;
    for (uint64_t kind = 0; kind < 4; kind++) {
        /* 0: as many shards as a batch of that size has of itself, which is 8. */
        bytes of[3] = {{0}};
        const int shards[3] = {0, 2, 8};
        for (int i = 0; i < 3; i++)
            compare(kind, 16, shards[i], &of[i]);
        /* The shards are the caller's: two of them add in another order, eight are the default. */
        assert_int_equal(of[0].size, of[2].size);
        assert_memory_equal(of[0].data, of[2].data, of[0].size);
        assert_true(memcmp(of[0].data, of[1].data, of[0].size) != 0);
        for (int i = 0; i < 3; i++)
            free(of[i].data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_two_processes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
