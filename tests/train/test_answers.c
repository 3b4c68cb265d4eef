/* SPDX-License-Identifier: Apache-2.0 */
/* A data set's answers, sample by sample: they do not depend on batches and threads. */
#include "pictures.h"

#include <unistd.h>

enum { FILES = 11, CUT = 4, ABSENT = 7 };

/* Pictures of several sizes as PNG files; one is cut short, one is not there. */
static void make_files(fv_ctx *ctx, const char *dir, char path[FILES][300], fv_image image[FILES])
{
    for (int i = 0; i < FILES; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d.png", dir, i);
        image[i] = make_image(20 + 3 * i, 41 - 2 * i, i % 3 ? 3 : 1, (unsigned)i + 9);
        if (i != ABSENT)
            assert_int_equal(fv_image_write_png(ctx, path[i], &image[i]), FV_OK);
    }
    assert_int_equal(truncate(path[CUT], 200), 0);
}

/* All answers of a data set of files are those of each image by itself; what cannot be read is told of in its place. */
static void check_answers(fv_ctx *ctx, fv_predictor *p, const char *const *paths, const float want[2][FILES][CLASSES],
                          uint64_t first)
{
    fv_dataset *d = NULL;
    fv_answer a;
    assert_int_equal(fv_dataset_files(ctx, paths, FILES, NULL, &d), FV_OK);
    assert_int_equal(fv_dataset_task(d), FV_TASK_COUNT);
    assert_int_equal(fv_predictor_start(p, d, first), FV_OK);
    for (int i = 0; i < FILES; i++) {
        assert_int_equal(fv_predictor_next(p, &a), FV_OK);
        assert_int_equal(a.sample, i);
        if (i == CUT || i == ABSENT) {
            assert_int_equal(a.status, i == CUT ? FV_ERR_DATA_TRUNCATED : FV_ERR_NOT_FOUND);
            assert_true(!a.mean && !a.std);
            assert_memory_equal(a.error, paths[i], strlen(paths[i]));
            assert_non_null(
                strstr(a.error, i == CUT ? ".png: truncated PNG at byte 200" : ".png: cannot open: No such"));
            continue;
        }
        assert_true(a.status == FV_OK && !a.error);
        assert_memory_equal(a.mean, want[0][i], sizeof want[0][i]);
        assert_memory_equal(a.std, want[1][i], sizeof want[1][i]);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(fv_predictor_next(p, &a), FV_OK);
        assert_int_equal(a.sample, -1);
    }
    fv_predictor_stop(p);
    fv_dataset_destroy(&d);
}

static void samples_in_turn(void **state)
{
    (void)state;
    const fv_predictor_options kinds[] = {{0},
                                          {.tta = "flip"},
                                          {.tta = "10crop", .scales = "19,25"},
                                          {.tta = "flip", .mean_logits = true, .mc_dropout = 20, .seed = 3}};
    const int64_t batches[] = {0, 1, 2, 3, 40};
    char dir[256], path[FILES][300];
    const char *paths[FILES];
    fv_image image[FILES];
    static float want[2][FILES][CLASSES];
    fv_test_dir_create(dir);
    fv_ctx *writer = fv_test_ctx(1, NULL, NULL);
    make_files(writer, dir, path, image);
    fv_ctx_destroy(&writer);
    for (int i = 0; i < FILES; i++)
        paths[i] = path[i];
    for (size_t run = 0; run < 3 * sizeof kinds / sizeof *kinds; run++) {
        const size_t kind = run / 3, threads = run % 3 + 1;
        fv_ctx *ctx = fv_test_ctx((int)threads, NULL, NULL);
        fv_model *m[2] = {make_model(ctx, SIZE, SIZE, 3, 0.3, 0), make_model(ctx, 24, 20, 4, 0.3, 2)};
        set_resize(m[0], 18);
        set_resize(m[1], 0);
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            fv_predictor_options o = kinds[kind];
            fv_predictor *p = NULL;
            o.batch_size = batches[b];
            o.workers = b == 3 ? -1 : (int)b;
            assert_int_equal(fv_predictor_create(m, 1 + (int)(kind % 2), &o, &p), FV_OK);
            for (int i = 0; i < FILES && threads == 1 && b == 0; i++)
                assert_int_equal(fv_predictor_run(p, &image[i], 5 + (uint64_t)i, want[0][i], want[1][i]), FV_OK);
            for (int again = 0; again < 2; again++)
                check_answers(ctx, p, paths, (const float(*)[FILES][CLASSES])want, 5);
            fv_predictor_destroy(&p);
        }
        fv_model_destroy(&m[0]);
        fv_model_destroy(&m[1]);
        fv_ctx_destroy(&ctx);
    }
    for (int i = 0; i < FILES; i++)
        free(image[i].data);
    fv_test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(samples_in_turn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
