/* SPDX-License-Identifier: Apache-2.0 */
#include "support/support.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/file.h"
#include "base/random.h"

static fv_ctx *ctx;
static char dir[256];

static int set_up(void **state)
{
    (void)state;
    ctx = fv_test_ctx(1, NULL, NULL);
    fv_test_dir_create(dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int64_t now;
    fv_ctx_memory(ctx, &now, NULL);
    fv_ctx_destroy(&ctx);
    fv_test_dir_remove(dir);
    return now != 0;
}

static const char *in_dir(const char *name)
{
    return fv_test_path(dir, name);
}

static void expect_error(const char *part)
{
    if (!strstr(fv_ctx_error(ctx), part))
        fail_msg("'%s' is not in the message '%s'", part, fv_ctx_error(ctx));
}

/* Reads a file that must be readable and compares it. */
static void expect_content(const char *path, bool gunzip, const void *data, int64_t size)
{
    uint8_t *read = NULL;
    int64_t read_size = -1;
    if (fv_file_read(ctx, path, 0, gunzip, &read, &read_size) != FV_OK)
        fail_msg("%s", fv_ctx_error(ctx));
    assert_int_equal(read_size, size);
    assert_memory_equal(read, data, (size_t)size);
    assert_int_equal(read[size], 0);
    fv_free(ctx, read);
}

static int64_t entries(void)
{
    char **names;
    int64_t count;
    assert_int_equal(fv_path_list(ctx, dir, &names, &count), FV_OK);
    fv_free(ctx, names);
    return count;
}

static uint8_t *noise(size_t size, int kinds)
{
    uint8_t *data = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        uint32_t word[4];
        fv_philox(1, FV_RANDOM_TEST, 4, i / 16, word);
        data[i] = (uint8_t)(((uint8_t *)word)[i % 16] % kinds);
    }
    return data;
}

static void test_read(void **state)
{
    (void)state;
    uint8_t *data = noise(200001, 256), *read;
    int64_t size;
    const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fv_test_write(in_dir("plain"), data, sizes[i]);
        expect_content(in_dir("plain"), false, data, (int64_t)sizes[i]);
    }
    free(data);
    assert_int_equal(fv_file_read(ctx, in_dir("plain"), 200001, false, &read, &size), FV_OK);
    fv_free(ctx, read);
    assert_int_equal(fv_file_read(ctx, in_dir("plain"), 200000, false, &read, &size), FV_ERR_DATA_TOO_LARGE);
    assert_null(read);
    expect_error("200001 bytes");
    assert_int_equal(fv_file_read(ctx, in_dir("absent"), 0, false, &read, &size), FV_ERR_NOT_FOUND);
    expect_error("absent: cannot open: ");
    assert_int_equal(fv_file_read(ctx, dir, 0, false, &read, &size), FV_ERR_IO);
    expect_error("is a folder");
    assert_int_equal(fv_file_read(ctx, in_dir("plain/below"), 0, false, &read, &size), FV_ERR_NOT_FOUND);
    /* The size of a file in /proc is not known before. */
    assert_int_equal(fv_file_read(ctx, "/proc/self/status", 0, false, &read, &size), FV_OK);
    assert_true(size > 50 && strstr((char *)read, "Pid:"));
    fv_free(ctx, read);
    assert_int_equal(fv_file_read(ctx, "/dev/zero", 100000, false, &read, &size), FV_ERR_DATA_TOO_LARGE);
}

static void write_gz(const char *path, const void *data, size_t size, const char *mode)
{
    gzFile gz = gzopen(path, mode);
    assert_non_null(gz);
    assert_int_equal(gzwrite(gz, data, (unsigned)size), size);
    assert_int_equal(gzclose(gz), Z_OK);
}

