/* SPDX-License-Identifier: MIT */
/*
** A host that owns the loop: host SCRIPT... runs the scripts one after another in one Lua state.
** Its own timer ticks on the loop all the time and SIGINT is its own. Scripts reach it through the
** global table `host`. Whatever the scripts did, even close the state from inside a task, in the
** end the loop has to serve the host as before and to close cleanly. What is not as it should be
** goes to standard error, one line each.
*/
#include <lualib.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "saros.h"

static uv_loop_t loop;
static uv_timer_t ticker;
static uv_timer_t caller; /* for host.later */
static uv_tcp_t listener; /* answers nothing: who connects waits for ever */
static int is_listening;
static unsigned ticks;
static volatile sig_atomic_t interrupts;
static int problems;
static lua_State *L;
static jmp_buf leave; /* out of a state that was closed from inside */

static void complain(const char *what, const char *detail) {
  fprintf(stderr, "host: %s%s%s\n", what, detail != NULL ? ": " : "", detail != NULL ? detail : "");
  problems++;
}

/* --- what is the host's own -------------------------------------------------- */

static void on_tick(uv_timer_t *timer) {
  (void)timer;
  ticks++;
}

static void on_sigint(int number) {
  (void)number;
  interrupts = interrupts + 1;
}

static void open_host(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_sigint;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  uv_loop_init(&loop);
  uv_timer_init(&loop, &ticker);
  uv_timer_init(&loop, &caller);
  uv_timer_start(&ticker, on_tick, 1, 1);
}

static void check_sigint(void) {
  struct sigaction action;
  sigaction(SIGINT, NULL, &action);
  if (action.sa_handler != on_sigint) complain("SIGINT has another handler", NULL);
}

static void check_service(void) {
  unsigned before = ticks;
  uint64_t limit = uv_hrtime() + UINT64_C(10000000000);
  while (ticks < before + 3 && uv_hrtime() < limit) uv_run(&loop, UV_RUN_ONCE);
  if (ticks < before + 3) complain("the ticker is not served any more", NULL);
}

static void name_stranger(uv_handle_t *handle, void *unused) {
  (void)unused;
  if (handle == (uv_handle_t *)&ticker || handle == (uv_handle_t *)&caller) return;
  if (is_listening && handle == (uv_handle_t *)&listener) return;
  if (!uv_is_closing(handle)) complain("left on the loop", uv_handle_type_name(uv_handle_get_type(handle)));
}

static void close_host(void) {
  uv_close((uv_handle_t *)&ticker, NULL);
  uv_close((uv_handle_t *)&caller, NULL);
  if (is_listening) uv_close((uv_handle_t *)&listener, NULL);
  if (uv_run(&loop, UV_RUN_DEFAULT) != 0) complain("the loop is still alive", NULL);
  int status = uv_loop_close(&loop);
  if (status != 0) complain("the loop cannot be closed", uv_strerror(status));
}

/* --- the table `host` --------------------------------------------------------- */

/* ticks(): how often the host's timer has fired. */
static int l_ticks(lua_State *state) {
  lua_pushinteger(state, (lua_Integer)ticks);
  return 1;
}

/* rest(): the host's timer keeps the loop alive no longer. */
static int l_rest(lua_State *state) {
  (void)state;
  uv_unref((uv_handle_t *)&ticker);
  return 0;
}

/* interrupt(): SIGINT to this process; returns how many the host's handler has seen. */
static int l_interrupt(lua_State *state) {
  kill(getpid(), SIGINT);
  lua_pushinteger(state, (lua_Integer)interrupts);
  return 1;
}

/* stop(): uv_stop on the host's loop. */
static int l_stop(lua_State *state) {
  (void)state;
  uv_stop(&loop);
  return 0;
}

static void on_connection(uv_stream_t *server, int status) {
  (void)server, (void)status;
}

/* listen(): the port of a server that never answers. */
static int l_listen(lua_State *state) {
  struct sockaddr_in address;
  int size = (int)sizeof address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  uv_tcp_init(&loop, &listener);
  is_listening = 1;
  uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
  uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
  if (uv_listen((uv_stream_t *)&listener, 16, on_connection) != 0) return luaL_error(state, "cannot listen");
  uv_unref((uv_handle_t *)&listener);
  lua_pushinteger(state, ntohs(address.sin_port));
  return 1;
}

/* A callback of the host's that calls Lua, protected as everywhere outside of Lua. */
static void on_later(uv_timer_t *timer) {
  (void)timer;
  lua_getfield(L, LUA_REGISTRYINDEX, "host.later");
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    complain("later", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
}

/* later(fn): fn() is called by the loop, 1 ms from now. */
static int l_later(lua_State *state) {
  luaL_checktype(state, 1, LUA_TFUNCTION);
  lua_settop(state, 1);
  lua_setfield(state, LUA_REGISTRYINDEX, "host.later");
  uv_timer_start(&caller, on_later, 1, 0);
  return 0;
}

/* close(): lua_close wherever this is called. Does not return. */
static int l_close(lua_State *state) {
  (void)state;
  lua_close(L);
  L = NULL;
  longjmp(leave, 1);
}

/* --- the scripts -------------------------------------------------------------- */

static int l_message(lua_State *state) {
  luaL_traceback(state, state, luaL_tolstring(state, 1, NULL), 1);
  return 1;
}

static void open_state(void) {
  static const luaL_Reg functions[] = {
      {"ticks", l_ticks},   {"rest", l_rest},   {"interrupt", l_interrupt}, {"stop", l_stop},
      {"listen", l_listen}, {"later", l_later}, {"close", l_close},         {NULL, NULL},
  };
  L = luaL_newstate();
  luaL_openlibs(L);
  luaL_newlib(L, functions);
  lua_setglobal(L, "host");
  saros_use_loop(L, &loop);
}

static void run_script(const char *path) {
  lua_pushcfunction(L, l_message);
  if (luaL_loadfile(L, path) != LUA_OK || lua_pcall(L, 0, 0, 1) != LUA_OK) complain(path, lua_tostring(L, -1));
  lua_settop(L, 0);
}

static char **scripts; /* the next one to be run */

static void run_scripts(void) {
  for (; *scripts != NULL; scripts++) {
    run_script(*scripts);
    check_sigint();
    uv_run(&loop, UV_RUN_NOWAIT);
  }
  lua_close(L);
}

int main(int argc, char **argv) {
  (void)argc;
  open_host();
  open_state();
  scripts = argv + 1;
  if (setjmp(leave) == 0) run_scripts();
  check_sigint();
  uv_run(&loop, UV_RUN_NOWAIT); /* closes what the end of saros began to close */
  uv_walk(&loop, name_stranger, NULL);
  uv_ref((uv_handle_t *)&ticker);
  check_service();
  close_host();
  return problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
