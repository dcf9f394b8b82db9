/* SPDX-License-Identifier: MIT */
/*
** A program with several threads, each with a Lua state of its own: threads COUNT SCRIPT runs the script in each of
** them at once. SIGINT is the program's own before and after. Scripts reach it through the global table `host`.
** What is not as it should be goes to standard error, one line each.
*/
#include <lualib.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "saros.h"

enum { MOST = 16 };

static const char *script;
static uv_barrier_t barrier;
static atomic_int interrupts; /* that the program's own handler has seen */
static atomic_int problems;

static void complain(const char *what, const char *detail) {
  fprintf(stderr, "threads: %s%s%s\n", what, detail != NULL ? ": " : "", detail != NULL ? detail : "");
  problems++;
}

/* --- SIGINT ------------------------------------------------------------------ */

static void on_sigint(int number) {
  (void)number;
  interrupts++;
}

static void set_handler(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_sigint;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

static int is_handler_back(void) {
  struct sigaction action;
  sigaction(SIGINT, NULL, &action);
  return action.sa_handler == on_sigint;
}

/* Whether SIGURG is unhandled again, by which jobs are interrupted: the thread of the last one may take a moment. */
static int is_urgent_free(void) {
  struct sigaction action;
  for (int i = 0; i < 40000; i++) {
    sigaction(SIGURG, NULL, &action);
    if (action.sa_handler == SIG_DFL) return 1;
    usleep(1000);
  }
  return 0;
}

/* --- the table `host` --------------------------------------------------------- */

/* meet(): waits until every thread has come here. */
static int l_meet(lua_State *L) {
  (void)L;
  uv_barrier_wait(&barrier);
  return 0;
}

/* interrupt(): SIGINT to the process, as Ctrl-C sends it. interrupt(true): to this thread. */
static int l_interrupt(lua_State *L) {
  if (lua_toboolean(L, 1))
    pthread_kill(pthread_self(), SIGINT);
  else
    kill(getpid(), SIGINT);
  return 0;
}

/* is_back(): whether the program's own handler is in place. */
static int l_is_back(lua_State *L) {
  lua_pushboolean(L, is_handler_back());
  return 1;
}

/* --- the threads -------------------------------------------------------------- */

static int l_message(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static void run_thread(void *argument) {
  static const luaL_Reg functions[] = {
      {"meet", l_meet}, {"interrupt", l_interrupt}, {"is_back", l_is_back}, {NULL, NULL}};
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_newlib(L, functions);
  lua_pushinteger(L, *(int *)argument);
  lua_setfield(L, -2, "number");
  lua_setglobal(L, "host");
  lua_pushcfunction(L, l_message);
  if (luaL_loadfile(L, script) != LUA_OK || lua_pcall(L, 0, 0, 1) != LUA_OK) complain(script, lua_tostring(L, -1));
  lua_close(L);
}

int main(int argc, char **argv) {
  uv_thread_t threads[MOST];
  int numbers[MOST];
  int count = argc == 3 ? atoi(argv[1]) : 0;
  if (count < 1 || count > MOST) return EXIT_FAILURE;
  script = argv[2];
  set_handler();
  uv_barrier_init(&barrier, (unsigned)count);
  for (int i = 0; i < count; i++) {
    numbers[i] = i + 1;
    uv_thread_create(&threads[i], run_thread, &numbers[i]);
  }
  for (int i = 0; i < count; i++) uv_thread_join(&threads[i]);
  uv_barrier_destroy(&barrier);
  if (interrupts != 0) complain("SIGINT came to the program's own handler", NULL);
  if (!is_handler_back()) complain("SIGINT has another handler", NULL);
  if (!is_urgent_free()) complain("SIGURG has a handler", NULL);
  raise(SIGINT);
  if (interrupts != 1) complain("SIGINT did not come to the program's own handler", NULL);
  return problems == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