static void append(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static void test_gzip(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    uint8_t *data = noise(SIZE, 7), *read;
    int64_t size;
    const char *path = in_dir("data.gz");
    write_gz(path, data, SIZE, "wb6");
    expect_content(path, true, data, SIZE);
    assert_int_equal(fv_file_read(ctx, path, 0, false, &read, &size), FV_OK);
    assert_true(size < SIZE && read[0] == 0x1F); /* left alone when not asked */
    fv_free(ctx, read);
    assert_int_equal(fv_file_read(ctx, path, SIZE, true, &read, &size), FV_OK);
    fv_free(ctx, read);
    assert_int_equal(fv_file_read(ctx, path, SIZE - 1, true, &read, &size), FV_ERR_DATA_TOO_LARGE);
    expect_error("inflates to more");
    append(path, "\0\0\0", 3);
    expect_content(path, true, data, SIZE);
    append(path, "garbage", 7);
    assert_int_equal(fv_file_read(ctx, path, 0, true, &read, &size), FV_ERR_DATA_FORMAT);
    expect_error("7 bytes that are not gzip data");
    /* Two members are one text. */
    write_gz(path, data, 100000, "wb");
    write_gz(path, data + 100000, SIZE - 100000, "ab");
    expect_content(path, true, data, SIZE);
    write_gz(path, "", 0, "wb");
    expect_content(path, true, "", 0);
    fv_test_write_text(in_dir("not"), "plain text");
    expect_content(in_dir("not"), true, "plain text", 10);
    free(data);
}

static void test_gzip_cut_anywhere(void **state)
{
    (void)state;
    uint8_t *data = noise(3000, 5), *whole, *read;
    int64_t whole_size, size;
    write_gz(in_dir("cut.gz"), data, 3000, "wb9");
    assert_int_equal(fv_file_read(ctx, in_dir("cut.gz"), 0, false, &whole, &whole_size), FV_OK);
    for (int64_t n = 2; n < whole_size; n++) {
        char at[64];
        fv_test_write(in_dir("cut.gz"), whole, (size_t)n);
        assert_int_equal(fv_file_read(ctx, in_dir("cut.gz"), 0, true, &read, &size), FV_ERR_DATA_TRUNCATED);
        assert_null(read);
        snprintf(at, sizeof at, "ends too early, at byte %lld", (long long)n);
        expect_error(at);
        assert_true(fv_ctx_hint(ctx)[0] != '\0');
    }
    /* A flipped bit is found, if only by the checksum at the end. */
    int found = 0;
    for (int64_t n = 10; n < whole_size; n++) {
        whole[n] ^= 16;
        fv_test_write(in_dir("cut.gz"), whole, (size_t)whole_size);
        fv_status status = fv_file_read(ctx, in_dir("cut.gz"), 0, true, &read, &size);
        if (status == FV_OK) { /* the unused bits of the last byte of deflate data mean nothing */
            assert_true(n == whole_size - 9 && size == 3000 && !memcmp(read, data, 3000));
            fv_free(ctx, read);
        } else {
            assert_true(status == FV_ERR_DATA_FORMAT || status == FV_ERR_DATA_TRUNCATED);
        }
        found += status == FV_ERR_DATA_FORMAT;
        whole[n] ^= 16;
    }
    assert_true(found > 100);
    fv_free(ctx, whole);
    free(data);
}

static void test_writer_replaces_whole_files(void **state)
{
    (void)state;
    const char *path = in_dir("out");
    uint8_t *data = noise(300000, 256);
    int64_t before = entries();
    assert_int_equal(fv_file_write(ctx, path, "old", 3), FV_OK);
    expect_content(path, false, "old", 3);
    assert_int_equal(chmod(path, 0640), 0);
    fv_writer *w;
    assert_int_equal(fv_writer_open(ctx, path, &w), FV_OK);
    for (size_t at = 0, n = 1; at < 300000; at += n, n = n * 3 % 100003 + 1) {
        n = n < 300000 - at ? n : 300000 - at;
        assert_int_equal(fv_writer_put(w, data + at, n), FV_OK);
    }
    expect_content(path, false, "old", 3); /* until the commit */
    char temp[512];
    snprintf(temp, sizeof temp, "%s/.out.tmp-%ld", dir, (long)getpid());
    assert_true(fv_path_exists(temp));
    assert_int_equal(fv_writer_commit(&w), FV_OK);
    assert_null(w);
    expect_content(path, false, data, 300000);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(entries(), before + 1);

    assert_int_equal(fv_writer_open(ctx, path, &w), FV_OK);
    assert_int_equal(fv_writer_put(w, "new", 3), FV_OK);
    fv_writer_abort(&w);
    assert_null(w);
    fv_writer_abort(&w);
    expect_content(path, false, data, 300000);
    assert_int_equal(entries(), before + 1);
    free(data);
}

static void test_writer_and_stale_or_busy_temporaries(void **state)
{
    (void)state;
    char temp[512];
    snprintf(temp, sizeof temp, "%s/.stale.tmp-%ld", dir, (long)getpid());
    fv_test_write_text(temp, "left by a process that was killed, longer than what follows");
    assert_int_equal(fv_file_write(ctx, in_dir("stale"), "new", 3), FV_OK);
    expect_content(in_dir("stale"), false, "new", 3);
    assert_false(fv_path_exists(temp));
    fv_writer *first, *second;
    assert_int_equal(fv_writer_open(ctx, in_dir("stale"), &first), FV_OK);
    assert_int_equal(fv_writer_open(ctx, in_dir("stale"), &second), FV_ERR_LOCKED);
    assert_null(second);
    assert_int_equal(fv_writer_put(first, "first", 5), FV_OK);
    assert_int_equal(fv_writer_commit(&first), FV_OK);
    expect_content(in_dir("stale"), false, "first", 5);
}

static void test_writer_sweep_removes_what_the_killed_left(void **state)
{
    (void)state;
    static const char *const others[] = {".a.tmp-", "a.tmp-12", ".a.tmp-12x", ".tmp-", ".a"};
    char path[512];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, others[i]);
        fv_test_write_text(path, "a user's");
    }
    fv_writer *w;
    assert_int_equal(fv_writer_open(ctx, in_dir("busy"), &w), FV_OK);
    int64_t before = entries();
    snprintf(path, sizeof path, "%s/.a.tmp-9.tmp-4194999", dir);
    fv_test_write_text(path, "left");
    assert_int_equal(fv_writer_sweep(ctx, dir), FV_OK);
    assert_false(fv_path_exists(path));
    assert_int_equal(entries(), before);
    assert_int_equal(fv_writer_commit(&w), FV_OK);
    assert_int_equal(fv_writer_sweep(ctx, in_dir("absent")), FV_ERR_NOT_FOUND);
}

