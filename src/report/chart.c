/* SPDX-License-Identifier: Apache-2.0 */
#include "report/chart.h"

#include <math.h>
#include <string.h>

/* The picture, in its own units: so wide that its text is of the page's size on a telephone, too. */
enum { WIDTH = 340, HEIGHT = 220, LEFT = 60, RIGHT = 10, TOP = 18, BOTTOM = 40 };
enum { STRETCHES = 200, MARKED = 60 };

/* ---- numbers ---- */

void fv_put_fixed(fv_str *out, double value, int decimals)
{
    char digits[24];
    double power = pow(10, decimals), scaled = fabs(value) * power;
    if (!isfinite(value) || scaled > 9e15) {
        fv_str_append(out, isfinite(value) ? "&gt; 1e15" : "\xE2\x80\x93");
        return;
    }
    int64_t whole = llround(scaled), divisor = llround(power);
    if (value < 0 && whole > 0)
        fv_str_append(out, "\xE2\x88\x92");
    fv_str_printf(out, "%lld", (long long)(whole / divisor));
    whole %= divisor;
    for (int i = decimals - 1; i >= 0; i--) {
        digits[i] = (char)('0' + whole % 10);
        whole /= 10;
    }
    digits[decimals] = '\0';
    if (decimals > 0)
        fv_str_printf(out, ".%s", digits);
}

/* Removes zeros behind the point that were appended from `start` on, and the point if nothing is left behind it. */
static void trim(fv_str *out, size_t start)
{
    if (out->failed || !out->data || !strchr(out->data + start, '.'))
        return;
    while (out->data[out->size - 1] == '0')
        out->size--;
    out->size -= out->data[out->size - 1] == '.';
    out->data[out->size] = '\0';
}

void fv_put_short(fv_str *out, double value, int digits)
{
    size_t start = out->size;
    if (!isfinite(value) || value == 0) {
        fv_put_fixed(out, value, 0);
        return;
    }
    int exponent = (int)floor(log10(fabs(value)) + 1e-12);
    if (exponent >= -4 && exponent < 7) {
        int decimals = digits - 1 - exponent;
        fv_put_fixed(out, value, decimals < 0 ? 0 : decimals > 9 ? 9 : decimals);
        trim(out, start);
        return;
    }
    double mantissa = value / pow(10, exponent);
    if (fabs(mantissa) >= 10 - 0.5 / pow(10, digits - 1)) { /* would be rounded to 10 */
        mantissa /= 10;
        exponent++;
    }
    fv_put_fixed(out, mantissa, digits - 1);
    trim(out, start);
    fv_str_printf(out, "e%d", exponent);
}

/* A coordinate: one decimal, a plain minus. */
static void put_coordinate(fv_str *out, double value)
{
    long long tenths = llround(value * 10);
    fv_str_printf(out, "%s%lld.%lld", tenths < 0 ? "-" : "", (tenths < 0 ? -tenths : tenths) / 10,
                  (tenths < 0 ? -tenths : tenths) % 10);
}

/* ---- axes ---- */

typedef struct axis {
    double low, high, step; /* ticks from low to high */
    double at, length;      /* where low lies, and how far high is from it (negative: upwards) */
} axis;

static double place(const axis *a, double value)
{
    return a->at + a->length * (value - a->low) / (a->high - a->low);
}

/* The smallest of 1, 2, 5 times a power of ten that is not below x. */
static double round_step(double x)
{
    double power = pow(10, floor(log10(x)));
    static const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++)
        if (factors[i] * power >= x * (1 - 1e-9))
            return factors[i] * power;
    return 10 * power;
}

/* A value as the axis has it. */
static double on_axis(const fv_chart *c, double value)
{
    return c->logarithmic ? log10(value) : value * c->scale;
}

static void value_axis(axis *a, const fv_chart *c)
{
    double low = INFINITY, high = -INFINITY;
    for (int s = 0; s < c->n_series; s++)
        for (int64_t i = 0; i < c->n; i++) {
            double y = on_axis(c, c->series[s].y[i]);
            low = isfinite(y) && y < low ? y : low;
            high = isfinite(y) && y > high ? y : high;
        }
    if (c->from_zero && !c->logarithmic && low > 0)
        low = 0;
    if (high - low <= 1e-9 * fabs(high))
        high = low + (low != 0 ? 0.1 * fabs(low) : 1);
    a->step = round_step((high - low) / 5);
    if (c->logarithmic && a->step < 1)
        a->step = 1;
    a->low = floor(low / a->step + 1e-9) * a->step;
    a->high = ceil(high / a->step - 1e-9) * a->step;
    if (c->limit != 0 && a->high > c->limit) {
        a->high = c->limit;
        a->low = low >= c->limit ? c->limit - a->step : a->low;
    }
    a->at = HEIGHT - BOTTOM;
    a->length = -(double)(HEIGHT - BOTTOM - TOP);
}

static void x_axis(axis *a, const fv_chart *c)
{
    double first = c->x[0], last = c->x[c->n - 1];
    a->low = c->n > 1 ? first : first - 1;
    a->high = c->n > 1 ? last : last + 1;
    a->step = round_step((a->high - a->low) / 5);
    a->step = a->step < 1 ? 1 : a->step;
    a->at = LEFT;
    a->length = WIDTH - LEFT - RIGHT;
}

