/* SPDX-License-Identifier: MIT */
/*
** A stranger's module: it knows saros by include/saros.h alone. Every kind of operation that
** a module may have is here once: a handle that is a resource (alarm), a request that cannot be
** taken back (work), a thread that has to be joined (labour), an operation that ends when it
** likes (errand), deadlines on the clock of saros (doze, fuse), handles whose callbacks come at every point of a
** turn of the loop (hop) and an await that never waits (ready).
**
** Invariant: what libuv or a thread may still touch lies in memory of its own with two owners,
** the userdata and libuv; the last to let go frees it. So neither a cancellation nor lua_close has
** to wait for the other side.
*/
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "saros.h"

#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static const saros_api *saros;

static double check_seconds(lua_State *L, const char *function, int arg) {
  int is_number;
  double seconds = lua_tonumberx(L, arg, &is_number);
  if (!is_number) saros->arg_error(L, function, arg, "number expected, got %s", luaL_typename(L, arg));
  if (!(seconds >= 0 && seconds < 1e9)) saros->arg_error(L, function, arg, "seconds out of range");
  return seconds;
}

static uv_loop_t *check_loop(lua_State *L, const char *function) {
  uv_loop_t *loop = saros->loop(saros->runtime(L));
  if (loop == NULL) luaL_error(L, "%s: no loop is running", function);
  return loop;
}

static uint64_t milliseconds(double seconds) {
  return (uint64_t)ceil(seconds * 1e3);
}

/* An empty box of class `name`, to be filled with memory from `new_memory`. [-0, +1, m] */
static void **push_box(lua_State *L, const char *name) {
  void **box = (void **)lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, name);
  return box;
}

static void *new_memory(lua_State *L, size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) luaL_error(L, "not enough memory");
  return memory;
}

/* --- alarm: a handle that stays open until it is closed ---------------------- */

#define ALARM "timer_module.alarm"

typedef struct Alarm {
  uv_timer_t timer;
  saros_wait wait;
  saros_resource resource;
  int owners;
  int is_closed;
} Alarm;

static void drop_alarm(Alarm *alarm) {
  if (--alarm->owners == 0) free(alarm);
}

static void on_alarm_closed(uv_handle_t *handle) {
  drop_alarm((Alarm *)handle->data);
}

static void close_alarm(Alarm *alarm) {
  if (alarm->is_closed) return;
  alarm->is_closed = 1;
  saros->resource_close(&alarm->resource);
  saros->close((uv_handle_t *)&alarm->timer, on_alarm_closed);
  saros->wake(&alarm->wait);
}

static void on_alarm_run_end(saros_resource *resource) {
  close_alarm(CONTAINER(resource, Alarm, resource));
}

static void on_alarm(uv_timer_t *timer) {
  saros->wake(&((Alarm *)timer->data)->wait);
}

static int abort_alarm(saros_wait *wait) {
  uv_timer_stop(&CONTAINER(wait, Alarm, wait)->timer);
  return 1;
}

static const saros_kind alarm_kind = {"alarm", abort_alarm};

static int raise_closed(lua_State *L) {
  saros->push_error(L, "ClosedError", "ECLOSED", "the %s is closed", "alarm");
  return lua_error(L);
}

static int k_alarm(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (saros->aborted(L)) return saros->raise(L);
  return ((Alarm *)ctx)->is_closed ? raise_closed(L) : 0;
}

/* alarm:wait(seconds) */
static int l_alarm_wait(lua_State *L) {
  Alarm *alarm = *(Alarm **)luaL_checkudata(L, 1, ALARM);
  double seconds = check_seconds(L, "wait", 2);
  saros->check(L, "wait");
  if (saros->cancelled(L)) return saros->raise(L);
  if (alarm == NULL || alarm->is_closed) return raise_closed(L);
  if (alarm->wait.task != NULL) {
    saros->push_error(L, "BusyError", "EBUSY", "another task waits for the alarm");
    return lua_error(L);
  }
  uv_update_time(alarm->timer.loop);
  uv_timer_start(&alarm->timer, on_alarm, milliseconds(seconds), 0);
  return saros->park(L, &alarm->wait, &alarm_kind, k_alarm, (lua_KContext)alarm);
}

/* alarm:close(). At lua_close other finalizers may call it when the box is empty already. */
static int l_alarm_close(lua_State *L) {
  Alarm *alarm = *(Alarm **)luaL_checkudata(L, 1, ALARM);
  if (alarm != NULL) close_alarm(alarm);
  return 0;
}

