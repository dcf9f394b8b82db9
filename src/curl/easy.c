/* SPDX-License-Identifier: MIT */
/*
** Setting up libcurl's easy handles, see easy.h.
**
** Invariant: a handle carries the basic options at all times, and beyond them only
** what the present request asks for. Rare options (TLS, addresses, digest) have an id;
** a handle that carries them is reset before a request with others. All other options are
** taken back one by one, which is what makes reuse cheap.
*/
#include "curl/easy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libcurl reads at once: as much as a response buffers before it pauses. */
enum { RECEIVE_SIZE = 65536 };

/* How long a name that was looked up is remembered: as long as libcurl does. */
enum { DNS_SECONDS = 60 };

/* In seconds: a limit for connecting that is longer than this is taken for none. */
enum { MAX_PATIENCE = 86400 };

/* How much later libcurl's limit for connecting comes than ours, in seconds. */
static const double PATIENCE_EXTRA = 0.25;

/* Whether one file has all the certificate authorities of the system. */
static bool has_bundle(void) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  FILE *file = info->age >= CURLVERSION_SEVENTH && info->cainfo != NULL ? fopen(info->cainfo, "r") : NULL;
  if (file != NULL) fclose(file);
  return file != NULL;
}

/* The texts are copied, for which there may be no memory. */
static CURLcode set_basics(SrCurlEasy *easy) {
  CURL *handle = easy->handle;
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L); /* a cancelled lookup is left behind, not joined */
  curl_easy_setopt(handle, CURLOPT_PRIVATE, easy);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, easy->detail);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, easy->hooks->on_head);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, easy);
  curl_easy_setopt(handle, CURLOPT_HEADER, 1L); /* on_body is given heads, too: see foresee in hooks.c */
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, easy->hooks->on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, easy);
  curl_easy_setopt(handle, CURLOPT_READFUNCTION, easy->hooks->on_wanted);
  curl_easy_setopt(handle, CURLOPT_READDATA, easy);
  curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, easy->hooks->on_connected);
  curl_easy_setopt(handle, CURLOPT_PREREQDATA, easy);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, easy->hooks->on_progress);
  curl_easy_setopt(handle, CURLOPT_XFERINFODATA, easy);
  curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, easy->hooks->on_word);
  curl_easy_setopt(handle, CURLOPT_DEBUGDATA, easy);
  curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(handle, CURLOPT_HTTP_CONTENT_DECODING, 0L);  /* we do it, see decoder.h */
  curl_easy_setopt(handle, CURLOPT_HTTP_TRANSFER_DECODING, 0L); /* and that, see take_chunks in hooks.c */
  curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(handle, CURLOPT_PATH_AS_IS, 1L); /* the URL comes normalised */
  if (easy->max_idle >= 0) curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, easy->max_idle);
  if (easy->max_idle == 0) curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
  if (has_bundle()) curl_easy_setopt(handle, CURLOPT_CAPATH, NULL); /* else the file is read for each connection */
  CURLcode result = curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  if (result == CURLE_OK) result = curl_easy_setopt(handle, CURLOPT_PROXY, ""); /* the Lua side knows of proxies */
  if (result == CURLE_OK) result = curl_easy_setopt(handle, CURLOPT_NOPROXY, "");
  return result;
}

/*
** A new handle, for digest authentication, where what libcurl remembers of the former one can do harm. There on_body is
** not given heads (see set_basics), because it could not tell them from the bodies of responses to the question.
*/
static bool renew(SrCurlEasy *easy) {
  CURL *handle = curl_easy_init();
  if (handle == NULL) return false;
  curl_easy_cleanup(easy->handle);
  easy->handle = handle;
  return true;
}

/* The next equip sets the sockets' owner again. */
static CURLcode reset(SrCurlEasy *easy, bool digest) {
  if (!digest)
    curl_easy_reset(easy->handle);
  else if (!renew(easy))
    return CURLE_OUT_OF_MEMORY;
  easy->outlet.multi = NULL;
  easy->extras = 0;
  easy->patience = 0;
  easy->shape = SR_CURL_SHAPE_GET;
  easy->proxied = easy->watched = easy->headed = easy->waits = easy->resent = easy->heard = false;
  return set_basics(easy);
}

SrCurlEasy *sr_curl_easy_new(const SrCurlHooks *hooks, long max_idle) {
  SrCurlEasy *easy = calloc(1, sizeof *easy);
  if (easy == NULL) return NULL;
  easy->handle = curl_easy_init();
  if (easy->handle == NULL) {
    free(easy);
    return NULL;
  }
  easy->hooks = hooks;
  easy->max_idle = max_idle;
  if (set_basics(easy) == CURLE_OK) return easy;
  sr_curl_easy_free(easy);
  return NULL;
}

