-- SPDX-License-Identifier: MIT
-- What LuaSocket has besides sockets: try and protect, and sources and sinks for its ltn12.

local async = require "saros"
local misuse = require "saros.misuse"

local flow = {}

-- ---- try and protect -----------------------------------------------------------------------------

-- An error that `protect` turns into results.
local Exception = { __tostring = function(self) return tostring(self.reason) end }

---A function that returns its arguments, or, if the first is false, calls `finalize` and raises the second in a way
---that `protect` knows.
---@param finalize? fun()
function flow.newtry(finalize)
  return function(...)
    if (...) then return ... end
    if finalize then pcall(finalize) end
    error(setmetatable({ reason = (select(2, ...)) }, Exception), 0)
  end
end

-- By task, the sockets that were opened in the innermost protected call.
local opened = setmetatable({}, { __mode = "k" })

---Remembers that the calling task has opened a socket.
function flow.note(socket)
  local list = opened[async.current_task() or flow]
  if list then list[#list + 1] = socket end
  return socket
end

-- The protected call is over. What it has opened goes on, unless an error that nobody there has seen ended it: a
-- cancellation.
local function leave(task, mine, outer, is_seen)
  opened[task] = outer
  for _, socket in ipairs(mine) do
    if not is_seen then
      socket:close()
    elseif outer then
      outer[#outer + 1] = socket
    end
  end
end

local function unprotect(task, mine, outer, ok, ...)
  local is_exception = not ok and getmetatable(...) == Exception
  leave(task, mine, outer, ok or is_exception)
  if ok then return ... end
  if is_exception then return nil, (...).reason end
  error(..., 0)
end

---A function that calls `fn` and returns nil and the message where a try in it raises. Other errors pass; the sockets
---that were opened in it are closed then.
---@param fn function
function flow.protect(fn)
  misuse.check_function("protect", 1, fn)
  return function(...)
    local task, mine = async.current_task() or flow, {}
    local outer = opened[task]
    opened[task] = mine
    return unprotect(task, mine, outer, pcall(fn, ...))
  end
end

---Its arguments without the first `count`.
function flow.skip(count, ...)
  if not tonumber(count) then misuse.type("skip", 1, "number", count) end
  return select(count + 1, ...)
end

-- ---- sources and sinks ---------------------------------------------------------------------------

flow.BLOCKSIZE = 2048

-- A table that can be called, with the faces that LuaSocket's own have.
local function callable(socket, step)
  return setmetatable({
    getfd = function() return socket:getfd() end,
    dirty = function() return socket:dirty() end,
  }, { __call = function(_, ...) return step(...) end })
end

flow.sinkt = {
  ["close-when-done"] = function(socket)
    return callable(socket, function(chunk)
      if chunk then return socket:send(chunk) end
      socket:close()
      return 1
    end)
  end,
  ["keep-open"] = function(socket)
    return callable(socket, function(chunk)
      if chunk then return socket:send(chunk) end
      return 1
    end)
  end,
}
flow.sinkt.default = flow.sinkt["keep-open"]

flow.sourcet = {
  ["by-length"] = function(socket, length)
    return callable(socket, function()
      if length <= 0 then return nil end
      local chunk, err = socket:receive(math.min(length, flow.BLOCKSIZE))
      if not chunk then return nil, err end
      length = length - #chunk
      return chunk
    end)
  end,
  ["until-closed"] = function(socket)
    local is_over = false
    return callable(socket, function()
      if is_over then return nil end
      local chunk, err, partial = socket:receive(flow.BLOCKSIZE)
      if chunk then return chunk end
      if err ~= "closed" then return nil, err end
      is_over = true
      socket:close()
      return partial ~= "" and partial or nil
    end)
  end,
}
flow.sourcet.default = flow.sourcet["until-closed"]

-- Libraries add kinds of their own to these tables.
local function chooser(kinds)
  return function(name, first, second)
    if type(name) ~= "string" then name, first, second = "default", name, first end
    local make = kinds[name]
    if not make then error(("unknown key (%s)"):format(name), 3) end
    return make(first, second)
  end
end

flow.choose = chooser
flow.source = chooser(flow.sourcet)
flow.sink = chooser(flow.sinkt)

return flow
