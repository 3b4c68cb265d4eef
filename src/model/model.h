/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a model: the graph at batch 1, one slot per parameter or state, what travels with the weights
 * (pipeline, class names, self-test vectors), and the state of a model under construction. For src/model, src/nn,
 * src/io, src/train.
 */
#ifndef FV_MODEL_MODEL_H
#define FV_MODEL_MODEL_H

#include <fovea/difference.h>
#include <fovea/model.h>

#include "exec/program.h"
#include "ops/ops.h"

/* What a tensor is to the optimizer. Read off the graph, never off names. */
typedef enum fv_slot_kind {
    FV_SLOT_WEIGHT, /* filters, matrices, and parameters of no other kind */
    FV_SLOT_BIAS,   /* operand of the kind BIAS beside a weight */
    FV_SLOT_NORM,   /* scale and shift of a normalization: so its operator says, or the node also keeps a state */
    FV_SLOT_STATE   /* not trained */
} fv_slot_kind;

/*
 * One tensor of the model. In files a tensor [outer][mid][inner] is stored as [outer][inner][mid]: filters k r s c
 * become k c r s, and the columns of a dense layer behind a flattened h w c image become c h w. mid or inner 1: the
 * same order in both.
 */
typedef struct fv_slot {
    const char *name;
    int32_t val;    /* id in the graph */
    fv_dtype dtype; /* f32 unless it is a state */
    fv_slot_kind kind;
    bool
        head; /* belongs to the last weighted node, or to that of an auxiliary head: depends on the number of classes */
    bool aux; /* of auxiliary heads alone */
    fv_shape shape, file_shape;
    int64_t outer, mid, inner;
    int64_t fan_in, fan_out; /* of the weight; of a bias: its weight's */
    bool weighted;           /* a weight or its bias: follows a scheme given to fv_model_init */
    fv_init init;
    double init_value;
    fv_tensor *data;
} fv_slot;

/* How a value starts, as the builder was told; by id of the value. */
typedef struct fv_init_note {
    int32_t val;
    fv_init init;
    double value;
} fv_init_note;

/* Batches that a normalization has seen: "NAME.num_batches_tracked" in files. No result depends on it. */
typedef struct fv_counter {
    const char *name;
    int64_t value;
    int slot; /* the state whose updates it counts */
} fv_counter;

/* How often an operator was used without a name of its own. */
typedef struct fv_name_count {
    const char *op;
    int64_t count;
} fv_name_count;
typedef struct fv_name_counts {
    fv_name_count *list;
    int count, capacity;
} fv_name_counts;

/* What is counted while a model is built. */
typedef struct fv_build_counts {
    fv_name_counts names;
    double drop_path;  /* fv_zoo_options.drop_path; 0: none */
    int branches, met; /* its residual branches in all, and so far */
} fv_build_counts;

/* What one pixel of a value sees of the input, how far its neighbour's view is moved, and where the view of the first
 * one begins (below 0: in the padding), for rows and columns. whole: every pixel sees all of the input. */
typedef struct fv_view {
    double field[2], jump[2], start[2];
    bool whole[2];
} fv_view;

/* Inputs are fv_selftest_input(seed, i); outputs the first `count` numbers of the model's output for each. */
typedef struct fv_selftest {
    uint64_t seed;
    int64_t vectors, count;
    float *output; /* vectors x count; in the model's arena */
} fv_selftest;

/* A model's own session, of batch 1, and the version of the weights that it has packed. */
typedef struct fv_own_session {
    fv_session *session;
    uint64_t version;
    fv_session *lent; /* by a training run, of batch 1, for recording the self-test; NULL: none */
} fv_own_session;

/* A layout of a file of another tool that is not the one here. */
typedef struct fv_port_note {
    const char *name;
    fv_port_layout layout;
    fv_dtype integers; /* INTEGERS, INTEGER_SCORES: type in the file, and what its numbers stand for */
    double scale;
    int64_t zero;
    struct fv_port_note *next;
} fv_port_note;

/* What is said of a model beside the network. */
typedef struct fv_card_text {
    char *text; /* NULL: not said */
    char *room; /* where it is kept, so that one that changes every epoch takes no more memory */
    size_t size;
} fv_card_text;
typedef struct fv_card {
    bool has_class_names;
    fv_card_text texts[FV_CARD_COUNT];
    fv_port_note *ports; /* the last noted first */
    const char *origin;  /* the format that it was read from; NULL: our own */
    double temperature;  /* answers are made of outputs divided by it; 0: none was found */
    const char *ranges;  /* JSON: ranges of values that integers were chosen by; in the arena; NULL: none */
    fv_storage storage;  /* how files hold weights; what does not fit it exactly stays float32 there */
    bool sparse;         /* files leave zeros out, of tensors that are smaller so */
    bool pixels_said;    /* that file said how pixels become numbers, and the pipeline holds it */
} fv_card;

