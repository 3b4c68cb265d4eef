/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about the machine. This file needs the C library alone: the kernel checker for another architecture is built
 * from it without the rest of the floor.
 */
#include "base/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const isa_names[FV_ISA_COUNT] = {
    [FV_ISA_SCALAR] = "scalar", [FV_ISA_NEON] = "neon", [FV_ISA_AVX2] = "avx2", [FV_ISA_AVX512] = "avx512"};

const char *fv_isa_name(fv_isa isa)
{
    return isa >= 0 && isa < FV_ISA_COUNT ? isa_names[isa] : "unknown";
}

bool fv_isa_parse(const char *name, fv_isa *isa)
{
    for (int i = 0; i < FV_ISA_COUNT; i++) {
        if (!strcmp(name, isa_names[i])) {
            *isa = (fv_isa)i;
            return true;
        }
    }
    return false;
}

/* The beginning of ROOT+path as text, cut to size; false if it cannot be read. Allocates nothing. */
static bool read_text(const char *root, const char *path, char *text, size_t size)
{
    char full[4400];
    int n = snprintf(full, sizeof full, "%s%s", root, path);
    if (n < 0 || (size_t)n >= sizeof full)
        return false;
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size_t used = 0;
    while (used < size - 1) {
        ssize_t got = read(fd, text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    text[used] = '\0';
    return used > 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* --- instruction sets ---------------------------------------------------------------------------------------- */

#if defined(__x86_64__)
static uint64_t enabled_states(void)
{
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static void detect_isa(fv_cpu *cpu)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return;
    const uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    const uint32_t want1 = fma | osxsave | avx | f16c;
    if ((c & want1) != want1)
        return;
    /* The operating system must save the registers: bits 1, 2 for ymm; 5, 6, 7 for mask registers and zmm. */
    uint64_t states = enabled_states();
    if ((states & 0x06) != 0x06 || !__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return;
    const uint32_t avx2 = 1u << 5 | 1u << 8 /* BMI2 */, f = 1u << 16, dq = 1u << 17, bw = 1u << 30, vl = 1u << 31;
    const uint32_t want512 = f | dq | bw | vl, vbmi = 1u << 1;
    cpu->has[FV_ISA_AVX2] = (b & avx2) == avx2;
    cpu->has[FV_ISA_AVX512] = cpu->has[FV_ISA_AVX2] && (states & 0xE0) == 0xE0 && (b & want512) == want512;
    cpu->vbmi = cpu->has[FV_ISA_AVX512] && (c & vbmi) != 0;
}

static void detect_name(const char *root, fv_cpu *cpu)
{
    (void)root;
    uint32_t text[13] = {0};
    if ((uint32_t)__get_cpuid_max(0x80000000u, NULL) < 0x80000004u)
        return;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t *t = text + 4 * i;
        __get_cpuid(0x80000002u + i, &t[0], &t[1], &t[2], &t[3]);
    }
    const char *begin = (const char *)text;
    begin += strspn(begin, " ");
    size_t n = strlen(begin);
    while (n && begin[n - 1] == ' ')
        n--;
    if (n)
        snprintf(cpu->name, sizeof cpu->name, "%.*s", (int)n, begin);
}

/* Leaf 4 (Intel) or 0x8000001D (AMD): one subleaf per cache, until type 0. */
static void detect_caches_cpuid(fv_cpu *cpu)
{
    uint32_t a, b, c, d;
    const uint32_t leaves[2] = {4u, 0x8000001Du};
    for (int i = 0; i < 2; i++) {
        for (uint32_t sub = 0; sub < 16 && __get_cpuid_count(leaves[i], sub, &a, &b, &c, &d) && (a & 31); sub++) {
            int64_t size = (int64_t)((b >> 22) + 1) * ((b >> 12 & 0x3FF) + 1) * ((b & 0xFFF) + 1) * ((int64_t)c + 1);
            uint32_t type = a & 31, level = a >> 5 & 7;
            int64_t *to = type == 2    ? NULL
                          : level == 1 ? &cpu->l1d
                          : level == 2 ? &cpu->l2
                          : level == 3 ? &cpu->l3
                                       : NULL;
            if (to && !*to)
                *to = size;
        }
    }
}
#else
static void detect_isa(fv_cpu *cpu)
{
#if defined(__aarch64__)
    cpu->has[FV_ISA_NEON] = true; /* part of the base architecture */
#else
    (void)cpu;
#endif
}

static void detect_name(const char *root, fv_cpu *cpu)
{
    char text[4096];
    if (!read_text(root, "/proc/cpuinfo", text, sizeof text))
        return;
    const char *line = strstr(text, "model name");
    line = line ? strchr(line, ':') : NULL;
    if (line) {
        line += 1 + strspn(line + 1, " \t");
        snprintf(cpu->name, sizeof cpu->name, "%.*s", (int)strcspn(line, "\n"), line);
    }
}

static void detect_caches_cpuid(fv_cpu *cpu)
{
    (void)cpu;
}
#endif

/* --- caches -------------------------------------------------------------------------------------------------- */

static void detect_caches(const char *root, fv_cpu *cpu)
{
    for (int i = 0; i < 16; i++) {
        char path[96], level[8], type[32], size[32];
        const char *dir = "/sys/devices/system/cpu/cpu0/cache/index";
        snprintf(path, sizeof path, "%s%d/level", dir, i);
        if (!read_text(root, path, level, sizeof level))
            break;
        snprintf(path, sizeof path, "%s%d/type", dir, i);
        if (!read_text(root, path, type, sizeof type) || !strncmp(type, "Instruction", 11))
            continue;
        snprintf(path, sizeof path, "%s%d/size", dir, i);
        if (!read_text(root, path, size, sizeof size))
            continue;
        char *end = size;
        long long n = strtoll(size, &end, 10);
        int64_t bytes = n <= 0 || n > (1 << 30) ? 0 : *end == 'K' ? n << 10 : *end == 'M' ? n << 20 : n;
        int64_t *to = *level == '1' ? &cpu->l1d : *level == '2' ? &cpu->l2 : *level == '3' ? &cpu->l3 : NULL;
        if (to)
            *to = bytes;
    }
    if (!cpu->l1d)
        detect_caches_cpuid(cpu);
}

/* --- control groups ------------------------------------------------------------------------------------------ */

#define CGROUP_PATH 2048

/* Where a hierarchy is mounted (`mount`), and the path of our own group below it (`group`, "" for the mount itself). */
typedef struct cgroup_place {
    char mount[CGROUP_PATH];
    char group[CGROUP_PATH];
} cgroup_place;

/* Whether a comma-separated list has the word. */
static bool list_has(const char *list, size_t length, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list, *end = list + length; p < end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t item = (size_t)((comma ? comma : end) - p);
        if (item == n && !memcmp(p, word, n))
            return true;
        p += item + 1;
    }
    return false;
}

/* The path of our group from /proc/self/cgroup: lines "id:controllers:path"; version 2 has no controllers. */
static bool own_group(const char *root, const char *controller, char *path)
{
    char text[16384];
    if (!read_text(root, "/proc/self/cgroup", text, sizeof text))
        return false;
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        const char *list = memchr(line, ':', length);
        const char *colon = list ? memchr(list + 1, ':', length - (size_t)(list + 1 - line)) : NULL;
        if (colon) {
            size_t list_length = (size_t)(colon - list - 1), n = length - (size_t)(colon + 1 - line);
            bool found = controller ? list_has(list + 1, list_length, controller) : list_length == 0;
            if (found && n < CGROUP_PATH) {
                memcpy(path, colon + 1, n);
                path[n] = '\0';
                return true;
            }
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

/* A file read line by line without allocating. */
typedef struct line_reader {
    int fd;
    size_t used, next;
    char buf[4096];
} line_reader;

/* The next line, cut to size, without its newline; false at the end. */
static bool read_line(line_reader *r, char *line, size_t size)
{
    size_t n = 0;
    bool any = false;
    for (;;) {
        if (r->next == r->used) {
            ssize_t got = read(r->fd, r->buf, sizeof r->buf);
            if (got < 0 && errno == EINTR)
                continue;
            r->next = 0;
            r->used = got > 0 ? (size_t)got : 0;
            if (!r->used)
                break;
        }
        any = true;
        char c = r->buf[r->next++];
        if (c == '\n')
            break;
        if (n < size - 1)
            line[n++] = c;
    }
    line[n] = '\0';
    return any;
}

/* A line of mountinfo: "id parent dev ROOT MOUNT options... - TYPE source SUPEROPTIONS". */
static bool parse_mount(const char *line, const char *controller, char *mount_root, char *mount)
{
    char type[64], super[1024];
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*s %*s %*s %2047s %2047s", mount_root, mount) != 2 ||
        sscanf(dash, " - %63s %*s %1023s", type, super) != 2)
        return false;
    return controller ? !strcmp(type, "cgroup") && list_has(super, strlen(super), controller)
                      : !strcmp(type, "cgroup2");
}

/*
 * Finds where the hierarchy is mounted. A container may see its group under the host's path while only the group itself
 * is mounted: then the mount's ROOT is cut from the path.
 */
static bool find_mount(const char *root, const char *controller, cgroup_place *place)
{
    char path[4400], line[8192], mount_root[CGROUP_PATH];
    int n = snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
    if (n < 0 || (size_t)n >= sizeof path)
        return false;
    line_reader reader = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (reader.fd < 0)
        return false;
    bool found = false;
    while (!found && read_line(&reader, line, sizeof line))
        found = parse_mount(line, controller, mount_root, place->mount);
    close(reader.fd);
    if (!found)
        return false;
    size_t cut = strcmp(mount_root, "/") ? strlen(mount_root) : 0;
    if (!strncmp(place->group, mount_root, cut) && (!place->group[cut] || place->group[cut] == '/'))
        memmove(place->group, place->group + cut, strlen(place->group + cut) + 1);
    else if (cut)
        place->group[0] = '\0';
    return true;
}

/* Reads one limit of one group (the folder `dir`, below `root`); INT64_MAX if there is none. */
typedef int64_t (*limit_reader)(const char *root, const char *dir);

static bool read_limit(const char *root, const char *dir, const char *file, char *text, size_t size)
{
    char path[2 * CGROUP_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return read_text(root, path, text, size);
}

static int64_t whole_cpus(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0)
        return INT64_MAX;
    return quota / period + (quota % period != 0);
}

static int64_t cpus_v2(const char *root, const char *dir)
{
    char text[64];
    long long quota, period;
    if (!read_limit(root, dir, "cpu.max", text, sizeof text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
        return INT64_MAX; /* "max 100000" is no limit */
    return whole_cpus(quota, period);
}

static int64_t cpus_v1(const char *root, const char *dir)
{
    char quota[64], period[64];
    if (!read_limit(root, dir, "cpu.cfs_quota_us", quota, sizeof quota) ||
        !read_limit(root, dir, "cpu.cfs_period_us", period, sizeof period))
        return INT64_MAX;
    return whole_cpus(strtoll(quota, NULL, 10), strtoll(period, NULL, 10)); /* -1 is no limit */
}

static int64_t bytes_in(const char *root, const char *dir, const char *file)
{
    char text[64], *end = text;
    if (!read_limit(root, dir, file, text, sizeof text))
        return INT64_MAX;
    long long bytes = strtoll(text, &end, 10);
    return end == text || bytes <= 0 ? INT64_MAX : bytes; /* "max" is no limit */
}

static int64_t memory_v2(const char *root, const char *dir)
{
    return bytes_in(root, dir, "memory.max");
}

static int64_t memory_v1(const char *root, const char *dir)
{
    return bytes_in(root, dir, "memory.limit_in_bytes");
}

/* The least limit of our own group and all above it, as far as the mount shows them. */
static int64_t least_limit(const char *root, const char *controller, limit_reader reader)
{
    cgroup_place place = {{0}, {0}};
    if (!own_group(root, controller, place.group) || !find_mount(root, controller, &place))
        return INT64_MAX;
    int64_t limit = INT64_MAX;
    for (;;) {
        char dir[2 * CGROUP_PATH];
        snprintf(dir, sizeof dir, "%s%s", place.mount, place.group);
        limit = least(limit, reader(root, dir));
        char *slash = strrchr(place.group, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

/* --- threads and memory -------------------------------------------------------------------------------------- */

static void detect_threads(const char *root, fv_cpu *cpu)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpu->cores_online = online > 0 ? (int)online : 1;
    int64_t threads = cpu->cores_online;
    unsigned long mask[65536 / (8 * sizeof(unsigned long))]; /* beyond the largest kernel configuration */
    memset(mask, 0, sizeof mask);
    if (!sched_getaffinity(0, sizeof mask, (cpu_set_t *)(void *)mask)) {
        int allowed = CPU_COUNT_S(sizeof mask, (cpu_set_t *)(void *)mask);
        threads = allowed > 0 ? allowed : threads;
    }
    threads = least(threads, least_limit(root, NULL, cpus_v2));
    threads = least(threads, least_limit(root, "cpu", cpus_v1));
    cpu->threads = threads > 1 ? (int)threads : 1;
}

static int64_t rlimit_bytes(int resource)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur > (rlim_t)INT64_MAX)
        return INT64_MAX;
    return (int64_t)limit.rlim_cur;
}

static void detect_memory(const char *root, fv_cpu *cpu)
{
    char text[4096];
    long long kib = 0;
    const char *line = read_text(root, "/proc/meminfo", text, sizeof text) ? strstr(text, "MemTotal:") : NULL;
    int64_t bytes = 0;
    if (line && sscanf(line, "MemTotal: %lld", &kib) == 1 && kib > 0 && kib < INT64_MAX / 1024)
        bytes = kib * 1024;
    else
        bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (bytes <= 0)
        bytes = (int64_t)1 << 30;
    const int64_t ram = bytes;
    bytes = least(bytes, least_limit(root, NULL, memory_v2));
    bytes = least(bytes, least_limit(root, "memory", memory_v1));
    bytes = least(bytes, rlimit_bytes(RLIMIT_AS));
    cpu->memory = least(bytes, rlimit_bytes(RLIMIT_DATA));
    cpu->memory_capped = cpu->memory < ram;
}

void fv_cpu_detect_at(const char *root, fv_cpu *cpu)
{
    memset(cpu, 0, sizeof *cpu);
    snprintf(cpu->name, sizeof cpu->name, "unknown processor");
    cpu->has[FV_ISA_SCALAR] = true;
    detect_isa(cpu);
    detect_name(root, cpu);
    detect_caches(root, cpu);
    detect_threads(root, cpu);
    detect_memory(root, cpu);
}

void fv_cpu_detect(fv_cpu *cpu)
{
    fv_cpu_detect_at("", cpu);
}
