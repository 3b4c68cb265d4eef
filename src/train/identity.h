/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is: recorded with its state, compared by whoever resumes it. */
#ifndef FV_TRAIN_IDENTITY_H
#define FV_TRAIN_IDENTITY_H

#include <fovea/train.h>

#include "base/doc.h"
#include "base/json.h"
#include "graph/graph.h"
#include "model/model.h"

/* All that shapes the weights of a run. */
typedef struct fv_identity {
    char data[65];                 /* fingerprint of the data set */
    const char *model;             /* architecture's name */
    char pipeline[65];             /* SHA-256 of the model's pipeline as text */
    char graph[65];                /* SHA-256 of the network */
    char tensors[65];              /* SHA-256 of its tensors' names and shapes: what a state's bytes belong to */
    char teachers[65];             /* SHA-256 of what is learned from; "": there are none */
    const fv_fit_options *options; /* resolved: those of their rows whose level is at most FV_TOLD */
} fv_identity;

/* What a run of these is; the options stay the caller's. */
fv_status fv_identity_make(fv_model *model, const fv_dataset *data, const fv_fit_options *options,
                           fv_identity *identity);

/* fv_graph_digest as text: operators, attributes, names, shapes, constants. */
void fv_identity_graph(const fv_graph *graph, char hex[65]);

/* Appends the members "data", "model", "pipeline", "tensors", "graph", "teachers" and "settings" (key: text) to an open
 * object. */
void fv_identity_json(fv_json *json, const fv_identity *identity);

/* Compares what `root` has recorded with the run of now, as the levels of the settings say. What must not differ is
 * CONFLICT, which names all of it, unless `force` where that may be; every other difference is said in the log, one
 * line each. `path` names the file in messages. */
fv_status fv_identity_check(fv_ctx *ctx, const char *path, const fv_doc_node *root, const fv_identity *now, bool force);

#endif
