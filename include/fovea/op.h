/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator is. The built-in operators (src/ops) are rows of this type, and a program can register its own
 * with fv_op_register: they are planned, differentiated, saved and printed by the same machinery.
 */
#ifndef FOVEA_OP_H
#define FOVEA_OP_H

#include <fovea/activation.h>
#include <fovea/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_op fv_op;
typedef struct fv_node fv_node;
typedef struct fv_graph fv_graph;

/** What a value is to the graph. */
typedef enum fv_role {
    FV_ROLE_COMPUTED, /* output of a node */
    FV_ROLE_INPUT,    /* bound by the caller at every run: images, labels */
    FV_ROLE_PARAM,    /* trained */
    FV_ROLE_STATE,    /* belongs to the model but is not trained: running mean and variance */
    FV_ROLE_CONST     /* never changes: the elements stand in the graph */
} fv_role;

/** A value: the edge of the graph. */
typedef struct fv_val {
    int32_t id; /* index in the graph */
    fv_dtype dtype;
    fv_role role;
    fv_shape shape;
    const char *name; /* unique in the graph; parameters: the name in the model file */
    fv_node *def;     /* node that computes it; NULL unless COMPUTED */
    int32_t def_index;
    fv_tensor *elements; /* CONST only: all of them, or one that is repeated; shared by copies, never written */
    bool frozen;         /* PARAM, STATE: training keeps its value (--freeze) */
} fv_val;

/** A node: one use of an operator. `in[i]` is NULL where an optional operand is absent. */
struct fv_node {
    int32_t id;
    const fv_op *op;
    const char *name; /* unique in the graph; shown in messages */
    const void *attr; /* the operator's attribute struct */
    int32_t n_in, n_out;
    fv_val **in, **out;
};

/** Kinds of attributes and the C type each is stored as. */
typedef enum fv_attr_kind {
    FV_ATTR_INT,  /* int64_t */
    FV_ATTR_INT2, /* int64_t[2]: height, width; text accepts one number for both */
    FV_ATTR_PAD,  /* int64_t[4]: top, left, bottom, right; text accepts one number, or two (vertical, horizontal) */
    FV_ATTR_INTS, /* fv_ints: up to 16 numbers */
    FV_ATTR_REAL, /* double */
    FV_ATTR_BOOL, /* bool */
    FV_ATTR_ENUM  /* int32_t, index into `names` */
} fv_attr_kind;

typedef struct fv_ints {
    int64_t count, value[16];
} fv_ints;

/** One attribute: how to read, check, print and default it. A table ends with a NULL key. */
typedef struct fv_attr {
    const char *key;
    fv_attr_kind kind;
    size_t offset;
    double def, min, max;     /* for pairs and pads: of every element */
    const char *const *names; /* ENUM: NULL-terminated */
    const char *doc;          /* one sentence for the generated reference */
} fv_attr;

/** Properties that passes and planners ask for instead of names. */
enum {
    FV_T_VIEW = 1 << 0,     /* out[0] is in[0] under another shape: no work, shared memory */
    FV_T_INPLACE = 1 << 1,  /* out[0] may overwrite in[0] */
    FV_T_MONOTONE = 1 << 2, /* elementwise, non-decreasing, and inputs that share a result have gradient 0 (not so where
                               rounding merges them): commutes with taking a maximum, in gradients too */
    FV_T_MAXIMUM = 1 << 3,  /* every output is one of the inputs, the largest of a window: commutes with MONOTONE */
    FV_T_FUSES_ACTIVATION = 1 << 4, /* attribute struct begins with `int32_t activation` (fv_activation), applied last;
                                       with BACKWARD: in[0] is first masked by that activation's gradient, whose output
                                       is the last operand (n_in_max - 1, optional) */
    FV_T_FUSES_RESIDUAL = 1 << 5,   /* in[3], when present, is added before the activation */
    FV_T_STOCHASTIC = 1 << 6,       /* uses the run's seed and step */
    FV_T_MIXED = 1 << 7,            /* float operands may be of different types: infer says which */
    FV_T_WEIGHTED =
        1 << 8, /* in[1] is a weight, in[2] an optional bias; linear in in[0]; output channels are in[1]'s dim 0 */
    FV_T_ADD = 1 << 9,           /* out = in[0] + in[1], where their shapes are equal */
    FV_T_LOSS = 1 << 10,         /* out[0] is a scalar loss; in[1] the target */
    FV_T_BACKWARD = 1 << 11,     /* appears only in gradients and updates: no gradient of its own */
    FV_T_SHARDED = 1 << 12,      /* sums over samples by logical shards (see fv_call.shards) */
    FV_T_MEETS = 1 << 13,        /* out[0] is in[0], of which the pieces of a batch make one sum (see fv_call.total) */
    FV_T_BOUNDED = 1 << 14,      /* results have a least or a largest value: no scores, which a loss of labels takes */
    FV_T_HALF = 1 << 15,         /* operands and results may be F16: stored so, summed in float32, rounded once */
    FV_T_SATURATES = 1 << 16,    /* elementwise, with both, which far operands come near to: no gradient there. From 0
                                    or -1 to 1 */
    FV_T_CLASS_LABELS = 1 << 20, /* LOSS: in[1] may be I32 class indices */
    FV_T_SET_LABELS = 1 << 21,   /* LOSS: the usual one for samples of several classes, 0 or 1 for each */
    FV_T_VALUE_LABELS = 1 << 22  /* LOSS: the usual one for numbers to predict */
};

