/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: a pipeline (how an image becomes an input), a graph, weights and class names; built layer by layer, taken
 * from the zoo, read from an architecture file or a model file.
 */
#ifndef FOVEA_MODEL_H
#define FOVEA_MODEL_H

#include <fovea/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fv_model fv_model;

/** A value of a model under construction. A failed call gives id < 0; later calls pass it on, fv_model_finish reports
 * the first error. */
typedef struct fv_value {
    int32_t id;
} fv_value;

/** Creates an empty model. The caller destroys it before the context. */
FV_API fv_status fv_model_create(fv_ctx *ctx, fv_model **model);
FV_API void fv_model_destroy(fv_model **model);

/* ---- building ---- */

/** The image input: n x h x w x c, c channels last. */
FV_API fv_value fv_input(fv_model *model, int64_t h, int64_t w, int64_t c);
/** Any other input: of any dtype and shape, whose first dimension is the batch and is 1 here. A model may have several,
 * each with a name of its own. */
FV_API fv_value fv_input_tensor(fv_model *model, const char *name, fv_dtype dtype, const fv_shape *shape);
/** A constant with the dtype, shape and elements of `tensor`, which are copied. Constants are part of the graph: saved
 * with the model, never trained. name NULL: constant_1, constant_2, ... */
FV_API fv_value fv_constant(fv_model *model, const char *name, const fv_tensor *tensor);

/**
 * How weights start. fan_in and fan_out are the inputs and outputs of one weight: c/g r s and k r s for filters.
 * DEFAULT is PyTorch's own: uniform in +-1/sqrt(fan_in), biases too; with any other scheme biases start at 0. The zoo
 * sets what each architecture's paper or torchvision uses.
 */
typedef enum fv_init {
    FV_INIT_DEFAULT = 0,
    FV_INIT_XAVIER_UNIFORM,    /* variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010) */
    FV_INIT_XAVIER_NORMAL,     /* the same */
    FV_INIT_HE_UNIFORM,        /* variance 2 / fan_in (He et al., 2015) */
    FV_INIT_HE_NORMAL,         /* the same */
    FV_INIT_LECUN_NORMAL,      /* variance 1 / fan_in (LeCun et al., 1998) */
    FV_INIT_GAUSSIAN,          /* standard deviation init_value, 0: 0.01 */
    FV_INIT_CONSTANT,          /* init_value */
    FV_INIT_HE_NORMAL_FAN_OUT, /* variance 2 / fan_out: keeps the size of gradients */
    FV_INIT_COUNT
} fv_init;
/** "default", "xavier_uniform", ... in the order of fv_init; ends with NULL. */
FV_API const char *const *fv_init_names(void);

/** Zero members mean the default, so that `fv_conv2d(m, x, .filters = 32, .kernel = {3, 3})` is a whole layer. */
typedef struct fv_conv2d_options {
    const char *name;    /* parameters are NAME.weight and NAME.bias; NULL: conv2d_1, conv2d_2, ... */
    int64_t filters;     /* output channels; required */
    int64_t kernel[2];   /* r, s; required */
    int64_t stride[2];   /* default 1 */
    int64_t dilation[2]; /* default 1 */
    int64_t pad[4];      /* top, left, bottom, right */
    bool same;           /* pad so that output = ceil(input / stride), TensorFlow's rule; excludes pad */
    int64_t groups;      /* default 1; -1: depthwise (one group per input channel) */
    bool no_bias;
    fv_activation activation; /* FV_RELU, ... */
    fv_init init;
    double init_value;
} fv_conv2d_options;

typedef struct fv_conv_transpose2d_options {
    const char *name;
    int64_t filters, kernel[2], stride[2], dilation[2], pad[4], output_pad[2], groups;
    bool no_bias;
    fv_activation activation;
    fv_init init;
    double init_value;
} fv_conv_transpose2d_options;

typedef struct fv_dense_options {
    const char *name;
    int64_t units; /* required */
    bool no_bias;
    fv_activation activation;
    fv_init init;
    double init_value;
} fv_dense_options;

