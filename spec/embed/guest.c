/* SPDX-License-Identifier: MIT */
/*
** A host that works its loop itself and has saros as a guest: guest MODE SCRIPT...
**
**   plain   runs the script, which spawns tasks, turns the loop until it is not alive any more, ends the run
**   end     ends the run at once, and again
**   close   turns the loop a few times, then closes the state in the middle
**   two     has a state for each script, all on the one loop; ends them one after another
**   again   three runs of the script, one after another, in one state
**   run     leaves it all to the script, which calls async.run
**
** and, each time with a new state and a new loop, until nothing comes of it any more:
**
**   ends    ends the run after one turn of the loop more than the last time; all tasks tell their end
**   closes  closes the state then instead
**   faults  has one request of Lua for memory fail, a few further on than the last time
**
** Scripts have a table `host` of functions, see below. In the end the loop has to close cleanly.
*/
#include <lualib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "saros.h"

enum { MOST_STATES = 4, FEW_TURNS = 5, STEP = 7, PATIENCE = 200 };

static uv_loop_t loop;
static const saros_api *saros;
static int problems;

/* Of the present trial. */
static bool is_trial;
static int spawned, ended; /* tasks whose end is to be told, and was */
static int runs_ended;

static void complain(const char *what, const char *detail) {
  fprintf(stderr, "guest: %s: %s\n", what, detail);
  problems++;
}

/* --- tasks that C starts --------------------------------------------------------- */

/* Prints how a task of host.spawn came out. */
static void on_end(lua_State *L, int ok, int count, void *name) {
  ended++;
  if (is_trial) return;
  printf("%s %s:", (const char *)name, ok ? "returned" : "failed");
  for (int i = -count; i < 0; i++) printf(" %s", luaL_tolstring(L, i - 0, NULL)), lua_remove(L, -1);
  printf("\n");
}

/* host.spawn(name, fn, ...): returns the task */
static int l_spawn(lua_State *L) {
  static char names[64][16];
  static int used;
  char *name = names[used++ % 64];
  snprintf(name, sizeof names[0], "%s", luaL_checkstring(L, 1));
  saros_open_host(L)->spawn(L, lua_gettop(L) - 2, on_end, name);
  spawned++;
  return 1;
}

/* host.start(fn, ...): a task whose end nobody is told of */
static int l_start(lua_State *L) {
  saros_open_host(L)->spawn(L, lua_gettop(L) - 1, NULL, NULL);
  return 1;
}

static void on_ended(void *owner) {
  runs_ended++;
  if (!is_trial) printf("%s has ended\n", (const char *)owner);
}

/* host.finish(): the run ends */
static int l_finish(lua_State *L) {
  saros_open_host(L)->end(L, on_ended, (void *)(uintptr_t) "the run");
  return 0;
}

static int l_begin(lua_State *L) {
  saros_open_host(L)->begin(L);
  return 0;
}

/* --- callbacks of the host --------------------------------------------------------- */

typedef struct Later {
  uv_timer_t timer;
  lua_State *L;
  int ref;
} Later;

static void on_later_closed(uv_handle_t *handle) {
  free(handle->data);
}

static void on_later(uv_timer_t *timer) {
  Later *later = (Later *)timer->data;
  lua_rawgeti(later->L, LUA_REGISTRYINDEX, later->ref);
  luaL_unref(later->L, LUA_REGISTRYINDEX, later->ref);
  if (lua_pcall(later->L, 0, 0, 0) != LUA_OK) {
    printf("callback: %s\n", luaL_tolstring(later->L, -1, NULL));
    lua_settop(later->L, 0);
  }
  uv_close((uv_handle_t *)timer, on_later_closed);
}

/* host.later(milliseconds, fn): calls it from a callback of the loop */
static int l_later(lua_State *L) {
  Later *later = (Later *)calloc(1, sizeof *later);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  later->L = lua_tothread(L, -1);
  lua_pushvalue(L, 2);
  later->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  uv_timer_init(&loop, &later->timer);
  later->timer.data = later;
  uv_timer_start(&later->timer, on_later, (uint64_t)luaL_checkinteger(L, 1), 0);
  return 0;
}

/* --- completions from another thread ------------------------------------------------- */

typedef struct Errand {
  saros_post post;
  saros_wait wait;
  saros_port *port;
  uv_sem_t go;       /* the thread waits for it */
  atomic_int owners; /* the box, and the thread until its post has been made or refused */
} Errand;

static uv_sem_t refused; /* a thread whose run had ended */

static void drop(Errand *errand) {
  if (atomic_fetch_sub(&errand->owners, 1) > 1) return;
  uv_sem_destroy(&errand->go);
  free(errand);
}

