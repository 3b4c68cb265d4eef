/* SPDX-License-Identifier: Apache-2.0 */
/* Many inputs fast: a session is a network compiled for a batch size, whose runs allocate nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <fovea/fovea.h>

static double seconds(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static fv_status run(fv_model *m, int64_t batch, int runs)
{
    fv_session *session = NULL;
    fv_shape shape;
    char text[96];
    int64_t h, w, c;
    FV_TRY(fv_session_create(m, batch, &session));
    fv_model_input_size(m, &h, &w, &c);
    fv_status status = FV_OK;
    double start = 0;
    for (int r = 0; status == FV_OK && r <= runs; r++) {
        if (r == 1)
            start = seconds(); /* the first run packs the weights */
        float *input = fv_session_input(session);
        for (int64_t i = 0; i < batch * h * w * c; i++)
            input[i] = (float)((i + r) % 17) / 8 - 1;
        status = fv_session_run(session);
    }
    if (status == FV_OK) {
        const float *logits = fv_session_output(session, &shape);
        const int64_t classes = shape.dim[1];
        float *p = malloc((size_t)classes * sizeof *p);
        if (p) {
            fv_softmax(logits, classes, p);
            printf("batch %lld: logits %s, first image class 0 with %.4f, %.0f images/s\n", (long long)batch,
                   fv_shape_text(&shape, text), (double)p[0], (double)batch * runs / (seconds() - start));
        }
        free(p);
    }
    fv_session_destroy(&session);
    return status;
}

/* Where the time goes, node by node. */
static fv_status profile(fv_ctx *ctx, fv_model *m)
{
    fv_session *session = NULL;
    char *table = NULL;
    FV_TRY(fv_session_create(m, 1, &session));
    fv_status status = fv_session_profile(session, true, NULL, NULL);
    for (int r = 0; status == FV_OK && r < 5; r++)
        status = fv_session_run(session);
    if (status == FV_OK)
        status = fv_session_profile(session, false, &table, NULL);
    if (status == FV_OK)
        printf("%s", table);
    fv_text_free(ctx, table);
    fv_session_destroy(&session);
    return status;
}

int main(int argc, char **argv)
{
    fv_ctx *ctx = NULL;
    fv_model *m = NULL;
    if (fv_ctx_create(NULL, &ctx) != FV_OK)
        return 1;
    fv_status status = fv_model_zoo(ctx, argc > 1 ? argv[1] : "resnet8", NULL, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 0, FV_INIT_DEFAULT);
    for (int64_t batch = 1; status == FV_OK && batch <= 8; batch *= 8)
        status = run(m, batch, 10);
    if (status == FV_OK)
        status = profile(ctx, m);
    if (status != FV_OK)
        fprintf(stderr, "%s: %s\n%s\n", fv_status_name(status), fv_ctx_error(ctx), fv_ctx_hint(ctx));
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return fv_status_exit_code(status);
}