static void put_grid(fv_str *out, const fv_chart *c, const axis *x, const axis *y)
{
    for (int i = 0; y->low + i * y->step <= y->high + 1e-6 * y->step; i++) {
        double value = y->low + i * y->step, at = place(y, value);
        fv_str_printf(out, "<line class=\"%s\" x1=\"%d\" x2=\"%d\" y1=\"", i ? "grid" : "axis", LEFT, WIDTH - RIGHT);
        put_coordinate(out, at);
        fv_str_append(out, "\" y2=\"");
        put_coordinate(out, at);
        fv_str_printf(out, "\"/><text class=\"end\" x=\"%d\" y=\"", LEFT - 8);
        put_coordinate(out, at + 4);
        fv_str_append(out, "\">");
        if (c->logarithmic)
            fv_put_short(out, pow(10, value), 3);
        else
            fv_put_short(out, fabs(value) < 1e-9 * y->step ? 0 : value, 6);
        fv_str_append(out, "</text>");
    }
    for (double value = ceil(x->low / x->step) * x->step; value <= x->high; value += x->step) {
        fv_str_append(out, "<text class=\"middle\" x=\"");
        put_coordinate(out, place(x, value));
        fv_str_printf(out, "\" y=\"%d\">", HEIGHT - BOTTOM + 18);
        fv_put_fixed(out, value, 0);
        fv_str_append(out, "</text>");
    }
    fv_str_printf(out, "<text class=\"middle\" x=\"%d\" y=\"%d\">%s</text>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6,
                  c->x_name);
}

static void put_mark(fv_str *out, const fv_chart *c, const axis *x)
{
    const double at = place(x, c->mark);
    if (!(c->mark >= x->low && c->mark <= x->high))
        return;
    fv_str_append(out, "<line class=\"mark\" x1=\"");
    put_coordinate(out, at);
    fv_str_append(out, "\" x2=\"");
    put_coordinate(out, at);
    fv_str_printf(out, "\" y1=\"%d\" y2=\"%d\"/><text class=\"%s\" x=\"", TOP, HEIGHT - BOTTOM,
                  at > (LEFT + WIDTH - RIGHT) / 2.0 ? "end" : "");
    put_coordinate(out, at);
    fv_str_printf(out, "\" y=\"%d\">%s</text>", TOP - 5, c->mark_name);
}

/* ---- lines ---- */

static void put_point(fv_str *out, const fv_chart *c, const fv_series *s, const axis *x, const axis *y, int64_t i)
{
    put_coordinate(out, place(x, c->x[i]));
    fv_str_append(out, ",");
    put_coordinate(out, place(y, on_axis(c, s->y[i])));
    fv_str_append(out, " ");
}

/* The measured points in [begin, end): all of them, or the smallest and the largest in the order they come. */
static void put_stretch(fv_str *out, const fv_chart *c, const fv_series *s, const axis *x, const axis *y, int64_t begin,
                        int64_t end, bool all)
{
    int64_t low = -1, high = -1;
    for (int64_t i = begin; i < end; i++) {
        if (!isfinite(s->y[i]))
            continue;
        if (all)
            put_point(out, c, s, x, y, i);
        low = low < 0 || s->y[i] < s->y[low] ? i : low;
        high = high < 0 || s->y[i] > s->y[high] ? i : high;
    }
    if (all || low < 0)
        return;
    put_point(out, c, s, x, y, low < high ? low : high);
    if (low != high)
        put_point(out, c, s, x, y, low < high ? high : low);
}

static void put_line(fv_str *out, const fv_chart *c, const fv_series *s, const axis *x, const axis *y)
{
    bool all = c->n <= 2 * STRETCHES;
    int64_t stretches = all ? 1 : STRETCHES;
    fv_str_printf(out, "<polyline class=\"%s\" points=\"", s->name);
    for (int64_t k = 0; k < stretches; k++)
        put_stretch(out, c, s, x, y, c->n * k / stretches, c->n * (k + 1) / stretches, all);
    fv_str_append(out, "\"/>");
    for (int64_t i = 0; c->n <= MARKED && i < c->n; i++) {
        if (!isfinite(s->y[i]))
            continue;
        fv_str_printf(out, "<circle class=\"%s\" r=\"3\" cx=\"", s->name);
        put_coordinate(out, place(x, c->x[i]));
        fv_str_append(out, "\" cy=\"");
        put_coordinate(out, place(y, on_axis(c, s->y[i])));
        fv_str_printf(out, "\"><title>%s ", c->x_name);
        fv_put_fixed(out, c->x[i], 0);
        fv_str_printf(out, ", %s: ", s->name);
        fv_put_short(out, s->y[i] * c->scale, 5);
        fv_str_printf(out, "%s</title></circle>", c->unit);
    }
}

static double last_value(const fv_chart *c, const fv_series *s)
{
    for (int64_t i = c->n - 1; i >= 0; i--)
        if (isfinite(s->y[i]))
            return s->y[i] * c->scale;
    return NAN;
}

void fv_put_chart(fv_str *out, const fv_chart *chart)
{
    fv_chart c = *chart;
    c.n_series = 0;
    for (int s = 0; s < chart->n_series; s++)
        if (isfinite(last_value(chart, &chart->series[s])))
            c.series[c.n_series++] = chart->series[s];
    if (c.n_series == 0)
        return;
    axis x, y;
    x_axis(&x, &c);
    value_axis(&y, &c);
    fv_str_printf(out, "<figure>\n<figcaption><b>%s</b>", c.title);
    for (int s = 0; s < c.n_series; s++) {
        fv_str_printf(out, "<span class=\"key %s\"></span>%s <span class=\"number\">", c.series[s].name,
                      c.series[s].name);
        fv_put_short(out, last_value(&c, &c.series[s]), 4);
        fv_str_printf(out, "%s</span>", c.unit);
    }
    fv_str_printf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s by %s\">", WIDTH, HEIGHT,
                  c.title, c.x_name);
    put_grid(out, &c, &x, &y);
    put_mark(out, &c, &x);
    for (int s = c.n_series - 1; s >= 0; s--)
        put_line(out, &c, &c.series[s], &x, &y);
    fv_str_append(out, "</svg>\n</figure>\n");
}
