/* SPDX-License-Identifier: Apache-2.0 */
/* The option table and its reader. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

typedef enum kind { TEXT, INT, REAL, FLAG, CHOICE, SIZE, REALS, BYTES, BATCH } kind;

typedef struct option {
    const char *name;
    const char *aliases; /* further names, separated by commas */
    char letter;
    kind kind;
    size_t offset;
    unsigned verbs;
    const char *value; /* how help shows the value */
    const char *def;   /* default, as one would type it; NULL: none */
    double min, max;   /* INT, REAL, BYTES, REALS */
    const char *const *choices;
    const char *help;
} option;

static const char *const norm_names[] = {"auto", "unit", "minus1_1", "imagenet", "dataset", NULL};
static const char *const progress_names[] = {"auto", "bar", "plain", "json", "none", NULL};
static const char *const out_names[] = {"text", "json", "csv", NULL};
static const char *const resize_names[] = {"auto", "stretch", "crop", NULL};
static const char *const init_names[] = {"default",      "xavier_uniform", "xavier_normal", "he_uniform", "he_normal",
                                         "lecun_normal", "gaussian",       "constant",      NULL};
static const char *const device_hint = "auto or cpu";

#define AT(member) offsetof(cli, member)
#define ALL_DATA   (V_TRAIN | V_EVAL | V_PREDICT | V_DATA)

