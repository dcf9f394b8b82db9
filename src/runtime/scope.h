/* SPDX-License-Identifier: MIT */
/*
** The tree of cancellation. A run, a task, a timeout, a group, a shield and a
** combinator are scopes; each hangs below the one it was made in.
**
** Invariant: scope->cause is the outermost cancelled scope that reaches this one, or
** NULL. It is kept by handing it down when a scope is cancelled or entered, so an await
** asks one pointer. A shield hands nothing down.
**
** A wait that is ended may cancel more: a gather cancels the tasks that it watches. How far that goes is up to the
** user, so nothing here calls itself. What is still to be walked through stands in a list, linked through the scopes.
*/
#ifndef SR_SCOPE_H
#define SR_SCOPE_H

#include "runtime/state.h"

/* Hangs `scope` below `parent`, as its last child. */
void sr_scope_enter(SrScope *scope, SrScope *parent, SrScopeKind kind);
/* Takes it out of the tree. */
void sr_scope_exit(SrScope *scope);
/*
** Cancels a scope and all below it up to shields; tasks that wait in it are woken.
** Returns whether that was news.
*/
bool sr_scope_cancel(SrScope *scope);
/* The same with a reason, the value at `index`; the first reason stays. [-0, +0, m] */
bool sr_scope_cancel_reason(lua_State *L, SrScope *scope, int index);
/* Pushes the reason of a cancelled scope, or nil. [-0, +1, -] */
void sr_scope_push_reason(lua_State *L, const SrScope *scope);
/* Whether `inner` is `outer` or hangs below it. */
bool sr_scope_within(const SrScope *inner, const SrScope *outer);

/* Blocks of all kinds fit in this, so that their pool is one list. */
enum { SR_BLOCK_SIZE = 264 };
/* Whether a deadline is set for this scope or one around it. */
bool sr_scope_has_deadline(const SrScope *scope);
/* The nearest deadline, passed or not, that reaches this scope, in nanoseconds; INT64_MAX without one. */
int64_t sr_scope_deadline(const SrScope *scope);
/*
** Opens a block of `size` bytes (a struct that starts with SrBlock, zeroed) inside a task. Its place is that of the
** calling Lua code; that of a join is asked for later. [-0, +0, m]
*/
SrBlock *sr_block_open(lua_State *L, SrTask *t, SrScopeKind kind, const SrBlockOps *ops, size_t size);
/* Gives it a deadline, counted from now; HUGE_VAL takes it away. False when there is no memory. */
bool sr_block_deadline(SrBlock *block, double seconds);
/* The same for a block that was just opened: closes it if that fails. [-0, +0, m] */
void sr_block_start(lua_State *L, SrBlock *block, double seconds);
/*
** Leaves a block: it is dead afterwards. Blocks inside it that are still open were forgotten;
** they are abandoned, and the place of the outermost is pushed. Returns whether there was one. [-0, +(0|1), -]
*/
bool sr_block_close(lua_State *L, SrBlock *block);
/* Abandons the blocks inside it, which were forgotten. As sr_block_close. [-0, +(0|1), -] */
bool sr_block_close_inner(lua_State *L, SrBlock *block);
/* Raises unless this block can be left now: no C function is still inside one of its blocks. [-0, +0, v] */
void sr_block_check_leave(lua_State *L, const SrBlock *block, const char *function);
/* Abandons every block of a task that ends. As sr_block_close. [-0, +(0|1), -] */
bool sr_block_close_all(lua_State *L, SrTask *t);
/* The block if it is still the one with this serial, else NULL. */
SrBlock *sr_block_alive(const SrRuntime *rt, SrBlock *block, uint64_t serial);
/* Forgets how often the tasks below have swallowed a cancellation. */
void sr_scope_forgive(SrScope *root);
/*
** lua_close in the middle of a run: every task counts as ended, so finalizers that still run and
** hold a handle do no harm.
*/
void sr_scope_forget_all(SrRuntime *rt);
/* Frees the blocks of a run that is over, or that lua_close cut off. */
void sr_block_free_all(SrRuntime *rt);

#endif
