/* SPDX-License-Identifier: MIT
 *
 * The floor: a C module called from Lua that does what a user sees of each workload, and nothing else. It makes the
 * handles that are returned, runs functions in pooled coroutines under a yieldable protected call, keeps a ready queue
 * and a heap of deadlines. It has no loop, no errors, no cancellation, no places, no cycles, one waiter for each thing:
 * nobody who is called from Lua has less to do, so the distance to it is what a runtime adds.
 *
 * bench/floor.lua calls it.
 */
#include <lauxlib.h>
#include <lua.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Join Join;

/* Each userdata begins with the address of the name of its class. */
typedef const char *Class;
static const char task_class[] = "task", queue_class[] = "queue", semaphore_class[] = "semaphore",
                  permit_class[] = "permit";

/* What runs, or is to run. Of spawn it is the handle, a userdata whose user values are the function and its arguments,
 * later its result; of gather and map it is used again. */
typedef struct Task {
  Class cls;
  struct Task *next;   /* in the ready queue, in a line of waiters, or free */
  struct Task *waiter; /* who awaits its end */
  lua_State *co;       /* NULL: it has not begun */
  Join *join;          /* whose child it is, or NULL */
  int coroutine;       /* number of co in the table of coroutines */
  int slot;            /* of a handle: in the table of live ones */
  int nargs, index;
  bool done;
} Task;

struct Join {
  Task *host;
  lua_State *L; /* its stack: 1 the items, which results replace, 2 the function of map or nil */
  int total, next, running, limit;
};

typedef struct {
  double when;
  Task *task;
} Sleeper;

static struct {
  Task *first, *last; /* ready */
  Task *current;
  int coroutine;       /* number of the one that runs */
  Task *free;          /* records of children */
  int left;            /* in this turn */
  Sleeper *heap;       /* a binary heap of deadlines */
  int sleepers, room;
  int idle[1 << 20];   /* numbers of coroutines that wait for a task */
  int idle_count, coroutines;
  int *given_back;     /* slots of live tasks */
  int given_count, live;
} rt;

/* Upvalues of each function. */
enum { COROUTINES = 1, LIVE, TASK_META, PERMIT_META, BODY };
#define UP(index) lua_upvalueindex(index)

