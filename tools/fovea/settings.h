/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of all verbs, one row each: those of fovea/fit_settings.h, and
 * these around them, which are the program's own. The columns are explained
 * there. */
#ifndef FOVEA_PROGRAM_SETTINGS_H
#define FOVEA_PROGRAM_SETTINGS_H

#include <fovea/fit_settings.h>

/* V_ROWS: what computes rows of a network (features, linear, search). V_TIMING: what times what there is. */
enum {
    V_TIMING = V_BENCH | V_BENCHMARK,
    V_ROWS = V_FEATURES | V_LINEAR | V_SEARCH,
    V_ALL_DATA = V_TRAIN | V_EVAL | V_PREDICT | V_DATA | V_PLAN | V_ROWS | V_BENCHMARK | V_PRUNE | V_QUANTIZE |
                 V_CALIBRATE | V_COMPRESS
};

/* clang-format off */
/* What is trained on what; how images become the network's input. */
#define SETTINGS_BEFORE(X) \
    X(TEXT, data, "data", "data-dir,data-path", 0, NULL, 0, 0, NULL, V_ALL_DATA, FV_OUTPUT, "PATH", \
      "data set: folder of classes, manifest (.csv, .jsonl), packed file, ... (`fovea help data`)") \
    X(TEXT, task, "task", NULL, 0, NULL, 0, 0, NULL, V_ALL_DATA, FV_OUTPUT, "KIND", \
      "how a manifest's labels are read: class, multi-label or regression; default: as they look") \
    X(TEXT, model, "model", NULL, 'm', "auto", 0, 0, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO | V_DATA | \
      V_CONVERT | V_RUN | V_ROWS | V_BENCH | V_COMPRESS, FV_OUTPUT, "NAME|FILE", \
      "zoo architecture, architecture file (.yaml) or model file (.safetensors, .onnx); eval and predict: several, " \
      "separated by commas, answer together") \
    X(TEXT, weights, "weights", "pretrained-path,initial-checkpoint", 0, NULL, 0, 0, NULL, V_TRAIN | V_INFO | V_EVAL \
      | V_PREDICT | V_CONVERT | V_RUN | V_COMPARE | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_ROWS | V_PLAN, FV_TOLD, "FILE", \
      "safetensors to start from, tensors matched by name; compare: of the first, and behind a comma of the second") \
    X(TEXT, teacher, "teacher", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_OUTPUT, "FILE[,FILE...]", \
      "trained networks whose answers are learned from, beside the labels (`fovea distill`)") \
    X(LIST, teacher_weights, "teacher-weights", NULL, 0, 0, FV_ABOVE_ZERO, 1e9, NULL, V_TRAIN, FV_OUTPUT, "W,W...", \
      "how much each of several teachers counts; default: all the same") \
    X(FLAG, partial, "partial", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_TOLD, NULL, \
      "accept weights that lack tensors or differ in shape") \
    X(FLAG, reset_head, "reset-head", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_TOLD, NULL, \
      "start the output layer anew when the classes differ") \
    X(TEXT, split, "split", NULL, 0, NULL, 0, 0, NULL, V_EVAL | V_PREDICT | V_DATA | V_ROWS | V_BENCHMARK | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS, FV_OUTPUT, "NAME", \
      "train, val or test") \
    X(TEXT, source, "source", NULL, 0, NULL, 0, 0, NULL, V_PREDICT, FV_OUTPUT, "PATH", \
      "image, folder of images (numbered ones in their order), text file of paths, or - for paths on standard " \
      "input") \
    X(TEXT, config, "config", "cfg", 'c', NULL, 0, 0, NULL, V_TRAIN | V_PLAN | V_COMPRESS, FV_OUTPUT, "FILE", \
      "recipe (YAML, same keys as the flags); flags win") \
    X(TEXT, directory, "directory", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_COMPRESS, FV_OUTPUT, "DIR", \
      "where relative paths of a recipe begin; args.yaml has it of its run; default: the working directory") \
    X(SIZE, img_size, "img-size", "imgsz,train-crop-size", 0, 0, 1, 16384, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO | V_DATA | \
      V_CONVERT | V_RUN | V_COMPARE | V_ROWS | V_PLAN | V_TIMING, FV_MEANING, "N|HxW", "network input; default: the architecture's; data pack: size of the pixels written") \
    X(INT, in_chans, "in-chans", NULL, 0, 0, 1, 16, NULL, V_TRAIN | V_INFO | V_PLAN, FV_MEANING, "N", \
      "input channels (1: grey, 3: color); default: the architecture's") \
    X(CHOICE, norm, "norm", NULL, 0, 0, 0, 0, "auto,unit,minus1_1,imagenet,dataset,per-image", V_TRAIN, FV_MEANING, \
      "RULE", \
      "pixels to numbers: unit is [0, 1], minus1_1 is [-1, 1], imagenet and dataset (measured) are mean and " \
      "deviation; per-image standardizes each by itself; auto is the architecture's") \
    X(CHOICE, contrast, "contrast", NULL, 0, 0, 0, 0, "none,equalize,clahe", V_TRAIN, FV_MEANING, "RULE", \
      "equalize every image's histogram, in training and use: of the whole, or in tiles with a limit") \
    X(SIZE, clahe_tiles, "clahe-tiles", NULL, 0, 0, 1, 64, NULL, V_TRAIN, FV_MEANING, "N|HxW", \
      "with --contrast clahe: rows and columns of tiles; default: 8") \
    X(REAL, clahe_clip, "clahe-clip", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1000, NULL, V_TRAIN, FV_MEANING, "F", \
      "with --contrast clahe: limit of a histogram's bar, in means of them; default: 2") \
    X(MEASURE, mean, "mean", NULL, 0, 0, -1e6, 1e6, NULL, V_TRAIN | V_CONVERT, FV_MEANING, "M[,M,M]|auto", \
      "subtracted from pixel/255, per channel; auto: the training set's, measured") \
    X(MEASURE, std, "std", NULL, 0, 0, FV_ABOVE_ZERO, 1e6, NULL, V_TRAIN | V_CONVERT, FV_MEANING, "S[,S,S]|auto", \
      "divided by, per channel; auto: the training set's, measured (both auto: as --norm dataset)") \
    X(CHOICE, resize, "resize", NULL, 0, 0, 0, 0, "auto,stretch,crop", V_TRAIN | V_DATA, FV_MEANING, "RULE", \
      "stretch to the input size, or crop the center after scaling the short side; auto is the model's") \
    X(CHOICE, interpolation, "interpolation", NULL, 0, 0, 0, 0, "auto,bilinear,nearest,bicubic,area,lanczos", \
      V_TRAIN, FV_MEANING, "NAME", "how pixels are resampled; auto is the model's")

