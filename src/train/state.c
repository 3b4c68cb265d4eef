/* SPDX-License-Identifier: Apache-2.0 */
#include "train/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/doc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "train/judge.h"

static const char magic[8] = {'F', 'V', 'S', 'T', 'A', 'T', 'E', '1'};

/* ---- header ---- */

enum {
    P_EPOCH,
    P_STEP,
    P_GLOBAL,
    P_CORRECT,
    P_SEEN,
    P_BEST_EPOCH,
    P_BAD,
    P_FINISHED,
    P_PASS,
    P_BATCH,
    P_PLATEAU_BAD,
    P_COOLDOWN,
    P_INTS
};

static const char *const int_keys[P_INTS] = {"epoch", "step",       "global_step", "correct",
                                             "seen",  "best_epoch", "bad_epochs",  "finished",
                                             "pass",  "batch",      "plateau_bad", "cooldown"};
static const char *const real_keys[] = {"loss_sum", "best_metric", "lowest_loss", "first_loss",
                                        "seconds",  "lr_scale",    "plateau_best"};
enum { P_REALS = sizeof real_keys / sizeof *real_keys };

static void progress_ints(const fv_progress *p, int64_t v[P_INTS])
{
    const int64_t values[P_INTS] = {p->epoch, p->step,       p->global_step, p->correct,
                                    p->seen,  p->best_epoch, p->bad_epochs,  p->finished,
                                    p->pass,  p->batch,      p->plateau_bad, p->cooldown};
    memcpy(v, values, sizeof values);
}

static void header_json(fv_trainer *t, const fv_progress *p, const fv_identity *identity, fv_str *wisdom, fv_str *out)
{
    fv_json j = {.out = out};
    int64_t ints[P_INTS];
    const double reals[P_REALS] = {p->loss_sum, p->best_metric, p->lowest_loss, p->first_loss,
                                   p->seconds,  p->lr_scale,    p->plateau_best};
    progress_ints(p, ints);
    fv_json_begin_object(&j);
    for (int i = 0; i < P_INTS; i++) {
        fv_json_key(&j, int_keys[i]);
        fv_json_int(&j, ints[i]);
    }
    for (int i = 0; i < P_REALS; i++) {
        fv_json_key(&j, real_keys[i]);
        fv_json_real(&j, reals[i]); /* NaN and Inf become null: "none yet" */
    }
    fv_json_key(&j, "kept"); /* epoch and metric in turns */
    fv_json_begin_array(&j);
    for (int i = 0; i < p->history.count; i++) {
        fv_json_int(&j, p->history.list[i].epoch);
        fv_json_real(&j, p->history.list[i].metric);
    }
    fv_json_end_array(&j);
    fv_identity_json(&j, identity);
    fv_json_key(&j, "optimizer_step");
    fv_json_int(&j, t->step);
    fv_json_key(&j, "phases_begun");
    fv_json_begin_array(&j);
    for (int i = 0; i <= t->start.phase; i++)
        fv_json_int(&j, t->start.begun[i]);
    fv_json_end_array(&j);
    fv_json_key(&j, "slots");
    fv_json_int(&j, t->slots);
    fv_json_key(&j, "plan");
    fv_json_string(&j, fv_str_get(wisdom));
    fv_json_key(&j, "version");
    fv_json_string(&j, fv_version());
    fv_json_end_object(&j);
}

/* ---- tensors in file order: visit(data, bytes) for weights and slots, states, averages ---- */

typedef fv_status (*visit_fn)(void *arg, void *data, size_t bytes);

static fv_status visit_tensors(fv_trainer *t, visit_fn visit, void *arg)
{
    for (int i = 0; i < t->n_params; i++) {
        size_t bytes = fv_tensor_bytes(t->params[i].tensor);
        FV_TRY(visit(arg, fv_tensor_data(t->params[i].tensor), bytes));
        for (int s = 0; s < t->slots && t->params[i].slot[s]; s++)
            FV_TRY(visit(arg, t->params[i].slot[s], bytes));
    }
    for (int i = 0; i < t->n_states; i++)
        FV_TRY(visit(arg, fv_tensor_data(t->states[i]), fv_tensor_bytes(t->states[i])));
    for (int i = 0; t->average && i < t->model->n_slots; i++) {
        if (t->average->data[i])
            FV_TRY(visit(arg, t->average->data[i], fv_tensor_bytes(t->model->slots[i].data)));
    }
    return FV_OK;
}

