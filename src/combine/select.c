/* SPDX-License-Identifier: MIT */
/*
** select: waits for the first of several things, and takes from that one alone.
**
** It stands in the line of each object, with an arm of its own. Whoever hands something over to the oldest in a line
** may find an arm there: that is claimed, and with it the whole select, as all other arms leave their lines at the same
** moment.
**
** Invariants: of the arms of a select that waits each stands in the line of its object, of one that was claimed or
** aborted none. What `give` needs was made before the wait, so nothing can fail once something was handed over.
*/
#include "combine/combine.h"
#include "runtime/error.h"

typedef struct Select Select;

typedef struct Arm {
  SrWaiter waiter; /* in the ring of the object */
  Select *select;
  void *object;
  const SrSelectable *how;
} Arm;

struct Select {
  SrObject head;
  SrTask *task; /* while it waits, else NULL */
  uint32_t total;
  uint32_t winner; /* the arm that was taken from, from 1; 0: none yet */
  Arm arms[];
};

/* The frame. */
enum {
  SELECT_OBJECT = 1, /* at which is looked now, or the winner */
  SELECT_LIST,       /* the objects, and behind them what was prepared for each */
  SELECT_SELF
};

enum { MAX_ATTEMPTS = 16 };

static const SrClass select_class = {.name = "select"};

/* --- arms ------------------------------------------------------------------- */

static SrWaiter **ring_of(const Arm *arm) {
  return (SrWaiter **)(void *)((char *)arm->object + arm->how->kind->ring);
}

/* Each arm leaves its line but for `claimed`, which has been taken out of it. */
static void withdraw(Select *select, const Arm *claimed) {
  for (uint32_t i = 0; i < select->total; i++)
    if (&select->arms[i] != claimed) sr_ring_remove(ring_of(&select->arms[i]), &select->arms[i].waiter);
  select->task = NULL;
}

static SrTask *claim(SrWaiter *waiter) {
  Arm *arm = SR_CONTAINER(waiter, Arm, waiter);
  Select *select = arm->select;
  SrTask *t = select->task;
  select->winner = (uint32_t)(arm - select->arms) + 1;
  withdraw(select, arm);
  return t;
}

/* A task or a future has ended. */
static void on_ended(lua_State *L, SrWaiter *waiter, SrFuture *target) {
  (void)L, (void)target;
  sr_wake(claim(waiter));
}

static const SrKind arm_kind = {.name = "select", .ended = on_ended, .claim = claim};

/* --- check, new ------------------------------------------------------------- */

/* The coroutine of its task was closed from outside while it waited: nobody else keeps the arms. */
static int l_collect(lua_State *L) {
  Select *select = (Select *)sr_test(L, 1, &select_class);
  if (select != NULL && select->task != NULL) withdraw(select, NULL);
  return 0;
}

/* Tasks and futures stand so far down that they cannot know of it themselves. */
static const SrSelectable *selectable_of(const SrObject *object) {
  bool is_future = object->cls == &sr_task_class || object->cls == &sr_future_class;
  return is_future ? &sr_future_selectable : object->cls->selectable;
}

/* How the value at `index` is selected from, or NULL. */
static const SrSelectable *test_selectable(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) < sizeof(SrObject)) return NULL;
  const SrObject *object = (const SrObject *)lua_touserdata(L, index);
  if (!lua_getmetatable(L, index)) return NULL;
  sr_push_meta(L, object->cls); /* nil if the userdata is none of ours */
  bool is_ours = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_ours ? selectable_of(object) : NULL;
}

static void check_item(lua_State *L, lua_Integer number) {
  if (lua_isnil(L, -1)) sr_list_error(L, "select", 1);
  if (test_selectable(L, -1) != NULL) return;
  sr_arg_error(L, "select", 1, "item %I: queue, semaphore, lock, event, task, future or signals expected, got %s",
               (LUAI_UACINT)number, luaL_typename(L, -1));
}

/* Checks the list at index 1 and arranges the frame: the caller's list may change while it waits. [-1, +3, v] */
static Select *new_select(lua_State *L, uint32_t total) {
  lua_createtable(L, (int)total, 0);
  for (lua_Integer i = 1; i <= (lua_Integer)total; i++) {
    lua_rawgeti(L, 1, i);
    check_item(L, i);
    lua_rawseti(L, SELECT_LIST, i);
  }
  Select *select = (Select *)sr_new_object(L, &select_class, sizeof(Select) + total * sizeof(Arm), 1);
  lua_pushvalue(L, SELECT_LIST);
  lua_setiuservalue(L, SELECT_SELF, 1);
  return select;
}

static void push_object(lua_State *L, uint32_t index) {
  lua_rawgeti(L, SELECT_LIST, (lua_Integer)index + 1);
  lua_replace(L, SELECT_OBJECT);
}

