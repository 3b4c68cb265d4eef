/* SPDX-License-Identifier: Apache-2.0 */
#include "train/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

void fv_identity_graph(const fv_graph *graph, char hex[65])
{
    uint8_t digest[32];
    fv_graph_digest(graph, digest);
    fv_sha256_hex(digest, hex);
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
    } texts[] = {{"data", identity->data},
                 {"model", identity->model},
                 {"pipeline", identity->pipeline},
                 {"graph", identity->graph}};
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
        if (rows[i].level != FV_MEANING)
            continue;
        fv_json_key(j, rows[i].key);
        fv_json_string(j, value_of(&rows[i], identity->options, text));
    }
    for (const char *line = identity->options->identity; line && *line; line = next_line(line)) {
        char key[62], text[SHORT_TEXT];
        cut_line(line, key, text);
        fv_json_key(j, key);
        fv_json_string(j, text);
    }
    fv_json_end_object(j);
}

/* ---- comparing ---- */

/* What is done where something is not what it was. */
typedef enum answer { REFUSE, REFUSE_UNLESS_FORCED, SAY } answer;

/* One thing that a run had and has. */
typedef struct compared {
    const char *what, *before, *after;
    answer answer;
    int shown;         /* characters of it; 0: it says nothing to people */
    bool quoted;       /* it is a text, not a number */
    const char *so;    /* what follows from a difference that is only said; NULL: nothing more */
    bool was_recorded; /* false: an earlier version wrote the state */
} compared;

static fv_status refuse(fv_ctx *ctx, const char *path, const compared *c)
{
    const char *hint = c->answer == REFUSE_UNLESS_FORCED ? ", or --force to go on all the same" : "";
    const char *quote = c->quoted ? "'" : "";
    if (c->shown == 0)
        return fv_fail_hint(ctx,
                            fv_fail(ctx, FV_ERR_CONFLICT, "%s: cannot resume: %s is not what it was", path, c->what),
                            "see args.yaml of the run; use another --experiment%s", hint);
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_CONFLICT, "%s: cannot resume: %s was %s%.*s%s, now %s%.*s%s", path, c->what,
                                quote, c->shown, c->before, quote, quote, c->shown, c->after, quote),
                        "give the old value, or use another --experiment%s", hint);
}

static fv_status compare(fv_ctx *ctx, const char *path, const compared *c, bool force)
{
    if (!c->was_recorded || strcmp(c->before, c->after) == 0)
        return FV_OK;
    if (c->answer == REFUSE || (c->answer == REFUSE_UNLESS_FORCED && !force))
        return refuse(ctx, path, c);
    const char *so = c->answer == REFUSE_UNLESS_FORCED ? "; going on because of --force" : c->so ? c->so : "";
    const char *quote = c->quoted ? "'" : "";
    if (c->shown == 0)
        fv_log(ctx, FV_LOG_WARN, "train", "%s: %s is not what it was%s", path, c->what, so);
    else
        fv_log(ctx, FV_LOG_WARN, "train", "%s: %s was %s%.*s%s, now %s%.*s%s%s", path, c->what, quote, c->shown,
               c->before, quote, quote, c->shown, c->after, quote, so);
    return FV_OK;
}

/* The settings of which a difference is more than something to say. */
static const struct {
    const char *key, *what, *so;
    answer answer;
} stricter[] = {
    {"opt", "the optimizer", NULL, REFUSE},           {"augment", "the augmentation", NULL, REFUSE_UNLESS_FORCED},
    {"balance", NULL, NULL, REFUSE_UNLESS_FORCED},    {"seed", NULL, NULL, REFUSE_UNLESS_FORCED},
    {"batch-size", NULL, NULL, REFUSE_UNLESS_FORCED}, {"epochs", NULL, ": the learning-rate schedule is rebuilt", SAY},
};

static const fv_doc_node *text_node(const fv_doc_node *object, const char *key)
{
    const fv_doc_node *node = object ? fv_doc_get(object, key) : NULL;
    return node && node->kind == FV_DOC_STRING ? node : NULL;
}

static fv_status compare_setting(fv_ctx *ctx, const char *path, const fv_doc_node *recorded, const fv_setting_row *row,
                                 const fv_fit_options *now, bool force)
{
    char flag[64], text[SHORT_TEXT];
    const fv_doc_node *before = text_node(recorded, row->key);
    snprintf(flag, sizeof flag, "--%s", row->key);
    compared c = {.what = flag,
                  .before = before ? before->text : "",
                  .after = value_of(row, now, text),
                  .answer = SAY,
                  .shown = 200,
                  .quoted = row->choices || row->kind == FV_SETTING_TEXT,
                  .was_recorded = before != NULL};
    for (size_t i = 0; i < sizeof stricter / sizeof *stricter; i++) {
        if (strcmp(stricter[i].key, row->key) != 0)
            continue;
        c.what = stricter[i].what ? stricter[i].what : flag;
        c.answer = stricter[i].answer;
        c.so = stricter[i].so;
    }
    return compare(ctx, path, &c, force);
}

fv_status fv_identity_check(fv_ctx *ctx, const char *path, const fv_doc_node *root, const fv_identity *now, bool force)
{
    const struct {
        const char *key;
        compared c;
    } texts[] = {
        {"model", {.what = "the model", .after = now->model, .answer = REFUSE, .shown = 64, .quoted = true}},
        {"data", {.what = "the data", .after = now->data, .answer = REFUSE_UNLESS_FORCED, .shown = 16, .quoted = true}},
        {"pipeline",
         {.what = "the images' way into the network (size, resizing, normalization, contrast)",
          .after = now->pipeline,
          .answer = REFUSE_UNLESS_FORCED}},
        {"graph", {.what = "the network (its operators, attributes or shapes)", .after = now->graph, .answer = SAY}},
    };
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    const fv_doc_node *settings = fv_doc_get(root, "settings");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const fv_doc_node *before = text_node(root, texts[i].key);
        compared c = texts[i].c;
        c.before = before ? before->text : "";
        c.was_recorded = before != NULL;
        FV_TRY(compare(ctx, path, &c, force));
    }
    if (!settings)
        fv_log(ctx, FV_LOG_WARN, "train", "%s: an earlier version wrote it: its settings are not compared", path);
    for (int i = 0; i < count; i++)
        if (rows[i].level == FV_MEANING)
            FV_TRY(compare_setting(ctx, path, settings, &rows[i], now->options, force));
    for (const char *line = now->options->identity; line && *line; line = next_line(line)) {
        char flag[64] = "--", text[SHORT_TEXT];
        cut_line(line, flag + 2, text);
        const fv_doc_node *before = text_node(settings, flag + 2);
        FV_TRY(compare(ctx, path,
                       &(compared){.what = flag,
                                   .before = before ? before->text : "",
                                   .after = text,
                                   .answer = SAY,
                                   .shown = 200,
                                   .quoted = true,
                                   .was_recorded = before != NULL},
                       force));
    }
    return FV_OK;
}