static const option options[] = {
    /* what */
    {"data", "data-dir,data-path", 0, TEXT, AT(data), V_TRAIN | V_EVAL | V_PREDICT, "PATH", NULL, 0, 0, NULL,
     "folder of classes, IDX folder or CIFAR binary folder"},
    {"model", NULL, 'm', TEXT, AT(model), V_TRAIN | V_EVAL | V_PREDICT | V_INFO, "NAME|FILE", "auto", 0, 0, NULL,
     "zoo architecture, architecture file (.yaml) or model file (.safetensors)"},
    {"weights", "pretrained-path,initial-checkpoint", 0, TEXT, AT(weights), V_TRAIN | V_INFO, "FILE", NULL, 0, 0, NULL,
     "safetensors to start from, tensors matched by name"},
    {"partial", NULL, 0, FLAG, AT(partial), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "accept weights that lack tensors or differ in shape"},
    {"reset-head", NULL, 0, FLAG, AT(reset_head), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "start the output layer anew when the classes differ"},
    {"split", NULL, 0, TEXT, AT(split), V_EVAL | V_PREDICT, "NAME", NULL, 0, 0, NULL, "train, val or test"},
    {"source", NULL, 0, TEXT, AT(source), V_PREDICT, "PATH", NULL, 0, 0, NULL,
     "image, folder of images, text file of paths, or - for paths on standard input"},
    {"config", "cfg", 'c', TEXT, AT(config), V_TRAIN, "FILE", NULL, 0, 0, NULL,
     "recipe (YAML, same keys as the flags); flags win"},
    /* recipe */
    {"epochs", NULL, 0, INT, AT(epochs), V_TRAIN, "N", "100", 1, 1e6, NULL,
     "passes over the training data (20 with --weights)"},
    {"batch-size", "batch", 'b', BATCH, AT(batch_size), V_TRAIN | V_EVAL | V_INFO, "N|auto", "auto", 1, 1e6, NULL,
     "samples per step; auto: 64, less for small data or memory"},
    {"max-steps", NULL, 0, INT, AT(max_steps), V_TRAIN, "N", "0", 0, 1e15, NULL,
     "stop after so many steps; 0: no limit"},
    {"seed", NULL, 0, INT, AT(seed), V_TRAIN | V_DATA | V_EVAL | V_PREDICT, "N", "0", 0, 9e15, NULL,
     "of weights, order, augmentation, splits"},
    {"img-size", "imgsz,train-crop-size", 0, SIZE, AT(img_size), V_TRAIN | V_INFO, "N|HxW", NULL, 1, 16384, NULL,
     "network input; default: the architecture's"},
    {"in-chans", NULL, 0, INT, AT(in_chans), V_TRAIN | V_INFO, "N", NULL, 1, 16, NULL,
     "input channels (1: grey, 3: color); default: the architecture's"},
    {"norm", NULL, 0, CHOICE, AT(norm), V_TRAIN, "RULE", "auto", 0, 0, norm_names,
     "pixel range: unit [0,1], minus1_1, imagenet, dataset (measured); auto: the architecture's"},
    {"mean", NULL, 0, REALS, AT(mean), V_TRAIN, "M[,M,M]", NULL, -1e6, 1e6, NULL,
     "subtracted from pixel/255, per channel"},
    {"std", NULL, 0, REALS, AT(std), V_TRAIN, "S[,S,S]", NULL, 1e-6, 1e6, NULL, "divided by, per channel"},
    {"resize", NULL, 0, CHOICE, AT(resize), V_TRAIN, "RULE", "auto", 0, 0, resize_names,
     "stretch to the input size, or crop: short side scaled, center cut out; auto: the model's"},
    {"opt", "optimizer", 0, CHOICE, AT(opt), V_TRAIN, "NAME", "sgd", 0, 0, NULL, "optimizer"},
    {"lr", "lr0,learning-rate", 0, REAL, AT(lr), V_TRAIN, "F", NULL, 0, 1e6, NULL,
     "learning rate: 0.1 for sgd, 1e-3 for the others (1e-3 or 1e-4 usually do); with --weights a hundredth for sgd, a "
     "tenth for the others"},
    {"momentum", NULL, 0, REAL, AT(momentum), V_TRAIN, "F", NULL, 0, 1, NULL, "0.9 for sgd"},
    {"nesterov", NULL, 0, FLAG, AT(nesterov), V_TRAIN, NULL, NULL, 0, 0, NULL, "Nesterov's momentum"},
    {"opt-betas", NULL, 0, REALS, AT(betas), V_TRAIN, "F,F", "0.9,0.999", 0, 1, NULL, "of adam and adamw"},
    {"opt-eps", NULL, 0, REAL, AT(eps), V_TRAIN, "F", "1e-8", 0, 1, NULL, "of adam, adamw and rmsprop"},
    {"opt-alpha", NULL, 0, REAL, AT(alpha), V_TRAIN, "F", "0.99", 0, 1, NULL, "of rmsprop"},
    {"wd", "weight-decay", 0, REAL, AT(wd), V_TRAIN, "F", "1e-4", 0, 1000, NULL,
     "weight decay: L2, decoupled with adamw"},
    {"l1", NULL, 0, REAL, AT(l1), V_TRAIN, "F", "0", 0, 1000, NULL, "L1 regularization"},
    {"bias-weight-decay", NULL, 0, FLAG, AT(bias_decay), V_TRAIN, NULL, NULL, 0, 0, NULL, "decay biases too"},
    {"norm-weight-decay", NULL, 0, FLAG, AT(norm_decay), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "decay batch-norm scale and shift too"},
    {"sched", "lr-scheduler", 0, CHOICE, AT(sched), V_TRAIN, "NAME", "cosine", 0, 0, NULL, "learning-rate schedule"},
    {"warmup-epochs", "lr-warmup-epochs", 0, REAL, AT(warmup_epochs), V_TRAIN, "F", "0", 0, 1e6, NULL,
     "linear rise from --warmup-lr"},
    {"warmup-lr", NULL, 0, REAL, AT(warmup_lr), V_TRAIN, "F", "0", 0, 1e6, NULL, "where the rise begins"},
    {"min-lr", NULL, 0, REAL, AT(min_lr), V_TRAIN, "F", "0", 0, 1e6, NULL, "where cosine and step end"},
    {"decay-epochs", "lr-step-size", 0, REAL, AT(decay_epochs), V_TRAIN, "F", "30", 1e-6, 1e6, NULL,
     "step: epochs between decays"},
    {"decay-rate", "lr-gamma", 0, REAL, AT(decay_rate), V_TRAIN, "F", "0.1", 1e-9, 1, NULL, "step: factor"},
    {"loss", NULL, 0, TEXT, AT(loss), V_TRAIN, "NAME", NULL, 0, 0, NULL,
     "softmax_cross_entropy (default), sigmoid_bce, mse, mae, huber"},
    {"label-smoothing", "smoothing", 0, REAL, AT(label_smoothing), V_TRAIN, "F", "0", 0, 0.999, NULL,
     "of cross-entropy"},
    {"huber-delta", NULL, 0, REAL, AT(huber_delta), V_TRAIN, "F", "1", 1e-9, 1e9, NULL, "of --loss huber"},
    {"drop", "dropout", 0, REAL, AT(drop), V_TRAIN | V_INFO, "F", NULL, 0, 0.999, NULL,
     "dropout rate of the architecture"},
    {"init", NULL, 0, CHOICE, AT(init), V_TRAIN, "NAME", "default", 0, 0, init_names,
     "how weights start; default: each layer's own"},
    {"hflip", "fliplr", 0, FLAG, AT(hflip), V_TRAIN, NULL, NULL, 0, 0, NULL, "mirror every other training image"},
    {"crop-pad", NULL, 0, INT, AT(crop_pad), V_TRAIN, "N", "0", 0, 4096, NULL,
     "pad by N pixels, then cut the original size at random"},
    {"val-split", NULL, 0, REAL, AT(val_split), V_TRAIN | V_EVAL | V_PREDICT, "F", "0", 0, 0.95, NULL,
     "share of the training data to validate on, where there is no val split"},
    {"monitor", "eval-metric", 0, TEXT, AT(monitor), V_TRAIN, "METRIC", NULL, 0, 0, NULL,
     "what `best` means: val_top1, val_top5, val_loss, train_loss, train_top1"},
    {"patience", NULL, 0, INT, AT(patience), V_TRAIN, "N", "0", 0, 1e6, NULL,
     "stop after N epochs without improvement; 0: never"},
    {"min-delta", NULL, 0, REAL, AT(min_delta), V_TRAIN, "F", "0", 0, 1e9, NULL, "what counts as improvement"},
    {"restore-best", "restore-best-weights", 0, FLAG, AT(restore_best), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "end with the best weights"},
    {"val-interval", NULL, 0, INT, AT(val_interval), V_TRAIN, "N", "1", 1, 1e6, NULL, "epochs between validations"},
    /* run */
    {"output", "output-dir,project", 0, TEXT, AT(output), V_TRAIN | V_DATA | V_RUNS, "DIR", NULL, 0, 0, NULL,
     "train: runs go to DIR/EXPERIMENT (default runs/train); data make: where to write"},
    {"experiment", "name", 0, TEXT, AT(experiment), V_TRAIN, "NAME", NULL, 0, 0, NULL,
     "name of the run; never overwritten: name, name2, ..."},
    {"resume", NULL, 0, TEXT, AT(resume), V_TRAIN, "auto|DIR", NULL, 0, 0, NULL,
     "go on with the newest valid state of the run, or start it"},
    {"force", NULL, 0, FLAG, AT(force), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "resume although data, seed or batch size differ"},
    {"recovery-interval", NULL, 0, INT, AT(recovery_interval), V_TRAIN, "N", "0", 0, 1e15, NULL,
     "steps between recovery states; 0: at epochs only"},
    {"log-interval", "print-freq", 0, INT, AT(log_interval), V_TRAIN, "N", "50", 1, 1e9, NULL,
     "steps between plain progress lines"},
    {"device", NULL, 0, TEXT, AT(device), V_TRAIN | V_EVAL | V_PREDICT, "NAME", "auto", 0, 0, NULL, "auto or cpu"},
    {"threads", NULL, 'j', INT, AT(threads), V_TRAIN | V_EVAL | V_PREDICT | V_DATA | V_DOCTOR | V_INFO, "N", "0", 0,
     1024, NULL, "0: what the process may use (FOVEA_NUM_THREADS, OMP_NUM_THREADS, cgroup)"},
    {"workers", NULL, 0, INT, AT(workers), V_TRAIN | V_EVAL, "N", "0", -1, 256, NULL,
     "decoding threads; 0: as --threads, -1: none"},
    {"memory", NULL, 0, BYTES, AT(memory), V_TRAIN | V_EVAL | V_PREDICT | V_INFO | V_DOCTOR, "SIZE", NULL, 1 << 20,
     1e18, NULL, "limit for plans (512M, 2G); default: 80 % of what the process may use"},
    {"progress", NULL, 0, CHOICE, AT(progress), V_TRAIN, "HOW", "auto", 0, 0, progress_names,
     "bar on a terminal, else plain"},
    {"no-color", NULL, 0, FLAG, AT(no_color), V_TRAIN, NULL, NULL, 0, 0, NULL, "no colors (also NO_COLOR, TERM=dumb)"},
    {"quiet", NULL, 'q', FLAG, AT(quiet), V_ANY, NULL, NULL, 0, 0, NULL, "errors and results only"},
    {"verbose", NULL, 'v', FLAG, AT(verbose), V_ANY, NULL, NULL, 0, 0, NULL, "every tensor loaded, every file noticed"},
    {"json", NULL, 0, FLAG, AT(json), V_EVAL | V_PREDICT | V_INFO | V_DOCTOR | V_DATA | V_RUNS, NULL, NULL, 0, 0, NULL,
     "result as JSON"},
    /* files */
    {"allow-extra", NULL, 0, FLAG, AT(allow_extra), ALL_DATA, NULL, NULL, 0, 0, NULL,
     "drop classes that the training data lack"},
    {"allow-empty", NULL, 0, FLAG, AT(allow_empty), ALL_DATA, NULL, NULL, 0, 0, NULL,
     "accept class folders without images"},
    {"max-bad", NULL, 0, REAL, AT(max_bad), ALL_DATA, "F", "0.01", 0, 1, NULL, "share of files that may be unreadable"},
    {"max-pixels", NULL, 0, INT, AT(max_pixels), ALL_DATA, "N", "178956970", 1, 1e12, NULL,
     "larger images are rejected"},
    {"ignore-exif", NULL, 0, FLAG, AT(ignore_exif), ALL_DATA, NULL, NULL, 0, 0, NULL,
     "do not apply the EXIF orientation"},
    {"salvage", NULL, 0, FLAG, AT(salvage), ALL_DATA, NULL, NULL, 0, 0, NULL, "decode what truncated files have"},
    /* predict, info, data */
    {"topk", NULL, 0, INT, AT(topk), V_PREDICT, "N", "5", 1, 1000, NULL, "classes shown per image"},
    {"limit", NULL, 0, INT, AT(limit), V_PREDICT, "N", "0", 0, 1e12, NULL, "at most N images"},
    {"out", NULL, 0, CHOICE, AT(out), V_PREDICT, "FORM", "text", 0, 0, out_names, "text, json or csv"},
    {"sheet", NULL, 0, TEXT, AT(sheet), V_PREDICT, "FILE.png", NULL, 0, 0, NULL,
     "one picture of images and predictions"},
    {"selftest", NULL, 0, FLAG, AT(selftest), V_INFO, NULL, NULL, 0, 0, NULL,
     "recompute the self-test vectors of the file"},
    {"graph", NULL, 0, FLAG, AT(graph), V_INFO, NULL, NULL, 0, 0, NULL, "print the graph as text"},
    {"dot", NULL, 0, FLAG, AT(dot), V_INFO, NULL, NULL, 0, 0, NULL, "print the graph for Graphviz"},
    {"profile", NULL, 0, FLAG, AT(profile), V_INFO, NULL, NULL, 0, 0, NULL, "run it and show time per node"},
    {"trace", NULL, 0, TEXT, AT(trace), V_INFO, "FILE.json", NULL, 0, 0, NULL,
     "with --profile: Chrome trace of one run"},
    {"train", NULL, 0, INT, AT(train_count), V_DATA, "N", "10000", 1, 1e7, NULL, "data make: training images"},
    {"test", NULL, 0, INT, AT(test_count), V_DATA, "N", "2000", 1, 1e7, NULL, "data make: test images"},
};
enum { N_OPTIONS = sizeof options / sizeof options[0] };

