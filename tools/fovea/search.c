/* SPDX-License-Identifier: Apache-2.0 */
/* fovea search: the images of a data set that are nearest to others, by the cosine between their features. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone.h"
#include "output.h"
#include "sheet.h"
#include "show.h"
#include "watch.h"

typedef struct job {
    settings *c;
    fv_ctx *ctx;
    backbone b;
    fv_dataset *data; /* NULL: rows of a file, whose images are not looked at */
    fv_feature_table *table;
    int stage;      /* of the table */
    bool file_rows; /* the table's numbers are in the order of files: those of a CSV file, which does not say its shapes
                     */
    const char *split;
    float *query, *turned; /* a row */
    sheet *sheet;
    const char **queries; /* those that can be read */
    int n_queries;
    int64_t asked, bad;
    int told; /* how many rows had no image to show */
} job;

/* ---- the rows ---- */

static fv_status choose_stage(job *j)
{
    const char *layer = j->c->layer;
    int count = 0;
    j->stage = -1;
    for (; fv_feature_table_stage(j->table, count); count++)
        if (layer && strcmp(fv_feature_table_stage(j->table, count)->name, layer) == 0)
            j->stage = count;
    if (!layer && count == 1)
        j->stage = 0;
    if (j->stage >= 0)
        return FV_OK;
    char names[1024] = "";
    for (int i = 0; i < count && strlen(names) < 800; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.100s", i ? ", " : "",
                 fv_feature_table_stage(j->table, i)->name);
    return complain(FV_ERR_VALUE, "name one of them with --layer", "%s: %s%s%s it has rows of %s", j->c->index,
                    layer ? "no layer '" : "several layers:", layer ? layer : "", layer ? "';" : "", names);
}

/* The network up to the layer that the file has rows of, pooled as they were. */
static fv_status open_for_file(job *j)
{
    const fv_feature_stage *s = fv_feature_table_stage(j->table, j->stage);
    fv_features_options options = backbone_options(j->c, s->pool);
    const bool plain = s->features.rank == 2 && s->shape.rank == 2;
    options.layers = s->name;
    if (s->pool != FV_POOLING_NONE) {
        if (j->c->feature_pool > 0 || option_given("grid"))
            return complain(FV_ERR_CONFLICT, "leave them out", "--pool, --grid: %s says how its rows were pooled (%s)",
                            j->c->index, fv_pooling_names()[s->pool]);
        memcpy(options.grid, s->features.dim + 1, sizeof options.grid);
    }
    const fv_status status = backbone_open(j->ctx, j->c, &options, &j->b);
    if (status == FV_ERR_VALUE)
        return complain(FV_ERR_CONFLICT, "give the network that the file was made with",
                        "%s: its rows are of '%s', which %s does not have: %s", j->c->index, s->name, j->c->model,
                        fv_ctx_error(j->ctx));
    FV_TRY(status);
    if (plain && fv_features_width(j->b.features) != s->width && j->c->feature_pool == 0) {
        backbone_close(&j->b);
        options.pool = FV_POOLING_AVG;
        FV_TRY(backbone_open(j->ctx, j->c, &options, &j->b));
    }
    const fv_feature_stage *own = fv_features_stage(j->b.features, 0);
    j->file_rows = plain && own->features.rank == 4;
    if (own->width == s->width)
        return FV_OK;
    return complain(FV_ERR_CONFLICT, "give the network, --pool and --grid that the file was made with",
                    "%s: rows of '%s' have %lld numbers, and %s gives %lld of them", j->c->index, s->name,
                    (long long)s->width, j->c->model, (long long)own->width);
}

static fv_status check_model(const job *j)
{
    char digest[65];
    const char *theirs = fv_feature_table_digest(j->table);
    fv_model_sha256(j->b.model, digest);
    if (!*theirs || strcmp(theirs, digest) == 0)
        return FV_OK;
    return complain(FV_ERR_CONFLICT,
                    "give the network that the file was made with, or make the file anew with `fovea features`",
                    "%s: its rows are of another network (or other weights) than %s", j->c->index, j->c->model);
}

