/* SPDX-License-Identifier: MIT */
/* What can be had of files without waiting: for a disk, or for somebody who serves them. Not every system can tell. */
#ifndef SR_BASE_CACHED_H
#define SR_BASE_CACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Whether the system can tell of this file what it has in memory: then to open and to close it waits for nobody, either. */
bool sr_cached_is_known(uv_file file);
/*
** Opens the file at `path` below a folder for reading, where the system has the whole way in memory. There has to be no
** link on it below the folder, and no way out. Negative: it cannot be had so.
*/
uv_file sr_cached_open(const char *folder, const char *path);
/* Reads from the beginning what is in memory; how many bytes, or a negative number. */
ptrdiff_t sr_cached_read(uv_file file, char *into, size_t most);
/*
** Whether so many bytes from a position on are in memory, as far as the system tells: it is asked for one of each run
** that it reads at once. False also where nobody can know.
*/
bool sr_cached_has(uv_file file, int64_t position, size_t count);

#endif
