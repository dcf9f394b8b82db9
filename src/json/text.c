/* SPDX-License-Identifier: MIT */
/* Bytes of strings, see text.h. */
#include "json/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLANK = 0x20, DEL = 0x7f };

static const uint64_t EACH = UINT64_C(0x0101010101010101), HIGHEST = UINT64_C(0x8080808080808080);

static bool is_plain(unsigned char byte) {
  return byte >= BLANK && byte != '"' && byte != '\\' && byte != DEL;
}

/* The highest bit of a byte is set if a byte is below `limit`, of none if there is no such byte. */
static uint64_t below(uint64_t word, unsigned limit) {
  return (word - EACH * limit) & ~word;
}

static bool are_plain(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  uint64_t special =
      below(word, BLANK) | below(word ^ EACH * '"', 1) | below(word ^ EACH * '\\', 1) | below(word ^ EACH * DEL, 1);
  return (special & HIGHEST) == 0;
}

size_t sr_json_plain(const char *bytes, size_t count) {
  size_t at = 0;
  while (count - at >= sizeof(uint64_t) && are_plain(bytes + at)) at += sizeof(uint64_t);
  while (at < count && is_plain((unsigned char)bytes[at])) at++;
  return at;
}