typedef struct sink {
    fv_writer *writer;
    uint32_t crc;
} sink;

static fv_status put(sink *s, const void *data, size_t size)
{
    s->crc = (uint32_t)crc32_z(s->crc, data, size);
    return fv_writer_put(s->writer, data, size);
}

static fv_status put_tensor(void *arg, void *data, size_t bytes)
{
    return put(arg, data, bytes);
}

fv_status fv_state_save(fv_trainer *t, const fv_progress *progress, const fv_identity *identity, const char *path)
{
    fv_str header = {.ctx = t->ctx}, wisdom = {.ctx = t->ctx};
    sink s = {.crc = (uint32_t)crc32_z(0, NULL, 0)};
    fv_model_sync(t->model);
    fv_trainer_sync(t);
    fv_wisdom_text(t->wisdom, &wisdom);
    header_json(t, progress, identity, &wisdom, &header);
    fv_status status = fv_str_status(&wisdom);
    if (status == FV_OK)
        status = fv_str_status(&header);
    if (status == FV_OK)
        status = fv_writer_open(t->ctx, path, &s.writer);
    uint64_t size = header.size;
    if (status == FV_OK)
        status = put(&s, magic, sizeof magic);
    if (status == FV_OK)
        status = put(&s, &size, sizeof size);
    if (status == FV_OK)
        status = put(&s, header.data, header.size);
    if (status == FV_OK)
        status = visit_tensors(t, put_tensor, &s);
    if (status == FV_OK) {
        uint32_t crc = s.crc;
        status = put(&s, &crc, sizeof crc);
    }
    if (status == FV_OK)
        status = fv_writer_commit(&s.writer);
    fv_writer_abort(&s.writer);
    fv_str_free(&header);
    fv_str_free(&wisdom);
    return status;
}

/* ---- reading ---- */

/* Checks frame and checksum; sets where header and tensors are. */
static fv_status check_frame(fv_ctx *ctx, const char *path, const fv_blob *m, const char **header, size_t *header_size)
{
    uint64_t size;
    uint32_t crc;
    if (m->size < 20 || memcmp(m->data, magic, sizeof magic) != 0)
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: not a training state (%lld bytes)", path, (long long)m->size);
    memcpy(&size, m->data + 8, sizeof size);
    memcpy(&crc, m->data + m->size - 4, sizeof crc);
    if (size > (uint64_t)m->size - 20)
        return fv_fail(ctx, FV_ERR_MODEL_CORRUPT, "%s: truncated: the header alone needs %llu bytes, the file has %lld",
                       path, (unsigned long long)size, (long long)m->size);
    uint32_t computed = (uint32_t)crc32_z(crc32_z(0, NULL, 0), m->data, (size_t)m->size - 4);
    if (computed != crc)
        return fv_fail(ctx, FV_ERR_MODEL_CORRUPT, "%s: damaged: checksum %08x, expected %08x", path, computed, crc);
    *header = (const char *)m->data + 16;
    *header_size = (size_t)size;
    return FV_OK;
}

static int64_t get_int(const fv_doc_node *root, const char *key)
{
    const fv_doc_node *node = fv_doc_get(root, key);
    return node && (node->kind == FV_DOC_INT || node->kind == FV_DOC_BOOL) ? node->integer : 0;
}

static double get_real(const fv_doc_node *root, const char *key)
{
    const fv_doc_node *node = fv_doc_get(root, key);
    return node && (node->kind == FV_DOC_REAL || node->kind == FV_DOC_INT) ? node->real : NAN;
}

static const char *get_text(const fv_doc_node *root, const char *key)
{
    const fv_doc_node *node = fv_doc_get(root, key);
    return node && node->kind == FV_DOC_STRING ? node->text : "";
}

static void read_history(const fv_doc_node *root, fv_history *h)
{
    const fv_doc_node *list = fv_doc_get(root, "kept");
    for (int64_t i = 0; list && list->kind == FV_DOC_LIST && i + 1 < list->count && h->count < FV_HISTORY_MAX; i += 2) {
        h->list[h->count].epoch = list->child[i].integer;
        h->list[h->count++].metric = list->child[i + 1].real;
    }
}

