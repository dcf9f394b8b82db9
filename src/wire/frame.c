/* SPDX-License-Identifier: MIT */
/* WebSocket frames. See frame.h. */
#include "wire/frame.h"

#include <string.h>

enum { IS_MASKED = 0x80, LENGTH = 0x7F, TWO_BYTES = 126, EIGHT_BYTES = 127, OPCODE = 0x0F };

static uint64_t read_number(const unsigned char *bytes, size_t count) {
  uint64_t number = 0;
  for (size_t i = 0; i < count; i++) number = number << 8 | bytes[i];
  return number;
}

size_t sr_wire_frame_read(SrWireFrame *frame, const char *bytes, size_t count) {
  const unsigned char *head = (const unsigned char *)bytes;
  if (count < 2) return 0;
  unsigned length = head[1] & LENGTH;
  size_t wide = length == EIGHT_BYTES ? 8 : length == TWO_BYTES ? 2 : 0;
  bool is_masked = (head[1] & IS_MASKED) != 0;
  size_t size = 2 + wide + (is_masked ? sizeof frame->mask : 0);
  if (count < size) return 0;
  frame->bits = head[0] & (SR_WIRE_FIN | SR_WIRE_RSV);
  frame->opcode = (SrWireOpcode)(head[0] & OPCODE);
  frame->is_masked = is_masked;
  frame->length = wide > 0 ? read_number(head + 2, wide) : length;
  frame->is_odd = (wide == 2 && frame->length < TWO_BYTES) ||
                  (wide == 8 && (frame->length <= UINT16_MAX || frame->length > INT64_MAX));
  if (is_masked) memcpy(frame->mask, head + 2 + wide, sizeof frame->mask);
  return size;
}

static size_t write_number(unsigned char *into, uint64_t number, size_t count) {
  for (size_t i = 0; i < count; i++) into[i] = (unsigned char)(number >> (8 * (count - 1 - i)));
  return count;
}

size_t sr_wire_frame_write(char into[SR_WIRE_FRAME_HEAD], unsigned char bits, SrWireOpcode opcode, uint64_t length,
                           const unsigned char *mask) {
  unsigned char *head = (unsigned char *)into;
  unsigned char masked = mask != NULL ? IS_MASKED : 0;
  size_t size = 2;
  head[0] = (unsigned char)(bits | (unsigned char)opcode);
  if (length < TWO_BYTES) {
    head[1] = (unsigned char)(masked | length);
  } else if (length <= UINT16_MAX) {
    head[1] = masked | TWO_BYTES;
    size += write_number(head + size, length, 2);
  } else {
    head[1] = masked | EIGHT_BYTES;
    size += write_number(head + size, length, 8);
  }
  if (mask == NULL) return size;
  memcpy(head + size, mask, 4);
  return size + 4;
}

void sr_wire_mask(char *bytes, size_t count, const unsigned char mask[4], size_t offset) {
  unsigned char turned[8];
  uint64_t wide, word;
  for (size_t i = 0; i < sizeof turned; i++) turned[i] = mask[(offset + i) & 3];
  memcpy(&wide, turned, sizeof wide);
  for (; count >= sizeof wide; bytes += sizeof wide, count -= sizeof wide) {
    memcpy(&word, bytes, sizeof word);
    word ^= wide;
    memcpy(bytes, &word, sizeof word);
  }
  for (size_t i = 0; i < count; i++) bytes[i] = (char)(bytes[i] ^ turned[i]);
}

/* --- UTF-8 (RFC 3629) -------------------------------------------------------------- */

/* How many bytes at the front are ASCII; eight are looked at together. */
static size_t skip_ascii(const char *bytes, size_t count) {
  size_t at = 0;
  uint64_t word;
  for (; count - at >= sizeof word; at += sizeof word) {
    memcpy(&word, bytes + at, sizeof word);
    if ((word & UINT64_C(0x8080808080808080)) != 0) break;
  }
  return at;
}

/* The first byte of a character that is not ASCII. */
static bool begin(SrWireUtf8 *state, unsigned char byte) {
  if (byte < 0xC2 || byte > 0xF4) return false;
  state->left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  state->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
  state->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
  return true;
}

bool sr_wire_utf8(SrWireUtf8 *state, const char *bytes, size_t count) {
  for (size_t at = 0; at < count; at++) {
    if (state->left == 0) at += skip_ascii(bytes + at, count - at);
    if (at == count) break;
    unsigned char byte = (unsigned char)bytes[at];
    if (state->left > 0) {
      if (byte < state->low || byte > state->high) return false;
      state->left--;
      state->low = 0x80;
      state->high = 0xBF;
    } else if (byte >= 0x80 && !begin(state, byte))
      return false;
  }
  return true;
}
