/* SPDX-License-Identifier: Apache-2.0 */
/* The option table: what its reader (options.c) and its printer (options_print.c) share. */
#ifndef FOVEA_OPTIONS_H
#define FOVEA_OPTIONS_H

#include <stddef.h>

#include "cli.h"

typedef enum kind { TEXT, INT, REAL, FLAG, CHOICE, SIZE, REALS, MEASURE, BYTES, BATCH, SHARE } kind;

/* One row of the table. */
typedef struct option {
    const char *name;
    const char *aliases; /* further names, separated by commas */
    char letter;
    kind kind;
    size_t offset;
    unsigned verbs;
    const char *value; /* how help shows the value */
    const char *def;   /* default, as one would type it; NULL: none */
    double min, max;   /* INT, REAL, BYTES, REALS */
    const char *const *choices;
    const char *help;
} option;

enum { MAX_OPTIONS = 160 };
extern const option options[];
extern const int n_options;
/* Smallest positive minimum: reads as "above 0". */
#define ABOVE_ZERO 1e-30
/* What a REAL without a default holds until it is given; no option takes it. */
#define REAL_UNSET (-1.0)
#define AT(member) offsetof(cli, member)

/* The names a CHOICE may have; those of optimizers and schedules are the library's. */
const char *const *option_choices(const option *o);

#endif
