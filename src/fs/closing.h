/* SPDX-License-Identifier: MIT */
/* Descriptors that nobody waits for. */
#ifndef SR_FS_CLOSING_H
#define SR_FS_CLOSING_H

#include <uv.h>

/* Closes a descriptor without making the loop wait, and then removes a file, if `doomed` (from malloc, owned) is one. */
void sr_fs_close_later(uv_loop_t *loop, uv_file fd, char *doomed);

#endif
