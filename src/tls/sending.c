/* SPDX-License-Identifier: MIT */
/*
** The way down: plaintext becomes records, and records go to the transport below, see sending.h.
*/
#include "tls/sending.h"

#include <string.h>

#include "tls/engine.h"

/* What `output` may keep of its memory when it is empty. */
enum { SPARE = 1024 };

/* The most plaintext of a record, and what encryption adds to it at most. */
enum { RECORD = 16384, OVERHEAD = 64 };

void sr_tls_flush(SrTls *tls) {
  while (sr_buffer_length(&tls->output) > 0 && tls->write_status == 0 && tls->below != NULL) {
    uv_buf_t buf = uv_buf_init((char *)sr_buffer_front(&tls->output), (unsigned)sr_buffer_length(&tls->output));
    ptrdiff_t taken = tls->below->cls->write(tls->below, &buf, 1);
    if (taken == 0) return;
    if (taken < 0)
      tls->write_status = (int)taken;
    else
      sr_buffer_take(&tls->output, (size_t)taken);
  }
  sr_buffer_clear(&tls->output);
  if (tls->output.capacity > SPARE) sr_buffer_free(&tls->output);
}

int sr_tls_go_on_shutting(SrTls *tls) {
  if (!tls->shutting || tls->below == NULL || sr_buffer_length(&tls->output) > 0) return 0;
  tls->shutting = false;
  return tls->write_status != 0 ? tls->write_status : tls->below->cls->shutdown(tls->below);
}

void sr_tls_say_goodbye(SrTls *tls) {
  if (!tls->end_sent && tls->write_status == 0) sr_tls_engine_end(&tls->engine);
  tls->end_sent = true;
  sr_tls_flush(tls);
}

size_t sr_tls_pending(const SrTls *tls) {
  size_t below = tls->below != NULL ? tls->below->cls->pending(tls->below) : 0;
  return below + sr_buffer_length(&tls->output);
}

static int why_not_writable(const SrTls *tls) {
  if (tls->below == NULL) return UV_ECANCELED;
  if (tls->write_status != 0) return tls->write_status;
  if (tls->end_sent) return UV_EPIPE;
  return tls->engine.failed ? SAROS_ETRANSPORT : 0;
}

/* What of a message has not been taken yet. */
typedef struct Rest {
  const uv_buf_t *bufs;
  size_t skip;  /* bytes of the first that have been taken */
  size_t bytes; /* how many are left of all */
} Rest;

static void take(Rest *rest, size_t count) {
  rest->bytes -= count;
  rest->skip += count;
  for (; rest->bytes > 0 && rest->skip >= rest->bufs->len; rest->bufs++) rest->skip -= rest->bufs->len;
}

/* Small pieces of one message share a record. */
static void gather(char *into, size_t size, Rest rest) {
  while (size > 0) {
    size_t part = rest.bufs->len - rest.skip < size ? rest.bufs->len - rest.skip : size;
    memcpy(into, rest.bufs->base + rest.skip, part);
    into += part;
    size -= part;
    take(&rest, part);
  }
}

/* Encrypts one record of at most `room` bytes. Returns how many it holds; 0: it failed. */
static size_t encrypt(SrTls *tls, Rest *rest, size_t room) {
  char together[RECORD];
  size_t size = rest->bytes < RECORD ? rest->bytes : RECORD;
  if (size > room) size = room;
  const char *bytes = rest->bufs->base + rest->skip;
  if (rest->bufs->len - rest->skip < size) {
    gather(together, size, *rest);
    bytes = together;
  }
  sr_buffer_reserve(&tls->output, size + OVERHEAD); /* if there is no memory for it, writing tells */
  if (sr_tls_engine_write(&tls->engine, bytes, size) != SR_TLS_DONE) return 0;
  take(rest, size);
  return size;
}

/* Takes as much of a message as there is room for. 0 or a status. */
static int encrypt_all(SrTls *tls, Rest *rest) {
  while (rest->bytes > 0) {
    size_t waiting = sr_tls_pending(tls);
    if (waiting >= SAROS_HIGH_WATER) return 0;
    for (size_t room = SAROS_HIGH_WATER - waiting; room > 0 && rest->bytes > 0;) {
      size_t size = encrypt(tls, rest, room);
      if (size == 0) return SAROS_ETRANSPORT;
      room -= size;
    }
    sr_tls_flush(tls);
    if (tls->write_status != 0) return tls->write_status;
  }
  return 0;
}

ptrdiff_t sr_tls_send(SrTls *tls, const uv_buf_t *bufs, unsigned count) {
  Rest rest = {.bufs = bufs};
  size_t total = 0;
  int status = why_not_writable(tls);
  if (status != 0) return status;
  if (!tls->engine.established) return 0; /* on_drain is called when it is */
  for (unsigned i = 0; i < count; i++) total += bufs[i].len;
  rest.bytes = total;
  take(&rest, 0);
  status = encrypt_all(tls, &rest);
  return status != 0 ? status : (ptrdiff_t)(total - rest.bytes);
}
