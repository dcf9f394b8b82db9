/* SPDX-License-Identifier: MIT */
/* The numerals that the format "n" reads. */
#ifndef SR_FS_NUMBER_H
#define SR_FS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

/* A numeral has at most so many characters. */
enum { SR_FS_NUMERAL = 200 };

typedef struct SrFsNumeral {
  char text[SR_FS_NUMERAL + 1]; /* what may be one; empty: it is too long */
  size_t taken;                 /* so many bytes belong to it, blanks before it included, be it one or not */
} SrFsNumeral;

/*
** Reads what looks like a numeral, as far as it does. False: it may go on behind these bytes. `is_all`: nothing comes
** behind them.
*/
bool sr_fs_numeral(SrFsNumeral *numeral, const char *bytes, size_t size, bool is_all);

#endif