static bool given[N_OPTIONS];
static char *owned[4 * N_OPTIONS]; /* texts copied from the recipe */
static int n_owned;

/* Choices of the two options whose names the library owns. */
static const char *const *choices_of(const option *o)
{
    if (o->offset == AT(opt))
        return fv_optimizer_names();
    if (o->offset == AT(sched))
        return fv_schedule_names();
    return o->choices;
}

static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] == '_' ? '-' : a[i]) != (b[i] == '_' ? '-' : b[i]))
            return false;
    return true;
}

static const option *find_option(const char *name, size_t length)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        if (strlen(options[i].name) == length && same_name(name, options[i].name, length))
            return &options[i];
        for (const char *a = options[i].aliases; a; a = strchr(a, ',') ? strchr(a, ',') + 1 : NULL) {
            size_t n = strcspn(a, ",");
            if (n == length && same_name(name, a, length))
                return &options[i];
        }
    }
    return NULL;
}

static bool read_real(const char *text, double *value)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

static bool read_bytes(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    static const char units[] = "kMGT";
    const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
    if (end == text || (*end && !unit))
        return false;
    for (int i = 0; unit && i <= unit - units; i++)
        *value *= 1024;
    return !*end || !end[1] || strcmp(end + 1, "B") == 0 || strcmp(end + 1, "iB") == 0;
}

