/* SPDX-License-Identifier: Apache-2.0 */
#include "curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

enum { WIDTH = 760, HEIGHT = 420, LEFT = 76, RIGHT = 24, TOP = 64, BOTTOM = 52, STRETCHES = 400 };

typedef struct axis {
    double low, high, step; /* in what is drawn: of a logarithmic axis powers of ten */
    double at, length;      /* where low lies, and how far high is from it */
    bool log;
} axis;

static const char style[] =
    "<style>text{font:13px system-ui,sans-serif;fill:#333}.t{font-size:17px;font-weight:600}.p{fill:#fff}"
    ".g{stroke:#ddd}.c{fill:none;stroke:#1668b5;stroke-width:2}.f{fill:none;stroke:#1668b5;stroke-opacity:.3}"
    ".m{stroke:#b5431e;stroke-dasharray:4 3}.n{fill:#b5431e}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.p{fill:#181a1b}.g{stroke:#3a3d40}.c,.f{stroke:#62b0f0}"
    ".m{stroke:#f0906a}.n{fill:#f0906a}}</style>\n";

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '&')
            fputs(*text == '<' ? "&lt;" : "&amp;", out);
        else
            fputc(*text, out);
    }
}

static double on_axis(const axis *a, double value)
{
    return a->log ? log10(value) : value;
}

static double place(const axis *a, double value)
{
    return a->at + a->length * (on_axis(a, value) - a->low) / (a->high - a->low);
}

/* The smallest of 1, 2, 5 times a power of ten that is not below x. */
static double round_step(double x)
{
    static const double factors[] = {1, 2, 5};
    const double power = pow(10, floor(log10(x)));
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (factors[i] * power >= x * (1 - 1e-9))
            return factors[i] * power;
    return 10 * power;
}

static void take_values(axis *a, const double *list, int64_t n)
{
    for (int64_t i = 0; list && i < n; i++) {
        const double v = on_axis(a, list[i]);
        a->low = isfinite(v) && v < a->low ? v : a->low;
        a->high = isfinite(v) && v > a->high ? v : a->high;
    }
}

static void round_axis(axis *a, bool outwards)
{
    if (!(a->high >= a->low))
        a->low = a->high = 0;
    if (a->high - a->low <= 1e-9 * fabs(a->high)) {
        const double room = a->high != 0 ? 0.1 * fabs(a->high) : 1;
        a->low -= outwards && a->low == 0 ? 0 : room;
        a->high += room;
    }
    a->step = a->log ? 1 : round_step((a->high - a->low) / 5);
    if (!outwards)
        return;
    a->low = floor(a->low / a->step + 1e-9) * a->step;
    a->high = ceil(a->high / a->step - 1e-9) * a->step;
}

static void put_axes(FILE *out, const curve *c, const axis *x, const axis *y)
{
    for (int i = 0; y->low + i * y->step <= y->high + 1e-6 * y->step; i++) {
        const double v = y->low + i * y->step, at = place(y, v);
        fprintf(out, "<line class=\"g\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, at, at);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n", LEFT - 8, at + 4,
                fabs(v) < 1e-9 * y->step ? 0 : v);
    }
    for (double v = ceil(x->low / x->step - 1e-9) * x->step; v <= x->high + 1e-6 * x->step; v += x->step) {
        const double shown = x->log ? pow(10, v) : v, at = place(x, shown);
        fprintf(out, "<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", at, at, TOP, HEIGHT - BOTTOM);
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>\n", at, HEIGHT - BOTTOM + 20,
                fabs(shown) < 1e-9 * x->step ? 0 : shown);
    }
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10);
    put_text(out, c->x_name);
    fprintf(out, "</text><text x=\"10\" y=\"%d\">", TOP - 8);
    put_text(out, c->y_name);
    fputs("</text>\n", out);
}

static void put_point(FILE *out, const curve *c, const double *list, const axis *x, const axis *y, int64_t i)
{
    fprintf(out, "%.1f,%.1f ", place(x, c->x[i]), place(y, list[i]));
}

