/* SPDX-License-Identifier: MIT */
/* What a request asks for, see target.h. */
#include "wire/target.h"

#include <string.h>
#include <strings.h>

/* --- hosts ----------------------------------------------------------------------- */

/* What a name may hold: it is not taken apart any further. Letters and digits, as most bytes are, come first. */
static bool is_name_byte(char byte) {
  bool is_letter = (byte | 32) >= 'a' && (byte | 32) <= 'z';
  if (is_letter || (byte >= '0' && byte <= '9') || byte == '.' || byte == '-') return true;
  return byte != '\0' && strchr("_~!$&'()*+,;=%", byte) != NULL;
}

/* An address of IPv6 in its brackets; a zone or a later kind of address is none that a host is asked by. */
static size_t span_of_address(SrWireText text) {
  size_t i = 1;
  while (i < text.length && (sr_wire_digit(text.bytes[i]) >= 0 || text.bytes[i] == ':' || text.bytes[i] == '.')) i++;
  return i > 2 && i < text.length && text.bytes[i] == ']' ? i + 1 : 0;
}

/* How many bytes are the name; 0: there is none. */
static size_t span_of_name(SrWireText text) {
  size_t i = 0;
  if (text.length > 0 && *text.bytes == '[') return span_of_address(text);
  while (i < text.length && is_name_byte(text.bytes[i])) i++;
  return sr_wire_has_sound_escapes((SrWireText){text.bytes, i}) ? i : 0;
}

static bool is_port(const char *bytes, size_t length) {
  unsigned port = 0;
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] < '0' || bytes[i] > '9') return false;
    port = port * 10 + (unsigned)(bytes[i] - '0');
    if (port > 65535) return false;
  }
  return true;
}

bool sr_wire_is_host(SrWireText text) {
  size_t name = span_of_name(text);
  if (name == 0) return false;
  return name == text.length || (text.bytes[name] == ':' && is_port(text.bytes + name + 1, text.length - name - 1));
}

SrWireText sr_wire_host_name(SrWireText text) {
  text.length = span_of_name(text);
  return text;
}

/* --- paths ------------------------------------------------------------------------ */

bool sr_wire_has_sound_escapes(SrWireText text) {
  const char *end = text.bytes + text.length, *at = text.bytes;
  while ((at = memchr(at, '%', (size_t)(end - at))) != NULL) {
    if (end - at < 3 || sr_wire_digit(at[1]) < 0 || sr_wire_digit(at[2]) < 0) return false;
    if (at[1] == '0' && at[2] == '0') return false;
    at += 3;
  }
  return true;
}

size_t sr_wire_decode(SrWireText text, char *out) {
  size_t size = 0;
  for (size_t i = 0; i < text.length; i++) {
    char byte = text.bytes[i];
    if (byte == '%') {
      byte = (char)(sr_wire_digit(text.bytes[i + 1]) << 4 | sr_wire_digit(text.bytes[i + 2]));
      i += 2;
    }
    out[size++] = byte;
  }
  return size;
}

/* Whether a segment is so many dots, some of them maybe written as %2e. */
static bool is_dots(SrWireText segment, size_t dots, bool is_decoded) {
  size_t at = 0;
  for (; dots > 0; dots--) {
    if (at < segment.length && segment.bytes[at] == '.')
      at++;
    else if (!is_decoded && segment.length - at >= 3 && strncasecmp(segment.bytes + at, "%2e", 3) == 0)
      at += 3;
    else
      return false;
  }
  return at == segment.length;
}

/* The length of the result without its last segment, but with the slash before that. */
static size_t without_last(const char *out, size_t size) {
  do size--;
  while (size > 0 && out[size - 1] != '/');
  return size > 0 ? size : 1;
}

size_t sr_wire_path_resolve(SrWireText path, char *out, bool is_decoded) {
  size_t size = 1, at = 1;
  out[0] = '/';
  while (at <= path.length) {
    const char *slash = memchr(path.bytes + at, '/', path.length - at);
    size_t stop = slash != NULL ? (size_t)(slash - path.bytes) : path.length;
    SrWireText segment = {path.bytes + at, stop - at};
    if (is_dots(segment, 2, is_decoded)) {
      size = size > 1 ? without_last(out, size) : 1;
    } else if (!is_dots(segment, 1, is_decoded)) {
      memmove(out + size, segment.bytes, segment.length);
      size += segment.length;
      if (slash != NULL) out[size++] = '/';
    }
    at = stop + 1;
  }
  return size;
}

/* --- the forms --------------------------------------------------------------------- */

/* Finds the query. `at` is where the path begins. False: an escape is broken. */
static bool read_path(SrWireTarget *target, SrWireText text, unsigned at) {
  SrWireText rest = {text.bytes + at, text.length - at};
  const char *mark = memchr(rest.bytes, '?', rest.length);
  target->path = at;
  target->path_length = (unsigned)(mark != NULL ? (size_t)(mark - rest.bytes) : rest.length);
  target->query = at + target->path_length + (mark != NULL);
  target->query_length = (unsigned)(text.length - target->query);
  rest.length = target->path_length;
  if (memchr(rest.bytes, '%', rest.length) != NULL) {
    target->is_plain = false;
    return sr_wire_has_sound_escapes(rest);
  }
  for (const char *dot = rest.bytes, *end = dot + rest.length; target->is_plain; dot++) {
    dot = memchr(dot, '.', (size_t)(end - dot));
    if (dot == NULL) break;
    target->is_plain = dot == rest.bytes || dot[-1] != '/';
  }
  return true;
}

static bool read_absolute(SrWireTarget *target, SrWireText text) {
  size_t scheme = text.length > 7 && strncasecmp(text.bytes, "http://", 7) == 0 ? 7 : 0;
  if (text.length > 8 && strncasecmp(text.bytes, "https://", 8) == 0) scheme = 8;
  if (scheme == 0) return false;
  size_t end = scheme;
  while (end < text.length && text.bytes[end] != '/' && text.bytes[end] != '?') end++;
  target->form = SR_WIRE_ABSOLUTE;
  target->host = (unsigned)scheme;
  target->host_length = (unsigned)(end - scheme);
  if (!sr_wire_is_host((SrWireText){text.bytes + scheme, end - scheme})) return false;
  return read_path(target, text, (unsigned)end);
}

static bool read_authority(SrWireTarget *target, SrWireText text) {
  target->form = SR_WIRE_AUTHORITY;
  target->host_length = target->path_length = target->query = (unsigned)text.length;
  return sr_wire_is_host(text) && text.bytes[text.length - 1] != ':' &&
         sr_wire_host_name(text).length < text.length; /* it has a port */
}

/* Visible characters of ASCII, and no fragment. */
static bool is_clean(SrWireText text) {
  for (size_t i = 0; i < text.length; i++) {
    unsigned char byte = (unsigned char)text.bytes[i];
    if (byte <= ' ' || byte >= 127 || byte == '#') return false;
  }
  return text.length > 0;
}

bool sr_wire_target_read(SrWireTarget *target, SrWireText method, SrWireText text) {
  *target = (SrWireTarget){.is_plain = true};
  if (!is_clean(text)) return false;
  if (method.length == 7 && memcmp(method.bytes, "CONNECT", 7) == 0) return read_authority(target, text);
  if (*text.bytes == '/') return read_path(target, text, 0);
  if (text.length > 1 || *text.bytes != '*') return read_absolute(target, text);
  target->form = SR_WIRE_ASTERISK;
  target->path_length = target->query = 1;
  return method.length == 7 && memcmp(method.bytes, "OPTIONS", 7) == 0;
}
