/* SPDX-License-Identifier: Apache-2.0 */
/* Which split a folder, a file or a column means: "train", "Training", "VAL", "test_set", "validation-images". */
#include <string.h>

#include "data/source/source.h"

enum { WORD_BYTES = 48 };

static const struct {
    const char *name;
    fv_split split;
} splits[] = {
    {"train", FV_SPLIT_TRAIN},    {"training", FV_SPLIT_TRAIN}, {"trn", FV_SPLIT_TRAIN},    {"val", FV_SPLIT_VAL},
    {"valid", FV_SPLIT_VAL},      {"validation", FV_SPLIT_VAL}, {"validate", FV_SPLIT_VAL}, {"eval", FV_SPLIT_VAL},
    {"evaluation", FV_SPLIT_VAL}, {"dev", FV_SPLIT_VAL},        {"test", FV_SPLIT_TEST},    {"testing", FV_SPLIT_TEST},
    {"tst", FV_SPLIT_TEST},
};

/* What may stand before or behind such a word. */
static const char *const nouns[] = {"dataset", "data",  "set",    "split",    "images", "image", "imgs",
                                    "img",     "photo", "photos", "pictures", "folder", "dir",   "samples"};

/* Small letters without what separates words; false: too long to be one of ours. */
static bool squeeze(const char *name, char word[WORD_BYTES])
{
    size_t n = 0;
    for (; *name; name++) {
        if (strchr("-_ ", *name))
            continue;
        if (n + 1 == WORD_BYTES)
            return false;
        word[n++] = (char)(*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name);
    }
    word[n] = '\0';
    return true;
}

static int look_up(const char *word, size_t size)
{
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        if (strlen(splits[i].name) == size && memcmp(splits[i].name, word, size) == 0)
            return (int)splits[i].split;
    }
    return -1;
}

int fv_split_parse(const char *name)
{
    char word[WORD_BYTES];
    if (!name)
        return FV_SPLIT_TRAIN;
    if (!squeeze(name, word))
        return -1;
    const size_t n = strlen(word);
    int found = look_up(word, n);
    for (size_t i = 0; found < 0 && i < sizeof nouns / sizeof *nouns; i++) {
        const size_t m = strlen(nouns[i]);
        if (n > m && strcmp(word + n - m, nouns[i]) == 0)
            found = look_up(word, n - m);
        if (found < 0 && n > m && strncmp(word, nouns[i], m) == 0)
            found = look_up(word + m, n - m);
    }
    return found;
}

const char *fv_split_name(fv_split split)
{
    static const char *const names[FV_SPLIT_COUNT] = {"train", "val", "test"};
    return names[split];
}
