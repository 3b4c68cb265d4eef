/* SPDX-License-Identifier: Apache-2.0 */
/* fovea plan --ram --flash --ms --params: the networks of the zoo that fit a device, and what each of the others is too
 * much for. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "show.h"
#include "zoo.h"

/* A network, and what is known of it once trained. */
typedef struct row {
    fv_contender c;
    const fv_zoo_entry *trained; /* of the architecture, the best; NULL: none */
    const char *metric;
    double accuracy;  /* 0: not known */
    char reason[256]; /* NOT_BUILT */
} row;

typedef struct table {
    row *rows;
    int count, fitting; /* these stand first */
    fv_device_bounds bounds;
    fv_device_speed speed;
    fv_numbers numbers;
    bool timed; /* else there is no speed, and no time */
} table;

static void amount(double value, const char *const units[4], double step, char text[32])
{
    int i = 0;
    for (; value >= 1000 && i < 3; i++)
        value /= step;
    snprintf(text, 32, "%.*f %s", i == 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2, value, units[i]);
}

static void bytes_text(int64_t bytes, char text[32])
{
    static const char *const units[4] = {"B", "KiB", "MiB", "GiB"};
    amount((double)bytes, units, 1024, text);
}

static void count_text(double count, char text[32])
{
    static const char *const units[4] = {"", "k", "M", "G"};
    amount(count, units, 1000, text);
}

/* ---- finding ---- */

/* The most accurate network of the architecture in the indexes of trained ones. */
static void find_trained(const zoo *z, row *r)
{
    const fv_zoo_entry *e;
    for (int i = 0; (e = zoo_at(z, i)); i++) {
        if (!e->architecture || strcmp(e->architecture, r->c.name) != 0)
            continue;
        for (int m = 0; m < e->n_metrics; m++) {
            const char *metric = e->metrics[m].name;
            if (!strstr(metric, "top1") || e->metrics[m].value <= r->accuracy)
                continue;
            r->trained = e;
            r->metric = metric;
            r->accuracy = e->metrics[m].value;
        }
    }
}

/* What fits first: by accuracy where it is known, then by multiply-adds, the larger first. What does not fit by
 * multiply-adds, the smaller first; then what cannot be built. */
static int by_rank(const void *pa, const void *pb)
{
    const row *a = pa, *b = pb;
    if (!a->c.over != !b->c.over)
        return a->c.over ? 1 : -1;
    if ((a->c.over ^ b->c.over) & FV_NOT_BUILT)
        return a->c.over & FV_NOT_BUILT ? 1 : -1;
    if (!a->c.over && a->accuracy != b->accuracy)
        return a->accuracy > b->accuracy ? -1 : 1;
    if (a->c.need.macs != b->c.need.macs)
        return (a->c.need.macs > b->c.need.macs) == !a->c.over ? -1 : 1;
    return strcmp(a->c.name, b->c.name);
}

/* "NAME: text" without the name. */
static const char *without_name(const char *text, const char *name)
{
    const size_t n = strlen(name);
    return strncmp(text, name, n) == 0 && strncmp(text + n, ": ", 2) == 0 ? text + n + 2 : text;
}

static fv_status look(fv_ctx *ctx, const settings *c, const zoo *z, table *t)
{
    const char *const *names = fv_zoo_names();
    const fv_zoo_options options = {
        .img_size = {c->img_size[0], c->img_size[1]}, .channels = c->in_chans, .dropout = -1};
    while (names[t->count])
        t->count++;
    t->rows = calloc((size_t)t->count + 1, sizeof *t->rows);
    if (!t->rows)
        return complain(FV_ERR_NO_MEMORY, NULL, "no memory for %d networks", t->count);
    for (int i = 0; i < t->count; i++) {
        row *r = &t->rows[i];
        FV_TRY(fv_zoo_contender(ctx, names[i], &options, t->numbers, &t->bounds, &t->speed, &r->c));
        if (r->c.over & FV_NOT_BUILT)
            snprintf(r->reason, sizeof r->reason, "%s", without_name(fv_ctx_error(ctx), names[i]));
        if (!option_given("img-size") && !option_given("in-chans")) /* others than it was trained with, maybe */
            find_trained(z, r);
        t->fitting += !r->c.over;
    }
    qsort(t->rows, (size_t)t->count, sizeof *t->rows, by_rank);
    return FV_OK;
}

