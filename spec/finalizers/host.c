/* SPDX-License-Identifier: MIT */
/*
** The host of the specs in this folder: lets a finalizer run at the n-th request of Lua for memory.
**
**   host SECONDS PROGRAM [ARGUMENTS...]
**
** PROGRAM is a Lua file. The collector stands still in it, except when it is called. It has, beside the standard
** library, the table `moment`:
**
**   moment.arm(n)        from the n-th request for memory on, the next opportunity for the collector makes it go through
**                        a whole cycle: finalizers of what is garbage run then, in the midst of whatever asks
**   moment.come()        says, in such a finalizer, that it runs: the collector stands still again
**   moment.disarm()      that is over; returns the number of requests before the collector worked, nil if `come` was not called
**   moment.note(text)    what is printed if the program crashes, or if SECONDS pass until the next note
**
** Lua looks at its collector where it makes something new, not at every request, so some moments stand for
** several requests.
*/
#include <lauxlib.h>
#include <lualib.h>
#include <saros.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum State { IDLE, ARMED, STRUCK, OVER } State;

static lua_State *main_state;
static State state;
static long requests; /* since it was armed */
static long at;       /* the one from which on the collector may work */
static long met;      /* the number of requests when the collector began to sweep, 0 before */
static bool has_come; /* a finalizer */
static unsigned seconds;
static char note[256];

/* --- the collector ------------------------------------------------------------ */

/* Once it works, a step of it is a whole cycle, and one is due whenever anything has been allocated. */
static void stop_collector(lua_State *L) {
  lua_gc(L, LUA_GCINC, 0, 1000, 40);
  lua_gc(L, LUA_GCSTOP);
}

/* All of lua_gc that is called here sets variables and no more, so the allocator may. A finalizer may not: it is ignored. */
static void on_request(void) {
  if (state == IDLE) return;
  requests++;
  if (state == ARMED && requests >= at) {
    state = STRUCK;
    lua_gc(main_state, LUA_GCRESTART);
  } else if (state == OVER)
    lua_gc(main_state, LUA_GCSTOP);
}

static void *l_alloc(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  if (new_size < old_size && block != NULL && state == STRUCK && met == 0) met = requests;
  if (new_size == 0) {
    free(block);
    return NULL;
  }
  if (block == NULL || new_size > old_size) on_request();
  return realloc(block, new_size);
}

static int l_arm(lua_State *L) {
  at = (long)luaL_checkinteger(L, 1);
  requests = met = 0;
  has_come = false;
  state = ARMED;
  return 0;
}

static int l_come(lua_State *L) {
  (void)L;
  if (state != STRUCK) return 0;
  state = OVER;
  has_come = true;
  return 0;
}

static int l_disarm(lua_State *L) {
  state = IDLE;
  lua_gc(L, LUA_GCSTOP);
  if (has_come)
    lua_pushinteger(L, met > 0 ? met : at);
  else
    lua_pushnil(L);
  return 1;
}

/* --- reports ------------------------------------------------------------------ */

static int l_note(lua_State *L) {
  strncpy(note, luaL_checkstring(L, 1), sizeof note - 1);
  alarm(seconds);
  return 0;
}

/* Only what a signal handler may do. */
static void on_signal(int number) {
  const char *what = number == SIGALRM ? ": it hangs\n" : ": it crashes\n";
  if (write(STDOUT_FILENO, note, strlen(note)) < 0 || write(STDOUT_FILENO, what, strlen(what)) < 0) _exit(3);
  signal(number, SIG_DFL);
  raise(number == SIGALRM ? SIGABRT : number);
}

int main(int argc, char **argv) {
  static const luaL_Reg functions[] = {
      {"arm", l_arm}, {"come", l_come}, {"disarm", l_disarm}, {"note", l_note}, {NULL, NULL}};
  if (argc < 3) return 2;
  seconds = (unsigned)atoi(argv[1]);
  signal(SIGALRM, on_signal);
#ifndef __SANITIZE_ADDRESS__ /* which shows more */
  signal(SIGSEGV, on_signal);
  signal(SIGABRT, on_signal);
  signal(SIGBUS, on_signal);
#endif
  lua_State *L = main_state = lua_newstate(l_alloc, NULL);
  luaL_openlibs(L);
  stop_collector(L);
  luaL_newlib(L, functions);
  lua_setglobal(L, "moment");
  int status = luaL_loadfile(L, argv[2]);
  for (int i = 3; i < argc; i++) lua_pushstring(L, argv[i]);
  if (status == LUA_OK) status = lua_pcall(L, argc - 3, 0, 0);
  if (status != LUA_OK) printf("%s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
