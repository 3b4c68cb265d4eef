/* SPDX-License-Identifier: Apache-2.0 */
/* fovea info: what a network is and costs. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "card.h"
#include "head.h"
#include "info.h"
#include "memory_text.h"
#include "output.h"
#include "rates.h"
#include "show.h"

const char *info_shape_text(const fv_shape *shape, char text[96])
{
    fv_shape s = {.rank = shape->rank - 1};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = shape->dim[i + 1];
    return fv_shape_text(&s, text);
}

const char *info_field_text(const int64_t field[2], const bool whole[2], char text[48])
{
    if (whole[0] && whole[1])
        snprintf(text, 48, "all");
    else
        snprintf(text, 48, field[0] == field[1] ? "%lld" : "%lldx%lld", (long long)field[0], (long long)field[1]);
    return text;
}

int64_t info_batch(const settings *c)
{
    return c->fit.batch_size ? c->fit.batch_size : 1;
}

fv_status info_measure(fv_model *model, const settings *c, info_totals *t)
{
    fv_fit_options o = c->fit;
    o.batch_size = info_batch(c);
    *t = (info_totals){.network = {0}};
    FV_TRY(fv_model_totals(model, &t->network));
    const fv_status status = fv_fit_memory(model, NULL, &o, &t->training);
    if (status == FV_ERR_UNSUPPORTED) /* an operator without a gradient: it is run alone */
        t->training = (fv_memory){0};
    else
        FV_TRY(status);
    return fv_evaluate_memory(model, NULL, o.batch_size, (int)o.workers, &t->inference);
}

static void print_memory(const char *title, const fv_memory *m, int64_t batch)
{
    char total[AMOUNT_MAX], parts[512];
    memory_text(m, 20, parts, sizeof parts);
    printf("%-17s %s at batch size %lld, of photographs in a folder:\n                  %s\n", title,
           amount_bytes((double)m->total, total), (long long)batch, parts);
}

/* What a layer's pixels see: how much, how far their neighbors' view is moved, where the first one's begins. */
static void print_layer(const fv_layer_info *l)
{
    char macs[AMOUNT_MAX], bytes[AMOUNT_MAX], shape[96], field[48], jump[48], start[48];
    snprintf(jump, sizeof jump, l->jump[0] == l->jump[1] ? "%lld" : "%lldx%lld", (long long)l->jump[0],
             (long long)l->jump[1]);
    snprintf(start, sizeof start, l->start[0] == l->start[1] ? "%g" : "%g,%g", l->start[0], l->start[1]);
    printf("%-32.32s %-18s %-14s %12lld %12s %11s %7s %7s %11s%s\n", l->name, l->op, info_shape_text(&l->output, shape),
           (long long)l->parameters, amount_count(l->macs, macs), info_field_text(l->receptive_field, l->whole, field),
           jump, start, amount_bytes((double)l->activation_bytes, bytes), l->training ? "  training" : "");
}

static void print_text(fv_model *model, int64_t batch, const info_totals *t, bool trained)
{
    int64_t h, w, c;
    char params[AMOUNT_MAX], macs[AMOUNT_MAX], flops[AMOUNT_MAX], bytes[AMOUNT_MAX], field[48], aux[256];
    fv_model_input_size(model, &h, &w, &c);
    static const char *const outputs[FV_TASK_COUNT] = {"classes", "classes, each with a sigmoid", "values"};
    printf("%s: input %lldx%lldx%lld, %lld %s\n\n", fv_model_name(model), (long long)h, (long long)w, (long long)c,
           (long long)fv_model_classes(model), outputs[fv_model_task(model)]);
    printf("%-32s %-18s %-14s %12s %12s %11s %7s %7s %11s\n", "layer", "operator", "output", "parameters", "mult-adds",
           "receptive", "stride", "start", "activation");
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info l;
        fv_model_layer(model, i, &l);
        print_layer(&l);
    }
    printf("\nparameters        %lld (%s)\nmultiply-adds     %s per image (%s floating-point operations)\n",
           (long long)fv_model_parameters(model), amount_bytes((double)fv_model_parameters(model) * 4, params),
           amount_count(t->network.macs, macs), amount_count(t->network.flops, flops));
    printf("depth             %d of %d weighted layers on the longest way\n", t->network.depth,
           t->network.weighted_layers);
    if (t->network.receptive_field[0] > 0)
        printf("receptive field   %s of the last map\n",
               info_field_text(t->network.receptive_field, t->network.whole, field));
    if (model_aux_text(model, aux, sizeof aux)[0])
        printf(
            "auxiliary heads   %s, of %lld of these parameters: for training alone, their losses times these weights\n",
            aux, (long long)fv_model_aux_parameters(model));
    if (fv_model_temperature(model) > 0)
        printf("temperature       %.6g: probabilities are of outputs divided by it\n", fv_model_temperature(model));
    if (fv_model_storage(model) != FV_STORAGE_FLOAT32)
        printf("stored            weights of layers as %s in the file, float32 in memory\n",
               fv_storage_names()[fv_model_storage(model)]);
    if (trained)
        card_print(model);
    printf("activations       %s per image, all layers\n", amount_bytes((double)t->network.activation_bytes, bytes));
    if (t->network.activated_run < t->network.activated)
        printf(
            "pooling first     %.0f values activated in place of %.0f, %.1f times fewer: activations move behind the "
            "maximum\n",
            t->network.activated_run, t->network.activated, t->network.activated / t->network.activated_run);
    if (t->training.total > 0)
        print_memory("training memory", &t->training, batch);
    else
        printf("training memory   none: it has an operator without a gradient, and cannot be trained\n");
    print_memory("inference memory", &t->inference, batch);
}

