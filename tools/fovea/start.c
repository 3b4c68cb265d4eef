/* SPDX-License-Identifier: Apache-2.0 */
#include "start.h"

#include "augment_text.h"
#include "head.h"
#include "train_check.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Images up to which a new output layer alone is trained: more of the network would learn them by heart. */
enum { FEW_IMAGES = 1000, FEW_EPOCHS = 12, TUNING_EPOCHS = 20 };
/* Photographs up to which a small network is trained where there are no weights to start from. */
enum { SMALL_SET = 10 * FEW_IMAGES };
/* The batch that default learning rates are made for. */
enum { USUAL_BATCH = 64 };

/*
 * From nothing on few photographs: a network that cannot learn them by heart, at a size at which an epoch takes
 * seconds, many epochs, each with other crops and colors. Measured on 350 flowers of five kinds: SGD learned more
 * slowly, and without smoothing and colors the loss of held-out images rose again after 20 epochs.
 */
static const struct {
    const char *model, *augment;
    int64_t side, batch;
    double lr, weight_decay, label_smoothing, warmup_epochs;
} from_nothing = {"resnet8", "rrc scale=0.25..1; hflip; jitter", 64, 16, 3e-3, 0.05, 0.1, 5};

/* Architectures that weights are looked for, the ones that know most for what they cost first. */
static const char *const preferred[] = {"mobilenet_v2", "resnet18", "resnet50", "squeezenet1_1", "vgg16", "vgg19",
                                        "vgg11",        "alexnet",  NULL};

bool start_is_photographs(const fv_dataset *data)
{
    int64_t h, w, channels;
    fv_dataset_size(data, &h, &w, &channels);
    return channels == 3 && (h == 0 || (h >= 64 && w >= 64));
}

static const char *small_network(const fv_dataset *data)
{
    int64_t h, w, c;
    fv_dataset_size(data, &h, &w, &c);
    if (h > 0 && h <= 32 && c == 1)
        return "mnist_cnn";
    return h > 0 && h <= 64 ? "resnet20" : "mobilenet_v2";
}

/* ---- weights at hand ---- */

/* Whether all tensors of the architecture but those of its output layer are in the file. */
static bool fits(fv_ctx *ctx, const char *architecture, const char *path)
{
    fv_model *model = NULL;
    fv_load_report *report = NULL;
    bool fit = fv_model_zoo(ctx, architecture, NULL, &model) == FV_OK &&
               fv_model_load_weights(model, path, true, &report) == FV_OK;
    for (int i = 0; fit && i < fv_load_report_count(report); i++) {
        const fv_load_row *row = fv_load_report_row(report, i);
        fit = row->verdict == FV_LOADED || row->verdict == FV_UNUSED || row->head ||
              (row->aux && row->verdict == FV_MISSING);
    }
    fv_load_report_destroy(&report);
    fv_model_destroy(&model);
    return fit;
}

/* NAME.safetensors or NAME-anything.safetensors, or one of PyTorch's. */
static bool is_named(const char *file, const char *architecture)
{
    static const char *const endings[] = {".safetensors", ".pth", ".pt"};
    const size_t n = strlen(architecture), size = strlen(file);
    bool known = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t tail = strlen(endings[i]);
        known |= size >= n + tail && strcmp(file + size - tail, endings[i]) == 0;
    }
    return known && strncmp(file, architecture, n) == 0 && (file[n] == '-' || file[n] == '.');
}

/* The file of the folder for an architecture: the first by name. */
static fv_status find_file(const char *folder, const char *architecture, char path[4096])
{
    path[0] = '\0';
    DIR *dir = opendir(folder);
    if (!dir)
        return complain(FV_ERR_NOT_FOUND, "correct or unset that variable; see `fovea help environment`",
                        "FOVEA_ZOO: %s: cannot be read: %s", folder, strerror(errno));
    char best[256] = "";
    for (struct dirent *e; (e = readdir(dir));)
        if (is_named(e->d_name, architecture) && strlen(e->d_name) < sizeof best &&
            (!best[0] || strcmp(e->d_name, best) < 0))
            snprintf(best, sizeof best, "%s", e->d_name);
    closedir(dir);
    if (best[0])
        snprintf(path, 4096, "%s/%s", folder, best);
    return FV_OK;
}

/* Sets --model and --weights from the folder of networks; leaves them where nothing there fits. */
static fv_status take_from_zoo(fv_ctx *ctx, settings *c, const char *folder)
{
    static char path[4096];
    for (int i = 0; preferred[i]; i++) {
        FV_TRY(find_file(folder, preferred[i], path));
        if (!path[0])
            continue;
        if (fits(ctx, preferred[i], path)) {
            c->model = preferred[i];
            c->weights = path;
            return FV_OK;
        }
        note("FOVEA_ZOO: %s does not fit %s: not used", path, preferred[i]);
    }
    note("FOVEA_ZOO: %s has no weights of %s or another of `fovea help train`'s architectures", folder, preferred[0]);
    return FV_OK;
}

