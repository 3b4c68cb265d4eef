/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trained network on other data: what its layers make of images (features), linear classifiers on them, a classifier
 * and the network below it as one model, and the images nearest to one.
 */
#ifndef FOVEA_TRANSFER_H
#define FOVEA_TRANSFER_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- features ---- */

/**
 * How a map (n h w c) becomes a row: as it is; or what each channel is in cells of a grid, 1 x 1 unless another is
 * asked for: its mean, its largest number, or (mean of max(x, 1e-6)^3)^(1/3) (generalized mean, Radenovic et al.,
 * 2018). Values that are rows already stay as they are.
 */
typedef enum fv_pooling {
    FV_POOLING_NONE,
    FV_POOLING_AVG,
    FV_POOLING_MAX,
    FV_POOLING_GEM,
    FV_POOLING_COUNT
} fv_pooling;
/** "none", "avg", "max", "gem", in the order of fv_pooling; ends with NULL. */
FV_API const char *const *fv_pooling_names(void);

typedef struct fv_features_options {
    /* Layers, by the names of their results, separated by commas. A name is that of a value of the graph (what `fovea
     * info` lists), or of a module: what is called NAME.anything, whose last result is meant; with * or ? those of the
     * list "all" that it fits, else all values that it fits. "all": the network's stages, see fv_features_stage. NULL:
     * what the last weighted layer reads. */
    const char *layers;
    fv_pooling pool;
    int64_t grid[2];    /* rows and columns of a pooled map, no more than the map has; [1, 1] */
    int64_t batch_size; /* images at a time; changes no bit [0: up to 32, fewer of large images] */
    int workers;        /* decoding threads, as fv_loader_options has them */
} fv_features_options;

/** What a layer's result becomes in a row. */
typedef struct fv_feature_stage {
    const char *name;  /* of the value */
    fv_shape shape;    /* of the value, batch 1: n h w c, or n x width */
    fv_shape features; /* the same once pooled */
    int64_t width;     /* floats, in the order of `features` */
    int64_t begin;     /* where they begin in a row */
    fv_pooling pool;   /* NONE: the value is a row, or stays a map */
} fv_feature_stage;

/** The beginning of a network, up to the values asked for. One thread at a time. */
typedef struct fv_features fv_features;

/**
 * Compiles the network up to the last of the values, all of them in one pass, pooled within it; the model must outlive
 * it and keep its weights, which are shared. `options` may be NULL. A value is what its layer computes of those before
 * it, which is what PyTorch's forward hook gives: batch normalization is not folded into the weights before it, as it
 * is in sessions and evaluation, whose last bits may therefore differ. Rows have the same bits whichever values are
 * asked for together.
 *
 * "all" are the values through which everything goes that the network computes of an image (no branch passes them by),
 * behind activation and normalization and without those that only move numbers; of values of one block, such as
 * `features.3` of `features.3.squeeze.relu` and `features.3.concat_1` (a name up to its first part that is a number,
 * or to a number between underscores; else its first part, without what most names begin with), the last one.
 *
 * VALUE: there is no such value, no number of the image is in it, or it is the image itself. UNSUPPORTED: the model
 * takes no single image. NO_MEMORY, OVER_BUDGET.
 */
FV_API fv_status fv_features_create(fv_model *model, const fv_features_options *options, fv_features **features);
FV_API void fv_features_destroy(fv_features **features);
/** Stage i, in the order asked for ("all": of the network); NULL: there is none. Valid as long as the features. */
FV_API const fv_feature_stage *fv_features_stage(const fv_features *features, int i);
/** Floats of a row: the stages' one after another. */
FV_API int64_t fv_features_width(const fv_features *features);
/** Whether what is computed depends on a tensor of the model: others need not be there. */
FV_API bool fv_features_use(const fv_features *features, const char *tensor);
/** The row of one image, `row` of fv_features_width floats. DATA_FORMAT (channels), DIVERGED: it is not finite. */
FV_API fv_status fv_features_run(fv_features *features, const fv_image *image, float *row);
/** What a process will have while fv_features_collect goes over a data set, without the table; fewer images go through
 * at a time where the context's limit asks for it. OVER_BUDGET where not even one fits. */
FV_API fv_status fv_features_memory(fv_features *features, fv_dataset *dataset, fv_memory *memory);

/* ---- tables of rows ---- */

/** Rows of samples, with names and labels: in memory, or where that is not enough in a file without a name, which is
 * gone with the table. Any thread may read. */
typedef struct fv_feature_table fv_feature_table;

typedef struct fv_feature_table_options {
    int64_t memory;     /* bytes that rows may take; [0: half of what the context's limit leaves]; -1: none */
    const char *folder; /* where a file for them is made; NULL: TMPDIR, else /tmp */
} fv_feature_table_options;

