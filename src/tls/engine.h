/* SPDX-License-Identifier: MIT */
/*
** One side of a TLS connection as bytes: ciphertext is fed and comes out, plaintext is read and written. It knows
** neither Lua nor sockets, and never waits.
**
** Invariants. Ciphertext that was fed is borrowed: read on until SR_TLS_WANT before it goes. What comes out is
** appended to `output`, whoever owns that; a call appends at most what its own plaintext and the messages just fed
** make, so who stops feeding and writing while `output` is long bounds it. After SR_TLS_FAILED nothing but close may follow, and
** what is in `output` then (an alert that says why) is still for the peer.
*/
#ifndef SR_TLS_ENGINE_H
#define SR_TLS_ENGINE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "tls/context.h"

typedef enum SrTlsResult {
  SR_TLS_DONE,  /* what was asked for is done */
  SR_TLS_WANT,  /* the peer has to say more first */
  SR_TLS_ENDED, /* the peer has said that nothing follows */
  SR_TLS_FAILED /* see reason */
} SrTlsResult;

/* How many of the peer's first bytes are remembered: enough to tell what it speaks instead of TLS. */
enum { SR_TLS_GREETING = 16 };

typedef struct SrTlsEngine {
  SSL *ssl; /* NULL: closed */
  SrTlsContext *context;
  SrBuffer *output;  /* where ciphertext for the peer goes */
  const char *input; /* the rest of the ciphertext that was fed; borrowed */
  size_t input_length;
  char *name;    /* a client: of the server, to be proven; NULL: nobody said */
  char *session; /* a client: under which its sessions are kept and taken up again; NULL: they are not */
  char *reason;  /* of a failure, in plain words; NULL: there was no memory for it */
  unsigned char greeting[SR_TLS_GREETING];
  unsigned char greeting_length;
  bool established; /* the handshake is done */
  bool failed;
  bool out_of_memory; /* there was none for `output`, or for the reason */
} SrTlsEngine;

/*
** Opens a zeroed engine. Of a client: the name that the server has to prove, and who it is ("host:port") when its
** sessions are to be taken up again; both may be NULL. False: no memory; close all the same.
*/
bool sr_tls_engine_open(SrTlsEngine *engine, SrTlsContext *context, SrBuffer *output, const char *name,
                        const char *peer);

/* Hands over ciphertext of the peer; all that was fed before has been read. */
void sr_tls_engine_feed(SrTlsEngine *engine, const char *bytes, size_t count);

/* Goes on with the handshake. DONE, WANT or FAILED. */
SrTlsResult sr_tls_engine_handshake(SrTlsEngine *engine);

/* Reads at most `room` bytes of plaintext: DONE (`count` of them), WANT, ENDED or FAILED. */
SrTlsResult sr_tls_engine_read(SrTlsEngine *engine, char *into, size_t room, size_t *count);

/* Whether there is nothing left to be read of what was fed: reading would give WANT. */
bool sr_tls_engine_is_empty(const SrTlsEngine *engine);

/* Encrypts all of the plaintext, once the handshake is done. DONE or FAILED. */
SrTlsResult sr_tls_engine_write(SrTlsEngine *engine, const char *bytes, size_t count);

/* Tells the peer that nothing follows. DONE or FAILED. */
SrTlsResult sr_tls_engine_end(SrTlsEngine *engine);

/* The peer went away in the midst of the handshake: it has failed, for that reason. */
void sr_tls_engine_cut(SrTlsEngine *engine);

/* Gives everything back; harmless when it is closed. `reason` goes too. */
void sr_tls_engine_close(SrTlsEngine *engine);

/* For sr_tls_context_new: notes what is wrong with a certificate, and keeps sessions. */
extern const SrTlsHooks sr_tls_engine_hooks;

#endif
