/* SPDX-License-Identifier: Apache-2.0 */
#include "sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "font.h"

enum {
    THUMB = 192,
    GAP = 16,
    CELL = THUMB + GAP,
    DOT = 2,
    LETTER = DOT * (FONT_WIDTH + 1),
    LINE = DOT * FONT_HEIGHT + 2,
    LINE_CHARS = THUMB / LETTER,
    LINES = 12,
    HEADING = 34,
    MAX_CELLS = 10000
};

typedef struct cell {
    uint8_t *pixels; /* THUMB x THUMB x 3 */
    char line[LINES][LINE_CHARS + 1];
    int lines;
    bool cut; /* there was more text */
    sheet_color color;
    int band;
} cell;

struct sheet {
    cell *cells;
    int count, capacity, columns;
    char **heading; /* of the bands; NULL: none */
    int bands;
};

sheet *sheet_create(int columns)
{
    sheet *s = calloc(1, sizeof *s);
    if (s)
        s->columns = columns;
    return s;
}

fv_status sheet_check(fv_ctx *ctx, const char *path, int64_t pictures)
{
    /* The pictures, and the page with two lines below each. */
    const double each = 3.0 * THUMB * THUMB + 3.0 * CELL * (CELL + 2 * LINE), need = each * (double)pictures;
    int64_t now;
    const int64_t limit = fv_ctx_memory_limit(ctx);
    if (pictures > MAX_CELLS)
        return complain(FV_ERR_VALUE, "show fewer", "--sheet %s: %lld pictures, and there is room for %d", path,
                        (long long)pictures, MAX_CELLS);
    fv_ctx_memory(ctx, &now, NULL);
    if (need + (double)now <= (double)limit)
        return FV_OK;
    return complain(FV_ERR_OVER_BUDGET, "show fewer, or raise --memory",
                    "--sheet %s: %lld pictures need %.1f MiB, %.1f MiB are in use, and the limit is %.1f MiB", path,
                    (long long)pictures, need / 1048576, (double)now / 1048576, (double)limit / 1048576);
}

void sheet_destroy(sheet *s)
{
    for (int i = 0; s && i < s->count; i++)
        free(s->cells[i].pixels);
    for (int i = 0; s && i < s->bands; i++)
        free(s->heading[i]);
    if (s) {
        free(s->cells);
        free(s->heading);
    }
    free(s);
}

fv_status sheet_band(sheet *s, const char *heading)
{
    char **grown = realloc(s->heading, (size_t)(s->bands + 1) * sizeof *grown);
    char *copy = heading ? strdup(heading) : NULL;
    if (grown)
        s->heading = grown;
    if (!grown || (heading && !copy)) {
        free(copy);
        return FV_ERR_NO_MEMORY;
    }
    s->heading[s->bands++] = copy;
    return FV_OK;
}

/* ---- pictures ---- */

/* The image in a square, whole, centered: averaged over the covered pixels when it shrinks, repeated when it grows. */
static void draw_thumbnail(uint8_t *pixels, const fv_image *image)
{
    const int64_t side = image->h > image->w ? image->h : image->w;
    const int64_t top = (side - image->h) / 2, left = (side - image->w) / 2;
    for (int y = 0; y < THUMB; y++) {
        const int64_t y0 = (int64_t)y * side / THUMB - top, y1 = (int64_t)(y + 1) * side / THUMB - top;
        for (int x = 0; x < THUMB; x++) {
            const int64_t x0 = (int64_t)x * side / THUMB - left, x1 = (int64_t)(x + 1) * side / THUMB - left;
            int64_t sum[3] = {0}, n = 0;
            for (int64_t v = y0; v < (y1 > y0 ? y1 : y0 + 1); v++)
                for (int64_t u = x0; u < (x1 > x0 ? x1 : x0 + 1); u++) {
                    if (v < 0 || u < 0 || v >= image->h || u >= image->w)
                        continue;
                    for (int k = 0; k < 3; k++)
                        sum[k] += fv_image_level(image, v * image->w + u, k);
                    n++;
                }
            for (int k = 0; k < 3; k++)
                pixels[(y * THUMB + x) * 3 + k] = n ? (uint8_t)((sum[k] + n / 2) / n) : 238;
        }
    }
}

/* What stands for a picture that there is not. */
static void draw_cross(uint8_t *pixels)
{
    memset(pixels, 238, (size_t)THUMB * THUMB * 3);
    for (int i = 20; i < THUMB - 20; i++)
        for (int t = -2; t <= 2; t++) {
            memset(pixels + (i * THUMB + i + t) * 3, 190, 3);
            memset(pixels + (i * THUMB + THUMB - 1 - i + t) * 3, 190, 3);
        }
}

/* ---- text ---- */

/* The next character of the font at *text, which moves on: one box for a letter that the font lacks. */
static char next_char(const char **text)
{
    const char c = *(*text)++;
    while (((unsigned char)**text & 0xC0) == 0x80)
        (*text)++;
    return c;
}

static int length_of(const char *text, const char *end)
{
    int n = 0;
    while (text < end) {
        next_char(&text);
        n++;
    }
    return n;
}

static void put_word(cell *c, const char *word, const char *end, int *used)
{
    if (*used > 0 && *used + 1 + length_of(word, end) > LINE_CHARS) {
        c->lines++;
        *used = 0;
    }
    if (*used > 0 && c->lines < LINES)
        c->line[c->lines][(*used)++] = ' ';
    while (word < end) {
        if (c->lines == LINES) {
            c->cut = true;
            return;
        }
        if (*used == LINE_CHARS) { /* a long word goes on in the next line */
            c->lines++;
            *used = 0;
            continue;
        }
        c->line[c->lines][(*used)++] = next_char(&word);
    }
}