static int l_alarm_gc(lua_State *L) {
  Alarm **box = (Alarm **)lua_touserdata(L, 1);
  if (*box == NULL) return 0;
  if ((*box)->resource.owner != NULL) saros->collected(L, &(*box)->resource, "alarm");
  close_alarm(*box);
  drop_alarm(*box);
  *box = NULL;
  return 0;
}

/* alarm() */
static int l_alarm(lua_State *L) {
  uv_loop_t *loop = check_loop(L, "alarm");
  Alarm **box = (Alarm **)push_box(L, ALARM);
  Alarm *alarm = (Alarm *)new_memory(L, sizeof *alarm);
  *box = alarm;
  alarm->owners = 2;
  uv_timer_init(loop, &alarm->timer);
  alarm->timer.data = alarm;
  alarm->resource.name = "alarm";
  alarm->resource.on_run_end = on_alarm_run_end;
  saros->resource_open(L, &alarm->resource);
  return 1;
}

/* --- work: a request that goes on after its abort ---------------------------- */

#define WORK "timer_module.work"

typedef struct Work {
  uv_work_t request;
  saros_wait wait;
  uint64_t duration; /* in milliseconds */
  int owners;
} Work;

static atomic_int works_done; /* completions so far, late ones included */

static void drop_work(Work *work) {
  if (--work->owners == 0) free(work);
}

/* On a thread of libuv's pool. */
static void do_work(uv_work_t *request) {
  uv_sleep((unsigned)((Work *)request->data)->duration);
}

/* With one owner left the userdata is gone, and with it all that could wait. */
static void on_work_done(uv_work_t *request, int status) {
  Work *work = (Work *)request->data;
  (void)status;
  works_done++;
  if (work->owners == 2) saros->wake(&work->wait);
  drop_work(work);
}

static int abort_work(saros_wait *wait) {
  uv_cancel((uv_req_t *)&CONTAINER(wait, Work, wait)->request);
  return 1; /* on_work_done comes late, and finds nobody */
}

static const saros_kind work_kind = {"work", abort_work};

static void release_work(Work **box) {
  if (*box != NULL) drop_work(*box);
  *box = NULL;
}

static int l_work_gc(lua_State *L) {
  release_work((Work **)lua_touserdata(L, 1));
  return 0;
}

static int k_work(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  int is_aborted = saros->aborted(L);
  release_work((Work **)ctx);
  return is_aborted ? saros->raise(L) : 0;
}

/* work(seconds) */
static int l_work(lua_State *L) {
  double seconds = check_seconds(L, "work", 1);
  saros->check(L, "work");
  if (saros->cancelled(L)) return saros->raise(L);
  Work **box = (Work **)push_box(L, WORK);
  Work *work = (Work *)new_memory(L, sizeof *work);
  *box = work;
  work->owners = 2;
  work->request.data = work;
  work->duration = milliseconds(seconds);
  uv_queue_work(check_loop(L, "work"), &work->request, do_work, on_work_done);
  return saros->park(L, &work->wait, &work_kind, k_work, (lua_KContext)box);
}

/* works_done() */
static int l_works_done(lua_State *L) {
  lua_pushinteger(L, works_done);
  return 1;
}

/* --- labour: a thread that completes through uv_async ------------------------ */

#define LABOUR "timer_module.labour"

enum { CLEAN_UP = 10 }; /* milliseconds from being told to stop to the end */

typedef struct Labour {
  uv_async_t done;
  uv_thread_t thread;
  saros_wait wait;
  saros_resource resource; /* the thread has to be joined even where its task is closed by force */
  uint64_t duration;
  atomic_int stop;
  int is_running;
  int owners;
} Labour;

static atomic_int labours; /* threads not joined yet */

static void drop_labour(Labour *labour) {
  if (--labour->owners == 0) free(labour);
}

static void on_labour_closed(uv_handle_t *handle) {
  drop_labour((Labour *)handle->data);
}

/* On the thread: nothing but the async handle is used from here. */
static void run_thread(void *argument) {
  Labour *labour = (Labour *)argument;
  uint64_t end = uv_hrtime() + labour->duration * 1000000;
  while (!labour->stop && uv_hrtime() < end) uv_sleep(1);
  if (labour->stop) uv_sleep(CLEAN_UP);
  uv_async_send(&labour->done);
}