static int bad_value(const option *o, const char *place, const char *text, const char *expected)
{
    return complain(FV_ERR_VALUE, NULL, "%s%s%s: found '%s', expected %s", place, *place ? "" : "--", o->name, text,
                    expected);
}

static int out_of_range(const option *o, const char *place, const char *text)
{
    return complain(FV_ERR_VALUE, NULL, "%s%s%s: %s is out of range; allowed: %.10g to %.10g", place,
                    *place ? "" : "--", o->name, text, o->min, o->max);
}

static int set_choice(const option *o, const char *place, const char *text, int *member)
{
    char list[512] = "";
    const char *const *names = choices_of(o);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *member = i;
            return 0;
        }
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = fv_nearest(text, names);
    return complain(FV_ERR_VALUE, NULL, "%s%s%s: no such choice '%s'; %s%s%s", place, *place ? "" : "--", o->name, text,
                    nearest ? "did you mean " : "one of ", nearest ? nearest : list, nearest ? "?" : "");
}

static int set_reals(const option *o, const char *place, const char *text, list_option *list)
{
    char item[64];
    list->count = 0;
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t n = strcspn(p, ",");
        double v;
        snprintf(item, sizeof item, "%.*s", (int)(n < sizeof item ? n : sizeof item - 1), p);
        if (list->count == MAX_CHANNELS || !read_real(item, &v))
            return bad_value(o, place, text, "numbers separated by commas");
        if (v < o->min || v > o->max)
            return out_of_range(o, place, item);
        list->value[list->count++] = v;
    }
    return 0;
}