/* Queries and what is near them, on one sheet. */
static fv_status check_sheet(const job *j)
{
    const int64_t rows = fv_dataset_count(j->data), near = j->c->topk < rows ? j->c->topk : rows;
    return j->c->sheet ? sheet_check(j->ctx, j->c->sheet, j->n_queries * (near + 1)) : FV_OK;
}

static fv_status take_file(job *j)
{
    FV_TRY(fv_feature_table_read(j->ctx, j->c->index, &j->table));
    FV_TRY(choose_stage(j));
    FV_TRY(open_for_file(j));
    FV_TRY(check_model(j));
    if (!j->c->data)
        return FV_OK;
    FV_TRY(backbone_data(j->ctx, j->c, &j->b, NULL, &j->split, &j->data));
    return check_sheet(j);
}

static fv_status take_data(job *j)
{
    const fv_features_options options = backbone_options(j->c, FV_POOLING_AVG);
    FV_TRY(backbone_open(j->ctx, j->c, &options, &j->b));
    if (fv_features_stage(j->b.features, 1))
        return complain(FV_ERR_VALUE, "name one layer", "--layer %s: several layers, and images are near by one",
                        j->c->layer);
    FV_TRY(backbone_data(j->ctx, j->c, &j->b, NULL, &j->split, &j->data));
    FV_TRY(check_sheet(j));
    return backbone_rows(j->ctx, j->c, &j->b, j->data, NULL, &j->table);
}

/* ---- whose row ---- */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The row that is of the query's own file; -1: there is none. Names are relative to the data, or to where they lie. */
static int64_t own_row(const job *j, const char *query)
{
    char path[2 * PATH_MAX];
    const char *data = j->c->data ? j->c->data : ".", *slash = strrchr(query, '/');
    const char *base = slash ? slash + 1 : query;
    const char *above = strrchr(data, '/');
    for (int64_t i = 0; i < fv_feature_table_count(j->table); i++) {
        const char *name = fv_feature_table_name(j->table, i), *last = strrchr(name, '/');
        struct stat st;
        if (strcmp(last ? last + 1 : name, base) != 0 && !(lstat(query, &st) == 0 && S_ISLNK(st.st_mode)))
            continue;
        snprintf(path, sizeof path, "%s/%s", data, name);
        if (same_file(path, query) || same_file(name, query))
            return i;
        snprintf(path, sizeof path, "%.*s/%s", above ? (int)(above - data) : 1, above ? data : ".", name);
        if (same_file(path, query))
            return i;
    }
    return -1;
}

/* The sample of the data set that a row is of; -1: it is not there any more. */
static int64_t sample_of(const job *j, int64_t row)
{
    char name[4200];
    for (int64_t i = 0; i < fv_dataset_count(j->data); i++) {
        fv_dataset_sample_name(j->data, i, name, sizeof name);
        if (strcmp(name, fv_feature_table_name(j->table, row)) == 0)
            return i;
    }
    return -1;
}

static const char *class_of(const job *j, int64_t row)
{
    return fv_feature_table_class_name(j->table, fv_feature_table_label(j->table, row));
}

/* ---- what is said ---- */

static void print_text(const job *j, const char *query, const fv_match *list, int64_t n)
{
    int rank = 0;
    show_text(stdout, query);
    puts(":");
    for (int64_t i = 0; i < n; i++) {
        const char *class = class_of(j, list[i].row);
        if (list[i].copy_of < 0)
            printf("%4d  %.4f  ", ++rank, list[i].similarity);
        else
            printf("%14s", "same as that: ");
        show_text(stdout, class);
        fputs(*class ? "  " : "", stdout);
        show_text(stdout, fv_feature_table_name(j->table, list[i].row));
        puts(list[i].same && list[i].copy_of < 0 ? "  (the same numbers as the query's)" : "");
    }
}

static void print_csv(const job *j, const char *query, const fv_match *list, int64_t n)
{
    int rank = 0;
    for (int64_t i = 0; i < n; i++) {
        rank += list[i].copy_of < 0;
        show_csv(stdout, query);
        printf(",%d,%.9g,", rank, list[i].similarity);
        show_csv(stdout, class_of(j, list[i].row));
        putchar(',');
        show_csv(stdout, fv_feature_table_name(j->table, list[i].row));
        puts(list[i].copy_of >= 0 ? ",true" : ",false");
    }
}

