/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole interface of fovea. Every value that is handed over is checked, and refused with a text; a pointer must
 * point to what its type says, and may be NULL only where the function's comment says so.
 */
#ifndef FOVEA_FOVEA_H
#define FOVEA_FOVEA_H

#include <fovea/advise.h>
#include <fovea/arrays.h>
#include <fovea/augment.h>
#include <fovea/bench.h>
#include <fovea/calibrate.h>
#include <fovea/compress.h>
#include <fovea/config.h>
#include <fovea/context.h>
#include <fovea/data.h>
#include <fovea/design.h>
#include <fovea/difference.h>
#include <fovea/distill.h>
#include <fovea/evaluate.h>
#include <fovea/explain.h>
#include <fovea/footprint.h>
#include <fovea/forecast.h>
#include <fovea/layer_kinds.h>
#include <fovea/lr_find.h>
#include <fovea/machine.h>
#include <fovea/model.h>
#include <fovea/op.h>
#include <fovea/plan.h>
#include <fovea/predict.h>
#include <fovea/prune.h>
#include <fovea/report.h>
#include <fovea/sanity.h>
#include <fovea/settings.h>
#include <fovea/stages.h>
#include <fovea/status.h>
#include <fovea/tensor.h>
#include <fovea/train.h>
#include <fovea/transfer.h>
#include <fovea/trials.h>
#include <fovea/tune.h>
#include <fovea/version.h>
#include <fovea/whiten.h>
#include <fovea/zoo.h>

#endif
