-- SPDX-License-Identifier: MIT
-- The programs of examples/ that run others, each run as it stands.

local async = require "saros"
local processes = require "spec.support.processes"
local run = require "spec.support.example"

describe("the example", function()
  it("parallel runs commands side by side and shows what they write", function()
    local text = run "parallel"
    for _, line in ipairs {
      "[1] first", "[1] last", "[2] beside it", "[3] to stderr", "ok      echo first; sleep 1; echo last",
      "ok      echo beside it", "2       echo to stderr >&2; exit 2", "SIGKILL kill -9 $$",
    } do
      assert.truthy(text:find(line, 1, true), text)
    end
    assert.truthy(text:find("beside it", 1, true) < text:find("[1] last", 1, true), text)
  end)

  it("parallel takes commands from standard input", processes.counted(function()
    local argv = { processes.lua, "examples/parallel.lua", "2", "-" }
    local result = async.process.run(argv, { input = "echo a\nexit 3\n" })
    assert.equal("[1] a\nok      echo a\n3       exit 3\n", result.stdout)
  end))
end)
