/* SPDX-License-Identifier: Apache-2.0 */
/* What attempts and looks mean: causes in the order of their rows, each with its evidence and its cure. */
#include "train/sanity.h"

#include <math.h>
#include <string.h>

/* Shares from which on a layer lets nothing through; sigmas below which answers are as good as dealt out; lengths of
 * gradients, as shares of the weights', that are too far apart. */
static const double dead_share = 0.9, bound_share = 0.9, by_chance = 2, far_apart = 1e4;
/* Images, and images of a class, without which labels are not judged. */
enum { ENOUGH_IMAGES = 100, ENOUGH_OF_A_CLASS = 8, ENOUGH_OTHERS = 64 };

/* At the rate that was asked for. */
static bool is_learned(const fv_sanity *s)
{
    bool learned = false;
    for (int i = 0; i < s->n_tries; i++)
        learned |= s->tries[i].learned && s->tries[i].lr == s->tries[0].lr;
    return learned;
}

/* The loss of the first attempt falls, and has not risen before. */
static bool is_on_its_way(const fv_sanity *s)
{
    const fv_sanity_try *t = &s->tries[0];
    return t->finite && t->highest < 1.5 * t->first && t->last < 0.5 * t->first && t->last <= 1.1 * t->lowest;
}

/* All are right, if not yet surely. */
static bool is_nearly_there(const fv_sanity *s)
{
    const fv_sanity_try *t = &s->tries[0];
    return t->finite && t->top1 >= FV_SANITY_TOP1 && t->last < 0.1 * t->first;
}

