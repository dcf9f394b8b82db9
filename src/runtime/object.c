/* SPDX-License-Identifier: MIT */
/* Classes of userdata, and arguments checked by name: see object.h. */
#include "runtime/object.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "runtime/place.h"

int sr_self_error(lua_State *L, const SrClass *cls, const char *function) {
  return luaL_error(L, "calling '%s' on bad self (%s expected, got %s; call it with a colon)", function, cls->name,
                    luaL_typename(L, 1));
}

int sr_arg_error(lua_State *L, const char *function, int arg, const char *format, ...) {
  va_list args;
  va_start(args, format);
  sr_push_position(L);
  lua_pushfstring(L, "bad argument #%d to '%s' (", arg, function);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_pushliteral(L, ")");
  lua_concat(L, 4);
  return lua_error(L);
}

/* Pushes what messages call a value: the name of its class, or its type. */
static const char *push_kind(lua_State *L, int index) {
  if (lua_isnone(L, index)) return lua_pushliteral(L, "no value");
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
  return lua_pushstring(L, luaL_typename(L, index));
}

int sr_type_error(lua_State *L, const char *function, int index, int arg, const char *expected) {
  index = lua_absindex(L, index);
  return sr_arg_error(L, function, arg, "%s expected, got %s", expected, push_kind(L, index));
}

void sr_check_function(lua_State *L, const char *function, int index, int arg) {
  if (!lua_isfunction(L, index)) sr_type_error(L, function, index, arg, "function");
}

void sr_check_table(lua_State *L, const char *function, int index, int arg) {
  if (!lua_istable(L, index)) sr_type_error(L, function, index, arg, "table");
}

lua_Integer sr_check_integer(lua_State *L, const char *function, int index, int arg, lua_Integer least) {
  int is_integer;
  lua_Integer value = lua_tointegerx(L, index, &is_integer);
  if (!is_integer || lua_type(L, index) != LUA_TNUMBER) {
    if (lua_type(L, index) == LUA_TNUMBER) sr_arg_error(L, function, arg, "number has no integer representation");
    sr_type_error(L, function, index, arg, "integer");
  }
  if (value < least)
    sr_arg_error(L, function, arg, "must be at least %I, got %I", (LUAI_UACINT)least, (LUAI_UACINT)value);
  return value;
}

double sr_check_seconds(lua_State *L, const char *function, int index, int arg) {
  if (lua_type(L, index) != LUA_TNUMBER) sr_type_error(L, function, index, arg, "number");
  double seconds = (double)lua_tonumber(L, index);
  if (seconds != seconds) sr_arg_error(L, function, arg, "seconds must not be NaN");
  return seconds < 0 ? 0 : seconds;
}

double sr_check_deadline(lua_State *L, const char *function, int index, int arg) {
  return lua_isnoneornil(L, index) ? HUGE_VAL : sr_check_seconds(L, function, index, arg);
}

static bool is_known(const char *name, const char *const *known) {
  for (; *known != NULL; known++)
    if (strcmp(*known, name) == 0) return true;
  return false;
}

/* --- what was meant --------------------------------------------------------- */

/* Longer names are compared with none. */
enum { MAX_NAME = 40 };

static int least(int a, int b) {
  return a < b ? a : b;
}

