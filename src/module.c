/* SPDX-License-Identifier: MIT */
/* saros.core: the registration tables and the order of init, nothing else. */
#include "base/resident.h"
#include "combine/combine.h"
#include "runtime/compiled.h"
#include "runtime/coroutine_library.h"
#include "runtime/debug.h"
#include "runtime/entry.h"
#include "runtime/error_methods.h"
#include "runtime/failure.h"
#include "runtime/inquiry.h"
#include "runtime/interrupt.h"
#include "runtime/lazy.h"
#include "runtime/locals.h"
#include "runtime/place.h"
#include "runtime/record.h"
#include "runtime/runtime.h"
#include "runtime/task_methods.h"
#include "runtime/testing.h"
#include "sync/sync.h"

static const luaL_Reg runtime_functions[] = {
    {"run", sr_l_run},
    {"sleep", sr_l_sleep},
    {"now", sr_l_now},
    {"spawn", sr_l_spawn},
    {"current_task", sr_l_current_task},
    {"all_tasks", sr_l_all_tasks},
    {"is_error", sr_l_is_error},
    {"error", sr_l_error},
    {"pcall", sr_l_pcall},
    {"catch", sr_l_catch},
    {"tree", sr_l_tree},
    {"on_error", sr_l_on_error},
    {"debug", sr_l_debug},
    {NULL, NULL},
};

/* For the Lua half of saros alone. */
static const luaL_Reg internal_functions[] = {
    {"entry", sr_l_entry_of},
    {"given", sr_l_given},
    {"nearest", sr_l_nearest},
    {"misuse", sr_l_misuse},
    {"place", sr_l_place},
    {"account", sr_l_account},
    {"group_message", sr_l_group_message},
    {"list", sr_l_list},
    {"map_source", sr_l_map_source},
    {"locals", sr_l_locals},
    {"set_locals", sr_l_set_locals},
    {"collected", sr_l_collected},
    {"report", sr_l_report},
    {"wait_in_generator", sr_l_wait_in_generator},
    {"schedule", sr_l_schedule},
    {"adopt_loop", sr_l_adopt_loop},
    {"uv_version", sr_l_uv_version},
    {"interrupt_again", sr_l_interrupt_again},
    {"answer_signal", sr_l_answer_signal},
    {"record", sr_l_record},
    {"spawned_at", sr_l_spawned_at},
    {"tree_rows", sr_l_tree_rows},
    {"test_run", sr_l_test_run},
    {"test_limit", sr_l_test_limit},
    {"settle", sr_l_settle},
    {NULL, NULL},
};

/* Fields of saros that other modules give. */
static const SrLazy lazy_fields[] = {
    {"fetch", "saros.http", SR_LAZY_FIELD, 0},
    {"get", "saros.http", SR_LAZY_FIELD, 0},
    {"post", "saros.http", SR_LAZY_FIELD, 0},
    {"put", "saros.http", SR_LAZY_FIELD, 0},
    {"patch", "saros.http", SR_LAZY_FIELD, 0},
    {"delete", "saros.http", SR_LAZY_FIELD, 0},
    {"head", "saros.http", SR_LAZY_FIELD, 0},
    {"options", "saros.http", SR_LAZY_FIELD, 0},
    {"session", "saros.http", SR_LAZY_FIELD, 0},
    {"fs", "saros.fs", SR_LAZY_MODULE, 0},
    {"http", "saros.http.server", SR_LAZY_MODULE, 0},
    {"json", "saros.json", SR_LAZY_MODULE, 0},
    {"net", "saros.net", SR_LAZY_MODULE, 0},
    {"process", "saros.process", SR_LAZY_MODULE, 0},
    {"stdin", "saros.process.core", SR_LAZY_STREAM, 0},
    {"stdout", "saros.process.core", SR_LAZY_STREAM, 1},
    {"stderr", "saros.process.core", SR_LAZY_STREAM, 2},
    {"as_completed", "saros.as_completed", SR_LAZY_FIELD, 0},
    {"defer", "saros.defer", SR_LAZY_FIELD, 0},
    {"generator", "saros.generator", SR_LAZY_FIELD, 0},
    {"move_on_after", "saros.move_on_after", SR_LAZY_FIELD, 0},
    {"retry", "saros.retry", SR_LAZY_FIELD, 0},
    {"task_local", "saros.task_local", SR_LAZY_FIELD, 0},
    {"thread_pool", "saros.thread", SR_LAZY_FIELD, 0},
    {"ticker", "saros.ticker", SR_LAZY_FIELD, 0},
    {"to_thread", "saros.thread", SR_LAZY_FIELD, 0},
    {"tree_svg", "saros.timeline.tree", SR_LAZY_FIELD, 0},
    {"websocket", "saros.websocket", SR_LAZY_FIELD, 0},
    {NULL, NULL, SR_LAZY_FIELD, 0},
};

/* Room for the fields that the tables have: to grow again and again costs more than to fill them. */
enum { ROOM = 64 };

/* {public functions, functions for the Lua half of saros} */
static int l_init(lua_State *L) {
  lua_createtable(L, 2, 0);
  lua_createtable(L, 0, ROOM);
  sr_set_functions(L, runtime_functions);
  sr_open_coroutine(L);
  sr_open_error(L);
  sr_open_task(L);
  sr_open_failure(L);
  sr_open_gather(L);
  sr_open_map(L);
  sr_open_first(L);
  sr_open_select(L);
  sr_open_timeout(L);
  sr_open_group(L);
  sr_open_shield(L);
  sr_open_permit(L);
  sr_open_future(L);
  sr_open_semaphore(L);
  sr_open_lock(L);
  sr_open_event(L);
  sr_open_condition(L);
  sr_open_barrier(L);
  sr_open_queue(L);
  sr_open_limiter(L);
  sr_open_signals(L);
  lua_createtable(L, 0, ROOM);
  sr_set_functions(L, internal_functions);
  lua_pushliteral(L, SAROS_VERSION);
  lua_setfield(L, -2, "version");
  sr_open_completions(L);
  sr_open_checkpoint(L);
  sr_open_lazy(L, lazy_fields);
  sr_open_compiled(L);
  lua_rawseti(L, -3, 2);
  lua_rawseti(L, -2, 1);
  return 1;
}

SAROS_EXPORT int luaopen_saros_core(lua_State *L);

int luaopen_saros_core(lua_State *L) {
  sr_stay_loaded();
  return sr_open_runtime(L, l_init);
}