/* Finalizers run. */
static void prepare(lua_State *L, Select *select, uint32_t total) {
  for (uint32_t i = 0; i < total; i++) {
    Arm *arm = &select->arms[i];
    push_object(L, i);
    arm->object = lua_touserdata(L, SELECT_OBJECT);
    arm->how = selectable_of((const SrObject *)arm->object);
    arm->select = select;
    arm->waiter.kind = &arm_kind;
    if (arm->how->prepare == NULL) continue;
    arm->how->prepare(L);
    lua_rawseti(L, SELECT_LIST, (lua_Integer)total + i + 1);
  }
  select->total = total;
}

/* --- taking ----------------------------------------------------------------- */

/* Pushes the index of the winner and what it gave; returns their number, or raises the error of a failed task. */
static int give(lua_State *L, SrTask *t, const Select *select) {
  uint32_t index = select->winner - 1;
  const Arm *arm = &select->arms[index];
  push_object(L, index);
  if (arm->how->prepare != NULL) lua_rawgeti(L, SELECT_LIST, (lua_Integer)select->total + index + 1);
  int count = arm->how->give(L, t, arm->object);
  lua_pushinteger(L, (lua_Integer)index + 1);
  lua_insert(L, -(count + 1));
  return count + 1;
}

/* Takes from the first that has something. */
static SrTaking take(lua_State *L, SrTask *t, Select *select) {
  SrTaking taking = SR_NOTHING;
  for (uint32_t i = 0; i < select->total && taking == SR_NOTHING; i++) {
    const Arm *arm = &select->arms[i];
    push_object(L, i);
    taking = arm->how->take(L, t, arm->object);
    if (taking == SR_TAKEN) select->winner = i + 1;
  }
  return taking;
}

/* Raises if it could only wait for ever: each arm waits for a task that waits for this one. */
static void check_cycle(lua_State *L, SrTask *t, const Select *select) {
  SrTask *first = NULL;
  if (sr_scope_has_deadline(t->current)) return;
  for (uint32_t i = 0; i < select->total; i++) {
    const Arm *arm = &select->arms[i];
    SrTask *awaited = arm->how->awaited != NULL ? arm->how->awaited(arm->object) : NULL;
    if (awaited == NULL || !sr_waits_for(awaited, t)) return;
    if (first == NULL) first = awaited;
  }
  sr_raise_cycle(L, t, first);
}

static void check_arms(lua_State *L, SrTask *t, const Select *select) {
  for (uint32_t i = 0; i < select->total; i++) {
    const Arm *arm = &select->arms[i];
    if (arm->how->check != NULL) arm->how->check(L, t, arm->object);
  }
}

/* --- waiting ---------------------------------------------------------------- */

static bool abort_select(SrTask *t) {
  withdraw((Select *)t->object, NULL);
  return true;
}

/* What was handed over is passed on as if the task had waited for that object alone. */
static void undo_select(lua_State *L, SrTask *t) {
  const Select *select = (const Select *)t->object;
  const Arm *arm = &select->arms[select->winner - 1];
  push_object(t->co, select->winner - 1);
  t->object = arm->object;
  if (arm->how->kind->undo != NULL) arm->how->kind->undo(L, t);
}

static const SrKind select_kind = {.name = "select", .abort = abort_select, .undo = undo_select};

static int k_select(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  SrTask *t = (SrTask *)ctx;
  if (!sr_was_woken(L, t)) return sr_throw(L, t);
  return give(L, t, (const Select *)lua_touserdata(L, SELECT_SELF));
}

static int wait(lua_State *L, SrTask *t, Select *select) {
  check_cycle(L, t, select);
  select->task = t;
  for (uint32_t i = 0; i < select->total; i++) sr_ring_append(ring_of(&select->arms[i]), &select->arms[i].waiter);
  return sr_park(L, t, &select_kind, select, k_select);
}

/* select(list): the index of the first that has something, and what it gave. Waits, and takes from no other. */
static int l_select(lua_State *L) {
  lua_Integer total = sr_check_list(L, "select", 1, 1, NULL);
  if (total == 0) return sr_arg_error(L, "select", 1, "the list is empty: nothing can come");
  if (total > INT32_MAX / 2) return luaL_error(L, "select: too many items");
  lua_settop(L, 1);
  Select *select = new_select(L, (uint32_t)total);
  SrTask *t = sr_check_wait(L, "select");
  prepare(L, select, (uint32_t)total);
  for (int attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
    if (sr_is_cancelled(t)) return sr_raise(L, t);
    check_arms(L, t, select);
    switch (take(L, t, select)) {
    case SR_NOTHING: return wait(L, t, select);
    case SR_TAKEN: return sr_is_spent(t) ? sr_turn(L, t, k_select, (lua_KContext)t) : give(L, t, select);
    case SR_CHANGED: break;
    }
  }
  return luaL_error(L, "select: a queue was changed while its items were compared");
}

void sr_open_select(lua_State *L) {
  static const luaL_Reg functions[] = {{"select", l_select}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_collect}, {NULL, NULL}};
  sr_set_functions(L, functions);
  sr_push_class(L, &select_class, none, meta);
  lua_pop(L, 1);
}