/* ---- showing ---- */

static void print_row(const table *t, const row *r)
{
    char params[32], weights[32], peak[32], macs[32], size[48], ms[32] = "-";
    count_text((double)r->c.need.parameters, params);
    bytes_text(r->c.need.weight_bytes, weights);
    bytes_text(r->c.need.peak_bytes, peak);
    count_text(r->c.need.macs, macs);
    snprintf(size, sizeof size, "%lldx%lldx%lld", (long long)r->c.h, (long long)r->c.w, (long long)r->c.c);
    if (t->timed)
        snprintf(ms, sizeof ms, "%.3g", r->c.ms);
    printf("%-20s %-12s %11s %11s %11s %11s %8s  ", r->c.name, size, params, weights, peak, macs, ms);
    if (r->trained)
        printf("%.2f %% %s of %s", 100 * r->accuracy, r->metric, r->trained->name);
    putchar('\n');
}

static void print_over(const table *t, const row *r)
{
    char need[32], bound[32];
    const char *between = "";
    printf("  %-20s ", r->c.name);
    if (r->c.over & FV_NOT_BUILT)
        show_text(stdout, r->reason);
    if (r->c.over & FV_OVER_RAM) {
        bytes_text(r->c.need.peak_bytes, need);
        bytes_text(t->bounds.ram, bound);
        printf("--ram: %s of activations, above %s", need, bound);
        between = "; ";
    }
    if (r->c.over & FV_OVER_FLASH) {
        bytes_text(r->c.need.weight_bytes, need);
        bytes_text(t->bounds.flash, bound);
        printf("%s--flash: %s of weights, above %s", between, need, bound);
        between = "; ";
    }
    if (r->c.over & FV_OVER_TIME) {
        printf("%s--ms: %.3g, above %.3g", between, r->c.ms, t->bounds.ms);
        between = "; ";
    }
    if (r->c.over & FV_OVER_PARAMETERS) {
        count_text((double)r->c.need.parameters, need);
        count_text((double)t->bounds.parameters, bound);
        printf("%s--params: %s, above %s", between, need, bound);
    }
    putchar('\n');
}

static void print_text(const table *t)
{
    const bool int8 = t->numbers == FV_NUMBERS_INT8;
    printf("%d of %d networks fit\n\n", t->fitting, t->count);
    if (t->fitting > 0)
        printf("%-20s %-12s %11s %11s %11s %11s %8s  %s\n", "network", "input", "parameters", "weights", "activations",
               "mult-adds", "ms", "trained");
    for (int i = 0; i < t->fitting; i++)
        print_row(t, &t->rows[i]);
    if (t->fitting < t->count)
        printf("%sleft out:\n", t->fitting > 0 ? "\n" : "");
    for (int i = t->fitting; i < t->count; i++)
        print_over(t, &t->rows[i]);
    printf("\nweights      %s, batch norms folded into the filters\n"
           "activations  input and results that are needed at once for one image, as the executor plans them%s\n",
           int8 ? "1 byte for an element of a filter or matrix, 4 for others" : "4 bytes an element",
           int8 ? ", a quarter of it for int8" : "");
    if (t->timed && t->speed.gmacs > 0)
        printf("ms           for one image, at the %g G multiply-adds a second of --gmacs\n", t->speed.gmacs);
    else if (t->timed)
        printf("ms           for one image on this machine in float32: %.4g GFLOP/s and %.3g GB/s at most, of which "
               "networks\n             reach %.0f %% (measured)\n",
               t->speed.machine.gflops_all, t->speed.machine.copy_gb_per_s, 100 * t->speed.share);
    printf("order        accuracy where the zoo has the network trained, on that network's own data; else "
           "multiply-adds\n");
}

