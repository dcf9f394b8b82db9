/* SPDX-License-Identifier: MIT */
/* SHA-1 (RFC 3174), which the handshake of WebSockets asks for. It protects nothing there. */
#ifndef SR_WIRE_SHA1_H
#define SR_WIRE_SHA1_H

#include <stddef.h>

enum { SR_WIRE_SHA1_SIZE = 20, SR_WIRE_SHA1_MOST = 119 };

/* The digest of at most SR_WIRE_SHA1_MOST bytes. */
void sr_wire_sha1(const char *bytes, size_t count, unsigned char digest[SR_WIRE_SHA1_SIZE]);

#endif