void sr_curl_easy_free(SrCurlEasy *easy) {
  sr_buffer_free(&easy->line);
  curl_easy_cleanup(easy->handle);
  free(easy);
}

/* --- loading --------------------------------------------------------------- */

static CURLcode load_extras(SrCurlEasy *easy, const SrCurlExtras *extras) {
  static const CURLoption options[SR_CURL_TEXT_COUNT] = {
      [SR_CURL_TEXT_CA_FILE] = CURLOPT_CAINFO,      [SR_CURL_TEXT_CA_PATH] = CURLOPT_CAPATH,
      [SR_CURL_TEXT_CERT] = CURLOPT_SSLCERT,        [SR_CURL_TEXT_KEY] = CURLOPT_SSLKEY,
      [SR_CURL_TEXT_USER] = CURLOPT_USERNAME,       [SR_CURL_TEXT_PASSWORD] = CURLOPT_PASSWORD,
      [SR_CURL_TEXT_INTERFACE] = CURLOPT_INTERFACE, [SR_CURL_TEXT_UNIX_SOCKET] = CURLOPT_UNIX_SOCKET_PATH,
  };
  CURL *handle = easy->handle;
  CURLcode result = CURLE_OK;
  /* Authorities that the caller names take the place of the system's, be those in a file or a folder. */
  if (extras->texts[SR_CURL_TEXT_CA_FILE] != NULL) curl_easy_setopt(handle, CURLOPT_CAPATH, NULL);
  if (extras->texts[SR_CURL_TEXT_CA_PATH] != NULL) curl_easy_setopt(handle, CURLOPT_CAINFO, NULL);
  for (int i = 0; i < SR_CURL_TEXT_COUNT && result == CURLE_OK; i++)
    if (extras->texts[i] != NULL) result = curl_easy_setopt(handle, options[i], extras->texts[i]);
  if (extras->unverified) {
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(handle, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (extras->tls_min != 0) curl_easy_setopt(handle, CURLOPT_SSLVERSION, extras->tls_min);
  if (extras->digest) {
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
    curl_easy_setopt(handle, CURLOPT_HEADER, 0L);
  }
  if (extras->http1) curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  return result;
}

static CURLcode load_method(SrCurlEasy *easy, const SrHttpRequest *request) {
  CURL *handle = easy->handle;
  SrCurlShape shape = SR_CURL_SHAPE_OTHER;
  bool has_body = request->body != NULL || request->streamed;
  if (!has_body && strcmp(request->method, "GET") == 0) shape = SR_CURL_SHAPE_GET;
  if (!has_body && strcmp(request->method, "HEAD") == 0) shape = SR_CURL_SHAPE_HEAD;
  if (shape == easy->shape && shape != SR_CURL_SHAPE_OTHER) return CURLE_OK;
  easy->shape = shape;
  curl_easy_setopt(handle, CURLOPT_HTTPGET, 1L);
  if (shape == SR_CURL_SHAPE_HEAD) curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
  if (request->streamed) {
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, request->stream_length);
  } else if (request->body != NULL) {
    curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
  }
  return curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, shape == SR_CURL_SHAPE_OTHER ? request->method : NULL);
}

/* Proxies are told nothing that HTTP/1.1 does not know (RFC 9112, C.2.2); libcurl only reads this. */
static struct curl_slist bare_headers = {.data = (char *)"Proxy-Connection:", .next = NULL};

static CURLcode load_proxy(SrCurlEasy *easy, const SrCurlRequest *request) {
  if (request->proxy == NULL && !easy->proxied) return CURLE_OK;
  curl_easy_setopt(easy->handle, CURLOPT_PROXYHEADER, request->proxy != NULL ? &bare_headers : NULL);
  easy->proxied = request->proxy != NULL;
  /* If libcurl remembers the address of the host it takes that for the address of a SOCKS proxy. */
  bool socks = request->proxy != NULL && strncmp(request->proxy, "socks", 5) == 0;
  curl_easy_setopt(easy->handle, CURLOPT_DNS_CACHE_TIMEOUT,
                   socks && request->extras.resolve == NULL ? 0L : (long)DNS_SECONDS);
  CURLcode result = curl_easy_setopt(easy->handle, CURLOPT_NOPROXY, request->no_proxy != NULL ? request->no_proxy : "");
  if (result == CURLE_OK)
    result = curl_easy_setopt(easy->handle, CURLOPT_USERAGENT, request->proxy != NULL ? SR_HTTP_USER_AGENT : NULL);
  if (result != CURLE_OK) return result;
  return curl_easy_setopt(easy->handle, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "");
}