/* Blocks, if the thread has not come to its end by itself. */
static void end_labour(Labour *labour) {
  if (!labour->is_running) return;
  labour->is_running = 0;
  labour->stop = 1;
  uv_thread_join(&labour->thread);
  labours--;
  saros->resource_close(&labour->resource);
  saros->close((uv_handle_t *)&labour->done, on_labour_closed);
}

static void on_labour_run_end(saros_resource *resource) {
  end_labour(CONTAINER(resource, Labour, resource));
}

static void on_labour_done(uv_async_t *done) {
  Labour *labour = (Labour *)done->data;
  end_labour(labour);
  saros->wake(&labour->wait);
}

static int abort_labour(saros_wait *wait) {
  CONTAINER(wait, Labour, wait)->stop = 1;
  return 0; /* on_labour_done will wake */
}

static const saros_kind labour_kind = {"labour", abort_labour};

static void release_labour(Labour **box) {
  if (*box == NULL) return;
  end_labour(*box);
  drop_labour(*box);
  *box = NULL;
}

static int l_labour_gc(lua_State *L) {
  release_labour((Labour **)lua_touserdata(L, 1));
  return 0;
}

static int k_labour(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  int is_aborted = saros->aborted(L);
  release_labour((Labour **)ctx);
  if (is_aborted) return saros->raise(L);
  lua_pushliteral(L, "done");
  return 1;
}

static void start_labour(lua_State *L, Labour *labour, uv_loop_t *loop) {
  if (uv_async_init(loop, &labour->done, on_labour_done) != 0) luaL_error(L, "labour: cannot make a handle");
  labour->done.data = labour;
  labour->owners++;
  if (uv_thread_create(&labour->thread, run_thread, labour) != 0) {
    saros->close((uv_handle_t *)&labour->done, on_labour_closed);
    luaL_error(L, "labour: cannot start a thread");
  }
  labour->is_running = 1;
  labours++;
  saros->resource_open(L, &labour->resource);
}

/* labour(seconds) */
static int l_labour(lua_State *L) {
  double seconds = check_seconds(L, "labour", 1);
  saros->check(L, "labour");
  if (saros->cancelled(L)) return saros->raise(L);
  Labour **box = (Labour **)push_box(L, LABOUR);
  Labour *labour = (Labour *)new_memory(L, sizeof *labour);
  *box = labour;
  labour->owners = 1;
  labour->duration = milliseconds(seconds);
  labour->resource.on_run_end = on_labour_run_end; /* without a name: no leak of the user's */
  start_labour(L, labour, check_loop(L, "labour"));
  return saros->park(L, &labour->wait, &labour_kind, k_labour, (lua_KContext)box);
}

/* labours() */
static int l_labours(lua_State *L) {
  lua_pushinteger(L, labours);
  return 1;
}

/* --- errand: ends when it is told to, and not before -------------------------- */

/* One in the process at a time; nothing of it is on the loop. */
static saros_wait errand;
static lua_Integer errand_aborts;

static int abort_errand(saros_wait *wait) {
  (void)wait;
  errand_aborts++;
  return 0;
}

static const saros_kind errand_kind = {"errand", abort_errand};

static int k_errand(lua_State *L, int status, lua_KContext ctx) {
  (void)status, (void)ctx;
  return saros->aborted(L) ? saros->raise(L) : 0;
}

/* errand() */
static int l_errand(lua_State *L) {
  saros->check(L, "errand");
  if (saros->cancelled(L)) return saros->raise(L);
  memset(&errand, 0, sizeof errand);
  errand_aborts = 0;
  return saros->park(L, &errand, &errand_kind, k_errand, 0);
}

/* end_errand(): how often it was aborted. */
static int l_end_errand(lua_State *L) {
  saros->wake(&errand);
  lua_pushinteger(L, errand_aborts);
  return 1;
}

/* --- doze: a wait on the clock of saros ------------------------------------- */

/* libuv does not know it, so it may lie in the userdata itself. */
typedef struct Doze {
  saros_timer timer;
  saros_wait wait;
  saros_runtime *rt;
} Doze;

static void on_doze(saros_timer *timer) {
  saros->wake(&CONTAINER(timer, Doze, timer)->wait);
}

static int abort_doze(saros_wait *wait) {
  Doze *doze = CONTAINER(wait, Doze, wait);
  saros->timer_stop(doze->rt, &doze->timer);
  return 1;
}

static const saros_kind doze_kind = {"doze", abort_doze};

