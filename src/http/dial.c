/* SPDX-License-Identifier: MIT */
/* Dialling, see dial.h: the name is looked up, then its addresses are raced. */
#include "http/dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/platform.h"
#include "net/address.h"

/* As many addresses as the option `resolve` may name. */
enum { MOST_ADDRESSES = 32 };

void sr_http_dial_end(SrHttpDial *dial) {
  if (dial->lookup != NULL) sr_net_lookup_drop(dial->lookup);
  dial->lookup = NULL;
  if (dial->path != NULL) sr_io_plain_discard(dial->path);
  dial->path = NULL;
  sr_net_race_end(&dial->race);
  free(dial->race.tries);
  dial->race.tries = NULL;
  dial->race.count = 0;
  if (dial->is_by_name) sr_http_names_drop(dial->names, dial->request->host);
  dial->is_by_name = false;
}

static void fail(SrHttpDial *dial, const char *code, const char *message) {
  const SrHttpDialFailure failure = {.code = code, .message = message};
  sr_http_dial_end(dial);
  dial->on_failed(dial->owner, &failure);
}

/* The system has refused. */
static void fail_by_status(SrHttpDial *dial, int status) {
  char text[512];
  if (status == UV_ENOMEM) {
    fail(dial, "ENOMEM", "not enough memory");
    return;
  }
  const SrHttpRequest *request = dial->request;
  if (request->unix_socket != NULL)
    snprintf(text, sizeof text, "could not connect: %s", sr_status_text(status));
  else
    snprintf(text, sizeof text, "failed to connect to %.128s port %d: %s", request->host, request->port,
             sr_status_text(status));
  fail(dial, uv_err_name(status), text);
}

/* --- addresses ------------------------------------------------------------------- */

static void on_raced(SrNetRace *race) {
  SrHttpDial *dial = SR_IO_CONTAINER(race, SrHttpDial, race);
  SrIoPlain *plain = race->winner;
  if (plain == NULL) {
    fail_by_status(dial, race->status);
    return;
  }
  race->winner = NULL;
  dial->is_by_name = false;
  sr_http_dial_end(dial);
  uv_tcp_nodelay(&plain->own.tcp, 1);
  dial->on_connected(dial->owner, plain);
}

static void race_for(SrHttpDial *dial, const SrIoAddress *addresses, size_t count) {
  SrNetRace *race = &dial->race;
  race->tries = calloc(count, sizeof *race->tries);
  if (race->tries == NULL) {
    fail_by_status(dial, UV_ENOMEM);
    return;
  }
  race->on_done = on_raced;
  if (dial->request->local_address != NULL && !sr_net_parse(dial->request->local_address, &race->local)) {
    fail_by_status(dial, UV_EADDRNOTAVAIL);
    return;
  }
  sr_net_race_fill(race, addresses, count, dial->request->port);
  sr_net_race_begin(race);
  if (race->open == 0) on_raced(race);
}

/* --- names ------------------------------------------------------------------------- */

static void fail_lookup(SrHttpDial *dial, const SrNetLookup *lookup) {
  char text[512];
  const char *code = sr_net_lookup_code(lookup);
  const char *reason = lookup->result == 0 ? "it has no address" : gai_strerror(lookup->result);
  if (strcmp(code, "ENOMEM") == 0) {
    fail_by_status(dial, UV_ENOMEM);
    return;
  }
  if (lookup->result == 0 || strcmp(code, "EAI_FAIL") == 0 || strcmp(code, "EAI_FAMILY") == 0) code = "ENOTFOUND";
  snprintf(text, sizeof text, "could not resolve host %.200s: %s", dial->request->host, reason);
  const SrHttpDialFailure failure = {.code = code, .message = text, .lookup_failed = 1};
  sr_http_dial_end(dial);
  dial->on_failed(dial->owner, &failure);
}

