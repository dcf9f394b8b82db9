/* SPDX-License-Identifier: MIT */
/*
** The fuzzer of WebSocket frames. The first byte of an input says which side reads it, whether messages come deflated,
** with what limit, and where it is cut; what comes out must be the same as for the whole, and for every byte by itself,
** and no message may be larger than the limit. It is a target of libFuzzer.
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "websocket/decoder.h"

/* What came out, as text. */
typedef struct Reading {
  SrWebsocketDecoder decoder;
  SrBuffer notes;
  bool is_over;
} Reading;

enum { SERVER = 1, DEFLATED = 2, KEEPS = 4, SMALL = 8, CUT = 4 }; /* bits of the first byte; the rest is the cut */

static void reading_open(Reading *reading, uint8_t flags) {
  SrWebsocketInflater *inflater = NULL;
  memset(reading, 0, sizeof *reading);
  if ((flags & DEFLATED) != 0) {
    inflater = sr_websocket_inflater_new(15, (flags & KEEPS) != 0);
    if (inflater == NULL) abort();
  }
  sr_websocket_decoder_open(&reading->decoder, (flags & SERVER) != 0, (flags & SMALL) != 0 ? 64 : 65536, inflater);
}

static void note_event(Reading *reading, SrWebsocketEvent event) {
  const SrWebsocketDecoder *decoder = &reading->decoder;
  char line[64];
  int size = snprintf(line, sizeof line, "\n%d %zu ", (int)event, decoder->size);
  bool is_message = event == SR_WEBSOCKET_TEXT || event == SR_WEBSOCKET_BINARY;
  if (is_message && decoder->size > decoder->limit) abort();
  if (decoder->size > sr_buffer_length(&decoder->message) && is_message) abort();
  sr_buffer_append(&reading->notes, line, (size_t)size);
  sr_buffer_append(&reading->notes, decoder->data, decoder->size);
  if (event != SR_WEBSOCKET_CLOSE && event != SR_WEBSOCKET_FAULT) return;
  size = snprintf(line, sizeof line, " %d", decoder->code);
  sr_buffer_append(&reading->notes, line, (size_t)size);
  reading->is_over = true;
}

static void reading_feed(Reading *reading, const uint8_t *bytes, size_t count) {
  while (count > 0 && !reading->is_over) {
    size_t taken;
    SrWebsocketEvent event = sr_websocket_decode(&reading->decoder, (const char *)bytes, count, &taken);
    if (taken > count || (taken == 0 && event == SR_WEBSOCKET_NOTHING)) abort();
    bytes += taken;
    count -= taken;
    if (event != SR_WEBSOCKET_NOTHING) note_event(reading, event);
  }
}

static void reading_close(Reading *reading) {
  sr_websocket_decoder_close(&reading->decoder);
  sr_buffer_free(&reading->notes);
}

static void read_in_steps(Reading *reading, const uint8_t *data, size_t size, size_t first, size_t step) {
  size_t at = 1 + first < size ? 1 + first : size;
  reading_open(reading, data[0]);
  reading_feed(reading, data + 1, at - 1);
  for (; at < size; at += step) reading_feed(reading, data + at, size - at < step ? size - at : step);
}

static void check_same(const Reading *a, const Reading *b) {
  size_t length = sr_buffer_length(&a->notes);
  if (a->is_over != b->is_over || sr_buffer_length(&b->notes) != length) abort();
  if (memcmp(sr_buffer_front(&a->notes), sr_buffer_front(&b->notes), length) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Reading whole, cut, bytewise;
  if (size < 1 || size > 32768) return 0;
  read_in_steps(&whole, data, size, 0, size);
  read_in_steps(&cut, data, size, (size_t)(data[0] >> CUT) * size / 16, size);
  read_in_steps(&bytewise, data, size, 0, 1);
  check_same(&whole, &cut);
  check_same(&whole, &bytewise);
  reading_close(&whole);
  reading_close(&cut);
  reading_close(&bytewise);
  return 0;
}
