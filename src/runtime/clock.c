/* SPDX-License-Identifier: MIT */
/* Time: a 4-ary heap of deadlines. See clock.h. */
#include "runtime/clock.h"

#include <math.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAPACITY = 64, IS_SLEEP = 1, ORDER_STEP = 2 };

/* Deadlines further away than this (146 years) are cut to it, so that sums cannot overflow. */
static const double FARTHEST = 4.6e18;

static bool is_before(const SrDeadline *a, const SrDeadline *b) {
  if (a->at != b->at) return a->at < b->at;
  return (int)(a->timer->order - b->timer->order) < 0;
}

static void place(SrClock *clock, unsigned position, SrDeadline deadline) {
  clock->heap[position] = deadline;
  deadline.timer->position = position;
}

static void sift_up(SrClock *clock, unsigned position, SrDeadline deadline) {
  while (position > 1) {
    unsigned parent = (position - 2) / ARITY + 1;
    if (!is_before(&deadline, &clock->heap[parent])) break;
    place(clock, position, clock->heap[parent]);
    position = parent;
  }
  place(clock, position, deadline);
}

static unsigned earliest_child(const SrClock *clock, unsigned position) {
  unsigned first = (position - 1) * ARITY + 2;
  if (first > clock->count) return 0;
  unsigned last = first + ARITY - 1 < clock->count ? first + ARITY - 1 : clock->count;
  unsigned best = first;
  for (unsigned i = first + 1; i <= last; i++)
    if (is_before(&clock->heap[i], &clock->heap[best])) best = i;
  return best;
}

static void sift_down(SrClock *clock, unsigned position, SrDeadline deadline) {
  unsigned child;
  while ((child = earliest_child(clock, position)) != 0) {
    if (!is_before(&clock->heap[child], &deadline)) break;
    place(clock, position, clock->heap[child]);
    position = child;
  }
  place(clock, position, deadline);
}

static bool grow(SrClock *clock) {
  unsigned capacity = clock->capacity == 0 ? FIRST_CAPACITY : clock->capacity * 2;
  SrDeadline *heap = (SrDeadline *)realloc(clock->heap, (capacity + 1) * sizeof(SrDeadline));
  if (heap == NULL) return false;
  clock->heap = heap;
  clock->capacity = capacity;
  return true;
}

bool sr_clock_start(SrClock *clock, SrTimer *timer, double seconds, bool is_sleep) {
  sr_clock_stop(clock, timer);
  if (clock->count == clock->capacity && !grow(clock)) return false;
  double wait = ceil(seconds * 1e9);
  SrDeadline deadline = {sr_clock_now(clock) + (int64_t)(wait < FARTHEST ? wait : FARTHEST), timer};
  clock->order += ORDER_STEP;
  timer->order = clock->order | (is_sleep ? IS_SLEEP : 0);
  sift_up(clock, ++clock->count, deadline);
  if (clock->hurry != NULL && timer->position == 1) clock->hurry(clock); /* it would wait for a later one */
  return true;
}

void sr_clock_stop(SrClock *clock, SrTimer *timer) {
  unsigned position = timer->position;
  if (position == 0) return;
  timer->position = 0;
  SrDeadline last = clock->heap[clock->count--];
  if (last.timer == timer) return;
  if (position > 1 && is_before(&last, &clock->heap[(position - 2) / ARITY + 1]))
    sift_up(clock, position, last);
  else
    sift_down(clock, position, last);
}

void sr_clock_fire(SrClock *clock, int64_t now) {
  /* What these arm for now has its turn in the next call. */
  for (unsigned left = clock->count; left > 0 && clock->count > 0 && clock->heap[1].at <= now; left--) {
    SrTimer *timer = clock->heap[1].timer;
    sr_clock_stop(clock, timer);
    if (timer->order & IS_SLEEP)
      clock->on_slept(timer);
    else
      ((saros_timer *)(void *)timer)->on_fire((saros_timer *)(void *)timer);
  }
}

void sr_clock_free(SrClock *clock) {
  for (unsigned i = 1; i <= clock->count; i++) clock->heap[i].timer->position = 0;
  free(clock->heap);
  clock->heap = NULL;
  clock->count = clock->capacity = 0;
}