static void read_progress(const fv_doc_node *root, fv_progress *p)
{
    int64_t v[P_INTS];
    for (int i = 0; i < P_INTS; i++)
        v[i] = get_int(root, int_keys[i]);
    *p = (fv_progress){.epoch = v[P_EPOCH],
                       .step = v[P_STEP],
                       .global_step = v[P_GLOBAL],
                       .correct = v[P_CORRECT],
                       .seen = v[P_SEEN],
                       .best_epoch = v[P_BEST_EPOCH],
                       .bad_epochs = v[P_BAD],
                       .finished = v[P_FINISHED] != 0,
                       .pass = v[P_PASS],
                       .batch = v[P_BATCH],
                       .plateau_bad = v[P_PLATEAU_BAD],
                       .cooldown = v[P_COOLDOWN],
                       .loss_sum = get_real(root, real_keys[0]),
                       .best_metric = get_real(root, real_keys[1]),
                       .lowest_loss = get_real(root, real_keys[2]),
                       .first_loss = get_real(root, real_keys[3]),
                       .seconds = get_real(root, real_keys[4]),
                       .lr_scale = get_real(root, real_keys[5]),
                       .plateau_best = get_real(root, real_keys[6])};
    read_history(root, &p->history);
    /* An earlier version wrote it. */
    p->seconds = isfinite(p->seconds) ? p->seconds : 0;
    p->lr_scale = isfinite(p->lr_scale) ? p->lr_scale : 1;
}

static fv_status add_size(void *arg, void *data, size_t bytes)
{
    (void)data;
    *(int64_t *)arg += (int64_t)bytes;
    return FV_OK;
}

static fv_status get_tensor(void *arg, void *data, size_t bytes)
{
    const uint8_t **p = arg;
    memcpy(data, *p, bytes);
    *p += bytes;
    return FV_OK;
}

/* The best of another measure is none, and patience with another begins anew. */
static void forget_best(const fv_doc_node *root, const fv_fit_options *o, fv_progress *p)
{
    const fv_doc_node *settings = fv_doc_get(root, "settings");
    const char *monitor = settings ? get_text(settings, "monitor") : "";
    const char *delta = settings ? get_text(settings, "min-delta") : "";
    double before = 0;
    if (monitor[0] && strcmp(monitor, o->monitor) != 0) {
        p->best_epoch = 0;
        p->best_metric = NAN;
        p->bad_epochs = p->plateau_bad = 0;
        p->history.count = 0;
        p->plateau_best = NAN;
    }
    if (delta[0] && fv_text_to_double(delta, &before) && before != o->min_delta)
        p->bad_epochs = 0;
}

/* Phases up to the one in which the state was saved; of an earlier version's there was one. */
static bool read_start(const fv_doc_node *root, fv_trainer_start *start)
{
    const fv_doc_node *list = fv_doc_get(root, "phases_begun");
    *start = (fv_trainer_start){.phase = 0};
    for (int64_t i = 0; list && list->kind == FV_DOC_LIST && i < list->count; i++) {
        if (i >= FV_PHASES_MAX || list->child[i].kind != FV_DOC_INT)
            return false;
        start->phase = (int)i;
        start->begun[i] = list->child[i].integer;
    }
    return true;
}

static bool same_start(const fv_trainer_start *a, const fv_trainer_start *b)
{
    return a->phase == b->phase && memcmp(a->begun, b->begun, (size_t)(a->phase + 1) * sizeof a->begun[0]) == 0;
}

/* Batches that normalizations have seen: all since they are trained. */
static void count_batches(fv_trainer *t)
{
    fv_model *m = t->model;
    for (int i = 0; i < m->n_counters; i++)
        if (!t->frozen[m->counters[i].slot])
            m->counters[i].value += t->step - t->since[m->counters[i].slot];
}

