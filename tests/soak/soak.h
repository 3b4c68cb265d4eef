/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The soak: data sets are read for as long as asked while another process, the vandal, spoils a part of them. What it
 * may touch is called prey; the rest is safe, must come out unchanged, and must never be complained about.
 */
#ifndef FV_TESTS_SOAK_H
#define FV_TESTS_SOAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fovea/fovea.h>

/* A file that the vandal may touch, from byte `first` on. */
typedef struct soak_prey {
    char path[512];
    uint8_t *data; /* as it was */
    size_t size, first;
} soak_prey;

/* The data sets. */
enum { SOAK_FOLDER, SOAK_MANIFEST, SOAK_PACK, SOAK_RAW, SOAK_SHARDS, SOAK_NPY, SOAK_SETS };

typedef struct soak_world {
    char dir[256];
    char set[SOAK_SETS][300];
    soak_prey *prey;
    int n_prey;
    int first_row; /* line of the manifest with the first prey */
} soak_world;

/* Draws everything. */
void soak_world_make(soak_world *world);
/* Whether the sample is one that the vandal leaves alone, by its class. */
bool soak_is_safe(const fv_dataset *dataset, int64_t sample);
/* Spoils and repairs for ever. */
void soak_vandalize(const soak_world *world, unsigned seed);

void soak_world_free(soak_world *world);

/* Ends the program: something is not as it must be. */
_Noreturn void soak_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void soak_judge_begin(const soak_world *world);
/* Lines of a log, or a message: all must be about prey, and of a kind that is known. */
void soak_judge(const char *text);
/* What a run of the program said, and how it ended. */
void soak_judge_run(const char *output, char *const *args, int code);
/* Prints how often what was said. Returns how many lines or runs were not as expected; each has been printed. */
int soak_judge_tell(void);

/* A small random number in [0, n). */
static inline unsigned soak_random(uint64_t *state, unsigned n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33) % n;
}

#endif