static void on_posted(saros_post *post) {
  Errand *errand = (Errand *)((char *)post - offsetof(Errand, post));
  saros->wake(&errand->wait);
  drop(errand);
}

static void run_errand(void *arg) {
  Errand *errand = (Errand *)arg;
  uv_sem_wait(&errand->go);
  if (saros->post(errand->port, &errand->post)) return;
  drop(errand);
  uv_sem_post(&refused);
}

static int abort_errand(saros_wait *wait) {
  Errand *errand = (Errand *)((char *)wait - offsetof(Errand, wait));
  saros->forget(errand->port);
  return 1;
}

static const saros_kind errand_kind = {"errand", abort_errand};

static int l_drop(lua_State *L) {
  Errand **box = (Errand **)lua_touserdata(L, 1);
  if (*box != NULL) drop(*box);
  *box = NULL;
  return 0;
}

static int k_errand(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  if (saros->aborted(L)) return saros->raise(L);
  lua_pushliteral(L, "posted");
  return 1;
}

/* host.errand(): an errand whose thread has been started; errand:await(), errand:go() */
static int l_errand(lua_State *L) {
  uv_thread_t thread;
  Errand **box = (Errand **)lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, "errand");
  Errand *errand = *box = (Errand *)calloc(1, sizeof *errand);
  atomic_init(&errand->owners, 2);
  errand->post.on_loop = on_posted;
  uv_sem_init(&errand->go, 0);
  errand->port = saros->expect(saros->runtime(L));
  uv_thread_create(&thread, run_errand, errand);
  pthread_detach(thread);
  return 1;
}

static int l_await(lua_State *L) {
  Errand *errand = *(Errand **)luaL_checkudata(L, 1, "errand");
  saros->check(L, "await");
  if (saros->cancelled(L)) return saros->raise(L);
  return saros->park(L, &errand->wait, &errand_kind, k_errand, 0);
}

static int l_go(lua_State *L) {
  uv_sem_post(&(*(Errand **)luaL_checkudata(L, 1, "errand"))->go);
  return 0;
}

/* host.refused(): waits, in C, until a thread has found its run ended */
static int l_refused(lua_State *L) {
  (void)L;
  uv_sem_wait(&refused);
  return 0;
}

static const luaL_Reg functions[] = {{"spawn", l_spawn},     {"start", l_start}, {"finish", l_finish},
                                     {"begin", l_begin},     {"later", l_later}, {"errand", l_errand},
                                     {"refused", l_refused}, {NULL, NULL}};
static const luaL_Reg errand_methods[] = {{"await", l_await}, {"go", l_go}, {NULL, NULL}};

/* --- memory ------------------------------------------------------------------------------- */

static bool is_armed, has_struck;
static long countdown; /* to the request that fails */
static size_t retried; /* the size of that: Lua collects, and asks once more */

static bool strikes(size_t size) {
  if (!is_armed) return false;
  bool is_retry = retried == size;
  retried = 0;
  if (is_retry) return true;
  if (has_struck || --countdown > 0) return false;
  has_struck = true;
  retried = size;
  return true;
}

static void *l_alloc(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  if (new_size == 0) return free(block), NULL;
  if ((block == NULL || new_size > old_size) && strikes(new_size)) return NULL;
  return realloc(block, new_size);
}

/* --- states ------------------------------------------------------------------------------ */

static lua_State *open_state(void) {
  lua_State *L = lua_newstate(l_alloc, NULL);
  luaL_openlibs(L);
  saros_use_loop(L, &loop);
  if (luaL_dostring(L, "require 'saros'") != LUA_OK) complain("saros", lua_tostring(L, -1));
  saros = saros_open(L);
  luaL_newmetatable(L, "errand");
  lua_pushcfunction(L, l_drop);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, errand_methods);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  lua_setglobal(L, "host");
  lua_settop(L, 0);
  return L;
}

static void run_script(lua_State *L, const char *path) {
  if (luaL_dofile(L, path) != LUA_OK) complain("script", luaL_tolstring(L, -1, NULL));
  lua_settop(L, 0);
}

static void turn(int count) {
  for (int i = 0; i < count; i++) uv_run(&loop, UV_RUN_NOWAIT);
}

/* --- trials ---------------------------------------------------------------------------------- */

/* Calls what is on top. A memory error is no surprise once a request has failed. */
static bool call(lua_State *L, int nargs) {
  if (lua_pcall(L, nargs, 0, 0) == LUA_OK) return true;
  const char *what = lua_tostring(L, -1);
  if (what == NULL || !has_struck || strstr(what, "not enough memory") == NULL) complain("trial", what);
  lua_settop(L, 0);
  return false;
}