/* The network's own, augmentation by flags, data, the run, and what other verbs take. */
#define SETTINGS_BEHIND(X) \
    X(CHOICE, preset, "preset", NULL, 0, 0, 0, 0, "auto,none,photos", V_TRAIN, FV_MEANING, "NAME", \
      "a recipe for what else is not said: photos is --augment 'rrc; hflip', and from nothing warm-up and a " \
      "rate by batch size; auto: photos where pretrained weights were chosen, and for few photographs without " \
      "--model, then of a small network, changed colors and smoothed labels too") \
    X(REAL, drop, "drop", "dropout", 0, FV_AUTO, 0, 0.999, NULL, V_TRAIN | V_INFO, FV_MEANING, "F", \
      "dropout rate of the architecture") \
    X(REAL, drop_path, "drop-path", "stochastic-depth", 0, FV_AUTO, 0, 0.999, NULL, V_TRAIN | V_INFO, FV_MEANING, "F", \
      "stochastic depth: share of samples for which the last residual block is left out, earlier ones less, in a line; " \
      "default: the architecture's") \
    X(TEXT, head, "head", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_INFO, FV_MEANING, "LAYERS", \
      "a new head in the place of the network's classifier: units, activations, drop=P, batch_norm, as in " \
      "'256,relu,drop=0.5', or linear; the output layer comes behind") \
    X(CHOICE, pool, "pool", "gp,global-pool", 0, 0, 0, 0, "keep,avg,max,gem,flatten", V_TRAIN | V_INFO, FV_MEANING, \
      "KIND", "what makes a row of the last map for that head: a mean, the largest, a generalized mean with a trained " \
      "exponent, or all of it; default: what the network has") \
    X(FLAG, no_aux, "no-aux", NULL, 0, false, 0, 0, NULL, V_TRAIN | V_INFO | V_CONVERT, FV_MEANING, NULL, \
      "without the auxiliary heads that a network (googlenet, inception_v3) has for training alone") \
    X(CHOICE, init, "init", NULL, 0, 0, 0, 0, \
      "default,xavier_uniform,xavier_normal,he_uniform,he_normal,lecun_normal,gaussian,constant", V_TRAIN, \
      FV_TOLD, "NAME", "how weights start; default is each layer's own") \
    X(FLAG, whiten, "whiten", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "the first layer's filters are principal directions of the training images' patches, scaled to variance one, and stay") \
    X(LIST, scale, "scale", NULL, 0, 0, 1e-4, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "LOW,HIGH", \
      "random resized crop: share of the image's area, 0.08,1 for photographs") \
    X(LIST, ratio, "ratio", NULL, 0, 0, 0.01, 100, NULL, V_TRAIN | V_DATA, FV_MEANING, "LOW,HIGH", \
      "random resized crop: width by height, 0.75,1.3333 by default") \
    X(INT, crop_pad, "crop-pad", NULL, 0, 0, 0, 4096, NULL, V_TRAIN | V_DATA, FV_MEANING, "N", \
      "pad by N pixels, then cut the original size at random") \
    X(SHARE, hflip, "hflip", "fliplr", 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "[P]", \
      "mirror a share of the training images, half of them when no number is given") \
    X(SHARE, vflip, "vflip", "flipud", 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "[P]", \
      "the same, upside down") \
    X(REAL, degrees, "degrees", NULL, 0, 0, 0, 180, NULL, V_TRAIN | V_DATA, FV_MEANING, "D", \
      "rotate by up to D degrees") \
    X(REAL, translate, "translate", NULL, 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "F", \
      "shift by up to F of each side") \
    X(REAL, shear, "shear", NULL, 0, 0, 0, 89, NULL, V_TRAIN | V_DATA, FV_MEANING, "D", "slant by up to D degrees") \
    X(REAL, perspective, "perspective", NULL, 0, 0, 0, 0.99, NULL, V_TRAIN | V_DATA, FV_MEANING, "F", \
      "move the corners of every other image by up to F of half a side") \
    X(REAL, lens, "lens", NULL, 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "K", \
      "bend as a lens does, k1 up to K") \
    X(TEXT, aa, "aa", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_DATA, FV_MEANING, "POLICY", \
      "randaugment, or rand-m9-n2") \
    X(LIST, color_jitter, "color-jitter", NULL, 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "F[,F,F,F]", \
      "brightness, contrast, saturation (one F for these three) and hue") \
    X(REAL, pca_jitter, "pca-jitter", NULL, 0, 0, 0, 10, NULL, V_TRAIN | V_DATA, FV_MEANING, "F", \
      "offset along the training set's principal colors, 0.1 is usual") \
    X(REAL, reprob, "reprob", "random-erase", 0, 0, 0, 1, NULL, V_TRAIN | V_DATA, FV_MEANING, "P", \
      "wipe a rectangle out of a share of the images") \
    X(REAL, mixup, "mixup", "mixup-alpha", 0, 0, 0, 100, NULL, V_TRAIN, FV_MEANING, "A", \
      "blend neighbors in the batch by a share from Beta(A, A)") \
    X(REAL, cutmix, "cutmix", "cutmix-alpha", 0, 0, 0, 100, NULL, V_TRAIN, FV_MEANING, "A", \
      "paste a box of the neighbor, its area from Beta(A, A)") \
    X(CHOICE, cache, "cache", NULL, 0, 0, 0, 0, "none,ram,disk", V_TRAIN, FV_SPEED, "WHERE", \
      "keep decoded images: in what --memory leaves, or as pixels in a packed file in the run folder") \
    X(REAL, val_split, "val-split", NULL, 0, 0, 0, 0.95, NULL, V_ALL_DATA, FV_MEANING, "F", \
      "share of the training data to validate on, where there is no val split") \
    X(INT, cross_folds, "folds", NULL, 0, 0, 2, 100, NULL, V_TRAIN, FV_MEANING, "K", \
      "cross-validation: the training images in K parts, stratified; K runs learn from all but one and are validated on " \
      "it; mean and deviation are told") \
    X(INT, fold, "fold", NULL, 0, 0, 1, 100, NULL, V_TRAIN, FV_MEANING, "N", \
      "with --folds: only the run that is validated on part N") \
    X(TEXT, group_by, "group-by", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_MEANING, "REGEX", \
      "with --folds: images in whose names it finds the same text stay in one part: 'patient-([0-9]+)'") \
    X(TEXT, output, "output", "output-dir,project", 0, NULL, 0, 0, NULL, V_TRAIN | V_DATA | V_RUNS | V_CONVERT | \
      V_RUN | V_ZOO | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_FEATURES, FV_OUTPUT, "DIR|FILE", \
      "where to write; train: runs go to DIR/EXPERIMENT (default runs/train); zoo: folder of networks, else the one " \
      "that FOVEA_ZOO names, else the working directory; runs ls: folder of runs") \
    X(FLAG, offline, "offline", NULL, 0, false, 0, 0, NULL, V_ZOO, FV_OUTPUT, NULL, \
      "zoo get: only from FOVEA_ZOO and what came with the program, never from the network") \
    X(TEXT, input, "input", NULL, 0, NULL, 0, 0, NULL, V_RUN | V_COMPARE, FV_OUTPUT, "[NAME=]FILE", \
      "array of an input, .npy, or .npz with a name for each; several: again, or separated by commas") \
    X(CHOICE, layout, "layout", NULL, 0, 0, 0, 0, "file,nchw,nhwc", V_RUN, FV_OUTPUT, "ORDER", \
      "images in and out: as in the network's own file, channels first, or channels last") \
    X(CHOICE, channel_order, "channel-order", NULL, 0, 0, 0, 0, "rgb,bgr", V_CONVERT, FV_MEANING, "ORDER", \
      "in which order the network takes red, green and blue; --mean and --std are of red, green, blue all the same") \
    X(FLAG, layers, "layers", NULL, 0, false, 0, 0, NULL, V_COMPARE, FV_OUTPUT, NULL, \
      "compare the results of layers too, and name the first that differs") \
    X(REAL, tolerance, "tolerance", NULL, 0, 1e-4, 0, 1e6, NULL, V_COMPARE, FV_MEANING, "F", \
      "largest difference of networks that count as equal, as a share of the largest value (else exit code 8)") \
    X(CHOICE, factor_method, "method", NULL, 0, 0, 0, 0, "svd,spatial", V_FACTORIZE, FV_MEANING, "NAME", \
      "svd: a matrix by way of few channels, a window to few channels and then 1x1; spatial: RxS as Rx1 and 1xS") \
    X(INT, rank, "rank", NULL, 0, 0, 1, 1e9, NULL, V_FACTORIZE, FV_MEANING, "N", \
      "channels between the two, at most as many as lose nothing") \
    X(REAL, energy, "energy", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1, NULL, V_FACTORIZE, FV_MEANING, "F", \
      "as few as keep this share of the sum of squares of the singular values") \
    X(REAL, keep, "keep", "ratio", 0, FV_AUTO, FV_ABOVE_ZERO, 1, NULL, V_FACTORIZE, FV_MEANING, "F", \
      "as many as leave at most this share of a layer's parameters; 0.5 where none of the three is given") \
    X(TEXT, factor_layers, "layers", NULL, 0, NULL, 0, 0, NULL, V_FACTORIZE, FV_MEANING, "PATTERN[,PATTERN...]", \
      "layers of these names, with * and ?; default: all that become smaller") \
    X(CHOICE, prune_method, "method", NULL, 0, 0, 0, 0, "l1,l2,bn,taylor,activation", V_PRUNE, FV_MEANING, "NAME", \
      "what channels are worth: size of their filters, scale of the batch norm behind, share in the loss, or activations " \
      "(the last two read --data)") \
    X(REAL, amount, "amount", NULL, 0, FV_AUTO, 0, 1, NULL, V_PRUNE, FV_MEANING, "F", \
      "share of all channels that goes, those worth least; with --unstructured: share of the weights that becomes zero") \
    X(REAL, target_macs, "target-macs", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1, NULL, V_PRUNE, FV_MEANING, "F", \
      "as few channels as leave at most this share of the multiply-adds") \
    X(REAL, target_ms, "target-ms", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e9, NULL, V_PRUNE, FV_MEANING, "F", \
      "as few as bring an image down to so many milliseconds, as measured on this machine") \
    X(FLAG, structured, "structured", NULL, 0, false, 0, 0, NULL, V_PRUNE, FV_MEANING, NULL, \
      "whole channels, so that tensors shrink (this is what it does without --unstructured)") \
    X(FLAG, unstructured, "unstructured", NULL, 0, false, 0, 0, NULL, V_PRUNE, FV_MEANING, NULL, \
      "single weights, the smallest, become zero; shapes stay") \
    X(FLAG, per_layer, "per-layer", NULL, 0, false, 0, 0, NULL, V_PRUNE, FV_MEANING, NULL, \
      "the same share of every layer; default: the least of all layers") \
    X(TEXT, nm, "nm", NULL, 0, NULL, 0, 0, NULL, V_PRUNE, FV_MEANING, "N:M", \
      "with --unstructured: at most N of every M neighboring inputs of a filter are left (2:4)") \
    X(TEXT, skip, "skip", "exclude", 0, NULL, 0, 0, NULL, V_PRUNE | V_QUANTIZE | V_TRAIN, FV_MEANING, "PATTERN[,PATTERN...]", \
      "layers of these names, with * and ?, keep what they have, or stay in floats (train: with --qat)") \
    X(INT, round_to, "round-to", NULL, 0, 8, 1, 4096, NULL, V_PRUNE, FV_MEANING, "N", \
      "channels that are left of a layer are a multiple of N, and at least N: full vectors") \
    X(INT, prune_samples, "samples", NULL, 0, 256, 1, 1e9, NULL, V_PRUNE, FV_MEANING, "N", \
      "images of --data that --method taylor and activation look at") \
    X(INT, prune_steps, "steps", NULL, 0, 1, 1, 100, NULL, V_PRUNE, FV_MEANING, "N", \
      "prune in N steps, each of the same share of what is left, and train behind each on --data") \
    X(INT, prune_epochs, "epochs", NULL, 0, 0, 0, 1e6, NULL, V_PRUNE, FV_MEANING, "N", \
      "epochs of training behind each step; 0: none, of one step") \
    X(TEXT, prune_recipe, "recipe", NULL, 0, NULL, 0, 0, NULL, V_PRUNE, FV_MEANING, "FILE", \
      "how it is trained behind each step: a recipe as of `fovea train -c`; default: --lr 0.01") \
    X(TEXT, sensitivity, "sensitivity", NULL, 0, NULL, 0, 0, NULL, V_PRUNE, FV_OUTPUT, "NAME", \
      "write NAME.csv and draw NAME.svg: accuracy on --data with more and more of one layer alone gone") \
    X(FLAG, qat, "qat", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "train a trained network for 8-bit integers, as which it computes at every step; writes weights/int8.safetensors") \
    X(CHOICE, calibration, "calibration", "calib-method", 0, 0, 0, 0, "mse,minmax,percentile,entropy", V_QUANTIZE | V_TRAIN, \
      FV_MEANING, "RULE", \
      "range of a value by what it holds on the images: the least square error, all of it, all but a share, or the " \
      "least divergence") \
    X(REAL, percentile, "percentile", NULL, 0, 99.99, FV_ABOVE_ZERO, 100, NULL, V_QUANTIZE | V_TRAIN, FV_MEANING, "F", \
      "with --calibration percentile: share of the numbers that a range holds, in %") \
    X(INT, samples, "samples", "calib-samples", 0, 256, 1, 1e7, NULL, V_QUANTIZE | V_TRAIN, FV_MEANING, "N", \
      "calibration images, of each class its share, drawn by --seed") \
    X(FLAG, per_tensor, "per-tensor", NULL, 0, false, 0, 0, NULL, V_QUANTIZE | V_TRAIN, FV_MEANING, NULL, \
      "one scale for all filters of a layer, as some accelerators need it") \
    X(INT, weight_bits, "weight-bits", NULL, 0, 8, 2, 8, NULL, V_QUANTIZE | V_TRAIN, FV_MEANING, "N", \
      "bits that weights are rounded to; below 8 they take a byte all the same") \
    X(CHOICE, io, "io", NULL, 0, 0, 0, 0, "float,int8,uint8", V_QUANTIZE, FV_MEANING, "TYPE", \
      "arrays that `fovea run` takes and gives: real numbers, or the integers that stand for them") \
    X(FLAG, equalize, "equalize", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "scale channels between two layers so that they use the levels of one scale better; reads the images twice") \
    X(FLAG, bias_correction, "bias-correction", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "biases make up for what rounding the weights adds on average, by the means of the calibration images") \
    X(FLAG, quantize_auto, "auto", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "either of these, both or neither: what leaves least noise in the outputs; reads the images several times") \
    X(TEXT, ranges, "ranges", NULL, 0, NULL, 0, 0, NULL, V_QUANTIZE, FV_MEANING, "FILE", \
      "take the ranges that a model in integers was made by, of the same network, instead of reading images: for " \
      "another --skip, --io or --max-drop") \
    X(FLAG, dynamic, "dynamic", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "weights as int8, and sums of integers, of activations whose range is measured on each image; no calibration " \
      "images are needed, and there are no integers between layers") \
    X(FLAG, fp16, "fp16", "half", 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "weights alone, as half floats in the file; computed in float32, and no calibration images are needed") \
    X(FLAG, bf16, "bf16", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "the same as bfloat16: the range of float32, 8 bits of precision") \
    X(FLAG, weights_only, "weights-only", NULL, 0, false, 0, 0, NULL, V_QUANTIZE, FV_MEANING, NULL, \
      "the same as int8 with a scale for each filter") \
    X(REAL, max_drop, "max-drop", NULL, 0, FV_AUTO, 0, 100, NULL, V_QUANTIZE | V_COMPRESS, FV_MEANING, "F", \
      "most points of accuracy that may be lost: the fewest layers stay in floats so that it holds, else exit code 8; " \
      "compress: of all stages together") \
    X(INT, val_samples, "val-samples", NULL, 0, 1000, 0, 1e9, NULL, V_QUANTIZE, FV_OUTPUT, "N", \
      "images of the val split (test, where there is none) that both models are scored on; 0: none are") \
    X(TEXT, license, "license", "licence", 0, NULL, 0, 0, NULL, V_TRAIN | V_CONVERT | V_LINEAR, FV_OUTPUT, "TEXT", \
      "terms of the trained weights, such as CC-BY-4.0: stands in the model file") \
    X(TEXT, data_name, "data-name", "dataset", 0, NULL, 0, 0, NULL, V_TRAIN | V_CONVERT | V_LINEAR, FV_OUTPUT, "TEXT", \
      "what the weights were trained on, for the model file") \
    X(TEXT, date, "date", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_CONVERT | V_LINEAR, FV_OUTPUT, "YYYY-MM-DD", \
      "day of the weights, for the model file") \
    X(TEXT, metric, "metric", NULL, 0, NULL, 0, 0, NULL, V_RUNS, FV_OUTPUT, "NAME", \
      "ls, best, report: sort by it, the best first: val_top1 (or top1), val_loss, train_loss, test_top1, ...") \
    X(TEXT, metrics, "metrics", NULL, 0, NULL, 0, 0, NULL, V_CONVERT, FV_OUTPUT, "TEXT", \
      "what was measured with the weights, for the model file") \
    X(FLAG, fully_conv, "fully-conv", NULL, 0, false, 0, 0, NULL, V_CONVERT, FV_MEANING, NULL, \
      "dense layers become convolutions, so that an image larger than the network's (--img-size) gives a map of scores") \
    X(TEXT, experiment, "experiment", "name", 0, NULL, 0, 0, NULL, V_TRAIN, FV_OUTPUT, "NAME", \
      "name of the run; never overwritten: name, name2, ...") \
    X(TEXT, resume, "resume", NULL, 0, NULL, 0, 0, NULL, V_TRAIN, FV_OUTPUT, "auto|DIR", \
      "go on with the run in DIR, all else as its args.yaml has it; auto: with the newest run of these settings in " \
      "--output that is not over, or start one") \
    X(FLAG, force, "force", NULL, 0, false, 0, 0, NULL, V_TRAIN | V_RUNS | V_EVAL | V_PREDICT | V_INFO | V_DATA | V_ZOO | V_ROWS | \
      V_CONVERT | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_PLAN, FV_OUTPUT, NULL, "train: resume although data or settings that shape the weights differ; others: replace a file that is not an " \
      "earlier output") \
    X(INT, log_interval, "log-interval", "print-freq", 0, 50, 1, 1e9, NULL, V_TRAIN, FV_OUTPUT, "N", \
      "steps between plain progress lines") \
    X(INT, histogram_interval, "histogram-interval", "histogram-freq", 0, 1, 0, 1e6, NULL, V_TRAIN, FV_OUTPUT, "N", \
      "epochs between histograms of weights and gradients for TensorBoard; 0: none") \
    X(TEXT, device, "device", NULL, 0, "auto", 0, 0, NULL, V_TRAIN | V_EVAL | V_PREDICT, FV_SPEED, "NAME", \
      "auto or cpu") \
    X(INT, threads, "threads", NULL, 'j', 0, 0, 1024, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_DATA | V_DOCTOR | \
      V_INFO | V_CONVERT | V_RUN | V_COMPARE | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_ROWS | V_PLAN, FV_SPEED, "N", "0: what the process may use (FOVEA_NUM_THREADS, OMP_NUM_THREADS, cgroup)") \
    X(FLAG, no_prefetch, "no-prefetch", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_SPEED, NULL, \
      "decode between steps instead of beside them: shows what the data cost") \
    X(FLAG, no_feature_cache, "no-feature-cache", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_SPEED, NULL, \
      "compute the frozen part of a network, and ask a teacher, in every epoch: shows what it costs") \
    X(BYTES, memory, "memory", NULL, 0, 0, 1 << 20, 1e18, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO | V_DOCTOR | \
      V_CONVERT | V_RUN | V_COMPARE | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_ROWS | V_PLAN | V_TIMING, FV_SPEED, "SIZE", "limit for plans (512M, 2G); default: 80 % of what the process may use") \
    X(TEXT, plan, "plan", NULL, 0, "cost", 0, 0, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO, FV_SPEED, "HOW|FILE", \
      "who computes a layer: cost is the model's estimate, the same everywhere; measure is the fastest here of the " \
      "same bits; measure-all may change bits; or a file of choices (plan.txt of a run)") \
    X(INT, plan_effort, "plan-effort", NULL, 0, 2, 1, 3, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO, FV_SPEED, "N", \
      "--plan measure: 1 is quick, 3 patient") \
    X(BYTES, plan_workspace, "plan-workspace", NULL, 0, 0, 1, 1e18, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO, \
      FV_SPEED, "SIZE", \
      "packed weights and scratch that a layer may need; chooses among solvers of the same bits") \
    X(TEXT, conv_algo, "conv-algo", NULL, 0, NULL, 0, 0, NULL, V_TRAIN | V_EVAL | V_PREDICT | V_INFO, FV_SPEED, "NAME", \
      "solvers of this kind where they can (direct, igemm, im2col, winograd_4, fft, ...)") \
    X(CHOICE, progress, "progress", NULL, 0, 0, 0, 0, "auto,bar,plain,json,none", V_ALL_DATA, FV_OUTPUT, "HOW", \
      "auto is a bar on a terminal, plain lines elsewhere") \
    X(FLAG, no_color, "no-color", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_OUTPUT, NULL, \
      "no colors (also NO_COLOR, TERM=dumb)") \
    X(FLAG, quiet, "quiet", NULL, 'q', false, 0, 0, NULL, V_ANY, FV_OUTPUT, NULL, "errors and results only") \
    X(FLAG, verbose, "verbose", NULL, 'v', false, 0, 0, NULL, V_ANY, FV_OUTPUT, NULL, \
      "every tensor loaded, every file noticed") \
    X(FLAG, json, "json", NULL, 0, false, 0, 0, NULL, V_EVAL | V_PREDICT | V_INFO | V_DOCTOR | V_DATA | V_RUNS | V_COMPARE | \
      V_ZOO | V_FACTORIZE | V_PRUNE | V_QUANTIZE | V_CALIBRATE | V_COMPRESS | V_ROWS | V_PLAN | V_TIMING | V_SANITY | V_LR_FIND | V_TUNE | V_GROW, FV_OUTPUT, NULL, "result as JSON") \
    X(FLAG, allow_extra, "allow-extra", NULL, 0, false, 0, 0, NULL, V_ALL_DATA, FV_TOLD, NULL, \
      "drop classes that the training data lack") \
    X(FLAG, allow_empty, "allow-empty", NULL, 0, false, 0, 0, NULL, V_ALL_DATA, FV_TOLD, NULL, \
      "accept class folders without images") \
    X(REAL, max_bad, "max-bad", NULL, 0, 0.01, 0, 1, NULL, V_ALL_DATA, FV_TOLD, "F", \
      "share of files that may be unreadable") \
    X(INT, max_pixels, "max-pixels", NULL, 0, 178956970, 1, 1e12, NULL, V_ALL_DATA, FV_MEANING, "N", \
      "larger images are rejected") \
    X(FLAG, ignore_exif, "ignore-exif", NULL, 0, false, 0, 0, NULL, V_ALL_DATA, FV_MEANING, NULL, \
      "do not apply the EXIF orientation") \
    X(FLAG, fast_decode, "fast-decode", NULL, 0, false, 0, 0, NULL, V_TRAIN, FV_MEANING, NULL, \
      "decode large JPEG files at 1/2, 1/4 or 1/8 of the size, in training and eval; changes pixels a little") \
    X(FLAG, salvage, "salvage", NULL, 0, false, 0, 0, NULL, V_ALL_DATA, FV_MEANING, NULL, \
      "decode what truncated files have") \
    X(INT, topk, "topk", NULL, 0, 5, 1, 1000, NULL, V_PREDICT | V_SEARCH, FV_OUTPUT, "N", "classes shown per image; search: images") \
    X(INT, limit, "limit", NULL, 0, 0, 0, 1e12, NULL, V_PREDICT | V_PLAN, FV_OUTPUT, "N", \
      "at most N images; of a data set, of each class its share; plan: images looked at [300 or more]") \
    X(CHOICE, out, "out", NULL, 0, 0, 0, 0, "text,json,csv", V_EVAL | V_PREDICT | V_LINEAR | V_SEARCH | V_TIMING, FV_OUTPUT, "FORM", "text, json or csv") \
    X(TEXT, classes, "classes", "class-map", 0, NULL, 0, 0, NULL, V_EVAL | V_PREDICT | V_CONVERT, FV_MEANING, "FILE", \
      "names of the classes, one a line, for a model that has none") \
    X(TEXT, gate, "gate", NULL, 0, NULL, 0, 0, NULL, V_EVAL, FV_OUTPUT, "NAME=F[,NAME=F...]", \
      "end with exit code 8 unless the model reaches this: top1=0.9, macro_f1=85%, loss=0.3 (at most)") \
    X(TEXT, curves, "curves", NULL, 0, NULL, 0, 0, NULL, V_EVAL, FV_OUTPUT, "NAME", \
      "write NAME.csv and draw NAME.svg: recall, precision and false alarms of each class by threshold") \
    X(FLAG, wrong_only, "wrong-only", NULL, 0, false, 0, 0, NULL, V_PREDICT, FV_OUTPUT, NULL, \
      "with --data: only the samples whose answer differs from their label") \
    X(TEXT, sheet, "sheet", NULL, 0, NULL, 0, 0, NULL, V_PREDICT | V_SEARCH | V_EVAL, FV_OUTPUT, "FILE.png", \
      "one picture of images and predictions, of queries and what is near them, or of the worst samples") \
    X(INT, top_losses, "top-losses", NULL, 0, 25, 1, 1000, NULL, V_EVAL, FV_OUTPUT, "N", \
      "samples with the largest loss that are listed, and shown on --sheet") \
    X(CHOICE, tta, "tta", "test-time-augmentation", 0, 0, 0, 0, "none,flip,5crop,10crop", V_EVAL | V_PREDICT, \
      FV_OUTPUT, "VIEWS", \
      "average over views of each image: flip is the image and its mirror image, 5crop the corners and the center, " \
      "10crop these mirrored too") \
    X(TEXT, tta_scales, "tta-scales", NULL, 0, NULL, 0, 0, NULL, V_EVAL | V_PREDICT, FV_OUTPUT, "S[,S...]", \
      "short sides to resize to before cropping, 224,256,384,480,640 for an input of 224; default: the model's own") \
    X(INT, mc_dropout, "mc-dropout", NULL, 0, 0, 0, 1e6, NULL, V_EVAL | V_PREDICT, FV_OUTPUT, "N", \
      "average over N passes with dropout at work, drawn by --seed; predict shows the deviation of a pass") \
    X(CHOICE, ensemble, "ensemble", NULL, 0, 0, 0, 0, "probabilities,logits", V_EVAL | V_PREDICT, FV_OUTPUT, "WHAT", \
      "what is averaged over models and views") \
    X(LIST, ensemble_weights, "ensemble-weights", NULL, 0, 0, 0, 1e9, NULL, V_EVAL | V_PREDICT, FV_OUTPUT, "W,W...", \
      "how much each model of --model counts; default: all the same") \
    X(TEXT, layer, "layer", "layers", 0, NULL, 0, 0, NULL, V_ROWS | V_PREDICT, FV_MEANING, "NAME[,NAME...]|all", \
      "whose results: names of layers as `fovea info` lists them, or of modules before a dot or slash; all: the " \
      "network's stages; default: what its last weighted layer reads; predict --explain gradcam: one layer, default: " \
      "the last convolution, with what follows it place by place") \
    X(CHOICE, explain, "explain", NULL, 0, 0, 0, 0, "none,gradcam,occlusion", V_PREDICT, FV_OUTPUT, "HOW", \
      "what in each image the answer rests on, as a picture and an array of its size in --output: by gradients of a " \
      "layer, or by covering place by place") \
    X(TEXT, explain_class, "class", NULL, 0, NULL, 0, 0, NULL, V_PREDICT, FV_OUTPUT, "NAME|N", \
      "with --explain: the class or target that is explained, by name or number; default: the best one") \
    X(SIZE, patch, "patch", NULL, 0, 0, 1, 16384, NULL, V_PREDICT, FV_OUTPUT, "N|HxW", \
      "with --explain occlusion: pixels of the network's input that are covered; default: a seventh of each side") \
    X(SIZE, stride, "stride", NULL, 0, 0, 1, 16384, NULL, V_PREDICT, FV_OUTPUT, "N|HxW", \
      "with --explain occlusion: pixels from place to place; default: half of --patch") \
    X(TEXT, explain_folder, "output", "output-dir", 0, NULL, 0, 0, NULL, V_PREDICT, FV_OUTPUT, "DIR", \
      "with --explain: folder of pictures and arrays; default: runs/predict/exp, exp2, ...") \
    X(FLAG, randomize, "randomize", NULL, 0, false, 0, 0, NULL, V_PREDICT, FV_OUTPUT, NULL, \
      "with --explain: draw weights anew, from the last layer on to all, and tell how much of the map is left: one " \
      "that shows what was learned does not survive") \
    X(CHOICE, feature_pool, "pool", NULL, 0, 0, 0, 0, "auto,none,avg,max,gem", V_ROWS, FV_MEANING, "HOW", \
      "maps to rows: as they are, or mean, largest or generalized mean of each channel; auto: avg, for features of " \
      "named layers none") \
    X(SIZE, grid, "grid", NULL, 0, 0, 1, 64, NULL, V_ROWS, FV_MEANING, "N|HxW", \
      "pool to that many cells; default: 1, the whole map") \
    X(CHOICE, linear_loss, "loss", NULL, 0, 0, 0, 0, "logreg,svm,hinge", V_LINEAR, FV_MEANING, "NAME", \
      "logistic regression over all classes; or one class against the rest with the squared hinge, or the hinge") \
    X(REAL, linear_c, "C", NULL, 0, 1, FV_ABOVE_ZERO, 1e9, NULL, V_LINEAR, FV_MEANING, "F", \
      "weight of the losses' sum against half the squared length of the weights") \
    X(INT, folds, "folds", NULL, 0, 5, 2, 100, NULL, V_LINEAR, FV_MEANING, "K", \
      "stratified folds, drawn by --seed: each is asked of a classifier of the others") \
    X(FLAG, standardize, "standardize", NULL, 0, false, 0, 0, NULL, V_LINEAR, FV_MEANING, NULL, \
      "features to mean 0 and deviation 1 first, as measured on the images learned from; default: as they are") \
    X(TEXT, save, "save", NULL, 0, NULL, 0, 0, NULL, V_LINEAR, FV_OUTPUT, "FILE", \
      "network and classifier as one model file; of several layers the best one's") \
    X(TEXT, coefficients, "coefficients", NULL, 0, NULL, 0, 0, NULL, V_LINEAR, FV_OUTPUT, "FILE.npz", \
      "weights and intercepts of the classifiers on all images learned from, f64") \
    X(TEXT, query, "query", NULL, 0, NULL, 0, 0, NULL, V_SEARCH, FV_OUTPUT, "IMAGE", \
      "whose neighbors: more of them may follow") \
    X(TEXT, index, "index", "features", 0, NULL, 0, 0, NULL, V_SEARCH, FV_OUTPUT, "FILE", \
      "rows that `fovea features` wrote, in place of computing them of --data") \
    X(FLAG, selftest, "selftest", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, \
      "recompute the self-test vectors of the file") \
    X(FLAG, graph, "graph", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, "print the graph as text") \
    X(FLAG, dot, "dot", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, "print a drawing for Graphviz") \
    X(TEXT, svg, "svg", NULL, 0, NULL, 0, 0, NULL, V_INFO, FV_OUTPUT, "FILE.svg", \
      "draw the network: layers, branches, what passes layers, sizes") \
    X(FLAG, card, "card", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, \
      "the model's card as Markdown: what it is, what it was trained on, terms, figures, day, classes") \
    X(FLAG, suggest, "suggest", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, \
      "what layers could be replaced with, parameters and multiply-adds before and after") \
    X(FLAG, profile, "profile", NULL, 0, false, 0, 0, NULL, V_INFO, FV_OUTPUT, NULL, \
      "run it and show time per node") \
    X(TEXT, trace, "trace", NULL, 0, NULL, 0, 0, NULL, V_INFO, FV_OUTPUT, "FILE.json", \
      "with --profile: Chrome trace of one run") \
    X(FLAG, dups, "dups", NULL, 0, false, 0, 0, NULL, V_DATA, FV_OUTPUT, NULL, \
      "data check: also look for pictures that are nearly the same (equal pixels are always looked for)") \
    X(FLAG, strict, "strict", NULL, 0, false, 0, 0, NULL, V_DATA, FV_OUTPUT, NULL, \
      "data check: duplicates across splits or classes are rejected") \
    X(INT, augmented, "augmented", NULL, 0, 0, 0, 1000, NULL, V_DATA, FV_OUTPUT, "N", \
      "data show: each sample as N epochs would see it, with what was drawn; with --augment or its shorthands 4") \
    X(FLAG, suspicious, "suspicious", NULL, 0, false, 0, 0, NULL, V_DATA, FV_OUTPUT, NULL, \
      "data show: the images that `data check` finds something about") \
    X(INT, per_class, "per-class", NULL, 0, 8, 1, 1000, NULL, V_DATA, FV_OUTPUT, "N", \
      "data show: samples of each class; with --augmented: samples in all") \
    X(TEXT, report, "report", NULL, 0, NULL, 0, 0, NULL, V_EVAL | V_DATA, FV_OUTPUT, "FILE.html", \
      "eval, data check, data stats: a page with charts, findings and small pictures, all in one file") \
    X(TEXT, quarantine, "quarantine", NULL, 0, NULL, 0, 0, NULL, V_DATA, FV_OUTPUT, "FILE.csv", \
      "data check: list of the files that cannot be used: path, verdict, byte") \
    X(CHOICE, format, "format", NULL, 0, 0, 0, 0, "fvpack,tar", V_DATA, FV_OUTPUT, "FORM", \
      "data pack: one packed file, or WebDataset tar shards") \
    X(TEXT, raw, "raw", NULL, 0, NULL, 0, 0, NULL, V_PREDICT, FV_OUTPUT, "HxWxC[:u8|u16|f32]", \
      "with --source -: raw frames of that form on standard input, one after another") \
    X(FLAG, raw_pixels, "raw", NULL, 0, false, 0, 0, NULL, V_DATA, FV_OUTPUT, NULL, \
      "data pack: pixels instead of image files") \
    X(FLAG, original, "original", NULL, 0, false, 0, 0, NULL, V_DATA, FV_OUTPUT, NULL, \
      "data pack: image files as they are (this is what it does without --raw)") \
    X(BYTES, shard_size, "shard-size", NULL, 0, 1000000000, 1 << 10, 1e15, NULL, V_DATA, FV_OUTPUT, "SIZE", \
      "data pack --format tar: begin another shard behind so many bytes") \
    X(REAL, val_share, "val", NULL, 0, 0.2, 0, 0.95, NULL, V_DATA, FV_OUTPUT, "F", \
      "data split: share of the val split") \
    X(INT, train_count, "train", NULL, 0, 10000, 1, 1e7, NULL, V_DATA, FV_OUTPUT, "N", "data make: training images") \
    X(REAL, test_amount, "test", NULL, 0, FV_AUTO, 0, 1e7, NULL, V_DATA, FV_OUTPUT, "N|F", \
      "data make: test images (2000); data split: share of the test split (0)") \
    X(TEXT, from, "from", NULL, 0, NULL, 0, 0, NULL, V_PLAN, FV_OUTPUT, "NAME|FILE", \
      "the trained network to start from: an architecture with --weights, a model file, or one of `fovea zoo list`") \
    X(BYTES, ram, "ram", NULL, 0, 0, 1 << 10, 1e15, NULL, V_PLAN, FV_OUTPUT, "SIZE", \
      "bytes that the device has for activations (320K, 2M)") \
    X(BYTES, flash, "flash", NULL, 0, 0, 1 << 10, 1e15, NULL, V_PLAN, FV_OUTPUT, "SIZE", \
      "bytes that it has for weights") \
    X(REAL, ms, "ms", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e9, NULL, V_PLAN, FV_OUTPUT, "F", \
      "milliseconds that an image may take, on this machine unless --gmacs is given") \
    X(REAL, gmacs, "gmacs", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e9, NULL, V_PLAN, FV_OUTPUT, "F", \
      "1e9 multiply-adds a second that the device reaches") \
    X(REAL, params, "params", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e15, NULL, V_PLAN | V_GROW, FV_OUTPUT, "N", \
      "most parameters (5e6)") \
    X(REAL, probe, "probe", NULL, 0, 20, 0, 600, NULL, V_PLAN, FV_OUTPUT, "F", \
      "seconds in which steps of the run are timed; 0: none are") \
    X(REAL, price, "price-per-hour", "price", 0, FV_AUTO, 0, 1e9, NULL, V_PLAN, FV_OUTPUT, "F", \
      "what an hour of the machine costs") \
    X(TEXT, lr_curve, "lr-curve", NULL, 0, NULL, 0, 0, NULL, V_PLAN | V_LR_FIND, FV_OUTPUT, "NAME", \
      "write NAME.csv and draw NAME.svg: plan: the learning rate of every step of a run with these settings; lr-find: " \
      "the loss by learning rate") \
    X(REAL, lr_min, "lr-min", NULL, 0, 1e-7, FV_ABOVE_ZERO, 1e6, NULL, V_LR_FIND, FV_OUTPUT, "F", \
      "learning rate of the first step") \
    X(REAL, lr_max, "lr-max", NULL, 0, 10, FV_ABOVE_ZERO, 1e6, NULL, V_LR_FIND, FV_OUTPUT, "F", \
      "and of the last one: between them each is larger than the one before by the same factor") \
    X(INT, find_steps, "steps", NULL, 0, 100, 2, 1e6, NULL, V_LR_FIND, FV_OUTPUT, "N", "steps of the test") \
    X(INT, trials, "trials", NULL, 0, 20, 1, 9999, NULL, V_TUNE, FV_OUTPUT, "N", \
      "runs with other settings, the first of which is as given") \
    X(TEXT, space, "space", NULL, 0, NULL, 0, 0, NULL, V_TUNE, FV_MEANING, "KEY=VALUES", \
      "what a setting is drawn from, again for each: lr=log:1e-4..1e-1, drop=0..0.5, lr=log:x0.1..x10 (times that of " \
      "the first run), opt=sgd,adamw, 'augment=none|hflip|rrc; hflip'") \
    X(INT, reduction, "reduction", NULL, 0, 3, 1, 100, NULL, V_TUNE, FV_MEANING, "N", \
      "one trial in N goes on behind 1/N^2 and 1/N of --epochs; 1: all go to the end") \
    X(TEXT, ablate, "ablate", NULL, 0, NULL, 0, 0, NULL, V_TUNE, FV_MEANING, "augment[=STEPS]", \
      "no search: each step of the augmentation left out in turn, and STEPS added in turn, each with --repeats seeds; " \
      "which help, which hurt, and which do no more than noise") \
    X(INT, repeats, "repeats", NULL, 0, 5, 3, 100, NULL, V_TUNE, FV_MEANING, "N", \
      "--ablate: seeds of each, from --seed on") \
    X(REAL, hours, "hours", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e6, NULL, V_TUNE | V_GROW, FV_OUTPUT, "F", \
      "no run starts behind so many hours of training; those that began are finished") \
    X(REAL, macs, "macs", NULL, 0, FV_AUTO, FV_ABOVE_ZERO, 1e15, NULL, V_GROW, FV_OUTPUT, "F", \
      "most multiply-adds of an image (5e6)") \
    X(FLAG, int8, "int8", NULL, 0, false, 0, 0, NULL, V_PLAN, FV_OUTPUT, NULL, \
      "weights and activations of one byte") \
    X(CHOICE, direction, "direction", NULL, 0, 0, 0, 0, "fwd,bwd-data,bwd-weights,all", V_BENCH, FV_OUTPUT, "WHICH", \
      "forward, or the gradient to the data or to the weights; all: the three") \
    X(CHOICE, bench_dtype, "dtype", NULL, 0, 0, 0, 0, "fp32,fp16", V_BENCH, FV_OUTPUT, "TYPE", \
      "how operands and results are stored; fp16: of forward convolutions, summed in fp32; bench vgg-e without it: both") \
    X(TEXT, bench_threads, "threads", NULL, 'j', NULL, 0, 0, NULL, V_TIMING, FV_SPEED, "N[,N...]", \
      "numbers of threads, one after another; default: one, and what the process may use") \
    X(TEXT, bench_batches, "batch-size", "batch", 'b', NULL, 0, 0, NULL, V_TIMING, FV_OUTPUT, "N[,N...]", \
      "images at a time, one size after another; default: 1, bench vgg-e: 1 to 64") \
    X(REAL, bench_seconds, "seconds", NULL, 0, 0.3, 0, 3600, NULL, V_TIMING | V_COMPRESS, FV_OUTPUT, "F", \
      "of runs behind a first one, for each figure; at least one run counts") \
    X(FLAG, cpu_time, "cpu-time", NULL, 0, false, 0, 0, NULL, V_BENCH, FV_OUTPUT, NULL, \
      "with --threads 1: what the thread worked, without what other programs made it wait: for busy machines") \
    X(TEXT, bench_algo, "conv-algo", NULL, 0, NULL, 0, 0, NULL, V_BENCH, FV_OUTPUT, "NAME[,NAME...]", \
      "these algorithms only (igemm, im2col, winograd_4, ...)") \
    X(TEXT, bench_layers, "layers", NULL, 0, NULL, 0, 0, NULL, V_BENCH, FV_OUTPUT, "PATTERN[,PATTERN...]", \
      "with --model, and of bench vgg-e: layers of these names, with * and ?") \
    X(FLAG, benchmark_layers, "layers", NULL, 0, false, 0, 0, NULL, V_BENCHMARK, FV_OUTPUT, NULL, \
      "each layer's time, too; the clock is then read at every layer") \
    X(FLAG, formats, "formats", NULL, 0, false, 0, 0, NULL, V_BENCHMARK, FV_OUTPUT, NULL, \
      "one network in every format that quantize makes: bytes, time, memory, and with --data, from whose train split " \
      "ranges are taken, scores") \
    X(FLAG, csv, "csv", NULL, 0, false, 0, 0, NULL, V_TIMING, FV_OUTPUT, NULL, "result as CSV")
/* clang-format on */

#endif
