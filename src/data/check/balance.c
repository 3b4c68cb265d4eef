/* SPDX-License-Identifier: Apache-2.0 */
/* How many samples the classes have: too few, too uneven, too few for a split or a batch. */
#include "data/check/check.h"

enum { FEW = 5, UNEVEN = 10, VERY_UNEVEN = 100 };

/* One finding for all classes with fewer than `limit` usable images, naming the first of them. */
static fv_status tell_below(fv_check_report *r, const fv_check_split *s, int64_t limit, fv_verdict verdict,
                            const char *why)
{
    enum { NAMED = 8 };
    const fv_check_counts of = fv_check_split_counts(r, s);
    fv_str names = {.ctx = r->ctx};
    int64_t n = 0;
    for (int64_t k = 0; k < of.classes->count; k++) {
        if (of.images[k] >= limit || (of.images[k] == 0 && !s->source && !s->marked))
            continue; /* an empty folder is told as such, and unusable files as what they are */
        if (n++ < NAMED)
            fv_str_printf(&names, "%s'%s' (%lld)", n > 1 ? ", " : "", of.classes->name[k], (long long)of.images[k]);
    }
    fv_status status = fv_str_status(&names);
    if (status == FV_OK && n > 0)
        status =
            fv_check_add(r, FV_FAULT_IMBALANCE, verdict, s->where, -1, -1,
                         "%lld of %lld classes have fewer than %lld usable images: %s%s%s", (long long)n,
                         (long long)of.classes->count, (long long)limit, names.data, n > NAMED ? ", ..." : "", why);
    fv_str_free(&names);
    return status;
}

static fv_status tell_few(fv_check_report *r, const fv_check_split *s)
{
    if (r->options.data.val_split > 0 && !r->splits[FV_SPLIT_VAL].present && !s->marked)
        FV_TRY(tell_below(r, s, 2, FV_VERDICT_REJECT,
                          "; a stratified split needs 2 of each (add images, or give a val split of your own)"));
    return tell_below(r, s, FEW, FV_VERDICT_WARN, "");
}

static fv_status tell_uneven(fv_check_report *r, const fv_check_split *s)
{
    const fv_check_counts of = fv_check_split_counts(r, s);
    int64_t least = -1, most = 0;
    for (int64_t k = 0; k < of.classes->count; k++) {
        least = of.images[k] > 0 && (least < 0 || of.images[k] < of.images[least]) ? k : least;
        most = of.images[k] > of.images[most] ? k : most;
    }
    if (least < 0 || of.images[most] < UNEVEN * of.images[least])
        return FV_OK;
    const double ratio = (double)of.images[most] / (double)of.images[least];
    return fv_check_add(r, FV_FAULT_IMBALANCE, FV_VERDICT_WARN, s->where, -1, -1,
                        "uneven classes, %.0f : 1: '%s' has %lld usable images, '%s' %lld%s", ratio,
                        of.classes->name[most], (long long)of.images[most], of.classes->name[least],
                        (long long)of.images[least],
                        s->marked              ? ""
                        : ratio >= VERY_UNEVEN ? "; try --balance oversample"
                                               : "; try --balance weights");
}

static fv_status tell_one_class(fv_check_report *r, const fv_check_split *s)
{
    int64_t used = 0;
    if (s->marked)
        return FV_OK; /* boxes and masks tell it from the rest of the picture */
    for (int64_t k = 0; k < s->classes.count; k++)
        used += s->per_class[k] > 0;
    if (s->classes.count == 1)
        return fv_check_add(r, FV_FAULT_ONE_CLASS, FV_VERDICT_WARN, s->where, -1, -1,
                            "a single class: there is nothing to tell apart");
    if (used == 1)
        return fv_check_add(r, FV_FAULT_ONE_CLASS, FV_VERDICT_WARN, s->where, -1, -1, "all labels are the same");
    return FV_OK;
}

static fv_status tell_weights(fv_check_report *r, const fv_check_split *s)
{
    const fv_source *source = s->source;
    bool all = s->present && source && source->weights && source->count > 0;
    for (int64_t i = 0; all && i < source->count; i++)
        all = !(source->weights[i] > 0.0f);
    if (!all)
        return FV_OK;
    return fv_check_add(r, FV_FAULT_MANIFEST, FV_VERDICT_REJECT, r->file ? r->file : s->where, -1, -1,
                        "the weights of all %lld training samples are 0, so that nothing would be learned: give those "
                        "that count a weight above 0, or leave the weights out",
                        (long long)source->count);
}

/* A class with images of which none can be used is as good as empty. */
static fv_status tell_useless(fv_check_report *r, fv_split split)
{
    const fv_check_split *s = &r->splits[split];
    const bool reject = split == FV_SPLIT_TRAIN && !r->options.data.allow_empty;
    fv_status status = FV_OK;
    int64_t *count = fv_calloc(r->ctx, (size_t)s->classes.count + 1, sizeof *count);
    if (!count)
        return FV_ERR_NO_MEMORY;
    for (int64_t i = s->first; i < s->first + s->count; i++) {
        if (r->samples[i].label >= 0)
            count[r->samples[i].label]++;
    }
    for (int64_t k = 0; status == FV_OK && s->usable > 0 && k < s->classes.count; k++) {
        if (count[k] > 0 && s->per_class[k] == 0)
            status = fv_check_add(
                r, FV_FAULT_EMPTY_CLASS, reject ? FV_VERDICT_REJECT : FV_VERDICT_WARN, s->where, -1, -1,
                "class '%s': none of its %lld images can be used%s", s->classes.name[k], (long long)count[k],
                reject ? ": convert or replace them, remove the class, or keep it with --allow-empty" : "");
    }
    fv_free(r->ctx, count);
    return status;
}

/* A split with nothing that can be learned from, or scored. */
static fv_status tell_nothing(fv_check_report *r, const fv_check_split *s)
{
    if (!s->present || s->count == 0 || s->usable > 0)
        return FV_OK;
    return fv_check_add(r, FV_FAULT_EMPTY_CLASS, FV_VERDICT_REJECT, s->where, -1, -1,
                        "none of %lld image%s can be used", (long long)s->count, s->count == 1 ? "" : "s");
}

fv_status fv_check_balance(fv_check_report *r)
{
    FV_TRY(tell_weights(r, &r->splits[FV_SPLIT_TRAIN]));
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        FV_TRY(tell_nothing(r, &r->splits[k]));
        if (!r->layout->marks)
            FV_TRY(tell_useless(r, (fv_split)k));
    }
    const fv_check_split *s = &r->splits[FV_SPLIT_TRAIN];
    if (s->usable > 0) {
        FV_TRY(tell_one_class(r, s));
        if (fv_check_split_counts(r, s).classes->count > 1) {
            FV_TRY(tell_few(r, s));
            FV_TRY(tell_uneven(r, s));
        }
    }
    const int64_t batch = r->options.batch_size;
    if (s->usable > 0 && s->usable < batch)
        return fv_check_add(r, FV_FAULT_BATCH, FV_VERDICT_WARN, s->where, -1, -1,
                            "%lld usable images are fewer than a batch of %lld: an epoch is one smaller batch%s",
                            (long long)s->usable, (long long)batch,
                            s->usable == 1 ? ", and batch normalization skips its update" : "");
    return FV_OK;
}
