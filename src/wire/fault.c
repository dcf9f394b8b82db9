/* SPDX-License-Identifier: MIT */
/* What can be wrong with a message, see fault.h. */
#include "wire/fault.h"

static const struct {
  int status;
  const char *text;
} faults[] = {
    [SR_WIRE_NO_FAULT] = {200, "nothing is wrong"},
    [SR_WIRE_BAD_START] = {400, "a malformed first line"},
    [SR_WIRE_BAD_VERSION] = {505, "a version of HTTP that is not supported"},
    [SR_WIRE_BAD_TARGET] = {400, "a malformed target"},
    [SR_WIRE_LONG_TARGET] = {414, "the target is too long"},
    [SR_WIRE_BARE_NEWLINE] = {400, "a bare LF"},
    [SR_WIRE_BAD_FIELD] = {400, "a malformed header"},
    [SR_WIRE_FOLDED] = {400, "a folded header"},
    [SR_WIRE_LARGE_HEAD] = {431, "the headers are too large"},
    [SR_WIRE_MANY_FIELDS] = {431, "there are too many headers"},
    [SR_WIRE_BAD_HOST] = {400, "not exactly one valid Host"},
    [SR_WIRE_BAD_LENGTH] = {400, "not exactly one valid Content-Length"},
    [SR_WIRE_TWO_FRAMINGS] = {400, "Content-Length beside Transfer-Encoding"},
    [SR_WIRE_BAD_CODING] = {400, "a Transfer-Encoding that does not end with one 'chunked'"},
    [SR_WIRE_UNKNOWN_CODING] = {501, "an unknown Transfer-Encoding"},
    [SR_WIRE_BAD_CHUNK] = {400, "a malformed chunk"},
};

int sr_wire_fault_status(SrWireFaultKind fault) {
  return faults[fault].status;
}

const char *sr_wire_fault_text(SrWireFaultKind fault) {
  return faults[fault].text;
}
