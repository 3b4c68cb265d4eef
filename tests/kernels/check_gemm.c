/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the gemm family: products, packing, and that each element is one chain in the stated order. */
#include "fvcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/gemm/gemm.h"

#define MAX_ROWS 64
#define MAX_TAPS 9

/* The definition of igemm in plain loops; b as gemm.h says with panels of nr. */
static void plain_igemm(const fv_igemm *g, int nr)
{
    for (int64_t i = 0; i < g->m; i++) {
        int64_t at = g->dst_row ? g->dst_row[i] : i * g->dst_step;
        for (int64_t j = 0; j < g->n; j++) {
            float x = g->load ? g->dst[at + j] : g->bias ? g->bias[j] : 0.0f;
            for (int64_t t = 0; t < g->taps; t++) {
                const float *a =
                    g->a + (g->a_row ? g->a_row[i] : i * g->a_step) + (g->a_tap ? g->a_tap[t] : t * g->depth);
                const float *b =
                    g->b + j / nr * g->b_panel + (g->b_tap ? g->b_tap[t] : t * g->depth * g->b_step) + j % nr;
                for (int64_t c = 0; c < g->depth; c++)
                    x = fmaf(a[c], b[c * g->b_step], x);
            }
            if (g->shift)
                x += g->shift[j];
            if (g->add)
                x += g->add[at + j];
            if (g->clamp) {
                x = x < g->lo ? g->lo : x;
                x = x > g->hi ? g->hi : x;
            }
            g->dst[at + j] = x;
        }
    }
}

/* Random layouts of one problem: rows and taps scattered or regular, panels packed or plain, edges of every kind. */
typedef struct igemm_case {
    fv_igemm g;
    int64_t row[MAX_ROWS], tap[MAX_TAPS], b_tap[MAX_TAPS], dst_row[MAX_ROWS];
    int64_t dst_size;
} igemm_case;

static void igemm_make(fvc *t, igemm_case *x, int fill)
{
    fv_igemm *g = &x->g;
    const int nr = t->k->gemm->nr;
    memset(x, 0, sizeof *x);
    g->m = fvc_int(t, 1, fvc_int(t, 0, 3) ? 16 : MAX_ROWS);
    g->n = fvc_int(t, 1, fvc_int(t, 0, 3) ? 2 * nr + 3 : 130);
    g->taps = fvc_int(t, 0, 2) ? 1 : fvc_int(t, 1, MAX_TAPS);
    g->depth = fvc_int(t, 1, fvc_int(t, 0, 3) ? 9 : 70);
    int64_t inner = g->taps * g->depth, panels = (g->n + nr - 1) / nr;
    int64_t a_row = inner + fvc_int(t, 0, 5);
    float *a = fvc_floats(t, g->m * a_row);
    g->a = a;
    g->a_step = a_row;
    if (fvc_int(t, 0, 1)) {
        for (int64_t i = 0; i < g->m; i++)
            x->row[i] = fvc_int(t, 0, g->m - 1) * a_row;
        g->a_row = x->row;
    }
    if (fvc_int(t, 0, 1)) {
        for (int64_t i = 0; i < g->taps; i++)
            x->tap[i] = fvc_int(t, 0, g->taps - 1) * g->depth;
        g->a_tap = x->tap;
    }
    int64_t b_size;
    if (fvc_int(t, 0, 1)) {
        g->b_step = nr;
        g->b_panel = inner * nr;
        b_size = panels * g->b_panel;
    } else {
        g->b_step = panels * nr + fvc_int(t, 0, 5);
        g->b_panel = nr;
        b_size = (inner - 1) * g->b_step + panels * nr;
    }
    if (fvc_int(t, 0, 1)) {
        for (int64_t i = 0; i < g->taps; i++)
            x->b_tap[i] = (g->taps - 1 - i) * g->depth * g->b_step;
        g->b_tap = x->b_tap;
    }
    float *b = fvc_floats(t, b_size), *bias = fvc_floats(t, g->n), *shift = fvc_floats(t, g->n);
    g->b = b;
    g->dst_step = g->n + fvc_int(t, 0, 5);
    x->dst_size = g->m * g->dst_step - (g->dst_step - g->n);
    if (fvc_int(t, 0, 1)) {
        for (int64_t i = 0; i < g->m; i++)
            x->dst_row[i] = (g->m - 1 - i) * g->dst_step;
        g->dst_row = x->dst_row;
    }
    float *dst = fvc_floats(t, x->dst_size), *add = fvc_floats(t, x->dst_size);
    g->dst = dst;
    float *all[] = {a, b, bias, dst, add, shift};
    int64_t sizes[] = {g->m * a_row, b_size, g->n, x->dst_size, x->dst_size, g->n};
    for (int i = 0; i < 6; i++) {
        if (fill == 0)
            fvc_fill_int(t, all[i], sizes[i], 8);
        else
            fvc_fill_real(t, all[i], sizes[i]);
        if (fill == 2)
            fvc_fill_special(t, all[i], sizes[i]);
    }
    g->bias = fvc_int(t, 0, 1) ? bias : NULL;
    g->add = fvc_int(t, 0, 2) ? NULL : add;
    g->shift = fvc_int(t, 0, 2) ? NULL : shift;
    g->load = fvc_int(t, 0, 2) == 0;
    g->clamp = fvc_int(t, 0, 1);
    g->lo = 0.0f;
    g->hi = fvc_int(t, 0, 1) ? INFINITY : 6.0f;
}