/** What an operand is to its operator: what a model asks when it starts, decays and files its tensors. */
typedef enum fv_operand_kind {
    FV_OPERAND_DATA = 0, /* anything else */
    FV_OPERAND_WEIGHT,   /* filters or a matrix */
    FV_OPERAND_BIAS,     /* added per output channel */
    FV_OPERAND_NORM,     /* scale or shift of a normalization */
    FV_OPERAND_COUNTED   /* a state; files count its updates as "num_batches_tracked" beside it */
} fv_operand_kind;

/** What output pixel i of a node sees of in[0] along one axis: pixels start + step * i + gap * t, t from 0 to taps - 1.
 * Fractions, of an operator that enlarges or whose windows differ: from the floor of the first to the ceiling of the
 * last (none where that lies before the first). */
typedef struct fv_reach {
    double taps, gap, step, start;
} fv_reach;

/** Work of one run of a node. */
typedef struct fv_cost {
    double macs;  /* multiply-adds of convolutions and products (fused ones count as one) */
    double flops; /* all floating-point operations: 2 * macs + the rest */
    double bytes; /* read and written, each operand once */
} fv_cost;

/** One run of a node: operand addresses and the run's randomness. Absent operands are NULL. */
typedef struct fv_call {
    const fv_node *node;
    void *const *in; /* operands; those of fv_op.updates are written */
    void *const *out;
    void *workspace;     /* solver->workspace bytes, 64-byte aligned, contents undefined */
    const void *packed;  /* what the solver's pack wrote */
    uint64_t seed, step; /* key of random numbers */
    int shards;          /* sums across samples: this many consecutive groups of n/shards samples, then a binary tree */
    int64_t samples;     /* 0, or how many leading samples of out[0] matter: the others may be left as they are */
    /* A run may compute a piece of a batch: `piece` samples from number `offset` on, of `total`. piece 0: the operands
     * are the whole batch. */
    int64_t piece, total, offset;
} fv_call;

/** Appends nodes to a graph: what gradients and rewrites get. Failures stick and surface when the pass ends. */
typedef struct fv_builder fv_builder;

/**
 * Appends a node `op` with the given operands (copied) and attributes (copied; NULL: defaults); returns its first
 * output (NULL where the operator has none), or NULL once anything failed (NULL operands that come from a failure are
 * accepted). Names derive from the
 * node being differentiated or rewritten.
 */
FV_API fv_val *fv_emit(fv_builder *builder, const char *op, const void *attr, fv_val *const *in, int n_in);
/** The i-th output of the node that computes `first`. */
FV_API fv_val *fv_emit_out(fv_builder *builder, fv_val *first, int i);
/** Whether a gradient with respect to `val` is wanted. */
FV_API bool fv_emit_wanted(const fv_builder *builder, const fv_val *val);
/** A constant of the graph's float type: `value`, repeated. */
FV_API fv_val *fv_emit_const(fv_builder *builder, double value, const fv_shape *shape);
/** That float type: f32, or f64 in programs that check gradients. */
FV_API fv_dtype fv_emit_float(const fv_builder *builder);
/** A constant with the dtype, shape and elements of `tensor`, which it shares: they must not change any more. */
FV_API fv_val *fv_emit_tensor(fv_builder *builder, const fv_tensor *tensor);
/** The sum of `sums` over all pieces of the batch: those of this run's samples, where it computes the whole of it. */
FV_API fv_val *fv_emit_meet(fv_builder *builder, fv_val *sums);
/** Fails the pass with a text about `node`. */
FV_API fv_status fv_emit_fail(fv_builder *builder, const fv_node *node, const char *format, ...) FV_PRINTF(3, 4);

/** Positions along the dimensions of a graph's values, of which some are to be taken away: "channels", mostly. */
typedef struct fv_channels fv_channels;

/**
 * Position from_a + i along dimension dim_a of `a`, and from_b + i along dim_b of `b`, an operand or a result of the
 * same node, go together, for i from 0 to count - 1: one is not taken away without the other.
 */
FV_API void fv_channels_tie(fv_channels *c, const fv_val *a, int dim_a, int64_t from_a, const fv_val *b, int dim_b,
                            int64_t from_b, int64_t count);
/** How many of the `count` positions from `from` on are left. */
FV_API int64_t fv_channels_left(const fv_channels *c, const fv_val *val, int dim, int64_t from, int64_t count);

