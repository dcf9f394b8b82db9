/* SPDX-License-Identifier: MIT */
/* Bytes of strings, see text.h. */
#include "json/text.h"

#include <stdbool.h>

enum { BLANK = 0x20, DEL = 0x7f, BLOCK = 16 };

static bool is_special(unsigned char byte) {
  return (byte < BLANK) | (byte == '"') | (byte == '\\') | (byte == DEL);
}

/* Looks at a whole block, whatever is in it: compilers make a few instructions of that. */
static bool is_plain(const char *block) {
  unsigned char specials = 0;
  for (int i = 0; i < BLOCK; i++) specials |= is_special((unsigned char)block[i]);
  return specials == 0;
}

size_t sr_json_plain(const char *bytes, size_t count) {
  size_t at = 0;
  while (count - at >= BLOCK && is_plain(bytes + at)) at += BLOCK;
  while (at < count && !is_special((unsigned char)bytes[at])) at++;
  return at;
}
