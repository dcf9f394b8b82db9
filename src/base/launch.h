/* SPDX-License-Identifier: MIT */
/*
** Starting a program without a copy of this process: fork copies the tables of its whole memory, and the more there is
** the longer everybody waits. As platform.c, its source asks which system it is.
*/
#ifndef SR_BASE_LAUNCH_H
#define SR_BASE_LAUNCH_H

#include <uv.h>

enum { SR_LAUNCH_STREAMS = 3 };

/*
** Starts what the options of uv_spawn say, with inherited descriptors and ignored streams alone. `*pid` is the child,
** and `*end` a descriptor of our own that can be read from once that has ended; it has to be reaped then. 0 or a
** status; UV_ENOTSUP: this cannot be had here, or not with these options, and uv_spawn is to do it.
*/
int sr_launch(const uv_process_options_t *options, int *pid, int *end);

#endif
