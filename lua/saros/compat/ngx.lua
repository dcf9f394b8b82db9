-- SPDX-License-Identifier: MIT
-- What libraries written for OpenResty use of `ngx`, for tasks. It is a module and never a global: who has a library
-- that looks for one says `ngx = require "saros.compat.ngx"`, or gives it to that library alone.

local async = require "saros"
local misuse = require "saros.misuse"
local cosocket = require "saros.compat.cosocket"
local digest = require "saros.compat.digest"
local escapes = require "saros.compat.escapes"
local socket = require "saros.compat.socket"

---What libraries for OpenResty use of `ngx`, as fields of a module. Besides these functions: `socket.tcp`,
---`socket.udp`, `null`, `encode_base64`, `decode_base64`, `escape_uri`, `unescape_uri`, `encode_args`, `decode_args`,
---`quote_sql_str`, as there.
---@class saros.compat.OpenResty
local ngx = {
  null = async.json.null,
  OK = 0, ERROR = -1, AGAIN = -2, DONE = -4, DECLINED = -5,
  STDERR = 0, EMERG = 1, ALERT = 2, CRIT = 3, ERR = 4, WARN = 5, NOTICE = 6, INFO = 7, DEBUG = 8,
  config = { debug = false, subsystem = "http", ngx_lua_version = 10025 },
  ctx = {},
  var = {},
}
for name, fn in pairs(escapes) do
  if name ~= "text" then ngx[name] = fn end
end

-- ---- sockets and time ----------------------------------------------------------------------------

ngx.socket = { tcp = cosocket.tcp, stream = cosocket.tcp, udp = cosocket.udp }

---A cosocket that is connected: `tcp()` and its `connect` in one.
---@async
---@param ... any  as for `connect`
---@return table? socket
---@return string? problem
function ngx.socket.connect(...)
  local self = cosocket.tcp()
  local ok, problem = self:connect(...)
  if ok then return self end
  return nil, problem
end

---Waits so long, in this task alone.
---@async
---@param seconds number
function ngx.sleep(seconds)
  async.sleep(seconds)
end

---Seconds since 1970, with a fraction.
---@return number
function ngx.now()
  return socket.gettime()
end

---Seconds since 1970, whole ones.
---@return integer
function ngx.time()
  return os.time()
end

---Does nothing: times are never cached here.
function ngx.update_time() end

-- ---- threads, semaphores, timers -----------------------------------------------------------------

ngx.thread = {}

---Runs fn(...) beside the caller.
---@param fn async fun(...: any): ...
---@param ... any
---@return saros.Task thread
function ngx.thread.spawn(fn, ...)
  misuse.check_function("thread.spawn", 1, fn)
  return async.spawn(fn, ...)
end

---Waits for the first of these to end. True and its results, or false and its error.
---@async
---@param ... saros.Task
---@return boolean ok
---@return any ...
function ngx.thread.wait(...)
  if select("#", ...) == 0 then misuse.argument("thread.wait", 1, "at least one thread expected") end
  local ended = async.wait({ ... }, { return_when = "first_completed" })[1]
  if ended:status() == "done" then return true, ended:result() end
  return false, ended:error()
end

---Cancels one.
---@param thread saros.Task
---@return integer? ok
---@return string? problem  "already waited or killed"
function ngx.thread.kill(thread)
  if not thread:cancel "killed" then return nil, "already waited or killed" end
  return 1
end

ngx.semaphore = {}
local Semaphore = {}
Semaphore.__index = Semaphore

---A semaphore with `post(n)`, `wait(seconds)` (true, or nil and "timeout") and `count()`.
---@param count? integer  0 unless given
---@return table semaphore
function ngx.semaphore.new(count)
  if count and count < 0 then misuse.argument("semaphore.new", 1, "no negative number expected") end
  local self = setmetatable({ permits = async.queue() }, Semaphore)
  self:post(count or 0)
  return self
end

---Adds so many permits, and wakes who waits for them.
function Semaphore:post(count)
  for _ = 1, count or 1 do self.permits:try_put(true) end
  return true
end

---@async
---@param seconds number
---@return boolean? ok
---@return string? problem
function Semaphore:wait(seconds)
  if self.permits:try_get() then return true end
  if seconds and seconds <= 0 then return nil, "timeout" end
  if async.move_on_after(seconds or math.huge, self.permits.get, self.permits) then return true end
  return nil, "timeout"
end

---Permits that are there; below zero: how many tasks wait for one.
function Semaphore:count()
  return self.permits:size() - self.permits:waiting()
end

ngx.timer = {}
local pending, running = 0, 0

-- Calls it when its time has come, or when it will not come any more: then with true.
local function fire(seconds, callback, ...)
  pending = pending + 1
  local ok, err = pcall(async.sleep, seconds)
  pending, running = pending - 1, running + 1
  local _over <close> = setmetatable({}, { __close = function() running = running - 1 end })
  callback(not ok, ...)
  if not ok then error(err, 0) end
end

local function check_delay(method, seconds)
  if type(seconds) ~= "number" then misuse.type(method, 1, "number", seconds) end
end

---Calls callback(is_premature, ...) in a task of its own.
---@param seconds number
---@param callback async fun(is_premature: boolean, ...: any)
---@param ... any
---@return boolean ok
function ngx.timer.at(seconds, callback, ...)
  check_delay("timer.at", seconds)
  misuse.check_function("timer.at", 2, callback)
  async.spawn(fire, seconds, callback, ...)
  return true
end

---The same again and again, however the calls before it end.
---@param seconds number  more than 0
---@param callback async fun(is_premature: boolean, ...: any)
---@param ... any
---@return boolean ok
function ngx.timer.every(seconds, callback, ...)
  check_delay("timer.every", seconds)
  if seconds <= 0 then misuse.argument("timer.every", 1, "delay cannot be zero") end
  misuse.check_function("timer.every", 2, callback)
  local arguments = table.pack(...)
  async.spawn(function()
    while true do
      async.spawn(fire, seconds, callback, table.unpack(arguments, 1, arguments.n))
      async.sleep(seconds)
    end
  end)
  return true
end

---How many timers have not run yet.
---@return integer
function ngx.timer.pending_count() return pending end

---How many callbacks of timers run.
---@return integer
function ngx.timer.running_count() return running end

-- ---- the rest ------------------------------------------------------------------------------------

local function hex(bytes)
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

---The MD5 digest as 16 bytes.
---@param text any
---@return string
function ngx.md5_bin(text) return digest.md5(escapes.text(text)) end

---The MD5 digest in hexadecimal digits.
---@param text any
---@return string
function ngx.md5(text) return hex(digest.md5(escapes.text(text))) end

---The SHA-1 digest as 20 bytes.
---@param text any
---@return string
function ngx.sha1_bin(text) return digest.sha1(escapes.text(text)) end

---Libraries ask whether they may wait: always.
---@return "content"
function ngx.get_phase() return "content" end

local LEVELS = { [0] = "stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" }

---Writes to standard error, up to warnings; what is less is dropped.
---@param level integer  `ngx.ERR`, ...
---@param ... any
function ngx.log(level, ...)
  if level > ngx.WARN then return end
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  io.stderr:write("[", LEVELS[level] or tostring(level), "] ", table.concat(words), "\n")
end

ngx.worker = { exiting = function() return false end, id = function() return 0 end, count = function() return 1 end }

return ngx