static json_t *row_json(const table *t, const row *r)
{
    static const char *const bounds[] = {"ram", "flash", "ms", "input", "params"}; /* by bit of FV_OVER_RAM, ... */
    json_t *over = json_array(),
           *object =
               json_pack("{s:s, s:[I,I,I], s:I, s:I, s:I, s:I, s:b}", "name", r->c.name, "input", (json_int_t)r->c.h,
                         (json_int_t)r->c.w, (json_int_t)r->c.c, "parameters", (json_int_t)r->c.need.parameters,
                         "weight_bytes", (json_int_t)r->c.need.weight_bytes, "activation_bytes",
                         (json_int_t)r->c.need.peak_bytes, "macs", (json_int_t)r->c.need.macs, "fits", !r->c.over);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (r->c.over >> i & 1)
            json_array_append_new(over, json_string(bounds[i]));
    json_object_set_new(object, "over", over);
    if (t->timed && !(r->c.over & FV_NOT_BUILT))
        json_object_set_new(object, "ms", json_real(r->c.ms));
    if (r->reason[0])
        json_object_set_new(object, "reason", show_json(r->reason));
    if (r->trained)
        json_object_set_new(object, "trained",
                            json_pack("{s:o, s:s, s:f}", "name", show_json(r->trained->name), "metric", r->metric,
                                      "value", r->accuracy));
    return object;
}

static void print_json(const table *t)
{
    json_t *list = json_array(), *bounds = json_object();
    for (int i = 0; i < t->count; i++)
        json_array_append_new(list, row_json(t, &t->rows[i]));
    if (t->bounds.ram)
        json_object_set_new(bounds, "ram", json_integer((json_int_t)t->bounds.ram));
    if (t->bounds.flash)
        json_object_set_new(bounds, "flash", json_integer((json_int_t)t->bounds.flash));
    if (t->bounds.ms > 0)
        json_object_set_new(bounds, "ms", json_real(t->bounds.ms));
    if (t->bounds.parameters)
        json_object_set_new(bounds, "params", json_integer((json_int_t)t->bounds.parameters));
    json_t *root = json_pack("{s:s, s:i, s:o, s:o}", "numbers", fv_numbers_names()[t->numbers], "fitting", t->fitting,
                             "bounds", bounds, "networks", list);
    if (t->timed && t->speed.gmacs > 0)
        json_object_set_new(root, "speed", json_pack("{s:f}", "gmacs", t->speed.gmacs));
    else if (t->timed)
        json_object_set_new(root, "speed",
                            json_pack("{s:f, s:f, s:f}", "gflops", t->speed.machine.gflops_all, "copy_gb_per_s",
                                      t->speed.machine.copy_gb_per_s, "share", t->speed.share));
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

fv_status plan_device(fv_ctx *ctx, const settings *c)
{
    zoo z = {0};
    table t = {.bounds = {c->ram, c->flash, c->ms > 0 ? c->ms : 0, c->params > 0 ? (int64_t)c->params : 0},
               .speed = {.gmacs = c->gmacs > 0 ? c->gmacs : 0},
               .numbers = c->int8 ? FV_NUMBERS_INT8 : FV_NUMBERS_FLOAT32,
               .timed = c->ms > 0 || c->gmacs > 0};
    fv_status status = t.timed && t.speed.gmacs == 0 ? fv_device_speed_measure(ctx, &t.speed) : FV_OK;
    if (status == FV_OK)
        status = zoo_open(ctx, &z);
    if (status == FV_OK)
        status = look(ctx, c, &z, &t);
    if (status == FV_OK)
        c->json ? print_json(&t) : print_text(&t);
    zoo_close(&z);
    free(t.rows);
    return status;
}