static json_t *memory_json(const fv_memory *m)
{
    json_t *object = json_object();
#define FV_MEMORY_JSON(name, title) json_object_set_new(object, #name, json_integer((json_int_t)m->name));
    FV_MEMORY_LIST(FV_MEMORY_JSON)
#undef FV_MEMORY_JSON
    return object;
}

/* [{"name": "aux1.fc2", "weight": 0.3}, ...] */
static json_t *aux_json(const fv_model *model)
{
    json_t *list = json_array();
    fv_aux_info aux;
    for (int i = 0; fv_model_aux_head(model, i, &aux); i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "name", aux.name, "weight", aux.weight));
    return list;
}

static json_t *layer_json(const fv_layer_info *l)
{
    char shape[96];
    json_t *layer =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:[I,I], s:[I,I], s:[f,f]}", "name", l->name, "op", l->op, "output",
                  info_shape_text(&l->output, shape), "parameters", (json_int_t)l->parameters, "macs",
                  (json_int_t)l->macs, "activation_bytes", (json_int_t)l->activation_bytes, "receptive_field",
                  (json_int_t)l->receptive_field[0], (json_int_t)l->receptive_field[1], "jump", (json_int_t)l->jump[0],
                  (json_int_t)l->jump[1], "start", l->start[0], l->start[1]);
    if (l->whole[0] || l->whole[1])
        json_object_set_new(layer, "whole", json_pack("[b,b]", l->whole[0], l->whole[1]));
    if (l->training)
        json_object_set_new(layer, "training", json_true());
    return layer;
}

static void print_json(fv_model *model, int64_t batch, const info_totals *t, bool trained)
{
    int64_t h, w, c;
    fv_model_input_size(model, &h, &w, &c);
    json_t *layers = json_array();
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info l;
        fv_model_layer(model, i, &l);
        json_array_append_new(layers, layer_json(&l));
    }
    json_t *root =
        json_pack("{s:s, s:s, s:[I,I,I], s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:o, s:o, s:o}", "name",
                  fv_model_name(model), "task", fv_task_names()[fv_model_task(model)], "input", (json_int_t)h,
                  (json_int_t)w, (json_int_t)c, "classes", (json_int_t)fv_model_classes(model), "parameters",
                  (json_int_t)fv_model_parameters(model), "macs", (json_int_t)t->network.macs, "flops",
                  (json_int_t)t->network.flops, "activation_bytes", (json_int_t)t->network.activation_bytes, "depth",
                  t->network.depth, "batch_size", (json_int_t)batch, "training_bytes", (json_int_t)t->training.total,
                  "inference_bytes", (json_int_t)t->inference.total, "training_memory", memory_json(&t->training),
                  "inference_memory", memory_json(&t->inference), "layers", layers);
    json_object_set_new(root, "activated", json_integer((json_int_t)t->network.activated));
    json_object_set_new(root, "activated_run", json_integer((json_int_t)t->network.activated_run));
    if (fv_model_aux_parameters(model) > 0) {
        json_object_set_new(root, "aux_heads", aux_json(model));
        json_object_set_new(root, "aux_parameters", json_integer((json_int_t)fv_model_aux_parameters(model)));
    }
    if (fv_model_temperature(model) > 0)
        json_object_set_new(root, "temperature", json_real(fv_model_temperature(model)));
    if (trained)
        json_object_set_new(root, "storage", json_string(fv_storage_names()[fv_model_storage(model)]));
    for (int i = 0; i < FV_CARD_COUNT && trained; i++) {
        const char *said = fv_model_card(model, (fv_card_item)i);
        json_object_set_new(root, card_key(i), said ? json_string(said) : json_null());
    }
    json_dumpf(root, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(root);
}

/* Runs it on noise a few times and shows where the time goes. */
static fv_status profile(fv_ctx *ctx, const settings *c, fv_model *model, int64_t batch)
{
    fv_session *s = NULL;
    char *table = NULL, *trace = NULL;
    int64_t h, w, channels;
    fv_model_input_size(model, &h, &w, &channels);
    fv_status status = fv_session_create(model, batch, &s);
    if (status == FV_OK) {
        float *x = fv_session_input(s);
        for (int64_t i = 0; i < batch * h * w * channels; i++)
            x[i] = (float)((i * 2654435761u) % 1000) / 500.0f - 1.0f;
        status = fv_session_run(s);
    }
    if (status == FV_OK)
        status = fv_session_profile(s, true, NULL, NULL);
    for (int i = 0; status == FV_OK && i < 10; i++)
        status = fv_session_run(s);
    if (status == FV_OK)
        status = fv_session_profile(s, false, &table, &trace);
    if (status == FV_OK)
        fputs(table, stdout);
    if (status == FV_OK && c->trace) {
        status = output_write(c->trace, trace, strlen(trace));
        if (status == FV_OK)
            note("%s: load it in chrome://tracing", c->trace);
    }
    fv_text_free(ctx, table);
    fv_text_free(ctx, trace);
    fv_session_destroy(&s);
    return status;
}

