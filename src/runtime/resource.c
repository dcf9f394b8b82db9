/* SPDX-License-Identifier: MIT */
/* What is open on the loop. See resource.h. */
#include "runtime/resource.h"

#include "runtime/place.h"

void sr_resource_open(lua_State *L, saros_resource *resource) {
  SrRuntime *rt = sr_find_runtime(L);
  sr_place_resource(L, resource);
  resource->owner = rt;
  resource->prev = NULL;
  resource->next = rt->resources;
  if (rt->resources != NULL) rt->resources->prev = resource;
  rt->resources = resource;
}

void sr_resource_close(saros_resource *resource) {
  SrRuntime *rt = (SrRuntime *)resource->owner;
  if (rt == NULL) return;
  resource->owner = NULL;
  if (resource->next != NULL) resource->next->prev = resource->prev;
  if (resource->prev != NULL)
    resource->prev->next = resource->next;
  else
    rt->resources = resource->next;
}

void sr_resource_end_run(SrRuntime *rt) {
  while (rt->resources != NULL) {
    saros_resource *resource = rt->resources;
    sr_resource_close(resource); /* its owner may free it */
    resource->on_run_end(resource);
  }
}

void sr_close_handle(uv_handle_t *handle, uv_close_cb on_closed) {
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}
