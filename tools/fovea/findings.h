/* SPDX-License-Identifier: Apache-2.0 */
/* What eval found, as text, JSON and CSV. */
#ifndef FOVEA_FINDINGS_H
#define FOVEA_FINDINGS_H

#include "figures.h"

typedef struct findings {
    const fv_model *model; /* its classes' names */
    const fv_dataset *data;
    const fv_metrics *metrics;
    const fv_evaluation *evaluation;
    const gates *gates;
    int64_t worst; /* samples that are shown as such */
} findings;

/* Lines for people, behind the one with the metrics. */
void findings_text(const findings *f, FILE *out);
/* Members of an object behind others: ,"macro":{...},... */
void findings_json(const findings *f, FILE *out);
/* A table with one number a row: what,class,said,file,value. */
void findings_csv(const findings *f, FILE *out);

#endif
