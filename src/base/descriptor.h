/* SPDX-License-Identifier: MIT */
/* What systems do differently with the descriptors of files, and libuv does not do for us. */
#ifndef SR_BASE_DESCRIPTOR_H
#define SR_BASE_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Where the system stands in the file; negative: it has no positions (a pipe, a terminal). */
int64_t sr_descriptor_position(uv_file fd);

/* Moves the system there. */
void sr_descriptor_move(uv_file fd, int64_t position);

/* Waits, at most so long, until one can read (or write) without being held up. False: not yet. */
bool sr_descriptor_wait(uv_file fd, bool writes, int milliseconds);

/* From now on reads and writes of it wait in the system, as programs expect of what they inherit. */
void sr_descriptor_block(uv_file fd);

#endif
