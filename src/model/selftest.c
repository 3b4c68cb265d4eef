/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-test vectors: outputs of the network for inputs that anyone can compute again, kept in the model file. They show
 * that a model does on this machine, in this version, in exported code, what it did where it was saved.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "model/model.h"

#define FV_SELFTEST_VECTORS 2
#define FV_SELFTEST_OUTPUTS 4096
/* Largest difference, as a share of the largest number expected. */
#define FV_SELFTEST_BOUND 1e-3

void fv_selftest_input(uint64_t seed, int64_t vector, int64_t count, float *dst)
{
    for (int64_t i = 0; i < count; i += 4) {
        uint32_t word[4];
        float value[4];
        fv_philox(seed, FV_RANDOM_TEST, (uint64_t)i / 4, (uint64_t)vector, word);
        fv_normal2(word[0], word[1], value);
        fv_normal2(word[2], word[3], value + 2);
        for (int k = 0; k < 4 && i + k < count; k++)
            dst[i + k] = value[k];
    }
}

/* Runs input `vector` and returns the outputs, valid until the next run. */
static fv_status run_vector(fv_model *model, fv_session *session, uint64_t seed, int64_t vector, const float **output,
                            int64_t *count)
{
    fv_shape shape;
    int64_t h, w, c;
    fv_model_input_size(model, &h, &w, &c);
    fv_selftest_input(seed, vector, h * w * c, fv_session_input(session));
    FV_TRY(fv_session_run(session));
    *output = fv_session_output(session, &shape);
    *count = fv_shape_count(&shape);
    return FV_OK;
}

/* The one that was lent, the model's own session where it is there, else a passing one, so that saving keeps no memory.
 */
static fv_status borrow_session(fv_model *model, fv_session **own, fv_session **session)
{
    *own = NULL;
    if (model->own.lent) {
        *session = model->own.lent;
        return fv_session_refresh(*session);
    }
    if (model->own.session)
        return fv_model_session(model, session);
    FV_TRY(fv_session_create(model, 1, own));
    *session = *own;
    return FV_OK;
}

fv_status fv_selftest_record(fv_model *model)
{
    fv_session *own = NULL, *session = NULL;
    const float *output;
    int64_t count;
    if (model->selftest.vectors > 0 || !fv_model_is_plain(model))
        return FV_OK;
    FV_TRY(borrow_session(model, &own, &session));
    fv_status status = FV_OK;
    fv_selftest test = {.seed = 1};
    for (int64_t v = 0; status == FV_OK && v < FV_SELFTEST_VECTORS; v++) {
        status = run_vector(model, session, test.seed, v, &output, &count);
        if (status != FV_OK)
            break;
        test.count = count < FV_SELFTEST_OUTPUTS ? count : FV_SELFTEST_OUTPUTS;
        if (!test.output) {
            size_t size = (size_t)(FV_SELFTEST_VECTORS * test.count) * sizeof *test.output;
            test.output = model->selftest.output && model->selftest.count == test.count
                              ? model->selftest.output
                              : fv_arena_alloc(model->arena, size);
        }
        if (!test.output)
            status = FV_ERR_NO_MEMORY;
        else
            memcpy(test.output + v * test.count, output, (size_t)test.count * sizeof *output);
    }
    fv_session_destroy(&own);
    if (status != FV_OK)
        return status;
    test.vectors = FV_SELFTEST_VECTORS;
    model->selftest = test;
    return FV_OK;
}

fv_status fv_model_selftest(fv_model *model, double *max_difference)
{
    fv_session *own = NULL, *session = NULL;
    const fv_selftest *test = &model->selftest;
    double worst = 0, largest = 0;
    int64_t worst_vector = 0, worst_output = 0;
    if (max_difference)
        *max_difference = 0;
    if (test->vectors < 1)
        return fv_fail_hint(model->ctx,
                            fv_fail(model->ctx, FV_ERR_UNSUPPORTED,
                                    "model '%s' holds no self-test vectors for its weights", model->name),
                            "save the model, which records them, and load that file");
    FV_TRY(borrow_session(model, &own, &session));
    fv_status status = FV_OK;
    for (int64_t v = 0; status == FV_OK && v < test->vectors; v++) {
        const float *output = NULL;
        int64_t count = 0;
        status = run_vector(model, session, test->seed, v, &output, &count);
        if (status == FV_OK && count < test->count)
            status =
                fv_fail(model->ctx, FV_ERR_MODEL_CORRUPT, "model '%s': %lld outputs, its self-test vectors have %lld",
                        model->name, (long long)count, (long long)test->count);
        for (int64_t i = 0; status == FV_OK && i < test->count; i++) {
            double expected = (double)test->output[v * test->count + i];
            double difference = fabs((double)output[i] - expected);
            largest = fmax(largest, fabs(expected));
            if (!(difference <= worst)) {
                worst = isnan(difference) ? INFINITY : difference;
                worst_vector = v;
                worst_output = i;
            }
        }
    }
    fv_session_destroy(&own);
    if (max_difference)
        *max_difference = worst;
    if (status == FV_OK && !(worst <= FV_SELFTEST_BOUND * fmax(largest, 1e-6)))
        status = fv_fail(
            model->ctx, FV_ERR_MODEL_CORRUPT,
            "model '%s': self-test: output %lld of vector %lld differs by %.3g from the stored one: expected at "
            "most %.3g",
            model->name, (long long)worst_output, (long long)worst_vector, worst,
            FV_SELFTEST_BOUND * fmax(largest, 1e-6));
    return status;
}
