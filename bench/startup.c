/* SPDX-License-Identifier: MIT
 *
 * Starts a command again and again; prints what one start takes from its spawn to its end, and its
 * peak of resident memory. In C, since a child's peak begins with the memory of who started it: a
 * parent as large as Python would hide that of a small child.
 *
 *     startup COUNT COMMAND...        prints  seconds=... bytes=...
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  long count = argc > 2 ? strtol(argv[1], NULL, 10) : 0;
  if (count < 1) {
    fprintf(stderr, "usage: startup COUNT COMMAND...\n");
    return 2;
  }
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  double kib = 0, start = now();
  for (long i = 0; i < count; i++) {
    pid_t pid;
    int status;
    struct rusage usage;
    if (posix_spawnp(&pid, argv[2], &quiet, NULL, argv + 2, environ) != 0 || wait4(pid, &status, 0, &usage) != pid ||
        status != 0) {
      fprintf(stderr, "startup: %s failed\n", argv[2]);
      return 1;
    }
    kib += (double)usage.ru_maxrss;
  }
  printf("seconds=%.6f bytes=%.0f\n", (now() - start) / (double)count, kib / (double)count * 1024);
  return 0;
}
