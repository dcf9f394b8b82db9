/* SPDX-License-Identifier: MIT */
/* Task groups as those know them who leave them and who come in, see group_state.h. */
#include "combine/group_state.h"

const SrClass sr_group_class = {.name = "task group"};

void sr_group_go_on(SrGroup *group) {
  SrTask *t = group->block.task;
  while (group->spawners != NULL && !sr_group_is_full(group)) {
    group->block.running++;
    sr_wake(sr_take_waiting(&group->spawners));
  }
  if (group->block.running == 0 && t->future.state == SR_PARKED && t->object == group) sr_wake(t);
}
