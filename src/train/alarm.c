/* SPDX-License-Identifier: Apache-2.0 */
#include "train/alarm.h"

#include <math.h>

#include "base/text.h"

void fv_alarm_scale(fv_alarm *a, const char *line)
{
    a->cause = "the pixels are on another scale than is expected, as the start of the run says";
    a->tell(a->user, line);
}

static bool is_zero(const float *row, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (row[i] != 0)
            return false;
    return true;
}

/* Units of a parameter without a gradient: rows of filters or of a matrix; -1: it has none at all. */
static int64_t idle_units(fv_trainer *t, const char *name, int64_t *units)
{
    fv_shape shape;
    int64_t idle = 0;
    const float *gradient = fv_trainer_gradient_of(t, name, &shape);
    if (!gradient || shape.rank < 2)
        return -1;
    *units = shape.dim[0];
    const int64_t width = fv_shape_count(&shape) / *units;
    for (int64_t k = 0; k < *units; k++)
        idle += is_zero(gradient + k * width, width);
    return idle;
}

/* Not of the last layer, whose rows are without a gradient where the network is sure, nor of layers of few units, as
 * squeezes have. */
void fv_alarm_units(fv_alarm *a, fv_trainer *t, const fv_fit_event *e)
{
    enum { FEW = 8 };
    static const double most = 0.9, learned = 0.05; /* a loss so low has no gradient to speak of */
    if (a->dead || !(e->train_loss > learned))
        return;
    for (int i = 0; i < t->n_params; i++) {
        int64_t units = 0;
        const fv_slot *slot = fv_model_slot(t->model, t->params[i].name);
        if (!slot || slot->head)
            continue;
        const int64_t idle = idle_units(t, t->params[i].name, &units);
        if (units < FEW || !((double)idle > most * (double)units))
            continue;
        a->dead = true;
        a->cause = a->cause ? a->cause : "units learn nothing, as was said";
        fv_text_tell(
            a->tell, a->user,
            "%.0f %% of the %lld units of '%s' learn nothing: for every image of the last batch they are 0, or what is "
            "behind them is; a learning rate that was too high leaves them so: try --lr %.2g in another run; `fovea "
            "sanity` with this run's options tells whether they began so",
            100 * (double)idle / (double)units, (long long)units, t->params[i].name, t->options.lr / 10);
        return;
    }
}

void fv_alarm_losses(fv_alarm *a, const fv_fit_event *e)
{
    enum { EPOCHS = 5 };
    static const double rise = 1.1, fall = 0.9;
    if (!isfinite(e->val_loss) || !isfinite(e->train_loss))
        return;
    if (a->epoch == 0 || e->val_loss < a->lowest) {
        a->lowest = e->val_loss;
        a->train = e->train_loss;
        a->epoch = e->epoch;
    }
    if (a->parted || e->epoch < a->epoch + EPOCHS || e->val_loss < rise * a->lowest || e->train_loss > fall * a->train)
        return;
    a->parted = true;
    fv_text_tell(
        a->tell, a->user,
        "since epoch %lld the loss of validation rose from %.3g to %.3g while that of training fell from %.3g to %.3g: "
        "the network learns its images by heart; --patience %d --restore-best ends such a run with its best weights, "
        "--augment, --drop or a higher --wd make it learn longer",
        (long long)a->epoch, a->lowest, e->val_loss, a->train, e->train_loss, EPOCHS);
}
