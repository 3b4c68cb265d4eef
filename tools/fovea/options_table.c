/* SPDX-License-Identifier: Apache-2.0 */
/* Every option of every verb: name, kind, range, default, help. */
#include "options.h"

static const char *const norm_names[] = {"auto", "unit", "minus1_1", "imagenet", "dataset", NULL};
static const char *const progress_names[] = {"auto", "bar", "plain", "json", "none", NULL};
static const char *const out_names[] = {"text", "json", "csv", NULL};
static const char *const resize_names[] = {"auto", "stretch", "crop", NULL};
/* "auto", then fv_filter's order. */
static const char *const interpolation_names[] = {"auto", "bilinear", "nearest", "bicubic", "area", "lanczos", NULL};
static const char *const init_names[] = {"default",      "xavier_uniform", "xavier_normal", "he_uniform", "he_normal",
                                         "lecun_normal", "gaussian",       "constant",      NULL};

#define ALL_DATA (V_TRAIN | V_EVAL | V_PREDICT | V_DATA)

const option options[] = {
    /* what */
    {"data", "data-dir,data-path", 0, TEXT, AT(data), ALL_DATA, "PATH", NULL, 0, 0, NULL,
     "data set: folder of classes, manifest (.csv, .jsonl), packed file, ... (`fovea help data`)"},
    {"task", NULL, 0, TEXT, AT(task), ALL_DATA, "KIND", NULL, 0, 0, NULL,
     "how a manifest's labels are read: class, multi-label or regression; default: as they look"},
    {"model", NULL, 'm', TEXT, AT(model), V_TRAIN | V_EVAL | V_PREDICT | V_INFO, "NAME|FILE", "auto", 0, 0, NULL,
     "zoo architecture, architecture file (.yaml) or model file (.safetensors)"},
    {"weights", "pretrained-path,initial-checkpoint", 0, TEXT, AT(weights), V_TRAIN | V_INFO | V_EVAL | V_PREDICT,
     "FILE", NULL, 0, 0, NULL, "safetensors to start from, tensors matched by name"},
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
     "passes over the training data (20 when fine-tuning)"},
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
     "pixels to numbers: unit is [0, 1], minus1_1 is [-1, 1], imagenet and dataset (measured) are mean and deviation; "
     "auto is the architecture's"},
    {"mean", NULL, 0, REALS, AT(mean), V_TRAIN, "M[,M,M]", NULL, -1e6, 1e6, NULL,
     "subtracted from pixel/255, per channel"},
    {"std", NULL, 0, REALS, AT(std), V_TRAIN, "S[,S,S]", NULL, ABOVE_ZERO, 1e6, NULL, "divided by, per channel"},
    {"resize", NULL, 0, CHOICE, AT(resize), V_TRAIN, "RULE", "auto", 0, 0, resize_names,
     "stretch to the input size, or crop the center after scaling the short side; auto is the model's"},
    {"interpolation", NULL, 0, CHOICE, AT(interpolation), V_TRAIN, "NAME", "auto", 0, 0, interpolation_names,
     "how pixels are resampled; auto is the model's"},
    {"opt", "optimizer", 0, CHOICE, AT(opt), V_TRAIN, "NAME", "sgd", 0, 0, NULL, "optimizer"},
    {"lr", "lr0,learning-rate", 0, REAL, AT(lr), V_TRAIN, "F", NULL, ABOVE_ZERO, 1e6, NULL,
     "learning rate; default: 0.1 for sgd, 1e-3 for the others; when fine-tuning 1e-3 and 1e-4"},
    {"momentum", NULL, 0, REAL, AT(momentum), V_TRAIN, "F", NULL, 0, 1, NULL,
     "of sgd and rmsprop; default: 0.9 for sgd, 0 for rmsprop"},
    {"nesterov", NULL, 0, FLAG, AT(nesterov), V_TRAIN, NULL, NULL, 0, 0, NULL, "Nesterov's momentum"},
    {"opt-betas", NULL, 0, REALS, AT(betas), V_TRAIN, "F,F", "0.9,0.999", 0, 1, NULL, "of adam and adamw"},
    {"opt-eps", NULL, 0, REAL, AT(eps), V_TRAIN, "F", "1e-8", ABOVE_ZERO, 1, NULL, "of adam, adamw and rmsprop"},
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
    {"decay-epochs", "lr-step-size", 0, REAL, AT(decay_epochs), V_TRAIN, "F", "30", ABOVE_ZERO, 1e6, NULL,
     "step: epochs between decays"},
    {"decay-rate", "lr-gamma", 0, REAL, AT(decay_rate), V_TRAIN, "F", "0.1", ABOVE_ZERO, 1, NULL, "step: factor"},
    {"loss", NULL, 0, TEXT, AT(loss), V_TRAIN, "NAME", NULL, 0, 0, NULL,
     "softmax_cross_entropy (default), sigmoid_bce, mse, mae, huber"},
    {"label-smoothing", "smoothing", 0, REAL, AT(label_smoothing), V_TRAIN, "F", "0", 0, 0.999, NULL,
     "of cross-entropy"},
    {"huber-delta", NULL, 0, REAL, AT(huber_delta), V_TRAIN, "F", "1", ABOVE_ZERO, 1e9, NULL, "of --loss huber"},
    {"drop", "dropout", 0, REAL, AT(drop), V_TRAIN | V_INFO, "F", NULL, 0, 0.999, NULL,
     "dropout rate of the architecture"},
    {"init", NULL, 0, CHOICE, AT(init), V_TRAIN, "NAME", "default", 0, 0, init_names,
     "how weights start; default is each layer's own"},
    {"hflip", "fliplr", 0, FLAG, AT(hflip), V_TRAIN, NULL, NULL, 0, 0, NULL, "mirror every other training image"},
    {"crop-pad", NULL, 0, INT, AT(crop_pad), V_TRAIN, "N", "0", 0, 4096, NULL,
     "pad by N pixels, then cut the original size at random"},
    {"val-split", NULL, 0, REAL, AT(val_split), V_TRAIN | V_EVAL | V_PREDICT, "F", "0", 0, 0.95, NULL,
     "share of the training data to validate on, where there is no val split"},
    {"monitor", "eval-metric", 0, TEXT, AT(monitor), V_TRAIN, "METRIC", NULL, 0, 0, NULL,
     "what `best` means: val_top1 (default where there is a val split), val_top5, val_loss, train_loss (default "
     "elsewhere), train_top1"},
    {"patience", NULL, 0, INT, AT(patience), V_TRAIN, "N", "0", 0, 1e6, NULL,
     "stop after N epochs without improvement; 0: never"},
    {"min-delta", NULL, 0, REAL, AT(min_delta), V_TRAIN, "F", "0", 0, 1e9, NULL, "what counts as improvement"},
    {"restore-best", "restore-best-weights", 0, FLAG, AT(restore_best), V_TRAIN, NULL, NULL, 0, 0, NULL,
     "end with the best weights, in last.safetensors too"},
    {"val-interval", NULL, 0, INT, AT(val_interval), V_TRAIN, "N", "1", 1, 1e6, NULL, "epochs between validations"},
    /* run */
    {"output", "output-dir,project", 0, TEXT, AT(output), V_TRAIN | V_DATA | V_RUNS, "DIR", NULL, 0, 0, NULL,
     "train: runs go to DIR/EXPERIMENT (default runs/train); data make: where to write"},
    {"experiment", "name", 0, TEXT, AT(experiment), V_TRAIN, "NAME", NULL, 0, 0, NULL,
     "name of the run; never overwritten: name, name2, ..."},
    {"resume", NULL, 0, TEXT, AT(resume), V_TRAIN, "auto|DIR", NULL, 0, 0, NULL,
     "go on with the newest valid state of the run, or start it"},
    {"last-run", NULL, 0, TEXT, AT(last_run), V_TRAIN, "FILE", NULL, 0, 0, NULL,
     "write the path of the run folder to FILE, for scripts"},
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
     "auto is a bar on a terminal, plain lines elsewhere"},
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
const int n_options = sizeof options / sizeof options[0];
_Static_assert(sizeof options / sizeof options[0] <= MAX_OPTIONS, "room for what is known of each option");

/* Choices of the two options whose names the library owns. */
const char *const *option_choices(const option *o)
{
    if (o->offset == AT(opt))
        return fv_optimizer_names();
    if (o->offset == AT(sched))
        return fv_schedule_names();
    return o->choices;
}
