/* SPDX-License-Identifier: MIT */
/*
** The host of the specs in this folder: runs a scenario again and again, each time with another fault.
**
**   host MODE FILE NAME SECONDS STEP [FIRST [LAST]]
**
** FILE returns a table of functions; the one of that NAME is the scenario. MODE says what happens in
** its n-th run:
**
**   once     the n-th request for memory fails, be it Lua's or that of C code: saros' and of the libraries it uses
**   forever  so does every one after it, until the scenario has returned
**   foreign  the n-th request of C code fails, those of Lua do not count
**   close    lua_close is called at the n-th instruction of Lua code
**   collect  a full collection takes place at every STEP-th instruction; once only
**   frantic  the collector works all the time, in small steps and large amounts; once only
**   young    the same in generational mode, with a collection at every STEP-th instruction
**
** A letter L behind MODE hands over a loop of the host's own. n goes from FIRST in steps of STEP until
** the scenario comes to its end without a fault. A run may fail with a memory error and with no other;
** after it the scenario has to succeed in the same state, and after lua_close nothing may be left.
** Prints "ok" and the last n, or what went wrong in which n; a run may take so many SECONDS.
*/
#define _GNU_SOURCE
#include <dirent.h>
#include <link.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <pthread.h>
#include <saros.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- faults ----------------------------------------------------------------- */

typedef enum Mode { ONCE, FOREVER, FOREIGN, CLOSE, COLLECT, FRANTIC, YOUNG } Mode;

static const char *const mode_names[] = {"once", "forever", "foreign", "close", "collect", "frantic", "young"};

static Mode mode;
static bool armed;      /* the scenario runs */
static bool has_struck; /* the fault has happened */
static long countdown;  /* to the fault */
static long requests;   /* for memory while armed */
static size_t retried;  /* the size whose request has just failed: Lua collects and asks once more */
static long step;

/* Look-ups have threads of their own, in saros as in libcurl: what follows is counted under a lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool count_request(size_t size) {
  if (!armed || mode > FOREIGN) return false;
  requests++;
  if (has_struck && mode == FOREVER) return true;
  bool is_retry = retried == size;
  retried = 0;
  if (is_retry) return true;
  if (has_struck || --countdown > 0) return false;
  has_struck = true;
  retried = size;
  return true;
}

static bool strikes(size_t size) {
  pthread_mutex_lock(&lock);
  bool it_does = count_request(size);
  pthread_mutex_unlock(&lock);
  return it_does;
}

/* --- memory of Lua ---------------------------------------------------------- */

static size_t lua_bytes;

static void *l_alloc(void *ud, void *block, size_t old_size, size_t new_size) {
  (void)ud;
  if (block == NULL) old_size = 0;
  if (new_size == 0) {
    free(block);
    lua_bytes -= old_size;
    return NULL;
  }
  if (mode != FOREIGN && new_size > old_size && strikes(new_size)) return NULL;
  void *moved = realloc(block, new_size);
  if (moved == NULL) return NULL;
  lua_bytes += new_size - old_size;
  return moved;
}

/* --- memory of C code -------------------------------------------------------- */

/*
** All calls end up here, as symbols of the program go before those of libraries. The caller tells those of
** saros and its libraries from the calls of everybody else.
*/
enum { MAX_BLOCKS = 1 << 16, MAX_MODULES = 9 };

static const char *const module_names[] = {"saros/core.so",     "saros/http/core.so", "saros/net/core.so",
                                           "saros/tls/core.so", "saros/fs/core.so",   "libcurl.so",
                                           "libz.so",           "libbrotlidec.so",    "libzstd.so"};
static struct { uintptr_t start, end; } modules[MAX_MODULES]; /* where their code is */
static int module_count;
static void *blocks[MAX_BLOCKS]; /* what it holds: a hash table */
static long block_count;

static void **find_block(const void *block) {
  size_t at = ((uintptr_t)block >> 4) * 0x9E3779B1u % MAX_BLOCKS;
  while (blocks[at] != NULL && blocks[at] != block) at = (at + 1) % MAX_BLOCKS;
  return &blocks[at];
}

static void *note_block(void *block) {
  if (block == NULL) return NULL;
  pthread_mutex_lock(&lock);
  *find_block(block) = block;
  block_count++;
  pthread_mutex_unlock(&lock);
  return block;
}

static void remove_block(void *block) {
  void **place = find_block(block);
  if (*place == NULL) return;
  *place = NULL;
  block_count--;
  size_t at = (size_t)(place - blocks);
  for (at = (at + 1) % MAX_BLOCKS; blocks[at] != NULL; at = (at + 1) % MAX_BLOCKS) {
    void *moved = blocks[at];
    blocks[at] = NULL;
    *find_block(moved) = moved;
  }
}