/* A classifier on the way to the output, for training alone: its loss counts `weight` times. */
#define FV_AUX_MAX 8
typedef struct fv_aux {
    int32_t val;
    double weight;
} fv_aux;
typedef struct fv_aux_heads {
    fv_aux head[FV_AUX_MAX];
    int count;
    const bool *for_output; /* by id of the value, once finished: outputs need it; NULL: no heads, and all do */
} fv_aux_heads;

/* Programs that sessions of a model share, and its weights on the device. */
typedef struct fv_model_runtime fv_model_runtime;

struct fv_model {
    fv_ctx *ctx;
    fv_arena *arena; /* names and tables */
    fv_graph *graph;
    char name[128];

    /* under construction */
    fv_status error;
    char error_text[1024], error_hint[512];
    char prefix[192];
    fv_value input; /* the one image of a model that takes one; id -1: others */
    fv_build_counts counts;
    fv_init_note *notes;
    int n_notes, cap_notes;
    fv_aux_heads aux;

    /* finished */
    bool finished;
    fv_slot *slots; /* in graph order */
    int n_slots;
    fv_counter *counters;
    int n_counters;
    fv_view *views; /* by id of the value */
    fv_pipeline pipeline;
    fv_task task;
    const char **class_names; /* n_classes texts; "0", "1", ... until set */
    int64_t n_classes;
    fv_card card;
    fv_selftest selftest; /* vectors 0: none */
    bool unfolded;        /* inference computes normalization by itself, so that layers' values are their own */

    uint64_t version;          /* changes with the weights (fv_model_touch) */
    fv_own_session own;        /* made by fv_model_session */
    fv_model_runtime *runtime; /* made with the model */
};

/* ---- construction ---- */

/* Makes `status`, whose text is in the context, the model's error unless it has one; returns the first error. */
fv_status fv_model_set_error(fv_model *model, fv_status status);
/* Appends an f32 PARAM or a STATE named exactly `name` and notes how it starts. Sticky errors as everywhere in
 * building.
 */
fv_value fv_model_new_param(fv_model *model, const char *name, fv_role role, fv_dtype dtype, const fv_shape *shape,
                            fv_init init, double init_value);
/* Notes how a value starts; the last note counts. */
fv_status fv_model_note_init(fv_model *model, int32_t val, fv_init init, double value);
/* Takes *graph (also on failure) as the model's graph; the model must have none but the empty one. */
void fv_model_take_graph(fv_model *model, fv_graph **graph);
/* Checks the graph, numbers the classes and derives the slots. */
fv_status fv_model_check(fv_model *model);
/* fv_model_check, and allocates the slots' tensors (zero): what fv_model_finish and loaders end with. */
fv_status fv_model_complete(fv_model *model);
/* Where tensors come from that are there already: *tensor, the caller's, has the slot's dtype and shape; NULL: there is
 * none for it. */
typedef struct fv_tensor_source {
    fv_status (*take)(void *user, const fv_slot *slot, fv_tensor **tensor);
    void *user;
} fv_tensor_source;
/* fv_model_complete with the tensors of a source where it has them. */
fv_status fv_model_complete_with(fv_model *model, const fv_tensor_source *source);
/* fv_model_finish without tensors: a model for looking at its graph and sizes, which nothing else takes. */
fv_status fv_model_draft(fv_model *model, fv_value output);
/* The same with the tensors of a model that has them all, which both then have: for a part of it that is run beside it.
 */
fv_status fv_model_complete_sharing(fv_model *model, fv_model *from);
/* Derives slots, counters and head from the graph (no tensors yet). */
fv_status fv_model_derive_slots(fv_model *model);

/* fv_aux_head by the value's id. */
fv_status fv_model_note_aux(fv_model *model, int32_t val, double weight);
/* Whether every auxiliary head has the dtype and shape of the one output. */
fv_status fv_model_check_aux(const fv_model *model);
/* Marks what only auxiliary heads need; behind the slots. */
fv_status fv_model_mark_aux(fv_model *model);
/* Whether nothing but auxiliary heads needs a value. */
bool fv_model_for_training(const fv_model *model, int32_t val);

