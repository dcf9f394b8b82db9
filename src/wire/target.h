/* SPDX-License-Identifier: MIT */
/*
** What a request asks for (RFC 9112, section 3.2): its four forms taken apart, hosts, and paths decoded.
*/
#ifndef SR_WIRE_TARGET_H
#define SR_WIRE_TARGET_H

#include "wire/token.h"

typedef enum SrWireForm {
  SR_WIRE_ORIGIN,    /* "/path?query" */
  SR_WIRE_ABSOLUTE,  /* "http://host/path?query" */
  SR_WIRE_AUTHORITY, /* "host:port", of CONNECT */
  SR_WIRE_ASTERISK   /* "*", of OPTIONS */
} SrWireForm;

/* Offsets from the first byte of the target. */
typedef struct SrWireTarget {
  SrWireForm form;
  unsigned host, host_length;   /* with its port; of the absolute form and of CONNECT */
  unsigned path, path_length;   /* as sent; "*" and the authority are paths too; maybe empty in the absolute form */
  unsigned query, query_length; /* behind the question mark */
  bool is_plain;                /* the path is what it is: nothing to decode, no dots to resolve */
} SrWireTarget;

/* Takes a target apart. False: it is none. */
bool sr_wire_target_read(SrWireTarget *target, SrWireText method, SrWireText text);

/* Whether this is a host, maybe with a port, as in Host. */
bool sr_wire_is_host(SrWireText text);

/* The host without its port. */
SrWireText sr_wire_host_name(SrWireText text);

/*
** Resolves the segments "." and ".." of a path that begins with a slash, also those written with escapes unless it is
** decoded; all else stays. Writes at most as many bytes as there were, at least the slash; `out` may be the path
** itself. Their number.
*/
size_t sr_wire_path_resolve(SrWireText path, char *out, bool is_decoded);

/* Decodes escapes, which are sound; no more bytes than there were. Their number. */
size_t sr_wire_decode(SrWireText text, char *out);

/* Whether each escape is one, of a byte other than NUL. */
bool sr_wire_has_sound_escapes(SrWireText text);

#endif
