/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's own malloc failing once, at each of its calls: in the libraries that read YAML, JSON, PNG, JPEG and
 * gzip, in stdio and in the default allocator. Always NO_MEMORY (or OK where a library tried
 * again and got on), never a crash, nothing leaked. This program brings malloc and its kin along, in front of the C
 * library's; sanitizers want to do the same, so their builds run everything once without failures.
 */
#include "support/support.h"

#include <errno.h>

#include <fovea/fovea.h>

#include <jpeglib.h>
#include <zlib.h>

static _Atomic int64_t calls, fail_at, failed, live;
static _Atomic bool paused; /* what the test itself does is not to fail */

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_FAIL 1

/* Seen by the libraries. */
#pragma GCC visibility push(default)
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *ptr, size_t size);
void *memalign(size_t align, size_t size);
void *aligned_alloc(size_t align, size_t size);
int posix_memalign(void **ptr, size_t align, size_t size);
void free(void *ptr);
#pragma GCC visibility pop

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *ptr);

static bool refuse(void)
{
    if (paused || atomic_fetch_add(&calls, 1) + 1 != fail_at)
        return false;
    failed++;
    errno = ENOMEM;
    return true;
}

static void *counted(void *ptr)
{
    live += ptr != NULL;
    return ptr;
}

void *malloc(size_t size)
{
    return refuse() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *ptr, size_t size)
{
    if (refuse())
        return NULL;
    void *grown = __libc_realloc(ptr, size);
    if (!ptr)
        return counted(grown);
    live -= !size && !grown;
    return grown;
}

