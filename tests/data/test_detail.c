/* SPDX-License-Identifier: Apache-2.0 */
/* How fine and how large what images show is, of images that are known to show that. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fovea/data.h>

#include <math.h>
#include <sys/stat.h>

enum { N = 12, SIDE = 64 };

/* A folder of N grey images as arrays. */
static void write_set(const char *name, int h, int w, uint8_t (*pixel)(int i, int y, int x))
{
    char header[128], path[512];
    static uint8_t file[128 + N * SIDE * SIDE];
    memset(header, ' ', sizeof header);
    const int n = snprintf(header, 118, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, %d), }", N, h, w);
    header[n] = ' ';
    header[117] = '\n';
    memcpy(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    memcpy(file + 10, header, 118);
    for (int i = 0; i < N; i++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                file[128 + (i * h + y) * w + x] = pixel(i, y, x);
    snprintf(path, sizeof path, "%s", fv_test_path(dir, name));
    assert_int_equal(mkdir(path, 0777), 0);
    fv_test_write(fv_test_path(path, "images.npy"), file, 128 + (size_t)(N * h * w));
    memset(file + 10, ' ', 118);
    const int m = snprintf((char *)file + 10, 117, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }", N);
    file[10 + m] = ' ';
    file[127] = '\n';
    for (int i = 0; i < N; i++)
        file[128 + i] = (uint8_t)(i % 2);
    fv_test_write(fv_test_path(path, "labels.npy"), file, 128 + N);
}

static fv_detail look(const char *name, int h, int w)
{
    fv_dataset *data = NULL;
    fv_detail d;
    const fv_pipeline p = {.h = h, .w = w, .c = 1, .std = {1}};
    if (fv_dataset_open(ctx, fv_test_path(dir, name), NULL, &data) != FV_OK ||
        fv_dataset_detail(data, &p, 0, 1, -1, &d) != FV_OK)
        fail_msg("%s: %s", name, fv_ctx_error(ctx));
    fv_dataset_destroy(&data);
    assert_int_equal(d.samples, N);
    return d;
}

static uint8_t stripes(int i, int y, int x, double period)
{
    const double turn = ((i % 2 ? (double)x : (double)y) + i) / period;
    return (uint8_t)lround(127.5 + 100 * sin(6.283185307179586 * turn));
}
static uint8_t of_4(int i, int y, int x)
{
    return stripes(i, y, x, 4);
}
static uint8_t of_8(int i, int y, int x)
{
    return stripes(i, y, x, 8);
}
static uint8_t of_16(int i, int y, int x)
{
    return stripes(i, y, x, 16);
}

/* Half a period, whatever the direction. */
static void test_stripes(void **state)
{
    static const struct {
        const char *name;
        uint8_t (*pixel)(int i, int y, int x);
        double detail;
    } rows[] = {{"s4", of_4, 2}, {"s8", of_8, 4}, {"s16", of_16, 8}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_set(rows[i].name, SIDE, SIDE, rows[i].pixel);
        const fv_detail d = look(rows[i].name, SIDE, SIDE);
        assert_true(fabs(d.detail - rows[i].detail) < 0.22 * rows[i].detail);
        assert_true(d.extent > 0.85 * SIDE && d.extent < 1.05 * SIDE);
    }
}

static uint32_t hash(int i, int y, int x)
{
    uint32_t h = (uint32_t)(i * 7919 + y * 131 + x) * 2654435761u;
    h ^= h >> 15;
    h *= 2246822519u;
    return h ^ h >> 13;
}
static uint8_t noise(int i, int y, int x)
{
    return (uint8_t)(hash(i, y, x) & 255);
}
static uint8_t enlarged(int i, int y, int x)
{
    /* Between the corners of cells of 4 x 4 in a line. */
    const int v = y / 4, u = x / 4, dy = y % 4, dx = x % 4;
    return (uint8_t)(((4 - dy) * ((4 - dx) * noise(i, v, u) + dx * noise(i, v, u + 1)) +
                      dy * ((4 - dx) * noise(i, v + 1, u) + dx * noise(i, v + 1, u + 1))) /
                     16);
}

/* Noise is sharp to the pixel; enlarged to four times its size it has hardly anything finer than 2 to 4 pixels. */
static void test_sharp_and_enlarged(void **state)
{
    (void)state;
    write_set("noise", SIDE, SIDE, noise);
    write_set("enlarged", SIDE, SIDE, enlarged);
    const fv_detail sharp = look("noise", SIDE, SIDE), soft = look("enlarged", SIDE, SIDE);
    assert_true(sharp.detail >= 1 && sharp.detail < 1.1);
    assert_true(soft.detail > 2 && soft.detail < 4.5);
}

static uint8_t small_square(int i, int y, int x)
{
    const int at = 8 + i;
    return y >= at && y < at + 16 && x >= at && x < at + 16 ? noise(i, y, x) : 90;
}
static uint8_t flat(int i, int y, int x)
{
    (void)y, (void)x;
    return (uint8_t)(20 * i);
}

/* A textured square of 16 pixels, wherever it is; the network's own size counts; flat images show nothing. */
static void test_extent(void **state)
{
    (void)state;
    write_set("square", 48, 40, small_square);
    write_set("flat", 20, 20, flat);
    const fv_detail d = look("square", 48, 40), twice = look("square", 96, 80), none = look("flat", 20, 20);
    assert_true(fabs(d.extent - 16) < 2);
    assert_true(fabs(twice.extent - 32) < 4);
    assert_true(twice.detail > 1.5 * d.detail);
    assert_true(isnan(none.detail) && isnan(none.extent));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stripes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sharp_and_enlarged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extent, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
