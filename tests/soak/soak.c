/* SPDX-License-Identifier: Apache-2.0 */
/*
 * soak SECONDS [SEED]: loads data sets, over and over, while another process spoils a part of their files; now and then
 * the program itself, named by the variable FOVEA, does the same. At the end: no memory, thread or open file that was
 * not there at the beginning, every safe sample as it should be in every epoch, no word about what was not touched.
 */
#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "data/dataset.h"
#include "soak/soak.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
/* A small quarantine, so that memory which grows is seen. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=8";
}
#endif

enum { SIDE = 24, MAX_SAMPLES = 64, EPOCHS = 2 };

static soak_world world;
static uint64_t state = 1; /* of the random numbers */
static fv_test_log lines;

/* What happened, for the last words. */
static struct {
    long long rounds, samples, refused, quarantined, stopped, stalled, left_behind, runs, failed_runs;
} n;

/* The safe samples' pixels, before the vandal came. */
static struct {
    char name[512];
    uint64_t hash;
} safe[SOAK_SETS][MAX_SAMPLES];
static int n_safe[SOAK_SETS];

static uint64_t hash_of(const float *p, size_t count)
{
    uint64_t hash = 14695981039346656037u;
    const uint8_t *bytes = (const uint8_t *)p;
    for (size_t i = 0; i < count * sizeof *p; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

/* ---- a set is opened and loaded ---- */

static fv_pipeline pipeline_of(const fv_dataset *d)
{
    fv_pipeline p = {.h = SIDE, .w = SIDE, .c = 3, .antialias = true};
    (void)d;
    for (int k = 0; k < 3; k++)
        p.std[k] = 1;
    return p;
}

/* The pixels of each sample of an epoch; safe ones must be there. */
static bool load_epoch(fv_ctx *ctx, fv_loader *l, const fv_dataset *d, int64_t epoch, uint64_t *hash)
{
    fv_batch batch;
    memset(hash, 0, MAX_SAMPLES * sizeof *hash);
    fv_status status = fv_loader_start(l, epoch, 0);
    while (status == FV_OK) {
        status = fv_loader_next(l, &batch);
        if (status != FV_OK || batch.n == 0)
            break;
        for (int64_t i = 0; i < batch.n; i++) {
            const float *pixels = batch.images + i * SIDE * SIDE * 3;
            for (int e = 0; e < SIDE * SIDE * 3; e++) {
                if (!(pixels[e] >= 0 && pixels[e] <= 1))
                    soak_fail("a pixel is %g", (double)pixels[e]);
            }
            hash[batch.samples[i]] = hash_of(pixels, SIDE * SIDE * 3);
            n.samples++;
        }
    }
    if (status != FV_OK) {
        n.stopped++;
        soak_judge(fv_ctx_error(ctx));
        return false;
    }
    for (int64_t i = 0; i < fv_dataset_count(d); i++) {
        if (soak_is_safe(d, i) && hash[i] == 0)
            soak_fail("safe sample %lld of %s is not in the epoch", (long long)i, fv_dataset_format(d));
    }
    return true;
}

/* Without augmentation the pixels are those of the beginning. */
static void compare_with_beginning(const fv_dataset *d, int set, const uint64_t *hash)
{
    int seen = 0;
    for (int64_t i = 0; i < fv_dataset_count(d); i++) {
        char name[512];
        if (!soak_is_safe(d, i))
            continue;
        fv_dataset_sample_name(d, i, name, sizeof name);
        int k = 0;
        while (k < n_safe[set] && strcmp(safe[set][k].name, name) != 0)
            k++;
        if (k == n_safe[set] || safe[set][k].hash != hash[i])
            soak_fail("%s: %s", name, k == n_safe[set] ? "was not there before" : "other pixels than at the beginning");
        seen++;
    }
    if (seen != n_safe[set])
        soak_fail("%s: %d of %d safe samples; opened as %s, %lld samples of %lld classes, the first %s", world.set[set],
                  seen, n_safe[set], fv_dataset_format(d), (long long)fv_dataset_count(d),
                  (long long)fv_dataset_classes(d), fv_dataset_class_name(d, 0));
}

static void remember(const fv_dataset *d, int set, const uint64_t *hash)
{
    for (int64_t i = 0; i < fv_dataset_count(d); i++) {
        if (!soak_is_safe(d, i))
            continue;
        fv_dataset_sample_name(d, i, safe[set][n_safe[set]].name, sizeof safe[0][0].name);
        safe[set][n_safe[set]++].hash = hash[i];
    }
}

/* ---- reads that stall ---- */

/* Some samples are read from a pipe before anything else, as from a disk that does not answer. */
static struct {
    const fv_source_ops *real;
    fv_source_ops ops;
    char pipe[300];
    pthread_t writer;
    double patience; /* seconds until the writer comes */
    _Atomic bool over;
} stall;

static fv_status stalled_image(fv_source *source, int64_t i, const fv_decode_options *options,
                               fv_image_request *request, fv_image *image, fv_decode_notes *notes,
                               fv_image_error *error)
{
    char name[512], byte;
    source->ops->name(source, i, name, sizeof name);
    if (strstr(name, "prey_03") && !stall.over) {
        const int fd = open(stall.pipe, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, &byte, 1) < 0)
            soak_fail("the pipe cannot be read");
        if (fd >= 0)
            close(fd);
    }
    return stall.real->image(source, i, options, request, image, notes, error);
}

/* Comes late, and writes until nobody reads any more. */
static void *write_late(void *unused)
{
    (void)unused;
    usleep((useconds_t)(stall.patience * 1e6));
    while (!stall.over) {
        const int fd = open(stall.pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0) {
            if (write(fd, "....", 4) < 0)
                usleep(100);
            close(fd);
        }
        usleep(5000);
    }
    return NULL;
}

static void begin_stall(fv_dataset *d)
{
    stall.real = d->source->ops;
    stall.ops = *stall.real;
    stall.ops.image = stalled_image;
    stall.over = false;
    stall.patience = 0.001 * soak_random(&state, 3000);
    snprintf(stall.pipe, sizeof stall.pipe, "%s/stall", world.dir);
    unlink(stall.pipe);
    if (mkfifo(stall.pipe, 0600) != 0 || pthread_create(&stall.writer, NULL, write_late, NULL) != 0)
        soak_fail("no pipe, or no thread");
    d->source->ops = &stall.ops;
    n.stalled++;
}

/* ---- rounds ---- */

/* One data set, opened and loaded for some epochs in one way. */
static void load_set(fv_ctx *ctx, int set, bool first, bool stalls)
{
    static const char *const augments[] = {NULL, "hflip; crop pad=4", "rrc; hue; noise; hflip"};
    static const int workers[] = {-1, 1, 2, 4};
    uint64_t hash[MAX_SAMPLES], again[MAX_SAMPLES];
    fv_dataset *d = NULL;
    fv_loader *l = NULL, *m = NULL;
    if (fv_dataset_open(ctx, world.set[set],
                        &(fv_dataset_options){.allow_empty = true, .allow_extra = true, .max_bad = 1}, &d) != FV_OK) {
        n.refused++;
        soak_judge(fv_ctx_error(ctx));
        return;
    }
    const fv_pipeline p = pipeline_of(d);
    fv_loader_options o = {.batch_size = 1 + soak_random(&state, 12),
                           .shuffle = true,
                           .seed = soak_random(&state, 1000),
                           .workers = workers[stalls ? 1 + soak_random(&state, 3) : soak_random(&state, 4)],
                           .queue = (int)soak_random(&state, 4),
                           .augment = first ? NULL : augments[soak_random(&state, 3)],
                           .stuck_after = stalls ? 0.2 : 20};
    const fv_loader_options in_turn = {
        .batch_size = 7, .shuffle = true, .seed = o.seed, .workers = -1, .augment = o.augment};
    if (stalls)
        begin_stall(d);
    if (fv_loader_create(d, &p, &o, &l) != FV_OK || fv_loader_create(d, &p, &in_turn, &m) != FV_OK)
        soak_fail("%s", fv_ctx_error(ctx));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        if (!load_epoch(ctx, l, d, epoch, hash))
            break;
        if (first)
            remember(d, set, hash);
        else if (!o.augment)
            compare_with_beginning(d, set, hash);
        if (first || stalls)
            break;
        if (soak_random(&state, 2) == 0 || !load_epoch(ctx, m, d, epoch, again))
            continue;
        for (int64_t i = 0; i < fv_dataset_count(d); i++) {
            if (soak_is_safe(d, i) && hash[i] != again[i])
                soak_fail("%s: sample %lld is not the same from two loaders", world.set[set], (long long)i);
        }
    }
    int64_t bad = 0;
    fv_loader_stats(l, NULL, &bad);
    n.quarantined += bad;
    fv_loader_destroy(&m);
    fv_loader_destroy(&l);
    fv_dataset_destroy(&d);
}

