/* SPDX-License-Identifier: MIT */
/*
** Names to addresses and back. A cancelled look-up is left behind at once; its thread ends by itself.
*/
#include <string.h>

#include "io/failure.h"
#include "net/net.h"
#include "net/resolver.h"

/* The task's share of a look-up, a userdata on its stack. */
typedef struct Question {
  const SrIoClass *cls;
  saros_wait wait;
  saros_resource resource; /* the run may end with it */
  SrNetLookup *lookup;     /* NULL: let go of */
} Question;

static const SrIoClass question_class = {"question"};

/* The frame: (the name or address, options or nil, the question). */
enum { NAME = 1, OPTIONS, QUESTION };

static void let_go(Question *question) {
  if (question->lookup != NULL) sr_net_lookup_drop(question->lookup);
  question->lookup = NULL;
  sr_io_saros->resource_close(&question->resource);
}

static void on_run_end(saros_resource *resource) {
  let_go(SR_IO_CONTAINER(resource, Question, resource));
}

static void on_done(SrNetLookup *lookup) {
  sr_io_saros->wake(&((Question *)lookup->owner)->wait);
}

static int abort_question(saros_wait *wait) {
  let_go(SR_IO_CONTAINER(wait, Question, wait));
  return 1;
}

static const saros_kind lookup_kind = {"address of a name", abort_question};

/* --- what went wrong ------------------------------------------------------------------- */

/* Pushes the error. The results of a look-up are one value, be it an error. */
static void push_failure(lua_State *L, const SrNetLookup *lookup, const char *syscall) {
  sr_io_saros->push_error(L, "SystemError", sr_net_lookup_code(lookup), "%s %s: %s", syscall, lua_tostring(L, NAME),
                          lookup->result == EAI_MEMORY ? "not enough memory" : gai_strerror(lookup->result));
  lua_pushstring(L, syscall);
  lua_setfield(L, -2, "syscall");
  lua_pushvalue(L, NAME);
  lua_setfield(L, -2, "host");
}

/* --- resolve ----------------------------------------------------------------------------- */

/* Appends {address =, family =} to the list on top. */
static void add_address(lua_State *L, const SrIoAddress *address) {
  lua_createtable(L, 0, 2);
  sr_io_push_sockaddr(L, &address->any);
  lua_pop(L, 1);
  lua_setfield(L, -2, "address");
  lua_pushinteger(L, address->any.sa_family == AF_INET6 ? 6 : 4);
  lua_setfield(L, -2, "family");
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

/* Pushes the answer, or an error: false. */
static bool push_answer(lua_State *L, SrNetLookup *lookup) {
  bool is_name = lookup->name != NULL;
  if (is_name && lookup->result == 0 && lookup->count == 0) lookup->result = EAI_NONAME;
  if (lookup->result != 0) return push_failure(L, lookup, is_name ? "getaddrinfo" : "getnameinfo"), false;
  if (!is_name) return lua_pushstring(L, lookup->found), true;
  lua_createtable(L, (int)lookup->count, 0);
  for (size_t i = 0; i < lookup->count; i++) add_address(L, &lookup->addresses[i]);
  return true;
}

static int k_lookup(lua_State *L, int status, lua_KContext ctx) {
  Question *question = (Question *)ctx;
  (void)status;
  if (sr_io_saros->aborted(L)) return sr_io_saros->raise(L);
  bool ok = push_answer(L, question->lookup);
  let_go(question);
  return ok ? 1 : lua_error(L);
}

/* Asks and waits. The frame has name and options. */
static int ask(lua_State *L, const char *function, int family, const SrIoAddress *address) {
  int status;
  uv_loop_t *loop = sr_net_check_loop(L, function);
  Question *question = (Question *)sr_io_new(L, &question_class, sizeof *question, 0);
  question->lookup = sr_net_lookup(loop, address == NULL ? lua_tostring(L, NAME) : NULL, family, address, &status);
  if (question->lookup == NULL) return sr_io_push_system(L, status, function), lua_error(L);
  question->resource.on_run_end = on_run_end;
  sr_io_saros->resource_open(L, &question->resource);
  question->lookup->owner = question;
  question->lookup->on_done = on_done;
  return sr_io_saros->park(L, &question->wait, &lookup_kind, k_lookup, (lua_KContext)question);
}

/* resolve(name, family or nil) gives a list. */
int sr_net_resolve(lua_State *L) {
  SrIoAddress address;
  lua_settop(L, OPTIONS);
  lua_Integer number = lua_tointeger(L, OPTIONS);
  int family = number == 4 ? AF_INET : number == 6 ? AF_INET6 : AF_UNSPEC;
  sr_io_saros->check(L, "resolve");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  if (sr_net_parse(luaL_checkstring(L, NAME), &address) && (family == AF_UNSPEC || family == address.any.sa_family)) {
    lua_createtable(L, 1, 0);
    add_address(L, &address);
    return sr_io_saros->ready(L, 1);
  }
  return ask(L, "resolve", family, NULL);
}

/* reverse(address) gives a name. */
int sr_net_reverse(lua_State *L) {
  SrIoAddress address;
  lua_settop(L, OPTIONS);
  sr_net_parse(luaL_checkstring(L, NAME), &address);
  sr_io_saros->check(L, "reverse");
  if (sr_io_saros->cancelled(L)) return sr_io_saros->raise(L);
  return ask(L, "reverse", AF_UNSPEC, &address);
}

static int l_gc(lua_State *L) {
  Question *question = (Question *)sr_io_test(L, 1, &question_class);
  if (question != NULL) let_go(question);
  return 0;
}

void sr_net_open_resolve(lua_State *L) {
  static const luaL_Reg methods[] = {{NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", l_gc}, {NULL, NULL}};
  sr_io_class(L, &question_class, methods, meta);
}
