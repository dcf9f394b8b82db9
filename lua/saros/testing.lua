-- SPDX-License-Identifier: MIT
-- Deterministic tests: a virtual clock, and nothing left over.

require "saros" -- which puts the next one where require finds it
local internal = require "saros.internal"

---@class saros.testing
local testing = {}

---Runs fn(...) as `async.run` does, on a virtual clock: it stands still while tasks run, and jumps to
---the next deadline when all of them wait and no real I/O is pending. A task, handle or timer that is
---left over when fn returns is a failure that names it. What I/O is about to close by itself (a small
---response that was not read) gets a moment to do so.
---Returns what fn returns.
---@type fun(fn: (async fun(...: any): ...), ...: any): ...
testing.run = internal.test_run

---Waits until every other task waits; the clock does not move. Only inside a run.
---@type async fun()
testing.settle = internal.settle

---A client that reaches a handler of `async.http`, or a router, without a port:
---`local client <close> = testing.client(app)`, `client:get("/")`. The options are those of a session.
---@param handler async fun(request: saros.HTTPRequest): saros.HTTPAnswer
---@param given? saros.SessionOptions
---@return saros.HTTPTestClient
function testing.client(handler, given)
  return require("saros.http.server.client").new(handler, given)
end

return testing
