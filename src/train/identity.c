/* SPDX-License-Identifier: Apache-2.0 */
#include "train/identity.h"

#include <fovea/distill.h>

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/safetensors_model.h"

void fv_identity_graph(const fv_graph *graph, char hex[65])
{
    uint8_t digest[32];
    fv_graph_digest(graph, digest);
    fv_sha256_hex(digest, hex);
}

/* The graph's, and where there are auxiliary heads with their weights. */
static void network_digest(const fv_model *model, char hex[65])
{
    fv_aux_info aux;
    fv_sha256 hash;
    uint8_t digest[32];
    fv_identity_graph(model->graph, hex);
    if (!fv_model_aux_head(model, 0, &aux))
        return;
    fv_sha256_init(&hash);
    fv_sha256_update(&hash, hex, 64);
    for (int i = 0; fv_model_aux_head(model, i, &aux); i++) {
        char text[32];
        snprintf(text, sizeof text, "%.17g", aux.weight);
        fv_sha256_update(&hash, aux.name, strlen(aux.name) + 1);
        fv_sha256_update(&hash, text, strlen(text) + 1);
    }
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
}

/* SHA-256 of how images become the network's input. */
static fv_status pipeline_digest(fv_model *model, char hex[65])
{
    fv_str text = {.ctx = model->ctx};
    fv_sha256 hash;
    uint8_t digest[32];
    fv_meta_pipeline(model, &text);
    fv_status status = fv_str_status(&text);
    fv_sha256_init(&hash);
    fv_sha256_update(&hash, fv_str_get(&text), strlen(fv_str_get(&text)));
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
    fv_str_free(&text);
    return status;
}

/* SHA-256 of the tensors' names and shapes, in the order of the state file. */
static void tensors_digest(const fv_model *model, char hex[65])
{
    fv_sha256 hash;
    uint8_t digest[32];
    fv_sha256_init(&hash);
    for (int i = 0; i < model->n_slots; i++) {
        char shape[96];
        fv_shape_text(&model->slots[i].shape, shape);
        fv_sha256_update(&hash, model->slots[i].name, strlen(model->slots[i].name) + 1);
        fv_sha256_update(&hash, shape, strlen(shape) + 1);
    }
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
}

/* SHA-256 of all that the teachers are: networks, weights, images' way in, classes; "" where there is none. */
static fv_status teachers_digest(const fv_fit_options *options, char hex[65])
{
    fv_sha256 hash;
    uint8_t digest[32];
    hex[0] = '\0';
    if (options->n_teachers == 0)
        return FV_OK;
    fv_sha256_init(&hash);
    for (int i = 0; i < options->n_teachers; i++) {
        const fv_teacher *t = &options->teachers[i];
        char text[65];
        fv_identity_graph(t->model->graph, text);
        fv_sha256_update(&hash, text, 64);
        fv_model_sha256(t->model, text);
        fv_sha256_update(&hash, text, 64);
        FV_TRY(pipeline_digest(t->model, text));
        fv_sha256_update(&hash, text, 64);
        snprintf(text, sizeof text, "%.17g", t->weight);
        fv_sha256_update(&hash, text, strlen(text) + 1);
        for (int64_t k = 0; k < t->model->n_classes; k++)
            fv_sha256_update(&hash, t->model->class_names[k], strlen(t->model->class_names[k]) + 1);
    }
    fv_sha256_final(&hash, digest);
    fv_sha256_hex(digest, hex);
    return FV_OK;
}

fv_status fv_identity_make(fv_model *model, const fv_dataset *data, const fv_fit_options *options,
                           fv_identity *identity)
{
    fv_dataset_fingerprint(data, identity->data);
    identity->model = fv_model_name(model);
    identity->options = options;
    network_digest(model, identity->graph);
    tensors_digest(model, identity->tensors);
    FV_TRY(teachers_digest(options, identity->teachers));
    return pipeline_digest(model, identity->pipeline);
}

/* ---- the setting's value as text, of any length ---- */

enum { SHORT_TEXT = FV_SETTING_TEXT_MAX };

