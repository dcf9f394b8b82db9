/* SPDX-License-Identifier: MIT */
/* GNU readline or libedit. See readline.h. */
#include "command/readline.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/signal.h"
#include "saros.h"

/* --- the library ------------------------------------------------------------ */

static const char *const libraries[] = {
    "libreadline.so.8",    "libreadline.so.7",  "libreadline.so", "libedit.so.2",    "libedit.so.0",
    "libreadline.8.dylib", "libreadline.dylib", "libedit.so",     "libedit.3.dylib", "libedit.dylib",
};

typedef char **Completer(const char *text, int start, int end);
typedef char *Generator(const char *text, int state);

/* Its functions and variables, under the library's own names without "rl_". */
static struct {
  void (*callback_handler_install)(const char *prompt, void (*on_line)(char *line));
  void (*callback_read_char)(void);
  void (*callback_handler_remove)(void);
  void (*prep_terminal)(int meta);
  int (*forced_update_display)(void);
  char **(*completion_matches)(const char *text, Generator *generator);
  int (*add_history)(const char *line);
  int (**getc_function)(FILE *file);
  Completer **attempted_completion_function;
  int *attempted_completion_over;
  int *completion_append_character;
  int *completion_query_items;
  int *catch_signals;
  const char **completer_word_break_characters;
} rl;

/* Where the address of each goes. Data and functions have addresses of one size wherever there are such libraries. */
static const struct Symbol {
  const char *name;
  void *place;
} symbols[] = {
    {"rl_callback_handler_install", &rl.callback_handler_install},
    {"rl_callback_read_char", &rl.callback_read_char},
    {"rl_callback_handler_remove", &rl.callback_handler_remove},
    {"rl_prep_terminal", &rl.prep_terminal},
    {"rl_forced_update_display", &rl.forced_update_display},
    {"rl_completion_matches", &rl.completion_matches},
    {"add_history", &rl.add_history},
    {"rl_getc_function", &rl.getc_function},
    {"rl_attempted_completion_function", &rl.attempted_completion_function},
    {"rl_attempted_completion_over", &rl.attempted_completion_over},
    {"rl_completion_append_character", &rl.completion_append_character},
    {"rl_completion_query_items", &rl.completion_query_items},
    {"rl_catch_signals", &rl.catch_signals},
    {"rl_completer_word_break_characters", &rl.completer_word_break_characters},
};

static bool find_symbols(uv_lib_t *library) {
  for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    void *address;
    if (uv_dlsym(library, symbols[i].name, &address) != 0) return false;
    memcpy(symbols[i].place, &address, sizeof address);
  }
  return true;
}

/* It stays loaded: the terminal may be its own until the process ends. */
static bool open_library(void) {
  static uv_lib_t library;
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    bool is_good = uv_dlopen(libraries[i], &library) == 0 && find_symbols(&library);
    if (is_good) return true;
    uv_dlclose(&library);
  }
  return false;
}

/* --- what it is fed, and what it gives --------------------------------------- */

static const saros_api *saros;

/* The one line that is being edited; the terminal belongs to the process, and so does this. */
static struct {
  uv_signal_t *resumed; /* while the terminal is the library's: the program goes on after Ctrl-Z; or NULL */
  lua_State *L;         /* during a call of feed */
  const char *bytes;
  size_t count, taken;
  char *line;    /* the library's memory */
  bool is_begun; /* the terminal is the library's */
  bool is_done;  /* there is a line, or, without one, the end of input */
  int (*former_getc)(FILE *file);
} editing;

/* It wants more than it was fed in the middle of a key only, for which it may wait. */
static int get_byte(FILE *file) {
  if (editing.taken < editing.count) return (unsigned char)editing.bytes[editing.taken++];
  return editing.former_getc(file);
}

/* The shell had the terminal meanwhile, in modes of its own. */
static void on_resumed(uv_signal_t *handle, int number) {
  (void)handle, (void)number;
  rl.prep_terminal(1);
  rl.forced_update_display();
}

static void on_closed(uv_handle_t *handle) {
  free(handle);
}

static void ignore_resuming(void) {
  if (editing.resumed == NULL) return;
  sr_signal_put_back(sr_signal_number("CONT"));
  saros->close((uv_handle_t *)editing.resumed, on_closed);
  editing.resumed = NULL;
}