typedef struct fv_pool2d_options {
    const char *name;
    int64_t size[2];   /* required for max and average pooling */
    int64_t stride[2]; /* default: size */
    int64_t pad[4];
    bool ceil;
    bool exclude_pad; /* average: divide by the number of pixels inside the image only */
} fv_pool2d_options;

typedef struct fv_batch_norm_options {
    const char *name;
    double eps;      /* default 1e-5 */
    double momentum; /* default 0.1 */
    fv_activation activation;
} fv_batch_norm_options;

typedef struct fv_layer_norm_options {
    const char *name;
    double eps;     /* default 1e-6 */
    bool no_affine; /* neither scale nor shift */
    bool no_bias;   /* no shift */
    fv_activation activation;
} fv_layer_norm_options;

/* The generalized mean of a map, by channel: (mean over h, w of max(x, eps)^p)^(1/p), p trained (NAME.p). 1 is the
 * mean, and the larger p, the nearer is the maximum (Radenovic et al., 2018). */
typedef struct fv_gem_pool_options {
    const char *name;
    double p;   /* where it starts; default 3 */
    double eps; /* default 1e-6 */
} fv_gem_pool_options;

/* Any operator by name, for those without a function of their own: operands, attributes as text ("scale=2
 * mode=bilinear"). */
typedef struct fv_layer_options {
    const char *name;
    const char *attributes;
} fv_layer_options;

FV_API fv_value fv_conv2d_with(fv_model *m, fv_value x, const fv_conv2d_options *options);
FV_API fv_value fv_conv_transpose2d_with(fv_model *m, fv_value x, const fv_conv_transpose2d_options *options);
FV_API fv_value fv_dense_with(fv_model *m, fv_value x, const fv_dense_options *options);
FV_API fv_value fv_max_pool2d_with(fv_model *m, fv_value x, const fv_pool2d_options *options);
FV_API fv_value fv_avg_pool2d_with(fv_model *m, fv_value x, const fv_pool2d_options *options);
FV_API fv_value fv_batch_norm_with(fv_model *m, fv_value x, const fv_batch_norm_options *options);
FV_API fv_value fv_layer_norm_with(fv_model *m, fv_value x, const fv_layer_norm_options *options);
FV_API fv_value fv_gem_pool_with(fv_model *m, fv_value x, const fv_gem_pool_options *options);
#define fv_conv2d(m, x, ...) fv_conv2d_with((m), (x), FV_OPTIONS(fv_conv2d_options, __VA_ARGS__))
#define fv_conv_transpose2d(m, x, ...)                                                                                 \
    fv_conv_transpose2d_with((m), (x), FV_OPTIONS(fv_conv_transpose2d_options, __VA_ARGS__))
#define fv_dense(m, x, ...)      fv_dense_with((m), (x), FV_OPTIONS(fv_dense_options, __VA_ARGS__))
#define fv_max_pool2d(m, x, ...) fv_max_pool2d_with((m), (x), FV_OPTIONS(fv_pool2d_options, __VA_ARGS__))
#define fv_avg_pool2d(m, x, ...) fv_avg_pool2d_with((m), (x), FV_OPTIONS(fv_pool2d_options, __VA_ARGS__))
/** fv_batch_norm(m, x, .eps = 1e-5): at least one named argument is needed in C17. In C++ the arguments of all of these
 * stand in the order of the members. */
#define fv_batch_norm(m, x, ...) fv_batch_norm_with((m), (x), FV_OPTIONS(fv_batch_norm_options, __VA_ARGS__))
#define fv_layer_norm(m, x, ...) fv_layer_norm_with((m), (x), FV_OPTIONS(fv_layer_norm_options, __VA_ARGS__))
#define fv_gem_pool(m, x, ...)   fv_gem_pool_with((m), (x), FV_OPTIONS(fv_gem_pool_options, __VA_ARGS__))

