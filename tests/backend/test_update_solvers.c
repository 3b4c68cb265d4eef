/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers of the update against the operators' references on random shapes. */
#include "op_check.h"

/* A learning rate and the number of a step where the operator takes them. */
static void make_run(const fv_node *node, memory *m)
{
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i] && node->in[i]->dtype == FV_F64) {
            ((double *)(void *)m->in[i])[0] = 0.03;
            ((double *)(void *)m->in[i])[1] = (double)pick(1, 1000);
            if (node->in[i]->shape.dim[0] > 2)
                ((double *)(void *)m->in[i])[2] = 0.87;
        }
}

/* Steps as the trainer makes them. The references round where the kernels do: no tolerance. */
static void test_updates(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        const fv_shape none = {0, {0}}, one = {1, {1}}, run = {1, {pick(2, 3)}};
        fv_shape s = pick(0, 4) ? image() : (fv_shape){1, {pick(1, 100000)}}, scale = pick(0, 1) ? one : none;
        double decay = pick(0, 1) ? 0.01 : 0.0, momentum = pick(0, 1) ? 0.9 : 0.0;
        fv_shape second = momentum > 0 ? s : none;
        fv_sgd_attr sgd = {.momentum = momentum, .weight_decay = decay, .nesterov = pick(0, 1)};
        op_case x = {.op = "sgd_step", .attr = &sgd, .shape = {s, s, run, scale, second}, .n_in = 5};
        x.dtype[2] = FV_F64;
        check_case(&x, make_run);
        fv_rmsprop_attr rmsprop = {.alpha = 0.98, .eps = 1e-6, .momentum = momentum, .weight_decay = decay};
        x = (op_case){.op = "rmsprop_step", .attr = &rmsprop, .shape = {s, s, run, scale, s, second}, .n_in = 6};
        x.dtype[2] = FV_F64;
        check_case(&x, make_run);
        fv_adam_attr adam = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = decay, .decoupled = pick(0, 1)};
        x = (op_case){.op = "adam_step", .attr = &adam, .shape = {s, s, run, scale, s, s}, .n_in = 6};
        x.dtype[2] = FV_F64;
        check_case(&x, make_run);
        adam.decoupled = false;
        x.op = "adam_direction";
        check_case(&x, make_run);
        fv_lookahead_attr lookahead = {.alpha = 0.3, .steps = pick(1, 3)};
        x = (op_case){.op = "lookahead", .attr = &lookahead, .shape = {s, s, run}, .n_in = 3};
        x.dtype[2] = FV_F64;
        check_case(&x, make_run);
        x = (op_case){.op = "nesterov_mean", .attr = &(fv_momentum_attr){0.9}, .shape = {s, run, scale, s}, .n_in = 4};
        x.dtype[1] = FV_F64;
        check_case(&x, make_run);
        check_case(&(op_case){.op = "l2_grad", .attr = &(fv_l2_attr){0.02}, .shape = {s, s, scale}, .n_in = 3}, NULL);
        check_case(&(op_case){.op = "max_norm", .attr = &(fv_limit_attr){0.5}, .shape = {s}, .n_in = 1}, NULL);
        fv_ema_attr ema = {.decay = 0.99};
        check_case(&(op_case){.op = "ema", .attr = &ema, .shape = {s, s}, .n_in = 2}, NULL);
        check_case(&(op_case){.op = "l1_grad", .attr = &(fv_l1_attr){0.01}, .shape = {s, s}, .n_in = 2}, NULL);
        check_case(&(op_case){.op = "clip_by_value", .attr = &(fv_limit_attr){0.4}, .shape = {s}, .n_in = 1}, NULL);
        fv_shape t = image();
        check_case(&(op_case){.op = "global_norm", .shape = {t, s, pick(0, 1) ? t : none, one}, .n_in = 4}, NULL);
        check_case(&(op_case){.op = "all_finite", .shape = {t, s, pick(0, 1) ? t : none, one}, .n_in = 4}, NULL);
    }
}

static void make_bad(const fv_node *node, memory *m)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    int i = (int)pick(0, node->n_in - 1);
    if (node->in[i]->dtype == FV_U8)
        ((uint8_t *)m->in[i])[pick(0, (int64_t)val_bytes(node->in[i]) - 1)] = 0;
    else
        ((float *)(void *)m->in[i])[pick(0, fv_shape_count(&node->in[i]->shape) - 1)] = bad[pick(0, 2)];
    node->op->ref(&(fv_call){.node = node, .in = (void *const *)m->in, .out = (void *const *)m->out});
    assert_int_equal(m->out[0][0], 0);
}

/* One bad element anywhere is found, and so is the verdict of another check. */
static void test_finite(void **state)
{
    (void)state;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        fv_shape one = {1, {1}};
        op_case x = {.op = "all_finite", .shape = {image(), {1, {pick(1, 100000)}}, one}, .n_in = 3, .below = 3};
        x.dtype[2] = FV_U8;
        check_case(&x, make_bad);
    }
}

static void test_all_compared(void **state)
{
    (void)state;
    check_all_compared(is_update);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates),
        cmocka_unit_test(test_finite),
        cmocka_unit_test(test_all_compared),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