static int l_script(lua_State *L) {
  if (luaL_loadfile(L, (const char *)lua_touserdata(L, 1)) != LUA_OK) return lua_error(L);
  lua_call(L, 0, 0);
  return 0;
}

static bool begin_trial(lua_State *L, const char *path) {
  lua_pushcfunction(L, l_begin);
  if (!call(L, 0)) return false;
  lua_pushcfunction(L, l_script);
  lua_pushlightuserdata(L, (void *)(uintptr_t)path);
  call(L, 1);
  return true;
}

static void on_impatient(uv_timer_t *timer) {
  uv_stop(timer->loop);
}

/* As long as there is something to do: what waits for one who has failed waits in vain. */
static void work_off(void) {
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, on_impatient, PATIENCE, 0);
  uv_unref((uv_handle_t *)&timer);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
}

/* So many turns of the loop. Whether it is alive then. */
static bool turn_times(long count) {
  for (long i = 0; i < count; i++)
    if (!uv_run(&loop, UV_RUN_ONCE)) return false;
  return true;
}

static void end_trial(lua_State *L, bool has_told_all) {
  lua_pushcfunction(L, l_finish);
  if (!call(L, 0)) {
    is_armed = false;
    lua_pushcfunction(L, l_finish);
    call(L, 0);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  if (runs_ended != 1) complain("trial", "the run did not end");
  if (has_told_all && ended != spawned) complain("trial", "a task has not told its end");
}

/* The n-th one. False: nothing comes of it any more. */
static bool try(const char *mode, const char *path, long n) {
  bool has_faults = strcmp(mode, "faults") == 0, goes_on = true;
  uv_loop_init(&loop);
  lua_State *L = open_state();
  spawned = ended = runs_ended = 0;
  has_struck = false;
  countdown = n * STEP + 1;
  is_armed = has_faults;
  if (begin_trial(L, path)) {
    if (has_faults)
      work_off();
    else
      goes_on = turn_times(n);
    if (strcmp(mode, "closes") != 0) end_trial(L, !has_faults);
  }
  is_armed = false;
  lua_close(L);
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0) complain("left on the loop", "a handle");
  if (problems > 0) fprintf(stderr, "guest: %s, trial %ld\n", mode, n);
  return has_faults ? has_struck : goes_on;
}

static int do_trials(const char *mode, const char *path) {
  long n = 0;
  is_trial = true;
  while (try(mode, path, n) && problems == 0) n++;
  printf("%ld trials\n", n);
  return problems > 0;
}

static bool is_trial_mode(const char *mode) {
  return strcmp(mode, "ends") == 0 || strcmp(mode, "closes") == 0 || strcmp(mode, "faults") == 0;
}

int main(int argc, char **argv) {
  lua_State *states[MOST_STATES];
  int count = argc - 2;
  const char *mode = argc > 2 ? argv[1] : "";
  if (count < 1 || count > MOST_STATES) return 2;
  if (is_trial_mode(mode)) return do_trials(mode, argv[2]);
  uv_loop_init(&loop);
  uv_sem_init(&refused, 0);
  for (int i = 0; i < count; i++) {
    states[i] = open_state();
    if (strcmp(mode, "run") != 0) saros_open_host(states[i])->begin(states[i]);
    run_script(states[i], argv[i + 2]);
  }
  lua_State *L = states[0];
  for (int again = strcmp(mode, "again") == 0 ? 2 : 0; again > 0; again--) {
    uv_run(&loop, UV_RUN_DEFAULT);
    saros_open_host(L)->end(L, on_ended, (void *)(uintptr_t) "the run");
    uv_run(&loop, UV_RUN_DEFAULT);
    saros_open_host(L)->begin(L);
    run_script(L, argv[2]);
  }
  if (strcmp(mode, "close") == 0)
    turn(FEW_TURNS);
  else if (strcmp(mode, "end") != 0)
    uv_run(&loop, UV_RUN_DEFAULT);
  for (int i = 0; i < count; i++) {
    if (strcmp(mode, "close") != 0 && strcmp(mode, "run") != 0) {
      saros_open_host(states[i])->end(states[i], on_ended, (void *)(uintptr_t) "the run");
      saros_open_host(states[i])->end(states[i], on_ended, (void *)(uintptr_t) "the run");
      uv_run(&loop, UV_RUN_DEFAULT);
    }
    lua_close(states[i]);
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  if (uv_loop_close(&loop) != 0) complain("left on the loop", "a handle");
  fflush(stdout);
  return problems > 0;
}
