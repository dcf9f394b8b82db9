/* SPDX-License-Identifier: MIT */
/* Linux with the GNU library; elsewhere there is uv_spawn, see launch.h. */
#include "base/launch.h"

#ifdef __GLIBC__
#include <sys/syscall.h>
#if __GLIBC_PREREQ(2, 29) && defined SYS_pidfd_open
#define CAN_LAUNCH
#endif
#endif

#ifdef CAN_LAUNCH

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- whether it can be done ------------------------------------------------------------ */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_pidfd;

static int pidfd_of(int pid) {
  return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Not in old kernels, and some sandboxes forbid it. */
static void find_pidfd(void) {
  int fd = pidfd_of(getpid());
  has_pidfd = fd >= 0;
  if (fd >= 0) close(fd);
}

/* Where nobody hears of children the system reaps them itself, and how they ended is lost; uv_spawn sees to that. */
static bool are_children_kept(void) {
  struct sigaction action;
  if (sigaction(SIGCHLD, NULL, &action) != 0 || (action.sa_flags & SA_NOCLDWAIT) != 0) return false;
  return (action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_IGN;
}

/* The program is looked for in our own PATH, so that has to be the child's, too. */
static bool is_path_ours(const uv_process_options_t *options) {
  if (options->env == NULL || strchr(options->file, '/') != NULL) return true;
  const char *ours = getenv("PATH");
  for (char **variable = options->env; *variable != NULL; variable++)
    if (strncmp(*variable, "PATH=", 5) == 0) return ours != NULL && strcmp(ours, *variable + 5) == 0;
  return ours == NULL;
}

/* Streams are put into their places one by one: none may be covered before it has been moved. */
static bool are_streams_plain(const uv_process_options_t *options) {
  if (options->stdio_count != SR_LAUNCH_STREAMS) return false;
  for (int i = 0; i < SR_LAUNCH_STREAMS; i++) {
    const uv_stdio_container_t *stream = &options->stdio[i];
    if (stream->flags == UV_IGNORE) continue;
    if (stream->flags != UV_INHERIT_FD) return false;
    int fd = stream->data.fd;
    if (fd < i && (options->stdio[fd].flags != UV_INHERIT_FD || options->stdio[fd].data.fd != fd)) return false;
  }
  return true;
}

static bool is_possible(const uv_process_options_t *options) {
  pthread_once(&once, find_pidfd);
  return has_pidfd && (options->flags & ~(unsigned)UV_PROCESS_DETACHED) == 0 && are_streams_plain(options) &&
         is_path_ours(options) && are_children_kept();
}

/* --- what it is started with -------------------------------------------------------------- */

/* Programs expect that their standard streams block. That is a matter of what was opened, so it is so for us, too. */
static void make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

/* What follows gives errno's numbers, or 0. */
static int add_streams(posix_spawn_file_actions_t *actions, const uv_process_options_t *options) {
  int number = 0;
  for (int i = 0; i < SR_LAUNCH_STREAMS && number == 0; i++) {
    const uv_stdio_container_t *stream = &options->stdio[i];
    if (stream->flags == UV_IGNORE) {
      number = posix_spawn_file_actions_addopen(actions, i, "/dev/null", i == 0 ? O_RDONLY : O_RDWR, 0);
    } else {
      make_blocking(stream->data.fd);
      number = posix_spawn_file_actions_adddup2(actions, stream->data.fd, i);
    }
  }
  return number;
}

/* No signal is blocked in the child, and each has its default action. */
static int set_attributes(posix_spawnattr_t *attributes, const uv_process_options_t *options) {
  int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  if ((options->flags & UV_PROCESS_DETACHED) != 0) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setsigmask(attributes, &none);
  return posix_spawnattr_setflags(attributes, (short)flags);
}

static int start(const uv_process_options_t *options, int *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  char **environment = options->env != NULL ? options->env : environ;
  int number = set_attributes(&attributes, options);
  if (number == 0) number = add_streams(&actions, options);
  if (number == 0 && options->cwd != NULL) number = posix_spawn_file_actions_addchdir_np(&actions, options->cwd);
  if (number == 0) number = posix_spawnp(pid, options->file, &actions, &attributes, options->args, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return number;
}

int sr_launch(const uv_process_options_t *options, int *pid, int *end) {
  if (!is_possible(options)) return UV_ENOTSUP;
  int number = start(options, pid);
  if (number == ENOEXEC) return UV_ENOTSUP; /* a script that does not say for whom: uv_spawn gives it to the shell */
  if (number != 0) return uv_translate_sys_error(number);
  *end = pidfd_of(*pid);
  if (*end >= 0) return 0;
  number = errno;
  kill(*pid, SIGKILL);
  waitpid(*pid, NULL, 0);
  return uv_translate_sys_error(number);
}

#else

int sr_launch(const uv_process_options_t *options, int *pid, int *end) {
  (void)options, (void)pid, (void)end;
  return UV_ENOTSUP;
}

#endif
