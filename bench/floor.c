/* SPDX-License-Identifier: MIT
 *
 * The floor: what Lua itself asks for each workload when a bare C loop does the least that could
 * count as doing it. No loop, no errors, no cancellation, no tasks that await each other: nobody
 * has to reach it, but the distance to it is what a runtime adds.
 *
 *     floor WORKLOAD SIZE        prints seconds=... bytes=... (peak)
 *
 * Lua is linked statically, as in Debian's lua5.4, and its collector runs with the defaults.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* "VmRSS:" (memory held now) or "VmHWM:" (the most ever held) of this process, in bytes. */
static double memory(const char *field) {
  char line[256];
  double kib = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (strncmp(line, field, strlen(field)) == 0) kib = strtod(line + strlen(field), NULL);
  if (f) fclose(f);
  return kib * 1024;
}

static void check(lua_State *L, bool good, const char *what) {
  if (!good) luaL_error(L, "wrong result: %s", what);
}

static void push_code(lua_State *L, const char *code) {
  if (luaL_loadstring(L, code) != LUA_OK) lua_error(L);
}

/* Resumes `co`; true while it is not at its end. */
static bool resume(lua_State *L, lua_State *co, int nargs) {
  int nresults;
  int status = lua_resume(co, L, nargs, &nresults);
  if (status == LUA_YIELD) {
    lua_pop(co, nresults);
    return true;
  }
  if (status != LUA_OK) luaL_error(L, "%s", lua_tostring(co, -1));
  return false;
}

static int yield(lua_State *L) {
  return lua_yield(L, 0);
}

/* Tasks in batches of 1,000: a handle (userdata with a metatable) for each, then each runs its Lua
 * function in a coroutine that is used again. */
enum { BATCH = 1000 };

typedef struct {
  lua_Integer result;
  void *room[7]; /* links, state, ...: a handle of a cache line */
} Handle;

static void spawn_await(lua_State *L, int n) {
  lua_Integer sum = 0;
  lua_State *co = lua_newthread(L);
  push_code(co, "local i = ... return i");
  luaL_newmetatable(L, "task");
  lua_createtable(L, BATCH, 0);
  for (int done = 0; done < n; done += BATCH) {
    Handle *handles[BATCH];
    for (int i = 0; i < BATCH; i++) {
      handles[i] = lua_newuserdatauv(L, sizeof(Handle), 0);
      lua_pushvalue(L, -3);
      lua_setmetatable(L, -2);
      lua_rawseti(L, -2, i + 1);
    }
    for (int i = 0; i < BATCH; i++) {
      lua_pushvalue(co, 1);
      lua_pushinteger(co, i + 1);
      resume(L, co, 1);
      handles[i]->result = lua_tointeger(co, -1);
      lua_settop(co, 1);
    }
    for (int i = 0; i < BATCH; i++) sum += handles[i]->result;
  }
  check(L, sum == (lua_Integer)(n / BATCH) * (BATCH * (BATCH + 1) / 2), "sum of the tasks");
}

/* 1,000 coroutines that call a C function that yields, resumed in turn. */
static void sleep0(lua_State *L, int rounds) {
  enum { TASKS = 1000 };
  lua_State *tasks[TASKS];
  lua_createtable(L, TASKS, 0);
  push_code(L, "local sleep, n = ... for _ = 1, n do sleep(0) end");
  for (int i = 0; i < TASKS; i++) {
    tasks[i] = lua_newthread(L);
    lua_rawseti(L, -3, i + 1);
    lua_pushvalue(L, -1);
    lua_xmove(L, tasks[i], 1);
    lua_pushcfunction(tasks[i], yield);
    lua_pushinteger(tasks[i], rounds);
    resume(L, tasks[i], 2);
  }
  for (int left = TASKS; left > 0;)
    for (int i = 0; i < TASKS; i++)
      if (!resume(L, tasks[i], 0)) left--;
}

/* Coroutines on a binary heap of deadlines, and one nanosleep. */
typedef struct {
  double when;
  lua_State *co;
} Sleeper;

static Sleeper *heap;
static int heap_size;

