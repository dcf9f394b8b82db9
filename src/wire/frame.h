/* SPDX-License-Identifier: MIT */
/* WebSocket frames as bytes (RFC 6455, section 5): heads, masks, and whether text is UTF-8. */
#ifndef SR_WIRE_FRAME_H
#define SR_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum SrWireOpcode {
  SR_WIRE_CONTINUATION = 0x0,
  SR_WIRE_TEXT = 0x1,
  SR_WIRE_BINARY = 0x2,
  SR_WIRE_CLOSE = 0x8,
  SR_WIRE_PING = 0x9,
  SR_WIRE_PONG = 0xA
} SrWireOpcode;

enum {
  SR_WIRE_FRAME_HEAD = 14,     /* bytes of the longest head */
  SR_WIRE_CONTROL_LIMIT = 125, /* bytes in a control frame */
  SR_WIRE_FIN = 0x80,          /* bits of the first byte */
  SR_WIRE_RSV1 = 0x40,
  SR_WIRE_RSV = 0x70
};

typedef struct SrWireFrame {
  unsigned char bits; /* SR_WIRE_FIN and the reserved ones */
  SrWireOpcode opcode;
  bool is_masked;
  bool is_odd; /* its length is not written in the shortest way, or has 64 bits */
  unsigned char mask[4];
  uint64_t length; /* of what follows the head */
} SrWireFrame;

/* Reads the head of a frame. Returns its length, 0 as long as it is not whole. */
size_t sr_wire_frame_read(SrWireFrame *frame, const char *bytes, size_t count);
/* Writes one; `mask` may be NULL. Returns its length. */
size_t sr_wire_frame_write(char into[SR_WIRE_FRAME_HEAD], unsigned char bits, SrWireOpcode opcode, uint64_t length,
                           const unsigned char *mask);
/* Puts the mask on bytes, or takes it off; the first of them is number `offset` of its frame. */
void sr_wire_mask(char *bytes, size_t count, const unsigned char mask[4], size_t offset);

/* Where a text has come to; zeroed at its front. */
typedef struct SrWireUtf8 {
  unsigned char left;      /* bytes that the present character lacks */
  unsigned char low, high; /* between which the next of those has to be */
} SrWireUtf8;

/* Whether the text can go on like this. It may end where `left` is 0. */
bool sr_wire_utf8(SrWireUtf8 *state, const char *bytes, size_t count);

#endif
