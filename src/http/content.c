/* SPDX-License-Identifier: MIT */
/* The bodies of responses, see content.h. */
#include "http/content.h"

#include <limits.h>

#include "http/transfer.h"

/*
** A head larger than HEAD_BOUND is no head, with those of interim responses. libcurl takes no longer lines, and no
** longer trailers, than these (CURL_MAX_HTTP_HEADER, DYN_H1_TRAILER); the other way takes no more, so that it does not
** matter who carries a request.
*/
enum { HEAD_BOUND = 262144, LINE_BOUND = 102399, TRAILER_BOUND = 4095 };

const SrWireLimits sr_http_content_limits = {
    .head = HEAD_BOUND, .line = LINE_BOUND, .trailer = TRAILER_BOUND, .fields = UINT_MAX};

bool sr_http_content_refuse(SrHttpTransfer *transfer, SrWireFaultKind fault) {
  if (fault == SR_WIRE_LARGE_HEAD || fault == SR_WIRE_MANY_FIELDS)
    return sr_http_transfer_refuse(transfer, "ETOOLARGE", "the response headers are too large");
  return sr_http_transfer_refuse(transfer, "EPROTO", sr_wire_fault_text(fault));
}

bool sr_http_content_refuse_switch(SrHttpTransfer *transfer) {
  return sr_http_transfer_refuse(transfer, "EPROTO",
                                 "the server switches to another protocol (101), which is not supported");
}

bool sr_http_content_take(SrHttpTransfer *transfer, SrWireBody *body, SrWireText *piece) {
  while (piece->length > 0 && !sr_wire_body_has_ended(body)) {
    SrWirePart part = sr_wire_body_take(body, piece->bytes, piece->length, SIZE_MAX, &sr_http_content_limits);
    if (part.length > 0 && !sr_http_transfer_take(transfer, piece->bytes + part.at, part.length)) return false;
    if (part.fault != SR_WIRE_NO_FAULT) return sr_http_content_refuse(transfer, part.fault);
    if (part.taken == 0) return true;
    piece->bytes += part.taken;
    piece->length -= part.taken;
  }
  return true;
}
