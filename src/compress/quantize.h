/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a quantizer. */
#ifndef FV_COMPRESS_QUANTIZE_H
#define FV_COMPRESS_QUANTIZE_H

#include "compress/fold.h"
#include "compress/histogram.h"
#include "ops/q_rules.h"

/* A value of the folded network. */
typedef struct fv_q_value {
    int32_t same;       /* another value that has its scale; itself: it stands for those that have its own */
    bool observed;      /* what it holds is looked at */
    bool whole;         /* its range is all that was seen: inputs and outputs of the network */
    bool fixed;         /* its pair is its operator's */
    bool ranged;        /* of those that stand for others: one of them is looked at */
    fv_histogram *seen; /* of observed ones */
    double range[2];    /* of observed ones: by what it holds, or as training has left it */
    float *channel_max; /* largest magnitude of each channel */
    double *sum;        /* of the numbers of each channel, where a mean is asked for */
    fv_q_pair pair;     /* of those that stand for others, once chosen */
    double low, high;   /* what the pair covers */
} fv_q_value;

/* A layer. */
typedef struct fv_q_unit {
    const fv_node *node, *clamp; /* clamp: the activation that rides in it; NULL: none */
    const fv_val *result;        /* the clamp's, else the node's */
    const fv_q_rule *rule;       /* NULL: it has no integer form */
    const char *no_rule;         /* why */
    bool keep;                   /* in floats, as was asked */
    bool asked;                  /* by name */
    char made[256];              /* its result's name in the model made last */
    fv_quantize_row row;
    double *sums; /* while errors are measured: squares of signal and noise, by channel */
} fv_q_unit;

struct fv_quantizer {
    fv_ctx *ctx;
    fv_quantize_options o;
    char *skip;
    fv_model *model, *before; /* folded; the one that was given, while images are read */
    fv_q_value *values;       /* by id */
    fv_q_unit *units;
    int n_units;
    int32_t *uses; /* by id */
    float *kept;   /* images that errors are measured on */
    int64_t n_kept, images;
    int equalized;   /* pairs of layers */
    char **warnings; /* ends with NULL */
    int n_warnings;
};

/* The value that stands for a value. */
static inline int32_t fv_q_root(const fv_quantizer *q, int32_t val)
{
    while (q->values[val].same != val)
        val = q->values[val].same;
    return val;
}

static inline const fv_q_pair *fv_q_pair_of(const fv_quantizer *q, const fv_val *val)
{
    return &q->values[fv_q_root(q, val->id)].pair;
}

fv_status fv_q_warn(fv_quantizer *q, const char *format, ...) FV_PRINTF(2, 3);

/* MODEL: it has integers already. */
fv_status fv_q_check_integers(const fv_model *model);
/* Units, shared scales, and which values are looked at. */
fv_status fv_q_plan(fv_quantizer *q);
/* Reads the images. */
fv_status fv_q_observe(fv_quantizer *q, fv_dataset *data);
/* Pairs from what was seen, and what stands out. */
fv_status fv_q_choose(fv_quantizer *q);
/* Scales channels between layers by what was seen; what was seen is that of before. */
fv_status fv_q_equalize(fv_quantizer *q);
/* Ranges as a text of a model that was made by them; from that of q->o.ranges. MODEL: it has none, or of another
 * network. */
fv_status fv_q_note_ranges(const fv_quantizer *q, fv_model *made);
fv_status fv_q_take_ranges(fv_quantizer *q);
/* Forgets what was seen. */
void fv_q_forget(fv_quantizer *q);
/* Whether the images can stand for those the model was trained on. */
fv_status fv_q_check_data(fv_quantizer *q, fv_dataset *data);
typedef struct fv_q_likeness fv_q_likeness;
/* The first normalization of a model: what it holds of its training data. *likeness is NULL where there is none. */
fv_status fv_q_likeness_create(fv_quantizer *q, fv_q_likeness **likeness);
fv_status fv_q_likeness_add(fv_q_likeness *l, const float *image);
fv_status fv_q_likeness_judge(fv_quantizer *q, fv_q_likeness *l);
void fv_q_likeness_destroy(fv_q_likeness **l);

/* Weights of a unit over integers of a scale: of the layer's tensors, which are the caller's, and scales (filters). */
fv_status fv_q_weights(const fv_quantizer *q, const fv_node *node, double src_scale, fv_q_layer *l, double *scale);
/* Biases of the node's filters; 0 where it has none. */
fv_status fv_q_biases(const fv_quantizer *q, const fv_node *node, double *bias);
/* A constant or weight as integers of its own range. */
fv_status fv_q_constant(const fv_quantizer *q, const fv_val *val, fv_tensor **tensor, fv_q_pair *pair);
/* Whether a layer is computed with integers, of which `integer` holds those there are by value: its row says why not.
 * Weights are worth integers wherever they are; other nodes stay with what they get. */
bool fv_q_becomes_integer(fv_q_unit *u, fv_val *const *integer);
/* The graph of the quantized network; `apart`: the network in floats, and beside it each layer by itself in integers,
 * over integers of floats. Names go into units. */
fv_status fv_q_build(fv_quantizer *q, bool apart, fv_graph **graph);
/* Sums of squares of the units: of the network that is apart, or of a model. */
fv_status fv_q_measure(fv_quantizer *q, fv_model *model);

#endif