/*
** What libcurl is told with CURLOPT_RESOLVE it remembers for all requests to come. CURLOPT_CONNECT_TO holds for one
** request alone, on a connection that only such requests share, but it takes one address: several addresses are given
** to a name that nobody else asks for. Through a proxy CONNECT_TO would make a tunnel, so RESOLVE has to do there.
*/
static CURLcode load_addresses(SrCurlEasy *easy, const SrCurlRequest *request) {
  const SrCurlExtras *extras = &request->extras;
  struct curl_slist *names = request->proxy == NULL ? extras->aliases : extras->resolve;
  if (names != NULL) easy->resolves = true;
  CURLcode result = names != NULL ? curl_easy_setopt(easy->handle, CURLOPT_RESOLVE, names) : CURLE_OK;
  if (request->proxy != NULL || result != CURLE_OK) return result;
  return curl_easy_setopt(easy->handle, CURLOPT_CONNECT_TO, extras->connect_to);
}

/*
** A timer of ours ends what does not connect in time. libcurl has to know of the limit all the same, because it tries
** the next of a host's addresses when half of the time has passed; so it is told one that comes a little later.
*/
static void load_patience(SrCurlEasy *easy, const SrHttpLimits *limits) {
  double seconds = fmin(limits->connect, limits->total);
  long patience = seconds < MAX_PATIENCE ? (long)((seconds + PATIENCE_EXTRA) * 1000) : 0;
  if (patience == easy->patience) return;
  easy->patience = patience;
  curl_easy_setopt(easy->handle, CURLOPT_CONNECTTIMEOUT_MS, patience);
}

/* A request with digest begins without the challenge of a former one: its server may take an answer only once. */
static bool has_to_reset(const SrCurlEasy *easy, const SrCurlRequest *request) {
  const SrCurlExtras *extras = &request->extras;
  return extras->id != easy->extras || extras->resolve != NULL || extras->digest || easy->watched || easy->resent;
}

/* What changes with every request. */
static CURLcode load_request(SrCurlEasy *easy, const SrHttpRequest *request, const SrCurlRequest *loaded) {
  CURL *handle = easy->handle;
  CURLcode result = curl_easy_setopt(handle, CURLOPT_URL, loaded->url);
  curl_easy_setopt(handle, CURLOPT_CURLU, loaded->parsed);
  if (result == CURLE_OK) result = load_method(easy, request);
  if (result == CURLE_OK) result = load_proxy(easy, loaded);
  if (loaded->headers != NULL) {
    easy->headed = true;
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, loaded->headers);
  }
  bool waits = request->https && !loaded->unshared; /* over http libcurl would have all wait for the first */
  if (waits != easy->waits) {
    easy->waits = waits;
    curl_easy_setopt(handle, CURLOPT_PIPEWAIT, (long)waits);
  }
  return result;
}

CURLcode sr_curl_easy_load(SrCurlEasy *easy, const SrHttpRequest *request) {
  const SrCurlRequest *loaded = sr_curl_request_of(request);
  CURLcode result = CURLE_OK;
  if (has_to_reset(easy, loaded)) {
    result = reset(easy, loaded->extras.digest);
    if (result == CURLE_OK) result = load_extras(easy, &loaded->extras);
    if (result == CURLE_OK && loaded->extras.resolve != NULL) result = load_addresses(easy, loaded);
    easy->extras = loaded->extras.id;
  }
  easy->detail[0] = '\0';
  load_patience(easy, &request->limits);
  easy->outlet.refusal = 0;
  return result == CURLE_OK ? load_request(easy, request, loaded) : result;
}

void sr_curl_easy_listen(SrCurlEasy *easy) {
  easy->heard = true;
  curl_easy_setopt(easy->handle, CURLOPT_VERBOSE, 1L);
}

void sr_curl_easy_unload(SrCurlEasy *easy) {
  easy->transfer = NULL;
  sr_buffer_free(&easy->line);
  curl_easy_setopt(easy->handle, CURLOPT_CURLU, NULL);
  if (easy->heard) curl_easy_setopt(easy->handle, CURLOPT_VERBOSE, 0L);
  if (easy->headed) curl_easy_setopt(easy->handle, CURLOPT_HTTPHEADER, NULL);
  if (easy->resolves) curl_easy_setopt(easy->handle, CURLOPT_RESOLVE, NULL); /* not even a reset forgets it */
  easy->heard = easy->headed = easy->resolves = false;
}
