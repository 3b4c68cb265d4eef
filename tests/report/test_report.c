/* SPDX-License-Identifier: Apache-2.0 */
/* A run's report as its readers see it: event files are decoded again, the page is taken apart. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

#include <fovea/report.h>

#include "base/file.h"
#include "base/text.h"
#include "report/chart.h"
#include "base/crc32c.h"
#include "report/events.h"
#include "report/page.h"
#include "decode.h"
#include "pages.h"

/* ---- checksums ---- */

static void test_crc32c(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(fv_crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(fv_crc32c("", 0), 0);
    memset(bytes, 0, sizeof bytes); /* these three are the examples of RFC 3720 B.4 */
    assert_int_equal(fv_crc32c(bytes, 32), 0x8A9136AAu);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(fv_crc32c(bytes, 32), 0x62A8AB43u);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(fv_crc32c(bytes, 32), 0x46DD794Eu);
    uint32_t rotated = fv_crc32c_masked(bytes, 32) - 0xA282EAD8u;
    assert_int_equal((uint32_t)(rotated << 15 | rotated >> 17), 0x46DD794Eu);
}

/* ---- a run without the training ---- */

static fv_fit_event epoch_event(int64_t epoch)
{
    int count;
    bool measured = epoch % 2 == 0;
    double x = (double)epoch;
    return (fv_fit_event){.kind = FV_EVENT_EPOCH,
                          .epoch = epoch,
                          .epochs = 6,
                          .global_step = 10 * epoch,
                          .train_loss = 2 / x,
                          .train_top1 = 1 - 0.5 / x,
                          .val_loss = measured ? 2.5 / x : NAN,
                          .val_top1 = measured ? 1 - 0.75 / x : NAN,
                          .val_top5 = NAN,
                          .val_mae = NAN,
                          .val_mean_ap = NAN,
                          .monitor = &fv_monitor_list(&count)[FV_MONITOR_val_top1],
                          .lr = 0.001 / x,
                          .img_per_s = 1000 + x,
                          .seconds = 65 * x};
}

static void append_row(const char *dir, const fv_fit_event *e)
{
    FILE *file = fopen(fv_test_path(dir, "results.csv"), "a");
    assert_non_null(file);
    if (ftell(file) == 0)
        fputs(header, file);
    fprintf(file, "%lld,%lld,%.3f,%.9g,%.9g,%.6f,", (long long)e->epoch, (long long)e->global_step, e->seconds, e->lr,
            e->train_loss, e->train_top1);
    if (isfinite(e->val_loss))
        fprintf(file, "%.9g,%.6f,0.99", e->val_loss, e->val_top1);
    else
        fputs(",,", file);
    fprintf(file, ",%.1f,1.5,64.0\n", e->img_per_s);
    fclose(file);
}

static void send_text(fv_report *r, fv_event_kind kind, const char *text)
{
    fv_fit_event e = {.kind = kind, .epoch = 1, .epochs = 6, .text = text};
    fv_report_event(r, &e);
}

static void run_epochs(fv_report *r, const char *dir, int64_t first, int64_t last)
{
    for (int64_t i = first; i <= last; i++) {
        fv_fit_event e = epoch_event(i);
        append_row(dir, &e);
        fv_report_event(r, &e);
    }
}

static void test_events(void **state)
{
    (void)state;
    char dir[256], path[768];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_report *r = NULL;
    assert_int_equal(fv_report_create(ctx, dir, "mnist_cnn", &r), FV_OK);
    send_text(r, FV_EVENT_START, NULL);
    assert_int_equal(find_files(dir, "train", path), 0); /* nothing is made before there is something to say */
    run_epochs(r, dir, 1, 4);
    fv_report_destroy(&r);
    assert_null(r);

    decoded d;
    assert_int_equal(find_files(dir, "train", path), 1);
    decode_file(path, &d);
    assert_int_equal(d.records, 5);
    assert_int_equal(d.n, 12);
    for (int64_t i = 1; i <= 4; i++) {
        fv_fit_event e = epoch_event(i);
        assert_true(find_point(&d, "epoch_loss", i)->value == (float)e.train_loss);
        assert_true(find_point(&d, "epoch_accuracy", i)->value == (float)e.train_top1);
        assert_true(find_point(&d, "epoch_learning_rate", i)->value == (float)e.lr);
    }
    assert_int_equal(find_files(dir, "validation", path), 1);
    decode_file(path, &d);
    assert_int_equal(d.n, 4); /* epochs 2 and 4 were validated */
    assert_null(find_point(&d, "epoch_loss", 1));
    assert_true(find_point(&d, "epoch_loss", 4)->value == 0.625f);
    assert_true(find_point(&d, "epoch_accuracy", 2)->value == 0.625f);
    const char *name = strrchr(path, '/') + 1;
    long long seconds, pid, n;
    char host[128];
    const char *dot = strrchr(name, '.');
    assert_int_equal(sscanf(name, "events.out.tfevents.%lld.%127[^.]", &seconds, host), 2);
    assert_true(llabs(seconds - (long long)fv_time_wall()) < 600);
    for (dot--; *dot != '.'; dot--) {
    }
    assert_int_equal(sscanf(dot, ".%lld.%lld", &pid, &n), 2);
    assert_int_equal(pid, getpid());
    assert_in_range(n, 0, 999999); /* microseconds: names of one second differ without counting */
    assert_int_equal(strlen(strrchr(name, '.')), 7);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

static void test_resume_and_restart(void **state)
{
    (void)state;
    char dir[256], path[768];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (int run = 0; run < 3; run++) {
        fv_report *r = NULL;
        decoded d;
        assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
        send_text(r, FV_EVENT_START, run == 1 ? "resumed" : NULL);
        run_epochs(r, dir, 1 + 2 * run, 2 + 2 * run);
        fv_report_destroy(&r);
        /* A resumed run adds a file, a fresh one begins anew; N keeps files of one second apart. */
        assert_int_equal(find_files(dir, "train", path), run == 1 ? 2 : 1);
        assert_int_equal(find_files(dir, "validation", path), run == 1 ? 2 : 1);
        decode_file(path, &d);
        assert_non_null(find_point(&d, "epoch_loss", 2 + 2 * run));
    }
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* What a killed run told behind its last state is told again by the one that goes on, and stands there once. */
static void test_killed_and_resumed(void **state)
{
    (void)state;
    char dir[256], path[768];
    int counts[16];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    static const int64_t done[] = {0, 3, 3, 1, 6}; /* epochs by the state that each start reads */
    for (size_t run = 0; run < sizeof done / sizeof *done; run++) {
        fv_report *r = NULL;
        assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
        const fv_fit_event start = {.kind = FV_EVENT_START, .epoch = done[run] + 1, .text = run ? "resumed" : NULL};
        fv_report_event(r, &start);
        run_epochs(r, dir, done[run] + 1, done[run] + 5);
        fv_report_destroy(&r);
        if (find_files(dir, "train", path) > 0) { /* the kill came in the middle of a record */
            FILE *file = fopen(path, "a");
            assert_int_equal(fwrite("half a record", 1, run, file), run);
            fclose(file);
        }
        const fv_fit_event again = {.kind = FV_EVENT_START, .epoch = done[run] + 6, .text = "resumed"};
        assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
        fv_report_event(r, &again); /* cuts the half */
        fv_report_destroy(&r);
        count_points(dir, "train", "epoch_loss", counts);
        for (int64_t e = 1; e < 16; e++)
            assert_int_equal(counts[e], e <= done[run] + 5);
        count_points(dir, "validation", "epoch_loss", counts);
        for (int64_t e = 1; e < 16; e++)
            assert_int_equal(counts[e], e <= done[run] + 5 && isfinite(epoch_event(e).val_loss));
    }
    /* Other tags count steps of the run. */
    fv_events *events = NULL;
    snprintf(path, sizeof path, "%s/other", dir);
    assert_int_equal(fv_events_open(ctx, path, &events), FV_OK);
    for (int64_t i = 1; i <= 8; i++)
        assert_int_equal(fv_events_put(events, i, &(fv_scalar){"batch_loss", 1.0}, 1), FV_OK);
    fv_events_close(&events);
    assert_int_equal(fv_events_cut(ctx, path, &(fv_events_done){2, 2, 5}), FV_OK);
    count_points(dir, "other", "batch_loss", counts);
    for (int i = 1; i < 16; i++)
        assert_int_equal(counts[i], i <= 5);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* A write that fails half-way leaves whole records, and the file goes on when there is room again. */
static void test_full_disk(void **state)
{
    (void)state;
    char dir[256];
    decoded d;
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_events *e = NULL;
    fv_scalar scalar = {"epoch_loss", 0.5};
    assert_int_equal(fv_events_open(ctx, dir, &e), FV_OK);
    assert_int_equal(fv_events_put(e, 1, &scalar, 1), FV_OK);
    struct rlimit old, tight;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = (rlim_t)e->size + 10;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    fv_status status = fv_events_put(e, 2, &scalar, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, before);
    assert_int_equal(status, FV_ERR_IO);
    decode_file(e->path, &d);
    assert_int_equal(d.records, 2);
    assert_int_equal(fv_events_put(e, 3, &scalar, 1), FV_OK);
    scalar.value = NAN;
    assert_int_equal(fv_events_put(e, 4, &scalar, 1), FV_OK); /* nothing to say: no record */
    decode_file(e->path, &d);
    assert_int_equal(d.records, 3);
    assert_non_null(find_point(&d, "epoch_loss", 3));
    fv_events_close(&e);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

static void test_failure_is_a_warning(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_test_log log = {.size = 0};
    fv_ctx *ctx = fv_test_ctx(1, NULL, &log);
    fv_report *r = NULL;
    fv_test_write_text(fv_test_path(dir, "train"), "a file where the folder should be");
    assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
    send_text(r, FV_EVENT_START, NULL);
    fv_fit_event e = epoch_event(1);
    fv_report_event(r, &e); /* no results.csv either */
    assert_non_null(strstr(log.text, "1 report: TensorBoard events not written: "));
    assert_non_null(strstr(log.text, "1 report: report.html not written: "));
    assert_string_equal(fv_ctx_error(ctx), "");
    fv_report_destroy(&r);
    assert_int_equal(fv_report_create(ctx, "", "net", &r), FV_ERR_ARGUMENT);
    assert_null(r);
    fv_report_destroy(&r);
    fv_report_destroy(NULL);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* ---- the page ---- */

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, word)); p++)
        n++;
    return n;
}

static void test_page(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_report *r = NULL;
    assert_int_equal(fv_report_create(ctx, dir, "<net> & \"co\"", &r), FV_OK);
    fv_test_write_text(fv_test_path(dir, "args.yaml"), "lr: 0.1 # <fast>\n");
    send_text(r, FV_EVENT_WARN, "a < b");
    send_text(r, FV_EVENT_START, NULL);
    run_epochs(r, dir, 1, 1);
    char *page = read_page(ctx, dir);
    check_page(page);
    assert_int_equal(count(page, "<figure>"), 4);
    assert_null(strstr(page, "class=\"validation\"")); /* not measured yet */
    assert_non_null(strstr(page, "http-equiv=\"refresh\""));
    fv_free(ctx, page);

    run_epochs(r, dir, 2, 5);
    send_text(r, FV_EVENT_END, "early stopping: 2 > 1");
    page = read_page(ctx, dir);
    check_page(page);
    assert_non_null(strstr(page, "<h1>&lt;net&gt; &amp; &quot;co&quot;</h1>"));
    assert_non_null(strstr(page, "a &lt; b</li></ul>"));
    assert_non_null(strstr(page, "lr: 0.1 # &lt;fast&gt;"));
    assert_non_null(strstr(page, "early stopping: 2 &gt; 1"));
    assert_null(strstr(page, "http-equiv=\"refresh\""));
    assert_int_equal(count(page, "<polyline class=\"train\""), 2);
    assert_int_equal(count(page, "<polyline class=\"validation\""), 3);
    assert_int_equal(count(page, "<circle class=\"train\""), 10);
    assert_int_equal(count(page, "<circle class=\"validation\""), 6);
    assert_non_null(strstr(page, "<title>epoch 4, validation: 81.25 %</title>"));
    assert_non_null(strstr(page, "<b>81.25 %</b><small>best validation top-1, epoch 4</small>"));
    assert_non_null(strstr(page, "<b>5 of 6</b>"));
    assert_int_equal(count(page, ">best</text>"), 5); /* in every chart by epoch */
    assert_non_null(strstr(page, "<b>00:05:25</b>"));
    assert_int_equal(count(page, "<tr class=\"best\"><td>4</td><td>40</td><td>00:04:20</td><td>0.00025</td>"
                                 "<td>0.5000</td><td>87.50</td><td>0.6250</td><td>81.25</td><td>99.00</td>"
                                 "<td>1004</td><td>1.5</td><td>64</td></tr>"),
                     1);
    fv_free(ctx, page);
    fv_report_destroy(&r);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* The points of a chart lie where the values say. */
static void test_chart_geometry(void **state)
{
    (void)state;
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const double x[] = {1, 2, 3}, y[] = {0, 1, 2}, none[] = {NAN, NAN, NAN};
    fv_chart chart = {.title = "T",
                      .unit = "",
                      .scale = 1,
                      .from_zero = true,
                      .x_name = "epoch",
                      .mark = NAN,
                      .x = x,
                      .n = 3,
                      .n_series = 1};
    fv_str out = {.ctx = ctx};
    chart.series[0] = (fv_series){"train", y};
    fv_put_chart(&out, &chart);
    /* From 60 to 330 and from 180 up to 18. */
    assert_non_null(strstr(fv_str_get(&out), "points=\"60.0,180.0 195.0,99.0 330.0,18.0 \""));
    assert_null(strstr(fv_str_get(&out), "class=\"mark\""));
    fv_str_free(&out);
    chart.series[0].y = none;
    fv_put_chart(&out, &chart);
    assert_string_equal(fv_str_get(&out), "");
    fv_str_free(&out);
    fv_ctx_destroy(&ctx);
}

static void test_long_run(void **state)
{
    (void)state;
    enum { N = 5000 };
    static double column[FV_RESULT_COLUMNS][N];
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_results results = {.ctx = ctx, .rows = N};
    for (int c = 0; c < FV_RESULT_COLUMNS; c++) {
        results.column[c] = column[c];
        for (int i = 0; i < N; i++)
            column[c][i] = c == FV_RESULT_EPOCH ? i + 1 : i == 3210 ? 7 : 0.001 * (i % 7);
    }
    fv_str out = {.ctx = ctx};
    fv_put_page(&out, &(fv_page){.title = "t", .run = "r", .epochs = N, .warnings = "", .results = &results});
    check_page(fv_str_get(&out));
    assert_int_equal(count(fv_str_get(&out), "<tr"), 501);
    assert_non_null(strstr(fv_str_get(&out), "The last 500 of 5000 epochs"));
    /* At most 400 points a line, and the single high one is among them. */
    const char *line = strstr(fv_str_get(&out), "<polyline class=\"train\" points=\"");
    assert_non_null(line);
    int points = 0;
    bool top = false;
    for (const char *p = strchr(line, '=') + 24; *p != '"'; p = strchr(p, ' ') + 1) {
        top = top || strtod(strchr(p, ',') + 1, NULL) < 60;
        points++;
    }
    assert_true(points > 300 && points <= 400);
    assert_true(top);
    assert_true(out.size < 400000);
    fv_str_free(&out);
    fv_ctx_destroy(&ctx);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        int digits;
        const char *text;
    } rows[] = {{0, 4, "0"},
                {1, 4, "1"},
                {0.5, 4, "0.5"},
                {-0.25, 4,
                 "\xE2\x88\x92"
                 "0.25"},
                {0.98765, 3, "0.988"},
                {99.95, 3, "100"},
                {1234.5678, 4, "1235"},
                {0.001, 4, "0.001"},
                {0.00012345, 3, "0.000123"},
                {0.000012345, 3, "1.23e-5"},
                {0.000099999, 3, "1e-4"},
                {1e-9, 4, "1e-9"},
                {2.5e9, 4, "2.5e9"},
                {NAN, 4, "\xE2\x80\x93"}};
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fv_str out = {.ctx = ctx};
        fv_put_short(&out, rows[i].value, rows[i].digits);
        assert_string_equal(fv_str_get(&out), rows[i].text);
        fv_str_free(&out);
    }
    fv_str out = {.ctx = ctx};
    fv_put_fixed(&out, 1.005, 1);
    fv_str_append(&out, " ");
    fv_put_fixed(&out, -0.004, 2);
    fv_str_append(&out, " ");
    fv_put_fixed(&out, 12, 0);
    assert_string_equal(fv_str_get(&out), "1.0 0.00 12");
    fv_str_free(&out);
    fv_ctx_destroy(&ctx);
}

/* ---- results.csv ---- */

static void test_results(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    const char *path = fv_test_path(dir, "results.csv");
    fv_results r;
    fv_test_write_text(path, "val_top1,other,epoch,train_loss\r\n0.5,x,1,2.5\r\n,,2,\r\n0.75,,3,1e-1\r\nbroken\r\n"
                             "0.75,,4,0.2\r\n0.1,,5,");
    assert_int_equal(fv_results_read(ctx, path, &r), FV_OK);
    assert_int_equal(r.rows, 4); /* the last line has no end */
    assert_true(r.column[FV_RESULT_EPOCH][3] == 4);
    assert_true(isnan(r.column[FV_RESULT_val_top1][1]));
    assert_true(isnan(r.column[FV_RESULT_LR][0]));
    assert_true(r.column[FV_RESULT_train_loss][2] == 0.1);
    assert_int_equal(fv_results_best(&r, FV_RESULT_val_top1, 1), 2); /* the earlier of equals */
    assert_int_equal(fv_results_best(&r, FV_RESULT_train_loss, -1), 2);
    assert_int_equal(fv_results_best(&r, FV_RESULT_LR, 1), -1);
    assert_true(fv_results_last(&r, FV_RESULT_train_loss) == 0.2);
    assert_true(isnan(fv_results_last(&r, FV_RESULT_LR)));
    fv_results_free(&r);
    fv_test_write_text(path, "");
    assert_int_equal(fv_results_read(ctx, path, &r), FV_OK);
    assert_int_equal(r.rows, 0);
    fv_results_free(&r);
    assert_int_equal(fv_results_read(ctx, fv_test_path(dir, "none.csv"), &r), FV_ERR_NOT_FOUND);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
}

/* ---- memory ---- */

static fv_status write_parts(fv_ctx *ctx, void *arg)
{
    const char *dir = arg;
    fv_events *e = NULL;
    fv_results results;
    fv_report *r = NULL;
    fv_scalar scalars[] = {{"a", 1}, {"b", 2}};
    FV_TRY(fv_events_open(ctx, fv_test_path(dir, "parts"), &e));
    fv_status status = fv_events_put(e, 1, scalars, 2);
    fv_events_close(&e);
    if (status == FV_OK)
        status = fv_results_read(ctx, fv_test_path(dir, "results.csv"), &results);
    if (status != FV_OK)
        return status;
    fv_str out = {.ctx = ctx};
    fv_put_page(&out, &(fv_page){.title = "t", .run = "r", .warnings = "w\nv\n", .recipe = "x", .results = &results});
    status = fv_str_status(&out);
    fv_str_free(&out);
    fv_results_free(&results);
    if (status == FV_OK)
        status = fv_report_create(ctx, dir, "t", &r);
    fv_report_destroy(&r);
    return status;
}

static void test_parts_without_memory(void **state)
{
    (void)state;
    char dir[256];
    fv_test_dir_create(dir);
    fv_test_write_text(fv_test_path(dir, "results.csv"), "epoch,train_loss\n1,2\n2,1\n");
    assert_true(fv_test_each_allocation(write_parts, dir) > 20);
    fv_test_dir_remove(dir);
}

/* Whichever allocation fails: the run goes on, a warning is logged, no message is left, nothing leaks, and event files
 * stay readable. */
static void test_report_without_memory(void **state)
{
    (void)state;
    static fv_test_log log;
    for (int64_t n = 1;; n++) {
        char dir[256], path[768];
        decoded d;
        fv_test_dir_create(dir);
        fv_test_allocator a = {0};
        log = (fv_test_log){.size = 0};
        fv_ctx *ctx = fv_test_ctx(1, &a, &log);
        fv_report *r = NULL;
        assert_int_equal(fv_report_create(ctx, dir, "net", &r), FV_OK);
        a.calls = 0;
        a.fail_at = n;
        send_text(r, FV_EVENT_START, NULL);
        send_text(r, FV_EVENT_WARN, "careful");
        run_epochs(r, dir, 1, 2);
        send_text(r, FV_EVENT_END, "all epochs done");
        bool failed = a.failed > 0;
        assert_string_equal(fv_ctx_error(ctx), "");
        assert_true(failed == (log.lines > 0));
        fv_report_destroy(&r);
        int64_t now = -1;
        fv_ctx_memory(ctx, &now, NULL);
        assert_int_equal(now, 0);
        fv_ctx_destroy(&ctx);
        assert_int_equal(a.live_blocks, 0);
        if (find_files(dir, "train", path))
            decode_file(path, &d);
        fv_test_dir_remove(dir);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_resume_and_restart),
        cmocka_unit_test(test_killed_and_resumed),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_failure_is_a_warning),
        cmocka_unit_test(test_page),

        cmocka_unit_test(test_chart_geometry),
        cmocka_unit_test(test_long_run),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_parts_without_memory),
        cmocka_unit_test(test_report_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
