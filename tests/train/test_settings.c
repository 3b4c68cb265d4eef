/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as rows: text and back, ranges, defaults in C, and the identity of a run, over all rows. */
#include "support/support.h"

#include <math.h>

#include <fovea/fovea.h>

#include "base/json.h"
#include "base/text.h"
#include "model/model.h"
#include "train/identity.h"
#include "train/settings.h"

/* One of these is a value of each kind, and not its default. */
static const char *const candidates[] = {"3",        "0.5",         "0.25",       "true", "adam",
                                         "constant", "0.5,0.25",    "oversample", "mse",  "hflip",
                                         "val_loss", "triangular2", "linear"};

/* Sets a row to something else than it is; returns the text. */
static const char *change(const fv_setting_row *row, fv_fit_options *o)
{
    char before[FV_SETTING_TEXT_MAX], after[FV_SETTING_TEXT_MAX], expected[FV_SETTING_TEXT_MAX];
    fv_setting_print(row, o, before, sizeof before);
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
        if (fv_setting_read(row, candidates[i], o, expected) &&
            strcmp(fv_setting_print(row, o, after, sizeof after), before) != 0)
            return candidates[i];
    }
    fail_msg("no candidate for %s", row->key);
    return NULL;
}

static void text_and_back(void **state)
{
    (void)state;
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    assert_true(count > 30);
    for (int i = 0; i < count; i++) {
        char text[FV_SETTING_TEXT_MAX], again[FV_SETTING_TEXT_MAX], expected[FV_SETTING_TEXT_MAX];
        fv_fit_options a, b;
        fv_fit_defaults(&a);
        fv_fit_defaults(&b);
        change(&rows[i], &a);
        fv_setting_print(&rows[i], &a, text, sizeof text);
        assert_true(fv_setting_read(&rows[i], text, &b, expected));
        assert_string_equal(fv_setting_print(&rows[i], &b, again, sizeof again), text);
        assert_true(fv_setting_check(&rows[i], &b, expected));
        /* What is no value says what would be, and leaves the value as it was. */
        if (rows[i].kind != FV_SETTING_TEXT) {
            assert_false(fv_setting_read(&rows[i], "nonsense", &b, expected));
            assert_true(strlen(expected) > 5);
            assert_string_equal(fv_setting_print(&rows[i], &b, again, sizeof again), text);
        }
        assert_true(fv_setting_has_name(&rows[i], rows[i].key, strlen(rows[i].key)));
        /* No other row answers to the name. */
        for (int k = 0; k < count; k++)
            assert_int_equal(fv_setting_has_name(&rows[k], rows[i].key, strlen(rows[i].key)), k == i);
    }
}

static void defaults_are_values(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int kind = 0; kind < FV_OPTIMIZER_COUNT; kind++) {
        fv_fit_options o = FV_FIT_OPTIONS(.optimizer = kind);
        fv_settings_resolve(&o);
        assert_int_equal(fv_settings_check(ctx, &o), FV_OK);
        assert_true(o.lr == fv_optimizer_about(kind)->lr);
        assert_true(o.momentum == fv_optimizer_about(kind)->momentum);
    }
    /* Nothing but zeros is no set of options: zero epochs are none. */
    fv_fit_options zero = {0};
    fv_settings_resolve(&zero);
    assert_int_equal(fv_settings_check(ctx, &zero), FV_ERR_ARGUMENT);
    assert_non_null(strstr(fv_ctx_hint(ctx), "FV_FIT_OPTIONS"));
    fv_ctx_destroy(&ctx);
}

static void zero_is_zero(void **state)
{
    (void)state;
    fv_fit_options o = FV_FIT_OPTIONS(.momentum = 0, .betas = {0, 0}, .alpha = 0, .weight_decay = 0);
    fv_settings_resolve(&o);
    assert_true(o.momentum == 0 && o.betas[0] == 0 && o.betas[1] == 0 && o.alpha == 0 && o.weight_decay == 0);
    assert_int_equal(o.epochs, 100);
    assert_int_equal(fv_optimizer_slots(&o), 0); /* no momentum, no memory */
    fv_fit_options usual = FV_FIT_OPTIONS(.epochs = 7);
    fv_settings_resolve(&usual);
    assert_int_equal(usual.epochs, 7);
    assert_true(usual.momentum == 0.9 && usual.betas[0] == 0.9 && usual.alpha == 0.99);
    assert_int_equal(fv_optimizer_slots(&usual), 1);
}

