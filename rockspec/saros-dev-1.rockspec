rockspec_format = "3.0"
package = "saros"
version = "dev-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "asyncio for Lua 5.4",
  detailed = [[
    Lua coroutines on a libuv loop: tasks, structured concurrency, cancellation, semaphores, queues
    and an HTTP client (libcurl for HTTP/2) for plain Lua 5.4. A function that has to wait simply suspends the
    task that called it; there is no await.
  ]],
  license = "MIT",
  labels = {"async", "asyncio", "coroutine", "libuv", "http"},
}
supported_platforms = {"unix", "windows"}
dependencies = {
  "lua >= 5.4",
  "lua-cjson", -- only loaded when JSON is used
}
build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "RelWithDebInfo",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    SAROS_CMODULE_DIR = "$(LIBDIR)",
    SAROS_LUAMODULE_DIR = "$(LUADIR)",
    LUA_INCDIR = "$(LUA_INCDIR)",
  },
  platforms = {
    windows = { -- where modules are linked against Lua
      variables = {
        LUA_LIBDIR = "$(LUA_LIBDIR)",
        LUALIB = "$(LUALIB)",
      },
    },
  },
}
test = {
  type = "command",
  command = "./dev test",
}
