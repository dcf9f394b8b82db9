/* SPDX-License-Identifier: MIT */
/*
** Memory of small bodies that have been handed out, for the next ones of the pool: that many come and go.
*/
#ifndef SR_HTTP_SPARE_H
#define SR_HTTP_SPARE_H

#include "base/buffer.h"

/* How many are kept, and of which size. */
enum { SR_HTTP_SPARES = 64, SR_HTTP_SPARE_LEAST = 512, SR_HTTP_SPARE_MOST = 4096 };

/* Zeroed before use. */
typedef struct SrHttpSpares {
  SrBuffer buffers[SR_HTTP_SPARES]; /* empty ones that have memory */
  unsigned count;
} SrHttpSpares;

/* Gives memory to a buffer that has none, if there is some. */
void sr_http_spare_take(SrHttpSpares *spares, SrBuffer *buffer);

/* Takes the memory of a buffer, whose bytes are of no more use. */
void sr_http_spare_give(SrHttpSpares *spares, SrBuffer *buffer);

/* Gives all back. */
void sr_http_spares_free(SrHttpSpares *spares);

#endif