static void *check_self(lua_State *L, Class cls) {
  Class *self = lua_touserdata(L, 1);
  if (self == NULL || lua_islightuserdata(L, 1) || *self != cls) luaL_typeerror(L, 1, cls);
  return self;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void ready(Task *t) {
  t->next = NULL;
  if (rt.first == NULL)
    rt.first = t;
  else
    rt.last->next = t;
  rt.last = t;
}

static Task *take_ready(void) {
  Task *t = rt.first;
  rt.first = t->next;
  return t;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static int l_spawn(lua_State *L) {
  int nargs = lua_gettop(L) - 1;
  Task *t = lua_newuserdatauv(L, sizeof *t, nargs + 1);
  memset(t, 0, sizeof *t);
  t->cls = task_class;
  lua_pushvalue(L, UP(TASK_META));
  lua_setmetatable(L, -2);
  for (int i = 1; i <= nargs + 1; i++) {
    lua_pushvalue(L, i);
    lua_setiuservalue(L, -2, i);
  }
  t->nargs = nargs;
  t->slot = rt.given_count > 0 ? rt.given_back[--rt.given_count] : ++rt.live;
  lua_pushvalue(L, -1);
  lua_rawseti(L, UP(LIVE), t->slot);
  ready(t);
  return 1;
}

static void end_handle(lua_State *L, Task *t, int first) {
  lua_settop(L, first);
  lua_rawgeti(L, UP(LIVE), t->slot);
  lua_insert(L, first);
  lua_setiuservalue(L, first, 1);
  lua_pushnil(L);
  lua_rawseti(L, UP(LIVE), t->slot);
  static int room;
  if (rt.given_count == room) rt.given_back = realloc(rt.given_back, sizeof(int) * (size_t)(room = room * 2 + 64));
  rt.given_back[rt.given_count++] = t->slot;
  t->done = true;
  if (t->waiter) ready(t->waiter);
}

static int k_await(lua_State *L, int status, lua_KContext context) {
  (void)status, (void)context;
  lua_getiuservalue(L, 1, 1);
  return 1;
}

static int l_await(lua_State *L) {
  Task *t = check_self(L, task_class);
  if (t->done) return k_await(L, 0, 0);
  t->waiter = rt.current;
  return lua_yieldk(L, 0, 0, k_await);
}

/* ---- gather and map -------------------------------------------------------------------------- */

static void start_children(Join *join) {
  for (; join->next < join->total && join->running < join->limit; join->running++) {
    Task *t = rt.free;
    if (t)
      rt.free = t->next;
    else
      t = malloc(sizeof *t);
    *t = (Task){.join = join, .index = ++join->next};
    ready(t);
  }
}

static void end_child(lua_State *L, Task *t, int first) {
  Join *join = t->join;
  lua_settop(L, first);
  lua_xmove(L, join->L, 1);
  lua_rawseti(join->L, 1, t->index);
  t->next = rt.free;
  rt.free = t;
  join->running--;
  start_children(join);
  if (join->running == 0) ready(join->host);
}

static int push_child(lua_State *L, Task *t) {
  Join *join = t->join;
  bool maps = !lua_isnil(join->L, 2);
  if (maps) lua_pushvalue(join->L, 2);
  lua_rawgeti(join->L, 1, t->index);
  lua_xmove(join->L, L, 1 + maps);
  return maps;
}

static int k_joined(lua_State *L, int status, lua_KContext join) {
  (void)status;
  free((Join *)join);
  lua_settop(L, 1);
  return 1;
}

static int join(lua_State *L, int limit) {
  Join *join = malloc(sizeof *join);
  int total = (int)lua_rawlen(L, 1);
  lua_createtable(L, total, 0);
  for (int i = 1; i <= total; i++) {
    lua_rawgeti(L, 1, i);
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, 1);
  *join = (Join){.host = rt.current, .L = L, .total = total, .limit = limit};
  start_children(join);
  return lua_yieldk(L, 0, (lua_KContext)join, k_joined);
}

static int l_gather(lua_State *L) {
  lua_settop(L, 2);
  return join(L, 1 << 30);
}

static int l_map(lua_State *L) {
  int limit = 1 << 30;
  if (lua_istable(L, 3)) {
    lua_getfield(L, 3, "limit");
    limit = (int)luaL_checkinteger(L, -1);
  }
  lua_settop(L, 2);
  return join(L, limit);
}

/* ---- coroutines ------------------------------------------------------------------------------ */

static int push_call(lua_State *L, Task *t) {
  if (t->join) return push_child(L, t);
  lua_rawgeti(L, UP(LIVE), t->slot);
  int handle = lua_gettop(L);
  for (int i = 1; i <= t->nargs + 1; i++) lua_getiuservalue(L, handle, i);
  lua_remove(L, handle);
  return t->nargs;
}

/* Goes on with the next task of this turn if that is a new one. */
static int k_body(lua_State *L, int status, lua_KContext context) {
  (void)context;
  for (;;) {
    Task *t = rt.current;
    if (status != LUA_OK && status != LUA_YIELD) lua_error(L);
    if (t->join)
      end_child(L, t, 1);
    else
      end_handle(L, t, 1);
    lua_settop(L, 0);
    if (rt.left == 0 || rt.first == NULL || rt.first->co != NULL) return 0;
    Task *new = take_ready();
    rt.left--;
    new->co = L;
    new->coroutine = rt.coroutine;
    rt.current = new;
    status = lua_pcallk(L, push_call(L, new), LUA_MULTRET, 0, 0, k_body);
  }
}

static int body(lua_State *L) {
  return k_body(L, lua_pcallk(L, push_call(L, rt.current), LUA_MULTRET, 0, 0, k_body), 0);
}

static void take_coroutine(lua_State *L, Task *t) {
  if (rt.idle_count > 0) {
    t->coroutine = rt.idle[--rt.idle_count];
    lua_rawgeti(L, UP(COROUTINES), t->coroutine);
    t->co = lua_tothread(L, -1);
    lua_pop(L, 1);
  } else {
    t->co = lua_newthread(L);
    t->coroutine = ++rt.coroutines;
    lua_rawseti(L, UP(COROUTINES), t->coroutine);
  }
  lua_pushvalue(L, UP(BODY));
  lua_xmove(L, t->co, 1);
}

static void step(lua_State *L, Task *t) {
  int count;
  rt.current = t;
  if (t->co == NULL) take_coroutine(L, t);
  lua_State *co = t->co;
  rt.coroutine = t->coroutine;
  int status = lua_resume(co, L, 0, &count);
  if (status == LUA_YIELD) return;
  if (status != LUA_OK) luaL_error(L, "%s", lua_tostring(co, -1));
  rt.idle[rt.idle_count++] = rt.coroutine;
}

/* ---- sleep ----------------------------------------------------------------------------------- */

static int k_nothing(lua_State *L, int status, lua_KContext context) {
  (void)L, (void)status, (void)context;
  return 0;
}

static void add_sleeper(Sleeper s) {
  if (rt.sleepers == rt.room) rt.heap = realloc(rt.heap, sizeof s * (size_t)(rt.room = rt.room * 2 + 64));
  int i = rt.sleepers++;
  for (; i > 0 && s.when < rt.heap[(i - 1) / 2].when; i = (i - 1) / 2) rt.heap[i] = rt.heap[(i - 1) / 2];
  rt.heap[i] = s;
}

static Task *take_sleeper(void) {
  Sleeper first = rt.heap[0], last = rt.heap[--rt.sleepers];
  int i = 0;
  for (int child; (child = 2 * i + 1) < rt.sleepers; i = child) {
    if (child + 1 < rt.sleepers && rt.heap[child + 1].when < rt.heap[child].when) child++;
    if (last.when <= rt.heap[child].when) break;
    rt.heap[i] = rt.heap[child];
  }
  rt.heap[i] = last;
  return first.task;
}

static int l_sleep(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  if (seconds <= 0)
    ready(rt.current);
  else
    add_sleeper((Sleeper){now() + seconds, rt.current});
  return lua_yieldk(L, 0, 0, k_nothing);
}

static void wake_sleepers(void) {
  double wait = rt.heap[0].when - now();
  if (wait > 0 && rt.first == NULL) {
    struct timespec t = {(time_t)wait, (long)((wait - (double)(time_t)wait) * 1e9)};
    nanosleep(&t, NULL);
  }
  for (double time = now(); rt.sleepers > 0 && rt.heap[0].when <= time;) ready(take_sleeper());
}

/* ---- queue ----------------------------------------------------------------------------------- */

typedef struct {
  Class cls;
  int first, count, size;
  Task *getter, *putter; /* one of each */
} Queue;

static int l_queue(lua_State *L) {
  Queue *q = lua_newuserdatauv(L, sizeof *q, 1);
  *q = (Queue){.cls = queue_class, .size = (int)luaL_checkinteger(L, 1)};
  lua_createtable(L, q->size, 0);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, "queue");
  return 1;
}

static void wake(Task **place) {
  if (*place) ready(*place);
  *place = NULL;
}

static int k_put(lua_State *L, int status, lua_KContext context) {
  (void)status, (void)context;
  Queue *q = lua_touserdata(L, 1);
  if (q->count == q->size) {
    q->putter = rt.current;
    return lua_yieldk(L, 0, 0, k_put);
  }
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (q->first + q->count++) % q->size + 1);
  wake(&q->getter);
  return 0;
}