static void out_of_range(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *expected;
    } rows[] = {
        {"epochs", "0", "a whole number from 1 to 1000000"},
        {"epochs", "2.5", "a whole number"},
        {"lr", "0", "a number above 0, at most 1000000"},
        {"opt-betas", "0.9,1", "two numbers from 0 to below 1"},
        {"opt-betas", "0.9", "two numbers from 0 to below 1"},
        {"opt", "adamm", "one of sgd, adam, adamw, rmsprop, lars, lamb, muon; did you mean adam?"},
        {"balance", "oversample=2", "a number from 0 to 1"},
        {"batch-size", "some", "a whole number from 1 to 1000000, or auto"},
        {"nesterov", "perhaps", "true or false"},
        {"lr0", "0x10", "a number above 0"},
    };
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_fit_options o;
    fv_fit_defaults(&o);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(fv_fit_set(ctx, &o, rows[i].key, rows[i].text), FV_ERR_VALUE);
        assert_non_null(strstr(fv_ctx_error(ctx), rows[i].expected));
    }
    assert_int_equal(fv_fit_set(ctx, &o, "label_smooting", "0.1"), FV_ERR_UNKNOWN_OPTION);
    assert_non_null(strstr(fv_ctx_error(ctx), "did you mean label-smoothing?"));
    assert_int_equal(fv_fit_set(ctx, &o, "weight_decay", "0.5"), FV_OK);
    assert_true(o.weight_decay == 0.5);
    assert_int_equal(fv_fit_set(ctx, &o, "balance", "weights=0.25"), FV_OK);
    assert_true(o.balance == FV_BALANCE_WEIGHTS && o.balance_power == 0.25);
    fv_ctx_destroy(&ctx);
}

/* What an optimizer takes are settings, and no two rows of the tables disagree on a name. */
static void optimizers_take_settings(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    for (int kind = 0; kind < FV_OPTIMIZER_COUNT; kind++) {
        const fv_optimizer_info *info = fv_optimizer_about(kind);
        assert_string_equal(info->name, fv_optimizer_names()[kind]);
        for (int i = 0; i < FV_OPTIMIZER_TAKES && info->takes[i]; i++) {
            bool found = false;
            for (int k = 0; k < count; k++)
                found |= strcmp(rows[k].key, info->takes[i]) == 0;
            assert_true(found);
        }
    }
    assert_null(fv_optimizer_about(FV_OPTIMIZER_COUNT));
    assert_null(fv_optimizer_about(-1));
    fv_ctx_destroy(&ctx);
}

/* ---- identity ---- */

static char *identity_text(fv_ctx *ctx, const fv_identity *identity)
{
    fv_str text = {.ctx = ctx};
    fv_json json = {.out = &text};
    fv_json_begin_object(&json);
    fv_identity_json(&json, identity);
    fv_json_end_object(&json);
    assert_int_equal(fv_str_status(&text), FV_OK);
    return text.data;
}

static void identity_of_every_row(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    int count, meaning = 0;
    const fv_setting_row *rows = fv_fit_settings(&count);
    fv_fit_options base, changed;
    fv_fit_defaults(&base);
    const fv_identity identity = {
        .data = "d", .model = "m", .pipeline = "p", .graph = "g", .tensors = "t", .options = &base};
    char *text = identity_text(ctx, &identity);
    fv_doc *doc = NULL;
    assert_int_equal(fv_doc_parse_json(ctx, "state", text, strlen(text), &doc), FV_OK);
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &identity, false), FV_OK);
    for (int i = 0; i < count; i++) {
        changed = base;
        change(&rows[i], &changed);
        fv_identity other = identity;
        other.options = &changed;
        char *now = identity_text(ctx, &other);
        assert_int_equal(strcmp(text, now) != 0, rows[i].level <= FV_TOLD);
        meaning += rows[i].level <= FV_TOLD;
        fv_free(ctx, now);
    }
    assert_true(meaning > 25 && meaning < count);
    fv_doc_destroy(&doc);
    fv_free(ctx, text);
    fv_ctx_destroy(&ctx);
}

/* A difference is refused, or said: never silent. */
static char said[4096];

static void listen(void *user, fv_log_level level, const char *topic, const char *line)
{
    (void)user;
    (void)topic;
    if (level == FV_LOG_WARN)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", line);
}

