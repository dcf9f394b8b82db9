/* SPDX-License-Identifier: MIT */
/*
** Descriptors that are read and written without libuv: those that others have too, such as standard output, and the
** ends of pipes that lead to child processes. As platform.c, its source asks which system it is.
**
** Whether a descriptor blocks is a matter of what was opened, so of everybody who has it. Where the system lets us, we
** open a terminal or a pipe once more, and change nothing for others; elsewhere the flag is set and given back.
*/
#ifndef SR_BASE_SHARED_H
#define SR_BASE_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <uv.h>

typedef struct SrDescriptor {
  int fd;         /* the one that is used; -1: none */
  int given;      /* the one that is somebody else's, or -1: `fd` is all our own */
  int flags;      /* that `given` had and has to have again, or -1: they are as they were */
  bool is_socket; /* it can be used without blocking, whatever its flags say */
  bool can_read;  /* it is not for writing alone */
  bool can_wait;  /* the system tells when it can be read and written; files, say, always can be */
} SrDescriptor;

/* One of our own, which does not block and tells when it can be used. */
SrDescriptor sr_descriptor_own(int fd);
/* Begins to use a descriptor of somebody else's. 0 or a status. */
int sr_descriptor_borrow(SrDescriptor *descriptor, int fd);
/* Ends that, or closes the one that is our own. Nothing that polls it may be left. */
void sr_descriptor_release(SrDescriptor *descriptor);
/* Gives the flags back to what does not need them changed; libuv changes them whenever it is to poll something. */
void sr_descriptor_settle(SrDescriptor *descriptor);

/* At most `room` bytes. Their number, 0 at the end, or a status. */
ptrdiff_t sr_descriptor_read(const SrDescriptor *descriptor, char *into, size_t room);
/* How many bytes the system took, or a status. */
ptrdiff_t sr_descriptor_write(const SrDescriptor *descriptor, const uv_buf_t *bufs, unsigned count);
/* Blocks until more can be written, or that has failed. */
void sr_descriptor_await_room(const SrDescriptor *descriptor);

/* Another descriptor for the same thing, which blocks as a child expects it; no child inherits it. -1: none. */
int sr_descriptor_reopen(int fd);

/* Gives a socket back to us that a child had, for which it was made to block. */
void sr_descriptor_unblock(int fd);

/* The descriptor of a file of the C library, whose bytes are all with the system then; -1: it has none. */
int sr_descriptor_of_file(FILE *file);

#endif