static void run_igemm(fvc *t)
{
    for (int round = 0; round < fvc_rounds(900) && !t->failed; round++) {
        igemm_case x;
        igemm_make(t, &x, round % 3);
        fv_igemm g = x.g;
        float *want = fvc_floats(t, x.dst_size);
        memcpy(want, g.dst, (size_t)x.dst_size * sizeof(float));
        g.dst = want;
        plain_igemm(&g, t->k->gemm->nr);
        t->k->gemm->igemm(&x.g);
        fvc_equal(t, "igemm", x.g.dst, want, x.dst_size);
        fvc_reset(t);
    }
}

/* The same product cut along its inner index at a random place: a chain continued must not notice. */
static void run_igemm_cut(fvc *t)
{
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        igemm_case x;
        igemm_make(t, &x, 1);
        fv_igemm g = x.g, head, tail;
        g.taps = 1;
        g.a_tap = g.b_tap = NULL;
        if (g.depth < 2) {
            fvc_reset(t);
            continue;
        }
        float *want = fvc_floats(t, x.dst_size);
        memcpy(want, g.dst, (size_t)x.dst_size * sizeof(float));
        head = tail = g;
        head.dst = tail.dst = want;
        int64_t cut = fvc_int(t, 1, g.depth - 1);
        head.depth = cut;
        head.add = head.shift = NULL;
        head.clamp = false;
        tail.depth = g.depth - cut;
        tail.a = g.a + cut;
        tail.b = g.b + cut * g.b_step;
        tail.load = true;
        t->k->gemm->igemm(&head);
        t->k->gemm->igemm(&tail);
        t->k->gemm->igemm(&g);
        fvc_equal(t, "igemm in two parts", g.dst, want, x.dst_size);
        fvc_reset(t);
    }
}

static void plain_tn(const fv_tn *g)
{
    for (int64_t i = 0; i < g->m; i++) {
        for (int64_t j = 0; j < g->n; j++) {
            float x = g->load ? g->c[i * g->c_step + j] : 0.0f;
            for (int64_t r = 0; r < g->n_runs; r++)
                for (int64_t k = 0; k < g->runs[r].count; k++)
                    x = fmaf(g->a[g->runs[r].a + k * g->a_step + (g->a_col ? g->a_col[i] : i)],
                             g->b[g->runs[r].b + k * g->b_step + j], x);
            g->c[i * g->c_step + j] = x;
        }
    }
}

/* The same operands in tiles and panels; runs of g count steps of its own a_step and b_step. */
static void tn_repack(fvc *t, fv_tn *g, int64_t rows, fv_tn_run *runs)
{
    const fv_gemm_kernels *k = t->k->gemm;
    const int64_t tiles = (g->m + k->tn_mr - 1) / k->tn_mr, panels = (g->n + k->nr - 1) / k->nr;
    g->a_tile = rows * k->tn_step + fvc_int(t, 0, 3);
    g->b_panel = rows * k->nr + fvc_int(t, 0, 3);
    float *a = fvc_floats(t, (tiles - 1) * g->a_tile + rows * k->tn_step);
    float *b = fvc_floats(t, (panels - 1) * g->b_panel + rows * k->nr);
    k->tn_pack(a, g->a_tile, g->a, rows, g->m, g->a_step);
    k->pack(b, g->b_panel, g->b, rows, g->n, g->b_step, 1);
    for (int64_t r = 0; r < g->n_runs; r++) {
        runs[r].a = g->runs[r].a / g->a_step * k->tn_step;
        runs[r].b = g->runs[r].b / g->b_step * k->nr;
        runs[r].count = g->runs[r].count;
    }
    g->runs = runs;
    g->a = a;
    g->b = b;
    g->a_col = NULL;
    g->a_step = k->tn_step;
    g->b_step = k->nr;
}