static void print_json(const job *j, const char *query, const fv_match *list, int64_t n)
{
    json_t *matches = json_array(), *copies = NULL;
    for (int64_t i = 0; i < n; i++) {
        const char *name = fv_feature_table_name(j->table, list[i].row);
        if (list[i].copy_of >= 0) {
            json_array_append_new(copies, show_json(name));
            continue;
        }
        copies = json_array();
        const int32_t label = fv_feature_table_label(j->table, list[i].row);
        json_array_append_new(matches,
                              json_pack("{s:o, s:o, s:f, s:b, s:o}", "file", show_json(name), "class",
                                        label < 0 ? json_null() : show_json(class_of(j, list[i].row)), "similarity",
                                        list[i].similarity, "same", (int)list[i].same, "copies", copies));
    }
    json_t *all = json_pack("{s:o, s:o}", "query", show_json(query), "matches", matches);
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(all);
}

/* A band of the sheet: the query, and behind it what is near; green and red where its class is known. */
static fv_status draw(job *j, const char *query, const fv_image *image, int64_t own, const fv_match *list, int64_t n)
{
    const char *slash = strrchr(query, '/'), *class = own >= 0 ? class_of(j, own) : "";
    char text[300];
    FV_TRY(sheet_band(j->sheet, slash ? slash + 1 : query));
    snprintf(text, sizeof text, *class ? "query\n%.100s" : "query%.100s", class);
    FV_TRY(sheet_add(j->sheet, image, text, SHEET_BLACK));
    for (int64_t i = 0; i < n; i++) {
        fv_image other = {0};
        const int64_t sample = list[i].copy_of < 0 ? sample_of(j, list[i].row) : -1;
        const char *theirs = class_of(j, list[i].row);
        if (list[i].copy_of >= 0)
            continue;
        if (sample < 0 && !j->told++)
            warn("--data %s has no image '%s', which %s has a row of: is it of other data?", j->c->data,
                 fv_feature_table_name(j->table, list[i].row), j->c->index);
        if (sample >= 0 && fv_dataset_image(j->data, sample, &other, NULL) == FV_ERR_NO_MEMORY)
            return FV_ERR_NO_MEMORY;
        snprintf(text, sizeof text, "%.100s%s%.3f%s", theirs, *theirs ? " " : "", list[i].similarity,
                 list[i].same ? " same" : "");
        const fv_status status = sheet_add(j->sheet, other.data ? &other : NULL, text,
                                           !*class                      ? SHEET_BLACK
                                           : strcmp(class, theirs) == 0 ? SHEET_GREEN
                                                                        : SHEET_RED);
        fv_image_free(j->ctx, &other);
        FV_TRY(status);
    }
    return FV_OK;
}

/* ---- one query ---- */

static fv_status tell(job *j, const char *query, const fv_image *image)
{
    static void (*const print[])(const job *, const char *, const fv_match *,
                                 int64_t) = {[OUT_TEXT] = print_text, [OUT_JSON] = print_json, [OUT_CSV] = print_csv};
    const int64_t own = own_row(j, query);
    fv_match *list;
    int64_t n;
    if (j->file_rows) {
        fv_feature_turn(fv_features_stage(j->b.features, 0), true, j->query, j->turned);
        memcpy(j->query, j->turned, (size_t)fv_features_width(j->b.features) * sizeof *j->query);
    }
    FV_TRY(fv_feature_table_nearest(j->table, j->stage, j->query, own, j->c->topk, &list, &n));
    print[j->c->out](j, query, list, n);
    const fv_status status = j->sheet ? draw(j, query, image, own, list, n) : FV_OK;
    fv_matches_free(j->table, list);
    return status;
}

static fv_decode_options decoding(const job *j)
{
    return (fv_decode_options){
        .max_pixels = j->c->max_pixels, .ignore_exif = j->c->ignore_exif, .salvage = j->c->salvage};
}

