/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knowledge distillation: a network learns from others' answers beside the labels. fv_fit_options.teachers are asked
 * about every batch of training images, and what is minimized is, with the members of the options,
 *
 *   task_loss_weight * loss(student, labels)                    auxiliary heads among it
 *   + distill_loss_weight * T^2 * KL(p || softmax(z / T))       T = kd_temperature, z the student's outputs
 *   + hint_loss_weight * sum over hint of mean((r(s) - t)^2)
 *   + attention_loss_weight * sum over attention of mean((a(s) - a(t))^2)
 *
 * each the mean over the batch. p is the mean of the teachers' softmax(outputs / T) by their weights (Hinton et al.,
 * 2015); s and t are what named layers of the student and of the first teacher give. r is a 1x1 convolution (of rows: a
 * dense layer) that is trained along where s has other channels than t, else s itself (Romero et al., 2015): it belongs
 * to the run and its states, not to the model. a(x) is the mean over channels of x^2, divided by its length over all
 * places (Zagoruyko and Komodakis, 2017). A part of weight 0 is not computed.
 *
 * Teachers answer as in inference and stay as they are. They get the very pixels that the student gets, augmented and
 * mixed, with normalization, channels and size of their own; what cannot be made out of those is CONFLICT. Classes are
 * those of the same names, in any order, else DATA_CLASSES; without names on either side they are those of the same
 * numbers. The temperature of a calibrated teacher is not looked at. Weights of samples do not scale the soft targets.
 */
#ifndef FOVEA_DISTILL_H
#define FOVEA_DISTILL_H

#include <fovea/train.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { FV_TEACHERS_MAX = 8 };

typedef struct fv_teacher {
    fv_model *model;  /* of the student's context; outlives the run, which changes nothing of it */
    double weight;    /* of its answers in their mean, above 0 */
    const char *name; /* what messages call it, such as its file; NULL: the model's own */
} fv_teacher;

/** What fv_fit_with and fv_trainer_create say of the options' teachers, without training: that they fit the student,
 * whose class names are those of the data by then. ARGUMENT, VALUE, CONFLICT, DATA_CLASSES, SHAPE. */
FV_API fv_status fv_distill_check(fv_model *student, const fv_fit_options *options);

enum { FV_DISTILL_TEXT = 600 };
/** One line about how teacher i of the options gets the student's images and classes; `text` is returned. */
FV_API const char *fv_distill_text(const fv_model *student, const fv_fit_options *options, int i,
                                   char text[FV_DISTILL_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
