-- SPDX-License-Identifier: MIT
-- Named pipes, by which jobs in threads are ordered: each is a semaphore. `wait` and `release` may be called in
-- threads.

local fifo = {}

-- Who made a pipe holds it open, both ways: so opening it waits for nobody, and what was written stays.
local held = {}

--- The path of a new one.
function fifo.make()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkfifo '%s'"):format(path)))
  held[path] = assert(io.open(path, "r+"))
  return path
end

function fifo.remove(path)
  held[path]:close()
  held[path] = nil
  os.remove(path)
end

--- Lets one go on that waits, or will.
function fifo.release(path)
  local file <close> = assert(io.open(path, "r+"))
  assert(file:write("x\n"))
end

--- Waits in C, where nothing but a release ends it.
function fifo.wait(path)
  local file <close> = assert(io.open(path))
  file:setvbuf("no") -- it takes one line, no more
  return file:read("l")
end

return fifo