/* Everything is checked before the first tensor is overwritten. */
static fv_status take_state(fv_trainer *t, fv_progress *progress, const fv_identity *identity, const char *path,
                            const fv_blob *m, const fv_doc *doc, size_t header_size, bool force)
{
    const fv_doc_node *root = fv_doc_root(doc);
    fv_trainer_start start;
    FV_TRY(fv_identity_check(t->ctx, path, root, identity, force));
    if (!read_start(root, &start) || !same_start(&start, &t->start))
        return fv_fail(t->ctx, FV_ERR_MODEL_MISMATCH,
                       "%s: was saved in another phase of --unfreeze-at or --progressive-resize", path);
    int64_t expected = 0, found = m->size - 20 - (int64_t)header_size;
    visit_tensors(t, add_size, &expected);
    if (get_int(root, "slots") != t->slots || expected != found)
        return fv_fail(t->ctx, FV_ERR_MODEL_MISMATCH,
                       "%s: holds %lld bytes of weights, this model and optimizer need %lld", path, (long long)found,
                       (long long)expected);
    FV_TRY(fv_wisdom_read(t->wisdom, path, get_text(root, "plan")));
    const uint8_t *p = m->data + 16 + header_size;
    fv_model_sync(t->model);
    visit_tensors(t, get_tensor, &p);
    fv_trainer_touch(t);
    t->step = get_int(root, "optimizer_step");
    read_progress(root, progress);
    forget_best(root, identity->options, progress);
    count_batches(t);
    fv_model_touch(t->model);
    return FV_OK;
}

fv_status fv_state_load(fv_trainer *t, fv_progress *progress, const fv_identity *identity, const char *path, bool force)
{
    fv_blob m;
    fv_doc *doc = NULL;
    const char *header = NULL;
    size_t size = 0;
    FV_TRY(fv_blob_read(t->ctx, path, &m));
    fv_status status = check_frame(t->ctx, path, &m, &header, &size);
    if (status == FV_OK)
        status = fv_doc_parse_json(t->ctx, path, header, size, &doc);
    if (status == FV_OK)
        status = take_state(t, progress, identity, path, &m, doc, size, force);
    fv_doc_destroy(&doc);
    fv_blob_free(t->ctx, &m);
    return status;
}

/* The header of a state file, its frame and checksum unseen. False: there is none. */
static bool read_header(fv_ctx *ctx, const char *path, fv_doc **doc)
{
    enum { LARGEST = 64 << 20 };
    fv_reader reader = {0};
    char frame[16], *text = NULL;
    uint64_t size = 0;
    bool ok = fv_reader_open(ctx, path, &reader) == FV_OK &&
              fv_reader_get_all(ctx, path, &reader, 0, frame, sizeof frame) == FV_OK &&
              memcmp(frame, magic, sizeof magic) == 0;
    if (ok)
        memcpy(&size, frame + sizeof magic, sizeof size);
    ok = ok && size <= LARGEST && (int64_t)size <= reader.size && (text = fv_malloc(ctx, size + 1)) &&
         fv_reader_get_all(ctx, path, &reader, sizeof frame, text, size) == FV_OK &&
         fv_doc_parse_json(ctx, path, text, size, doc) == FV_OK;
    fv_free(ctx, text);
    fv_reader_close(&reader);
    fv_fail_clear(ctx);
    return ok;
}

static void look_at(fv_ctx *ctx, const char *path, const fv_fit_options *options, fv_run_state *state)
{
    fv_doc *doc = NULL;
    fv_progress p;
    struct stat st;
    if (read_header(ctx, path, &doc)) {
        read_progress(fv_doc_root(doc), &p);
        if ((!state->found || p.global_step > state->global_step) && stat(path, &st) == 0)
            *state = (fv_run_state){.found = true,
                                    .epoch = p.epoch,
                                    .global_step = p.global_step,
                                    .ended = fv_run_over(&p, options),
                                    .time = (double)st.st_mtim.tv_sec + 1e-9 * (double)st.st_mtim.tv_nsec};
    }
    fv_doc_destroy(&doc);
}

fv_status fv_run_look(fv_ctx *ctx, const char *dir, const fv_fit_options *options, fv_run_state *state)
{
    char **names = NULL, *weights = fv_path_join(ctx, dir, "weights");
    int64_t count = 0;
    *state = (fv_run_state){0};
    fv_status status = !weights                  ? FV_ERR_NO_MEMORY
                       : fv_path_is_dir(weights) ? fv_path_list(ctx, weights, &names, &count)
                                                 : FV_OK;
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        char *path = fv_text_match("*.state", names[i]) ? fv_path_join(ctx, weights, names[i]) : NULL;
        if (path)
            look_at(ctx, path, options, state);
        fv_free(ctx, path);
    }
    fv_free(ctx, names);
    fv_free(ctx, weights);
    return status;
}

