/* SPDX-License-Identifier: MIT */
/* Numbers as text, whatever locale the program has. */
#ifndef SR_BASE_DECIMAL_H
#define SR_BASE_DECIMAL_H

#include <stddef.h>

/* Makes a point of the decimal point that printf has written, which may have several bytes. Gives the new length. */
size_t sr_decimal_plain(char *text);

#endif
