-- SPDX-License-Identifier: MIT
-- A named pipe, by which jobs in threads are ordered: who opens one side waits, in C, until somebody opens the other.

local assert = require "luassert"

local fifo = {}

--- The path of a new one.
function fifo.make()
  local path = os.tmpname()
  os.remove(path)
  assert.is_true(os.execute(("mkfifo '%s'"):format(path)))
  return path
end

--- Lets the one job go on that reads the pipe, or is about to: waits until it does.
function fifo.release(path)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write("x\n"))
end

--- For jobs: waits, where nothing can interrupt it, until somebody releases it.
function fifo.wait(path)
  local file <close> = assert(io.open(path))
  return file:read("l")
end

return fifo
