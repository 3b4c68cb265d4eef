/* SPDX-License-Identifier: Apache-2.0 */
/* Places of values: kernels read whole vectors, so behind rows that are no whole vectors there is room that no other
 * value of that time has; and threads that work side by side compute what one computes. */
#include "exec/net.h"

#include "base/hash.h"
#include "exec/internal.h"
#include "ops/ref.h"

#define BATCH   61 /* so large that the work is cut */
#define CLASSES 5

/* Bytes that a vector kernel may touch from the beginning of a value on. */
static int64_t reach(const fv_program *p, const fv_val *val)
{
    const int64_t row = fv_shape_last(&val->shape) * (int64_t)fv_dtype_size(val->dtype),
                  bytes = p->places[val->id].bytes;
    return row % (int64_t)FV_ALIGN == 0 ? bytes : bytes + (int64_t)FV_TAIL_PAD;
}

/* First step that writes the value. */
static int32_t first_step(const fv_val *val)
{
    return val->def ? val->def->id : 0;
}

/* How many pairs of places were compared. */
static int check_places(const fv_program *p)
{
    const fv_graph *g = p->graph;
    int pairs = 0;
    for (int32_t a = 0; a < g->n_vals; a++) {
        const fv_placement *pa = &p->places[a], *ra = &p->places[pa->root];
        if (ra->section == FV_IN_STORE)
            continue;
        const int64_t end = ra->offset + reach(p, g->vals[a]);
        if (ra->section == FV_IN_INPUTS)
            assert_true(end <= p->memory.inputs);
        if (ra->section == FV_IN_BLOCK)
            assert_true(end <= p->memory.activations);
        for (int32_t b = 0; b < g->n_vals; b++) {
            const fv_placement *pb = &p->places[b];
            if (pb->root != b || pa->root == b || pb->section != ra->section || pb->offset < ra->offset)
                continue;
            const bool timed = ra->section == FV_IN_BLOCK || ra->section == FV_IN_REFRESH;
            const bool meet =
                !timed || (first_step(g->vals[b]) <= ra->last && first_step(g->vals[pa->root]) <= pb->last);
            if (!meet)
                continue;
            if (pb->offset < end)
                fail_msg("%s reads up to byte %lld, but %s begins at %lld", g->vals[a]->name, (long long)end,
                         g->vals[b]->name, (long long)pb->offset);
            pairs++;
        }
    }
    return pairs;
}

/* Runs once on that many threads; adds the outputs and every gradient to the hash. */
static void run(int threads, int which, bool training, int *pairs, uint64_t hash[2])
{
    fv_ctx *ctx = fv_test_ctx(threads, NULL, NULL);
    net t;
    net_init(&t, ctx, FV_F32, (uint64_t)which + 1);
    if (which == 0)
        net_small(&t, CLASSES);
    else
        net_random_graph(&t, 9, CLASSES, which % 2);
    net_exec_options o = net_options(&t, BATCH, training);
    net_exec *exec = net_compile(&t, &o);
    *pairs += check_places(exec->program);
    net_fill(&t, exec, BATCH, CLASSES, 3);
    assert_int_equal(net_exec_run(exec, 1, 1), FV_OK);
    fv_shape shape;
    const void *out = net_exec_output(exec, 0, &shape);
    fv_hash_add(hash, out, (size_t)fv_shape_count(&shape) * sizeof(float));
    for (int i = 0; i < t.n_tensors && training; i++) {
        const void *d = net_exec_gradient(exec, t.tensor[i].name);
        if (d)
            fv_hash_add(hash, d, (size_t)t.tensor[i].count * sizeof(float));
    }
    net_exec_destroy(&exec);
    net_free(&t);
    fv_ctx_destroy(&ctx);
}

static void test_places(void **state)
{
    (void)state;
    int pairs = 0;
    for (int which = 0; which < 10; which++)
        for (int training = 0; training < 2; training++) {
            uint64_t one[2] = {0}, eight[2] = {0};
            run(1, which, training, &pairs, one);
            run(8, which, training, &pairs, eight);
            assert_memory_equal(one, eight, sizeof one);
        }
    assert_true(pairs > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