static int set_size(const option *o, const char *place, const char *text, int64_t size[2])
{
    char *end;
    size[0] = size[1] = strtoll(text, &end, 10);
    if (*end == 'x' || *end == 'X' || *end == ',')
        size[1] = strtoll(end + 1, &end, 10);
    if (*end || end == text)
        return bad_value(o, place, text, "a size such as 224 or 224x160");
    for (int i = 0; i < 2; i++)
        if ((double)size[i] < o->min || (double)size[i] > o->max)
            return out_of_range(o, place, text);
    return 0;
}

static int set_flag(const option *o, const char *place, const char *text, bool *flag)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL}, *const no[] = {"false", "no", "off", "0", NULL};
    for (int i = 0; i < 4; i++) {
        if (!text || strcmp(text, yes[i]) == 0)
            return *flag = true, 0;
        if (strcmp(text, no[i]) == 0)
            return *flag = false, 0;
    }
    return bad_value(o, place, text, "true or false");
}

/* `place` is "" for a flag and "FILE:LINE:COLUMN: " for a setting of a recipe. */
static int set_option(const option *o, const char *place, const char *text, cli *c)
{
    void *member = (char *)c + o->offset;
    double v;
    given[o - options] = true;
    switch (o->kind) {
    case TEXT:
        *(const char **)member = text;
        return *text ? 0 : bad_value(o, place, text, "a text");
    case FLAG:
        return set_flag(o, place, text, member);
    case CHOICE:
        return set_choice(o, place, text, member);
    case SIZE:
        return set_size(o, place, text, member);
    case REALS:
        return set_reals(o, place, text, member);
    case BATCH:
        c->batch_auto = strcmp(text, "auto") == 0;
        if (c->batch_auto)
            return 0;
        break;
    default:
        break;
    }
    if (!(o->kind == BYTES ? read_bytes(text, &v) : read_real(text, &v)))
        return bad_value(o, place, text,
                         o->kind == BYTES  ? "a size such as 512M or 2G"
                         : o->kind == REAL ? "a number"
                                           : "a whole number");
    if ((o->kind == INT || o->kind == BATCH) && v != floor(v))
        return bad_value(o, place, text, "a whole number");
    if (v < o->min || v > o->max)
        return out_of_range(o, place, text);
    if (o->kind == REAL)
        *(double *)member = v;
    else
        *(int64_t *)member = (int64_t)v;
    return 0;
}