static int l_put(lua_State *L) {
  check_self(L, queue_class);
  return k_put(L, 0, 0);
}

static int k_get(lua_State *L, int status, lua_KContext context) {
  (void)status, (void)context;
  Queue *q = lua_touserdata(L, 1);
  if (q->count == 0) {
    q->getter = rt.current;
    return lua_yieldk(L, 0, 0, k_get);
  }
  lua_getiuservalue(L, 1, 1);
  lua_rawgeti(L, -1, q->first + 1);
  q->first = (q->first + 1) % q->size;
  q->count--;
  wake(&q->putter);
  return 1;
}

static int l_get(lua_State *L) {
  check_self(L, queue_class);
  return k_get(L, 0, 0);
}

/* ---- semaphore ------------------------------------------------------------------------------- */

typedef struct {
  Class cls;
  int permits;
  Task *first, *last; /* who waits */
} Semaphore;

typedef struct {
  Class cls;
  Semaphore *semaphore;
} Permit;

static int l_semaphore(lua_State *L) {
  Semaphore *s = lua_newuserdatauv(L, sizeof *s, 0);
  *s = (Semaphore){.cls = semaphore_class, .permits = (int)luaL_checkinteger(L, 1)};
  luaL_setmetatable(L, "semaphore");
  return 1;
}

