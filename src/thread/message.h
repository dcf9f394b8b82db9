/* SPDX-License-Identifier: MIT */
/*
** Lua values on their way from one state to another, as bytes that belong to neither.
**
** First come the values themselves, then, in the order of their numbers, what is in the objects (tables and functions)
** that were met: so nothing calls itself, however deep a table is. A long string is a block of its own, which is copied
** once in and once out.
*/
#ifndef SR_THREAD_MESSAGE_H
#define SR_THREAD_MESSAGE_H

#include <stdint.h>

#include "base/buffer.h"

/* How a value begins. What follows the tag stands behind it. */
typedef enum SrThreadTag {
  SR_TAG_NIL,
  SR_TAG_FALSE,
  SR_TAG_TRUE,
  SR_TAG_INTEGER,  /* a lua_Integer */
  SR_TAG_NUMBER,   /* a lua_Number */
  SR_TAG_POINTER,  /* a void *: light userdata, such as json.null */
  SR_TAG_STRING,   /* its length, its bytes */
  SR_TAG_BLOCK,    /* the number of a block */
  SR_TAG_OBJECT,   /* the number of an object that was met before */
  SR_TAG_TABLE,    /* a new object; how many items its list has */
  SR_TAG_ERROR,    /* a new object: a table that is an Error object */
  SR_TAG_FUNCTION, /* a new object; the length of its code, its code */
  SR_TAG_MODULE,   /* a string: what `require` gives for it, or the globals */
  SR_TAG_LIBRARY,  /* two strings: a function in a module */
  SR_TAG_SHARED,   /* in place of an upvalue: that of a function (its number, and the upvalue's) is the same one */
  SR_TAG_END       /* of a table's fields; its metatable follows */
} SrThreadTag;

/* Longer ones are blocks. */
enum { SR_THREAD_SHORT = 4096 };

typedef struct SrThreadBlock {
  char *bytes;
  size_t length;
} SrThreadBlock;

typedef struct SrThreadMessage {
  SrBuffer bytes;
  SrThreadBlock *blocks;
  uint32_t count; /* of blocks */
  uint32_t room;  /* for blocks */
  int values;     /* how many it is */
} SrThreadMessage;

/* Gives its memory back; it is empty then. */
void sr_thread_message_free(SrThreadMessage *message);

/* Adds a block. False: no memory. */
bool sr_thread_message_add(SrThreadMessage *message, const char *bytes, size_t length);

#endif