/* A round leaves nothing behind, at the latest when the pipe has answered. */
static void play_round(int set, bool first)
{
    static fv_test_allocator ring[64]; /* the thread that frees the last block is not done with it yet */
    fv_test_allocator *const allocator = &ring[n.rounds % 64];
    const bool stalls = !first && set == SOAK_FOLDER && soak_random(&state, 4) == 0;
    lines.size = 0;
    lines.text[0] = '\0';
    memset(allocator, 0, sizeof *allocator);
    fv_ctx *ctx = fv_test_ctx(1 + (int)soak_random(&state, 3), allocator, &lines);
    load_set(ctx, set, first, stalls);
    soak_judge(lines.text);
    n.left_behind += strstr(lines.text, "a thread stays behind") != NULL;
    fv_ctx_destroy(&ctx);
    for (int i = 0; i < 3000 && allocator->live_blocks > 0; i++)
        usleep(10000);
    if (allocator->live_blocks > 0 || allocator->errors > 0)
        soak_fail("%lld blocks are left, %lld wrongly freed", (long long)allocator->live_blocks,
                  (long long)allocator->errors);
    if (stalls && stall.real) {
        stall.over = true;
        pthread_join(stall.writer, NULL);
        stall.real = NULL;
    }
    n.rounds++;
}

