/* SPDX-License-Identifier: MIT */
/*
** Setting up libcurl's easy handles, see channel.h.
**
** Invariant: a handle carries the basic options at all times, and beyond them only
** what the present plan asks for. Rare options (TLS, addresses, digest) have an id;
** a handle that carries them is reset before a plan with others. All else is undone option by
** option, which is what makes reuse cheap.
*/
#include "http/channel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libcurl reads at once: as much as a response buffers before it pauses. */
#define RECEIVE_SIZE 65536L

/* How long a name that was looked up is remembered: as long as libcurl does. */
#define DNS_SECONDS 60L

/* A limit for connecting that is longer than this, in seconds, is none. */
#define MAX_PATIENCE 86400

/* How much later libcurl's limit for connecting comes than ours, in seconds. */
#define PATIENCE_EXTRA 0.25

/* Whether all the authorities of the system are in one file. */
static int has_bundle(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  FILE *file = info->age >= CURLVERSION_SEVENTH && info->cainfo != NULL ? fopen(info->cainfo, "r") : NULL;
  if (file != NULL) fclose(file);
  return file != NULL;
}

/* The texts are copied, for which there may be no memory. */
static CURLcode set_basics(SrChannel *channel) {
  CURL *easy = channel->easy;
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a cancelled lookup is left behind, not joined */
  curl_easy_setopt(easy, CURLOPT_PRIVATE, channel);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, channel->detail);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, channel->hooks->on_head);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, channel);
  curl_easy_setopt(easy, CURLOPT_HEADER, 1L); /* on_body, too, is given heads: see sr_head_foresee */
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, channel->hooks->on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, channel);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, channel->hooks->on_wanted);
  curl_easy_setopt(easy, CURLOPT_READDATA, channel);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, channel->hooks->on_connected);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, channel);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, channel->hooks->on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, channel);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_SIZE);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);  /* we do it, see decoder.h */
  curl_easy_setopt(easy, CURLOPT_HTTP_TRANSFER_DECODING, 0L); /* and that, see chunks.h */
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* the URL comes normalised */
  if (channel->max_idle >= 0) curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, channel->max_idle);
  if (channel->max_idle == 0) curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  if (has_bundle()) curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* else the file is read for each connection */
  CURLcode result = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (result == CURLE_OK) result = curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* the Lua side knows of proxies */
  if (result == CURLE_OK) result = curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
  return result;
}

/*
** A handle without a past, where what libcurl remembers of it can do harm: heads are not given to on_body of digest
** (see set_basics), as they are not to be told from the bodies of its questions.
*/
static int renew(SrChannel *channel) {
  CURL *easy = curl_easy_init();
  if (easy == NULL) return 0;
  curl_easy_cleanup(channel->easy);
  channel->easy = easy;
  return 1;
}

/* The next equip sets the sockets' owner again. */
static CURLcode reset(SrChannel *channel, int digest) {
  if (!digest)
    curl_easy_reset(channel->easy);
  else if (!renew(channel))
    return CURLE_OUT_OF_MEMORY;
  channel->outlet.multi = NULL;
  channel->extras = 0;
  channel->patience = 0;
  channel->shape = SR_SHAPE_GET;
  channel->proxied = channel->watched = channel->headed = channel->waits = channel->resent = 0;
  return set_basics(channel);
}

SrChannel *sr_channel_new(const SrHooks *hooks, long max_idle) {
  SrChannel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return NULL;
  channel->easy = curl_easy_init();
  if (channel->easy == NULL) {
    free(channel);
    return NULL;
  }
  channel->hooks = hooks;
  channel->max_idle = max_idle;
  if (set_basics(channel) == CURLE_OK) return channel;
  sr_channel_free(channel);
  return NULL;
}

void sr_channel_free(SrChannel *channel) {
  curl_easy_cleanup(channel->easy);
  free(channel);
}

/* --- loading --------------------------------------------------------------- */

static CURLcode load_extras(SrChannel *channel, const SrExtras *extras) {
  static const CURLoption options[SR_TEXT_COUNT] = {
      [SR_TEXT_CA_FILE] = CURLOPT_CAINFO,      [SR_TEXT_CA_PATH] = CURLOPT_CAPATH,
      [SR_TEXT_CERT] = CURLOPT_SSLCERT,        [SR_TEXT_KEY] = CURLOPT_SSLKEY,
      [SR_TEXT_USER] = CURLOPT_USERNAME,       [SR_TEXT_PASSWORD] = CURLOPT_PASSWORD,
      [SR_TEXT_INTERFACE] = CURLOPT_INTERFACE, [SR_TEXT_UNIX_SOCKET] = CURLOPT_UNIX_SOCKET_PATH,
  };
  CURL *easy = channel->easy;
  CURLcode result = CURLE_OK;
  /* An authority of one's own takes the place of the system's, wherever those are. */
  if (extras->texts[SR_TEXT_CA_FILE] != NULL) curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  if (extras->texts[SR_TEXT_CA_PATH] != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
  for (int i = 0; i < SR_TEXT_COUNT && result == CURLE_OK; i++)
    if (extras->texts[i] != NULL) result = curl_easy_setopt(easy, options[i], extras->texts[i]);
  if (extras->unverified) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (extras->tls_min != 0) curl_easy_setopt(easy, CURLOPT_SSLVERSION, extras->tls_min);
  if (extras->digest) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
    curl_easy_setopt(easy, CURLOPT_HEADER, 0L);
  }
  if (extras->http1) curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  return result;
}