static int unknown_option(const verb *v, const char *place, const char *word, size_t length)
{
    const char *names[N_OPTIONS + 1];
    char name[64];
    int n = 0;
    for (int i = 0; i < N_OPTIONS; i++)
        if (options[i].verbs & v->mask)
            names[n++] = options[i].name;
    names[n] = NULL;
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
    const char *nearest = fv_nearest(name, names), *dashes = *place ? "" : "--";
    if (nearest)
        return complain(FV_ERR_UNKNOWN_OPTION, NULL, "%sfovea %s has no option %s%s; did you mean %s%s?", place,
                        v->name, dashes, name, dashes, nearest);
    return complain(FV_ERR_UNKNOWN_OPTION, NULL, "%sfovea %s has no option %s%s; see `fovea help %s`", place, v->name,
                    dashes, name, v->name);
}

static const option *find_letter(char letter)
{
    for (int i = 0; i < N_OPTIONS; i++)
        if (options[i].letter && options[i].letter == letter)
            return &options[i];
    return NULL;
}

static int read_words(const verb *v, int argc, char **argv, cli *c)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *name = word, *equals = strchr(word, '=');
        size_t length;
        const option *o = NULL;
        if (word[0] == '-' && word[1] == '-') {
            name = word + 2;
        } else if (word[0] == '-' && word[1] && !isdigit((unsigned char)word[1])) {
            o = find_letter(word[1]);
            if (!o || (word[2] && word[2] != '='))
                return unknown_option(v, "", word + 1, strlen(word + 1));
            name = word + 1;
        } else if (!equals || !isalpha((unsigned char)word[0])) {
            if (c->n_positional >= v->positionals)
                return complain(FV_ERR_USAGE, NULL, "fovea %s: unexpected word '%s'; see `fovea help %s`", v->name,
                                word, v->name);
            c->positional[c->n_positional++] = word;
            continue;
        }
        length = equals ? (size_t)(equals - name) : strlen(name);
        if (length == 4 && strncmp(name, "help", 4) == 0) {
            c->positional[0] = v->name;
            return -1;
        }
        if (!o)
            o = find_option(name, length);
        if (!o || !(o->verbs & v->mask))
            return unknown_option(v, "", name, length);
        const char *value = equals ? equals + 1 : NULL;
        if (!value && o->kind != FLAG) {
            bool resume_alone = o->offset == AT(resume) && (i + 1 == argc || argv[i + 1][0] == '-');
            if (!resume_alone && i + 1 == argc)
                return complain(FV_ERR_USAGE, NULL, "--%s needs a value: %s", o->name, o->value);
            value = resume_alone ? "auto" : argv[++i];
        }
        int code = set_option(o, "", value, c);
        if (code)
            return code;
    }
    return 0;
}

static int read_recipe(const verb *v, cli *c)
{
    fv_ctx *ctx = NULL;
    fv_config *config = NULL;
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = 1}, &ctx);
    if (status == FV_OK)
        status = fv_config_read(ctx, c->config, &config);
    int code = status == FV_OK ? 0 : report(ctx, status);
    for (int i = 0; !code && i < fv_config_count(config); i++) {
        const fv_setting *s = fv_config_get(config, i);
        char place[1024];
        snprintf(place, sizeof place, "%s:%d:%d: ", c->config, s->line, s->column);
        const option *o = find_option(s->key, strlen(s->key));
        if (!o || !(o->verbs & v->mask) || o->offset == AT(config)) {
            code = unknown_option(v, place, s->key, strlen(s->key));
            break;
        }
        if (given[o - options] || !*s->value)
            continue;
        char *text = strdup(s->value);
        if (!text || n_owned == (int)(sizeof owned / sizeof owned[0])) {
            free(text);
            code = complain(FV_ERR_NO_MEMORY, NULL, "%sno memory for the recipe", place);
            break;
        }
        owned[n_owned++] = text;
        code = set_option(o, place, text, c);
    }
    fv_config_destroy(&config);
    fv_ctx_destroy(&ctx);
    return code;
}