FV_API fv_value fv_flatten(fv_model *m, fv_value x);
FV_API fv_value fv_global_avg_pool(fv_model *m, fv_value x);
FV_API fv_value fv_activate(fv_model *m, fv_value x, fv_activation activation);
FV_API fv_value fv_dropout(fv_model *m, fv_value x, double rate);
FV_API fv_value fv_add(fv_model *m, fv_value a, fv_value b);
FV_API fv_value fv_mul(fv_model *m, fv_value a, fv_value b);
FV_API fv_value fv_concat(fv_model *m, const fv_value *x, int count);
/** Any operator. Weights it needs (prelu's alpha, ...) are further operands made by fv_parameter. */
FV_API fv_value fv_layer(fv_model *m, const char *op, const fv_value *x, int count, const fv_layer_options *options);
/** A trained parameter of the given shape (in this library's order), started by `init`. */
FV_API fv_value fv_parameter(fv_model *m, const char *name, const fv_shape *shape, fv_init init, double init_value);
/** A state: belongs to the model, is written by operators that keep one and saved with it, but not trained. Any dtype;
 * starts as `value` everywhere. */
FV_API fv_value fv_state(fv_model *m, const char *name, fv_dtype dtype, const fv_shape *shape, double value);
/** Parameters made from here on are named PREFIX.NAME ("" clears it). */
FV_API void fv_prefix(fv_model *m, const char *prefix);

/** Declares the output (logits), checks the graph, allocates weights (zero). The first error of the chain surfaces
 * here. */
FV_API fv_status fv_model_finish(fv_model *model, fv_value output);
/** Declares one of several outputs under a name of its own, of any dtype and shape; then fv_model_finish_outputs does
 * what fv_model_finish does. Data sets, fv_fit and predictors need a model with one image in and one row of numbers
 * out. */
FV_API void fv_output(fv_model *model, const char *name, fv_value output);
FV_API fv_status fv_model_finish_outputs(fv_model *model);
/** Declares an auxiliary head, before the model is finished: scores shaped like the one output, whose loss fv_fit and
 * fv_trainer_create add to the output's, times `weight`. Nothing else computes it: sessions leave it out. Its tensors
 * travel in model files, so that training can go on. */
FV_API void fv_aux_head(fv_model *m, fv_value scores, double weight);
/** Takes the auxiliary heads away, with what only they need. Sessions of the model must be gone. */
FV_API fv_status fv_model_drop_aux_heads(fv_model *model);

/* ---- from elsewhere ---- */

typedef struct fv_zoo_options {
    int64_t classes;     /* 0: the architecture's own (1000, 10) */
    int64_t img_size[2]; /* 0: the architecture's own */
    int64_t channels;    /* 0: the architecture's own (3, or 1 for mnist_cnn and lenet) */
    double dropout;      /* negative: the architecture's own */
    double drop_path;    /* stochastic depth: share of samples for which the last residual branch is left out, earlier
                            ones less, in a line; 0: the architecture's own; negative: none */
    /* What fv_model_replace_head is asked for and reports, of a network of which the tensors that it would take away
     * are never made; NULL: the architecture's own head. */
    const struct fv_head_options *head;
    struct fv_load_report **head_report; /* may be NULL */
} fv_zoo_options;

/** Builds a zoo architecture ("resnet50") without weights. UNKNOWN_OPTION names the nearest. options may be NULL. */
FV_API fv_status fv_model_zoo(fv_ctx *ctx, const char *name, const fv_zoo_options *options, fv_model **model);
/** NULL-terminated, sorted names of the zoo. */
FV_API const char *const *fv_zoo_names(void);
/** Builds from an architecture file (YAML: input, layers). Errors carry file, line and column. options as above. */
FV_API fv_status fv_model_read_architecture(fv_ctx *ctx, const char *path, const fv_zoo_options *options,
                                            fv_model **model);
/** Loads a model file: one written by fv_model_save (graph, pipeline, labels and weights), or by another tool in a
 * format that is known by its content (ONNX; darknet's .cfg, with fv_import_options.weights). */
FV_API fv_status fv_model_load(fv_ctx *ctx, const char *path, fv_model **model);
/** What an input of a graph holds, where sizes depend on it. */
typedef struct fv_import_value {
    const char *name;
    const fv_tensor *tensor;
} fv_import_value;
/** What a file that another tool wrote does not say. Zero members: not given. */
typedef struct fv_import_options {
    int64_t img_size[2]; /* h, w of an image whose size the file leaves open */
    bool own_size;       /* a file that does not leave it open keeps its own; else another img_size is CONFLICT */
    /* Values of inputs: sizes that the file leaves open are theirs, and such an input becomes a constant where the
     * shape of something is computed from it. */
    const fv_import_value *values;
    int n_values;
    int values_order;    /* of values of 4 dimensions: 0 the file's, 1 n c h w, 2 n h w c */
    const char *weights; /* the file with the weights of a network that has them apart (darknet's .cfg); CONFLICT where
                            the network's own file has them */
} fv_import_options;
/** fv_model_load with answers to what the file leaves open. options may be NULL. MODEL says what is missing, or names
 * everything in the file that a model cannot have. */