/* The rest of a copy that has its graph, with zero weights. map[id]: the value of that graph, NULL where it is gone;
 * map NULL: the same ids. */
fv_status fv_model_complete_copy(const fv_model *model, fv_val *const *map, fv_model *copy);
/* Tensors and counters that have the same name and shape in both. */
void fv_model_copy_by_name(fv_model *from, fv_model *to);

/* fv_model_reset_head without starting the new head: its weights are 0. */
fv_status fv_model_change_head(fv_model *model, int64_t classes);

/* What is not the network: pipeline, task, layouts of what both have, and the card. */
fv_status fv_model_copy_manner(const fv_model *model, fv_model *copy);
/* Figures on a model's card go to the copy as those from "before it was PRUNED". */
fv_status fv_model_note_before(const fv_model *model, const char *what, fv_model *copy);
/* Exchanges what two models hold, so that handles stay valid. */
void fv_model_swap(fv_model *a, fv_model *b);

/* Notes the layout of an input or output in the file that the model came from. */
fv_status fv_model_note_port(fv_model *model, const char *name, fv_port_layout layout);
/* The same for one of integers: layout INTEGERS or INTEGER_SCORES. */
fv_status fv_model_note_integers(fv_model *model, const char *name, fv_port_layout layout, fv_dtype dtype, double scale,
                                 int64_t zero);
/* What was noted; NULL: nothing. */
const fv_port_note *fv_model_port_note(const fv_model *model, const char *name);

/* Computes model->views. */
fv_status fv_model_derive_views(fv_model *model);

/* ---- tensors ---- */

fv_slot *fv_model_slot(fv_model *model, const char *name);
/* The slot of a value, by its id; NULL: it has none. */
fv_slot *fv_model_slot_of(const fv_model *model, int32_t val);
/* The filters, k r s c, of the first weighted layer where that is a convolution of more than one pixel; NULL: it is
 * not.
 */
const fv_slot *fv_model_first_filters(const fv_model *model, const fv_node **layer);
/* Of all tensors together. */
int64_t fv_model_weight_bytes(const fv_model *model);
/* Address of a slot's elements as floats: f32 only. */
float *fv_slot_data(const fv_slot *slot);
/* Whether the model is a function from an image to numbers, which data sets, training loops and predictors are made
 * for: one input f32 1 x h x w x c, one output f32 1 x ... x classes. UNSUPPORTED saying what it is instead, for
 * `what`. */
bool fv_model_is_plain(const fv_model *model);
fv_status fv_model_need_plain(const fv_model *model, const char *what);
fv_counter *fv_model_counter(fv_model *model, const char *name);
/* Adds `batches` to the counters of all slots but the frozen (by slot): what a trainer calls with the steps it made. */
void fv_model_count_batches(fv_model *model, int64_t batches, const bool *frozen);
/* Says that weights changed: the cached session is refreshed before its next use, self-test vectors and temperature are
 * void. */
void fv_model_touch(fv_model *model);
/* The model's tensors by name. */
fv_binding fv_model_binding(fv_model *model);
/* The same on the device, for programs, up to date with the tensors. Borrowed. Any thread. */
fv_store *fv_model_store(fv_model *model);
/* Says that a program changed weights or states on the device: the tensors are out of date until fv_model_sync. Comes
 * after fv_model_touch where both do. */
void fv_model_device_changed(fv_model *model);
/* Says that a caller may write to the tensors: brings them up to date, and what is compiled or copied from here on
 * takes them anew. Self-test vectors stay. */
void fv_model_lend(fv_model *model);
/* Gives back the copies of tensors on the device, when the tensors themselves are replaced. */
void fv_model_forget_device(fv_model *model);
/* Brings the tensors up to date; costs nothing when they are. Everything that reads them calls it. */
void fv_model_sync(const fv_model *model);
/* src [outer][mid][inner] -> dst [outer][inner][mid] for rows [begin, end) of outer; dst points at row begin. */
void fv_slot_to_file(const fv_slot *slot, const void *src, int64_t begin, int64_t end, void *dst);
/* The way back: rows [begin, end) of dst [outer][mid][inner] from src [outer][inner][mid], which points at row begin.
 */
void fv_slot_from_file(const fv_slot *slot, const void *src, int64_t begin, int64_t end, void *dst);

/* What a temperature can be. */
#define FV_TEMPERATURE_LEAST 1e-6
#define FV_TEMPERATURE_MOST  1e6

/* Of an image that a network takes. */
#define FV_MAX_CHANNELS 16