/* How many letters to add, drop, change or swap with the next one make `b` of `a`. */
static int distance(const char *a, const char *b) {
  int rows[3][MAX_NAME + 1], *before = rows[0], *above = rows[1], *row = rows[2];
  int length = (int)strlen(b);
  for (int j = 0; j <= length; j++) above[j] = j;
  for (int i = 1; a[i - 1] != '\0'; i++) {
    row[0] = i;
    for (int j = 1; j <= length; j++) {
      row[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = least(row[j], before[j - 2] + 1);
    }
    int *spare = before;
    before = above;
    above = row;
    row = spare;
  }
  return above[length];
}

bool sr_is_similar(const char *name, const char *known, int *best) {
  size_t length = strlen(name);
  if (length > MAX_NAME || strlen(known) > MAX_NAME) return false;
  int found = distance(name, known);
  if (found >= *best || found > 1 + (int)length / 4) return false;
  *best = found;
  return true;
}

/* Options of other libraries, and what they are called here. */
static const char *const other_names[][2] = {
    {"return_exceptions", "return_errors"},
    {"concurrency", "limit"},
    {"max_concurrency", "limit"},
    {"workers", "limit"},
    {"max_workers", "limit"},
    {"seconds", "timeout"},
    {"progress", "on_progress"},
    {"threshold", "slow"},
};

/* The option that was probably meant, or NULL. */
static const char *nearest(const char *name, const char *const *known) {
  const char *found = NULL;
  int best = MAX_NAME;
  for (size_t i = 0; i < sizeof other_names / sizeof other_names[0]; i++)
    if (strcmp(other_names[i][0], name) == 0 && is_known(other_names[i][1], known)) return other_names[i][1];
  for (; *known != NULL; known++)
    if (sr_is_similar(name, *known, &best)) found = *known;
  return found;
}

static void refuse_option(lua_State *L, const char *function, int arg, const char *const *known) {
  const char *name = luaL_tolstring(L, -1, NULL), *meant = nearest(name, known);
  if (meant != NULL) sr_arg_error(L, function, arg, "unknown option '%s' (did you mean '%s'?)", name, meant);
  sr_arg_error(L, function, arg, "unknown option '%s'", name);
}

/* Of several names that are equally near it takes the first in the alphabet, so that the answer is always the same. */
int sr_l_nearest(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  int best = MAX_NAME;
  lua_settop(L, 2);
  lua_pushnil(L);
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) continue;
    int nearer = best, as_near = best + 1;
    bool is_nearer = sr_is_similar(name, lua_tostring(L, -1), &nearer);
    bool is_first = !is_nearer && sr_is_similar(name, lua_tostring(L, -1), &as_near) && lua_compare(L, -1, 3, LUA_OPLT);
    best = nearer;
    if (!is_nearer && !is_first) continue;
    lua_pushvalue(L, -1);
    lua_replace(L, 3);
  }
  lua_settop(L, 3);
  return 1;
}

void sr_check_options(lua_State *L, const char *function, int index, int arg, const char *const *known) {
  if (lua_isnoneornil(L, index)) return;
  sr_check_table(L, function, index, arg);
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TNUMBER) sr_arg_error(L, function, arg, "table of options expected, got a list");
    if (lua_type(L, -1) != LUA_TSTRING || !is_known(lua_tostring(L, -1), known)) refuse_option(L, function, arg, known);
  }
}

/* --- lists ------------------------------------------------------------------ */

/* Raises that a table is no list, for it has the key on top. */
static void refuse_key(lua_State *L, const char *function, int index, int arg, const char *const *known) {
  int key = lua_gettop(L);
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) sr_type_error(L, function, index, arg, "list");
  if (lua_type(L, key) != LUA_TSTRING)
    sr_arg_error(L, function, arg, "list expected, got a table with the key %s", luaL_tolstring(L, key, NULL));
  const char *name = lua_tostring(L, key);
  sr_arg_error(L, function, arg, "list expected, got a table with the key '%s'%s", name,
               known != NULL && is_known(name, known) ? " (options are an argument of their own)" : "");
}

/* Whether the metatable of an empty table says that what it holds is elsewhere: that would be lost. */
static bool is_proxy(lua_State *L, int index) {
  int top = lua_gettop(L);
  bool is = luaL_getmetafield(L, index, "__len") != LUA_TNIL || luaL_getmetafield(L, index, "__pairs") != LUA_TNIL;
  lua_settop(L, top);
  return is;
}