FV_API fv_status fv_model_import(fv_ctx *ctx, const char *path, const fv_import_options *options, fv_model **model);
/** Saves atomically. The file's `__metadata__` holds graph, pipeline, labels, self-test vectors (computed now, by one
 * or two runs); weights in torchvision's names and order. MODEL_NAN when a weight is NaN or Inf: nothing is written. */
FV_API fv_status fv_model_save(fv_model *model, const char *path);
/** A deep copy with its own weights. */
FV_API fv_status fv_model_clone(fv_model *model, fv_model **copy);
/** A classifier's copy that slides over images of h x w (0: of its own size): the dense layer behind the last map
 * becomes a convolution as large as that map, further ones 1 x 1, and a global pooling a pooling of windows of that
 * size, so that there is a row of scores for each place, n x h x w x classes. A pooling that weighs a map (squeeze and
 * excitation) stays global. MODEL saying which layer has no such form. */
FV_API fv_status fv_model_fully_conv(fv_model *model, int64_t h, int64_t w, fv_model **copy);
/**
 * Gives the model another number of classes: its head (the last weighted layer) is made anew and started from `seed`,
 * every other weight stays. Class names are forgotten. SHAPE when the graph does not allow that number of outputs;
 * the model is then unchanged. Sessions of the model must be gone.
 */
FV_API fv_status fv_model_reset_head(fv_model *model, int64_t classes, uint64_t seed);

/** What takes the place of all between a classifier's last map and its head. */
typedef enum fv_head_pool {
    FV_POOL_KEEP,    /* nothing: what the network has there stays, such as a flattened map or an average */
    FV_POOL_AVG,     /* global_avg_pool */
    FV_POOL_MAX,     /* global_max_pool */
    FV_POOL_GEM,     /* fv_gem_pool */
    FV_POOL_FLATTEN, /* the map itself, h w c numbers */
    FV_POOL_COUNT
} fv_head_pool;
typedef struct fv_head_options {
    const char *layers; /* in front of the output layer, as fv_head_check has them; NULL: none */
    fv_head_pool pool;
    int64_t classes;     /* of the output layer; 0: as many as the model has */
    int64_t img_size[2]; /* h, w of the network's images from here on; 0: as they are */
    uint64_t seed;       /* the new tensors start from it */
} fv_head_options;
typedef struct fv_load_report fv_load_report;
/**
 * Checks the text of a head: items separated by commas, each a number of units ("256": a dense layer), an activation
 * ("relu", ...), "drop=P", "batch_norm", "layer_norm" or "prelu"; or "linear" alone: nothing. VALUE naming the item
 * that is none. *layers (may be NULL): how many layers with tensors it has, the output layer included.
 */
FV_API fv_status fv_head_check(fv_ctx *ctx, const char *text, int *layers);
/**
 * Puts a new head in the place of a classifier's own. The graph says what that is: the dense layers at its end with all
 * between and behind them and the dropout before them, or the convolution whose map is averaged to scores; a network
 * that ends with a map or a pooled row has none, and gets one (a map is flattened, unless `pool` says otherwise). The
 * new layers are called head.0, head.1, ... by their places in the text, the pooling head.pool, and the output layer
 * comes behind. Every other tensor keeps its values; class names are forgotten, auxiliary heads follow the classes.
 * VALUE for a text that is none; MODEL where there is no classifier, or nothing before it; SHAPE where the network does
 * not allow such an image size: the model is then unchanged. *report (may be NULL; the caller's) has a row for each
 * tensor: LOADED, it stays; UNUSED, it is gone; SHAPE_MISMATCH, it starts anew in another shape; MISSING, it is new.
 * Sessions of the model must be gone.
 */
