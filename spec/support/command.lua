-- SPDX-License-Identifier: MIT
-- Runs the saros command of the tree that is tested, as a child process, be it on a terminal.

local assert = require "luassert"
local async = require "saros"
local processes = require "spec.support.processes"

local command = {}

local build = package.cpath:match "([^;]*)/lib/%?%.so"
command.path = build .. "/bin/saros"

-- Settings of the machine that change what it does.
local function environment(given)
  local extended = {
    LUA_INIT = false, LUA_INIT_5_4 = false, SAROS_DEBUG = false, REDIS_URL = false,
    TERM = "xterm", INPUTRC = "/dev/null",
  }
  for name, value in pairs(given or {}) do extended[name] = value end
  return extended
end

local function argv(arguments)
  return table.move(arguments, 1, #arguments, 3, { processes.lua, command.path })
end

---Runs it to its end.
---@param arguments string[]
---@param options? table  of async.process
function command.run(arguments, options)
  options = options or {}
  options.extend_env = environment(options.extend_env)
  return async.process.run(argv(arguments), options)
end

---Starts it.
function command.spawn(arguments, options)
  options = options or {}
  options.extend_env = environment(options.extend_env)
  return async.process.spawn(argv(arguments), options)
end

-- ---- on a terminal ----------------------------------------------------------------------------------

local Talk = {}
Talk.__index = Talk

---Types it.
function Talk:type(text)
  self.child.stdin:write(text)
end

---Waits until the text has been written, and forgets all that was written up to it. Returns what stood before it.
function Talk:expect(text)
  while true do
    local first, last = self.seen:find(text, 1, true)
    if first then
      local before = self.seen:sub(1, first - 1)
      self.seen = self.seen:sub(last + 1)
      return before
    end
    local ok, bytes = pcall(async.wait_for, self.child.stdout.read, 60, self.child.stdout)
    if not ok or not bytes then error(("%q was not written, but: %q"):format(text, self.seen), 2) end
    self.seen = self.seen .. bytes:gsub("\r\n", "\n"):gsub("\27%[%?2004[hl]", ""):gsub("\r", "")
  end
end

---Types a line, and waits for what it prints and the next prompt.
function Talk:enter(line, result)
  self:type(line .. "\n")
  self:expect(line .. "\n")
  assert.equal(result and result .. "\n" or "", self:expect "> ")
end

---Waits for the end. Returns the exit status.
function Talk:leave()
  self:type "\4"
  return self.child:wait()
end

function Talk:close()
  self.child:close()
end

Talk.__close = Talk.close

---Starts it on a terminal, and waits for the first prompt.
function command.talk(arguments, env)
  local preload = "LD_PRELOAD=" .. (os.getenv "LD_PRELOAD" or "")
  local words = { "python3", "-S", "spec/support/typist.py", "env", preload }
  local child = processes.spawn(table.move(argv(arguments), 1, #arguments + 2, #words + 1, words), {
    extend_env = environment(env),
    stderr = "stdout",
  })
  local talk = setmetatable({ child = child, seen = "" }, Talk)
  talk.before = talk:expect "> "
  return talk
end

return command