void *memalign(size_t align, size_t size)
{
    return refuse() ? NULL : counted(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **ptr, size_t align, size_t size)
{
    void *block = memalign(align, size);
    if (!block)
        return ENOMEM;
    *ptr = block;
    return 0;
}

void free(void *ptr)
{
    live -= ptr != NULL;
    __libc_free(ptr);
}
#else
#define CAN_FAIL 0
#endif

static char folder[256];

/* ---- running something with each call failing ---- */

typedef fv_status (*job_fn)(fv_ctx *ctx);

typedef struct job {
    const char *name;
    job_fn fn;
    int threads;
    int64_t at_least; /* calls of malloc and its kin */
    int64_t retries;  /* how many of them may fail and be tried again: libjpeg then asks for less, a folder is opened
                         again */
} job;

static void on_log(void *user, fv_log_level level, const char *topic, const char *line)
{
    (void)level;
    (void)topic;
    snprintf(user, 512, "%s", line);
}

/* One run with a context of its own; text receives the message. */
static fv_status run_once(const job *j, char text[512])
{
    fv_ctx *ctx = NULL;
    text[0] = '\0';
    fv_status status = fv_ctx_create(&(fv_ctx_options){.threads = j->threads, .log = on_log, .log_user = text}, &ctx);
    if (status != FV_OK)
        return status;
    status = j->fn(ctx);
    if (status != FV_OK)
        snprintf(text, 512, "%s", fv_ctx_error(ctx));
    fv_ctx_destroy(&ctx);
    return status;
}

static void each_call(void **state)
{
    const job *j = *state;
    char text[512];
    /* Twice: the first run fills what the C library keeps. */
    for (int i = 0; i < 2; i++)
        if (run_once(j, text) != FV_OK)
            fail_msg("%s: %s", j->name, text);
    int64_t n, survived = 0;
    const int64_t step = FV_TEST_CASES(1, 7) * fv_test_share(&n);
    for (bool more = CAN_FAIL; more; n += step) {
        int64_t before = live;
        calls = failed = 0;
        fail_at = n;
        fv_status status = run_once(j, text);
        fail_at = 0;
        more = failed > 0;
        survived += more && status == FV_OK;
        if (more && status != FV_ERR_NO_MEMORY && (status != FV_OK || survived > j->retries))
            fail_msg("%s: call %lld failed, but the status was %s: %s\n", j->name, (long long)n, fv_status_name(status),
                     text);
        if (status != FV_OK && !text[0])
            fail_msg("%s: call %lld failed without a message\n", j->name, (long long)n);
        if (!more && status != FV_OK)
            fail_msg("%s: nothing failed, but the status was %s: %s", j->name, fv_status_name(status), text);
        if (live != before)
            fail_msg("%s: call %lld failed, and %lld blocks were not freed\n", j->name, (long long)n,
                     (long long)(live - before));
    }
    print_message("%s: %lld calls\n", j->name, (long long)n - 2);
    if (CAN_FAIL)
        assert_true(n - 2 >= FV_TEST_CASES(j->at_least, 0)); /* valgrind answers the libraries itself */
}

/* ---- what is run ---- */

static fv_status only_context(fv_ctx *ctx)
{
    (void)ctx;
    return FV_OK;
}

static fv_status read_yaml(fv_ctx *ctx)
{
    fv_model *m = NULL;
    fv_status status = fv_model_read_architecture(ctx, fv_test_path(folder, "net.yaml"), NULL, &m);
    fv_model_destroy(&m);
    return status;
}

static fv_status load_model(fv_ctx *ctx)
{
    fv_model *m = NULL;
    fv_status status = fv_model_load(ctx, fv_test_path(folder, "model.safetensors"), &m);
    if (status == FV_OK)
        status = fv_model_save(m, fv_test_path(folder, "again.safetensors"));
    fv_model_destroy(&m);
    return status;
}

static fv_status read_images(fv_ctx *ctx)
{
    static const char *const names[] = {"images/a/1.png", "images/b/1.jpg", "images/b/2.jpg"};
    fv_status status = FV_OK;
    for (int i = 0; i < 3 && status == FV_OK; i++) {
        fv_image image = {0};
        status = fv_image_read(ctx, fv_test_path(folder, names[i]), NULL, &image, NULL);
        if (status == FV_OK)
            status = fv_image_write_png(ctx, fv_test_path(folder, "out.png"), &image);
        fv_image_free(ctx, &image);
    }
    return status;
}

static fv_status evaluate(fv_ctx *ctx)
{
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    fv_metrics metrics;
    fv_status status = fv_model_load(ctx, fv_test_path(folder, "model.safetensors"), &m);
    if (status == FV_OK)
        status = fv_dataset_open(ctx, fv_test_path(folder, "images"), NULL, &data);
    if (status == FV_OK)
        status = fv_evaluate(m, data, 2, -1, &metrics);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static fv_status train(fv_ctx *ctx, const char *data_name, int workers)
{
    fv_model *m = NULL;
    fv_dataset *data = NULL;
    const char *run = fv_test_path(folder, "run");
    paused = true;
    if (!access(run, F_OK))
        fv_test_dir_remove(run);
    paused = false;
    fv_status status = fv_dataset_open(ctx, fv_test_path(folder, data_name), NULL, &data);
    fv_zoo_options zoo = {.classes = status == FV_OK ? fv_dataset_classes(data) : 0};
    if (status == FV_OK)
        status = fv_model_read_architecture(ctx, fv_test_path(folder, "net.yaml"), &zoo, &m);
    if (status == FV_OK)
        status = fv_model_init(m, 1, FV_INIT_DEFAULT);
    fv_fit_options o = FV_FIT_OPTIONS(.weight_decay = 0, .schedule = FV_CONSTANT, .epochs = 1, .batch_size = 3,
                                      .workers = workers, .output = run, .arguments = "epochs: 1\n");
    if (status == FV_OK)
        status = fv_fit_with(m, data, &o, NULL);
    fv_dataset_destroy(&data);
    fv_model_destroy(&m);
    return status;
}

static fv_status train_digits(fv_ctx *ctx)
{
    return train(ctx, "digits", -1);
}

static fv_status train_images(fv_ctx *ctx)
{
    return train(ctx, "images", 2);
}

/* ---- set up ---- */

static const char architecture[] = "input: [12, 12, 3]\n"
                                   "layers:\n"
                                   "  - conv2d: {filters: 4, kernel: 3, stride: 2}\n"
                                   "  - batch_norm\n"
                                   "  - relu\n"
                                   "  - flatten\n"
                                   "  - dense: {units: 2}\n";

static void noise(uint8_t *pixels, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        pixels[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
}

/* A baseline or progressive JPEG of noise. */
static void write_jpeg(const char *path, bool progressive)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    uint8_t row[24 * 3];
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, file);
    c.image_width = 24;
    c.image_height = 17;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    if (progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        noise(row, sizeof row, c.next_scanline);
        jpeg_write_scanlines(&c, (JSAMPROW[]){row}, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    assert_int_equal(fclose(file), 0);
}

/* A data set of digits in gzip's files. */
static void write_digits(fv_ctx *ctx)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"};
    static uint8_t block[1 << 14];
    char plain[300];
    snprintf(plain, sizeof plain, "%s/plain", folder);
    assert_int_equal(fv_make_digits(ctx, plain, 10, 10, 5), FV_OK);
    for (int i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "digits/%s.gz", names[i]);
        fv_test_write_text(fv_test_path(folder, name), "");
        gzFile to = gzopen(fv_test_path(folder, name), "wb");
        FILE *from = fopen(fv_test_path(plain, names[i]), "rb");
        assert_true(to && from);
        size_t size = fread(block, 1, sizeof block, from);
        assert_true(size > 0 && size < sizeof block);
        assert_int_equal(gzwrite(to, block, (unsigned)size), size);
        assert_int_equal(gzclose(to), Z_OK);
        fclose(from);
    }
}

static int setup(void **state)
{
    (void)state;
    fv_test_dir_create(folder);
    fv_ctx *ctx = fv_test_ctx(1, NULL, NULL);
    fv_model *m = NULL;
    uint8_t pixels[14 * 20 * 3];
    fv_test_write_text(fv_test_path(folder, "net.yaml"), architecture);
    fv_test_write_text(fv_test_path(folder, "images/a/1.png"), "");
    fv_test_write_text(fv_test_path(folder, "images/b/1.jpg"), "");
    noise(pixels, sizeof pixels, 7);
    fv_image image = {.data = pixels, .h = 14, .w = 20, .c = 3};
    assert_int_equal(fv_image_write_png(ctx, fv_test_path(folder, "images/a/1.png"), &image), FV_OK);
    write_digits(ctx);
    write_jpeg(fv_test_path(folder, "images/b/1.jpg"), false);
    write_jpeg(fv_test_path(folder, "images/b/2.jpg"), true);
    if (fv_model_read_architecture(ctx, fv_test_path(folder, "net.yaml"), NULL, &m) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(fv_model_init(m, 1, FV_INIT_DEFAULT), FV_OK);
    assert_int_equal(fv_model_save(m, fv_test_path(folder, "model.safetensors")), FV_OK);
    fv_model_destroy(&m);
    fv_ctx_destroy(&ctx);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fv_test_dir_remove(folder);
    return 0;
}

int main(void)
{
    static job jobs[] = {
        {"context", only_context, 1, 1, 0},
        {"context with threads", only_context, 3, 1, 0},
        {"yaml", read_yaml, 1, 60, 0},
        {"model file", load_model, 1, 90, 0},
        {"images", read_images, 1, 60, 4},
        {"evaluate", evaluate, 1, 300, 12},
        {"train digits", train_digits, 1, 300, 0},
        {"train images", train_images, 2, 300, 12},
    };
    enum { JOBS = sizeof jobs / sizeof jobs[0] };
    struct CMUnitTest tests[JOBS];
    for (int i = 0; i < JOBS; i++)
        tests[i] = (struct CMUnitTest){jobs[i].name, each_call, NULL, NULL, &jobs[i]};
    return cmocka_run_group_tests(tests, setup, teardown);
}
