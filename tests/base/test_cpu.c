/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of containers, from planted copies of /proc and /sys; and the system's own facts. */
#include "support/support.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/cpu.h"

#define GIB ((int64_t)1 << 30)

typedef struct planted {
    const char *path, *text;
} planted;

/* A machine of 1000 GiB with the files given (up to a NULL path); returns what is detected there. */
static fv_cpu detect(const planted *files)
{
    char root[256];
    fv_test_dir_create(root);
    fv_test_write_text(fv_test_path(root, "proc/meminfo"), "MemTotal:       1048576000 kB\nMemFree: 1 kB\n");
    for (; files->path; files++)
        fv_test_write_text(fv_test_path(root, files->path), files->text);
    fv_cpu cpu;
    fv_cpu_detect_at(root, &cpu);
    fv_test_dir_remove(root);
    return cpu;
}

#define V2_MOUNT                                                                                                       \
    "22 1 0:20 / /proc rw - proc proc rw\n29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
#define V1_MOUNTS                                                                                                      \
    "30 22 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup rw,cpu,cpuacct\n"                             \
    "31 22 0:28 / /sys/fs/cgroup/memory rw shared:6 - cgroup cgroup rw,memory\n"

/* The quota is at least one processor everywhere; on a machine with one, all quotas look alike. */
static int expect_threads(int quota)
{
    fv_cpu cpu;
    fv_cpu_detect_at("/nonexistent", &cpu);
    return quota < cpu.threads ? quota : cpu.threads;
}

static void test_no_limits(void **state)
{
    (void)state;
    fv_cpu cpu = detect((const planted[]){{"proc/self/cgroup", "0::/\n"},
                                          {"proc/self/mountinfo", V2_MOUNT},
                                          {"sys/fs/cgroup/cpu.max", "max 100000\n"},
                                          {"sys/fs/cgroup/memory.max", "max\n"},
                                          {0}});
    assert_int_equal(cpu.threads, expect_threads(1 << 20));
    assert_int_equal(cpu.memory, 1000 * GIB);
    assert_false(cpu.memory_capped);
}

static void test_v2_own_group(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int quota;
    } rows[] = {{"100000 100000\n", 1}, {"150000 100000\n", 2}, {"1000 100000\n", 1},  {"200001 100000\n", 3},
                {"max 100000\n", 4096}, {"garbage\n", 4096},    {"-5 100000\n", 4096}, {"100000 0\n", 4096}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fv_cpu cpu = detect((const planted[]){{"proc/self/cgroup", "0::/app.slice/run\n"},
                                              {"proc/self/mountinfo", V2_MOUNT},
                                              {"sys/fs/cgroup/app.slice/run/cpu.max", rows[i].text},
                                              {"sys/fs/cgroup/app.slice/run/memory.max", "2147483648\n"},
                                              {0}});
        assert_int_equal(cpu.threads, expect_threads(rows[i].quota));
        assert_int_equal(cpu.memory, 2 * GIB);
    }
}

static void test_v2_parents_limit_too(void **state)
{
    (void)state;
    fv_cpu cpu = detect((const planted[]){{"proc/self/cgroup", "0::/a/b/c\n"},
                                          {"proc/self/mountinfo", V2_MOUNT},
                                          {"sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n"},
                                          {"sys/fs/cgroup/a/b/c/memory.max", "8589934592\n"},
                                          {"sys/fs/cgroup/a/b/memory.max", "max\n"},
                                          {"sys/fs/cgroup/a/cpu.max", "100000 100000\n"},
                                          {"sys/fs/cgroup/a/memory.max", "4294967296\n"},
                                          {0}});
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.memory, 4 * GIB);
    assert_true(cpu.memory_capped);
}

