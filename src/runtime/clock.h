/* SPDX-License-Identifier: MIT */
/*
** Time: one heap of deadlines on one uv_timer, real or virtual.
**
** Invariant: a deadline is computed from a fresh reading of the clock and never fires
** early; among equal deadlines the one armed first fires first. The virtual clock stands
** still while Lua runs, goes with real time while I/O is waited for, and jumps to the
** next deadline otherwise.
*/
#ifndef SR_CLOCK_H
#define SR_CLOCK_H

#include "runtime/state.h"

/* Nanoseconds, monotonic, fresh. */
static inline int64_t sr_clock_now(const SrClock *clock) {
  return clock->is_virtual ? clock->virtual_now : (int64_t)uv_hrtime();
}

/* Arms a timer `seconds` from now, afresh if it was armed. False when there is no memory. */
bool sr_clock_start(SrClock *clock, SrTimer *timer, double seconds, bool is_sleep);
/* The moment for which a timer is armed, in nanoseconds. */
static inline int64_t sr_clock_armed_for(const SrClock *clock, const SrTimer *timer) {
  return clock->heap[timer->position].at;
}
/* Disarms it; harmless when idle. */
void sr_clock_stop(SrClock *clock, SrTimer *timer);
/* The earliest deadline in nanoseconds; INT64_MAX if there is none. */
static inline int64_t sr_clock_next(const SrClock *clock) {
  return clock->count == 0 ? INT64_MAX : clock->heap[1].at;
}
/* Fires everything due at `now`. */
void sr_clock_fire(SrClock *clock, int64_t now);
/* Frees the heap; every timer has been disarmed or is gone. */
void sr_clock_free(SrClock *clock);

#endif