static int sleep_on_heap(lua_State *L) {
  Sleeper s = {now() + luaL_checknumber(L, 1), L};
  int i = heap_size++;
  for (; i > 0 && s.when < heap[(i - 1) / 2].when; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
  heap[i] = s;
  return lua_yield(L, 0);
}

static Sleeper next_sleeper(void) {
  Sleeper first = heap[0], last = heap[--heap_size];
  int i = 0;
  for (int child; (child = 2 * i + 1) < heap_size; i = child) {
    if (child + 1 < heap_size && heap[child + 1].when < heap[child].when) child++;
    if (last.when <= heap[child].when) break;
    heap[i] = heap[child];
  }
  heap[i] = last;
  return first;
}

static void sleepers(lua_State *L, int n) {
  int woken = 0;
  heap = malloc(sizeof *heap * (size_t)n);
  check(L, heap != NULL, "out of memory");
  lua_createtable(L, n, 0);
  push_code(L, "local sleep = ... return function() sleep(1) end");
  lua_pushcfunction(L, sleep_on_heap);
  lua_call(L, 1, 1);
  for (int i = 0; i < n; i++) {
    lua_State *co = lua_newthread(L);
    lua_rawseti(L, -3, i + 1);
    lua_pushvalue(L, -1);
    lua_xmove(L, co, 1);
    resume(L, co, 0);
  }
  while (heap_size > 0) {
    Sleeper s = next_sleeper();
    double wait = s.when - now();
    if (wait > 0) {
      struct timespec t = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
      nanosleep(&t, NULL);
    }
    if (!resume(L, s.co, 0)) woken++;
  }
  check(L, woken == n, "sleepers");
}

/* A ring of 128 slots in a Lua table between two coroutines that are resumed in turn. */
enum { SLOTS = 128 };
static int first, count;

static int put(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  lua_rawseti(L, lua_upvalueindex(1), (first + count++) % SLOTS + 1);
  return count == SLOTS ? lua_yield(L, 0) : 0;
}

static int get(lua_State *L);
static int get_again(lua_State *L, int status, lua_KContext context) {
  (void)status, (void)context;
  return get(L);
}

static int get(lua_State *L) {
  if (count == 0) return lua_yieldk(L, 0, 0, get_again);
  lua_rawgeti(L, lua_upvalueindex(1), first + 1);
  first = (first + 1) % SLOTS;
  count--;
  return 1;
}

static void queue(lua_State *L, int n) {
  lua_State *producer = lua_newthread(L), *consumer = lua_newthread(L);
  push_code(producer, "local put, n = ... for i = 1, n do put(i) end");
  push_code(consumer, "local get, n = ... local s = 0 for _ = 1, n do s = s + get() end return s");
  lua_createtable(L, SLOTS, 0);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, put, 1);
  lua_xmove(L, producer, 1);
  lua_pushcclosure(L, get, 1);
  lua_xmove(L, consumer, 1);
  lua_pushinteger(producer, n);
  lua_pushinteger(consumer, n);
  bool more = resume(L, producer, 2);
  for (bool wants = resume(L, consumer, 2); wants; wants = resume(L, consumer, 0))
    if (more) more = resume(L, producer, 0);
  check(L, lua_tointeger(consumer, -1) == (lua_Integer)n * (n + 1) / 2, "sum of the items");
}

static const struct {
  const char *name;
  void (*run)(lua_State *L, int size);
} workloads[] = {{"spawn_await", spawn_await}, {"sleep0", sleep0}, {"sleepers", sleepers}, {"queue", queue}};

static int protected_main(lua_State *L) {
  const char *name = lua_tostring(L, 1);
  int size = (int)lua_tointeger(L, 2);
  luaL_openlibs(L);
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(name, workloads[i].name) == 0) {
      double before = memory("VmRSS:"), start = now();
      workloads[i].run(L, size);
      double seconds = now() - start;
      printf("seconds=%.6f bytes=%.0f\n", seconds, memory("VmHWM:") - before);
      return 0;
    }
  return luaL_error(L, "no floor for %s", name);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: floor WORKLOAD SIZE\n");
    return 2;
  }
  lua_State *L = luaL_newstate();
  lua_pushcfunction(L, protected_main);
  lua_pushstring(L, argv[1]);
  lua_pushinteger(L, strtol(argv[2], NULL, 10));
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    fprintf(stderr, "floor: %s\n", lua_tostring(L, -1));
    return 1;
  }
  lua_close(L);
  return 0;
}
