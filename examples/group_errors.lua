-- SPDX-License-Identifier: MIT
-- Tasks of a group: the first that fails takes the others down, and what went wrong comes out as one error that holds
-- all of it. Each kind is handled where somebody knows how.
--
--   lua5.4 examples/group_errors.lua

local async = require "saros"

local function fails(name, seconds)
  async.sleep(seconds)
  error(async.error { name = name, message = "after " .. seconds }, 0)
end

-- Works until it is told to stop, and fails even then.
local function stubborn()
  local ok = pcall(async.sleep, 60)
  if not ok then error(async.error { name = "CleanupError", message = "could not put things away" }, 0) end
end

local function describe(err)
  local lines = {}
  for i, each in ipairs(err.errors) do lines[i] = "  " .. each.name .. ": " .. each.message end
  return table.concat(lines, "\n")
end

async.run(function()
  print "a group whose first failure ends it:"
  local ok, err = async.catch("GroupError", async.task_group, function(group)
    group:spawn(fails, "NetworkError", 0.1)
    group:spawn(fails, "DiskError", 0.2) -- never comes to that
    group:spawn(stubborn)
  end)
  print(ok or describe(err))

  print "a group that lets the others finish:"
  ok, err = async.catch("GroupError", async.task_group, { cancel_on_error = false }, function(group)
    group:spawn(fails, "NetworkError", 0.1)
    group:spawn(fails, "DiskError", 0.2)
    group:spawn(fails, "NetworkError", 0.3)
  end)
  print(ok or describe(err))

  -- As `except*` does: what is known how to handle, and the rest, which goes on its way.
  local network, rest = err:split "NetworkError"
  print(("%d network errors to try again, %s to pass on"):format(#network.errors, rest.errors[1].name))
end)