static fv_status settle(fv_sanity *s, fv_sanity_verdict verdict, const char *evidence, const char *cure,
                        const char *options)
{
    s->verdict = verdict;
    s->evidence = evidence;
    s->cure = cure;
    s->options = options;
    return evidence && cure ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- what is plain without another attempt ---- */

static bool says_scores(const fv_sanity_work *w)
{
    return w->sums_to_one && !is_learned(w->s);
}

static fv_status tell_scores(const fv_sanity_work *w)
{
    const double classes = (double)w->model->n_classes;
    return settle(
        w->s, FV_SANITY_SOFTMAX,
        fv_sanity_say(w->s,
                      "'%s' gives numbers from 0 that sum up to 1 for every image: they are probabilities, of "
                      "which the loss makes probabilities again, so that it cannot fall below %.3g",
                      w->model->graph->outputs[0]->name, log(1 + (classes - 1) / exp(1.0))),
        "take what makes probabilities off the end of the network; answers are probabilities all the same", NULL);
}

static bool says_constant(const fv_sanity_work *w)
{
    return w->s->inputs.same || 2 * w->s->inputs.constant >= w->s->inputs.images;
}

static fv_status tell_constant(const fv_sanity_work *w)
{
    const fv_sanity_inputs *in = &w->s->inputs;
    return settle(w->s, FV_SANITY_CONSTANT,
                  in->same && in->low == in->high
                      ? fv_sanity_say(w->s, "all %lld images are %.3g all over", (long long)in->images, in->low)
                  : in->same
                      ? fv_sanity_say(w->s, "all %lld images are one and the same picture, of values from %.3g to %.3g",
                                      (long long)in->images, in->low, in->high)
                      : fv_sanity_say(w->s, "%lld of %lld images have one value all over", (long long)in->constant,
                                      (long long)in->images),
                  fv_sanity_say(w->s, "look at them: `fovea data check %s`", w->data.dataset->path), NULL);
}

/* Where their files say so, too, and the pipeline does not make up for it, nothing good comes of them, even if these
 * are learned. */
static bool says_pixels(const fv_sanity_work *w)
{
    static const double flat = 0.1, low = 0.2; /* deviations: pictures have 0.2 to 0.3 from 0 to 1, and 1 normalized */
    const fv_sanity_inputs *in = &w->s->inputs;
    const bool learned = is_learned(w->s);
    if (w->s->pixels)
        return in->odd || in->deviation < (learned ? flat : low);
    return in->odd && !learned;
}

static fv_status tell_pixels(const fv_sanity_work *w)
{
    const fv_sanity_inputs *in = &w->s->inputs;
    const char *range = fv_sanity_say(w->s, "the network gets numbers from %.3g to %.3g, with deviation %.3g", in->low,
                                      in->high, in->deviation);
    return settle(w->s, FV_SANITY_PIXELS,
                  range && w->s->pixels ? fv_sanity_say(w->s, "%s; %s", range, w->s->pixels) : range,
                  "let the scale be measured and kept in the model, or give the pixels their own", "--norm dataset");
}

static bool says_labels(const fv_sanity_work *w)
{
    return w->s->pairs_within > 0 && !is_learned(w->s);
}

static fv_status tell_labels(const fv_sanity_work *w)
{
    const fv_sanity *s = w->s;
    return settle(
        w->s, FV_SANITY_LABELS,
        fv_sanity_say(s, "%lld pair%s of pictures in the batches %s the same but for the label, as %s and %s",
                      (long long)s->pairs_within, s->pairs_within > 1 ? "s" : "", s->pairs_within > 1 ? "are" : "is",
                      s->pair[0], s->pair[1]),
        fv_sanity_say(s, "keep one label of each: `fovea data check %s --dups` lists them", w->data.dataset->path),
        NULL);
}

static bool says_shuffled(const fv_sanity_work *w)
{
    const fv_sanity_odds *near = &w->s->neighbors, *others = &w->s->others;
    const int64_t classes = w->model->n_classes;
    return classes > 1 && near->chance < 1 && near->images >= ENOUGH_IMAGES &&
           near->images >= ENOUGH_OF_A_CLASS * classes && others->images >= ENOUGH_OTHERS && near->sigmas < by_chance &&
           others->sigmas < by_chance;
}

static fv_status tell_shuffled(const fv_sanity_work *w)
{
    const fv_sanity_odds *near = &w->s->neighbors, *others = &w->s->others;
    return settle(w->s, FV_SANITY_SHUFFLED,
                  fv_sanity_say(w->s,
                                "the network knows the batches by heart and gets %.1f %% of %lld other images right, "
                                "where chance is %.1f %%; the most similar pictures answer right for %.1f %% of %lld, "
                                "where chance is %.1f %%",
                                100 * others->right, (long long)others->images, 100 * others->chance, 100 * near->right,
                                (long long)near->images, 100 * near->chance),
                  fv_sanity_say(w->s,
                                "see whether labels belong to their pictures, with `fovea data show %s --output "
                                "sheet.png`: one list may be in another order; classes that differ in fine details "
                                "alone look the same to this",
                                w->data.dataset->path),
                  NULL);
}

/* The activation whose share is largest; `bound`: at an end of its range, else dead. */
static const fv_sanity_units *worst(const fv_sanity *s, bool bound, int when)
{
    const fv_sanity_units *found = NULL;
    double most = 0;
    for (int i = 0; i < s->n_units; i++) {
        const double share = bound ? s->units[i].bound[when] : s->units[i].dead[when];
        if (share > most) { /* not where it is NaN */
            most = share;
            found = &s->units[i];
        }
    }
    return found;
}

static bool is_dead(const fv_sanity *s, int when)
{
    const fv_sanity_units *u = worst(s, false, when);
    return u && u->dead[when] >= dead_share;
}

static bool says_dead(const fv_sanity_work *w)
{
    return is_dead(w->s, 0) && !is_learned(w->s);
}

static fv_status tell_dead(const fv_sanity_work *w)
{
    const int when = is_dead(w->s, 0) ? 0 : 1;
    const fv_sanity_units *u = worst(w->s, false, when);
    return settle(w->s, FV_SANITY_DEAD,
                  fv_sanity_say(w->s, "%.0f %% of the %lld units of '%s' are 0 for each of the %lld images %s",
                                100 * u->dead[when], (long long)u->units, u->name, (long long)w->s->samples,
                                when ? "behind the last step" : "before the first step"),
                  "begin with other weights, or put batch_norm in front of it or leaky_relu in its place",
                  "--init he_normal");
}

/* ---- rates ---- */

/* Whether an attempt comes further than the one as asked. */
static bool is_better(const fv_sanity_try *t, const fv_sanity_try *than)
{
    const double reached = than->finite && than->last < than->first ? than->last : than->first;
    return t->finite && (t->learned || t->last < 0.7 * reached);
}

/* Factors in turn, until one is learned with, or worse than the one before; the best attempt that is better than the
 * first, or NULL. */
static fv_status try_rates(fv_sanity_work *w, const double *factors, int n, const fv_sanity_try **best)
{
    fv_sanity *s = w->s;
    *best = NULL;
    for (int i = 0; i < n && s->n_tries < FV_SANITY_TRIES; i++) {
        FV_TRY(fv_sanity_attempt(w, s->tries[0].lr * factors[i]));
        const fv_sanity_try *t = &s->tries[s->n_tries - 1];
        if (*best && !(t->learned || t->last < (*best)->last))
            break;
        *best = is_better(t, &s->tries[0]) ? t : *best;
        if (t->learned)
            break;
    }
    return FV_OK;
}

/* Of the first step, as a share of the weights: of the tensor in the middle. */
static double usual_change(const fv_sanity *s)
{
    enum { MOST = 512 };
    double list[MOST];
    int n = 0;
    for (int i = 0; i < s->n_weights && n < MOST; i++) {
        const double share = s->weights[i].norm > 0 ? s->weights[i].change / s->weights[i].norm : 0;
        int at = n++;
        for (; at > 0 && list[at - 1] > share; at--)
            list[at] = list[at - 1];
        list[at] = share;
    }
    return n > 0 ? list[n / 2] : 0;
}

/* "rose from 2.3 to 8.1e+05", "became infinite or NaN in step 3", "stayed at 2.3": of the first attempt. */
static const char *course(const fv_sanity *s)
{
    const fv_sanity_try *t = &s->tries[0];
    if (!t->finite)
        return fv_sanity_say(s, "was %.3g and then ran away in step %lld", t->first, (long long)t->steps + 1);
    if (t->highest > 2 * t->first)
        return fv_sanity_say(s, "rose from %.3g to %.3g and was %.3g behind %lld steps", t->first, t->highest, t->last,
                             (long long)t->steps);
    return fv_sanity_say(s, "went from %.3g to %.3g in %lld steps", t->first, t->last, (long long)t->steps);
}

static fv_status tell_rate(const fv_sanity_work *w, fv_sanity_verdict verdict, const fv_sanity_try *better)
{
    const fv_sanity *s = w->s;
    const char *went = course(s);
    const fv_sanity_units *u = worst(s, false, 1);
    const char *died = u && u->dead[1] >= dead_share
                           ? fv_sanity_say(s, ", with %.0f %% of the units of '%s' dead", 100 * u->dead[1], u->name)
                           : "";
    return settle(w->s, verdict,
                  went && died ? fv_sanity_say(s,
                                               "at --lr %.3g the loss %s%s, and the first step changed a layer's "
                                               "weights by %.2g %% of their length; at --lr %.2g the loss falls to "
                                               "%.3g in %lld steps",
                                               s->tries[0].lr, went, died, 100 * usual_change(s), better->lr,
                                               better->last, (long long)better->steps)
                               : NULL,
                  fv_sanity_say(s, "train with --lr %.2g", better->lr), fv_sanity_say(s, "--lr %.2g", better->lr));
}

/* A step that hardly changes weights is no step too far: then only higher rates are tried, from one on that changes
 * them more. */
static fv_status search_rates(fv_sanity_work *w, bool *told)
{
    static const double lower[] = {0.1, 0.01, 0.001}, hardly = 1e-4, most = 1e12;
    double higher[] = {10, 100, 1000};
    const fv_sanity_try *main = &w->s->tries[0], *found = NULL;
    const double change = usual_change(w->s);
    const bool low = main->finite && main->highest < 2 * main->first && change < hardly;
    while (change * higher[0] < hardly && higher[0] < most)
        for (int i = 0; i < 3; i++)
            higher[i] *= 10;
    for (int turn = 0; turn < 2 && !found; turn++) {
        const bool up = turn == 1;
        if (up ? !main->finite : low)
            continue;
        FV_TRY(try_rates(w, up ? higher : lower, 3, &found));
        if (found)
            FV_TRY(tell_rate(w, up ? FV_SANITY_RATE_LOW : FV_SANITY_RATE_HIGH, found));
    }
    *told = found != NULL;
    return FV_OK;
}

/* ---- what remains ---- */

static bool says_still_dead(const fv_sanity_work *w)
{
    return is_dead(w->s, 1);
}

static int when_bound(const fv_sanity *s)
{
    for (int when = 0; when < 2; when++) {
        const fv_sanity_units *u = worst(s, true, when);
        if (u && u->bound[when] >= bound_share)
            return when;
    }
    return -1;
}

static bool says_saturated(const fv_sanity_work *w)
{
    return when_bound(w->s) >= 0;
}

static fv_status tell_saturated(const fv_sanity_work *w)
{
    const int when = when_bound(w->s);
    const fv_sanity_units *u = worst(w->s, true, when);
    return settle(w->s, FV_SANITY_SATURATED,
                  fv_sanity_say(w->s, "%.0f %% of what '%s' gives is within 2 %% of an end of its range %s",
                                100 * u->bound[when], u->name, when ? "behind the last step" : "before the first step"),
                  "begin with smaller weights, or put batch_norm in front of it or relu in its place",
                  "--init lecun_normal");
}

/* Of a layer's gradient, as a share of its weights. */
static double relative(const fv_sanity_weights *v)
{
    return v->norm > 0 ? v->gradient[0] / v->norm : 0;
}

/* The first layer against the one with the longest gradient. */
static const fv_sanity_weights *longest(const fv_sanity *s)
{
    const fv_sanity_weights *found = NULL;
    for (int i = 0; i < s->n_weights; i++)
        if (!found || relative(&s->weights[i]) > relative(found))
            found = &s->weights[i];
    return found;
}

static bool says_vanishing(const fv_sanity_work *w)
{
    const fv_sanity_weights *most = longest(w->s);
    return most && relative(most) >= far_apart * relative(&w->s->weights[0]);
}

static fv_status tell_vanishing(const fv_sanity_work *w)
{
    const fv_sanity *s = w->s;
    int without = 0;
    for (int i = 0; i < s->n_weights; i++)
        without += !(relative(&s->weights[i]) > 0);
    return settle(w->s, FV_SANITY_VANISHING,
                  without > 0
                      ? fv_sanity_say(s, "the gradient of %d of %d layers, '%s' among them, is 0 before the first step",
                                      without, s->n_weights, s->weights[0].name)
                      : fv_sanity_say(s,
                                      "before the first step the gradient of '%s' is %.2g of its weights, that of '%s' "
                                      "%.2g: %.0e times as much",
                                      s->weights[0].name, relative(&s->weights[0]), longest(s)->name,
                                      relative(longest(s)), relative(longest(s)) / relative(&s->weights[0])),
                  "put relu in the place of sigmoid and tanh, batch_norm behind convolutions, or add ways around "
                  "layers; or begin with other weights",
                  "--init he_normal");
}

static bool says_exploding(const fv_sanity_work *w)
{
    const fv_sanity_weights *most = longest(w->s);
    return most && (relative(most) > 10 || !isfinite(relative(most)));
}

static fv_status tell_exploding(const fv_sanity_work *w)
{
    return settle(w->s, FV_SANITY_EXPLODING,
                  fv_sanity_say(w->s, "before the first step the gradient of '%s' is %.2g times as long as its weights",
                                longest(w->s)->name, relative(longest(w->s))),
                  "begin with smaller weights, put batch_norm behind convolutions, or limit it with --clip-grad 1",
                  "--init he_normal");
}

/* Where it went on, more steps must have brought it on. */
static bool says_steps(const fv_sanity_work *w)
{
    const fv_sanity_try *t = w->s->tries;
    return is_on_its_way(w->s) && (w->s->n_tries == 1 || (t[1].finite && t[1].last < 0.5 * t[0].last));
}

static fv_status tell_steps(const fv_sanity_work *w)
{
    const fv_sanity_try *t = &w->s->tries[0];
    return settle(w->s, FV_SANITY_STEPS,
                  fv_sanity_say(w->s, "the loss fell from %.3g to %.3g in %lld steps, with %.1f %% right", t->first,
                                t->last, (long long)t->steps, 100 * t->top1),
                  fv_sanity_say(w->s, "give it --max-steps %lld", (long long)(4 * w->steps * w->s->n_tries)),
                  fv_sanity_say(w->s, "--max-steps %lld", (long long)(4 * w->steps * w->s->n_tries)));
}

static bool says_unknown(const fv_sanity_work *w)
{
    (void)w;
    return true;
}

static fv_status tell_unknown(const fv_sanity_work *w)
{
    const fv_sanity_try *t = &w->s->tries[0];
    const char *went = course(w->s);
    return settle(w->s, FV_SANITY_UNKNOWN,
                  went ? fv_sanity_say(w->s, "the loss %s, with %.1f %% right, and no other rate does better%s", went,
                                       isnan(t->top1) ? 0 : 100 * t->top1,
                                       w->options.freeze ? "; what --freeze keeps from learning may be missing" : "")
                       : NULL,
                  "try a network that is known to learn on the same data: if it does, the fault is in this one",
                  "--model resnet8");
}

/* ---- the order ---- */

typedef struct cause {
    bool (*says)(const fv_sanity_work *w);
    fv_status (*tell)(const fv_sanity_work *w);
} cause;

/* The first that holds; false: none. */
static bool tell_first(const fv_sanity_work *w, const cause *list, size_t n, fv_status *status)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].says(w)) {
            *status = list[i].tell(w);
            return true;
        }
    return false;
}