/** An operator: one row. Hooks may be NULL where the comment says so. */
struct fv_op {
    const char *name; /* "conv2d" */
    const char *doc;  /* one paragraph: formula, operands and shapes */
    int8_t n_in_min, n_in_max, n_out;
    uint32_t traits;
    uint32_t updates; /* bit i: writes in[i], a PARAM or STATE, in place. Such a node is never removed as dead, and only
                         such a node may do without outputs */
    fv_activation fuses_as;       /* activations: what they are in an epilogue; else FV_ACT_NONE */
    fv_activation backward_of;    /* (d_dst, dst) -> d_src of an activation that fuses: which one; else FV_ACT_NONE */
    const char *const *operands;  /* names of in[] (n_in_max of them), then out[]: "src", "wei", "bia", "dst" */
    const fv_operand_kind *kinds; /* of in[] (n_in_max); NULL: all DATA */
    const char *const *letters; /* dimension letters of in[], e.g. "nhwc", "krsc", "k", for problem texts (n_in_max) */
    size_t attr_size;           /* of the attribute struct; 0: none */
    const fv_attr *attrs;       /* ends with a NULL key; NULL: none */

    /** Sets dtype and shape of every output from operands and attributes: the only place constraints are checked. */
    fv_status (*infer)(fv_ctx *ctx, const fv_node *node);
    /** d_in[i] = gradient nodes for every in[i] that fv_emit_wanted; d_out[i] may be NULL (zero). NULL: not
     * differentiable. */
    fv_status (*grad)(fv_builder *b, const fv_node *node, fv_val *const *d_out, fv_val **d_in);
    /** Work of one run. NULL: one flop per output element. */
    fv_cost (*cost)(const fv_node *node);
    /** Images (n h w c): what an output pixel sees of in[0] along axis 0 (rows) or 1. NULL: the pixel at its place, or
     * everything when the result is no image. */
    fv_reach (*reach)(const fv_node *node, int axis);
    /** Whether row i of out[0] may depend on other rows than i of the operands, or its rows are not the samples: then
     * runs compute the whole batch (fv_call.samples is 0). NULL: never. */
    bool (*moves_samples)(const fv_node *node);
    /** Plain loops (fv_get, fv_set), single-threaded; the definition of the result. */
    void (*ref)(const fv_call *call);
    /**
     * Replaces the node when a graph is compiled for training or inference: sets out[] from the operands in[]
     * (possibly to an operand itself). NULL: the node stays.
     */
    fv_status (*lower)(fv_builder *b, const fv_node *node, bool training, fv_val *const *in, fv_val **out);
    /**
     * SHARDED operators: replaces the node when a run may compute a piece of a batch. Sums over the samples of this run
     * become values of their own (float64, not rounded), pass through fv_emit_meet, and are rounded and used behind it.
     * `pooled`: what later samples' results depend on (statistics of the batch) meets too; else it stays the piece's
     * own, and only gradients meet. NULL: every result is a sum in the graph's float type, and results meet.
     */
    fv_status (*partial)(fv_builder *b, const fv_node *node, bool pooled, fv_val *const *in, fv_val **out);
    /**
     * Inference only: folds the node into `producer` (FV_T_WEIGHTED, computes in[0], no activation, used once) by
     * emitting a producer with other weights: sets *out, or leaves it NULL to decline. `in` are operands of node (in[0]
     * unused), `producer_in` those of producer. NULL: never folds.
     */
    fv_status (*fold)(fv_builder *b, const fv_node *node, const fv_node *producer, fv_val *const *in,
                      fv_val *const *producer_in, fv_val **out);
    /**
     * Says which positions of operands and results go together when channels are taken away (fv_channels_tie). All
     * positions of a dimension that nothing is said of stay; NULL: of every one.
     */
    void (*channels)(fv_channels *c, const fv_node *node);
    /** Changes `attr`, a copy of the node's, to what it is without them (fv_channels_left). NULL: it is the same. */
    void (*narrow)(const fv_channels *c, const fv_node *node, void *attr);
};

/** Whether a node of this operator writes its operand i in place. */
static inline bool fv_op_updates(const fv_op *op, int i)
{
    return i < 32 && (op->updates >> i & 1) != 0;
}

/** fv_dtype_get and fv_dtype_set for plain loops: without a call for f32 and f64. */
static inline double fv_get(fv_dtype dtype, const void *data, int64_t i)
{
    if (dtype == FV_F32)
        return (double)((const float *)data)[i];
    return dtype == FV_F64 ? ((const double *)data)[i] : fv_dtype_get(dtype, data, i);
}

static inline void fv_set(fv_dtype dtype, void *data, int64_t i, double value)
{
    if (dtype == FV_F32)
        ((float *)data)[i] = (float)value;
    else if (dtype == FV_F64)
        ((double *)data)[i] = value;
    else
        fv_dtype_set(dtype, data, i, value);
}

/** Fails an infer hook: "conv2d 'res3a': " + the text; records SHAPE. */
FV_API fv_status fv_node_fail(fv_ctx *ctx, const fv_node *node, const char *format, ...) FV_PRINTF(3, 4);

/** Registers an operator with a context; `op` must outlive it. ARGUMENT when the name is taken or a hook is missing. */
FV_API fv_status fv_op_register(fv_ctx *ctx, const fv_op *op);

/** Built-in operators, in order of their names; *count is set. */
FV_API const fv_op *const *fv_op_list(int *count);

#ifdef __cplusplus
}
#endif
#endif
