/* SPDX-License-Identifier: MIT */
/*
** Starting a child: its pipes, its arguments, its environment.
**
** All that can raise is made first; once there is a child nothing can fail any more. Its pipes are those of pipe(2), not
** the pairs of sockets that libuv would make: the child can open /dev/stdout, as shells do. Whatever saros has open is
** closed when a program begins, so no pipe leaks into a sibling.
*/
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "io/failure.h"
#include "process/child.h"

enum { MAY_ENTER = 1 };         /* of access(2) */
enum { PLAN = 1, BOX, STREAM }; /* the frame: the table, the box, and up to three streams or nils */

static const char *const stream_names[SR_PROCESS_STREAMS] = {"stdin", "stdout", "stderr"};

/* --- the streams of the child --------------------------------------------------------- */

/* The pipe to or from a child: our end becomes a stream, which is pushed. 0 or a status. [-0, +(0|1), m] */
static int push_pipe(lua_State *L, SrProcessContext *context, SrProcessBox *box, int number) {
  uv_file ends[2]; /* to read from, and to write to */
  bool is_input = number == 0;
  int status = uv_pipe(ends, is_input ? 0 : UV_NONBLOCK_PIPE, is_input ? UV_NONBLOCK_PIPE : 0);
  if (status != 0) return status;
  box->ends[number] = ends[is_input ? 0 : 1];
  saros_transport *transport = sr_process_transport(context, ends[is_input ? 1 : 0]);
  if (transport == NULL) return UV_ENOMEM;
  sr_process_streams->open(L, transport);
  return 0;
}

static uv_stdio_container_t inherited(int fd) {
  return (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = fd};
}

/* Pushes the stream that we have of it, or nil. 0 or a status. [-0, +1, m] */
static int push_stream(lua_State *L, SrProcessContext *context, SrProcessBox *box, uv_stdio_container_t *stdio,
                       int number) {
  int status = 0, type = lua_getfield(L, PLAN, stream_names[number]);
  const char *word = type == LUA_TSTRING ? lua_tostring(L, -1) : "";
  stdio[number] = (uv_stdio_container_t){.flags = UV_IGNORE};
  if (type == LUA_TNUMBER)
    stdio[number] = inherited((int)lua_tointeger(L, -1));
  else if (strcmp(word, "stdout") == 0)
    stdio[number] = stdio[1];
  lua_pop(L, 1);
  if (type == LUA_TSTRING && strcmp(word, "pipe") == 0) {
    status = push_pipe(L, context, box, number);
    if (status == 0) stdio[number] = inherited(box->ends[number]);
    if (status == 0) return 0;
  }
  lua_pushnil(L);
  return status;
}

static void close_streams(lua_State *L) {
  for (int index = STREAM; index <= lua_gettop(L); index++) {
    saros_stream *stream = sr_process_streams->test(L, index);
    if (stream != NULL) sr_process_streams->close(stream, 1);
  }
}

/* --- what it is started with -------------------------------------------------------------- */

/* Pushes the strings of a list of the plan as C has them; NULL, and nil, if there is none. [-0, +1, m] */
static char **push_list(lua_State *L, const char *field) {
  if (lua_getfield(L, PLAN, field) != LUA_TTABLE) return NULL;
  size_t count = lua_rawlen(L, -1);
  char **list = (char **)lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    list[i] = (char *)(uintptr_t)lua_tostring(L, -1); /* the table keeps it */
    lua_pop(L, 1);
  }
  list[count] = NULL;
  lua_remove(L, -2);
  return list;
}

/* A number of the plan, for which a flag stands. */
static unsigned id_of(lua_State *L, const char *field, unsigned flag, unsigned *flags) {
  if (lua_getfield(L, PLAN, field) == LUA_TNUMBER) *flags |= flag;
  unsigned id = (unsigned)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return id;
}

/* The arrays that options point to are left on the stack. [-0, +3, m] */
static void read_plan(lua_State *L, uv_process_options_t *options) {
  options->args = push_list(L, "args");
  options->file = options->args[0];
  options->env = push_list(L, "env");
  lua_getfield(L, PLAN, "cwd");
  options->cwd = lua_tostring(L, -1);
  options->uid = (uv_uid_t)id_of(L, "uid", UV_PROCESS_SETUID, &options->flags);
  options->gid = (uv_gid_t)id_of(L, "gid", UV_PROCESS_SETGID, &options->flags);
  if (lua_getfield(L, PLAN, "group") == LUA_TBOOLEAN && lua_toboolean(L, -1)) options->flags |= UV_PROCESS_DETACHED;
  lua_pop(L, 1);
}

/* --- what went wrong ------------------------------------------------------------------------- */

/* The system does not say whether it did not find the program or the folder it is to run in. */
static int status_of_folder(const char *path) {
  uv_fs_t request;
  int status = uv_fs_stat(NULL, &request, path, NULL);
  bool is_folder = status == 0 && (request.statbuf.st_mode & S_IFMT) == S_IFDIR;
  uv_fs_req_cleanup(&request);
  if (status != 0 || !is_folder) return status != 0 ? status : UV_ENOTDIR;
  status = uv_fs_access(NULL, &request, path, MAY_ENTER, NULL);
  uv_fs_req_cleanup(&request);
  return status;
}

static int raise_failure(lua_State *L, const uv_process_options_t *options, int status) {
  if (status == UV_ENOMEM) return luaL_error(L, "not enough memory");
  int of_folder = options->cwd != NULL ? status_of_folder(options->cwd) : 0;
  if (of_folder != 0)
    sr_io_push_system_path(L, of_folder, "chdir", options->cwd);
  else
    sr_io_push_system_path(L, status, "spawn", options->file);
  return lua_error(L);
}

/* spawn(plan): the child, and the three streams that lead to it; nil for those that do not. */
int sr_process_l_spawn(lua_State *L) {
  uv_stdio_container_t stdio[SR_PROCESS_STREAMS];
  uv_process_options_t options = {.stdio = stdio, .stdio_count = SR_PROCESS_STREAMS};
  int status = 0;
  SrProcessContext *context = sr_process_context(L);
  lua_settop(L, PLAN);
  SrProcessBox *box = sr_process_push_box(L);
  for (int i = 0; i < SR_PROCESS_STREAMS && status == 0; i++) status = push_stream(L, context, box, stdio, i);
  int top = lua_gettop(L);
  read_plan(L, &options);
  sr_process_check_loop(L, "process.spawn"); /* nothing allocates from here on */
  if (status == 0) status = sr_process_start(L, context, box, &options);
  if (status != 0) {
    sr_process_close_ends(box);
    close_streams(L);
    return raise_failure(L, &options, status);
  }
  lua_settop(L, top);
  return top - PLAN;
}
