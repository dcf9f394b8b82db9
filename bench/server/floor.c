/* SPDX-License-Identifier: MIT */
/* What libuv costs a server that reads to the end of each head and answers the same. Prints its port. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static const char response[] = "HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 00:00:00 GMT\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello";

typedef struct Client {
  uv_tcp_t tcp;
  char in[65536];
  size_t size;
} Client;

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  Client *client = (Client *)handle;
  (void)suggested;
  *buf = uv_buf_init(client->in + client->size, (unsigned)(sizeof client->in - 1 - client->size));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf) {
  Client *client = (Client *)stream;
  (void)buf;
  if (count < 0) {
    uv_close((uv_handle_t *)stream, on_closed);
    return;
  }
  client->size += (size_t)count;
  client->in[client->size] = '\0';
  char *at = client->in, *end;
  while ((end = strstr(at, "\r\n\r\n")) != NULL) {
    uv_buf_t out = uv_buf_init((char *)response, sizeof response - 1);
    if (uv_try_write(stream, &out, 1) != (int)out.len) exit(1);
    at = end + 4;
  }
  client->size -= (size_t)(at - client->in);
  memmove(client->in, at, client->size);
}

static void on_connection(uv_stream_t *server, int status) {
  Client *client = (Client *)calloc(1, sizeof *client);
  if (status != 0 || client == NULL) exit(1);
  uv_tcp_init(server->loop, &client->tcp);
  uv_accept(server, (uv_stream_t *)&client->tcp);
  uv_tcp_nodelay(&client->tcp, 1);
  uv_read_start((uv_stream_t *)&client->tcp, on_room, on_read);
}

int main(void) {
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t server;
  struct sockaddr_in address;
  int size = sizeof address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(loop, &server);
  uv_tcp_bind(&server, (struct sockaddr *)&address, 0);
  if (uv_listen((uv_stream_t *)&server, 1024, on_connection) != 0) return 1;
  uv_tcp_getsockname(&server, (struct sockaddr *)&address, &size);
  printf("%d\n", (address.sin_port & 255) << 8 | address.sin_port >> 8);
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