/* The global step a state file claims. */
static fv_status peek_step(fv_ctx *ctx, const char *path, int64_t *step)
{
    fv_blob m;
    fv_doc *doc = NULL;
    const char *header;
    size_t size;
    FV_TRY(fv_blob_read(ctx, path, &m));
    fv_status status = check_frame(ctx, path, &m, &header, &size);
    if (status == FV_OK)
        status = fv_doc_parse_json(ctx, path, header, size, &doc);
    if (status == FV_OK)
        *step = get_int(fv_doc_root(doc), "global_step");
    fv_doc_destroy(&doc);
    fv_blob_free(ctx, &m);
    return status;
}

/* Path of the newest whole state in `dir`, the caller's; NULL: none. *damaged counts those that are not whole, which
 * `log` warns about. */
static fv_status newest_state(fv_ctx *ctx, const char *dir, bool log, char **newest, int64_t *damaged)
{
    char **names = NULL;
    int64_t count = 0, newest_step = -1;
    fv_status status = FV_OK;
    *newest = NULL;
    *damaged = 0;
    if (!fv_path_is_dir(dir))
        return FV_OK;
    FV_TRY(fv_path_list(ctx, dir, &names, &count));
    for (int64_t i = 0; i < count && status == FV_OK; i++) {
        size_t length = strlen(names[i]);
        if (names[i][0] == '.' || length < 6 || strcmp(names[i] + length - 6, ".state") != 0)
            continue;
        char *path = fv_path_join(ctx, dir, names[i]);
        int64_t step = -1;
        status = path ? peek_step(ctx, path, &step) : FV_ERR_NO_MEMORY;
        if (status != FV_OK && status != FV_ERR_NO_MEMORY) { /* no memory says nothing about the file */
            if (log)
                fv_log(ctx, FV_LOG_WARN, "train", "%s; looking for an older state", fv_ctx_error(ctx));
            ++*damaged;
            status = FV_OK;
        }
        if (status == FV_OK && step > newest_step) {
            fv_free(ctx, *newest);
            *newest = path;
            newest_step = step;
        } else {
            fv_free(ctx, path);
        }
    }
    fv_free(ctx, names);
    if (status != FV_OK) {
        fv_free(ctx, *newest);
        *newest = NULL;
    }
    return status;
}

fv_status fv_state_begin(fv_ctx *ctx, const char *dir, fv_trainer_start *start, char **plan)
{
    char *path = NULL;
    int64_t damaged;
    fv_blob m = {NULL, 0};
    fv_doc *doc = NULL;
    const char *header;
    size_t size;
    *start = (fv_trainer_start){.phase = 0};
    *plan = NULL;
    FV_TRY(newest_state(ctx, dir, false, &path, &damaged));
    if (!path) {
        fv_fail_clear(ctx); /* what is damaged is told when the state is read */
        return FV_OK;
    }
    fv_status status = fv_blob_read(ctx, path, &m);
    if (status == FV_OK)
        status = check_frame(ctx, path, &m, &header, &size);
    if (status == FV_OK)
        status = fv_doc_parse_json(ctx, path, header, size, &doc);
    if (status == FV_OK && !read_start(fv_doc_root(doc), start))
        status =
            fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: 'phases_begun' is no list of up to %d steps", path, FV_PHASES_MAX);
    if (status == FV_OK && !(*plan = fv_strdup(ctx, get_text(fv_doc_root(doc), "plan"))))
        status = FV_ERR_NO_MEMORY;
    fv_doc_destroy(&doc);
    fv_blob_free(ctx, &m);
    fv_free(ctx, path);
    return status;
}

fv_status fv_state_resume(fv_trainer *t, fv_progress *progress, const fv_identity *identity, const char *dir,
                          bool force, bool *found)
{
    char *best = NULL;
    int64_t damaged = 0;
    *found = false;
    fv_status status = newest_state(t->ctx, dir, true, &best, &damaged);
    if (status == FV_OK && best) {
        fv_fail_clear(t->ctx);
        status = fv_state_load(t, progress, identity, best, force);
        *found = status == FV_OK;
    } else if (status == FV_OK && damaged > 0) {
        /* To start anew here would write over the weights that are left. */
        fv_fail_clear(t->ctx);
        status = fv_fail_hint(
            t->ctx,
            fv_fail(t->ctx, FV_ERR_MODEL_CORRUPT, "%s: cannot resume: no state there is whole, %lld %s damaged", dir,
                    (long long)damaged, damaged == 1 ? "is" : "are"),
            "start anew with another --experiment, for example with --model %s/best.safetensors", dir);
    }
    fv_free(t->ctx, best);
    return status;
}