/* In a container the group's path is the host's, of which only the end is mounted, or nothing that can be found. */
static void test_v2_inside_a_container(void **state)
{
    (void)state;
    fv_cpu cpu = detect((const planted[]){
        {"proc/self/cgroup", "0::/docker/0123abcd/inner\n"},
        {"proc/self/mountinfo", "29 22 0:26 /docker/0123abcd /sys/fs/cgroup ro - cgroup2 cgroup rw\n"},
        {"sys/fs/cgroup/inner/memory.max", "3221225472\n"},
        {"sys/fs/cgroup/cpu.max", "50000 100000\n"},
        {0}});
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.memory, 3 * GIB);
    cpu = detect((const planted[]){
        {"proc/self/cgroup", "0::/somewhere/else\n"},
        {"proc/self/mountinfo", "29 22 0:26 /docker/0123abcd /sys/fs/cgroup ro - cgroup2 cgroup rw\n"},
        {"sys/fs/cgroup/memory.max", "1073741824\n"},
        {"sys/fs/cgroup/cpu.max", "50000 100000\n"},
        {0}});
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.memory, GIB);
}

static void test_v1(void **state)
{
    (void)state;
    const char *groups = "5:memory:/box\n4:cpu,cpuacct:/box/part\n3:cpuset:/\n";
    fv_cpu cpu = detect((const planted[]){{"proc/self/cgroup", groups},
                                          {"proc/self/mountinfo", V1_MOUNTS},
                                          {"sys/fs/cgroup/cpu,cpuacct/box/part/cpu.cfs_quota_us", "-1\n"},
                                          {"sys/fs/cgroup/cpu,cpuacct/box/part/cpu.cfs_period_us", "100000\n"},
                                          {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "60000\n"},
                                          {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n"},
                                          {"sys/fs/cgroup/memory/box/memory.limit_in_bytes", "536870912\n"},
                                          {0}});
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.memory, GIB / 2);
    assert_true(cpu.memory_capped);
    cpu = detect((const planted[]){{"proc/self/cgroup", groups},
                                   {"proc/self/mountinfo", V1_MOUNTS},
                                   {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n"},
                                   {"sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n"},
                                   {"sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n"},
                                   {0}});
    assert_int_equal(cpu.threads, expect_threads(1 << 20));
    assert_int_equal(cpu.memory, 1000 * GIB);
    assert_false(cpu.memory_capped);
}

/* Both versions at once, the controllers in version 1, as some distributions mount them. */
static void test_hybrid(void **state)
{
    (void)state;
    fv_cpu cpu = detect((const planted[]){
        {"proc/self/cgroup", "4:cpu,cpuacct:/s\n5:memory:/s\n0::/s\n"},
        {"proc/self/mountinfo", V1_MOUNTS "32 22 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"},
        {"sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_quota_us", "100000\n"},
        {"sys/fs/cgroup/cpu,cpuacct/s/cpu.cfs_period_us", "100000\n"},
        {"sys/fs/cgroup/memory/s/memory.limit_in_bytes", "1073741824\n"},
        {"sys/fs/cgroup/unified/s/cgroup.procs", "1\n"},
        {0}});
    assert_int_equal(cpu.threads, 1);
    assert_int_equal(cpu.memory, GIB);
}

static void test_nonsense_is_survived(void **state)
{
    (void)state;
    char long_line[20000];
    memset(long_line, 'x', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = '\0';
    static const char *const groups[] = {"", "0::", "::\n", "0:\n", "\n\n\n", "0::no-slash\n", "4:cpu\n"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups + 1; i++) {
        const char *text = i < sizeof groups / sizeof *groups ? groups[i] : long_line;
        for (int k = 0; k < 2; k++) {
            fv_cpu cpu = detect(
                (const planted[]){{"proc/self/cgroup", text}, {"proc/self/mountinfo", k ? long_line : V2_MOUNT}, {0}});
            assert_true(cpu.threads >= 1);
            assert_int_equal(cpu.memory, 1000 * GIB);
            assert_false(cpu.memory_capped);
        }
    }
    fv_cpu cpu;
    fv_cpu_detect_at("/nonexistent", &cpu);
    assert_true(cpu.threads >= 1);
    assert_true(cpu.memory > 0);
    assert_true(strlen(cpu.name) > 0);
    fv_cpu_detect_at(long_line, &cpu);
    assert_true(cpu.threads >= 1);
}

static void test_cache_sizes(void **state)
{
    (void)state;
#define CACHE "sys/devices/system/cpu/cpu0/cache/"
    fv_cpu cpu = detect((const planted[]){{CACHE "index0/level", "1\n"},
                                          {CACHE "index0/type", "Data\n"},
                                          {CACHE "index0/size", "48K\n"},
                                          {CACHE "index1/level", "1\n"},
                                          {CACHE "index1/type", "Instruction\n"},
                                          {CACHE "index1/size", "32K\n"},
                                          {CACHE "index2/level", "2\n"},
                                          {CACHE "index2/type", "Unified\n"},
                                          {CACHE "index2/size", "1280K\n"},
                                          {CACHE "index3/level", "3\n"},
                                          {CACHE "index3/type", "Unified\n"},
                                          {CACHE "index3/size", "32M\n"},
                                          {0}});
    assert_int_equal(cpu.l1d, 48 << 10);
    assert_int_equal(cpu.l2, 1280 << 10);
    assert_int_equal(cpu.l3, 32 << 20);
}

#if defined(__x86_64__)
/* Whether the kernel's own list of the processor's features has a word. */
static bool kernel_lists(const char *feature)
{
    static char text[16384];
    FILE *file = fopen("/proc/cpuinfo", "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    char *flags = strstr(text, "\nflags");
    assert_non_null(flags);
    flags[1 + strcspn(flags + 1, "\n")] = ' ';
    char word[32];
    snprintf(word, sizeof word, " %s ", feature);
    char *found = strstr(flags, word), *end = strstr(flags, "\n\n");
    return found && (!end || found < end);
}
#endif

static void test_this_machine(void **state)
{
    (void)state;
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    assert_true(cpu.has[FV_ISA_SCALAR]);
#if defined(__x86_64__)
    assert_false(cpu.has[FV_ISA_NEON]);
    /* The compiler's own detection knows no F16C. */
    assert_int_equal(cpu.has[FV_ISA_AVX2], __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                                               __builtin_cpu_supports("bmi2") && kernel_lists("f16c"));
    assert_int_equal(cpu.has[FV_ISA_AVX512],
                     cpu.has[FV_ISA_AVX2] && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"));
#elif defined(__aarch64__)
    assert_true(cpu.has[FV_ISA_NEON]);
#endif
    assert_true(cpu.threads >= 1 && cpu.threads <= cpu.cores_online);
    assert_true(cpu.memory > 0);
}

static void test_affinity_mask(void **state)
{
    (void)state;
    cpu_set_t old, one;
    assert_int_equal(sched_getaffinity(0, sizeof old, &old), 0);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &old)) {
            CPU_SET(i, &one);
            break;
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    fv_cpu cpu;
    fv_cpu_detect(&cpu);
    assert_int_equal(sched_setaffinity(0, sizeof old, &old), 0);
    assert_int_equal(cpu.threads, 1);
}

static void test_resource_limits(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit limit = {300 << 20, 300 << 20};
            fv_cpu cpu;
            if (setrlimit(which ? RLIMIT_DATA : RLIMIT_AS, &limit))
                _exit(1);
            fv_cpu_detect(&cpu);
            _exit(cpu.memory == 300 << 20 ? 0 : 2);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void test_names(void **state)
{
    (void)state;
    fv_isa isa;
    for (int i = 0; i < FV_ISA_COUNT; i++) {
        assert_true(fv_isa_parse(fv_isa_name((fv_isa)i), &isa));
        assert_int_equal(isa, i);
    }
    assert_false(fv_isa_parse("AVX2", &isa));
    assert_false(fv_isa_parse("", &isa));
    assert_string_equal(fv_isa_name(FV_ISA_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limits),
        cmocka_unit_test(test_v2_own_group),
        cmocka_unit_test(test_v2_parents_limit_too),
        cmocka_unit_test(test_v2_inside_a_container),
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_hybrid),
        cmocka_unit_test(test_nonsense_is_survived),
        cmocka_unit_test(test_cache_sizes),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_affinity_mask),
        cmocka_unit_test(test_resource_limits),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
