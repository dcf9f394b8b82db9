/* SPDX-License-Identifier: MIT */
/*
** GNU readline, or libedit in its place, if this machine has one of them: looked for when it is first wanted, and not
** needed to build. It is used by its callbacks: the program reads the bytes and feeds them, so that waiting for a key
** is waiting for a stream.
**
** Invariant: Lua is called from within the library in protected mode only, as no error may cross its frames.
*/
#ifndef SR_COMMAND_READLINE_H
#define SR_COMMAND_READLINE_H

#include <lua.h>

/* load(complete): whether there is such a library; complete(text) gives the list of what a word may become. */
int sr_command_l_load(lua_State *L);
/* begin(prompt): shows the prompt; the terminal is the library's. */
int sr_command_l_begin(lua_State *L);
/*
** feed(bytes): how many of them were taken, up to the end of a line; then the line, false at the end of input, nil as
** long as it goes on. After a line, or the end, the terminal is as it was.
*/
int sr_command_l_feed(lua_State *L);
/* finish(): gives up the line, and the terminal. */
int sr_command_l_finish(lua_State *L);
/* remember(line): to be found by going back. */
int sr_command_l_remember(lua_State *L);

#endif
