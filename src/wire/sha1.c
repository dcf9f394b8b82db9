/* SPDX-License-Identifier: MIT */
/* SHA-1 of short texts. See sha1.h. */
#include "wire/sha1.h"

#include <stdint.h>
#include <string.h>

enum { BLOCK = 64, MOST_BLOCKS = 2, ROUNDS = 80 };

static uint32_t rotate(uint32_t x, int n) {
  return x << n | x >> (32 - n);
}

static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d) {
  if (round < 20) return ((b & c) | (~b & d)) + UINT32_C(0x5A827999);
  if (round < 40) return (b ^ c ^ d) + UINT32_C(0x6ED9EBA1);
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + UINT32_C(0x8F1BBCDC);
  return (b ^ c ^ d) + UINT32_C(0xCA62C1D6);
}

static void compress(uint32_t state[5], const unsigned char *block) {
  uint32_t w[ROUNDS], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           (uint32_t)block[4 * i + 3];
  for (int i = 16; i < ROUNDS; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  for (int i = 0; i < ROUNDS; i++) {
    uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

void sr_wire_sha1(const char *bytes, size_t count, unsigned char digest[SR_WIRE_SHA1_SIZE]) {
  unsigned char padded[MOST_BLOCKS * BLOCK] = {0};
  uint32_t state[5] = {UINT32_C(0x67452301), UINT32_C(0xEFCDAB89), UINT32_C(0x98BADCFE), UINT32_C(0x10325476),
                       UINT32_C(0xC3D2E1F0)};
  size_t size = count + 9 <= BLOCK ? BLOCK : MOST_BLOCKS * BLOCK;
  uint64_t bits = (uint64_t)count * 8;
  memcpy(padded, bytes, count);
  padded[count] = 0x80;
  for (size_t i = 0; i < 8; i++) padded[size - 1 - i] = (unsigned char)(bits >> (8 * i));
  for (size_t at = 0; at < size; at += BLOCK) compress(state, padded + at);
  for (size_t i = 0; i < SR_WIRE_SHA1_SIZE; i++) digest[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}