static int k_acquire(lua_State *L, int status, lua_KContext context) {
  (void)status, (void)context;
  Permit *permit = lua_newuserdatauv(L, sizeof *permit, 1);
  *permit = (Permit){permit_class, lua_touserdata(L, 1)};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, UP(PERMIT_META));
  lua_setmetatable(L, -2);
  return 1;
}

static int l_acquire(lua_State *L) {
  Semaphore *s = check_self(L, semaphore_class);
  if (s->permits > 0) {
    s->permits--;
    return k_acquire(L, 0, 0);
  }
  Task *t = rt.current;
  t->next = NULL;
  if (s->first == NULL)
    s->first = t;
  else
    s->last->next = t;
  s->last = t;
  return lua_yieldk(L, 0, 0, k_acquire);
}

static int l_release(lua_State *L) {
  Permit *permit = check_self(L, permit_class);
  Semaphore *s = permit->semaphore;
  permit->semaphore = NULL;
  if (s == NULL) return 0;
  Task *t = s->first;
  if (t == NULL) {
    s->permits++;
    return 0;
  }
  s->first = t->next;
  ready(t);
  return 0;
}

/* ---- run ------------------------------------------------------------------------------------- */

static int l_run(lua_State *L) {
  l_spawn(L);
  while (rt.first != NULL || rt.sleepers > 0) {
    rt.left = 0;
    for (Task *t = rt.first; t != NULL; t = t->next) rt.left++;
    while (rt.left-- > 0) {
      step(L, take_ready());
      if (rt.first == NULL) break;
    }
    if (rt.sleepers > 0) wake_sleepers();
  }
  return 0;
}

static int l_now(lua_State *L) {
  lua_pushnumber(L, now());
  return 1;
}

static void open_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  for (int i = 1; i <= BODY; i++) lua_pushvalue(L, i);
  luaL_setfuncs(L, methods, BODY);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

int luaopen_floor(lua_State *L) {
  static const luaL_Reg task[] = {{"await", l_await}, {NULL, NULL}};
  static const luaL_Reg queue[] = {{"put", l_put}, {"get", l_get}, {NULL, NULL}};
  static const luaL_Reg semaphore[] = {{"acquire", l_acquire}, {NULL, NULL}};
  static const luaL_Reg permit[] = {{"release", l_release}, {"__close", l_release}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"run", l_run}, {"spawn", l_spawn}, {"sleep", l_sleep}, {"now", l_now}, {"gather", l_gather},
      {"map", l_map}, {"queue", l_queue}, {"semaphore", l_semaphore}, {NULL, NULL}};
  lua_settop(L, 0);
  lua_newtable(L);
  lua_newtable(L);
  luaL_newmetatable(L, "task");
  luaL_newmetatable(L, "permit");
  for (int i = COROUTINES; i <= PERMIT_META; i++) lua_pushvalue(L, i);
  lua_pushcclosure(L, body, PERMIT_META);
  open_class(L, "task", task);
  open_class(L, "queue", queue);
  open_class(L, "semaphore", semaphore);
  open_class(L, "permit", permit);
  lua_newtable(L);
  for (int i = 1; i <= BODY; i++) lua_pushvalue(L, i);
  luaL_setfuncs(L, functions, BODY);
  return 1;
}
