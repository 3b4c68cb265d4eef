/* SPDX-License-Identifier: Apache-2.0 */
/* fovea: the command line. Picks the verb; what verbs do with models and data. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "class_names.h"
#include "cli.h"

#include "data.h"
#include "head.h"
#include "run_file.h"
#include "show.h"
#include "watch.h"
#include "zoo.h"

const verb verbs[] = {
    {"train", NULL, "train or fine-tune a network", "--data PATH [--model NAME|FILE] [options]",
     "  fovea train --data mnist --model mnist_cnn --epochs 5 --opt adam --lr 1e-3\n"
     "  fovea train --data photos --model squeezenet1_1 --weights squeezenet1_1.safetensors --val-split 0.2\n"
     "  fovea train --resume runs/train/exp\n",
     V_TRAIN, 0, verb_train},
    {"sanity", NULL, "before training: learn two batches by heart, or say why not",
     "--data PATH [--model NAME|FILE] [options of train]",
     "  fovea sanity --data mnist --model mnist_cnn --opt adam\n"
     "  fovea sanity --data photos --model resnet18 --batch-size 16 --json\n",
     V_TRAIN | V_SANITY, 0, verb_sanity},
    {"lr-find", NULL, "before training: which learning rate, by a test that raises it until the loss diverges",
     "--data PATH [--model NAME|FILE] [--lr-curve NAME] [options of train]",
     "  fovea lr-find --data mnist --model mnist_cnn --opt adam\n"
     "  fovea lr-find --data mnist --model mnist_cnn --lr-curve find --steps 200 --lr-max 1\n"
     "  fovea lr-find -c recipe.yaml --data photos --json\n",
     V_TRAIN | V_LR_FIND, 0, verb_lr_find},
    {"tune", NULL, "settings by random search: many are begun, the better ones go on, the best is told as a command",
     "--data PATH [--model NAME|FILE] [--trials N] [--space KEY=VALUES]... [options of train]",
     "  fovea tune --data photos --val-split 0.2 --trials 12 --epochs 12\n"
     "  fovea tune --data mnist --model mnist_cnn --val-split 0.1 --epochs 9 --space lr=log:1e-3..1 --space "
     "opt=sgd,adamw\n"
     "  fovea tune --data photos --val-split 0.2 --epochs 12 --ablate augment\n"
     "  fovea tune --resume runs/tune/exp\n",
     V_TRAIN | V_TUNE, 0, verb_tune},
    {"grow", NULL, "how large a network pays: from small to large, until validation no longer gains",
     "--data PATH [--model NAME,NAME,...] [--macs F] [--params F] [--hours F] [options of train]",
     "  fovea grow --data mnist --val-split 0.1 --epochs 3 --batch-size 50\n"
     "  fovea grow --data photos --val-split 0.2 --model resnet8,resnet20,resnet32 --macs 5e8 --epochs 10\n"
     "  fovea grow --resume runs/grow/exp\n",
     V_TRAIN | V_GROW, 0, verb_grow},
    {"eval", "val,test,validate", "score a model, or several together, on a split",
     "--data PATH --model FILE [--split NAME] [options]",
     "  fovea eval --data mnist --split test --model runs/train/exp/weights/best.safetensors --json\n"
     "  fovea eval --data mnist --model best.safetensors --tta 10crop --tta-scales 32,36,40\n"
     "  fovea eval --data mnist --model best.safetensors,runs/train/exp/weights/last.safetensors\n",
     V_EVAL, 0, verb_eval},
    {"predict", NULL, "classify images", "--model FILE (IMAGE... | --source PATH | --data PATH --split NAME) [options]",
     "  fovea predict --model best.safetensors cat.jpg dog.jpg --topk 3\n"
     "  fovea predict --model best.safetensors --data photos --split val --limit 25 --sheet sheet.png\n"
     "  fovea predict --model best.safetensors --source cat.jpg --tta flip --json\n"
     "  fovea predict --model best.safetensors cat.jpg --explain gradcam\n",
     V_PREDICT, INT_MAX, verb_predict},
    {"info", "summary", "layers, shapes, parameters, multiply-adds, memory; networks side by side",
     "[--model] NAME|FILE [options] | A B... [options]",
     "  fovea info resnet50 --batch-size 16\n  fovea info --model best.safetensors --selftest\n"
     "  fovea info vgg16 resnet50\n",
     V_INFO, MAX_NETWORKS, verb_info},
    {"convert", NULL, "make a model file of a network that another tool wrote",
     "SOURCE [--output FILE] [options] | --model NAME --weights FILE [--output FILE]",
     "  fovea convert net.onnx --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --classes names.txt\n"
     "  fovea convert --model resnet50 --weights resnet50.pth --output resnet50.safetensors\n",
     V_CONVERT, 1, verb_convert},
    {"run", NULL, "raw arrays through a network: every output, named and laid out as in its file",
     "MODEL --input [NAME=]FILE --output FILE [--layout nchw|nhwc]",
     "  fovea run net.onnx --input x.npy --output y.npz\n"
     "  fovea run net.onnx --input image=a.npy --input boxes=b.npy --output y.npz\n",
     V_RUN, 1, verb_run},
    {"compare", NULL, "two networks on the same input: how far their outputs, and layers, are apart",
     "A B [IMAGE... | --input [NAME=]FILE] [--layers] [--tolerance F]",
     "  fovea compare net.onnx net.safetensors\n  fovea compare a.safetensors b.safetensors --layers --json\n"
     "  fovea compare resnet20 net.onnx --weights resnet20.th --input x.npy\n"
     "  fovea compare net.prototxt net.safetensors --weights net.caffemodel cat.jpg\n",
     V_COMPARE, INT_MAX, verb_compare},
    {"factorize", NULL, "a smaller model: layers become products of two",
     "MODEL [IMAGE...] --output FILE [--method svd|spatial] [--rank N | --energy F | --keep F] [--layers PATTERN]",
     "  fovea factorize best.safetensors --output small.safetensors --keep 0.25\n"
     "  fovea factorize best.safetensors cat.jpg --output small.safetensors --energy 0.95 --layers 'fc*'\n"
     "  fovea factorize best.safetensors --output small.safetensors --method spatial --rank 16\n",
     V_FACTORIZE, INT_MAX, verb_factorize},
    {"prune", NULL, "a smaller model: without the channels, or weights, that matter least; what it costs, measured",
     "MODEL --output FILE (--amount F | --target-macs F | --target-ms F) [--method NAME] [--data PATH] [options] | "
     "MODEL --output FILE --unstructured (--amount F | --nm N:M) | MODEL --data PATH --sensitivity NAME",
     "  fovea prune best.safetensors --output small.safetensors --target-macs 0.6\n"
     "  fovea prune best.safetensors --output small.safetensors --amount 0.3 --method taylor --data photos\n"
     "  fovea prune best.safetensors --output sparse.safetensors --unstructured --nm 2:4\n"
     "  fovea prune best.safetensors --data photos --sensitivity layers\n",
     V_PRUNE, 1, verb_prune},
    {"quantize", NULL, "a model in 8-bit integers: a quarter of the bytes, and what each layer lost",
     "MODEL --data PATH --output FILE [options] | MODEL --output FILE (--dynamic | --fp16 | --bf16 | --weights-only) "
     "[options]",
     "  fovea quantize best.safetensors --data photos --output int8.safetensors\n"
     "  fovea quantize best.safetensors --data photos --output int8.safetensors --calibration entropy --skip 'fc*'\n"
     "  fovea quantize best.safetensors --output half.safetensors --fp16\n",
     V_QUANTIZE, 1, verb_quantize},
    {"calibrate", NULL, "a model whose probabilities are shares of right answers: temperature scaling",
     "MODEL --data PATH --output FILE [--split NAME] [options]",
     "  fovea calibrate best.safetensors --data photos --output calibrated.safetensors\n"
     "  fovea calibrate best.safetensors --data photos --output calibrated.safetensors --json\n",
     V_CALIBRATE, 1, verb_calibrate},
    {"compress", NULL, "a model made small in stages: distilled, pruned, trained, quantized, and what each cost",
     "-c RECIPE --model FILE --data PATH --output DIR [options]",
     "  fovea compress -c chain.yaml --model best.safetensors --data photos --output small\n"
     "  fovea compress -c chain.yaml --model best.safetensors --data photos --output small --max-drop 1.5 --json\n",
     V_COMPRESS, 0, verb_compress},
    {"distill", NULL, "train a network that learns from the answers of trained ones, its teachers, beside the labels",
     "TEACHER[,TEACHER...] --data PATH [--model NAME|FILE] [options of train]",
     "  fovea distill best.safetensors --data photos --model mobilenet_v2\n"
     "  fovea distill best.safetensors --data photos --model resnet20 --kd-temperature 2 --task-loss-weight 0.5\n"
     "  fovea distill a.safetensors,b.safetensors --data photos --model resnet20 --teacher-weights 2,1\n",
     V_TRAIN | V_DISTILL, 1, verb_distill},
    {"features", NULL, "what layers of a network make of images, as a file",
     "--model NAME|FILE --data PATH [--layer NAME|all] --output FILE",
     "  fovea features --model best.safetensors --data photos --output rows.npz\n"
     "  fovea features --model best.safetensors --data photos --layer all --pool avg --output rows.csv\n",
     V_FEATURES, 0, verb_features},
    {"linear", NULL, "linear classifiers on what layers make of images: accuracy layer by layer",
     "--model NAME|FILE --data PATH [--layers NAME|all] [--loss logreg|svm] [--folds K]",
     "  fovea linear --model best.safetensors --data photos --layers all --folds 5\n"
     "  fovea linear --model best.safetensors --data photos --save flowers.safetensors\n",
     V_LINEAR, 0, verb_linear},
    {"search", NULL, "the images nearest to others, by what a network makes of them",
     "--model NAME|FILE (--data PATH | --index FILE) --query IMAGE... [--topk K]",
     "  fovea search --model best.safetensors --data photos --query cat.jpg --sheet near.png\n"
     "  fovea search --model best.safetensors --index rows.npz --query cat.jpg dog.jpg --json\n",
     V_SEARCH, INT_MAX, verb_search},
    {"data", NULL, "make, check and look at data", "ACTION [PATH] [options]",
     "  fovea data make digits --output digits\n  fovea data check photos --json\n", V_DATA, 2, verb_data},
    {"plan", NULL,
     "before training: what a run takes, what of a network to train, which fit a device, the rate over a run",
     "--data PATH [options of train] | --data PATH --from NAME|FILE [--weights FILE] | [--ram SIZE] [--flash SIZE] "
     "[--ms F] [--params N] | --lr-curve NAME [options of train]",
     "  fovea plan --data mnist --model mnist_cnn --epochs 5\n"
     "  fovea plan -c recipe.yaml --data photos --price-per-hour 0.40 --probe 30 --json\n"
     "  fovea plan --data photos --from squeezenet1_1 --weights squeezenet1_1.safetensors\n"
     "  fovea plan --data photos --from mobilenet_v2-imagenet-backbone --json\n"
     "  fovea plan --ram 320K --flash 1M --ms 50 --int8\n  fovea plan --ms 20 --params 5e6 --img-size 160\n"
     "  fovea plan --lr-curve rate --sched onecycle --lr 0.1 --epochs 20 --steps-per-epoch 100\n",
     V_TRAIN | V_PLAN, 0, verb_plan},
    {"bench", NULL, "convolutions and products by every algorithm: time, memory, error",
     "conv PROBLEM... | conv --model NAME|FILE | gemm [M N K | MxNxK...] | vgg-e [options]",
     "  fovea bench conv 'n1h14w14c32 k32r3s3 p1'\n"
     "  fovea bench conv 'n8h14w14c64 k64r3s3 p1 g64' --direction all --threads 1 --seconds 0.1\n"
     "  fovea bench conv --model lenet --conv-algo gemm,igemm,im2col --csv\n"
     "  fovea bench gemm 196 256 2304\n  fovea bench gemm 256x256x256 1x1000x512 --threads 1 --json\n"
     "  fovea bench vgg-e --layers conv5 --batch-size 1,2 --threads 1\n",
     V_BENCH, INT_MAX, verb_bench},
    {"benchmark", "time", "what networks cost to run, side by side: size, time, memory, and their scores",
     "NAME|FILE... [--batch-size N,...] [--threads N,...] [--layers] [--data PATH] [options]",
     "  fovea benchmark lenet resnet8 --batch-size 1,8 --threads 1\n"
     "  fovea benchmark best.safetensors --layers --seconds 0.5 --json\n"
     "  fovea benchmark best.safetensors --data photos --batch-size 1,2,4,8,16,32,64\n"
     "  fovea benchmark best.safetensors --formats --data photos --threads 1\n",
     V_BENCHMARK, MAX_NETWORKS, verb_benchmark},
    {"runs", NULL, "list and compare training runs", "[ls | best | diff A B | report | mlflow] [DIR...] [options]",
     "  fovea runs\n  fovea runs best --metric val_loss\n  fovea runs diff exp exp2\n"
     "  fovea runs report --output runs.html\n  fovea runs mlflow --output mlruns\n",
     V_RUNS, INT_MAX, verb_runs},
    {"zoo", NULL, "trained networks by name: list, fetch, verify", "list | get NAME... | verify [NAME...] [options]",
     "  fovea zoo list\n  fovea zoo get lenet-digits --output networks\n  fovea zoo verify --output networks\n", V_ZOO,
     INT_MAX, verb_zoo},
    {"doctor", "checks", "processor, threads, memory, library versions", "[--json]", "  fovea doctor\n", V_DOCTOR, 0,
     verb_doctor},
    {"version", NULL, "the version", "", "  fovea version\n", V_VERSION, 0, verb_version},
    {"help", NULL, "help on a verb, a message code (E3002) or a topic", "[VERB | CODE | data [ACTION] | config]",
     "  fovea help train\n  fovea help data check\n  fovea help E3002\n", V_HELP, 2, verb_help},
    {0},
};

/* ---- models and data ---- */