FV_API fv_status fv_model_replace_head(fv_model *model, const fv_head_options *options, fv_load_report **report);

/** What loading weights did with each tensor. */
typedef enum fv_load_verdict { FV_LOADED, FV_MISSING, FV_UNUSED, FV_SHAPE_MISMATCH } fv_load_verdict;
typedef struct fv_load_row {
    const char *name; /* valid until the report is destroyed */
    fv_load_verdict verdict;
    bool head;                        /* of the model's last weighted layer, which depends on the number of classes */
    bool aux;                         /* of auxiliary heads alone, which a file may be without */
    fv_shape model_shape, file_shape; /* both in the file's order; rank 0 and no dimension where there is none */
} fv_load_row;
FV_API int fv_load_report_count(const fv_load_report *report);
FV_API const fv_load_row *fv_load_report_row(const fv_load_report *report, int i);
FV_API void fv_load_report_destroy(fv_load_report **report);

/**
 * Loads tensors by name from a safetensors file, an index of several, or a file of PyTorch's (F32, F64, F16, BF16 or
 * integers, each number rounded once). With `partial` false, anything missing or of another shape is MODEL_MISMATCH;
 * with `partial` true these keep their values, and only a file of which nothing fits is a mismatch. Tensors that the
 * model does not have are no failure, nor are auxiliary heads that the file does not have: they keep their values. NaN
 * or Inf: MODEL_NAN. A pickle that asks for more than tensors: MODEL_PICKLE. Checksum of a file of our own wrong:
 * MODEL_CORRUPT. On failure the model is unchanged. report may be NULL; it is made on success and on MODEL_MISMATCH (to
 * show what differs) and is the caller's then.
 */
FV_API fv_status fv_model_load_weights(fv_model *model, const char *path, bool partial, fv_load_report **report);

/** Starts all weights from `seed`; `scheme` DEFAULT keeps each layer's own, any other one is used for every weight of a
 * convolution or dense layer (their biases become 0). Pure function of (names, shapes, seed, scheme). */
FV_API fv_status fv_model_init(fv_model *model, uint64_t seed, fv_init scheme);

/* ---- looking ---- */

/** SHA-256 over names, shapes and bits of all weights, states and constants, as 64 hex digits and NUL. */
FV_API void fv_model_sha256(const fv_model *model, char hex[65]);
FV_API int64_t fv_model_classes(const fv_model *model);
/** Name of class i ("7" when the model has no names). */
FV_API const char *fv_model_class_name(const fv_model *model, int64_t i);
/** What a model's card says beside the network: X(ENUMERATOR, key, title). */
#define FV_CARD_LIST(X)                                                                                                \
    X(FV_CARD_DATA, "data", "trained on")                                                                              \
    X(FV_CARD_LICENSE, "license", "license")                                                                           \
    X(FV_CARD_METRICS, "metrics", "metrics")                                                                           \
    X(FV_CARD_DATE, "date", "date")
typedef enum fv_card_item {
#define FV_CARD_ROW(id, key, title) id,
    FV_CARD_LIST(FV_CARD_ROW)
#undef FV_CARD_ROW
        FV_CARD_COUNT
} fv_card_item;
enum { FV_CARD_MAX = 65536 };
/** What the weights were trained on, under what terms they may be used (an SPDX identifier, "Apache-2.0", or a text),
 * what was measured, the day; NULL: not said. Travels in the model file. fv_fit writes what it measured into the model
 * files of its run, and how many images of how many classes it had where the data are not said. A new head takes away
 * what was measured. Setting NULL or "" takes an item away. ARGUMENT: not UTF-8, or more than FV_CARD_MAX bytes. */
FV_API const char *fv_model_card(const fv_model *model, fv_card_item item);
FV_API fv_status fv_model_set_card(fv_model *model, fv_card_item item, const char *text);
/** Whether its classes have names of their own. fv_fit gives a model that has none those of its training data. */
FV_API bool fv_model_has_class_names(const fv_model *model);
FV_API fv_status fv_model_set_class_names(fv_model *model, const char *const *names, int64_t count);
/** What a model's numbers mean: one class (softmax over the logits gives probabilities), several classes (a sigmoid for
 * each), values as they are. Travels in the model file. fv_fit sets it by the data. */