static void set_text(cell *c, const char *text)
{
    int used = 0;
    while (*text && c->lines < LINES) {
        const char *end = text + strcspn(text, " \n");
        put_word(c, text, end, &used);
        if (*end == '\n') {
            c->lines++;
            used = 0;
        }
        text = end + (*end != '\0');
    }
    c->lines += used > 0;
    if (c->lines > LINES)
        c->lines = LINES;
    if (c->cut || *text)
        memcpy(c->line[LINES - 1] + LINE_CHARS - 3, "...", 4);
}

fv_status sheet_add(sheet *s, const fv_image *image, const char *text, sheet_color color)
{
    if (s->count == MAX_CELLS)
        return FV_OK;
    if (s->bands == 0 && sheet_band(s, NULL) != FV_OK)
        return FV_ERR_NO_MEMORY;
    if (s->count == s->capacity) {
        int capacity = s->capacity ? 2 * s->capacity : 32;
        cell *cells = realloc(s->cells, (size_t)capacity * sizeof *cells);
        if (!cells)
            return FV_ERR_NO_MEMORY;
        s->cells = cells;
        s->capacity = capacity;
    }
    cell *c = &s->cells[s->count];
    *c = (cell){.color = color, .band = s->bands - 1, .pixels = malloc((size_t)THUMB * THUMB * 3)};
    if (!c->pixels)
        return FV_ERR_NO_MEMORY;
    s->count++;
    if (image)
        draw_thumbnail(c->pixels, image);
    else
        draw_cross(c->pixels);
    set_text(c, text);
    return FV_OK;
}

fv_status sheet_add_prediction(sheet *s, const fv_image *image, const char *class, double probability,
                               const char *truth)
{
    char text[128];
    const bool right = truth && strcmp(truth, class) == 0;
    snprintf(text, sizeof text, truth && !right ? "%.13s\n%.0f%% not %.5s" : "%.13s\n%.0f%%%.0s", class,
             100 * probability, truth ? truth : "");
    return sheet_add(s, image, text, !truth ? SHEET_BLACK : right ? SHEET_GREEN : SHEET_RED);
}

int sheet_count(const sheet *s)
{
    return s->count;
}

/* ---- the page ---- */

static void draw_text(fv_image *page, int64_t x, int64_t y, const char *text, const uint8_t color[3])
{
    while (*text && x + LETTER <= page->w) {
        const uint8_t *glyph = font_glyph(next_char(&text));
        for (int row = 0; row < DOT * FONT_HEIGHT; row++)
            for (int column = 0; column < DOT * FONT_WIDTH; column++)
                if (glyph[row / DOT] >> (FONT_WIDTH - 1 - column / DOT) & 1)
                    memcpy(page->data + ((y + row) * page->w + x + column) * 3, color, 3);
        x += LETTER;
    }
}

static void draw_cell(fv_image *page, int64_t x, int64_t y, const cell *c)
{
    static const uint8_t colors[][3] = {{30, 30, 30}, {20, 120, 50}, {190, 30, 30}};
    for (int row = 0; row < THUMB; row++)
        memcpy(page->data + ((y + row) * page->w + x) * 3, c->pixels + row * THUMB * 3, (size_t)THUMB * 3);
    for (int line = 0; line < c->lines; line++)
        draw_text(page, x, y + THUMB + 4 + line * LINE, c->line[line], colors[c->color]);
}

/* Puts the cells in rows; page NULL: only measures. Returns the height. */
static int64_t lay_out(const sheet *s, int columns, fv_image *page)
{
    static const uint8_t grey[3] = {90, 90, 90};
    int64_t y = GAP;
    for (int i = 0, band = -1; i < s->count;) {
        int n = 0, lines = 0;
        if (s->cells[i].band != band) {
            band = s->cells[i].band;
            if (page && s->heading[band])
                draw_text(page, GAP, y + 12, s->heading[band], grey);
            y += s->heading[band] ? HEADING : 0;
        }
        for (; n < columns && i + n < s->count && s->cells[i + n].band == band; n++)
            lines = s->cells[i + n].lines > lines ? s->cells[i + n].lines : lines;
        for (int k = 0; page && k < n; k++)
            draw_cell(page, GAP + (int64_t)k * CELL, y, &s->cells[i + k]);
        i += n;
        y += THUMB + GAP + lines * LINE;
    }
    return y;
}

fv_status sheet_write(const sheet *s, fv_ctx *ctx, const char *path)
{
    int widest = 1, columns = s->columns > 0 ? s->columns : (int)ceil(sqrt((double)s->count));
    for (int i = 0, n = 0; i < s->count; i++) {
        n = i > 0 && s->cells[i].band == s->cells[i - 1].band ? n + 1 : 1;
        widest = n > widest ? n : widest;
    }
    columns = columns < 1 ? 1 : columns > widest ? widest : columns;
    fv_image page = {.h = lay_out(s, columns, NULL), .w = (int64_t)columns * CELL + GAP, .c = 3};
    page.data = malloc((size_t)(page.h * page.w * 3));
    if (!page.data)
        return FV_ERR_NO_MEMORY;
    memset(page.data, 250, (size_t)(page.h * page.w * 3));
    lay_out(s, columns, &page);
    fv_status status = fv_image_write_png(ctx, path, &page);
    free(page.data);
    return status;
}

bool sheet_is(const uint8_t *head, size_t size)
{
    if (size < 29 || memcmp(head, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) != 0)
        return false;
    const uint32_t w = (uint32_t)head[16] << 24 | (uint32_t)head[17] << 16 | (uint32_t)head[18] << 8 | head[19];
    return w > GAP && (w - GAP) % CELL == 0 && head[24] == 8 && head[25] == 2;
}
