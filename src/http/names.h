/* SPDX-License-Identifier: MIT */
/*
** Addresses of names that have been looked up, remembered for a minute.
*/
#ifndef SR_HTTP_NAMES_H
#define SR_HTTP_NAMES_H

#include "io/stream.h"

typedef struct SrHttpName SrHttpName;
struct SrHttpName {
  SrHttpName *next;
  double until; /* on the runtime's clock */
  size_t count;
  SrIoAddress *addresses;
  char name[];
};

/* Zeroed before use. */
typedef struct SrHttpNames {
  SrHttpName *first; /* the newest */
} SrHttpNames;

/* The addresses of a name, `*count` of them; NULL: they are not known (any more). */
const SrIoAddress *sr_http_names_find(SrHttpNames *names, const char *name, double now, size_t *count);
/* Remembers them; without memory it does not. */
void sr_http_names_add(SrHttpNames *names, const char *name, double now, const SrIoAddress *addresses, size_t count);
/* Forgets them: nobody is there any more. */
void sr_http_names_drop(SrHttpNames *names, const char *name);
void sr_http_names_free(SrHttpNames *names);

#endif