/* Where there is no such signal, or no memory, the prompt comes again with the next key. */
static void heed_resuming(uv_loop_t *loop) {
  int number = sr_signal_number("CONT");
  editing.resumed = number != 0 ? (uv_signal_t *)calloc(1, sizeof *editing.resumed) : NULL;
  if (editing.resumed == NULL) return;
  if (uv_signal_init(loop, editing.resumed) != 0) {
    free(editing.resumed);
    editing.resumed = NULL;
    return;
  }
  sr_signal_take(number);
  uv_unref((uv_handle_t *)editing.resumed);
  if (uv_signal_start(editing.resumed, on_resumed, number) != 0) ignore_resuming();
}

/* The terminal is as it was before the line. */
static void end_line(void) {
  if (!editing.is_begun) return;
  editing.is_begun = false;
  ignore_resuming();
  rl.callback_handler_remove();
}

static void on_line(char *line) {
  editing.line = line;
  editing.is_done = true;
  end_line();
}

/* --- completion --------------------------------------------------------------- */

/* The registry keeps, under this address, the function that completes words. */
static const char completer_key;

/* Takes a text and its number; the list under the stack's bottom is made by the first one. */
static int l_candidate(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &completer_key);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_call(L, 2, 1);
  size_t size;
  const char *text = lua_tolstring(L, -1, &size);
  char *copy = text != NULL ? (char *)malloc(size + 1) : NULL;
  if (copy != NULL) memcpy(copy, text, size + 1);
  lua_pushlightuserdata(L, copy);
  return 1;
}

/* The next word that `text` may become, or NULL. */
static char *generate(const char *text, int state) {
  static int number;
  lua_State *L = editing.L;
  number = state == 0 ? 1 : number + 1;
  lua_pushcfunction(L, l_candidate);
  lua_pushstring(L, text);
  lua_pushinteger(L, number);
  char *found = lua_pcall(L, 2, 1, 0) == LUA_OK ? (char *)lua_touserdata(L, -1) : NULL;
  lua_pop(L, 1);
  return found;
}

/* Names of Lua, never of files. */
static char **complete(const char *text, int start, int end) {
  (void)start, (void)end;
  *rl.attempted_completion_over = 1;
  return rl.completion_matches(text, generate);
}

/* --- for Lua ------------------------------------------------------------------ */

/* At the end of the process, which a task may end while a line is edited: there may be no loop any more. */
static void restore_terminal(void) {
  if (editing.is_begun) rl.callback_handler_remove();
}

static void set_up(void) {
  atexit(restore_terminal);
  editing.former_getc = *rl.getc_function;
  *rl.getc_function = get_byte;
  *rl.attempted_completion_function = complete;
  *rl.completion_append_character = '\0';
  *rl.completion_query_items = -1; /* it would wait for the answer */
  *rl.catch_signals = 0;           /* they are the run's */
  *rl.completer_word_break_characters = " \t\n\"'`@$><=;|&{}()[]+-*/%^~#,";
}

int sr_command_l_load(lua_State *L) {
  static bool is_open;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  saros = saros_open(L);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &completer_key);
  if (!is_open && open_library()) {
    set_up();
    is_open = true;
  }
  lua_pushboolean(L, is_open);
  return 1;
}

int sr_command_l_begin(lua_State *L) {
  const char *prompt = luaL_checkstring(L, 1);
  heed_resuming(saros->loop(saros->runtime(L)));
  editing.is_begun = true;
  editing.is_done = false;
  rl.callback_handler_install(prompt, on_line);
  return 0;
}

/* Pushes what came of the bytes, and lets go of the line. [-0, +1, m] */
static void push_line(lua_State *L) {
  if (!editing.is_done)
    lua_pushnil(L);
  else if (editing.line == NULL)
    lua_pushboolean(L, false);
  else
    lua_pushstring(L, editing.line);
  free(editing.line);
  editing.line = NULL;
}

int sr_command_l_feed(lua_State *L) {
  editing.bytes = luaL_checklstring(L, 1, &editing.count);
  editing.taken = 0;
  editing.L = L;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  while (editing.is_begun && editing.taken < editing.count) rl.callback_read_char();
  editing.L = NULL;
  lua_pushinteger(L, (lua_Integer)editing.taken);
  editing.count = editing.taken = 0;
  push_line(L);
  return 2;
}

int sr_command_l_finish(lua_State *L) {
  (void)L;
  end_line();
  return 0;
}

int sr_command_l_remember(lua_State *L) {
  rl.add_history(luaL_checkstring(L, 1));
  return 0;
}
