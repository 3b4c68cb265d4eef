/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files as they are, and pipes. */
#define FV_TEST_THREADS 1
#include "support/fixture.h"

#include <fcntl.h>

#include "base/file.h"

static const char *in_dir(const char *name)
{
    return fv_test_path(dir, name);
}

static void test_blob(void **state)
{
    (void)state;
    fv_blob b;
    fv_test_write_text(in_dir("blob"), "content");
    assert_int_equal(fv_blob_read(ctx, in_dir("blob"), &b), FV_OK);
    assert_int_equal(truncate(in_dir("blob"), 0), 0); /* what is read does not go away with the file */
    assert_int_equal(b.size, 7);
    assert_memory_equal(b.data, "content", 7);
    fv_blob_free(ctx, &b);
    assert_null(b.data);
    fv_blob_free(ctx, &b);
    assert_int_equal(fv_blob_read(ctx, in_dir("blob"), &b), FV_OK);
    assert_int_equal(b.size, 0);
    assert_non_null(b.data);
    fv_blob_free(ctx, &b);
    assert_int_equal(fv_blob_read(ctx, in_dir("absent"), &b), FV_ERR_NOT_FOUND);
    assert_int_equal(fv_blob_read(ctx, dir, &b), FV_ERR_IO);
    assert_int_equal(fv_blob_read(ctx, "/dev/null", &b), FV_ERR_IO);
    assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
    assert_int_equal(fv_blob_read(ctx, in_dir("pipe"), &b), FV_ERR_IO); /* at once: nobody writes to it */
    assert_non_null(strstr(fv_ctx_error(ctx), "is a device or pipe"));
}

static void *feed_pipe(void *path)
{
    const int fd = open(path, O_WRONLY);
    usleep(20000);
    if (fd >= 0 && write(fd, "first", 5) == 5) {
        usleep(20000);
        if (write(fd, " second", 7) != 7)
            unlink(path);
        close(fd);
    }
    return NULL;
}

/* A pipe is read to its end, however slowly it is written to. */
static void test_read_pipe(void **state)
{
    (void)state;
    pthread_t writer;
    char path[300];
    snprintf(path, sizeof path, "%s", in_dir("slow-pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, feed_pipe, path), 0);
    uint8_t *data = NULL;
    int64_t size = 0;
    assert_int_equal(fv_file_read(ctx, path, 0, false, &data, &size), FV_OK);
    assert_int_equal(size, 12);
    assert_memory_equal(data, "first second", 12);
    fv_free(ctx, data);
    pthread_join(writer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_blob, setup, teardown),
        cmocka_unit_test_setup_teardown(test_read_pipe, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
