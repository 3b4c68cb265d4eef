/* SPDX-License-Identifier: Apache-2.0 */
/* fovea eval: score a model on a split. */
#include <jansson.h>

#include "cli.h"

static fv_status evaluate(fv_ctx *ctx, cli *c, fv_model **model, fv_dataset **data, fv_metrics *m)
{
    bool loaded, has = false;
    FV_TRY(model_open(ctx, c, c->model, NULL, model, &loaded));
    if (!loaded)
        return FV_ERR_MODEL;
    if (!c->split) {
        FV_TRY(fv_dataset_has_split(ctx, c->data, "val", &has));
        c->split = has || c->val_split > 0 ? "val" : "test";
    }
    FV_TRY(data_open(ctx, c, c->split, *model, data));
    return fv_evaluate(*model, *data, c->batch_auto ? 0 : c->batch_size, (int)c->workers, m);
}

int verb_eval(cli *c)
{
    fv_ctx *ctx;
    fv_model *model = NULL;
    fv_dataset *data = NULL;
    fv_metrics m;
    if (!c->data || !option_given("model"))
        return complain(FV_ERR_USAGE, NULL, "fovea eval: --data PATH and --model FILE are needed");
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return fv_status_exit_code(status);
    status = evaluate(ctx, c, &model, &data, &m);
    int code = fv_status_exit_code(status);
    if (status == FV_ERR_MODEL && !fv_ctx_error(ctx)[0])
        complain(status, "train it first, or give a .safetensors file", "%s is an architecture without weights",
                 c->model);
    else if (status != FV_OK)
        report(ctx, status);
    else if (c->json)
        printf("{\"samples\":%lld,\"top1\":%.10g,\"top5\":%.10g,\"loss\":%.10g,\"img_per_s\":%.1f}\n",
               (long long)m.samples, m.top1, m.top5, m.loss, m.img_per_s);
    else
        printf("%s on %s (%s): %lld samples  top1 %.2f %%  top5 %.2f %%  loss %.4f  (%.0f img/s)\n", c->model, c->data,
               c->split, (long long)m.samples, 100 * m.top1, 100 * m.top5, m.loss, m.img_per_s);
    if (status == FV_OK && m.quarantined)
        warn("%lld files could not be read and were left out", (long long)m.quarantined);
    fv_dataset_destroy(&data);
    fv_model_destroy(&model);
    fv_ctx_destroy(&ctx);
    return code;
}
