/* SPDX-License-Identifier: MIT */
/* Deadlines, see timer.h. */
#include "server/timer.h"

#include <math.h>

static bool call_in(const SrServerCore *core, SrServerTimer *timer, double seconds) {
  timer->fires = timer->due;
  return sr_io_saros->timer_start(core->runtime, &timer->timer, seconds) != 0;
}

bool sr_server_timer_set(const SrServerCore *core, SrServerTimer *timer, double seconds) {
  timer->due = HUGE_VAL;
  if (seconds == HUGE_VAL) return true;
  timer->due = sr_io_saros->now(core->runtime) + seconds;
  if (timer->timer.position != 0 && timer->fires <= timer->due) return true;
  return call_in(core, timer, seconds);
}

bool sr_server_timer_is_due(const SrServerCore *core, SrServerTimer *timer) {
  if (timer->due == HUGE_VAL) return false;
  double left = timer->due - sr_io_saros->now(core->runtime);
  if (left > 1e-6 && call_in(core, timer, left)) return false;
  timer->due = HUGE_VAL;
  return true;
}

void sr_server_timer_stop(const SrServerCore *core, SrServerTimer *timer) {
  timer->due = HUGE_VAL;
  sr_io_saros->timer_stop(core->runtime, &timer->timer);
}
