/* SPDX-License-Identifier: MIT */
/* What a connection over TLS consists of: the engine, which knows only bytes, in a transport below a stream. */
#ifndef SR_TLS_STATE_H
#define SR_TLS_STATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "saros.h"
#include "tls/context.h"

/* The tables of functions, the same for all Lua states; set when the module is opened. */
extern const saros_api *sr_tls_saros;
extern const saros_stream_api *sr_tls_streams;

typedef enum SrTlsResult {
  SR_TLS_DONE,  /* what was asked for is done */
  SR_TLS_WANT,  /* the peer has to say more first */
  SR_TLS_ENDED, /* the peer has said that nothing follows */
  SR_TLS_FAILED /* see reason */
} SrTlsResult;

/* How many of the peer's first bytes are remembered: enough to tell what it speaks instead of TLS. */
enum { SR_TLS_GREETING = 16 };

typedef struct SrTlsEngine SrTlsEngine;
struct SrTlsEngine {
  SSL *ssl; /* NULL: closed */
  SrTlsContext *context;
  SrTlsEngine *newer, *older; /* among those of the context that are warm */
  SrBuffer *output;           /* where ciphertext for the peer goes */
  const char *input;          /* the rest of the ciphertext that was fed; borrowed */
  size_t input_length;
  char *name;    /* a client: of the server, to be proven; NULL: nobody said */
  char *session; /* a client: under which its sessions are kept and taken up again; NULL: they are not */
  char *reason;  /* of a failure, in plain words; NULL: there was no memory for it */
  unsigned char greeting[SR_TLS_GREETING];
  unsigned char greeting_length;
  bool established; /* the handshake is done */
  bool failed;
  bool is_starved;    /* the call that is under way has asked for ciphertext in vain */
  bool has_ended;     /* the peer has said that nothing follows */
  bool out_of_memory; /* there was none for `output`, or for the reason */
  bool is_warm;       /* it may have buffers; see warm.h */
};

typedef struct SrTls SrTls;

/* How many seconds a handshake goes on that cannot send any more. */
#define SR_TLS_LAST_WORDS 1.0

/* Who waits for the end of the handshake. */
typedef struct SrTlsHandshake {
  saros_wait wait;
  saros_timer timer;
  saros_runtime *runtime;
  SrTls *tls;     /* NULL once the handshake is over, or the transport closed */
  int status;     /* how it ended: 0, or why it failed */
  bool is_late;   /* it took longer than it may */
  double seconds; /* how long it may take; for messages */
} SrTlsHandshake;

struct SrTls {
  saros_transport head;      /* what the stream above sees */
  saros_transport *below;    /* what this one stands on and owns; NULL: it has been taken away */
  SrTlsHandshake *handshake; /* who waits for it */
  SrTlsEngine engine;
  SrBuffer output; /* ciphertext that the one below has not taken yet */
  SrBuffer held;   /* ciphertext that came when nobody wanted it any more */
  size_t replies;  /* bytes that nobody wrote, answers to what the peer sent, since nothing was pending */
  char *host;      /* of the peer, for messages; NULL: unknown */
  int port;
  int end;          /* why no plaintext follows, 0: it may */
  int write_status; /* why no ciphertext can be sent, 0: it can */
  unsigned busy;    /* calls that are under way: it is freed when they are over */
  bool is_awaited;  /* a task waits for the one above */
  bool reading;     /* the one above wants bytes */
  bool started;     /* the one below has been told to give some */
  bool end_told, end_sent, shutting, closing, dead;
};

#endif
