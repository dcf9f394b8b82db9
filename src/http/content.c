/* SPDX-License-Identifier: MIT */
/* The bodies of responses, see content.h. */
#include "http/content.h"

#include <limits.h>

#include "http/transfer.h"

/* A head larger than this is no head, with those of interim responses. */
enum { HEAD_BOUND = 262144 };

const SrWireLimits sr_http_content_limits = {.head = HEAD_BOUND, .target = 0, .fields = UINT_MAX};

bool sr_http_content_refuse(SrHttpTransfer *transfer, SrWireFaultKind fault) {
  if (fault == SR_WIRE_LARGE_HEAD || fault == SR_WIRE_MANY_FIELDS)
    return sr_http_transfer_refuse(transfer, "ETOOLARGE", "the response headers are too large");
  return sr_http_transfer_refuse(transfer, "EPROTO", sr_wire_fault_text(fault));
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
