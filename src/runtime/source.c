/* SPDX-License-Identifier: MIT */
/* The names of chunks, each with a number. See source.h. */
#include "runtime/source.h"

#include <stdlib.h>
#include <string.h>

enum {
  FIRST_CAPACITY = 64,
  FIRST_LIMIT = 4 * SR_LASTING_SOURCES,
  SCOPES_PER_NAME = 16 /* looking through so many scopes is worth one new name */
};

static uint32_t hash_of(const char *name) {
  uint32_t hash = 2166136261U;
  for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 16777619U;
  return hash ^ hash >> 15;
}

/* The bucket of a name: the one that has its number, or the empty one where that belongs. */
static uint32_t *find_bucket(const SrSources *sources, const char *name, uint32_t hash) {
  unsigned mask = 2 * sources->capacity - 1;
  for (unsigned i = hash & mask;; i = (i + 1) & mask) {
    uint32_t *bucket = &sources->buckets[i];
    if (*bucket == 0) return bucket;
    const SrSource *source = &sources->list[*bucket - 1];
    if (source->hash == hash && strcmp(source->name, name) == 0) return bucket;
  }
}

static void fill_buckets(SrSources *sources) {
  memset(sources->buckets, 0, 2 * sources->capacity * sizeof *sources->buckets);
  for (unsigned number = 1; number <= sources->top; number++) {
    const SrSource *source = &sources->list[number - 1];
    if (source->name != NULL) *find_bucket(sources, source->name, source->hash) = (uint32_t)number;
  }
}

static bool grow(SrSources *sources) {
  unsigned capacity = sources->capacity == 0 ? FIRST_CAPACITY : 2 * sources->capacity;
  uint32_t *buckets = (uint32_t *)malloc(2 * capacity * sizeof *buckets);
  if (buckets == NULL) return false;
  SrSource *list = (SrSource *)realloc(sources->list, capacity * sizeof *list);
  if (list == NULL) return free(buckets), false;
  free(sources->buckets);
  sources->list = list;
  sources->buckets = buckets;
  sources->capacity = capacity;
  fill_buckets(sources);
  return true;
}

/* --- forgetting names --------------------------------------------------------- */

static void keep(SrSources *sources, unsigned number) {
  if (number != 0 && number != SR_ASKED_LATER) sources->list[number - 1].kept = true;
}

/* Marks the names of every scope in the tree and of every open resource. Returns how many scopes there are. */
static unsigned keep_used(SrRuntime *rt) {
  unsigned count = 0;
  for (const SrScope *at = &rt->root; at != NULL; at = sr_next_scope(&rt->root, at, true), count++)
    keep(&rt->places.sources, at->source);
  for (const saros_resource *resource = rt->resources; resource != NULL; resource = resource->next)
    keep(&rt->places.sources, (unsigned)resource->source);
  return count;
}

/* Forgets the names that nobody has any more. The limit is set so that the names to come share what that costs. */
static void forget_unused(SrRuntime *rt) {
  SrSources *sources = &rt->places.sources;
  unsigned scopes = keep_used(rt);
  for (unsigned number = 1; number <= sources->top; number++) {
    SrSource *source = &sources->list[number - 1];
    if (number > SR_LASTING_SOURCES && !source->kept && source->name != NULL) {
      free(source->name);
      source->name = NULL;
      sources->count--;
    }
    source->kept = false;
  }
  fill_buckets(sources);
  sources->hint = SR_LASTING_SOURCES + 1;
  sources->limit = 2 * sources->count + scopes / SCOPES_PER_NAME;
  if (sources->limit < FIRST_LIMIT) sources->limit = FIRST_LIMIT;
}

/* --- numbers ------------------------------------------------------------------ */

/* The lowest number that is free; 0: there is no memory. */
static unsigned take_number(SrSources *sources) {
  while (sources->count < sources->top && sources->hint <= sources->top) {
    if (sources->list[sources->hint - 1].name == NULL) return sources->hint;
    sources->hint++;
  }
  if (sources->top == sources->capacity && !grow(sources)) return 0;
  memset(&sources->list[sources->top], 0, sizeof *sources->list);
  return ++sources->top;
}

static unsigned add(SrRuntime *rt, const char *name, uint32_t hash) {
  SrSources *sources = &rt->places.sources;
  if (sources->limit == 0) sources->limit = FIRST_LIMIT;
  if (sources->count >= sources->limit) forget_unused(rt);
  size_t size = strlen(name) + 1;
  char *copy = (char *)malloc(size);
  unsigned number = copy == NULL ? 0 : take_number(sources);
  if (number == 0) return free(copy), 0;
  memcpy(copy, name, size);
  *find_bucket(sources, name, hash) = (uint32_t)number;
  sources->list[number - 1].name = copy;
  sources->list[number - 1].hash = hash;
  sources->count++;
  return number;
}

unsigned sr_source_number(SrRuntime *rt, const char *name) {
  SrSources *sources = &rt->places.sources;
  const char *last = sr_source_name(rt, sources->last);
  if (last != NULL && strcmp(last, name) == 0) return sources->last;
  uint32_t hash = hash_of(name);
  unsigned number = sources->capacity == 0 ? 0 : *find_bucket(sources, name, hash);
  if (number == 0) number = add(rt, name, hash);
  return sources->last = number;
}

const char *sr_source_name(const SrRuntime *rt, unsigned number) {
  return number == 0 || number > rt->places.sources.top ? NULL : rt->places.sources.list[number - 1].name;
}

void sr_source_free_all(SrRuntime *rt) {
  SrSources *sources = &rt->places.sources;
  for (unsigned i = 0; i < sources->top; i++) free(sources->list[i].name);
  free(sources->list);
  free(sources->buckets);
  memset(sources, 0, sizeof *sources);
}