/* Returns the time it is. */
static int k_doze(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  if (saros->aborted(L)) return saros->raise(L);
  lua_pushnumber(L, saros->now(((Doze *)ctx)->rt));
  return 1;
}

/* doze(seconds) */
static int l_doze(lua_State *L) {
  double seconds = check_seconds(L, "doze", 1);
  saros->check(L, "doze");
  if (saros->cancelled(L)) return saros->raise(L);
  Doze *doze = (Doze *)lua_newuserdatauv(L, sizeof *doze, 0);
  memset(doze, 0, sizeof *doze);
  doze->rt = saros->runtime(L);
  doze->timer.on_fire = on_doze;
  if (!saros->timer_start(doze->rt, &doze->timer, seconds)) return luaL_error(L, "doze: not enough memory");
  return saros->park(L, &doze->wait, &doze_kind, k_doze, (lua_KContext)doze);
}

/* --- fuse: a timer for which nobody waits ------------------------------------ */

#define FUSE "timer_module.fuse"

typedef struct Fuse {
  saros_timer timer;
  saros_runtime *rt;
  int is_burnt;
} Fuse;

static void on_fuse(saros_timer *timer) {
  CONTAINER(timer, Fuse, timer)->is_burnt = 1;
}

/* fuse:light(seconds) */
static int l_fuse_light(lua_State *L) {
  Fuse *fuse = (Fuse *)luaL_checkudata(L, 1, FUSE);
  double seconds = check_seconds(L, "light", 2);
  check_loop(L, "light");
  if (!saros->timer_start(fuse->rt, &fuse->timer, seconds)) return luaL_error(L, "light: not enough memory");
  return 0;
}

/* fuse:burnt() */
static int l_fuse_burnt(lua_State *L) {
  lua_pushboolean(L, ((Fuse *)luaL_checkudata(L, 1, FUSE))->is_burnt);
  return 1;
}

/* fuse:close(), and the collector */
static int l_fuse_close(lua_State *L) {
  Fuse *fuse = (Fuse *)luaL_checkudata(L, 1, FUSE);
  saros->timer_stop(fuse->rt, &fuse->timer);
  return 0;
}

/* fuse() */
static int l_fuse(lua_State *L) {
  Fuse *fuse = (Fuse *)lua_newuserdatauv(L, sizeof *fuse, 0);
  memset(fuse, 0, sizeof *fuse);
  fuse->rt = saros->runtime(L);
  fuse->timer.on_fire = on_fuse;
  luaL_setmetatable(L, FUSE);
  return 1;
}

/* --- hop: woken by a handle of any kind ---------------------------------------- */

#define HOP "timer_module.hop"

typedef struct Hop {
  union {
    uv_handle_t any;
    uv_timer_t timer;
    uv_idle_t idle;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_async_t async;
  } handle;
  uv_async_t kick; /* for check: ends the poll before it */
  saros_wait wait;
  saros_timer timer; /* set by the callback, which then does not wake */
  saros_runtime *rt;
  double seconds; /* of that timer; below zero: none */
  int owners;     /* the userdata, and each handle until it is closed */
} Hop;

static void drop_hop(Hop *hop) {
  if (--hop->owners == 0) free(hop);
}

static void on_hop_closed(uv_handle_t *handle) {
  drop_hop((Hop *)handle->data);
}

static void close_hop(Hop *hop) {
  saros->timer_stop(hop->rt, &hop->timer);
  saros->close(&hop->handle.any, on_hop_closed);
  saros->close((uv_handle_t *)&hop->kick, on_hop_closed);
}

static void on_hop_timer(saros_timer *timer) {
  saros->wake(&CONTAINER(timer, Hop, timer)->wait);
}

/* Closes nothing: while a handle is being closed libuv does not block, whatever else is to be done. */
static void on_hop(Hop *hop) {
  if (hop->seconds < 0)
    saros->wake(&hop->wait);
  else
    saros->timer_start(hop->rt, &hop->timer, hop->seconds);
}

static void on_hop_by_timer(uv_timer_t *handle) {
  on_hop((Hop *)handle->data);
}

static void on_hop_by_idle(uv_idle_t *handle) {
  uv_idle_stop(handle);
  on_hop((Hop *)handle->data);
}

static void on_hop_by_prepare(uv_prepare_t *handle) {
  uv_prepare_stop(handle);
  on_hop((Hop *)handle->data);
}

static void on_hop_by_check(uv_check_t *handle) {
  uv_check_stop(handle);
  on_hop((Hop *)handle->data);
}

