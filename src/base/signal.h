/* SPDX-License-Identifier: MIT */
/* Signals: their names, who had them before us, and the ends of child processes. As platform.c, its source asks which
** system it is. */
#ifndef SR_BASE_SIGNAL_H
#define SR_BASE_SIGNAL_H

#include <stdbool.h>

/* The longest name, with its end: "SIGRTMIN+30". */
enum { SR_SIGNAL_NAME = 24 };

/* The number of a signal by its name, with or without "SIG"; 0: there is none of that name. */
int sr_signal_number(const char *name);
/* Its full name; "SIG40" where it has none. */
const char *sr_signal_name(int number, char name[SR_SIGNAL_NAME]);
/* Whether a program can listen for it: it can be caught, and it is no fault of the program's own. */
bool sr_signal_can_be_heard(int number);

/*
** Somebody is about to listen for a signal with libuv, which leaves it with its default action in the end; and has
** ended to do so. The first and the last of them keep, and put back, what was there.
*/
void sr_signal_take(int number);
void sr_signal_put_back(int number);

/*
** Has call(is_here) called whenever the signal comes: in the calling thread, whatever that does just then, if `is_here`,
** else in another one. It may do only what a signal handler may. One for the whole process; false: that is in use.
*/
bool sr_signal_watch(int number, void (*call)(bool is_here));
/* Puts back what was there before. */
void sr_signal_unwatch(void);

/* Whether a child is gone, reaped right here if need be; waits for it if `waits`. `*code` and `*signal` are its end. */
bool sr_child_reap(int pid, bool waits, int *code, int *signal);

#endif
