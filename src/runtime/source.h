/* SPDX-License-Identifier: MIT */
/*
** The names of the chunks in which tasks and blocks are made, each with a number: a place takes eight bytes.
**
** Invariant: a number that a scope in the tree or an open resource has means the name that it was given for. When
** names get many, those that nobody has any more are forgotten and their numbers given again; not the first ones,
** up to SR_LASTING_SOURCES, which mean the same as long as the runtime lives. Whatever else keeps a number longer than
** its scope is in the tree has to keep the text.
*/
#ifndef SR_SOURCE_H
#define SR_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SrRuntime SrRuntime;

enum { SR_LASTING_SOURCES = 1024 };

typedef struct SrSource {
  char *name; /* NULL: the number is free */
  uint32_t hash;
  bool kept; /* while it is found out which are in use */
} SrSource;

typedef struct SrSources {
  SrSource *list;    /* by number, from 1 */
  uint32_t *buckets; /* numbers by hash, 0: empty; at least half of them are */
  unsigned top;      /* the highest number given so far */
  unsigned capacity; /* of the list; there are twice as many buckets */
  unsigned count;    /* numbers in use */
  unsigned limit;    /* of names, before it is looked which are still in use */
  unsigned hint;     /* at or below the lowest number that is free, if one below the highest is */
  unsigned last;     /* the number found last: mostly the next one too */
} SrSources;

/* The number of a name, which is copied; 0 if there is no memory. */
unsigned sr_source_number(SrRuntime *rt, const char *name);
/* The name of a number, or NULL. */
const char *sr_source_name(const SrRuntime *rt, unsigned number);
/* The number is in use: what sr_scope_keep_sources is to say. */
void sr_source_keep(SrRuntime *rt, unsigned number);
void sr_source_free_all(SrRuntime *rt);

#endif