typedef enum fv_task { FV_TASK_CLASSIFY, FV_TASK_MULTILABEL, FV_TASK_REGRESS, FV_TASK_COUNT } fv_task;
/** "classify", "multilabel", "regress"; ends with NULL. */
FV_API const char *const *fv_task_names(void);
FV_API fv_task fv_model_task(const fv_model *model);
FV_API fv_status fv_model_set_task(fv_model *model, fv_task task);
/**
 * The temperature T of a calibrated model (fovea/calibrate.h): its probabilities are softmax(outputs / T), or sigmoids
 * of outputs / T; 0: none was found, as T = 1. Travels in the model file; a change of the weights, training above all,
 * and copies that compute something else take it away. ARGUMENT: values have none; T is neither 0 nor in [1e-6, 1e6].
 */
FV_API double fv_model_temperature(const fv_model *model);
FV_API fv_status fv_model_set_temperature(fv_model *model, double temperature);
/** How a model's file holds its weights; they are float32 in memory, and so is what is computed with them. INT8: a
 * scale for each filter. fv_model_round (fovea/compress.h) sets it; a change of the weights takes it away. */
typedef enum fv_storage {
    FV_STORAGE_FLOAT32,
    FV_STORAGE_FP16,
    FV_STORAGE_BF16,
    FV_STORAGE_INT8,
    FV_STORAGE_COUNT
} fv_storage;
/** "float32", "fp16", "bf16", "int8"; ends with NULL. */
FV_API const char *const *fv_storage_names(void);
FV_API fv_storage fv_model_storage(const fv_model *model);
/** Name of the architecture ("resnet20", or the file it came from). */
FV_API const char *fv_model_name(const fv_model *model);
/** Number of trained parameters (elements). */
FV_API int64_t fv_model_parameters(const fv_model *model);
typedef struct fv_aux_info {
    const char *name; /* of its scores */
    double weight;    /* of its loss; that of the output counts once */
} fv_aux_info;
/** Auxiliary head i of a finished model; false: there is none. */
FV_API bool fv_model_aux_head(const fv_model *model, int i, fv_aux_info *info);
/** How many of the trained parameters only auxiliary heads have. */
FV_API int64_t fv_model_aux_parameters(const fv_model *model);
/** Tensors of the model by index (parameters and states in graph order), or by name; NULL when absent. Borrowed. */
FV_API int fv_model_tensor_count(const fv_model *model);
FV_API fv_tensor *fv_model_tensor(fv_model *model, int i, const char **name, bool *trained);
FV_API fv_tensor *fv_model_find_tensor(fv_model *model, const char *name);
/** Whether a tensor belongs to the output layer: the part that depends on the number of classes. */
FV_API bool fv_model_in_head(const fv_model *model, const char *name);
/** How an input or output was laid out in the file of another tool that a model came from. */
typedef enum fv_port_layout {
    FV_LAYOUT_PLAIN,    /* as it is here */
    FV_LAYOUT_NCHW,     /* an image: n c h w there, n h w c here */
    FV_LAYOUT_SCORES,   /* an output: probabilities there, scores here, of which they are the softmax along the last one
                         */
    FV_LAYOUT_WHOLE,    /* no dimension is the batch; an input has a 1 more in front here, where its first was not 1 */
    FV_LAYOUT_INTEGERS, /* integers q there, the numbers scale * (q - zero) here */
    FV_LAYOUT_INTEGER_SCORES /* an output: the same of probabilities there, their logarithms here */
} fv_port_layout;
typedef struct fv_port_info {
    const char *name; /* as fv_session_set and fv_session_get take it */
    fv_dtype dtype;
    fv_shape shape; /* batch 1 */
    fv_port_layout layout;
    fv_dtype integers; /* INTEGERS, INTEGER_SCORES: type in the file */
    double scale;
    int64_t zero;
} fv_port_info;
/** The format of the file of another tool that a model was read from ("ONNX"); NULL: one of our own, or none. */
FV_API const char *fv_model_origin(const fv_model *model);
/** Whether a model takes images, and the file that it was read from did not say how pixels become their numbers. */
FV_API bool fv_model_pixels_open(const fv_model *model);
/** Inputs or outputs of a model, in order. */
FV_API int fv_model_port_count(const fv_model *model, bool outputs);
/** Input or output i; false: there is none. */
FV_API bool fv_model_port(const fv_model *model, bool output, int i, fv_port_info *info);
/** The input's h, w, c. */
FV_API void fv_model_input_size(const fv_model *model, int64_t *h, int64_t *w, int64_t *c);