int options_read(const verb *v, int argc, char **argv, cli *c)
{
    for (int i = 0; i < N_OPTIONS; i++)
        if (options[i].def && (options[i].verbs & v->mask) && set_option(&options[i], "", options[i].def, c))
            return 1;
    memset(given, 0, sizeof given);
    int code = read_words(v, argc, argv, c);
    if (!code && c->config)
        code = read_recipe(v, c);
    cli_quiet = c->quiet;
    if (!code && c->device && strcmp(c->device, "auto") != 0 && strcmp(c->device, "cpu") != 0)
        code = complain(FV_ERR_DEVICE, "use --device cpu, or auto",
                        "--device %s: this build has no such device; possible: %s", c->device, device_hint);
    return code;
}

bool option_given(const char *name)
{
    const option *o = find_option(name, strlen(name));
    return o && given[o - options];
}

static void yaml_text(FILE *f, const char *text)
{
    bool plain = *text != 0;
    for (const char *p = text; *p; p++)
        plain = plain && (isalnum((unsigned char)*p) || strchr("_-./", *p)) && !(p == text && strchr("-.", *p));
    char *end;
    strtod(text, &end);
    if (plain && *end) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (const char *p = text; *p; p++) {
        if (*p == '\n')
            fputs("\\n", f);
        else if (*p == '"' || *p == '\\')
            fprintf(f, "\\%c", *p);
        else
            fputc(*p, f);
    }
    fputc('"', f);
}

static void yaml_option(FILE *f, const option *o, const cli *c)
{
    const void *member = (const char *)c + o->offset;
    const list_option *list = member;
    const int64_t *size = member;
    switch (o->kind) {
    case TEXT:
        yaml_text(f, *(const char *const *)member);
        break;
    case FLAG:
        fputs(*(const bool *)member ? "true" : "false", f);
        break;
    case CHOICE:
        fputs(choices_of(o)[*(const int *)member], f);
        break;
    case REAL:
        fprintf(f, "%.10g", *(const double *)member);
        break;
    case REALS:
        for (int i = 0; i < list->count; i++)
            fprintf(f, "%s%.10g", i ? ", " : "[", list->value[i]);
        fputs("]", f);
        break;
    case SIZE:
        fprintf(f, "%lldx%lld", (long long)size[0], (long long)size[1]);
        break;
    default:
        fprintf(f, "%lld", (long long)*size);
        break;
    }
}

/* Options whose zero means "not set" are left out. */
static bool is_set(const option *o, const cli *c)
{
    const void *member = (const char *)c + o->offset;
    if (o->offset == AT(config) || o->offset == AT(quiet) || o->offset == AT(verbose) || o->offset == AT(resume) ||
        o->offset == AT(force))
        return false;
    switch (o->kind) {
    case TEXT:
        return *(const char *const *)member != NULL;
    case REALS:
        return ((const list_option *)member)->count > 0;
    case SIZE:
    case BYTES:
        return *(const int64_t *)member != 0;
    case INT:
        return *(const int64_t *)member != 0 || o->def;
    default:
        return true;
    }
}

char *options_yaml(const verb *v, const cli *c)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    fprintf(f, "# fovea %s: every setting of this run; repeat it with `fovea %s -c args.yaml`\n", fv_version(),
            v->name);
    for (int i = 0; i < N_OPTIONS; i++) {
        if (!(options[i].verbs & v->mask) || !is_set(&options[i], c))
            continue;
        fprintf(f, "%s: ", options[i].name);
        yaml_option(f, &options[i], c);
        fputc('\n', f);
    }
    return fclose(f) == 0 ? text : NULL;
}

void options_help(const verb *v, FILE *out)
{
    for (int i = 0; i < N_OPTIONS; i++) {
        const option *o = &options[i];
        char left[64], letter[8] = "    ";
        if (!(o->verbs & v->mask))
            continue;
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        fprintf(out, "  %-32s %s", left, o->help);
        if (o->kind == CHOICE) {
            const char *const *names = choices_of(o);
            fputs(": ", out);
            for (int k = 0; names[k]; k++)
                fprintf(out, "%s%s", k ? ", " : "", names[k]);
        }
        if (o->def && o->kind != FLAG)
            fprintf(out, " [%s]", o->def);
        fputc('\n', out);
    }
}

void options_free(void)
{
    while (n_owned > 0)
        free(owned[--n_owned]);
}
