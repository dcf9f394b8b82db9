/* SPDX-License-Identifier: MIT */
/* What tasks are doing, for the eyes of users: the tree of tasks, and reports of those that wait. */
#ifndef SR_TREE_H
#define SR_TREE_H

#include "runtime/state.h"

/* Pushes a line about a task: "name: waiting for sleep at a.lua:3 (spawned at a.lua:9)". [-0, +1, m] */
void sr_push_task_line(lua_State *L, SrTask *t);
/* tree() */
int sr_l_tree(lua_State *L);
/*
** tree_rows(): the tasks of that tree from top to bottom, for pictures: {depth, name, state, waits_for, where, place,
** is_cancelled}, in the words of its text; `waits_for` and `where` may be nil.
*/
int sr_l_tree_rows(lua_State *L);
/* Pushes {name, where, waits_for} of a task. [-0, +1, m] */
void sr_push_waiting(lua_State *L, SrTask *t, const char *what);
/* Pushes a DeadlockError about every task that waits. [-0, +1, m] */
void sr_push_deadlock(lua_State *L, SrRuntime *rt);
/* Pushes a TimeoutError about every task that waits in a test that takes too long. [-0, +1, m] */
void sr_push_overtime(lua_State *L, SrRuntime *rt);
/* Raises the DeadlockError of task `t` that is about to wait for `target`. [-0, +0, v] */
int sr_raise_cycle(lua_State *L, SrTask *t, SrTask *target);

/* The text of a report names so many, and counts the rest; its fields name all of them. */
enum { SR_MAX_NAMED = 100 };
/* Adds what is on top to the text below it, with `separator` in between. [-1, +0, m] */
void sr_add_text(lua_State *L, const char *separator);
/* Ends the text on top, which has left out all of `count` beyond SR_MAX_NAMED. [-0, +0, m] */
void sr_add_rest(lua_State *L, const char *separator, lua_Integer count);

#endif