/* A TEXT is what it points to ("" for NULL), everything else what it prints as in `text`. */
static const char *value_of(const fv_setting_row *row, const fv_fit_options *options, char text[SHORT_TEXT])
{
    if (row->kind != FV_SETTING_TEXT)
        return fv_setting_print(row, options, text, SHORT_TEXT);
    const char *value = *(const char *const *)(const void *)((const char *)options + row->offset);
    return value ? value : "";
}

/* `key: value` of a line of further settings. */
static void cut_line(const char *line, char key[62], char text[SHORT_TEXT])
{
    const int n = (int)strcspn(line, ":\n");
    const char *value = line + n + (line[n] == ':');
    value += *value == ' ';
    snprintf(key, 62, "%.*s", n, line);
    snprintf(text, SHORT_TEXT, "%.*s", (int)strcspn(value, "\n"), value);
}

static const char *next_line(const char *line)
{
    const char *end = line + strcspn(line, "\n");
    return end + (*end == '\n');
}

void fv_identity_json(fv_json *j, const fv_identity *identity)
{
    const struct {
        const char *key, *value;
    } texts[] = {{"data", identity->data},       {"model", identity->model}, {"pipeline", identity->pipeline},
                 {"tensors", identity->tensors}, {"graph", identity->graph}, {"teachers", identity->teachers}};
    const char *const further[] = {identity->options->identity, identity->options->identity_told};
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        fv_json_key(j, texts[i].key);
        fv_json_string(j, texts[i].value);
    }
    fv_json_key(j, "settings");
    fv_json_begin_object(j);
    for (int i = 0; i < count; i++) {
        char text[SHORT_TEXT];
        if (rows[i].level > FV_TOLD)
            continue;
        fv_json_key(j, rows[i].key);
        fv_json_string(j, value_of(&rows[i], identity->options, text));
    }
    for (int i = 0; i < 2; i++)
        for (const char *line = further[i]; line && *line; line = next_line(line)) {
            char key[62], text[SHORT_TEXT];
            cut_line(line, key, text);
            fv_json_key(j, key);
            fv_json_string(j, text);
        }
    fv_json_end_object(j);
}

/* ---- comparing ---- */

/* One thing that a run had and has. */
typedef struct compared {
    const char *what, *before, *after;
    fv_setting_level level;
    int shown;         /* characters of it; 0: it says nothing to people */
    bool quoted;       /* it is a text, not a number */
    const char *so;    /* what follows from a difference that is only said; NULL: nothing more */
    bool was_recorded; /* false: an earlier version wrote the state */
} compared;

/* What the comparison has come to. */
typedef struct verdict {
    fv_ctx *ctx;
    const char *path;
    bool force;
    fv_str refused; /* differences that are, one behind the other */
    bool fixed;     /* one of them cannot be forced */
} verdict;

static void compare(verdict *v, const compared *c)
{
    const char *quote = c->quoted ? "'" : "";
    char text[1024];
    if (!c->was_recorded || strcmp(c->before, c->after) == 0)
        return;
    if (c->shown == 0)
        snprintf(text, sizeof text, "%s is not what it was", c->what);
    else
        snprintf(text, sizeof text, "%s was %s%.*s%s, now %s%.*s%s", c->what, quote, c->shown, c->before, quote, quote,
                 c->shown, c->after, quote);
    if (c->level == FV_FIXED || (c->level == FV_MEANING && !v->force)) {
        fv_str_printf(&v->refused, "%s%s", v->refused.size ? "; " : "", text);
        v->fixed |= c->level == FV_FIXED;
        return;
    }
    const char *so = c->level == FV_MEANING ? "; going on because of --force" : c->so ? c->so : "";
    fv_log(v->ctx, FV_LOG_WARN, "train", "%s: %s%s", v->path, text, so);
}

