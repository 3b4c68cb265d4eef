/* SPDX-License-Identifier: Apache-2.0 */
#include "sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "font.h"

enum { CELL = 168, THUMB = 160, TEXT_HEIGHT = 42, GAP = 8, DOT = 2, MAX_CELLS = 10000 };

typedef struct cell {
    uint8_t pixels[THUMB * THUMB * 3];
    char lines[2][24];
    uint8_t color[3];
} cell;

struct sheet {
    cell *cells;
    int count, capacity;
};

sheet *sheet_create(void)
{
    return calloc(1, sizeof(sheet));
}

void sheet_destroy(sheet *s)
{
    if (s)
        free(s->cells);
    free(s);
}

/* The image in a square, whole, centered: averaged over the covered pixels when it shrinks, repeated when it grows. */
static void draw_thumbnail(cell *c, const fv_image *image)
{
    int64_t side = image->h > image->w ? image->h : image->w;
    for (int y = 0; y < THUMB; y++) {
        for (int x = 0; x < THUMB; x++) {
            int64_t y0 = (int64_t)y * side / THUMB - (side - image->h) / 2,
                    y1 = (int64_t)(y + 1) * side / THUMB - (side - image->h) / 2;
            int64_t x0 = (int64_t)x * side / THUMB - (side - image->w) / 2,
                    x1 = (int64_t)(x + 1) * side / THUMB - (side - image->w) / 2;
            int64_t sum[3] = {0}, n = 0;
            for (int64_t v = y0; v < (y1 > y0 ? y1 : y0 + 1); v++)
                for (int64_t u = x0; u < (x1 > x0 ? x1 : x0 + 1); u++) {
                    if (v < 0 || u < 0 || v >= image->h || u >= image->w)
                        continue;
                    const uint8_t *p = image->data + (v * image->w + u) * image->c;
                    for (int k = 0; k < 3; k++)
                        sum[k] += p[image->c >= 3 ? k : 0];
                    n++;
                }
            for (int k = 0; k < 3; k++)
                c->pixels[(y * THUMB + x) * 3 + k] = n ? (uint8_t)((sum[k] + n / 2) / n) : 238;
        }
    }
}

fv_status sheet_add(sheet *s, const fv_image *image, const char *class, double probability, const char *truth)
{
    static const uint8_t black[3] = {30, 30, 30}, green[3] = {20, 120, 50}, red[3] = {190, 30, 30};
    if (s->count == MAX_CELLS)
        return FV_OK;
    if (s->count == s->capacity) {
        int capacity = s->capacity ? 2 * s->capacity : 32;
        cell *cells = realloc(s->cells, (size_t)capacity * sizeof *cells);
        if (!cells)
            return FV_ERR_NO_MEMORY;
        s->cells = cells;
        s->capacity = capacity;
    }
    cell *c = &s->cells[s->count++];
    bool right = truth && strcmp(truth, class) == 0;
    draw_thumbnail(c, image);
    snprintf(c->lines[0], sizeof c->lines[0], "%.13s", class);
    snprintf(c->lines[1], sizeof c->lines[1], truth && !right ? "%.0f%% not %.5s" : "%.0f%%%.0s", 100 * probability,
             truth ? truth : "");
    memcpy(c->color, !truth ? black : right ? green : red, 3);
    return FV_OK;
}

static void draw_text(uint8_t *page, int64_t width, int64_t x, int64_t y, const char *text, const uint8_t color[3])
{
    for (; *text; text++, x += DOT * (FONT_WIDTH + 1)) {
        const uint8_t *glyph = font_glyph(*text);
        for (int row = 0; row < DOT * FONT_HEIGHT; row++)
            for (int column = 0; column < DOT * FONT_WIDTH; column++)
                if (glyph[row / DOT] >> (FONT_WIDTH - 1 - column / DOT) & 1)
                    memcpy(page + ((y + row) * width + x + column) * 3, color, 3);
    }
}

fv_status sheet_write(const sheet *s, fv_ctx *ctx, const char *path)
{
    int64_t columns = (int64_t)ceil(sqrt((double)s->count)), rows = (s->count + columns - 1) / columns;
    fv_image page = {.h = rows * (CELL + TEXT_HEIGHT) + GAP, .w = columns * CELL + GAP, .c = 3};
    page.data = malloc((size_t)(page.h * page.w * 3));
    if (!page.data)
        return FV_ERR_NO_MEMORY;
    memset(page.data, 250, (size_t)(page.h * page.w * 3));
    for (int i = 0; i < s->count; i++) {
        const cell *c = &s->cells[i];
        int64_t x = GAP + i % columns * CELL, y = GAP + i / columns * (CELL + TEXT_HEIGHT);
        for (int row = 0; row < THUMB; row++)
            memcpy(page.data + ((y + row) * page.w + x) * 3, c->pixels + row * THUMB * 3, THUMB * 3);
        for (int line = 0; line < 2; line++)
            draw_text(page.data, page.w, x, y + THUMB + 4 + line * 19, c->lines[line], c->color);
    }
    fv_status status = fv_image_write_png(ctx, path, &page);
    free(page.data);
    return status;
}
