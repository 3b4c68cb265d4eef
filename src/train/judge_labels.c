/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the data's labels, the loss and --balance fit each other. */
#include "data/dataset.h"
#include "train/judge.h"

/* What makes samples or classes count more is done by classes, and in the loss by scaling its target, which only a loss
 * of class labels follows. */
static fv_status check_balance(const fv_model *m, const fv_dataset *data, const fv_fit_options *o, const fv_op *loss,
                               const char **warning)
{
    const fv_balance how = (fv_balance)o->balance;
    const fv_task kind = fv_dataset_task(data);
    const bool scales = (loss->traits & FV_T_CLASS_LABELS) != 0;
    if (how != FV_BALANCE_NONE && kind != FV_TASK_CLASSIFY)
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_CONFLICT, "--balance is for one class per sample, the data have %s",
                                    kind == FV_TASK_MULTILABEL ? "several classes each" : "numbers"),
                            "leave --balance out");
    if (!scales && kind == FV_TASK_CLASSIFY && (how == FV_BALANCE_WEIGHTS || data->weights))
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_CONFLICT, "--loss %s cannot weigh samples, as %s", loss->name,
                                    data->weights ? "the data ask for" : "--balance weights does"),
                            "%s",
                            data->weights ? "leave --loss or the data's weights out"
                                          : "leave --loss out, or use --balance oversample");
    if (data->weights && kind != FV_TASK_CLASSIFY)
        *warning = "the data's weights are not used: only samples of one class each can be weighed";
    return FV_OK;
}

fv_status fv_judge_labels(const fv_model *m, const fv_dataset *data, fv_fit_options *o, int64_t *targets,
                          const char **warning)
{
    static const char *const kinds[] = {[FV_TASK_CLASSIFY] = "one class each",
                                        [FV_TASK_MULTILABEL] = "several classes each",
                                        [FV_TASK_REGRESS] = "numbers"};
    const fv_op *loss = NULL;
    const fv_task kind = fv_dataset_task(data);
    *warning = NULL;
    FV_TRY(fv_settings_loss(m->ctx, o, &loss));
    o->loss = loss->name;
    const bool labels = (loss->traits & FV_T_CLASS_LABELS) != 0;
    if (labels && kind != FV_TASK_CLASSIFY)
        return fv_fail_hint(m->ctx,
                            fv_fail(m->ctx, FV_ERR_CONFLICT, "--loss %s is for one class per sample, the data have %s",
                                    loss->name, kinds[kind]),
                            "choose another --loss: for several classes one on sigmoids, for numbers a squared or "
                            "absolute error");
    *targets = labels ? 0 : m->n_classes;
    return check_balance(m, data, o, loss, warning);
}