static void forget_block(void *block) {
  if (block == NULL) return;
  pthread_mutex_lock(&lock);
  if (block_count > 0) remove_block(block);
  pthread_mutex_unlock(&lock);
}

static long count_blocks(void) {
  pthread_mutex_lock(&lock);
  long count = block_count;
  pthread_mutex_unlock(&lock);
  return count;
}

static bool is_module(const void *caller) {
  uintptr_t place = (uintptr_t)caller;
  for (int i = 0; i < module_count; i++)
    if (place >= modules[i].start && place < modules[i].end) return true;
  return false;
}

/* The functions that these take the place of. The sanitizer has its own names for them. */
#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *block, size_t size);
void REAL(free)(void *block);

void *malloc(size_t size) {
  if (!is_module(__builtin_return_address(0))) return REAL(malloc)(size);
  return strikes(size) ? NULL : note_block(REAL(malloc)(size));
}

void *calloc(size_t count, size_t size) {
  if (!is_module(__builtin_return_address(0))) return REAL(calloc)(count, size);
  return strikes(count * size) ? NULL : note_block(REAL(calloc)(count, size));
}

void *realloc(void *block, size_t size) {
  if (!is_module(__builtin_return_address(0))) return REAL(realloc)(block, size);
  if (strikes(size)) return NULL;
  forget_block(block); /* before another thread can be given the same place */
  return note_block(REAL(realloc)(block, size));
}

char *strdup(const char *text) {
  size_t size = strlen(text) + 1;
  bool is_counted = is_module(__builtin_return_address(0));
  if (is_counted && strikes(size)) return NULL;
  char *copy = REAL(malloc)(size);
  if (copy == NULL) return NULL;
  memcpy(copy, text, size);
  return is_counted ? note_block(copy) : copy;
}

void free(void *block) {
  forget_block(block);
  REAL(free)(block);
}

static bool is_named(const char *path) {
  for (size_t i = 0; i < sizeof module_names / sizeof module_names[0]; i++)
    if (strstr(path, module_names[i]) != NULL) return true;
  return false;
}

static int find_modules(struct dl_phdr_info *info, size_t size, void *unused) {
  (void)size, (void)unused;
  for (int i = 0; i < info->dlpi_phnum && is_named(info->dlpi_name); i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X) || module_count == MAX_MODULES) continue;
    modules[module_count].start = info->dlpi_addr + segment->p_vaddr;
    modules[module_count].end = modules[module_count].start + segment->p_memsz;
    module_count++;
  }
  return 0;
}

/* --- reports ---------------------------------------------------------------- */

static long run_number;
static int failed;

static void fail(const char *what, const char *detail) {
  printf("n = %ld: %s%s%s\n", run_number, what, detail[0] == '\0' ? "" : ": ", detail);
  fflush(stdout);
  failed++;
}

/* Only what a signal handler may do. */
static void on_signal(int number) {
  char text[64];
  const char *what = number == SIGALRM ? "hangs" : "crashes";
  int length = snprintf(text, sizeof text, "n = %ld: it %s\n", run_number, what);
  if (write(STDOUT_FILENO, text, (size_t)length) < 0) _exit(3);
  signal(number, SIG_DFL);
  raise(number == SIGALRM ? SIGABRT : number);
}

/* --- hooks ------------------------------------------------------------------ */

static jmp_buf closed;

static void on_instruction(lua_State *L, lua_Debug *ar) {
  (void)ar;
  if (!armed || --countdown > 0) return;
  if (mode == CLOSE) {
    armed = false;
    lua_close(L);
    longjmp(closed, 1);
  }
  countdown = step;
  lua_gc(L, LUA_GCCOLLECT);
}

static void stress(lua_State *L) {
  if (mode == CLOSE || mode == COLLECT || mode == YOUNG) lua_sethook(L, on_instruction, LUA_MASKCOUNT, 1);
  if (mode == YOUNG) lua_gc(L, LUA_GCGEN, 1, 1);
  if (mode != FRANTIC) return;
  lua_gc(L, LUA_GCINC, 0, 1000, 1);
  lua_gc(L, LUA_GCSETPAUSE, 0);
}

/* --- a run ------------------------------------------------------------------ */

/* Takes the arguments of the program's end; returns the scenario. */
static int l_prepare(lua_State *L) {
  char **names = (char **)lua_touserdata(L, 1);
  luaL_openlibs(L);
  if (luaL_loadfile(L, names[0]) != LUA_OK) lua_error(L);
  lua_call(L, 0, 1);
  if (lua_getfield(L, -1, names[1]) != LUA_TFUNCTION) luaL_error(L, "no scenario '%s'", names[1]);
  return 1;
}