static void on_looked_up(SrNetLookup *lookup) {
  SrHttpDial *dial = lookup->owner;
  if (lookup->result != 0 || lookup->count == 0) {
    fail_lookup(dial, lookup);
    return;
  }
  double now = sr_io_saros->now(dial->context->runtime);
  sr_http_names_add(dial->names, dial->request->host, now, lookup->addresses, lookup->count);
  SrIoAddress addresses[MOST_ADDRESSES];
  size_t count = lookup->count < MOST_ADDRESSES ? lookup->count : MOST_ADDRESSES;
  memcpy(addresses, lookup->addresses, count * sizeof *addresses);
  dial->lookup = NULL;
  dial->is_by_name = true;
  sr_net_lookup_drop(lookup);
  race_for(dial, addresses, count);
}

static void look_up(SrHttpDial *dial) {
  int status;
  dial->lookup =
      sr_net_lookup(sr_io_saros->loop(dial->context->runtime), dial->request->host, AF_UNSPEC, NULL, &status);
  if (dial->lookup == NULL) {
    fail_by_status(dial, status);
    return;
  }
  dial->lookup->on_done = on_looked_up;
  dial->lookup->owner = dial;
}

/* --- paths --------------------------------------------------------------------------- */

static void on_path_connected(uv_connect_t *request, int status) {
  SrIoPlain *plain = (SrIoPlain *)request->handle->data;
  SrHttpDial *dial = (SrHttpDial *)plain->base.owner;
  if (dial == NULL) return;
  if (status != 0) {
    fail_by_status(dial, status);
    return;
  }
  dial->path = NULL;
  plain->base.owner = NULL;
  dial->on_connected(dial->owner, plain);
}

static void connect_path(SrHttpDial *dial) {
  struct sockaddr_storage address;
  int status;
  if (sr_unix_address(&address, dial->request->unix_socket) == 0) {
    fail_by_status(dial, UV_ENAMETOOLONG);
    return;
  }
  SrIoPlain *plain = sr_io_plain_new(dial->context, UV_NAMED_PIPE, &status);
  if (plain == NULL) {
    fail_by_status(dial, status);
    return;
  }
  dial->path = plain;
  plain->base.owner = dial;
  plain->is_internal = dial->request->is_internal;
  uv_pipe_connect(&plain->request.connect, &plain->own.pipe, dial->request->unix_socket, on_path_connected);
}

/* --- start ----------------------------------------------------------------------------- */

/* The addresses in a text, with commas between them. */
static size_t parse_all(const char *text, SrIoAddress *addresses) {
  size_t count = 0;
  while (*text != '\0' && count < MOST_ADDRESSES) {
    char one[INET6_ADDRSTRLEN + 3];
    size_t length = strcspn(text, ",");
    const char *next = text[length] == ',' ? text + length + 1 : text + length;
    if (length > 2 && text[0] == '[' && text[length - 1] == ']') {
      text++;
      length -= 2;
    }
    snprintf(one, sizeof one, "%.*s", (int)length, text);
    if (sr_net_parse(one, &addresses[count])) count++;
    text = next;
  }
  return count;
}

void sr_http_dial_start(SrHttpDial *dial) {
  const SrHttpRequest *request = dial->request;
  SrIoAddress addresses[MOST_ADDRESSES];
  dial->race.context = dial->context;
  if (request->unix_socket != NULL) {
    connect_path(dial);
    return;
  }
  size_t count = parse_all(request->addresses != NULL ? request->addresses : request->host, addresses);
  if (count == 0 && request->addresses != NULL) {
    fail(dial, "EINVAL", "the option 'resolve' names no address");
    return;
  }
  if (count > 0) {
    race_for(dial, addresses, count);
    return;
  }
  double now = sr_io_saros->now(dial->context->runtime);
  const SrIoAddress *known = sr_http_names_find(dial->names, request->host, now, &count);
  dial->is_by_name = known != NULL;
  if (known != NULL)
    race_for(dial, known, count);
  else
    look_up(dial);
}
