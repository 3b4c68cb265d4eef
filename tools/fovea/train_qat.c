/* SPDX-License-Identifier: Apache-2.0 */
/* fovea train --qat: from a trained network to one that is trained for integers, and to its integers. */
#include "train_qat.h"

#include <string.h>
#include <unistd.h>

#include "data.h"
#include "train_check.h"

/* What ranges begin with: training images as they are, without augmentation. */
static fv_status open_images(fv_ctx *ctx, const settings *c, fv_dataset **images)
{
    settings own = *c;
    own.quarantine = NULL;
    FV_TRY(data_open(ctx, &own, "train", NULL, images));
    return fv_dataset_count(*images) > c->samples ? fv_dataset_keep(*images, c->samples, (uint64_t)c->fit.seed) : FV_OK;
}

/* What is in integers, and what is not. */
static void tell(const settings *c, const fv_quantizer *q)
{
    int integer = 0, real = 0;
    char images[64];
    for (int i = 0; i < fv_quantizer_count(q); i++) {
        const fv_quantize_row *r = fv_quantizer_row(q, i);
        integer += r->integer;
        real += !r->integer;
        if (!r->integer)
            note("--qat: %s '%s' stays in floats: %s", r->op, r->layer, r->why);
    }
    note(
        "--qat: %d layers in integers, %d in floats; weights of %lld bits, ranges begin with %s (%s); normalization is "
        "part of the weights before it",
        integer, real, (long long)c->weight_bits,
        count_of(fv_quantizer_images(q), "training image", "training images", images),
        fv_calibration_names()[c->calibration]);
}

static fv_status replace(fv_quantizer *q, fv_model **model)
{
    fv_model *made;
    FV_TRY(fv_quantizer_make_trainable(q, &made));
    fv_model_destroy(model);
    *model = made;
    return FV_OK;
}

fv_status train_qat(fv_ctx *ctx, const settings *c, fv_model **model)
{
    const fv_quantize_options o = {.calibration = (fv_calibration)c->calibration,
                                   .percentile = c->percentile,
                                   .per_tensor = c->per_tensor,
                                   .weight_bits = (int)c->weight_bits,
                                   .skip = c->skip,
                                   .workers = (int)c->fit.workers,
                                   .measured = -1,
                                   .force = c->force};
    fv_dataset *images = NULL;
    fv_quantizer *q = NULL;
    if (!c->weights && !train_takes_model_file(c))
        return complain(FV_ERR_CONFLICT, "train it without --qat first, and name the model with --model, or --weights",
                        "--qat: '%s' begins with random weights, and integers are made of trained ones", c->model);
    fv_status status = open_images(ctx, c, &images);
    if (status == FV_OK)
        status = fv_quantizer_create(*model, images, &o, &q);
    for (int i = 0; status == FV_OK && fv_quantizer_warning(q, i); i++)
        warn("%s", fv_quantizer_warning(q, i));
    if (status == FV_OK)
        status = replace(q, model);
    if (status == FV_OK)
        tell(c, q);
    fv_quantizer_destroy(&q);
    fv_dataset_destroy(&images);
    return status;
}

static fv_status make_integers(fv_ctx *ctx, const char *from, const char *to)
{
    fv_model *trained = NULL, *made = NULL;
    fv_quantizer *q = NULL;
    fv_status status = fv_model_load(ctx, from, &trained);
    if (status == FV_OK)
        status = fv_quantizer_of_trained(trained, NULL, &q);
    if (status == FV_OK)
        status = fv_quantizer_make(q, &made);
    if (status == FV_OK)
        status = fv_model_save(made, to);
    fv_model_destroy(&made);
    fv_quantizer_destroy(&q);
    fv_model_destroy(&trained);
    return status;
}

fv_status train_qat_export(fv_ctx *ctx, const char *dir, bool complete)
{
    static const char *const names[] = {"best", "last"};
    char from[4200], to[4200];
    snprintf(to, sizeof to, "%s/weights/int8.safetensors", dir);
    for (int i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/weights/%s.safetensors", dir, names[i]);
        if (access(from, F_OK) != 0)
            continue;
        return complete && access(to, F_OK) == 0 ? FV_OK : make_integers(ctx, from, to);
    }
    return FV_OK;
}