/** One row of the summary. */
typedef struct fv_layer_info {
    const char *name, *op;
    fv_shape output; /* batch 1 */
    int64_t parameters;
    double macs, flops;
    int64_t activation_bytes;            /* of the output, batch 1 */
    int64_t receptive_field[2], jump[2]; /* input pixels seen and step between neighbours; h, w */
    double start[2];                     /* where the field of the first pixel begins; below 0: in the padding */
    bool whole[2]; /* every pixel sees all of the input, as behind a pooling of it that weighs a map */
    bool training; /* of an auxiliary head alone: nothing but training computes it */
} fv_layer_info;
FV_API int fv_model_layer_count(const fv_model *model);
FV_API void fv_model_layer(const fv_model *model, int i, fv_layer_info *info);
/** Rows first[0] to last[0] and columns first[1] to last[1] of the input that pixel `at` (row, column) of layer i
 * depends on (NULL: that any of its pixels does): its receptive field without any map's padding, and without what
 * strides leave unread at the end. last below 0: none. ARGUMENT: no such layer or pixel. */
FV_API fv_status fv_model_layer_sees(const fv_model *model, int i, const int64_t at[2], int64_t first[2],
                                     int64_t last[2]);
/** The graph as text; fv_model_draw draws it. *text is the caller's: fv_text_free. */
FV_API fv_status fv_model_text(const fv_model *model, char **text);
FV_API void fv_text_free(fv_ctx *ctx, char *text);
/** Recomputes the self-test vectors stored in the model file. MODEL_CORRUPT names the largest difference; UNSUPPORTED
 * when the file has none. */
FV_API fv_status fv_model_selftest(fv_model *model, double *max_difference);

/* ---- pipeline: from an image to the network's input; travels in the model file ---- */

typedef enum fv_resize_mode { FV_RESIZE_STRETCH, FV_RESIZE_SHORT_CROP } fv_resize_mode;
/** How pixels are resampled: what Pillow calls so (AREA is its BOX). */
typedef enum fv_filter {
    FV_FILTER_BILINEAR, /* triangle */
    FV_FILTER_NEAREST,
    FV_FILTER_BICUBIC, /* a = -1/2 */
    FV_FILTER_AREA,    /* mean of the pixels covered */
    FV_FILTER_LANCZOS, /* three lobes */
    FV_FILTER_COUNT
} fv_filter;
/** "bilinear", "nearest", "bicubic", "area", "lanczos" in the order of fv_filter; ends with NULL. */
FV_API const char *const *fv_filter_names(void);

/** Histograms made flat: of the whole image, or in tiles with a limit (CLAHE). */
typedef enum fv_contrast { FV_CONTRAST_NONE, FV_CONTRAST_EQUALIZE, FV_CONTRAST_CLAHE } fv_contrast;
typedef struct fv_pipeline {
    int64_t h, w, c;         /* network input */
    fv_resize_mode resize;   /* STRETCH: to h x w; SHORT_CROP: short side to resize_size, then the central h x w */
    int64_t resize_size;     /* SHORT_CROP only */
    fv_filter filter;        /* of the resize */
    bool antialias;          /* the filter is widened by the reduction, so that every pixel counts */
    bool ignore_exif;        /* keep the orientation as stored */
    bool fast_decode;        /* JPEG files at 1/2, 1/4 or 1/8 of the size where that leaves enough pixels, by the
                                loader: quicker, other pixels (fv_decode_options.fast) */
    bool bgr;                /* the network takes blue, green, red; mean and std are of red, green, blue all the same */
    float mean[16], std[16]; /* per channel, in units of full scale; input = (pixel / 255 - mean) / std */
    uint8_t background[3];   /* alpha is composited on this color */
    fv_contrast contrast;    /* done after resizing */
    bool standardize;   /* after that, each image by itself to mean 0 and deviation 1 (at least 1 / sqrt(n) levels) */
    float pca_value[3]; /* colors of the training set: eigenvalues and axes, see fv_dataset_color_axes; 0: unknown */
    float pca_axis[9];
    int clahe_tiles[2]; /* CLAHE: rows and columns of tiles, 1 to 64; 0: 8 */
    float clahe_clip;   /* CLAHE: the limit of a histogram's bar, in means of them, above 0; 0: 2 */
} fv_pipeline;
FV_API const fv_pipeline *fv_model_pipeline(const fv_model *model);
FV_API fv_status fv_model_set_pipeline(fv_model *model, const fv_pipeline *pipeline);