static fv_status selftest(fv_model *model)
{
    double difference;
    FV_TRY(fv_model_selftest(model, &difference));
    printf("self-test: ok, largest difference %.3g\n", difference);
    return FV_OK;
}

fv_status info_open(fv_ctx *ctx, const settings *c, const char *name, fv_model **model, bool *loaded)
{
    new_head head;
    fv_zoo_options options = {.img_size = {c->img_size[0], c->img_size[1]},
                              .channels = c->in_chans,
                              .dropout = option_given("drop") ? c->drop : -1,
                              .drop_path = drop_path_of(c)};
    head_ask(c, 0, &head, &options);
    fv_status status = model_open(ctx, c, name, &options, model, loaded);
    if (status == FV_OK)
        status = head_settle(c, *loaded, &head, *model);
    head_forget(&head);
    return status;
}

/* The graph as text, or drawn. */
static fv_status print_graph(fv_ctx *ctx, const settings *c, const fv_model *model)
{
    char *text;
    fv_status status = FV_OK;
    if (c->graph)
        FV_TRY(fv_model_text(model, &text));
    else
        FV_TRY(fv_model_draw(model, c->svg ? FV_DRAWING_SVG : FV_DRAWING_DOT, &text));
    if (c->svg)
        status = output_write(c->svg, text, strlen(text));
    else
        fputs(text, stdout);
    fv_text_free(ctx, text);
    return status;
}

/* What is printed instead of the layers: one of these. */
static fv_status check_form(void)
{
    static const char *const keys[] = {"graph", "dot", "svg", "suggest", "lr", "profile", "selftest", "card"};
    const char *first = NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!option_given(keys[i]))
            continue;
        if (first)
            return complain(FV_ERR_CONFLICT, "give one of them", "--%s and --%s print different things", first,
                            keys[i]);
        first = keys[i];
    }
    return FV_OK;
}

static fv_status show(fv_ctx *ctx, settings *c, const char *name, fv_model **model)
{
    bool loaded;
    info_totals t;
    FV_TRY(info_open(ctx, c, name, model, &loaded));
    if (!loaded && (c->profile || c->selftest))
        FV_TRY(fv_model_init(*model, 0, FV_INIT_DEFAULT));
    if (c->weights && !loaded)
        FV_TRY(fv_model_load_weights(*model, c->weights, false, NULL));
    if (c->selftest)
        return selftest(*model);
    if (c->card && !loaded)
        return complain(FV_ERR_CONFLICT, "name a model file", "--card: %s is an architecture, which nobody has trained",
                        name);
    if (c->card)
        return card_markdown(*model, name, stdout);
    if (c->profile)
        return profile(ctx, c, *model, info_batch(c));
    if (option_given("lr"))
        return rates_print(c, *model);
    if (c->graph || c->dot || c->svg)
        return print_graph(ctx, c, *model);
    if (c->suggest)
        return info_suggest(ctx, c, *model);
    FV_TRY(info_measure(*model, c, &t));
    c->json ? print_json(*model, info_batch(c), &t, loaded) : print_text(*model, info_batch(c), &t, loaded);
    return FV_OK;
}

fv_status verb_info(settings *c)
{
    fv_ctx *ctx;
    fv_model *model = NULL;
    const char *name = c->positional[0] ? c->positional[0] : option_given("model") ? c->model : NULL;
    if (!name)
        return complain(FV_ERR_USAGE, "`fovea help info` lists the architectures",
                        "fovea info: which network? give a NAME or FILE");
    if (c->positional[0] && option_given("model"))
        return complain(FV_ERR_CONFLICT, "name networks in one of the two ways",
                        "fovea info: both '%s' and --model %s are given", c->positional[0], c->model);
    FV_TRY(check_form());
    FV_TRY(output_check(c, NULL, "svg", c->svg, OUTPUT_DRAWING));
    if (c->trace && !c->profile)
        return complain(FV_ERR_CONFLICT, "add --profile", "--trace has no effect here: it needs --profile");
    static const char *const rate_keys[] = {"lr-mult", "layer-decay", "freeze", "unfreeze-at"};
    for (int i = 0; i < 4; i++)
        if (option_given(rate_keys[i]) && !option_given("lr"))
            return complain(FV_ERR_CONFLICT, "add --lr, whose share each tensor has",
                            "--%s has no effect here: it needs --lr", rate_keys[i]);
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = report(ctx, c->n_positional > 1 ? info_compare(ctx, c) : show(ctx, c, name, &model));
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return status;
}
