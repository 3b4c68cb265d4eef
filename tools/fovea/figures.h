/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that eval gives a model, by name, and the gates that --gate sets for them. */
#ifndef FOVEA_FIGURES_H
#define FOVEA_FIGURES_H

#include "cli.h"

typedef struct figure {
    const char *name;
    double value; /* NaN: not measured */
    bool higher_is_better, percent;
} figure;

enum { MAX_FIGURES = FV_METRIC_COUNT + 8 };
/* Those that mean something for the findings' task; the value of each, NaN before the evaluation (m NULL). */
int figures_of(const fv_metrics *m, const fv_evaluation *e, figure list[MAX_FIGURES]);

enum { MAX_GATES = 16 };
typedef struct gate {
    const char *name; /* of a figure */
    double limit, value;
    bool at_most; /* as lower is better; else at least */
    bool passed;
} gate;
typedef struct gates {
    int count;
    gate list[MAX_GATES];
} gates;

/* "top1=0.9,macro_f1=85%" (NULL: none). VALUE after a message. Names are those of figures. */
fv_status gates_parse(const char *text, const fv_evaluation *e, gates *g);
/* Fills value and passed; what is not measured passes no gate. */
void gates_judge(gates *g, const fv_metrics *m, const fv_evaluation *e);
/* GATE after a message that names every one that was missed. */
fv_status gates_result(const gates *g);

#endif