static CURLcode load_method(SrChannel *channel, const SrPlan *plan) {
  CURL *easy = channel->easy;
  SrShape shape = SR_SHAPE_OTHER;
  int has_body = plan->body != NULL || plan->streamed;
  if (!has_body && strcmp(plan->method, "GET") == 0) shape = SR_SHAPE_GET;
  if (!has_body && strcmp(plan->method, "HEAD") == 0) shape = SR_SHAPE_HEAD;
  if (shape == channel->shape && shape != SR_SHAPE_OTHER) return CURLE_OK;
  channel->shape = shape;
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (shape == SR_SHAPE_HEAD) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (plan->streamed) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, plan->stream_length);
  } else if (plan->body != NULL) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)plan->body_length);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, plan->body);
  }
  return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, shape == SR_SHAPE_OTHER ? plan->method : NULL);
}

static CURLcode load_proxy(SrChannel *channel, const SrPlan *plan) {
  if (plan->proxy == NULL && !channel->proxied) return CURLE_OK;
  channel->proxied = plan->proxy != NULL;
  /* Waiting for the address of a SOCKS proxy, libcurl takes that of the host, if it has one. */
  int socks = plan->proxy != NULL && strncmp(plan->proxy, "socks", 5) == 0;
  curl_easy_setopt(channel->easy, CURLOPT_DNS_CACHE_TIMEOUT, socks && plan->extras.resolve == NULL ? 0L : DNS_SECONDS);
  CURLcode result = curl_easy_setopt(channel->easy, CURLOPT_NOPROXY, plan->no_proxy != NULL ? plan->no_proxy : "");
  if (result == CURLE_OK)
    result = curl_easy_setopt(channel->easy, CURLOPT_USERAGENT, plan->proxy != NULL ? SR_USER_AGENT : NULL);
  if (result != CURLE_OK) return result;
  return curl_easy_setopt(channel->easy, CURLOPT_PROXY, plan->proxy != NULL ? plan->proxy : "");
}

/*
** What libcurl is told to resolve so it remembers for all: requests to come would go the same way. To
** connect elsewhere is for one request, on a connection of its own kind; several addresses have a name for
** that which nobody else asks for. But not through a proxy, which libcurl would then make a tunnel.
*/
static CURLcode load_addresses(SrChannel *channel, const SrPlan *plan) {
  const SrExtras *extras = &plan->extras;
  struct curl_slist *names = plan->proxy == NULL ? extras->aliases : extras->resolve;
  if (names != NULL) channel->resolves = 1;
  CURLcode result = names != NULL ? curl_easy_setopt(channel->easy, CURLOPT_RESOLVE, names) : CURLE_OK;
  if (plan->proxy != NULL || result != CURLE_OK) return result;
  return curl_easy_setopt(channel->easy, CURLOPT_CONNECT_TO, extras->connect_to);
}

/*
** Connecting is given up by a timer of ours. libcurl has to know of the limit, though, as it tries the next
** of a host's addresses when half of the time has passed; its own limit comes a little later.
*/
static void load_patience(SrChannel *channel, const SrLimits *limits) {
  double seconds = fmin(limits->connect, limits->total);
  long patience = seconds < MAX_PATIENCE ? (long)((seconds + PATIENCE_EXTRA) * 1000) : 0;
  if (patience == channel->patience) return;
  channel->patience = patience;
  curl_easy_setopt(channel->easy, CURLOPT_CONNECTTIMEOUT_MS, patience);
}

/* The next attempt of a plan with digest begins without the former challenge: its server may take it only once. */
static int has_to_reset(const SrChannel *channel, const SrPlan *plan) {
  const SrExtras *extras = &plan->extras;
  return extras->id != channel->extras || extras->resolve != NULL || extras->digest || channel->watched ||
         channel->resent;
}

CURLcode sr_channel_load(SrChannel *channel, const SrPlan *plan) {
  CURLcode result = CURLE_OK;
  if (has_to_reset(channel, plan)) {
    result = reset(channel, plan->extras.digest);
    if (result == CURLE_OK) result = load_extras(channel, &plan->extras);
    if (result == CURLE_OK && plan->extras.resolve != NULL) result = load_addresses(channel, plan);
    channel->extras = plan->extras.id;
  }
  CURL *easy = channel->easy;
  channel->detail[0] = '\0';
  load_patience(channel, &plan->limits);
  channel->outlet.refusal = 0;
  if (result == CURLE_OK) result = curl_easy_setopt(easy, CURLOPT_URL, plan->url);
  curl_easy_setopt(easy, CURLOPT_CURLU, plan->parsed);
  if (result == CURLE_OK) result = load_method(channel, plan);
  if (result == CURLE_OK) result = load_proxy(channel, plan);
  if (plan->headers != NULL) {
    channel->headed = 1;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, plan->headers);
  }
  unsigned char waits = plan->https && !plan->alone; /* on http all would queue up behind the first */
  if (waits != channel->waits) {
    channel->waits = waits;
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, (long)waits);
  }
  return result;
}

void sr_channel_unload(SrChannel *channel) {
  channel->transfer = NULL;
  curl_easy_setopt(channel->easy, CURLOPT_CURLU, NULL);
  if (channel->headed) curl_easy_setopt(channel->easy, CURLOPT_HTTPHEADER, NULL);
  if (channel->resolves) curl_easy_setopt(channel->easy, CURLOPT_RESOLVE, NULL); /* not even a reset forgets it */
  channel->headed = channel->resolves = 0;
}
