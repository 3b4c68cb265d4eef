/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of kernel families share. A family has one file, check_<family>.c, with two tables:

       const fv_check fv_check_<family>[]    its checks, ended by a row without name
       const fv_broken fv_broken_<family>[]  kernels broken on purpose, ended by a row without name

   and one row in FV_CHECK_FAMILIES. */
#ifndef FV_TESTS_KERNELS_FVCHECK_H
#define FV_TESTS_KERNELS_FVCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* One row per check_<family>.c. */
#define FV_CHECK_FAMILIES(X)                                                                                           \
    X(gemm)                                                                                                            \
    X(tiles)                                                                                                           \
    X(half) X(depthwise) X(math) X(pool) X(norm) X(reduce) X(softmax) X(optim) X(eltwise) X(image) X(jpeg) X(quant)

/* Bytes behind a buffer that kernels may read (not write); the same number as FV_TAIL_PAD in base. */
#define FVC_TAIL 256

/* The state of one check on one instruction set. */
typedef struct fvc fvc;
struct fvc {
    const fv_kernels *k;      /* under test */
    const fv_kernels *scalar; /* the scalar variant: on floats k must give its bits */
    uint64_t rng;
    bool failed;
    char message[400]; /* of the first failure */
};

typedef struct fv_check {
    const char *name;      /* "gemm.igemm" */
    void (*run)(fvc *t);   /* proves; ends early once t->failed is set */
    void (*bench)(fvc *t); /* times with fvc_time; NULL: nothing to time */
} fv_check;

/* A broken variant: install replaces one kernel of *k (a copy) by a wrong one; the named check must then fail. */
typedef struct fv_broken {
    const char *name;  /* "gemm.igemm: writes one column too many" */
    const char *check; /* fv_check.name */
    void (*install)(fv_kernels *k);
} fv_broken;

#define FVC_DECLARE(family)                                                                                            \
    extern const fv_check fv_check_##family[];                                                                         \
    extern const fv_broken fv_broken_##family[];
FV_CHECK_FAMILIES(FVC_DECLARE)
#undef FVC_DECLARE

/* Records a failure (the first one is kept). */
void fvc_fail(fvc *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Random numbers: 64 bits; an integer in [lo, hi]; a float in [-1, 1). */
uint64_t fvc_random(fvc *t);
int64_t fvc_int(fvc *t, int64_t lo, int64_t hi);
/* Of so many rounds those that are run: all of them, or with FOVEA_TEST_SHARE=SEED/N at most one in four, drawn by
 * SEED. */
int fvc_rounds(int full);
extern int fvc_share; /* one in so many */
float fvc_real(fvc *t);
/* One of the sizes where edges are: 1..40 and around multiples of 16, up to max. */
int64_t fvc_size(fvc *t, int64_t max);

/* A buffer of that many bytes at a random misalignment (a multiple of align), with FVC_TAIL bytes of canary behind it
   and then an unreadable page, canary and an unreadable page in front. Contents are random bytes' worth of NaN. Freed
   by fvc_reset. */
void *fvc_buffer(fvc *t, size_t bytes, size_t align);
static inline float *fvc_floats(fvc *t, int64_t n)
{
    return fvc_buffer(t, (size_t)n * sizeof(float), sizeof(float));
}
/* Fails if any canary was overwritten, then frees all buffers. Call it at the end of every case. */
void fvc_reset(fvc *t);

/* Fills: integers in [-range, range] (sums of products stay exact in any order); floats in [-1, 1);
   some elements replaced by NaN, infinities, denormals and signed zeros. */
void fvc_fill_int(fvc *t, float *p, int64_t n, int range);
void fvc_fill_real(fvc *t, float *p, int64_t n);
void fvc_fill_special(fvc *t, float *p, int64_t n);

/* Whether two numbers with other bits count as equal: both NaN, and any two zeros where an emulator has its own. */
bool fvc_same_value(double a, double b);
/* Same bits (or fvc_same_value); false and fvc_fail naming the first difference otherwise. */
bool fvc_equal(fvc *t, const char *what, const float *got, const float *want, int64_t n);
/* The same for any type. */
bool fvc_equal_bytes(fvc *t, const char *what, const void *got, const void *want, size_t bytes);

/* Times call(arg): best of several runs, interleaved with the multiply-add roof of the same instruction set. Prints
   label, GFLOP/s and its share of the roof when flops > 0, GB/s when bytes > 0. */
void fvc_time(fvc *t, const char *label, double flops, double bytes, void (*call)(void *arg), void *arg);

#endif
