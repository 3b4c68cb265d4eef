/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of all verbs' settings as a table: what its reader (options.c) and its printer (options_print.c) share. */
#ifndef FOVEA_OPTIONS_H
#define FOVEA_OPTIONS_H

#include "cli.h"

enum { MAX_OPTIONS = 320 };
extern const fv_setting_row options[]; /* offsets are those in settings */
extern const int n_options;
extern const settings options_default;
#define AT(member) offsetof(settings, member)

/* Whether the row's option was given by flag or file. */
bool option_row_given(const fv_setting_row *o);
/* Whether so by the command that this one is within. */
bool option_row_given_below(const fv_setting_row *o);
/* Takes a setting of a recipe, unless it was given before. */
fv_status options_read_setting(const verb *v, const char *path, const fv_setting *s, settings *c);
/* "--key=value"; the caller frees. NULL: no memory. */
char *option_word(const fv_setting_row *o, const settings *c);
/* Those of a verb's options that were given, and the working directory, as YAML; the caller frees. */
char *options_given_yaml(const verb *v, const settings *c);

/* Whether the row holds a value that one could have given; a number's own "not set" is out of its range. */
bool option_is_set(const fv_setting_row *o, const settings *c);

#endif
