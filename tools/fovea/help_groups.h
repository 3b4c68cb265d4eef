/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a verb under headings, and what is made of the one table for shells and manuals. */
#ifndef FOVEA_PROGRAM_HELP_GROUPS_H
#define FOVEA_PROGRAM_HELP_GROUPS_H

#include "cli.h"

/* The options of a verb: the usual ones, or all. */
void help_groups(const verb *v, bool all, FILE *out);
/* What a shell needs to complete words: "bash", "zsh" or "fish"; false: no such shell. */
bool help_completion(const char *shell, FILE *out);
/* The manual page of a verb, or of the program (NULL), as man reads it. */
void help_manual(const verb *v, FILE *out);

#endif
