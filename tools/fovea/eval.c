/* SPDX-License-Identifier: Apache-2.0 */
/* fovea eval: score a model on a split. */
#include <math.h>

#include "cli.h"

static fv_status evaluate(fv_ctx *ctx, cli *c, fv_model **model, fv_dataset **data, fv_metrics *m)
{
    bool has = false;
    FV_TRY(model_open_trained(ctx, c, model));
    if (!c->split) {
        FV_TRY(fv_dataset_has_split(ctx, c->data, "val", &has));
        c->split = has || c->val_split > 0 ? "val" : "test";
    }
    FV_TRY(data_open(ctx, c, c->split, *model, data));
    return fv_evaluate(*model, *data, c->batch_auto ? 0 : c->batch_size, (int)c->workers, m);
}

static void print_metrics(const cli *c, const fv_metrics *m)
{
    char loss[32];
    snprintf(loss, sizeof loss, isfinite(m->loss) ? "%.10g" : "null", m->loss);
    if (c->json)
        printf("{\"samples\":%lld,\"top1\":%.10g,\"top5\":%.10g,\"loss\":%s,\"img_per_s\":%.1f}\n",
               (long long)m->samples, m->top1, m->top5, loss, m->img_per_s);
    else
        printf("%s on %s (%s): %lld samples  top1 %.2f %%  top5 %.2f %%  loss %.4f  (%.0f img/s)\n", c->model, c->data,
               c->split, (long long)m->samples, 100 * m->top1, 100 * m->top5, m->loss, m->img_per_s);
}

int verb_eval(cli *c)
{
    fv_ctx *ctx;
    fv_model *model = NULL;
    fv_dataset *data = NULL;
    fv_metrics m = {0};
    char text[64];
    if (!c->data || !option_given("model"))
        return complain(FV_ERR_USAGE, NULL, "fovea eval: --data PATH and --model FILE are needed");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return fv_status_exit_code(status);
    status = evaluate(ctx, c, &model, &data, &m);
    int code = status_code(ctx, status);
    if (code == 0)
        print_metrics(c, &m);
    if (m.quarantined)
        warn("%s could not be read; the score is without them", count_of(m.quarantined, "file", "files", text));
    fv_dataset_destroy(&data);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return code;
}
