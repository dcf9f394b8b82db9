/* SPDX-License-Identifier: MIT */
/* What is in a file goes to a socket, and the system does not show it to us: where it knows a way for that. */
#ifndef SR_BASE_SENDING_H
#define SR_BASE_SENDING_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Descriptors of its own: whoever closes the file, or the socket, meanwhile takes nothing away. */
typedef struct SrSending {
  int to, from;
} SrSending;

/* 0, or a status, if there is no such way: then nothing is open. */
int sr_sending_open(SrSending *sending, uv_os_fd_t socket, uv_file file);
void sr_sending_close(SrSending *sending);
/* The same with the descriptors themselves, for as long as nobody can close them: there is nothing to close, and no failure. */
void sr_sending_borrow(SrSending *sending, uv_os_fd_t socket, uv_file file);
/*
** Sends from a position on, without moving that of the file. It waits for the disk, not for the socket, which has to be
** one that does not wait. How many bytes, at most so many; 0: the file has no more. Or a status, UV_EAGAIN: the socket
** takes none now.
*/
ptrdiff_t sr_sending_send(const SrSending *sending, int64_t position, size_t most);
/*
** Gives a socket that does not wait bytes that others follow soon, so that they leave together: how many it has taken, 0
** also where the system knows no way for that, or the socket is broken, as whoever sends the rest will see.
*/
size_t sr_sending_ahead(uv_os_fd_t socket, const char *bytes, size_t count);

#endif
