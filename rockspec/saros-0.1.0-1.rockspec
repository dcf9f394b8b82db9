rockspec_format = "3.0"
package = "saros"
version = "0.1.0-1"
-- A clone is built with `luarocks make`, which asks nobody. A published rockspec names the tag of the repository here.
source = {
  url = "git+file://.",
  tag = "v0.1.0",
}
description = {
  summary = "asyncio for Lua 5.4",
  detailed = [[
    Lua coroutines as tasks on a libuv loop: structured concurrency, cancellation, semaphores and queues, an HTTP
    client and server, WebSockets, sockets, TLS, files, processes, threads and Redis. A function that has to wait
    suspends the task that called it; there is no await. Built without libcurl (-DSAROS_CURL=OFF) it has no HTTP/2, SOCKS
    and digest authentication.
  ]],
  license = "MIT",
  labels = {"async", "asyncio", "coroutine", "libuv", "http", "websocket"},
}
supported_platforms = {"unix", "windows"}
dependencies = {
  "lua >= 5.4",
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
  copy_directories = {"docs", "examples"},
}
test = {
  type = "command",
  command = "./dev test",
}
