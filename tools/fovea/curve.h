/* SPDX-License-Identifier: Apache-2.0 */
/* A curve as a drawing of its own: SVG, light and dark. */
#ifndef FOVEA_CURVE_H
#define FOVEA_CURVE_H

#include "cli.h"

enum { CURVE_MARKS = 2 };
typedef struct curve {
    const char *title, *about; /* a line below the title; "": none */
    const char *x_name, *y_name;
    const double *x;      /* rising */
    const double *y;      /* the line; NaN: not there */
    const double *behind; /* drawn faintly; NULL: nothing is */
    int64_t n;
    bool log_x; /* x is above 0, and the axis has powers of ten */
    bool from_zero;
    struct {
        double x;
        const char *name; /* NULL: no mark */
    } mark[CURVE_MARKS];
} curve;

/* The drawing; the caller frees it. NULL: no memory. */
char *curve_svg(const curve *c, size_t *size);

/* NAME.csv and NAME.svg: their paths for --OPTION NAME, checked by output_check. */
typedef struct curve_files {
    char csv[4096], svg[4096];
} curve_files;
fv_status curve_files_check(const settings *c, const char *option, const char *name, curve_files *files);
fv_status curve_files_write(const curve_files *files, const curve *drawn, const char *csv, size_t size);

#endif