static void every_difference_is_told(void **state)
{
    (void)state;
    fv_ctx *ctx = NULL;
    assert_int_equal(fv_ctx_create(&(fv_ctx_options){.log = listen, .threads = 1}, &ctx), FV_OK);
    int count;
    const fv_setting_row *rows = fv_fit_settings(&count);
    fv_fit_options base, changed;
    fv_fit_defaults(&base);
    fv_settings_resolve(&base);
    const fv_identity identity = {
        .data = "d", .model = "m", .pipeline = "p", .graph = "g", .tensors = "t", .options = &base};
    char *text = identity_text(ctx, &identity);
    fv_doc *doc = NULL;
    assert_int_equal(fv_doc_parse_json(ctx, "state", text, strlen(text), &doc), FV_OK);
    for (int i = 0; i < count; i++) {
        changed = base;
        change(&rows[i], &changed);
        fv_identity other = identity;
        other.options = &changed;
        said[0] = '\0';
        fv_fail_clear(ctx);
        const fv_status status = fv_identity_check(ctx, "state", fv_doc_root(doc), &other, false);
        const char *told = status == FV_OK ? said : fv_ctx_error(ctx);
        const bool refused = rows[i].level == FV_FIXED || rows[i].level == FV_MEANING;
        assert_int_equal(status, refused ? FV_ERR_CONFLICT : FV_OK);
        assert_int_equal(strstr(told, "was") != NULL, rows[i].level <= FV_TOLD);
        if (rows[i].level <= FV_TOLD)
            assert_non_null(strstr(told, rows[i].key));
        /* Forced, it is said, unless nothing can be done with the state. */
        said[0] = '\0';
        assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, true),
                         rows[i].level == FV_FIXED ? FV_ERR_CONFLICT : FV_OK);
        assert_int_equal(strstr(said, "was") != NULL, rows[i].level == FV_MEANING || rows[i].level == FV_TOLD);
    }
    /* Several at once are all named. */
    fv_identity other = identity;
    changed = base;
    changed.lr = 0.5;
    changed.weight_decay = 0.25;
    changed.patience = 7;
    other.options = &changed;
    said[0] = '\0';
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, false), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "--lr was 0.1, now 0.5; --wd was 0.0001, now 0.25"));
    assert_string_equal(said, "state: --patience was 0, now 7\n");
    /* The network itself: its computation, and its tensors. */
    other = identity;
    memcpy(other.graph, "h", 2);
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, false), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "the network"));
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, true), FV_OK);
    memcpy(other.tensors, "u", 2);
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, true), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "tensors"));
    fv_doc_destroy(&doc);
    fv_free(ctx, text);
    /* Settings that the caller adds. */
    base.identity_told = "init: default\nscale: \n";
    changed = base;
    changed.identity_told = "init: default\nscale: 0.08,1\n";
    other = identity;
    other.options = &changed;
    text = identity_text(ctx, &identity);
    assert_int_equal(fv_doc_parse_json(ctx, "state", text, strlen(text), &doc), FV_OK);
    said[0] = '\0';
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, false), FV_OK);
    assert_string_equal(said, "state: --scale was '', now '0.08,1'\n");
    changed.identity = changed.identity_told;
    changed.identity_told = NULL;
    assert_int_equal(fv_identity_check(ctx, "state", fv_doc_root(doc), &other, false), FV_ERR_CONFLICT);
    assert_non_null(strstr(fv_ctx_error(ctx), "--scale was '', now '0.08,1'"));
    fv_doc_destroy(&doc);
    fv_free(ctx, text);
    fv_ctx_destroy(&ctx);
}

static void identity_of_the_graph(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        fv_zoo_options options;
    } nets[] = {
        {"lenet", {.classes = 10}},
        {"lenet", {.classes = 11}},
        {"mnist_cnn", {.classes = 10}},
        {"resnet8", {.classes = 10}},
        {"resnet20", {.classes = 10}},
        {"squeezenet1_1", {.classes = 10, .dropout = 0.5}},
        {"squeezenet1_1", {.classes = 10, .dropout = 0.25}},
    };
    enum { NETS = sizeof nets / sizeof *nets };
    char hex[NETS][65], again[65];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int i = 0; i < NETS; i++) {
        fv_model *m[2];
        for (int k = 0; k < 2; k++)
            assert_int_equal(fv_model_zoo(ctx, nets[i].name, &nets[i].options, &m[k]), FV_OK);
        fv_identity_graph(m[0]->graph, hex[i]);
        fv_identity_graph(m[1]->graph, again);
        assert_string_equal(hex[i], again);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(hex[i], hex[k]);
        for (int k = 0; k < 2; k++)
            fv_model_destroy(&m[k]);
    }
    fv_ctx_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(defaults_are_values),
        cmocka_unit_test(zero_is_zero),
        cmocka_unit_test(out_of_range),
        cmocka_unit_test(optimizers_take_settings),
        cmocka_unit_test(identity_of_every_row),
        cmocka_unit_test(every_difference_is_told),
        cmocka_unit_test(identity_of_the_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