static fv_status conclude(verdict *v)
{
    fv_status status = fv_str_status(&v->refused);
    if (status == FV_OK && v->refused.size)
        status = fv_fail_hint(
            v->ctx, fv_fail(v->ctx, FV_ERR_CONFLICT, "%s: cannot resume: %s", v->path, fv_str_get(&v->refused)),
            "give what it was (args.yaml of the run), or use another --experiment%s",
            v->fixed ? "" : ", or --force to go on all the same");
    fv_str_free(&v->refused);
    return status;
}

static const fv_doc_node *text_node(const fv_doc_node *object, const char *key)
{
    const fv_doc_node *node = object ? fv_doc_get(object, key) : NULL;
    return node && node->kind == FV_DOC_STRING ? node : NULL;
}

static void compare_setting(verdict *v, const fv_doc_node *recorded, const fv_setting_row *row,
                            const fv_fit_options *now)
{
    char flag[64], text[SHORT_TEXT];
    const fv_doc_node *before = text_node(recorded, row->key);
    const bool spans = now->schedule == FV_COSINE || now->schedule == FV_POLY || now->schedule == FV_ONECYCLE;
    const bool rebuilt = row->offset == offsetof(fv_fit_options, epochs) && spans;
    snprintf(flag, sizeof flag, "--%s", row->key);
    compare(v, &(compared){.what = flag,
                           .before = before ? before->text : "",
                           .after = value_of(row, now, text),
                           .level = row->level,
                           .shown = 200,
                           .quoted = row->choices || row->kind == FV_SETTING_TEXT,
                           .so = rebuilt ? ": the learning-rate schedule is rebuilt" : NULL,
                           .was_recorded = before != NULL});
}

static void compare_lines(verdict *v, const fv_doc_node *recorded, const char *lines, fv_setting_level level)
{
    for (const char *line = lines; line && *line; line = next_line(line)) {
        char flag[64] = "--", text[SHORT_TEXT];
        cut_line(line, flag + 2, text);
        const fv_doc_node *before = text_node(recorded, flag + 2);
        compare(v, &(compared){.what = flag,
                               .before = before ? before->text : "",
                               .after = text,
                               .level = level,
                               .shown = 200,
                               .quoted = true,
                               .was_recorded = before != NULL});
    }
}

static void compare_subject(verdict *v, const fv_doc_node *root, const fv_identity *now)
{
    const struct {
        const char *key;
        compared c;
    } texts[] = {
        {"model", {.what = "the model", .after = now->model, .level = FV_FIXED, .shown = 64, .quoted = true}},
        {"tensors",
         {.what = "the set of the network's tensors (names or shapes)", .after = now->tensors, .level = FV_FIXED}},
        {"graph",
         {.what = "the network (its operators, attributes or shapes)", .after = now->graph, .level = FV_MEANING}},
        {"data", {.what = "the data", .after = now->data, .level = FV_MEANING, .shown = 16, .quoted = true}},
        {"teachers", {.what = "the teacher (--teacher)", .after = now->teachers, .level = FV_MEANING}},
        {"pipeline",
         {.what = "the images' way into the network (size, resizing, normalization, contrast)",
          .after = now->pipeline,
          .level = FV_MEANING}},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const fv_doc_node *before = text_node(root, texts[i].key);
        compared c = texts[i].c;
        c.before = before ? before->text : "";
        c.was_recorded = before != NULL;
        compare(v, &c);
    }
}

fv_status fv_identity_check(fv_ctx *ctx, const char *path, const fv_doc_node *root, const fv_identity *now, bool force)
{
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    const fv_doc_node *settings = fv_doc_get(root, "settings");
    verdict v = {.ctx = ctx, .path = path, .force = force, .refused = {.ctx = ctx}};
    if (!settings)
        fv_log(ctx, FV_LOG_WARN, "train", "%s: an earlier version wrote it: its settings are not compared", path);
    compare_subject(&v, root, now);
    for (int i = 0; i < count; i++)
        if (rows[i].level <= FV_TOLD)
            compare_setting(&v, settings, &rows[i], now->options);
    compare_lines(&v, settings, now->options->identity, FV_MEANING);
    compare_lines(&v, settings, now->options->identity_told, FV_TOLD);
    return conclude(&v);
}
