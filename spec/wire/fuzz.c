/* SPDX-License-Identifier: MIT */
/*
** The fuzzer of the room wire. The first byte of an input says which side reads it, with what limits, and where it is
** cut; what comes out must be the same as for the whole, and for every byte by itself. It is a target of libFuzzer.
*/
#include <stdint.h>
#include <stdlib.h>

#include "reading.h"

static void read_in_steps(Reading *reading, const uint8_t *data, size_t size, size_t first, size_t step) {
  SrWireLimits limits = {.head = 2048, .target = 512, .fields = 16};
  if ((data[0] & 2) != 0) limits = (SrWireLimits){.head = 64, .target = 16, .fields = 2};
  reading_open(reading, (data[0] & 1) != 0, limits);
  size_t at = 1 + first < size ? 1 + first : size;
  reading_feed(reading, (const char *)data + 1, at - 1);
  for (; at < size; at += step) reading_feed(reading, (const char *)data + at, size - at < step ? size - at : step);
}

static void check_same(const Reading *a, const Reading *b) {
  size_t length = sr_buffer_length(&a->notes);
  if (a->fault != b->fault || sr_buffer_length(&b->notes) != length) abort();
  if (memcmp(sr_buffer_front(&a->notes), sr_buffer_front(&b->notes), length) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Reading whole, cut, bytewise;
  if (size < 1 || size > 32768) return 0;
  read_in_steps(&whole, data, size, 0, size);
  read_in_steps(&cut, data, size, (size_t)(data[0] >> 2) * size / 64, size);
  read_in_steps(&bytewise, data, size, 0, 1);
  check_same(&whole, &cut);
  check_same(&whole, &bytewise);
  reading_close(&whole);
  reading_close(&cut);
  reading_close(&bytewise);
  return 0;
}