static void run_tn(fvc *t)
{
    for (int round = 0; round < fvc_rounds(600) && !t->failed; round++) {
        int64_t col[MAX_ROWS];
        fv_tn_run runs[4], packed_runs[4];
        fv_tn g = {.m = fvc_int(t, 1, fvc_int(t, 0, 2) ? 16 : MAX_ROWS),
                   .n = fvc_int(t, 1, fvc_int(t, 0, 2) ? 40 : 140)};
        g.a_step = g.m + fvc_int(t, 0, 3);
        g.b_step = g.n + fvc_int(t, 0, 3);
        g.n_runs = fvc_int(t, 1, 4);
        int64_t rows = fvc_int(t, 4, 40);
        for (int64_t r = 0; r < g.n_runs; r++) {
            runs[r].count = fvc_int(t, 0, rows);
            runs[r].a = fvc_int(t, 0, rows - runs[r].count) * g.a_step;
            runs[r].b = fvc_int(t, 0, rows - runs[r].count) * g.b_step;
        }
        g.runs = runs;
        if (fvc_int(t, 0, 1)) {
            for (int64_t i = 0; i < g.m; i++)
                col[i] = fvc_int(t, 0, g.m - 1);
            g.a_col = col;
        }
        g.c_step = g.n + fvc_int(t, 0, 3);
        int64_t a_size = (rows - 1) * g.a_step + g.m, b_size = (rows - 1) * g.b_step + g.n;
        int64_t c_size = (g.m - 1) * g.c_step + g.n;
        float *a = fvc_floats(t, a_size), *b = fvc_floats(t, b_size), *c = fvc_floats(t, c_size),
              *want = fvc_floats(t, c_size);
        float *all[] = {a, b, c};
        int64_t sizes[] = {a_size, b_size, c_size};
        for (int i = 0; i < 3; i++) {
            if (round % 3 == 0)
                fvc_fill_int(t, all[i], sizes[i], 8);
            else
                fvc_fill_real(t, all[i], sizes[i]);
            if (round % 3 == 2)
                fvc_fill_special(t, all[i], sizes[i]);
        }
        g.load = fvc_int(t, 0, 1);
        g.a = a;
        g.b = b;
        memcpy(want, c, (size_t)c_size * sizeof(float));
        g.c = want;
        plain_tn(&g);
        g.c = c;
        if (!g.a_col && fvc_int(t, 0, 1))
            tn_repack(t, &g, rows, packed_runs);
        t->k->gemm->tn(&g);
        fvc_equal(t, "tn", c, want, c_size);
        fvc_reset(t);
    }
}

static void run_tn_pack(fvc *t)
{
    const int mr = t->k->gemm->tn_mr, step = t->k->gemm->tn_step;
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t k = fvc_size(t, 50), m = fvc_size(t, 100), k_step = m + fvc_int(t, 0, 3), tiles = (m + mr - 1) / mr;
        int64_t size = (k - 1) * k_step + m, tile = k * step + fvc_int(t, 0, 5),
                dst_size = (tiles - 1) * tile + k * step;
        float *src = fvc_floats(t, size), *dst = fvc_floats(t, dst_size), *want = fvc_floats(t, dst_size);
        fvc_fill_real(t, src, size);
        fvc_fill_real(t, dst, dst_size);
        memcpy(want, dst, (size_t)dst_size * sizeof(float));
        t->k->gemm->tn_pack(dst, tile, src, k, m, k_step);
        for (int64_t n = 0; n < tiles; n++) {
            const int64_t first = n * m / tiles, count = (n + 1) * m / tiles - first;
            for (int64_t i = 0; i < k; i++)
                for (int64_t j = 0; j < step; j++) {
                    const int64_t at = n * tile + i * step + j;
                    want[at] = j < count ? src[i * k_step + first + j] : dst[at];
                }
        }
        fvc_equal(t, "tn_pack", dst, want, dst_size);
        fvc_reset(t);
    }
}

