/* SPDX-License-Identifier: Apache-2.0 */
/* What this processor can do and how many threads this process may use. */
#ifndef FV_BASE_CPU_H
#define FV_BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Instruction sets that kernels are compiled for, weakest first. */
typedef enum fv_isa {
    FV_ISA_SCALAR = 0,
    FV_ISA_NEON,
    FV_ISA_AVX2,   /* AVX2 + FMA + F16C + BMI2 */
    FV_ISA_AVX512, /* F, VL, BW, DQ */
    FV_ISA_COUNT
} fv_isa;

/* Facts about the machine, read once per context. */
typedef struct fv_cpu {
    char name[64];          /* marketing name of the processor */
    bool has[FV_ISA_COUNT]; /* processor and operating system (XGETBV) both support it */
    bool vbmi;              /* AVX-512 with VBMI as well: permutes the bytes of whole vectors */
    int64_t l1d, l2, l3;    /* data cache sizes in bytes, per instance; 0 if unknown */
    int cores_online;       /* processors the system has */
    int threads;            /* processors this process may use: affinity mask and cgroup quota, at least 1 */
    int64_t memory;         /* bytes this process may use: the least of RAM, cgroup limits, RLIMIT_AS and RLIMIT_DATA */
    bool memory_capped;     /* a limit is below RAM: who goes beyond is killed, or gets no memory */
} fv_cpu;

/* Fills *cpu. Never fails: what cannot be read keeps a safe value. */
void fv_cpu_detect(fv_cpu *cpu);

/* The same, reading ROOT/proc and ROOT/sys instead of /proc and /sys ("" is the system itself): for tests. */
void fv_cpu_detect_at(const char *root, fv_cpu *cpu);

/* "scalar", "neon", "avx2", "avx512". */
const char *fv_isa_name(fv_isa isa);

/* Reads a name as fv_isa_name writes it; false when unknown. */
bool fv_isa_parse(const char *name, fv_isa *isa);

#endif
