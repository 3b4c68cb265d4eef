/* SPDX-License-Identifier: Apache-2.0 */
/* Large numbers as people read them. */
#ifndef FOVEA_AMOUNTS_H
#define FOVEA_AMOUNTS_H

enum { AMOUNT_MAX = 32 };

/* "9216", "25.56 M"; "5.1 kB", "97.5 MB". `text` is returned. */
const char *amount_count(double value, char text[AMOUNT_MAX]);
const char *amount_bytes(double bytes, char text[AMOUNT_MAX]);

#endif