static void run_pack(fvc *t)
{
    const int nr = t->k->gemm->nr;
    for (int round = 0; round < fvc_rounds(300) && !t->failed; round++) {
        int64_t k = fvc_size(t, 150), n = fvc_size(t, 100), gap = fvc_int(t, 0, 3);
        int64_t k_step = 1, n_step = 1;
        switch (fvc_int(t, 0, 2)) {
        case 0:
            n_step = k + gap;
            break;
        case 1:
            k_step = n + gap;
            break;
        default:
            n_step = 2;
            k_step = 2 * n + gap;
            break;
        }
        int64_t size = (k - 1) * k_step + (n - 1) * n_step + 1, panels = (n + nr - 1) / nr;
        int64_t panel = (k + gap) * nr, dst_size = (panels - 1) * panel + k * nr;
        float *src = fvc_floats(t, size), *dst = fvc_floats(t, dst_size), *want = fvc_floats(t, dst_size);
        fvc_fill_real(t, src, size);
        fvc_fill_real(t, want, dst_size);
        memcpy(dst, want, (size_t)dst_size * sizeof(float));
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = 0; j < panels * nr; j++)
                want[j / nr * panel + i * nr + j % nr] = j < n ? src[i * k_step + j * n_step] : 0.0f;
        t->k->gemm->pack(dst, panel, src, k, n, k_step, n_step);
        fvc_equal(t, "pack", dst, want, dst_size);
        fvc_reset(t);
    }
}

/* ---- timing ---- */

typedef struct bench {
    const fv_gemm_kernels *gemm;
    fv_igemm g;
    fv_tn tn;
    int64_t block; /* rows of A per pass over all panels */
    float *dst;
    const float *src;
    int64_t k, n, k_step, n_step;
} bench;

/* As a caller blocks a large product: the depth in pieces whose rows of A stay in the second-level cache. */
static void call_igemm(void *arg)
{
    bench *x = arg;
    const int64_t piece = x->g.depth > 768 && x->g.m > 64 ? 512 : x->g.depth;
    for (int64_t row = 0; row < x->g.m; row += x->block) {
        for (int64_t at = 0; at < x->g.depth; at += piece) {
            fv_igemm g = x->g;
            g.m = g.m - row < x->block ? g.m - row : x->block;
            g.depth = g.depth - at < piece ? g.depth - at : piece;
            g.a += row * g.a_step + at;
            g.b += at * g.b_step;
            g.dst += row * g.dst_step;
            g.load = at > 0;
            x->gemm->igemm(&g);
        }
    }
}

static void call_tn(void *arg)
{
    bench *x = arg;
    x->gemm->tn(&x->tn);
}

static void call_pack(void *arg)
{
    bench *x = arg;
    x->gemm->pack(x->dst, x->k * x->gemm->nr, x->src, x->k, x->n, x->k_step, x->n_step);
}

static float *bench_floats(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof(float) + 1024) / 64 * 64);
    if (!p) {
        perror("fvcheck");
        exit(2);
    }
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(i % 7) - 3.0f;
    return p;
}

static void bench_igemm(fvc *t)
{
    static const int shapes[][3] = {{3136, 64, 576}, {784, 128, 1152},   {196, 256, 2304}, {49, 512, 4608},
                                    {3136, 256, 64}, {2048, 2048, 2048}, {128, 128, 128},  {1, 1000, 2048},
                                    {1, 4096, 9216}, {16, 1000, 2048},   {1024, 16, 144},  {784, 32, 9}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        if (t->k->isa == FV_ISA_SCALAR && (double)m * (double)n * (double)k > 1e8)
            continue;
        bench x = {.gemm = t->k->gemm, .block = 224};
        int nr = x.gemm->nr;
        int64_t panels = (n + nr - 1) / nr, a_step = k % 512 ? k : k + 16;
        float *a = bench_floats(m * a_step), *b = bench_floats(panels * k * nr), *dst = bench_floats(m * n);
        x.g = (fv_igemm){.m = m,
                         .n = n,
                         .taps = 1,
                         .depth = k,
                         .a = a,
                         .a_step = a_step,
                         .b = b,
                         .b_panel = k * nr,
                         .b_step = nr,
                         .dst = dst,
                         .dst_step = n};
        char label[64];
        snprintf(label, sizeof label, "igemm %lldx%lldx%lld", (long long)m, (long long)n, (long long)k);
        fvc_time(t, label, 2.0 * (double)m * (double)n * (double)k, m == 1 ? 4.0 * (double)n * (double)k : 0,
                 call_igemm, &x);
        free(a);
        free(b);
        free(dst);
    }
}

