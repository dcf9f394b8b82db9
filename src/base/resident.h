/* SPDX-License-Identifier: MIT */
/*
** Keeping the code of a C module in memory. lua_close unloads C modules, but in a host's own loop our close
** callbacks come after it, and a thread that was left behind may still be asking for an address.
*/
#ifndef SR_BASE_RESIDENT_H
#define SR_BASE_RESIDENT_H

/* The library that contains this is not unloaded before the process ends. */
void sr_stay_loaded(void);

#endif
