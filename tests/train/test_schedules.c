/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rates step by step against PyTorch's schedulers (tests/golden/schedules.txt), their bits, and what is
 * refused. */
#include "golden.h"

#include "base/real.h"
#include "train/plateau.h"

enum { MOST = 400 };

typedef struct rates {
    char name[64];
    fv_fit_options o;
    int64_t steps;
    double rate[MOST], metric[MOST], momentum[MOST];
    int count, metrics, momenta;
} rates;

static fv_ctx *ctx;

/* "case NAME key=value ..." */
static void read_case(char *line, rates *r)
{
    char *save = NULL;
    *r = (rates){.o = FV_FIT_OPTIONS(.epochs = 1)};
    strtok_r(line, " \n", &save);
    snprintf(r->name, sizeof r->name, "%s", strtok_r(NULL, " \n", &save));
    for (char *word = strtok_r(NULL, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
        char *equals = strchr(word, '=');
        assert_non_null(equals);
        *equals = '\0';
        if (strcmp(word, "steps") == 0)
            r->steps = atoll(equals + 1);
        else if (strcmp(word, "monitor") == 0) /* a text, which is kept as it is */
            r->o.monitor = strcmp(equals + 1, "val_loss") == 0 ? "val_loss" : "val_top1";
        else if (fv_fit_set(ctx, &r->o, word, equals + 1) != FV_OK)
            fail_msg("%s: %s", r->name, fv_ctx_error(ctx));
    }
}

static void read_numbers(const char *line, double *list, int *count)
{
    char *end;
    for (double v = strtod(line, &end); end != line; v = strtod(line, &end)) {
        assert_true(*count < MOST);
        list[(*count)++] = v;
        line = end;
    }
}

/* The next case of the file; false: there is none. */
static bool next_case(FILE *f, rates *r)
{
    char line[512];
    if (!fgets(line, sizeof line, f))
        return false;
    read_case(line, r);
    for (long at = ftell(f); fgets(line, sizeof line, f); at = ftell(f)) {
        if (strncmp(line, "case ", 5) == 0) {
            fseek(f, at, SEEK_SET);
            break;
        }
        if (strncmp(line, "metric ", 7) == 0)
            read_numbers(line + 7, r->metric, &r->metrics);
        else if (strncmp(line, "momentum ", 9) == 0)
            read_numbers(line + 9, r->momentum, &r->momenta);
        else
            read_numbers(line, r->rate, &r->count);
    }
    return true;
}

static FILE *open_golden(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/golden/schedules.txt", getenv("FOVEA_SOURCE_DIR"));
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s: cannot be read", path);
    return f;
}

/* The rate of every epoch of a run that measures r->metric. */
static void follow_plateau(const rates *r, double *rate)
{
    int count, changes = 0;
    const fv_monitor *monitor = fv_monitor_list(&count);
    fv_progress p = {.lr_scale = 1, .plateau_best = NAN};
    while (strcmp(monitor->name, r->o.monitor) != 0)
        monitor++;
    assert_int_equal(r->metrics, r->count);
    for (int i = 0; i < r->count; i++) {
        char text[FV_PLATEAU_TEXT] = "";
        fv_fit_event e = {.epoch = i + 1, .val_loss = r->metric[i], .val_top1 = r->metric[i]};
        rate[i] = fv_schedule_at(&r->o, i, 0, 1) * p.lr_scale;
        const bool changed = fv_plateau_epoch(&p, &r->o, 0, monitor, &e, text);
        assert_int_equal(changed, strstr(text, "the learning rate goes from ") != NULL);
        changes += changed;
        e.val_loss = e.val_top1 = NAN; /* what is not measured is neither good nor bad */
        assert_false(fv_plateau_epoch(&p, &r->o, 0, monitor, &e, text));
    }
    assert_true(changes >= 2);
}

static void as_pytorch(void **state)
{
    (void)state;
    FILE *f = open_golden();
    static rates r;
    bool met[FV_SCHEDULE_COUNT] = {false};
    int cases = 0;
    for (; next_case(f, &r); cases++) {
        met[r.o.schedule] = true;
        assert_int_equal(r.count, r.steps * r.o.epochs);
        static double plateau[MOST];
        if (r.o.schedule == FV_PLATEAU)
            follow_plateau(&r, plateau);
        for (int i = 0; i < r.count; i++) {
            const double found =
                r.o.schedule == FV_PLATEAU ? plateau[i] : fv_schedule_at(&r.o, i / r.steps, i % r.steps, r.steps);
            if (!(fabs(found - r.rate[i]) <= 1e-9 * r.rate[i]))
                fail_msg("%s: rate of step %d is %.17g, PyTorch's %.17g", r.name, i, found, r.rate[i]);
        }
    }
    fclose(f);
    assert_int_equal(cases, 30);
    for (int i = 0; i < FV_SCHEDULE_COUNT; i++)
        if (!met[i])
            fail_msg("no case of %s", fv_schedule_names()[i]);
}

/* One cycle moves the momentum of sgd, and beta1 of adam, against the rate; else it is what the options say. */
static void momenta(void **state)
{
    (void)state;
    FILE *f = open_golden();
    static rates r;
    int cycled = 0;
    while (next_case(f, &r)) {
        assert_int_equal(fv_schedule_cycles_momentum(&r.o), r.momenta > 0);
        cycled += r.momenta > 0;
        assert_true(r.momenta == 0 || r.momenta == r.count);
        for (int i = 0; i < r.count; i++) {
            const double found = fv_schedule_momentum(&r.o, i / r.steps, i % r.steps, r.steps);
            if (!(fabs(found - (r.momenta ? r.momentum[i] : 0.9)) <= 1e-9))
                fail_msg("%s: momentum of step %d is %.17g", r.name, i, found);
        }
    }
    fclose(f);
    assert_int_equal(cycled, 2);
    /* While the rate warms up it is at its highest. */
    const fv_fit_options o =
        FV_FIT_OPTIONS(.epochs = 4, .schedule = FV_ONECYCLE, .warmup_steps = 3, .max_momentum = 0.9);
    for (int i = 0; i <= 3; i++)
        assert_true(fv_schedule_momentum(&o, 0, i, 5) == 0.9);
    assert_true(fv_schedule_momentum(&o, 0, 4, 5) < 0.9);
}

/* A rate is part of a run's bits, which are the same on every machine, and so is a momentum: FNV-1a of all of them. */
static void bits(void **state)
{
    (void)state;
    FILE *f = open_golden();
    static rates r;
    uint64_t h = 0xCBF29CE484222325u;
    while (next_case(f, &r))
        for (int i = 0; i < r.count; i++) {
            const double numbers[2] = {fv_schedule_at(&r.o, i / r.steps, i % r.steps, r.steps),
                                       fv_schedule_momentum(&r.o, i / r.steps, i % r.steps, r.steps)};
            uint8_t byte[sizeof numbers];
            memcpy(byte, numbers, sizeof numbers);
            for (size_t k = 0; k < sizeof byte; k++)
                h = (h ^ byte[k]) * 0x100000001B3u;
        }
    fclose(f);
    assert_int_equal(h, 0x45B5EC23EC301866u);
}

/* The powers that schedules are made of, against the C library's. */
static void powers(void **state)
{
    (void)state;
    for (int i = 0; i <= 1000; i++)
        for (int k = 0; k <= 40; k++) {
            const double base = i / 1000.0, exponent = k * k / 16.0, expected = pow(base, exponent);
            if (!(fabs(fv_pow64(base, exponent) - expected) <= 1e-13 * expected + 1e-300))
                fail_msg("%g^%g is %.17g, expected %.17g", base, exponent, fv_pow64(base, exponent), expected);
        }
    assert_true(fv_pow64(0, 0) == 1 && fv_pow64(1, 1e6) == 1 && fv_pow64(1e-30, 1e6) == 0);
}

/* At the ends of a run and behind it, for settings that leave little room. */
static void ends(void **state)
{
    (void)state;
    for (int kind = 0; kind < FV_SCHEDULE_COUNT; kind++)
        for (int64_t epochs = 1; epochs <= 3; epochs++)
            for (double share = 0; share <= 1; share += 0.5) {
                const fv_fit_options o =
                    FV_FIT_OPTIONS(.lr = 0.5, .schedule = kind, .epochs = epochs, .pct_start = share, .cycle_up = 0.3,
                                   .restart_epochs = 0.7, .decay_milestones = {.count = 1, .value = {0.5}});
                for (int i = 0; i <= 40; i++) {
                    const double rates_of[2] = {fv_schedule_at(&o, i / 5, i % 5, 5), fv_schedule_lr(&o, i / 5.0)};
                    for (int k = 0; k < 2; k++)
                        if (!(rates_of[k] >= 0 && rates_of[k] <= 0.5))
                            fail_msg("%s, %lld epochs: rate %g", fv_schedule_names()[kind], (long long)epochs,
                                     rates_of[k]);
                }
            }
    const fv_fit_options one = FV_FIT_OPTIONS(.lr = 0.5, .schedule = FV_ONECYCLE, .epochs = 10);
    assert_true(fv_schedule_lr(&one, 3) == 0.5); /* where steps are infinitely short */
    const fv_fit_options steps = FV_FIT_OPTIONS(.lr = 0.5, .warmup_steps = 3);
    assert_true(isnan(fv_schedule_lr(&steps, 1)));
    assert_true(fv_schedule_at(&steps, 0, 0, 4) == 0 && fv_schedule_at(&steps, 0, 3, 4) > 0.499);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *keys[2], *values[2], *expected;
    } rows[] = {
        {{"sched", NULL}, {"multistep", NULL}, "--sched multistep: the rate decays nowhere"},
        {{"decay-milestones", NULL}, {"5,3", NULL}, "--decay-milestones: 3 stands behind 5"},
        {{"warmup-epochs", "warmup-steps"}, {"1", "2"}, "--warmup-epochs 1 and --warmup-steps 2"},
        {{"epochs", "warmup-epochs"}, {"3", "3"}, "--warmup-epochs 3 is not below --epochs 3"},
        {{"max-momentum", NULL}, {"0.8", NULL}, "--base-momentum 0.85 is above --max-momentum 0.8"},
    };
    fv_model *m;
    fv_trainer *t;
    assert_int_equal(fv_model_zoo(ctx, "lenet", &(fv_zoo_options){.classes = 3}, &m), FV_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_fit_options o = FV_FIT_OPTIONS(.batch_size = 2);
        for (int k = 0; k < 2 && rows[i].keys[k]; k++)
            assert_int_equal(fv_fit_set(ctx, &o, rows[i].keys[k], rows[i].values[k]), FV_OK);
        assert_true(fv_trainer_create(m, &o, &t) != FV_OK);
        if (!strstr(fv_ctx_error(ctx), rows[i].expected))
            fail_msg("'%s' does not say '%s'", fv_ctx_error(ctx), rows[i].expected);
    }
    fv_model_destroy(&m);
}

static void takers(void **state)
{
    (void)state;
    assert_true(fv_schedule_takes(FV_POLY, "poly-power") && !fv_schedule_takes(FV_STEP, "poly-power"));
    assert_true(fv_schedule_takes(FV_COSINE, "min-lr") && !fv_schedule_takes(FV_CONSTANT, "min-lr"));
    assert_false(fv_schedule_takes(FV_STEP, "lr"));
    assert_false(fv_schedule_takes(-1, "min-lr"));
    assert_false(fv_schedule_takes(FV_SCHEDULE_COUNT, "min-lr"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_pytorch), cmocka_unit_test(bits),   cmocka_unit_test(powers),  cmocka_unit_test(ends),
        cmocka_unit_test(refused),    cmocka_unit_test(takers), cmocka_unit_test(momenta),
    };
    ctx = fv_test_ctx(1, NULL, NULL);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fv_ctx_destroy(&ctx);
    return failed;
}