static void on_hop_by_async(uv_async_t *handle) {
  on_hop((Hop *)handle->data);
}

static void on_kick(uv_async_t *handle) {
  (void)handle;
}

static void start_hop(Hop *hop, uv_loop_t *loop, int kind) {
  uv_async_init(loop, &hop->kick, on_kick);
  uv_update_time(loop);
  switch (kind) {
  case 0: uv_timer_init(loop, &hop->handle.timer), uv_timer_start(&hop->handle.timer, on_hop_by_timer, 0, 0); break;
  case 1: uv_idle_init(loop, &hop->handle.idle), uv_idle_start(&hop->handle.idle, on_hop_by_idle); break;
  case 2: uv_prepare_init(loop, &hop->handle.prepare), uv_prepare_start(&hop->handle.prepare, on_hop_by_prepare); break;
  case 3: uv_check_init(loop, &hop->handle.check), uv_check_start(&hop->handle.check, on_hop_by_check); break;
  default: uv_async_init(loop, &hop->handle.async, on_hop_by_async), uv_async_send(&hop->handle.async);
  }
  hop->handle.any.data = hop->kick.data = hop;
  if (kind == 3) uv_async_send(&hop->kick);
}

static int abort_hop(saros_wait *wait) {
  close_hop(CONTAINER(wait, Hop, wait));
  return 1;
}

static const saros_kind hop_kind = {"hop", abort_hop};

static int l_hop_gc(lua_State *L) {
  Hop **box = (Hop **)lua_touserdata(L, 1);
  if (*box == NULL) return 0;
  close_hop(*box);
  drop_hop(*box);
  *box = NULL;
  return 0;
}

static int k_hop(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  int is_aborted = saros->aborted(L);
  close_hop(*(Hop **)ctx);
  return is_aborted ? saros->raise(L) : 0;
}

/* hop(kind [, seconds]): woken by a callback of that kind, or by a timer of saros that the callback sets. */
static int l_hop(lua_State *L) {
  static const char *const kinds[] = {"timer", "idle", "prepare", "check", "async", NULL};
  int kind = luaL_checkoption(L, 1, NULL, kinds);
  double seconds = lua_isnoneornil(L, 2) ? -1 : check_seconds(L, "hop", 2);
  saros->check(L, "hop");
  if (saros->cancelled(L)) return saros->raise(L);
  Hop **box = (Hop **)push_box(L, HOP);
  Hop *hop = (Hop *)new_memory(L, sizeof *hop);
  *box = hop;
  hop->rt = saros->runtime(L);
  hop->seconds = seconds;
  hop->timer.on_fire = on_hop_timer;
  hop->owners = 3;
  start_hop(hop, check_loop(L, "hop"), kind);
  return saros->park(L, &hop->wait, &hop_kind, k_hop, (lua_KContext)box);
}

/* --- ready: an await that has its results at hand ----------------------------- */

/* ready(...) */
static int l_ready(lua_State *L) {
  saros->check(L, "ready");
  if (saros->cancelled(L)) return saros->raise(L);
  return saros->ready(L, lua_gettop(L));
}

/* --- the module -------------------------------------------------------------- */

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  if (close != NULL) {
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__close");
  }
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

SAROS_EXPORT int luaopen_timer_module(lua_State *L);

int luaopen_timer_module(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"alarm", l_alarm},     {"work", l_work},     {"works_done", l_works_done}, {"labour", l_labour},
      {"labours", l_labours}, {"errand", l_errand}, {"end_errand", l_end_errand}, {"doze", l_doze},
      {"fuse", l_fuse},       {"hop", l_hop},       {"ready", l_ready},           {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg alarm[] = {{"wait", l_alarm_wait}, {"close", l_alarm_close}, {NULL, NULL}};
  static const luaL_Reg fuse[] = {
      {"light", l_fuse_light}, {"burnt", l_fuse_burnt}, {"close", l_fuse_close}, {NULL, NULL}};
  saros = saros_open(L);
  new_class(L, ALARM, alarm, l_alarm_close, l_alarm_gc);
  new_class(L, WORK, none, NULL, l_work_gc);
  new_class(L, LABOUR, none, NULL, l_labour_gc);
  new_class(L, HOP, none, NULL, l_hop_gc);
  new_class(L, FUSE, fuse, l_fuse_close, l_fuse_close);
  luaL_newlib(L, functions);
  return 1;
}
