/* SPDX-License-Identifier: MIT */
/*
** The body of a response of HTTP/1.1, taken from what comes over the wire, whoever has read that.
*/
#ifndef SR_HTTP_CONTENT_H
#define SR_HTTP_CONTENT_H

#include "http/state.h"
#include "wire/body.h"

/* What is written as a head is bounded in its bytes, not in its lines; so are extensions of chunks, and trailers. */
extern const SrWireLimits sr_http_content_limits;

/*
** Takes bytes of the body off the piece. What is left of it is looked at again when more has come, or comes behind the
** body. False: the transfer has failed, and is to be ended.
*/
bool sr_http_content_take(SrHttpTransfer *transfer, SrWireBody *body, SrWireText *piece);

/* Refuses a switch of protocols: what comes behind it is no HTTP, and has no end. False. */
bool sr_http_content_refuse_switch(SrHttpTransfer *transfer);

/* Records what is wrong with a message. False. */
bool sr_http_content_refuse(SrHttpTransfer *transfer, SrWireFaultKind fault);

#endif
