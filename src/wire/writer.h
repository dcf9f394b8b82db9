/* SPDX-License-Identifier: MIT */
/* Writing messages: the parts of a head, and what stands around chunks. */
#ifndef SR_WIRE_WRITER_H
#define SR_WIRE_WRITER_H

#include <stddef.h>
#include <stdint.h>

enum {
  SR_WIRE_NUMBER = 24, /* room for any number that is written here */
  SR_WIRE_DATE = 29    /* length of a date */
};

/* Writes a number in decimal digits, without a NUL. How many. */
size_t sr_wire_put_decimal(char *out, uint64_t number);
/* The line before a chunk. */
size_t sr_wire_put_chunk(char *out, uint64_t size);
/* "Sun, 06 Nov 1994 08:49:37 GMT", without a NUL. */
void sr_wire_put_date(char out[SR_WIRE_DATE], int64_t seconds);
#endif