/* ---- the program ---- */

/* Runs the program on a set that is being spoilt. It may refuse the data, and nothing else may happen. */
static void run_program(const char *fovea, int which)
{
    char run[400], image[400];
    snprintf(run, sizeof run, "%s/run", world.dir);
    snprintf(image, sizeof image, "%s/packed.fvpack", world.dir);
    char *const folder = world.set[SOAK_FOLDER], *const packed = world.set[SOAK_PACK],
                *const shards = world.set[SOAK_SHARDS];
    char *const args[][18] = {
        {"fovea", "train", "--data", folder, "--model", "lenet", "--epochs", "4", "--batch-size", "8", "--max-bad", "1",
         "--io-timeout", "5", "--project", run, NULL},
        {"fovea", "data", "check", folder, NULL},
        {"fovea", "data", "stats", packed, NULL},
        {"fovea", "train", "--data", packed, "--model", "lenet", "--img-size", "32", "--epochs", "3", "--max-bad", "1",
         "--project", run, NULL},
        {"fovea", "data", "pack", folder, "--output", image, "--max-bad", "1", NULL},
        {"fovea", "data", "check", shards, NULL},
    };
    const char *const output = fv_test_path(world.dir, "output");
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        const int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        alarm(300); /* hanging is a fault */
        if (fd >= 0 && dup2(fd, 1) >= 0 && dup2(fd, 2) >= 0)
            execv(fovea, args[which % (int)(sizeof args / sizeof *args)]);
        _exit(127);
    }
    int code = 0;
    if (pid < 0 || waitpid(pid, &code, 0) != pid)
        soak_fail("fork or wait");
    n.runs++;
    n.failed_runs += code != 0;
    soak_judge_run(output, args[which % (int)(sizeof args / sizeof *args)], code);
    if (access(run, F_OK) == 0)
        fv_test_dir_remove(run);
    unlink(image);
}

/* ---- what the process holds ---- */

typedef struct holdings {
    int files, threads;
    double megabytes;
} holdings;

static int entries_of(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static holdings look(void)
{
    long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lld %lld", &total, &resident) != 2)
        soak_fail("/proc/self/statm");
    fclose(file);
    return (holdings){entries_of("/proc/self/fd"), entries_of("/proc/self/task"),
                      (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576};
}

static void report(double seconds, const holdings *h)
{
    printf("%6.0f s: %lld rounds, %lld samples, %lld quarantined, %lld sets refused, %lld epochs stopped, %lld with "
           "stalls (%lld left threads behind), %lld runs (%lld refused); %d files, %d threads, %.1f MB\n",
           seconds, n.rounds, n.samples, n.quarantined, n.refused, n.stopped, n.stalled, n.left_behind, n.runs,
           n.failed_runs, h->files, h->threads, h->megabytes);
    fflush(stdout);
}

static void soak(double seconds, const char *fovea)
{
    const double begin = fv_time_monotonic();
    double told = begin, early = 0, late = 0;
    holdings first = {0}, now = {0};
    for (int round = 0; round < SOAK_SETS || fv_time_monotonic() - begin < seconds; round++) {
        play_round(round % SOAK_SETS, false);
        if (fovea && round % 40 == 20)
            run_program(fovea, round / 40);
        for (int i = 0; i < 100 && round > 0; i++) { /* threads that were left behind are going */
            now = look();
            if (now.threads <= first.threads)
                break;
            usleep(10000);
        }
        now = look();
        if (round == 0)
            first = now;
        if (now.files > first.files || now.threads > first.threads)
            soak_fail("%d open files and %d threads, %d and %d at the beginning", now.files, now.threads, first.files,
                      first.threads);
        const double done = (fv_time_monotonic() - begin) / (seconds > 0 ? seconds : 1);
        if (done < 0.2)
            early = fmax(early, now.megabytes);
        if (done > 0.8)
            late = fmax(late, now.megabytes);
        if (fv_time_monotonic() - told > 60) {
            told = fv_time_monotonic();
            report(told - begin, &now);
        }
    }
    report(fv_time_monotonic() - begin, &now);
    if (seconds >= 300 && late > early * 1.1 + 8)
        soak_fail("%.1f MB in the last fifth, %.1f in the first", late, early);
}

int main(int argc, char **argv)
{
    const double seconds = argc > 1 ? atof(argv[1]) : 60;
    const unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    const char *fovea = getenv("FOVEA");
    signal(SIGPIPE, SIG_IGN);
    state = seed;
    soak_world_make(&world);
    soak_judge_begin(&world);
    for (int set = 0; set < SOAK_SETS; set++)
        play_round(set, true);
    fflush(NULL);
    const pid_t parent = getpid(), vandal = fork();
    if (vandal == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            soak_vandalize(&world, seed);
        _exit(1);
    }
    if (vandal < 0)
        soak_fail("no second process");
    soak(seconds, fovea && *fovea ? fovea : NULL);
    kill(vandal, SIGKILL);
    waitpid(vandal, NULL, 0);
    const int findings = soak_judge_tell();
    fv_test_dir_remove(world.dir);
    soak_world_free(&world);
    return findings > 0;
}
