-- SPDX-License-Identifier: MIT
-- Tracebacks name the user's own line, also where that is a tail call.
local async = require "saros"
local support = require "spec.support.combine"
require "saros.busted"

local function line_of(fn) return ("tail_call_spec.lua:%d:"):format(debug.getinfo(fn, "S").linedefined) end

describe("a failure of sockets in a tail call", function()
  it("names the line of the call: connect", function()
    local listener = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    listener:close()
    local function call() return async.net.connect("127.0.0.1", port or 1) end
    local err = support.raises("SystemError", call)
    assert.matches(line_of(call), err.traceback, 1, true)
  end)

  it("names the line of the call: accept", function()
    local listener = async.net.listen("127.0.0.1", 0)
    listener:close()
    local function call() return listener:accept() end
    assert.matches(line_of(call), support.raises("ClosedError", call).traceback, 1, true)
  end)
end)
