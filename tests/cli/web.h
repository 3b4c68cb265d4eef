/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FV_TESTS_CLI_WEB_H
#define FV_TESTS_CLI_WEB_H

#include <stdbool.h>

/* `drive web PORTFILE`: see web.c. Ends by a signal. */
int web_serve(char **argv);

#endif
