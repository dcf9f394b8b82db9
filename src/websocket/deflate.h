/* SPDX-License-Identifier: MIT */
/* permessage-deflate (RFC 7692): messages through zlib, without the four bytes that each would end in. */
#ifndef SR_WEBSOCKET_DEFLATE_H
#define SR_WEBSOCKET_DEFLATE_H

#include "base/buffer.h"

typedef struct SrWebsocketInflater SrWebsocketInflater;
typedef struct SrWebsocketDeflater SrWebsocketDeflater;

typedef enum SrWebsocketInflated {
  SR_WEBSOCKET_INFLATED,
  SR_WEBSOCKET_TOO_LARGE, /* there would be more than the limit */
  SR_WEBSOCKET_BROKEN,    /* this is no deflate */
  SR_WEBSOCKET_NO_MEMORY
} SrWebsocketInflated;

/* Whether this build has zlib. */
bool sr_websocket_can_deflate(void);

/* `bits` is the size of the window, 9 to 15; `keeps`: the context goes on from message to message. NULL: no memory. */
SrWebsocketInflater *sr_websocket_inflater_new(int bits, bool keeps);
void sr_websocket_inflater_free(SrWebsocketInflater *inflater);
/* Inflates into a buffer that may have `limit` bytes. */
SrWebsocketInflated sr_websocket_inflate(SrWebsocketInflater *inflater, const char *bytes, size_t count, SrBuffer *into,
                                         size_t limit);
/* The same for what ends a message. */
SrWebsocketInflated sr_websocket_inflate_end(SrWebsocketInflater *inflater, SrBuffer *into, size_t limit);

SrWebsocketDeflater *sr_websocket_deflater_new(int bits, bool keeps);
void sr_websocket_deflater_free(SrWebsocketDeflater *deflater);
/* Appends a whole message. False: no memory. */
bool sr_websocket_deflate(SrWebsocketDeflater *deflater, const char *bytes, size_t count, SrBuffer *into);

#endif
