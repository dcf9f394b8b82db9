/* SPDX-License-Identifier: MIT */
/* One way for each system, see resident.h. */
#include "base/resident.h"

#if defined(_WIN32)

#include <windows.h>

static const char here;

void sr_stay_loaded(void) {
  HMODULE module;
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, &here, &module);
}

#elif defined(__APPLE__)

#include <dlfcn.h>

static const char here;

void sr_stay_loaded(void) {
  Dl_info info;
  if (dladdr(&here, &info) != 0) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

#else

/* The linker has seen to it (-z nodelete). */
void sr_stay_loaded(void) {}

#endif
