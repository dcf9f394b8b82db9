/* SPDX-License-Identifier: MIT */
/* The small words that heads are made of, see token.h. */
#include "wire/token.h"

#include <stdint.h>
#include <string.h>

/* By byte, whether a token may hold it. */
static const bool is_token_byte[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,
    ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0'] = 1,  ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1,
    ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['A'] = 1,  ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,
    ['F'] = 1, ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1,  ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1, ['X'] = 1, ['Y'] = 1,
    ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1,  ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1,
    ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1, ['n'] = 1, ['o'] = 1,  ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,
    ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1,  ['z'] = 1,
};

size_t sr_wire_token_span(const char *bytes, size_t length) {
  size_t i = 0;
  while (i < length && is_token_byte[(unsigned char)bytes[i]]) i++;
  return i;
}

bool sr_wire_is_token(const char *bytes, size_t length) {
  return length > 0 && sr_wire_token_span(bytes, length) == length;
}

static bool is_value_byte(unsigned char byte) {
  return (byte >= 32 && byte != 127) || byte == '\t';
}

/* A top bit is set in the result if one of these eight is below 32 or is 127, and none if all are from 32 to 126. */
static uint64_t suspicion(const char *bytes) {
  const uint64_t ones = 0x0101010101010101u;
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  return (word - ones * 32) | (word + ones);
}

static bool are_value_bytes(const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (!is_value_byte((unsigned char)bytes[i])) return false;
  return true;
}

/* The last eight bytes are looked at together, also where some of them have been before. */
bool sr_wire_is_value(const char *bytes, size_t length) {
  const uint64_t tops = 0x8080808080808080u;
  if (length < sizeof(uint64_t)) return are_value_bytes(bytes, length);
  size_t last = length - sizeof(uint64_t);
  uint64_t suspicious = suspicion(bytes + last);
  for (size_t i = 0; i < last; i += sizeof(uint64_t)) suspicious |= suspicion(bytes + i);
  return (suspicious & tops) == 0 || are_value_bytes(bytes, length);
}

bool sr_wire_list_next(SrWireText *list, SrWireText *element) {
  while (list->length > 0) {
    const char *comma = memchr(list->bytes, ',', list->length);
    size_t size = comma != NULL ? (size_t)(comma - list->bytes) : list->length;
    size_t taken = comma != NULL ? size + 1 : size;
    *element = sr_wire_trim((SrWireText){list->bytes, size});
    list->bytes += taken;
    list->length -= taken;
    if (element->length > 0) return true;
  }
  return false;
}

int sr_wire_digit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if ((byte | 32) >= 'a' && (byte | 32) <= 'f') return (byte | 32) - 'a' + 10;
  return -1;
}
