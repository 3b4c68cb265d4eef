/* SPDX-License-Identifier: Apache-2.0 */
#include "eval_files.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "sheet.h"
#include "show.h"

fv_status eval_files_check(const settings *c, curve_files *files)
{
    if (c->curves)
        FV_TRY(curve_files_check(c, "curves", c->curves, files));
    return output_check(c, c->data, "sheet", c->sheet, OUTPUT_SHEET);
}

fv_status eval_files_begin(const settings *c, const fv_model *model)
{
    if (c->curves && fv_model_task(model) == FV_TASK_REGRESS)
        return complain(FV_ERR_CONFLICT, "leave --curves out", "--curves shows classes, %s predicts numbers", c->model);
    return FV_OK;
}

/* ---- curves ---- */

static fv_status put_class(FILE *out, const fv_evaluation *e, const fv_model *model, int64_t k)
{
    fv_curve_point *p;
    int64_t n;
    FV_TRY(fv_evaluation_curve(e, k, &p, &n));
    for (int64_t i = 1; i < n; i++) {
        show_csv(out, fv_model_class_name(model, k));
        fprintf(out, ",%.9g,%.10g,%.10g,%.10g\n", p[i].threshold, p[i].recall, p[i].false_rate, p[i].precision);
    }
    fv_curve_free(e, &p);
    return FV_OK;
}

static fv_status write_curves(fv_ctx *ctx, const curve_files *files, const fv_model *model, const fv_evaluation *e)
{
    char *text = NULL, *svg = NULL;
    size_t size = 0;
    if (!fv_evaluation_has_curves(e))
        return complain(FV_ERR_OVER_BUDGET, "score fewer samples", "--curves: the answers do not fit into 64 MiB");
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return FV_ERR_NO_MEMORY;
    fputs("class,threshold,recall,false_rate,precision\n", out);
    fv_status status = FV_OK;
    for (int64_t k = 0; status == FV_OK && k < fv_evaluation_classes(e); k++)
        status = put_class(out, e, model, k);
    if (fclose(out) != 0 && status == FV_OK)
        status = FV_ERR_NO_MEMORY;
    if (status == FV_OK)
        status = fv_evaluation_draw_curves(ctx, e, model, &svg);
    if (status == FV_OK)
        status = output_write(files->csv, text, size);
    if (status == FV_OK)
        status = output_write(files->svg, svg, strlen(svg));
    if (status == FV_OK)
        note("%s, %s: thresholds of each class", files->csv, files->svg);
    fv_text_free(ctx, svg);
    free(text);
    return status;
}

/* ---- the worst samples ---- */

static fv_status add_sample(fv_ctx *ctx, sheet *s, const fv_model *model, fv_dataset *data, const fv_judged_sample *j)
{
    fv_image image = {0};
    char text[128];
    fv_status status = fv_dataset_image(data, j->sample, &image, NULL);
    const fv_image *shown = status == FV_OK ? &image : NULL; /* gone since it was scored: crossed out */
    if (status == FV_ERR_NO_MEMORY)
        return status;
    if (fv_model_task(model) == FV_TASK_CLASSIFY) {
        status = sheet_add_prediction(s, shown, fv_model_class_name(model, j->said), (double)j->confidence,
                                      fv_model_class_name(model, j->truth));
    } else {
        snprintf(text, sizeof text, "loss %.4g", (double)j->loss);
        status = sheet_add(s, shown, text, j->right ? SHEET_GREEN : SHEET_BLACK);
    }
    fv_image_free(ctx, &image);
    return status;
}

static fv_status write_sheet(fv_ctx *ctx, const settings *c, const fv_model *model, fv_dataset *data,
                             const fv_evaluation *e)
{
    const int64_t all = fv_evaluation_count(e), n = c->top_losses < all ? c->top_losses : all;
    FV_TRY(sheet_check(ctx, c->sheet, n));
    sheet *s = sheet_create(0);
    fv_status status = s ? FV_OK : FV_ERR_NO_MEMORY;
    for (int64_t i = 0; status == FV_OK && i < n; i++)
        status = add_sample(ctx, s, model, data, fv_evaluation_worst(e, i));
    if (status == FV_OK && n > 0)
        status = sheet_write(s, ctx, c->sheet);
    if (status == FV_OK && n > 0)
        note("%s: the %lld samples with the largest loss", c->sheet, (long long)n);
    sheet_destroy(s);
    return status;
}

fv_status eval_files_write(fv_ctx *ctx, const settings *c, const curve_files *files, const fv_model *model,
                           fv_dataset *data, const fv_evaluation *e)
{
    if (c->curves)
        FV_TRY(write_curves(ctx, files, model, e));
    return c->sheet ? write_sheet(ctx, c, model, data, e) : FV_OK;
}