fv_status start_find_architecture(fv_ctx *ctx, const char *weights, const char **architecture)
{
    const char *const *names = fv_zoo_names();
    for (int i = 0; names[i]; i++) {
        if (!fits(ctx, names[i], weights))
            continue;
        *architecture = names[i];
        return FV_OK;
    }
    fv_load_report *report = NULL;
    fv_model *model = NULL;
    fv_status status = fv_model_zoo(ctx, names[0], NULL, &model);
    if (status == FV_OK)
        status = fv_model_load_weights(model, weights, true, &report);
    fv_load_report_destroy(&report);
    fv_model_destroy(&model);
    if (status != FV_OK && status != FV_ERR_MODEL_MISMATCH)
        return status; /* it is no file of weights at all */
    return complain(FV_ERR_MODEL_MISMATCH, "name their architecture with --model", "%s: fits none of the architectures",
                    weights);
}

/* ---- recipes ---- */

/* Nothing was said of a warm-up, and the schedule does not begin with one. */
static bool may_warm_up(const settings *c)
{
    return !option_given("warmup-epochs") && !option_given("warmup-steps") && c->fit.schedule != FV_ONECYCLE;
}

/* Where nothing of the kind was asked for, so that a flag, a recipe or a resumed run is never overridden. */
static void preset_photos(settings *c)
{
    if (!augment_given(c))
        c->fit.augment = "rrc; hflip";
    if (may_warm_up(c) && !c->weights && c->fit.epochs >= 20)
        c->fit.warmup_epochs = 5;
}

static fv_status tune(fv_ctx *ctx, settings *c, const fv_dataset *train)
{
    static char all_but_head[16];
    const bool few = fv_dataset_count(train) <= FEW_IMAGES && !c->qat; /* which trains all layers */
    int layers;
    FV_TRY(head_layers(ctx, c, &layers));
    snprintf(all_but_head, sizeof all_but_head, "%d", -layers);
    if (c->preset == PRESET_AUTO)
        c->preset = PRESET_PHOTOS;
    if (!option_given("freeze") && few)
        c->fit.freeze = all_but_head;
    if (!option_given("opt"))
        c->fit.optimizer = FV_ADAMW;
    if (!option_given("lr") && few)
        c->fit.lr = 2e-3;
    if (!option_given("epochs") && few)
        c->fit.epochs = FEW_EPOCHS;
    note("starting from %s; %s (--freeze, --lr, --model and --weights choose otherwise)", c->weights,
         few && layers > 1 ? "with few images only the new head is trained"
         : few             ? "with few images only a new output layer is trained"
                           : "all layers are trained, at a tenth of the usual rate");
    return FV_OK;
}

static void begin_small(settings *c, const fv_dataset *train)
{
    char count[64], size[64];
    c->model = from_nothing.model;
    if (!option_given("img-size"))
        c->img_size[0] = c->img_size[1] = from_nothing.side;
    note("%s are few to train a network from nothing: start from one that knows others, with --weights FILE, or "
         "FOVEA_ZOO=FOLDER of such files; without them a small network at a small size: --model %s --img-size %s",
         count_of(fv_dataset_count(train), "photograph", "photographs", count), c->model,
         option_text("img-size", c, size, sizeof size));
    if (c->preset == PRESET_NONE)
        return;
    c->preset = PRESET_PHOTOS;
    c->from_nothing = true;
    if (!augment_given(c))
        c->fit.augment = from_nothing.augment;
    if (!option_given("opt"))
        c->fit.optimizer = FV_ADAMW;
    if (!option_given("wd") && c->fit.optimizer == FV_ADAMW)
        c->fit.weight_decay = from_nothing.weight_decay;
    if (!option_given("label-smoothing") && !c->fit.loss && fv_dataset_task(train) == FV_TASK_CLASSIFY)
        c->fit.label_smoothing = from_nothing.label_smoothing;
    if (may_warm_up(c) && c->fit.epochs >= 4 * from_nothing.warmup_epochs)
        c->fit.warmup_epochs = from_nothing.warmup_epochs;
}

fv_status start_choose(fv_ctx *ctx, settings *c, const fv_dataset *train)
{
    const char *folder = getenv("FOVEA_ZOO");
    const bool open = strcmp(c->model, "auto") == 0, photographs = start_is_photographs(train);
    if (open && c->weights)
        FV_TRY(start_find_architecture(ctx, c->weights, &c->model));
    else if (open && photographs && folder && *folder)
        FV_TRY(take_from_zoo(ctx, c, folder));
    const bool found = open && c->weights;
    if (open && !found && photographs && fv_dataset_count(train) <= SMALL_SET)
        begin_small(c, train);
    else if (open && !found)
        c->model = small_network(train);
    if (open)
        note("--model auto: %s", c->model);
    if (!option_given("epochs") && (c->weights || train_takes_model_file(c)))
        c->fit.epochs = TUNING_EPOCHS;
    if (found && photographs)
        FV_TRY(tune(ctx, c, train));
    if (c->preset == PRESET_PHOTOS && !c->from_nothing)
        preset_photos(c);
    return FV_OK;
}

double start_rate(const settings *c, double usual)
{
    if (c->from_nothing && c->fit.optimizer == FV_ADAMW)
        return round(from_nothing.lr * 1e4 * sqrt((double)c->fit.batch_size / (double)from_nothing.batch)) / 1e4;
    return c->preset == PRESET_PHOTOS ? usual * (double)c->fit.batch_size / USUAL_BATCH : usual;
}

int64_t start_batch(const settings *c)
{
    return c->from_nothing ? from_nothing.batch : USUAL_BATCH;
}
