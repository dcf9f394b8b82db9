/* SPDX-License-Identifier: MIT */
/*
** A transport over a file is read in libuv's threads, as a disk may be slow, one piece ahead. What comes when nobody
** wants it waits.
*/
#ifndef SR_PROCESS_PIECE_H
#define SR_PROCESS_PIECE_H

#include "process/attachment.h"

/* Bytes are wanted of the file: gives what has come, or asks for more. */
void sr_process_read_file(SrProcessTransport *transport);

#endif