static void test_writer_failures(void **state)
{
    (void)state;
    fv_writer *w;
    assert_int_equal(fv_writer_open(ctx, in_dir("no/such/folder"), &w), FV_ERR_NOT_FOUND);
    assert_null(w);
    assert_int_equal(fv_writer_open(ctx, dir, &w), FV_ERR_IO);
    expect_error("is a folder");
    assert_int_equal(fv_writer_open(ctx, in_dir("name/"), &w), FV_ERR_ARGUMENT);
    assert_int_equal(fv_writer_open(ctx, "", &w), FV_ERR_ARGUMENT);
    /* A device is written to directly, and this one is always full. */
    assert_int_equal(fv_file_write(ctx, "/dev/null", "x", 1), FV_OK);
    assert_int_equal(fv_file_write(ctx, "/dev/full", "x", 1), FV_ERR_NO_SPACE);
    assert_string_equal(fv_ctx_error(ctx), "/dev/full: disk full after 0 bytes");
    assert_true(fv_path_exists("/dev/null") && fv_path_exists("/dev/full"));
}

/* A limit on the size of files stands for a disk that fills up half-way. */
static void test_writer_on_a_full_disk(void **state)
{
    (void)state;
    const char *path = in_dir("precious");
    assert_int_equal(fv_file_write(ctx, path, "old state", 9), FV_OK);
    int64_t before = entries();
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    uint8_t *data = noise(400000, 256);
    fv_writer *w;
    assert_int_equal(fv_writer_open(ctx, path, &w), FV_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fv_status put = fv_writer_put(w, data, 400000);
    fv_status again = fv_writer_put(w, data, 1);
    int64_t during = entries();
    fv_status commit = fv_writer_commit(&w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(put, FV_ERR_IO);
    assert_int_equal(again, put);
    assert_int_equal(commit, put);
    assert_int_equal(during, before); /* the temporary file went at once */
    assert_int_equal(entries(), before);
    expect_content(path, false, "old state", 9);
    free(data);
}

/* The same on a disk that really is too small, where the system lets a process mount one for itself. */
static void test_writer_on_a_tiny_disk(void **state)
{
    (void)state;
    char small[512];
    snprintf(small, sizeof small, "%s", in_dir("small"));
    assert_int_equal(mkdir(small, 0777), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if ((unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) ||
            mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) || mount("none", small, "tmpfs", 0, "size=200k"))
            _exit(77);
        char path[600], message[700];
        snprintf(path, sizeof path, "%s/state", small);
        snprintf(message, sizeof message, "%s: disk full after ", path);
        uint8_t *data = noise(400000, 256);
        bool ok = fv_file_write(ctx, path, "old state", 9) == FV_OK &&
                  fv_file_write(ctx, path, data, 400000) == FV_ERR_NO_SPACE &&
                  !strncmp(fv_ctx_error(ctx), message, strlen(message));
        char **names;
        int64_t count = 0;
        ok = ok && fv_path_list(ctx, small, &names, &count) == FV_OK && count == 1;
        if (ok) {
            fv_free(ctx, names);
            expect_content(path, false, "old state", 9);
        }
        free(data);
        _exit(ok ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: a process may not mount a file system here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_reader_sees_old_or_new(void **state)
{
    (void)state;
    const char *path = in_dir("flip");
    uint8_t *data = malloc(100000);
    memset(data, 'a', 100000);
    assert_int_equal(fv_file_write(ctx, path, data, 100000), FV_OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 40; i++) {
            memset(data, 'b' + i % 20, 100000);
            if (fv_file_write(ctx, path, data, 100000 - (size_t)i) != FV_OK)
                _exit(1);
        }
        _exit(0);
    }
    int status = 0, reads = 0;
    do {
        uint8_t *read;
        int64_t size;
        assert_int_equal(fv_file_read(ctx, path, 0, false, &read, &size), FV_OK);
        assert_true(size > 99900);
        for (int64_t i = 1; i < size; i++)
            assert_int_equal(read[i], read[0]);
        fv_free(ctx, read);
        reads++;
    } while (waitpid(child, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(reads > 1);
    free(data);
}

static void test_folders(void **state)
{
    (void)state;
    assert_int_equal(fv_path_mkdirs(ctx, in_dir("a/b//c/")), FV_OK);
    assert_true(fv_path_is_dir(in_dir("a/b/c")));
    assert_int_equal(fv_path_mkdirs(ctx, in_dir("a/b/c")), FV_OK);
    assert_int_equal(fv_path_mkdirs(ctx, "."), FV_OK);
    assert_int_equal(fv_path_mkdirs(ctx, "/"), FV_OK);
    fv_test_write_text(in_dir("a/file"), "x");
    assert_true(fv_path_exists(in_dir("a/file")));
    assert_false(fv_path_is_dir(in_dir("a/file")));
    assert_false(fv_path_exists(in_dir("a/none")));
    assert_int_equal(fv_path_mkdirs(ctx, in_dir("a/file")), FV_ERR_IO);
    expect_error("a/file: is a file");
    assert_int_not_equal(fv_path_mkdirs(ctx, in_dir("a/file/below")), FV_OK);

    static const char *const names[] = {"b.jpg", "a.jpg", "B.jpg", "10", "9", "\xC3\xA9.jpg", ".hidden"};
    for (size_t i = 0; i < 7; i++) {
        char name[64];
        snprintf(name, sizeof name, "list/%s", names[i]);
        fv_test_write_text(in_dir(name), "");
    }
    char **list;
    int64_t count;
    assert_int_equal(fv_path_list(ctx, in_dir("list"), &list, &count), FV_OK);
    assert_int_equal(count, 7);
    static const char *const sorted[] = {".hidden", "10", "9", "B.jpg", "a.jpg", "b.jpg", "\xC3\xA9.jpg"};
    for (int i = 0; i < 7; i++)
        assert_string_equal(list[i], sorted[i]);
    assert_null(list[7]);
    fv_free(ctx, list);
    assert_int_equal(fv_path_mkdirs(ctx, in_dir("empty")), FV_OK);
    assert_int_equal(fv_path_list(ctx, in_dir("empty"), &list, &count), FV_OK);
    assert_int_equal(count, 0);
    fv_free(ctx, list);
    assert_int_equal(fv_path_list(ctx, in_dir("none"), &list, &count), FV_ERR_NOT_FOUND);
    assert_null(list);
    assert_true(fv_path_free_bytes(dir) > 0);
    assert_int_equal(fv_path_free_bytes(in_dir("none")), -1);

    static const char *const joins[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"a", "", "a"}};
    for (int i = 0; i < 4; i++) {
        char *path = fv_path_join(ctx, joins[i][0], joins[i][1]);
        assert_string_equal(path, joins[i][2]);
        fv_free(ctx, path);
    }
}

static void test_lock(void **state)
{
    (void)state;
    const char *path = in_dir("lock");
    fv_lock lock, second;
    char holder[64];
    assert_int_equal(fv_lock_take(ctx, path, &lock), FV_OK);
    assert_int_equal(fv_lock_take(ctx, path, &second), FV_ERR_LOCKED);
    snprintf(holder, sizeof holder, "lock: is held by process %ld", (long)getpid());
    expect_error(holder);
    assert_int_equal(second.fd, -1);
    fv_lock_release(&second);
    fv_lock_release(&lock);
    fv_lock_release(&lock);
    assert_int_equal(fv_lock_take(ctx, path, &lock), FV_OK);
    fv_lock_release(&lock);
    assert_int_equal(fv_lock_take(ctx, in_dir("none/lock"), &lock), FV_ERR_NOT_FOUND);
    assert_int_equal(lock.fd, -1);
}

/* A holder that is killed leaves its number behind, but not the lock. */
static void test_lock_of_a_killed_process(void **state)
{
    (void)state;
    const char *path = in_dir("killed.lock");
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fv_lock lock;
        bool ok = fv_lock_take(ctx, path, &lock) == FV_OK;
        if (write(pipe_fd[1], ok ? "y" : "n", 1) == 1)
            pause();
        _exit(1);
    }
    char answer = 0;
    assert_int_equal(read(pipe_fd[0], &answer, 1), 1);
    assert_int_equal(answer, 'y');
    fv_lock lock;
    char holder[64];
    assert_int_equal(fv_lock_take(ctx, path, &lock), FV_ERR_LOCKED);
    snprintf(holder, sizeof holder, "held by process %ld", (long)child);
    expect_error(holder);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(fv_lock_take(ctx, path, &lock), FV_OK);
    fv_lock_release(&lock);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void test_clocks(void **state)
{
    (void)state;
    double t = fv_time_monotonic();
    usleep(2000);
    double passed = fv_time_monotonic() - t;
    assert_true(passed >= 0.002 && passed < 10);
    assert_true(fv_time_wall() > 1.7e9);
}

static fv_status use_reading(fv_ctx *c, void *arg)
{
    uint8_t *data;
    int64_t size;
    FV_TRY(fv_file_read(c, arg, 0, true, &data, &size));
    fv_free(c, data);
    return FV_OK;
}

static fv_status use_writing(fv_ctx *c, void *arg)
{
    return fv_file_write(c, arg, "text", 4);
}

static fv_status use_folders(fv_ctx *c, void *arg)
{
    FV_TRY(fv_path_mkdirs(c, arg));
    char **names;
    int64_t count;
    FV_TRY(fv_path_list(c, arg, &names, &count));
    fv_free(c, names);
    char *path = fv_path_join(c, arg, "name");
    fv_free(c, path);
    return path ? FV_OK : FV_ERR_NO_MEMORY;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", in_dir("memory.gz"));
    uint8_t *data = noise(300000, 3);
    write_gz(path, data, 300000, "wb");
    free(data);
    assert_true(fv_test_each_allocation(use_reading, path) >= 3);
    assert_int_equal(fv_test_each_allocation(use_writing, path), 4);
    snprintf(path, sizeof path, "%s", in_dir("list"));
    assert_true(fv_test_each_allocation(use_folders, path) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gzip_cut_anywhere),
        cmocka_unit_test(test_writer_replaces_whole_files),
        cmocka_unit_test(test_writer_and_stale_or_busy_temporaries),
        cmocka_unit_test(test_writer_sweep_removes_what_the_killed_left),
        cmocka_unit_test(test_writer_failures),
        cmocka_unit_test(test_writer_on_a_full_disk),
        cmocka_unit_test(test_writer_on_a_tiny_disk),
        cmocka_unit_test(test_reader_sees_old_or_new),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_of_a_killed_process),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
