/* SPDX-License-Identifier: MIT */
/*
** What comes in on a WebSocket: bytes to messages and control frames.
**
** Whatever breaks RFC 6455 becomes one event with the code that the peer is to be told; nothing is read after that, nor
** after a closing frame. A message is never larger than the limit, be it inflated.
*/
#ifndef SR_WEBSOCKET_DECODER_H
#define SR_WEBSOCKET_DECODER_H

#include "base/buffer.h"
#include "websocket/deflate.h"
#include "wire/frame.h"

/* What has come. Its data is a message, the data of a ping or pong, the reason of a closing frame, or what is wrong. */
typedef enum SrWebsocketEvent {
  SR_WEBSOCKET_NOTHING, /* yet */
  SR_WEBSOCKET_TEXT,
  SR_WEBSOCKET_BINARY,
  SR_WEBSOCKET_PING,
  SR_WEBSOCKET_PONG,
  SR_WEBSOCKET_CLOSE,
  SR_WEBSOCKET_FAULT
} SrWebsocketEvent;

typedef struct SrWebsocketDecoder {
  bool is_server; /* frames come masked */
  bool is_over;
  size_t limit;
  SrWebsocketInflater *inflater; /* NULL: messages do not come deflated */

  char head[SR_WIRE_FRAME_HEAD]; /* the front of a frame that is not there yet */
  size_t head_size;
  SrWireFrame frame;
  bool is_inside; /* of that frame */
  uint64_t taken; /* bytes of its payload */

  SrWireOpcode opcode; /* of the message; SR_WIRE_CONTINUATION: there is none */
  bool is_deflated;
  bool is_told; /* `message` was an event */
  unsigned fragments;
  SrWireUtf8 utf8;
  SrBuffer message;
  SrBuffer scratch; /* what is to be inflated, without its mask */
  char control[SR_WIRE_CONTROL_LIMIT];

  const char *fault; /* what was wrong */

  /* Of the event that was last. */
  const char *data;
  size_t size;
  int code; /* of CLOSE and FAULT */
} SrWebsocketDecoder;

/* The inflater, which may be NULL, is the decoder's from now on. */
void sr_websocket_decoder_open(SrWebsocketDecoder *decoder, bool is_server, size_t limit,
                               SrWebsocketInflater *inflater);
/* Takes bytes, `*taken` of them, up to the end of an event, whose data is valid until the next call. */
SrWebsocketEvent sr_websocket_decode(SrWebsocketDecoder *decoder, const char *bytes, size_t count, size_t *taken);
void sr_websocket_decoder_close(SrWebsocketDecoder *decoder);

#endif