/* ---- running ---- */

typedef struct fv_session fv_session;
/** A compiled network for inference at a fixed batch size. The model must outlive it; after its weights change call
 * fv_session_refresh. Sessions of one model and batch share the compiled program and its packed weights: each has
 * activations of its own, and as many threads may run as there are sessions, at once under one context. Creating,
 * running and destroying sessions of a model is for any thread, each session for one at a time; changing the model,
 * fv_session_refresh and fv_session_profile only while no session of it runs. */
FV_API fv_status fv_session_create(fv_model *model, int64_t batch, fv_session **session);

typedef struct fv_session_options {
    int64_t batch;
    bool sampling;             /* dropout at work, as in training */
    const char *const *values; /* names of values of the graph to be read with fv_session_get, besides its outputs */
    int32_t n_values;
} fv_session_options;
/** The same with options. ARGUMENT when the graph has no value of a name. Values asked for are computed as such: what
 * would have been fused into the layer behind them is not. */
FV_API fv_status fv_session_create_with(fv_model *model, const fv_session_options *options, fv_session **session);
/** Inputs and outputs by name, for models that have several: copies `bytes` from or to host memory, in the value's
 * dtype and layout (see fv_session_describe). ARGUMENT for an unknown name or more bytes than the value has. */
FV_API fv_status fv_session_set(fv_session *session, const char *name, const void *data, size_t bytes);
FV_API fv_status fv_session_get(const fv_session *session, const char *name, void *data, size_t bytes);
/** Dtype and shape (with the batch) of an input or output. */
FV_API fv_status fv_session_describe(const fv_session *session, const char *name, fv_dtype *dtype, fv_shape *shape);
/** The same for tensors laid out as the file that the model came from lays them out (fv_port_info.layout): elements are
 * converted to the value's dtype. SHAPE naming both shapes where they differ, but for the batch. */
FV_API fv_status fv_session_set_tensor(fv_session *session, const char *name, fv_port_layout layout,
                                       const fv_tensor *tensor);
/** Makes *tensor, which is the caller's. */
FV_API fv_status fv_session_get_tensor(const fv_session *session, const char *name, fv_port_layout layout,
                                       fv_tensor **tensor);
FV_API void fv_session_destroy(fv_session **session);
/** The input buffer: batch x h x w x c floats, normalized as the pipeline says. Fill before each run. */
FV_API float *fv_session_input(fv_session *session);
/** Runs; steady state allocates nothing. */
FV_API fv_status fv_session_run(fv_session *session);
/** Runs for the first `samples` of the batch (1 to batch): their rows of the output have the bits of a full run, rows
 * behind may hold anything. */
FV_API fv_status fv_session_run_n(fv_session *session, int64_t samples);
/** Logits: batch x classes (or the output's shape). Valid until the next run. */
FV_API const float *fv_session_output(const fv_session *session, fv_shape *shape);
FV_API fv_status fv_session_refresh(fv_session *session);
/** Turns per-node timing on or off, which compiles the session anew when it changes (fetch fv_session_input again); the
 * table and Chrome trace of the runs since then. table and trace may be NULL; the caller frees with fv_text_free. */
FV_API fv_status fv_session_profile(fv_session *session, bool on, char **table, char **trace);
/** probabilities = softmax(logits) over `count` numbers, in place allowed. */
FV_API void fv_softmax(const float *logits, int64_t count, float *probabilities);

#ifdef __cplusplus
}
#endif
#endif
