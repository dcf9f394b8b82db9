/* SPDX-License-Identifier: MIT */
/* Names and their addresses, see names.h. */
#include "http/names.h"

#include <stdlib.h>
#include <string.h>

/* For so many seconds they are remembered, and so many of them. */
static const double AGE = 60;
enum { MOST = 64 };

static void free_name(SrHttpName *entry) {
  free(entry->addresses);
  free(entry);
}

/* Frees those that come behind. */
static void cut(SrHttpName **link) {
  while (*link != NULL) {
    SrHttpName *entry = *link;
    *link = entry->next;
    free_name(entry);
  }
}

const SrIoAddress *sr_http_names_find(SrHttpNames *names, const char *name, double now, size_t *count) {
  for (SrHttpName **link = &names->first; *link != NULL; link = &(*link)->next) {
    if ((*link)->until <= now) { /* so are all behind it */
      cut(link);
      return NULL;
    }
    if (strcmp((*link)->name, name) != 0) continue;
    *count = (*link)->count;
    return (*link)->addresses;
  }
  return NULL;
}

void sr_http_names_add(SrHttpNames *names, const char *name, double now, const SrIoAddress *addresses, size_t count) {
  size_t size = strlen(name) + 1, bytes = count * sizeof *addresses;
  SrHttpName *entry = calloc(1, sizeof *entry + size);
  if (entry == NULL) return;
  entry->addresses = malloc(bytes);
  if (entry->addresses == NULL) {
    free(entry);
    return;
  }
  memcpy(entry->addresses, addresses, bytes);
  memcpy(entry->name, name, size);
  entry->count = count;
  entry->until = now + AGE;
  entry->next = names->first;
  names->first = entry;
  SrHttpName **link = &names->first;
  for (int i = 0; i < MOST && *link != NULL; i++) link = &(*link)->next;
  cut(link);
}

void sr_http_names_drop(SrHttpNames *names, const char *name) {
  SrHttpName **link = &names->first;
  while (*link != NULL) {
    SrHttpName *entry = *link;
    if (strcmp(entry->name, name) != 0) {
      link = &entry->next;
      continue;
    }
    *link = entry->next;
    free_name(entry);
  }
}

void sr_http_names_free(SrHttpNames *names) {
  cut(&names->first);
}
