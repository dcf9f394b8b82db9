/* SPDX-License-Identifier: MIT */
/* Standard input, output and error as streams, of which there is one each as long as nobody closes it. */
#include "process/process.h"

static void on_run_end(saros_resource *resource) {
  SrProcessContext *context = SR_IO_CONTAINER(resource, SrProcessContext, run);
  context->runs++;
}

/* Notes the end of the present run. */
static void watch_run(lua_State *L, SrProcessContext *context) {
  context->run.on_run_end = on_run_end;
  if (context->run.owner == NULL && sr_io_saros->loop(context->runtime) != NULL)
    sr_io_saros->resource_open(L, &context->run);
}

enum { NUMBER = 1, STREAMS, STREAM };

/* Pushes the table of streams of this state, by number from 1 on. [-0, +1, m] */
static void push_streams(lua_State *L) {
  static const char key = 0;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TNIL) return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

/* Whether the stream is of use, or was closed in this very run. */
static bool is_current(lua_State *L, const SrProcessContext *context, int number) {
  saros_stream *stream = sr_process_streams->test(L, STREAM);
  if (stream == NULL) return false;
  return !sr_process_streams->is_closed(stream) || context->closed_in[number] == context->runs;
}

/* standard(number): the stream; one that was closed in a former run is made anew. */
int sr_process_l_standard(lua_State *L) {
  int number = (int)luaL_checkinteger(L, NUMBER);
  SrProcessContext *context = sr_process_context(L);
  watch_run(L, context);
  lua_settop(L, NUMBER);
  push_streams(L);
  lua_rawgeti(L, STREAMS, number + 1);
  if (is_current(L, context, number)) return 1;
  saros_transport *transport = sr_process_standard_transport(context, number);
  if (transport == NULL) return luaL_error(L, "not enough memory");
  sr_process_streams->open(L, transport);
  lua_pushvalue(L, -1);
  lua_rawseti(L, STREAMS, number + 1);
  return 1;
}