/**
 * The rows of a data set's samples, in its order: a pure function of model, data and the layers asked for. Samples that
 * cannot be decoded are left out, and counted by the data set's rules (DATA_TOO_BAD). Labels are classes of the data
 * set; samples with other labels have -1. `options` may be NULL. DIVERGED naming the sample whose row is not finite,
 * INTERRUPTED, NO_SPACE, DATA_EMPTY, NO_MEMORY.
 */
FV_API fv_status fv_features_collect(fv_features *features, fv_dataset *dataset,
                                     const fv_feature_table_options *options, fv_feature_table **table);
FV_API void fv_feature_table_destroy(fv_feature_table **table);
/** Rows. */
FV_API int64_t fv_feature_table_count(const fv_feature_table *table);
/** Stage i as of fv_features_stage; NULL: there is none. */
FV_API const fv_feature_stage *fv_feature_table_stage(const fv_feature_table *table, int i);
/** Name of a row's sample, and its class; -1: none. Out of range: "" and -1. */
FV_API const char *fv_feature_table_name(const fv_feature_table *table, int64_t row);
FV_API int32_t fv_feature_table_label(const fv_feature_table *table, int64_t row);
/** Group of a row's sample (fv_dataset_group); 0: none. */
FV_API uint64_t fv_feature_table_group(const fv_feature_table *table, int64_t row);
FV_API int64_t fv_feature_table_classes(const fv_feature_table *table);
FV_API const char *fv_feature_table_class_name(const fv_feature_table *table, int64_t i);
/** Rows [first, first + count) of stage `stage`, count x width floats. ARGUMENT out of range, IO. */
FV_API fv_status fv_feature_table_get(const fv_feature_table *table, int stage, int64_t first, int64_t count,
                                      float *rows);

/** SHA-256 of the network that rows are of, as fv_model_sha256 has it; "": not known. */
FV_API const char *fv_feature_table_digest(const fv_feature_table *table);

/**
 * Writes a table, atomically, in the form that the name's end says; rows go through in pieces, so that memory does not
 * grow with them. Every stage is an array rows x c x h x w (or as many dimensions as it has: rows x c where a map was
 * pooled to one cell), in PyTorch's order.
 *
 *     .npy          one array; for one stage only
 *     .npz          arrays called as the stages are, and `label`, i64, -1: none
 *     .safetensors  the same as tensors
 *     .csv          columns path, label (the class's name) and STAGE:0, STAGE:1, ...
 *
 * Names, classes and what the stages are stand in the header of .safetensors (`fovea.features`), and for NumPy's in a
 * JSON file PATH.json beside it: {"format", "model", "digest", "stages": [{"name", "shape", "features", "pool"}],
 * "classes": [...], "samples": [{"path", "label"}]}. VALUE: another ending; UNSUPPORTED: too large for the form.
 */
FV_API fv_status fv_feature_table_write(const fv_feature_table *table, const char *path);
/** Whether a table of so many stages can be written to a file of that name: VALUE. */
FV_API fv_status fv_feature_file_check(fv_ctx *ctx, const char *path, int stages);
/** Reads what fv_feature_table_write wrote; the same numbers. Of a CSV file stages are rows, in the file's order.
 * DATA_FORMAT, OVER_BUDGET. */
FV_API fv_status fv_feature_table_read(fv_ctx *ctx, const char *path, fv_feature_table **table);
/** A row of a stage in the order of files (c h w) from its own, or the way back. */
FV_API void fv_feature_turn(const fv_feature_stage *stage, bool to_file, const float *src, float *dst);

/** A row near another. */
typedef struct fv_match {
    int64_t row;
    double similarity; /* cosine of the angle between them, in [-1, 1]; 0 where one of them is 0 */
    int64_t copy_of;   /* row before it in the list whose numbers are the same, bit by bit; -1: none */
    bool same;         /* its numbers are the query's */
} fv_match;
/**
 * The rows nearest to `query` (as wide as the stage): `most` of them that differ, each followed by its copies; equally
 * near ones in the table's order. Row `without` (-1: none) is left out. *matches is freed with fv_matches_free.
 */
FV_API fv_status fv_feature_table_nearest(const fv_feature_table *table, int stage, const float *query, int64_t without,
                                          int64_t most, fv_match **matches, int64_t *count);
FV_API void fv_matches_free(const fv_feature_table *table, fv_match *matches);

/* ---- linear classifiers ---- */

typedef enum fv_linear_loss {
    FV_LINEAR_LOGREG, /* logistic regression: over all classes at once, or of two classes one weight vector */
    FV_LINEAR_SVM,    /* squared hinge, one class against the rest; of two classes one weight vector */
    FV_LINEAR_HINGE,  /* the same with the hinge */
    FV_LINEAR_LOSS_COUNT
} fv_linear_loss;
/** "logreg", "svm", "hinge", in the order of fv_linear_loss; ends with NULL. */
FV_API const char *const *fv_linear_loss_names(void);

