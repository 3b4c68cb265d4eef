/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of 8-bit integers from scales and zero points: the attributes and tables that TensorFlow Lite's
 * specification gives them. Factors are computed in the precision, float or double, that it has them in.
 */
#ifndef FV_OPS_QUANTIZED_H
#define FV_OPS_QUANTIZED_H

#include "ops/attr.h"
#include "ops/fixed.h"

/* One scale and zero point of 8-bit integers, and the limits of a value: x = scale * (q - zero). */
typedef struct fv_q_pair {
    double scale; /* a float */
    int64_t zero, low, high;
    fv_dtype dtype;
} fv_q_pair;

/* The same float as a double of few digits, as attributes in files have it; operators take the float. */
double fv_q_short(double scale);
/* A real number as an integer of the pair, not saturated. */
int64_t fv_q_integer(const fv_q_pair *pair, float x);
/* 8 bits over a range, with 0 among them. False: there is no range, and a floor is taken. */
bool fv_q_pair_set(double low, double high, fv_q_pair *pair);
/* The scale of weights of `bits` bits whose largest magnitude is `most`, and of a bias beside them whose sums have the
 * scale src_scale times that: a bfloat16. */
double fv_q_filter_scale(double most, double bias, double src_scale, int bits);
/* Weights as integers of a scale, symmetric. */
void fv_q_filter(const float *x, int64_t count, double scale, int bits, int8_t *out);
int32_t fv_q_bias(double bias, double scale, double src_scale);
/* Limits of a value that is at least `least`, and at most `most` (NULL: any). False: nothing is left of it. */
bool fv_q_limit(fv_q_pair *out, const double *least, const double *most);

/* Pairs of both operands, then of the result, whose limits count. */
void fv_q_add_set(const fv_q_pair pair[3], bool subtract, fv_q_add_attr *attr);
void fv_q_mul_set(const fv_q_pair pair[3], fv_q_mul_attr *attr);
/* By the sign of the first operand: the slopes are the second. */
void fv_q_prelu_set(const fv_q_pair pair[3], fv_q_mul_attr *attr);
void fv_q_mean_set(const fv_q_pair *in, const fv_q_pair *out, const fv_ints *axes, bool sum, fv_q_mean_attr *attr);
/* softmax of beta * x; the result has the scale 1/256 and the least integer as zero point. False: the scale is too
 * fine. */
bool fv_q_softmax_set(const fv_q_pair *in, double beta, fv_q_softmax_attr *attr);

/* ---- functions of one integer, as a table of 256 ---- */

typedef struct fv_q_table fv_q_table;
struct fv_q_table {
    fv_q_pair in, out; /* set by the caller, with the limits of out */
    double (*entry)(const fv_q_table *t, int64_t q);
    int32_t mul, shift;         /* of the operand */
    int32_t low_mul, low_shift; /* leaky relu: below 0; hard swish: of the clamped part */
    int64_t radius;             /* beyond it a curve is flat */
    bool rough;                 /* gelu by tanh */
    double (*f)(double x, double alpha);
    double alpha;
};

/* x itself in another scale: in doubles, and with the factor of an activation, which is one of floats. */
void fv_q_table_rescale(fv_q_table *t);
void fv_q_table_relu(fv_q_table *t);
void fv_q_table_leaky_relu(fv_q_table *t, double alpha);
/* Results have 1/256 and the least integer; 1/128 and 0 (i8). */
void fv_q_table_logistic(fv_q_table *t);
void fv_q_table_tanh(fv_q_table *t);
/* False: the scale of out is too fine. */
bool fv_q_table_hard_swish(fv_q_table *t);
void fv_q_table_gelu(fv_q_table *t, bool rough);
/* f of a real number, rounded to the nearest integer, halves away from 0: for functions that the specification does
 * not have. */
void fv_q_table_exact(fv_q_table *t, double (*f)(double x, double alpha), double alpha);

/* A function of one number that has a table, as an operator of floats has it. */
typedef enum fv_q_function {
    FV_Q_RESCALE, /* the number itself */
    FV_Q_CLAMP,   /* within least and most */
    FV_Q_LEAKY_RELU,
    FV_Q_SIGMOID,
    FV_Q_TANH,
    FV_Q_GELU,
    FV_Q_HARD_SIGMOID,
    FV_Q_HARD_SWISH,
    FV_Q_SILU
} fv_q_function;
/* Limits that no number reaches. */
#define FV_Q_FAR 3e38
typedef struct fv_q_curve {
    int32_t function; /* fv_q_function */
    double alpha;     /* LEAKY_RELU */
    bool rough;       /* GELU */
    double least, most;
} fv_q_curve;
/* Its table from pairs. */
void fv_q_table_curve(const fv_q_curve *curve, const fv_q_pair *in, const fv_q_pair *out, fv_q_table *t);
/* The entries of t, of out's dtype, from the least integer on. */
void fv_q_table_fill(const fv_q_table *t, void *entries);
/* What the integers of a pair stand for, as floats. */
void fv_q_table_reals(const fv_q_pair *pair, float entries[256]);

#endif