/* Told of, unless it is none of the image's fault. */
static fv_status pass_over(job *j, fv_status status)
{
    if (status == FV_ERR_NO_MEMORY || status == FV_ERR_OVER_BUDGET)
        return status;
    warn("%s", fv_ctx_error(j->ctx));
    j->bad++;
    return FV_OK;
}

/* Before features of a data set are computed for them: those that can be read are left. */
static fv_status check_queries(job *j)
{
    const settings *c = j->c;
    const fv_decode_options o = decoding(j);
    j->queries = calloc((size_t)c->n_positional + 1, sizeof *j->queries);
    for (int i = -1; j->queries && i < c->n_positional; i++) {
        const char *query = i < 0 ? c->query : c->positional[i];
        fv_image image = {0};
        const fv_status status = query ? fv_image_read(j->ctx, query, &o, &image, NULL) : FV_OK;
        fv_image_free(j->ctx, &image);
        if (status != FV_OK)
            FV_TRY(pass_over(j, status));
        else if (query)
            j->queries[j->n_queries++] = query;
    }
    return j->queries ? FV_OK : FV_ERR_NO_MEMORY;
}

/* One of which no features come is told of; the others are done. */
static fv_status ask(job *j, const char *query)
{
    fv_decode_options o = decoding(j);
    fv_image image = {0};
    o = fv_pipeline_decoding(fv_model_pipeline(j->b.model), &o);
    fv_status status = fv_image_read(j->ctx, query, &o, &image, NULL);
    if (status == FV_OK)
        status = fv_features_run(j->b.features, &image, j->query);
    if (status == FV_OK) {
        status = tell(j, query, &image);
        j->asked++;
    } else {
        status = pass_over(j, status);
    }
    fv_image_free(j->ctx, &image);
    return status;
}

static fv_status run(job *j)
{
    settings *c = j->c;
    FV_TRY(check_queries(j));
    if (j->n_queries == 0)
        return FV_OK;
    FV_TRY(c->index ? take_file(j) : take_data(j));
    watch_end();
    const size_t bytes = (size_t)fv_features_width(j->b.features) * sizeof *j->query;
    j->query = malloc(bytes + 256);
    j->turned = malloc(bytes + 256);
    j->sheet = c->sheet ? sheet_create((int)c->topk + 1) : NULL;
    if (!j->query || !j->turned || (c->sheet && !j->sheet))
        return FV_ERR_NO_MEMORY;
    if (c->out == OUT_CSV)
        puts("query,rank,similarity,class,file,copy");
    for (int i = 0; i < j->n_queries && !watch_asked(); i++)
        FV_TRY(ask(j, j->queries[i]));
    if (j->sheet && j->asked) {
        FV_TRY(sheet_write(j->sheet, j->ctx, c->sheet));
        note("%s: %lld queries with what is near them", c->sheet, (long long)j->asked);
    }
    return FV_OK;
}

fv_status verb_search(settings *c)
{
    job j = {.c = c};
    FV_TRY(output_form(c));
    if (!option_given("model") || (!c->data && !c->index) || (!c->query && c->n_positional == 0))
        return complain(FV_ERR_USAGE, NULL,
                        "fovea search: --model NAME|FILE, --data PATH or --index FILE, and --query IMAGE are needed");
    if (c->sheet && !c->data)
        return complain(FV_ERR_USAGE, "add --data", "--sheet %s: it shows images of the data set, which --data names",
                        c->sheet);
    FV_TRY(output_check(c, c->data, "sheet", c->sheet, OUTPUT_SHEET));
    fv_status status = context_open(c, &j.ctx);
    if (status != FV_OK)
        return status;
    watch_begin(c, j.ctx);
    status = report(j.ctx, run(&j));
    watch_end();
    if (status == FV_OK && j.bad) {
        warn("%lld of %lld queries could not be read%s", (long long)j.bad, (long long)(j.bad + j.asked),
             j.asked ? "; the others are done" : "");
        status = FV_ERR_DATA;
    }
    sheet_destroy(j.sheet);
    free(j.queries);
    free(j.query);
    free(j.turned);
    fv_feature_table_destroy(&j.table);
    fv_dataset_destroy(&j.data);
    backbone_close(&j.b);
    fv_ctx_destroy(&j.ctx);
    return status;
}
