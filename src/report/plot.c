/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <string.h>

#include "report/chart.h"
#include "report/page.h"

enum { WIDTH = 340, HEIGHT = 280, LEFT = 46, RIGHT = 20, TOP = 26, BOTTOM = 42, NAMES = 120, SUMS = 52, ROW = 20 };
enum { BARS_MAX = 60, NAME_CHARS = 15 };

static const char *const styles[3] = {"train", "validation", "value"};

/* ---- bars ---- */

static int64_t sum_of(const fv_bar *bar)
{
    int64_t sum = 0;
    for (int k = 0; k < 3; k++)
        sum += bar->value[k] > 0 ? bar->value[k] : 0;
    return sum;
}

/* A name cut off between code points. */
static void put_name(fv_str *out, const char *name)
{
    char text[4 * NAME_CHARS + 8];
    size_t n = 0;
    for (int chars = 0; name[n] && n < 4 * NAME_CHARS; n++) {
        chars += ((unsigned char)name[n] & 0xC0) != 0x80;
        if (chars > NAME_CHARS)
            break;
    }
    memcpy(text, name, n);
    strcpy(text + n, name[n] ? "\xE2\x80\xA6" : "");
    fv_put_escaped(out, text);
}

static void put_bar(fv_str *out, const fv_bar *bar, int64_t y, double scale)
{
    double x = NAMES;
    fv_str_printf(out, "<text class=\"end\" x=\"%d\" y=\"%lld\">", NAMES - 8, (long long)y + 14);
    put_name(out, bar->name);
    fv_str_append(out, "</text>");
    for (int k = 0; k < 3; k++) {
        if (bar->value[k] <= 0)
            continue;
        const double w = (double)bar->value[k] * scale;
        fv_str_printf(out, "<rect class=\"%s\" y=\"%lld\" height=\"%d\" x=\"", styles[k], (long long)y + 2, ROW - 5);
        fv_put_fixed(out, x, 1);
        fv_str_append(out, "\" width=\"");
        fv_put_fixed(out, w < 0.5 ? 0.5 : w, 1);
        fv_str_append(out, "\"/>");
        x += w;
    }
    fv_str_append(out, "<text x=\"");
    fv_put_fixed(out, x + 6, 1);
    fv_str_printf(out, "\" y=\"%lld\">%lld</text>\n", (long long)y + 14, (long long)sum_of(bar));
}

void fv_put_bars(fv_str *out, const char *title, const char *const kinds[3], const fv_bar *bars, int64_t n)
{
    const int64_t shown = n < BARS_MAX ? n : BARS_MAX;
    int64_t most = 1;
    for (int64_t i = 0; i < shown; i++)
        most = sum_of(&bars[i]) > most ? sum_of(&bars[i]) : most;
    fv_str_printf(out, "<figure>\n<figcaption><b>%s</b>", title);
    for (int k = 0; k < 3; k++) {
        if (kinds[k])
            fv_str_printf(out, "<span class=\"key %s\"></span>%s", styles[k], kinds[k]);
    }
    if (shown < n)
        fv_str_printf(out, "<span>the first %lld of %lld</span>", (long long)shown, (long long)n);
    fv_str_printf(out, "</figcaption>\n<svg viewBox=\"0 0 %d %lld\" role=\"img\" aria-label=\"%s\">\n", WIDTH,
                  (long long)shown * ROW + 8, title);
    for (int64_t i = 0; i < shown; i++)
        put_bar(out, &bars[i], i * ROW, (WIDTH - NAMES - SUMS) / (double)most);
    fv_str_append(out, "</svg>\n</figure>\n");
}

/* ---- dots ---- */

/* A logarithmic axis from `low` to `high` pixels at the ends of the picture. */
typedef struct axis {
    double low, high; /* logarithms to base 2, whole */
    double from, to;  /* in the picture */
} axis;

static double place(const axis *a, double value)
{
    return a->from + (log2(value) - a->low) / (a->high - a->low) * (a->to - a->from);
}

static axis axis_over(double low, double high, double from, double to)
{
    axis a = {floor(log2(low) + 1e-9), ceil(log2(high) - 1e-9), from, to};
    if (a.high <= a.low)
        a.high = a.low + 1;
    return a;
}

static void put_number(fv_str *out, const char *name, double value)
{
    fv_str_printf(out, " %s=\"", name);
    fv_put_fixed(out, value, 1);
    fv_str_append(out, "\"");
}

static void put_axes(fv_str *out, const axis *x, const axis *y, const char *x_name, const char *y_name)
{
    for (double e = y->low; e <= y->high; e++) {
        const double at = place(y, exp2(e));
        fv_str_printf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\"", LEFT, WIDTH - RIGHT);
        put_number(out, "y1", at);
        put_number(out, "y2", at);
        fv_str_printf(out, "/><text class=\"end\" x=\"%d\"", LEFT - 8);
        put_number(out, "y", at + 4);
        fv_str_printf(out, ">%.0f</text>", exp2(e));
    }
    for (double e = x->low; e <= x->high; e++) {
        const double at = place(x, exp2(e));
        fv_str_printf(out, "<line class=\"grid\" y1=\"%d\" y2=\"%d\"", TOP, HEIGHT - BOTTOM);
        put_number(out, "x1", at);
        put_number(out, "x2", at);
        fv_str_printf(out, "/><text class=\"middle\" y=\"%d\"", HEIGHT - BOTTOM + 18);
        put_number(out, "x", at);
        fv_str_printf(out, ">%.0f</text>", exp2(e));
    }
    fv_str_printf(out, "<text class=\"middle\" x=\"%d\" y=\"%d\">%s</text><text x=\"4\" y=\"%d\">%s</text>\n",
                  (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_name, TOP - 14, y_name);
}

void fv_put_scatter(fv_str *out, const char *title, const char *x_name, const char *y_name, const fv_dot *dots,
                    int64_t n)
{
    double low[2] = {INFINITY, INFINITY}, high[2] = {0, 0};
    int64_t most = 1;
    for (int64_t i = 0; i < n; i++) {
        const double v[2] = {dots[i].x, dots[i].y};
        for (int k = 0; k < 2; k++) {
            low[k] = fmin(low[k], v[k]);
            high[k] = fmax(high[k], v[k]);
        }
        most = dots[i].count > most ? dots[i].count : most;
    }
    if (n == 0)
        return;
    const axis x = axis_over(low[0], high[0], LEFT, WIDTH - RIGHT);
    const axis y = axis_over(low[1], high[1], HEIGHT - BOTTOM, TOP);
    fv_str_printf(out,
                  "<figure>\n<figcaption><b>%s</b></figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" "
                  "aria-label=\"%s\">\n",
                  title, WIDTH, HEIGHT, title);
    put_axes(out, &x, &y, x_name, y_name);
    for (int64_t i = 0; i < n; i++) {
        fv_str_append(out, "<circle class=\"dot\"");
        put_number(out, "cx", place(&x, dots[i].x));
        put_number(out, "cy", place(&y, dots[i].y));
        put_number(out, "r", 2.5 + 9.5 * sqrt((double)(dots[i].count - 1) / (double)most));
        fv_str_printf(out, "><title>%.0f x %.0f: %lld</title></circle>\n", dots[i].x, dots[i].y,
                      (long long)dots[i].count);
    }
    fv_str_append(out, "</svg>\n</figure>\n");
}