/* More steps for a network that only needs them: not where it was said how many. */
static fv_status go_on(fv_sanity_work *w)
{
    const int64_t steps = w->steps;
    if (!(is_on_its_way(w->s) || is_nearly_there(w->s)) || w->options.max_steps > 0)
        return FV_OK;
    w->steps *= 4;
    const fv_status status = fv_sanity_attempt(w, w->s->tries[0].lr);
    w->steps = steps;
    return status;
}

fv_status fv_sanity_judge(fv_sanity_work *w)
{
    static const cause plain[] = {{says_scores, tell_scores}, {says_constant, tell_constant},
                                  {says_pixels, tell_pixels}, {says_labels, tell_labels},
                                  {says_dead, tell_dead},     {says_shuffled, tell_shuffled}};
    static const cause steps[] = {{says_steps, tell_steps}};
    static const cause rest[] = {{says_still_dead, tell_dead},
                                 {says_saturated, tell_saturated},
                                 {says_vanishing, tell_vanishing},
                                 {says_exploding, tell_exploding},
                                 {says_unknown, tell_unknown}};
    fv_status status = FV_OK;
    bool told = false;
    if (tell_first(w, plain, sizeof plain / sizeof *plain, &status) || is_learned(w->s))
        return status;
    FV_TRY(go_on(w));
    if (is_learned(w->s)) { /* and perhaps only by heart */
        tell_first(w, plain, sizeof plain / sizeof *plain, &status);
        return status;
    }
    if (tell_first(w, steps, 1, &status))
        return status;
    FV_TRY(search_rates(w, &told));
    if (says_shuffled(w))
        return tell_shuffled(w);
    if (!told)
        tell_first(w, rest, sizeof rest / sizeof *rest, &status);
    return status;
}