static void bench_tn(fvc *t)
{
    static const int shapes[][3] = {{64, 64, 448},  {128, 128, 196}, {256, 256, 196},
                                    {512, 512, 49}, {32, 9, 784},    {16, 144, 1024}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        int64_t m = shapes[i][0], n = shapes[i][1], k = shapes[i][2];
        bench x = {.gemm = t->k->gemm};
        fv_tn_run run = {.count = k};
        float *a = bench_floats(m * k), *b = bench_floats(n * k), *c = bench_floats(m * n);
        x.tn = (fv_tn){
            .m = m, .n = n, .a = a, .a_step = m, .b = b, .b_step = n, .runs = &run, .n_runs = 1, .c = c, .c_step = n};
        char label[64];
        snprintf(label, sizeof label, "tn %lldx%lldx%lld", (long long)m, (long long)n, (long long)k);
        fvc_time(t, label, 2.0 * (double)m * (double)n * (double)k, 0, call_tn, &x);
        free(a);
        free(b);
        free(c);
    }
}

static void bench_pack(fvc *t)
{
    for (int by_columns = 0; by_columns < 2; by_columns++) {
        bench x = {.gemm = t->k->gemm, .k = 1152, .n = 128};
        x.k_step = by_columns ? 1 : x.n;
        x.n_step = by_columns ? x.k : 1;
        float *src = bench_floats(x.k * x.n);
        x.src = src;
        x.dst = bench_floats(x.k * (x.n + FV_GEMM_NR_MAX));
        fvc_time(t, by_columns ? "pack 1152x128 transposing" : "pack 1152x128 copying", 0, 8.0 * (double)(x.k * x.n),
                 call_pack, &x);
        free(src);
        free(x.dst);
    }
}

/* ---- float64 ---- */

static double *doubles(fvc *t, int64_t n)
{
    double *p = fvc_buffer(t, (size_t)n * sizeof *p, sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (double)fvc_real(t) + 1e-9 * (double)fvc_real(t);
    return p;
}

static void expect_doubles(fvc *t, const char *what, const double *got, const double *expected, int64_t n)
{
    for (int64_t i = 0; i < n && !t->failed; i++)
        if (memcmp(&got[i], &expected[i], sizeof *got) != 0)
            fvc_fail(t, "%s: number %lld of %lld is %.17g, expected %.17g", what, (long long)i, (long long)n, got[i],
                     expected[i]);
}

static void run_tile64(fvc *t)
{
    const fv_gemm_kernels *g = t->k->gemm;
    const int64_t mr = g->mr64, nr = g->nr64;
    for (int round = 0; round < fvc_rounds(200) && !t->failed; round++) {
        const int64_t k = fvc_int(t, 0, 70), step = nr + fvc_int(t, 0, 5), n = (mr - 1) * step + nr;
        const double *a = doubles(t, k * mr), *b = doubles(t, k * nr);
        double *c = doubles(t, n), *expected = doubles(t, n);
        memcpy(expected, c, (size_t)n * sizeof *c);
        for (int64_t i = 0; i < mr; i++)
            for (int64_t j = 0; j < nr; j++)
                for (int64_t s = 0; s < k; s++)
                    expected[i * step + j] = fma(a[s * mr + i], b[s * nr + j], expected[i * step + j]);
        g->tile64(k, a, b, c, step);
        expect_doubles(t, "tile64", c, expected, n);
        fvc_reset(t);
    }
}

static void run_row64(fvc *t)
{
    for (int round = 0; round < fvc_rounds(400) && !t->failed; round++) {
        const int64_t n = fvc_size(t, 300);
        const double *row = doubles(t, n), *u = doubles(t, n), scale = (double)fvc_real(t);
        double *to = doubles(t, n), *expected = doubles(t, n), lane[8] = {0}, sum[2] = {0};
        for (int64_t i = 0; i < n; i++) {
            lane[i % 8] = fma(row[i], u[i], lane[i % 8]);
            expected[i] = fma(row[i], scale, to[i]);
        }
        for (int i = 0; i < 8; i++)
            sum[0] += lane[i];
        sum[1] = t->k->gemm->row64(n, row, u, scale, to);
        expect_doubles(t, "row64", to, expected, n);
        expect_doubles(t, "row64's sum", &sum[1], &sum[0], 1);
        fvc_reset(t);
    }
}

const fv_check fv_check_gemm[] = {{"gemm.igemm", run_igemm, bench_igemm}, {"gemm.igemm_cut", run_igemm_cut, NULL},
                                  {"gemm.tn", run_tn, bench_tn},          {"gemm.tn_pack", run_tn_pack, NULL},
                                  {"gemm.pack", run_pack, bench_pack},    {"gemm.tile64", run_tile64, NULL},
                                  {"gemm.row64", run_row64, NULL},        {NULL, NULL, NULL}};
