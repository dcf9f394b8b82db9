/* SPDX-License-Identifier: MIT */
/*
** What a server is made of: the core that has all connections of one listening server, a connection, and the request
** that is answered on it.
**
** Callbacks read heads and note what has happened; one task, the dispatcher, hears of it and starts a task for each
** request. A connection answers one request after another: the next head is looked at when the response is out.
*/
#ifndef SR_SERVER_STATE_H
#define SR_SERVER_STATE_H

#include "base/buffer.h"
#include "server/api.h"
#include "wire/body.h"
#include "wire/decoder.h"

/* Whether a handler is cancelled when its client goes. */
typedef enum SrServerCancels {
  SR_SERVER_CANCELS_READERS, /* those of GET and HEAD, and who writes a response */
  SR_SERVER_CANCELS_ALL,
  SR_SERVER_CANCELS_NONE
} SrServerCancels;

typedef struct SrServerCore SrServerCore;
typedef struct SrServerConn SrServerConn;
typedef struct SrServerRequest SrServerRequest;

/* As much of a body that nobody wants is read for the sake of the connection. */
enum { SR_SERVER_DRAINED = 65536 };

/* Seconds; HUGE_VAL for no limit. */
typedef struct SrServerTimes {
  double header, idle, read, write;
} SrServerTimes;

/* User values of a core: its connections by their addresses, and the table of phrases, whose strings it points to. */
enum { SR_SERVER_CORE_CONNS = 1, SR_SERVER_CORE_PHRASES, SR_SERVER_CORE_VALUES = SR_SERVER_CORE_PHRASES };

enum { SR_SERVER_FIRST_STATUS = 100, SR_SERVER_STATUSES = 500 };

struct SrServerCore {
  const SrIoClass *cls;
  saros_runtime *runtime;
  SrWireLimits limits;
  int64_t max_body; /* INT64_MAX: any */
  SrServerTimes times;
  lua_Integer max_conns;
  bool is_secure;          /* the connections are of TLS */
  SrServerCancels cancels; /* cancel_on_disconnect */
  bool has_log;            /* each response is to be told */
  bool compresses;         /* the Lua half sees to each response */
  bool is_served;          /* there is a dispatcher */
  bool is_draining;        /* no further request is taken on any connection */

  saros_wait dispatcher;          /* the task that starts tasks */
  saros_wait acceptor;            /* the task that waits for room */
  SrServerConn *news, *last_news; /* connections that the dispatcher has to look at, in order */
  SrServerConn *conns;            /* all that are open */

  lua_Integer count;    /* of them */
  lua_Integer active;   /* of requests whose tasks have not ended */
  lua_Integer requests; /* since the start */
  lua_Integer failed;

  SrBuffer out;   /* a head that is being written: nothing that could raise happens meanwhile */
  int64_t second; /* that `date` is of, as time tells it */
  char date[29];
  const char *phrases[SR_SERVER_STATUSES]; /* of the statuses from 100 on; NULL: it has none */
};

typedef enum SrServerPhase {
  SR_SERVER_READS_HEAD,
  SR_SERVER_HAS_REQUEST, /* the dispatcher will take it */
  SR_SERVER_ANSWERS,     /* a handler is at work */
  SR_SERVER_DRAINS,      /* reads what is left of the body, then the next head */
  SR_SERVER_LINGERS,     /* all is sent; what comes is dropped until the client has ended, too */
  SR_SERVER_UPGRADED,    /* the stream is the handler's */
  SR_SERVER_CLOSED
} SrServerPhase;

/* User values of a connection. */
enum {
  SR_SERVER_CONN_STREAM = 1,
  SR_SERVER_CONN_CORE,
  SR_SERVER_CONN_TASK, /* of the handler */
  SR_SERVER_CONN_VALUES = SR_SERVER_CONN_TASK
};

/* A deadline that is moved without a call of the clock as long as it only gets later. */
typedef struct SrServerTimer {
  saros_timer timer;
  double fires; /* when the clock calls, if it is set */
  double due;   /* when it is meant; HUGE_VAL: never */
} SrServerTimer;

struct SrServerConn {
  const SrIoClass *cls;
  SrServerCore *core;
  saros_stream *stream; /* user value 1 */
  SrServerConn *next, *prev;
  SrServerConn *next_news;
  SrServerRequest *request; /* that is being answered, or NULL */

  SrServerPhase phase;
  bool is_news;      /* it is in line for the dispatcher */
  bool is_gone;      /* the client is */
  bool is_told;      /* the dispatcher has cancelled for that */
  bool has_served;   /* it has had a request */
  bool has_begun;    /* a byte of the present head has come */
  bool closes;       /* after the response */
  bool is_awaited;   /* the client waits for 100 (Continue) */
  bool is_timed_out; /* a body did not go on */
  bool is_refused;   /* the status in `refused` was sent, and the log does not know yet */
  int refused;
  unsigned handed; /* counts how often bytes were taken off the stream */
  SrServerTimer reading, writing;
  size_t pending;    /* of the transport, when `writing` was set */
  size_t drained;    /* bytes of a body that nobody wanted */
  saros_wait reader; /* who reads the body */
  saros_wait writer; /* who writes the response */
  SrWireMessage message;
  SrWireBody body;
};

/* User values of a request. */
enum {
  SR_SERVER_REQUEST_CONN = 1,
  SR_SERVER_REQUEST_FIELDS, /* what was set on it, or made at its first use */
  SR_SERVER_REQUEST_PARAMS, /* what `params` is */
  SR_SERVER_REQUEST_VALUES = SR_SERVER_REQUEST_PARAMS
};

/* How the response ends. */
typedef enum SrServerFraming {
  SR_SERVER_NO_BODY, /* with its head: what is written is counted and dropped */
  SR_SERVER_SIZED,
  SR_SERVER_CHUNKED,
  SR_SERVER_UNTIL_CLOSE
} SrServerFraming;

struct SrServerRequest {
  const SrIoClass *cls;
  SrServerConn *conn; /* NULL once it was answered */
  SrServerCancels cancels;
  bool has_begun;    /* its task has, which does not where there is no memory for it */
  bool has_head;     /* the head of the response is out */
  bool has_ended;    /* all of the response is */
  bool is_streamed;  /* it is written piece by piece */
  bool is_head;      /* the method is HEAD */
  bool is_broken;    /* the body cannot be read any further */
  bool has_upgraded; /* the stream is the handler's */
  SrServerFraming framing;
  int status;            /* of the response */
  int64_t left;          /* of a sized response */
  int64_t sent;          /* bytes of its body */
  double began;          /* when the head was there */
  size_t at;             /* of a piece that is being written, so much has been */
  lua_KFunction k;       /* what follows when it has been */
  SrWireMessage message; /* whose bytes are these */
  int64_t received;      /* bytes of the body, decoded */
  int64_t taken;         /* bytes of it as they were sent, if they are decoded */
  SrWireCodings codings; /* Content-Encoding */
  SrWireDecoder *decoder;
  SrBuffer coded; /* what is to be decoded */
  char head[];
};

#endif
