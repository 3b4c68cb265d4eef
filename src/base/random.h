/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers as pure functions: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * 2011). */
#ifndef FV_BASE_RANDOM_H
#define FV_BASE_RANDOM_H

#include <stdint.h>

/* What a random number is for: keeps streams apart. Append only: numbers are part of every run's bits. */
typedef enum fv_purpose {
    FV_RANDOM_INIT = 1,
    FV_RANDOM_SHUFFLE = 2,
    FV_RANDOM_AUGMENT = 3,
    FV_RANDOM_DROPOUT = 4,
    FV_RANDOM_SPLIT = 5,
    FV_RANDOM_DIGITS = 6,
    FV_RANDOM_TEST = 7,
    FV_RANDOM_BALANCE = 16,
    FV_RANDOM_PASSES = 17,
    FV_RANDOM_KEEP = 18,
    FV_RANDOM_FOLDS = 19,
    FV_RANDOM_TUNE = 20,
    FV_RANDOM_EXPLAIN = 24,
} fv_purpose;

/*
 * Four random words: key = (seed, seed >> 32 mixed with purpose), counter = (a, a >> 32, b, b >> 32).
 * key[0] = (uint32_t)seed, key[1] = (uint32_t)(seed >> 32) ^ (purpose * 0x9E3779B9u).
 */
void fv_philox(uint64_t seed, fv_purpose purpose, uint64_t a, uint64_t b, uint32_t out[4]);

/* The bare generator: ten rounds of Philox 4x32 over a counter and a key. */
void fv_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* Uniform in [0, 1): the upper 24 bits of a word times 2^-24. */
float fv_uniform(uint32_t word);
/* Standard normal pair by Box-Muller from two words, in float64 with our own sequence of operations. */
void fv_normal2(uint32_t u, uint32_t v, float out[2]);
/* Unbiased integer in [0, n) from two words (64-bit multiply-shift; bias below 2^-32 for n < 2^32). */
uint64_t fv_random_below(const uint32_t word[2], uint64_t n);

/*
 * permutation[i] for i in [0, n): Fisher-Yates driven by (seed, purpose, epoch). Pure function of its arguments.
 */
void fv_permutation(uint64_t seed, fv_purpose purpose, uint64_t epoch, int64_t n, int64_t *permutation);

#endif