static bool is_memory_error(lua_State *L) {
  return strstr(luaL_tolstring(L, -1, NULL), "not enough memory") != NULL;
}

/* Calls the scenario on top of the stack; takes its error off. */
static void run_scenario(lua_State *L, bool with_fault) {
  lua_pushvalue(L, -1);
  lua_pushboolean(L, with_fault);
  armed = with_fault;
  int status = lua_pcall(L, 1, 0, 0);
  armed = false;
  if (status == LUA_OK) return;
  if (!with_fault)
    fail("does not work after it", luaL_tolstring(L, -1, NULL));
  else if (!is_memory_error(L) || !has_struck || mode > FOREIGN)
    fail("another error", lua_tostring(L, -1));
  lua_settop(L, 1);
}

static int count_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  int count = 0;
  if (folder == NULL) return 0;
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

enum { PATIENCE = 10000 }; /* in steps of a millisecond */

/* A look-up that nobody waits for ends in a thread, which lets go of its block when it comes to run. */
static long count_blocks_left(void) {
  for (int i = 0; i < PATIENCE && count_blocks() > 0; i++) usleep(1000);
  return count_blocks();
}

static int descriptors; /* open before; 0: those left by this run are what libraries open once */

static void check_nothing_left(uv_loop_t *loop) {
  char text[64];
  if (lua_bytes > 0) {
    snprintf(text, sizeof text, "%zu", lua_bytes);
    fail("bytes of Lua are left", text);
  }
  if (loop != NULL) {
    uv_run(loop, UV_RUN_DEFAULT);
    if (uv_loop_close(loop) != 0) fail("a handle is left on the host's loop", "");
  }
  if (descriptors == 0) descriptors = count_descriptors();
  if (count_descriptors() > descriptors) fail("descriptors are left", "");
  long count = count_blocks_left();
  if (count > 0) {
    snprintf(text, sizeof text, "%ld", count);
    fail("blocks of C code are left", text);
  }
}

/* Whether there may be another one: the fault has happened. */
static bool run_once(char **names, uv_loop_t *loop) {
  lua_bytes = 0;
  has_struck = false;
  retried = 0;
  lua_State *L = lua_newstate(l_alloc, NULL);
  if (loop != NULL) {
    uv_loop_init(loop);
    saros_use_loop(L, loop);
  }
  lua_pushcfunction(L, l_prepare);
  lua_pushlightuserdata(L, names);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    printf("it cannot be run: %s\n", lua_tostring(L, -1));
    exit(2);
  }
  stress(L);
  countdown = mode < COLLECT ? run_number : step;
  if (setjmp(closed) != 0) {
    check_nothing_left(loop);
    return true;
  }
  module_count = 0;
  dl_iterate_phdr(find_modules, NULL);
  run_scenario(L, true);
  bool again = mode == CLOSE ? countdown <= 0 : has_struck;
  lua_sethook(L, NULL, 0, 0);
  run_scenario(L, false);
  lua_close(L);
  check_nothing_left(loop);
  return again;
}

static bool parse_mode(const char *name, bool *has_loop) {
  size_t length = strlen(name);
  *has_loop = length > 0 && name[length - 1] == 'L';
  length -= *has_loop;
  for (int i = 0; i <= YOUNG; i++) {
    mode = (Mode)i;
    if (strlen(mode_names[i]) == length && strncmp(mode_names[i], name, length) == 0) return true;
  }
  return false;
}

int main(int argc, char **argv) {
  bool has_loop;
  if (argc < 6 || !parse_mode(argv[1], &has_loop)) return 2;
  signal(SIGALRM, on_signal);
#ifndef __SANITIZE_ADDRESS__ /* which shows more */
  signal(SIGSEGV, on_signal);
  signal(SIGABRT, on_signal);
#endif
  unsigned seconds = (unsigned)atoi(argv[4]);
  step = atol(argv[5]);
  long last = argc > 7 ? atol(argv[7]) : INT32_MAX;
  uv_loop_t loop;
  run_number = LONG_MAX; /* no fault: what is opened once is opened */
  alarm(seconds);
  run_once(&argv[2], has_loop ? &loop : NULL);
  run_number = argc > 6 ? atol(argv[6]) : 1;
  for (; failed < 5; run_number += step) {
    alarm(seconds);
    if (!run_once(&argv[2], has_loop ? &loop : NULL) || run_number + step > last) break;
  }
  if (failed > 0) return 1;
  printf("ok %ld\n", run_number);
  return 0;
}
