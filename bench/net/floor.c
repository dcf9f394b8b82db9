/* SPDX-License-Identifier: MIT */
/*
** The floor: an echo server in plain C on libuv, and on OpenSSL where it has a certificate. One buffer for all reads,
** uv_try_write first; no tasks, no limits, no cancellation.
**
**     floor [CERT KEY]     prints its port
*/
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

typedef struct Client {
  uv_tcp_t tcp;
  SSL *ssl;
  BIO *in, *out; /* ciphertext to be read, and to be sent */
} Client;

typedef struct Rest {
  uv_write_t request;
  char bytes[];
} Rest;

static SSL_CTX *context;
static char room[65536], plain[65536];

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void on_closed(uv_handle_t *handle) {
  Client *client = (Client *)handle;
  SSL_free(client->ssl);
  free(client);
}

static void on_written(uv_write_t *request, int status) {
  (void)status;
  free(request);
}

static void send_all(Client *client, char *bytes, size_t count) {
  uv_buf_t buf = uv_buf_init(bytes, (unsigned)count);
  int sent = uv_try_write((uv_stream_t *)client, &buf, 1);
  if (sent < 0) sent = 0;
  if ((size_t)sent == count) return;
  Rest *rest = malloc(sizeof *rest + count - (size_t)sent);
  if (rest == NULL) fail("no memory");
  memcpy(rest->bytes, bytes + sent, count - (size_t)sent);
  buf = uv_buf_init(rest->bytes, (unsigned)(count - (size_t)sent));
  uv_write(&rest->request, (uv_stream_t *)client, &buf, 1, on_written);
}

static void send_ciphertext(Client *client) {
  char *bytes;
  long count = BIO_get_mem_data(client->out, &bytes);
  if (count <= 0) return;
  send_all(client, bytes, (size_t)count);
  BIO_reset(client->out);
}

static void echo_tls(Client *client, const char *bytes, int count) {
  BIO_write(client->in, bytes, count);
  if (!SSL_is_init_finished(client->ssl)) SSL_do_handshake(client->ssl);
  int n;
  while (SSL_is_init_finished(client->ssl) && (n = SSL_read(client->ssl, plain, sizeof plain)) > 0)
    SSL_write(client->ssl, plain, n);
  send_ciphertext(client);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)handle, (void)suggested;
  *buf = uv_buf_init(room, sizeof room);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  Client *client = (Client *)stream;
  if (count < 0) {
    uv_close((uv_handle_t *)stream, on_closed);
    return;
  }
  if (client->ssl != NULL)
    echo_tls(client, buf->base, (int)count);
  else
    send_all(client, buf->base, (size_t)count);
}

static void open_tls(Client *client) {
  client->ssl = SSL_new(context);
  client->in = BIO_new(BIO_s_mem());
  client->out = BIO_new(BIO_s_mem());
  SSL_set_bio(client->ssl, client->in, client->out);
  SSL_set_accept_state(client->ssl);
}

static void on_connection(uv_stream_t *listener, int status) {
  if (status < 0) return;
  Client *client = calloc(1, sizeof *client);
  if (client == NULL) fail("no memory");
  uv_tcp_init(listener->loop, &client->tcp);
  if (uv_accept(listener, (uv_stream_t *)client) != 0) fail("uv_accept");
  uv_tcp_nodelay(&client->tcp, 1);
  if (context != NULL) open_tls(client);
  uv_read_start((uv_stream_t *)client, on_room, on_read);
}

static void load_certificate(char **argv) {
  context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
    fail("the certificate cannot be used");
}

int main(int argc, char **argv) {
  uv_tcp_t listener;
  struct sockaddr_in address;
  int length = sizeof address;
  if (argc > 2) load_certificate(argv);
  uv_tcp_init(uv_default_loop(), &listener);
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
  if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) != 0) fail("uv_listen");
  uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