/* What fv_init_names returns. */
extern const char *const fv_init_list[FV_INIT_COUNT + 1];
/* Fills a slot's tensor as `init` says (see fv_init). */
void fv_slot_start(fv_ctx *ctx, const fv_slot *slot, uint64_t seed, fv_init init, double value);

/* The pipeline for images of another size: what is cut out of an image's middle is so in the same ratio. */
void fv_pipeline_set_size(fv_pipeline *pipeline, int64_t h, int64_t w);
/* Whether every member of a pipeline is one that it can have. ARGUMENT, naming it. */
fv_status fv_pipeline_check(fv_ctx *ctx, const fv_pipeline *pipeline);
/* The names as they are, for files: those of others may be double. */
fv_status fv_model_take_class_names(fv_model *model, const char *const *names, int64_t count);

/* ---- reports ---- */

fv_status fv_load_report_create(fv_ctx *ctx, fv_load_report **report);
/* Copies the row with its name. */
fv_status fv_load_report_add(fv_load_report *report, const fv_load_row *row);

/* ---- running ---- */

fv_status fv_model_runtime_create(fv_model *model);
void fv_model_runtime_destroy(fv_model_runtime **runtime);
/* What distinguishes the programs of a model. */
typedef struct fv_program_key {
    int64_t batch;
    bool sampling, profile;
    fv_execution execution;
    const char *const *values; /* names of values that become outputs */
    int32_t n_values;
    const char *from, *to; /* a part of the model: from this value, to that one; NULL: its inputs, its outputs */
    fv_wisdom *wisdom;     /* not compared: the record of solvers, should it be compiled for this key; may be NULL */
} fv_program_key;
/* A copy of the names in it, for fv_program_key_clear. ARGUMENT when one is NULL. */
fv_status fv_program_key_copy(fv_ctx *ctx, const fv_program_key *key, fv_program_key *copy);
void fv_program_key_clear(fv_ctx *ctx, fv_program_key *key);
/* The program of that key, compiled by the first who asks; give it back with fv_model_give_program. Any thread. */
fv_status fv_model_take_program(fv_model *model, const fv_program_key *key, fv_program **program);
void fv_model_give_program(fv_model *model, fv_program **program);
/* Whether more than one session has it. A program of older weights gets no new ones. */
bool fv_model_shares_program(fv_model *model, const fv_program *program);
/* fv_program_refresh with the weights as they are now, for all sessions of the program. */
fv_status fv_model_refresh_program(fv_model *model, fv_program *program, fv_instance *instance);

/* A session in which dropout is at work as in training, and everything else as in inference. */
fv_status fv_session_create_sampling(fv_model *model, int64_t batch, fv_session **session);
/* SHAPE where a network that works along the batch is given more than one sample at a time. */
fv_status fv_model_check_batch(const fv_model *model, int64_t batch);
/* A session whose memory is `scratch`: others that use it may overwrite its input and output between runs. Its solvers
 * are those of the record `wisdom`, which outlives it, and are added to it. */
fv_status fv_session_create_within(fv_model *model, int64_t batch, fv_scratch *scratch, fv_wisdom *wisdom,
                                   fv_session **session);
/* The same of the program of that key; scratch NULL: memory of its own. */
fv_status fv_session_create_by(fv_model *model, const fv_program_key *key, fv_scratch *scratch, fv_session **session);
/* The same of a part of the model, as in fv_program_key. */
fv_status fv_session_create_part(fv_model *model, int64_t batch, const char *from, const char *to, fv_scratch *scratch,
                                 fv_wisdom *wisdom, fv_session **session);
fv_ctx *fv_session_ctx(const fv_session *session);
const fv_model *fv_session_model(const fv_session *session);
/* Whether anything in it is drawn at random: false when the model has no dropout. */
bool fv_session_is_random(const fv_session *session);
/* fv_session_run with the key of what is drawn; step < 2^40. A row's numbers depend on its place in the batch, and not
 * on how large the batch is. */
fv_status fv_session_sample(fv_session *session, uint64_t seed, uint64_t step);
/* The model's own session (batch 1), compiled on first use and refreshed when weights changed. Borrowed. */
fv_status fv_model_session(fv_model *model, fv_session **session);

/* Element i of self-test input `vector`: standard normal, a pure function of (seed, vector, i). */
void fv_selftest_input(uint64_t seed, int64_t vector, int64_t count, float *dst);
/* Computes the vectors anew for the weights as they are (two inputs, at most 4096 outputs of each), with the session
 * that was lent for it, so that saving while a run goes on needs no memory that it does not have yet. */
fv_status fv_selftest_record(fv_model *model);

#endif