/* The number of items a list says it has, -1 if it says nothing. */
static lua_Integer given_length(lua_State *L, int index) {
  lua_pushliteral(L, "n");
  lua_rawget(L, index);
  lua_Integer n = lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 0 ? lua_tointeger(L, -1) : -1;
  lua_pop(L, 1);
  return n;
}

/* Looks at every key; returns the number of items. */
static lua_Integer check_keys(lua_State *L, const char *function, int index, int arg, const char *const *known) {
  lua_Integer n = given_length(L, index), total = n >= 0 ? n : (lua_Integer)lua_rawlen(L, index), count = 0;
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
    if (key >= 1 && key <= total)
      count++;
    else if (n < 0 || lua_type(L, -1) != LUA_TSTRING || strcmp(lua_tostring(L, -1), "n") != 0)
      refuse_key(L, function, index, arg, known);
  }
  if (count < total && n < 0) sr_list_error(L, function, arg);
  return total;
}

/* The items whose keys are looked at, of a list that is none of the short ones. */
enum { LAST_ITEMS = 4, SHORT_LIST = 8 };

/*
** Whether a table of `total` items is seen to be a list at a glance: lua_next gives what is in the array in order,
** and then all the rest, so nothing may come after the last item. That the last few follow one another tells that
** they are in the array, or as good as.
*/
static bool is_plain(lua_State *L, int index, lua_Integer total) {
  lua_Integer key = total > SHORT_LIST ? total - LAST_ITEMS : 0;
  if (key == 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, key);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    if (lua_tointeger(L, -1) == ++key && key <= total && lua_isinteger(L, -1)) continue;
    lua_pop(L, 1);
    return false;
  }
  return key == total;
}

int sr_list_error(lua_State *L, const char *function, int arg) {
  return sr_arg_error(L, function, arg, "list expected, got a table with holes");
}

lua_Integer sr_check_list(lua_State *L, const char *function, int index, int arg, const char *const *known) {
  if (!lua_istable(L, index) || luaL_getmetafield(L, index, "__call") != LUA_TNIL)
    sr_type_error(L, function, index, arg, "list");
  lua_Integer total = (lua_Integer)lua_rawlen(L, index);
  if (!is_plain(L, index, total)) total = check_keys(L, function, index, arg, known);
  if (total == 0 && is_proxy(L, index))
    sr_arg_error(L, function, arg, "list expected, got a table with __len or __pairs");
  return total;
}

void sr_push_function(lua_State *L, lua_CFunction function) {
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  lua_pushcclosure(L, function, SR_UP_COUNT);
}

void sr_set_functions(lua_State *L, const luaL_Reg *functions) {
  for (int i = 1; i <= SR_UP_COUNT; i++) lua_pushvalue(L, lua_upvalueindex(i));
  luaL_setfuncs(L, functions, SR_UP_COUNT);
}

static int count(const luaL_Reg *functions) {
  int n = 0;
  while (functions != NULL && functions[n].name != NULL) n++;
  return n;
}

void sr_fill_class(lua_State *L, const SrClass *cls, const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_pushstring(L, cls->name);
  lua_setfield(L, -2, "__name");
  lua_createtable(L, 0, count(methods));
  sr_set_functions(L, methods);
  lua_setfield(L, -2, "__index");
  if (meta != NULL) sr_set_functions(L, meta);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, cls);
}

void sr_push_class(lua_State *L, const SrClass *cls, const luaL_Reg *methods, const luaL_Reg *meta) {
  lua_createtable(L, 0, count(meta) + 2);
  sr_fill_class(L, cls, methods, meta);
}

void sr_push_meta(lua_State *L, const SrClass *cls) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, cls);
}

void *sr_new_object(lua_State *L, const SrClass *cls, size_t size, int values) {
  SrObject *object = (SrObject *)lua_newuserdatauv(L, size, values);
  memset(object, 0, size);
  object->cls = cls;
  sr_push_meta(L, cls);
  lua_setmetatable(L, -2);
  return object;
}