/**
 * With rows x_i, scores z = W x + b and the loss l of a sample, W and b minimize
 *
 *     logreg      C sum_i l(z_i, y_i) + |W|^2 / 2              l: softmax cross-entropy (two classes: logistic)
 *     svm, hinge  C sum_i l(z_ik, y_ik) + |w_k|^2 / 2 + b_k^2 / 2 for every class k, y_ik = 1 or -1
 *
 * which is what scikit-learn's LogisticRegression(C) and LinearSVC(C, loss="squared_hinge" | "hinge") minimize with
 * their defaults (intercept_scaling 1). `standardize`: of x as (x - mean) / deviation, measured on the rows given, as
 * StandardScaler before either; the weights that come out are those of x as it is. Sums are float64 in an order that is
 * the same for any number of threads.
 */
typedef struct fv_linear_options {
    fv_linear_loss loss;
    double c; /* [0: 1] */
    bool standardize;
    double tolerance; /* the weights' distance from the minimum, as a share of their length (at least 1) [1e-5, hinge
                         1e-3] */
    int64_t max_iterations; /* [0: 10000] */
} fv_linear_options;

/** Rows to learn from. */
typedef struct fv_linear_data {
    const float *x;      /* rows of `width` floats */
    const int32_t *y;    /* classes of the rows */
    const int64_t *rows; /* which count, n of them; NULL: the first n */
    int64_t n, width, classes;
} fv_linear_data;

typedef struct fv_linear fv_linear;
/** VALUE: fewer than two classes have rows, a class has none, a label out of range. DIVERGED: a number is not finite.
 * OVER_BUDGET. Whoever asks learns from fv_linear_converged whether max_iterations were enough. */
FV_API fv_status fv_linear_fit(fv_ctx *ctx, const fv_linear_data *data, const fv_linear_options *options,
                               fv_linear **linear);
FV_API void fv_linear_destroy(fv_linear **linear);
/** Bytes that fitting takes beside the rows. */
FV_API int64_t fv_linear_bytes(const fv_linear_data *data, const fv_linear_options *options);
/** Weight vectors: the classes, or 1 for two classes (of which it speaks for the second). */
FV_API int64_t fv_linear_vectors(const fv_linear *linear);
/** Numbers of a row. */
FV_API int64_t fv_linear_width(const fv_linear *linear);
FV_API const double *fv_linear_weights(const fv_linear *linear);    /* vectors x width */
FV_API const double *fv_linear_intercepts(const fv_linear *linear); /* vectors */
FV_API bool fv_linear_converged(const fv_linear *linear, int64_t *iterations);
/** The class of each of n rows (n x width floats), the first of equals; `scores` (may be NULL) are n x vectors. */
FV_API void fv_linear_predict(const fv_linear *linear, const float *x, int64_t n, int32_t *classes, double *scores);

/** Accuracies over folds: each fits on all other folds and is scored on its own. */
enum { FV_FOLDS_MAX = 100 };
typedef struct fv_linear_score {
    double accuracy[FV_FOLDS_MAX]; /* of each fold */
    double mean, deviation;        /* over folds; deviation of one fold: sqrt(sum (a - mean)^2 / (folds - 1)) */
    int64_t iterations;            /* all folds together */
    int unconverged;               /* folds whose fit ran out of iterations */
} fv_linear_score;
/**
 * Folds of n rows, stratified: fold[i] in [0, folds). Of each class every fold gets its share, one more or less, drawn
 * by `seed`; rows of one group (0: none; `groups` may be NULL) stay together. A pure function of its arguments. VALUE:
 * a class has one row (or group) only, folds out of range.
 */
FV_API fv_status fv_linear_split(fv_ctx *ctx, const int32_t *y, const uint64_t *groups, int64_t n, int64_t classes,
                                 int folds, uint64_t seed, int32_t *fold);
/** Fits and scores each fold; data->rows must be NULL. */
FV_API fv_status fv_linear_folds(fv_ctx *ctx, const fv_linear_data *data, const fv_linear_options *options,
                                 const int32_t *fold, int folds, fv_linear_score *score);

/**
 * A model of the network up to a stage, its pooling, and the classifier as a dense layer behind it, with the pipeline
 * of `model` and these class names: answers are the classifier's scores (of two classes -z / 2 and z / 2), rounded to
 * float32. It can be saved, scored, and trained further. `options` must name one layer; the classifier is of rows of
 * that stage. VALUE: the widths differ.
 */
FV_API fv_status fv_linear_model(fv_model *model, const fv_features_options *options, const fv_linear *linear,
                                 const char *const *class_names, fv_model **out);

#ifdef __cplusplus
}
#endif
#endif