static bool has_suffix(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

bool model_is_recipe(const char *name)
{
    static const char *const endings[] = {".yaml", ".yml", ".json"};
    bool yes = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        yes |= has_suffix(name, endings[i]);
    return yes && !has_suffix(name, ".index.json"); /* which lists the parts of weights */
}

bool model_is_architecture(const char *name)
{
    for (const char *const *known = fv_zoo_names(); *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

static fv_status open_whole(fv_ctx *ctx, const settings *c, const char *name, const fv_zoo_options *options,
                            fv_model **model, bool *loaded)
{
    *loaded = false;
    if (model_is_recipe(name))
        return fv_model_read_architecture(ctx, name, options, model);
    if (model_is_architecture(name) || !strpbrk(name, "/.")) /* no file: the zoo says what is nearest */
        return fv_model_zoo(ctx, name, options, model);
    *loaded = true;
    const fv_import_options more = {
        .img_size = {c->img_size[0], c->img_size[1]}, .own_size = head_wanted(c), .weights = c->weights};
    return fv_model_import(ctx, name, &more, model);
}

fv_status model_open(fv_ctx *ctx, const settings *c, const char *name, const fv_zoo_options *options, fv_model **model,
                     bool *loaded)
{
    FV_TRY(open_whole(ctx, c, name, options, model, loaded));
    return model_drop_aux(c, name, *model);
}

double drop_path_of(const settings *c)
{
    if (!option_given("drop-path"))
        return 0;
    return c->drop_path > 0 ? c->drop_path : -1;
}

fv_status model_drop_aux(const settings *c, const char *name, fv_model *model)
{
    fv_aux_info aux;
    if (!c->no_aux)
        return FV_OK;
    if (!fv_model_aux_head(model, 0, &aux))
        return complain(FV_ERR_CONFLICT, "leave it out", "--no-aux has no effect here: %s has no auxiliary heads",
                        name);
    return fv_model_drop_aux_heads(model);
}

const char *model_aux_text(const fv_model *model, char *text, size_t size)
{
    fv_aux_info aux;
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; used < size && fv_model_aux_head(model, i, &aux); i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s (%g)", i ? ", " : "", aux.name, aux.weight);
    return text;
}

void model_note_pixels(const char *name, const fv_model *model)
{
    if (fv_model_pixels_open(model))
        note("%s: %s files do not say how pixels become numbers: [0, 1] is taken; `fovea convert` writes mean and "
             "std into a model file",
             name, fv_model_origin(model));
}

fv_status model_open_trained(fv_ctx *ctx, const settings *c, fv_model **model)
{
    return model_open_trained_for(ctx, c, NULL, model);
}

fv_status model_open_trained_for(fv_ctx *ctx, const settings *c, const fv_zoo_options *options, fv_model **model)
{
    bool loaded;
    FV_TRY(model_open(ctx, c, c->model, options, model, &loaded));
    model_note_pixels(c->model, *model);
    if (loaded)
        return class_names_take(c, *model);
    if (!c->weights)
        return complain(FV_ERR_MODEL, "give a model file (.safetensors) that was trained, or --weights FILE for it",
                        "%s is an architecture without weights", c->model);
    FV_TRY(fv_model_load_weights(*model, c->weights, false, NULL));
    return class_names_take(c, *model);
}

void model_note_temperature(const char *name, const fv_model *model, const char *what)
{
    if (fv_model_temperature(model) > 0)
        note("%s: its temperature, %.6g, is not that of %s: `fovea calibrate` finds it anew", name,
             fv_model_temperature(model), what);
}

const char **model_class_names(const fv_model *model)
{
    const int64_t n = fv_model_classes(model);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    for (int64_t i = 0; names && i < n; i++)
        names[i] = fv_model_class_name(model, i);
    return names;
}

fv_dataset_options data_options(const settings *c)
{
    return (fv_dataset_options){
        .val_split = c->val_split,
        .folds = c->fold > 0 ? c->cross_folds : 0,
        .fold = c->fold,
        .group_by = c->group_by,
        .seed = (uint64_t)c->fit.seed,
        .allow_extra = c->allow_extra,
        .allow_empty = c->allow_empty,
        .max_bad = c->max_bad > 0 ? c->max_bad : 1e-12, /* 0 would be the default */
        .quarantine_csv = c->quarantine,
        .decode = {.max_pixels = c->max_pixels, .ignore_exif = c->ignore_exif, .salvage = c->salvage},
        .task = c->task};
}

const char *task_of(const fv_model *model)
{
    static const char *const words[FV_TASK_COUNT] = {"class", "multi-label", "regression"};
    return words[fv_model_task(model)];
}

fv_status data_open(fv_ctx *ctx, const settings *c, const char *split, fv_model *classes_of, fv_dataset **dataset)
{
    const char **names = NULL;
    const bool named = classes_of && fv_model_has_class_names(classes_of);
    fv_dataset_options o = data_options(c);
    o.split = split;
    o.decode.keep_depth = true;
    if (classes_of) {
        o.decode = fv_pipeline_decoding(fv_model_pipeline(classes_of), &o.decode);
        if (named && !(names = model_class_names(classes_of)))
            return FV_ERR_NO_MEMORY;
        o.n_classes = named ? fv_model_classes(classes_of) : 0;
        o.classes = names;
        if (!c->task)
            o.task = task_of(classes_of);
    }
    fv_status status = fv_dataset_open(ctx, c->packed ? c->packed : c->data, &o, dataset);
    free(names);
    return status == FV_OK && classes_of ? class_names_guess(c, classes_of, *dataset) : status;
}

/* ---- the program ---- */

static const verb *find_verb(const char *name)
{
    for (const verb *v = verbs; v->name; v++) {
        if (strcmp(v->name, name) == 0)
            return v;
        for (const char *a = v->aliases; a; a = strchr(a, ',') ? strchr(a, ',') + 1 : NULL)
            if (strlen(name) == strcspn(a, ",") && strncmp(a, name, strlen(name)) == 0)
                return v;
    }
    return NULL;
}

/* A closed pipe, or a terminal that hung up: whoever left does not want the rest. */
static bool reader_is_gone(int error)
{
    return error == EPIPE || (!isatty(STDOUT_FILENO) && errno == EIO);
}

static int run_verb(const verb *v, int argc, char **argv)
{
    static settings c;
    help_kind help;
    const data_action *action = v->mask == V_DATA && argc > 0 ? data_action_find(argv[0]) : NULL;
    message_topic(v->name, action ? action->name : NULL);
    fv_status status = options_read(v, argc, argv, &c, &help);
    c.words = argv;
    c.n_words = argc;
    if (status == FV_OK && !help)
        status = run_file_resolve(v, &c);
    if (status == FV_OK && !help)
        status = zoo_resolve(v, &c);
    if (help) {
        c.positional = (const char *[]){v->name, help == HELP_ALL ? "all" : NULL, NULL};
        status = verb_help(&c);
    } else if (status == FV_OK) {
        status = v->run(&c);
    }
    options_free();
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout);
    int error = errno;
    if (failed && status == FV_OK && !reader_is_gone(error))
        status = complain(error == ENOSPC ? FV_ERR_NO_SPACE : FV_ERR_IO, NULL, "standard output: %s",
                          error ? strerror(error) : "could not be written");
    if (watch_stopped()) /* all is cleaned up and told */
        signals_die();
    return fv_status_exit_code(status);
}

/* A file that is opened must not take the place of standard output or error when those were closed. What is written to
 * an output that is not there is an error, as with any other that cannot be written; but not where all of it is in a
 * run folder too. */
static void keep_standard_files(bool output_matters)
{
    for (int fd = 0; fd <= 2; fd++) {
        const bool writable = fd == STDERR_FILENO || (fd == STDOUT_FILENO && !output_matters);
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", writable ? O_WRONLY : O_RDONLY) < 0)
            _exit(9);
    }
}

/* Verbs to come: not misspelt ones. */
static const char *const planned[] = {"export", "serve"};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    keep_standard_files(strcmp(name, "train") != 0);
    /* A closed pipe and the limit on file sizes are errors of writing, told where they happen. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        name = "version";
    const verb *v = find_verb(name);
    for (size_t i = 0; !v && i < sizeof planned / sizeof *planned; i++)
        if (strcmp(planned[i], name) == 0)
            return fv_status_exit_code(
                complain(FV_ERR_UNKNOWN_OPTION, "`fovea help` lists the verbs", "'%s' is not in this version", name));
    if (!v) {
        const char *names[sizeof verbs / sizeof verbs[0]];
        int n = 0;
        for (const verb *w = verbs; w->name; w++)
            names[n++] = w->name;
        names[n] = NULL;
        const char *nearest = fv_nearest(name, names);
        return fv_status_exit_code(complain(FV_ERR_UNKNOWN_OPTION, "`fovea help` lists the verbs", "no verb '%s'%s%s%s",
                                            name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                                            nearest ? "'?" : ""));
    }
    return run_verb(v, argc > 2 ? argc - 2 : 0, argv + 2);
}
