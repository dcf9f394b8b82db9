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

#include "tls/state.h"

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
