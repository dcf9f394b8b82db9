/* SPDX-License-Identifier: MIT */
/* The memory of messages, see message.h. */
#include "thread/message.h"

#include <stdlib.h>
#include <string.h>

void sr_thread_message_free(SrThreadMessage *message) {
  sr_buffer_free(&message->bytes);
  for (uint32_t i = 0; i < message->count; i++) free(message->blocks[i].bytes);
  free(message->blocks);
  *message = (SrThreadMessage){0};
}

static bool grow(SrThreadMessage *message) {
  uint32_t room = message->room == 0 ? 4 : 2 * message->room;
  if (room < message->room) return false;
  SrThreadBlock *blocks = (SrThreadBlock *)realloc(message->blocks, room * sizeof *blocks);
  if (blocks == NULL) return false;
  message->blocks = blocks;
  message->room = room;
  return true;
}

bool sr_thread_message_add(SrThreadMessage *message, const char *bytes, size_t length) {
  if (message->count == message->room && !grow(message)) return false;
  char *copy = (char *)malloc(length);
  if (copy == NULL) return false;
  memcpy(copy, bytes, length);
  message->blocks[message->count++] = (SrThreadBlock){copy, length};
  return true;
}
