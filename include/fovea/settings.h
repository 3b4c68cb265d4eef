/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of fovea/fit_settings.h is: a setting's type, text, range and default. */
#ifndef FOVEA_SETTINGS_H
#define FOVEA_SETTINGS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fovea/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Kinds of settings: X(KIND, what one writes).
 * INT int64_t; REAL double; FLAG bool; CHOICE int, the number of a name; TEXT const char *, NULL: none;
 * BATCH int64_t, 0: auto; BYTES int64_t; SHARE double; SIZE int64_t[2], rows and columns, 0: none;
 * LIST and MEASURE fv_real_list; PAIR double[2]; GRADED int NAME, the number of a name, and double
 * NAME_power.
 */
#define FV_SETTING_KINDS(X)                                                                                            \
    X(INT, "a whole number")                                                                                           \
    X(REAL, "a number")                                                                                                \
    X(FLAG, "true or false")                                                                                           \
    X(CHOICE, "one of ")                                                                                               \
    X(TEXT, "a text")                                                                                                  \
    X(BATCH, "a whole number")                                                                                         \
    X(BYTES, "a size such as 512M or 2G")                                                                              \
    X(SHARE, "a number")                                                                                               \
    X(SIZE, "N or HxW (rows x columns")                                                                                \
    X(LIST, "a number")                                                                                                \
    X(MEASURE, "a number")                                                                                             \
    X(PAIR, "two numbers")                                                                                             \
    X(GRADED, "one of ")
typedef enum fv_setting_kind {
#define FV_SETTING_KIND_ROW(kind, words) FV_SETTING_##kind,
    FV_SETTING_KINDS(FV_SETTING_KIND_ROW)
#undef FV_SETTING_KIND_ROW
        FV_SETTING_KIND_COUNT
} fv_setting_kind;

enum { FV_LIST_MAX = 16 };
/** Numbers separated by commas. */
typedef struct fv_real_list {
    bool measured; /* MEASURE: "auto", to be found from the data */
    int count;
    double value[FV_LIST_MAX];
} fv_real_list;

/* Members and initializers of a row, by its kind. */
#define FV_MEMBER_INT(name)     int64_t name;
#define FV_MEMBER_REAL(name)    double name;
#define FV_MEMBER_FLAG(name)    bool name;
#define FV_MEMBER_CHOICE(name)  int name;
#define FV_MEMBER_TEXT(name)    const char *name;
#define FV_MEMBER_BATCH(name)   int64_t name;
#define FV_MEMBER_BYTES(name)   int64_t name;
#define FV_MEMBER_SHARE(name)   double name;
#define FV_MEMBER_SIZE(name)    int64_t name[2];
#define FV_MEMBER_LIST(name)    fv_real_list name;
#define FV_MEMBER_MEASURE(name) fv_real_list name;
#define FV_MEMBER_PAIR(name)    double name[2];
#define FV_MEMBER_GRADED(name)                                                                                         \
    int name;                                                                                                          \
    double name##_power;

#define FV_INITIAL_INT(name, value)     .name = value,
#define FV_INITIAL_REAL(name, value)    .name = value,
#define FV_INITIAL_FLAG(name, value)    .name = value,
#define FV_INITIAL_CHOICE(name, value)  .name = value,
#define FV_INITIAL_TEXT(name, value)    .name = value,
#define FV_INITIAL_BATCH(name, value)   .name = value,
#define FV_INITIAL_BYTES(name, value)   .name = value,
#define FV_INITIAL_SHARE(name, value)   .name = value,
#define FV_INITIAL_SIZE(name, value)    .name = {value, value},
#define FV_INITIAL_LIST(name, value)    .name = {false, value, {0}},
#define FV_INITIAL_MEASURE(name, value) .name = {false, value, {0}},
#define FV_INITIAL_PAIR(name, values)   .name = FV_BRACED values,
#define FV_INITIAL_GRADED(name, value)  .name = value, .name##_power = 1,
#define FV_BRACED(...)                                                                                                 \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

/** What follows from other settings: the optimizer's learning rate, a member that is not a number yet. */
#define FV_AUTO ((double)NAN)
/** Ends of a range that are not in it. */
#define FV_ABOVE_ZERO 1e-30
#define FV_BELOW_ONE  0.99999999999999989
/** "sgd," of a row (FV_SGD, sgd): names as text. */
#define FV_NAME_OF(id, name) #name ","

/**
 * What a setting is to the run, and so what a resumed run does where it differs. FIXED, MEANING and TOLD are recorded
 * with its state. FIXED: the state cannot be read under another, which is refused. MEANING: it shapes the weights or
 * what they are measured by: refused without --force. TOLD: a change that makes sense, or only matters at the start: a
 * warning. SPEED: changes no bit. OUTPUT: what is written, and where the run ends.
 */
typedef enum fv_setting_level { FV_FIXED, FV_MEANING, FV_TOLD, FV_SPEED, FV_OUTPUT } fv_setting_level;

typedef struct fv_setting_row {
    const char *key, *aliases;
    char letter;
    fv_setting_kind kind;
    size_t offset; /* of the value in its struct */
    double min, max;
    const char *choices;
    unsigned verbs;
    fv_setting_level level;
    const char *value, *initial; /* how help shows the value; the default as the row has it */
    const char *help;
} fv_setting_row;

enum { FV_SETTING_TEXT_MAX = 640 };
/**
 * Reads a value as one types it into `values`, the struct that the row's offset is in. A TEXT is kept as the pointer
 * that it is. False: `expected` says what would be a value, and nothing was changed.
 */
FV_API bool fv_setting_read(const fv_setting_row *row, const char *text, void *values,
                            char expected[FV_SETTING_TEXT_MAX]);
/** Whether it is a value that fv_setting_read gives; else (also a TEXT of NULL, FV_AUTO, a size of 0) `expected` says
 * what would be. */
FV_API bool fv_setting_check(const fv_setting_row *row, const void *values, char expected[FV_SETTING_TEXT_MAX]);
/** The value as fv_setting_read takes it, the shortest text that gives the same bits; of a TEXT at most size - 1 bytes.
 */
FV_API const char *fv_setting_print(const fv_setting_row *row, const void *values, char *text, size_t size);
/** Whether `name` (of `length` characters; - and _ are the same) is the row's key or one of its aliases. */
FV_API bool fv_setting_has_name(const fv_setting_row *row, const char *name, size_t length);

#ifdef __cplusplus
}
#endif
#endif