/* The points in [begin, end): the smallest and the largest, in the order in which they come. */
static void put_stretch(FILE *out, const curve *c, const double *list, const axis *x, const axis *y, int64_t begin,
                        int64_t end)
{
    int64_t low = -1, high = -1;
    for (int64_t i = begin; i < end; i++) {
        if (!isfinite(list[i]))
            continue;
        low = low < 0 || list[i] < list[low] ? i : low;
        high = high < 0 || list[i] > list[high] ? i : high;
    }
    if (low < 0)
        return;
    put_point(out, c, list, x, y, low < high ? low : high);
    if (low != high)
        put_point(out, c, list, x, y, low < high ? high : low);
}

static void put_line(FILE *out, const curve *c, const char *class, const double *list, const axis *x, const axis *y)
{
    const int64_t stretches = c->n <= 2 * STRETCHES ? c->n : STRETCHES;
    fprintf(out, "<polyline class=\"%s\" points=\"", class);
    for (int64_t k = 0; k < stretches; k++)
        put_stretch(out, c, list, x, y, c->n * k / stretches, c->n * (k + 1) / stretches);
    fputs("\"/>\n", out);
}

static void put_marks(FILE *out, const curve *c, const axis *x)
{
    for (int k = 0; k < CURVE_MARKS; k++) {
        if (!c->mark[k].name || !isfinite(c->mark[k].x))
            continue;
        const double at = place(x, c->mark[k].x);
        const bool right = at < (LEFT + WIDTH - RIGHT) / 2.0;
        fprintf(out, "<line class=\"m\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", at, at, TOP, HEIGHT - BOTTOM);
        fprintf(out, "<text class=\"n\" x=\"%.1f\" y=\"%d\"%s>", at + (right ? 6 : -6), TOP + 16 + 18 * k,
                right ? "" : " text-anchor=\"end\"");
        put_text(out, c->mark[k].name);
        fputs("</text>\n", out);
    }
}

char *curve_svg(const curve *c, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        return NULL;
    axis x = {.low = INFINITY, .high = -INFINITY, .at = LEFT, .length = WIDTH - LEFT - RIGHT, .log = c->log_x};
    axis y = {.low = INFINITY, .high = -INFINITY, .at = HEIGHT - BOTTOM, .length = -(double)(HEIGHT - BOTTOM - TOP)};
    take_values(&x, c->x, c->n);
    take_values(&y, c->y, c->n);
    y.low = c->from_zero && y.low > 0 ? 0 : y.low;
    round_axis(&x, false);
    round_axis(&y, true);
    fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_text(out, c->title);
    fprintf(out, "</title>\n%s<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n<text class=\"t\" x=\"10\" y=\"22\">",
            style, WIDTH, HEIGHT);
    put_text(out, c->title);
    fputs("</text><text x=\"10\" y=\"40\">", out);
    put_text(out, c->about);
    fputs("</text>\n", out);
    put_axes(out, c, &x, &y);
    fprintf(out,
            "<clipPath id=\"i\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>"
            "<g clip-path=\"url(#i)\">\n",
            LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - BOTTOM - TOP);
    if (c->behind)
        put_line(out, c, "f", c->behind, &x, &y);
    put_line(out, c, "c", c->y, &x, &y);
    fputs("</g>\n", out);
    put_marks(out, c, &x);
    fputs("</svg>\n", out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

fv_status curve_files_check(const settings *c, const char *option, const char *name, curve_files *files)
{
    if (strlen(name) >= sizeof files->csv - 8 || !*name || name[strlen(name) - 1] == '/')
        return complain(FV_ERR_VALUE, "give a name without an ending: NAME.csv and NAME.svg are written",
                        "--%s: '%s' is no name of a file", option, name);
    snprintf(files->csv, sizeof files->csv, "%s.csv", name);
    snprintf(files->svg, sizeof files->svg, "%s.svg", name);
    FV_TRY(output_check(c, NULL, option, files->csv, OUTPUT_CURVE));
    return output_check(c, NULL, option, files->svg, OUTPUT_DRAWING);
}

fv_status curve_files_write(const curve_files *files, const curve *drawn, const char *csv, size_t size)
{
    size_t length = 0;
    char *svg = curve_svg(drawn, &length);
    if (!svg)
        return complain(FV_ERR_NO_MEMORY, NULL, "%s: no memory for the drawing", files->svg);
    fv_status status = output_write(files->csv, csv, size);
    if (status == FV_OK)
        status = output_write(files->svg, svg, length);
    free(svg);
    return status;
}
