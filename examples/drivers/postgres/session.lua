-- SPDX-License-Identifier: MIT
-- What one does with a connection: queries, rows as they come, transactions, notifications, COPY.
--
-- Tasks may share a session: they take turns, in order. A transaction has the connection for itself until it ends.

local async = require "saros"
local messages = require "postgres.messages"

local BATCH = 100 -- rows that the server sends before it waits for the reader

---@class postgres.Session
---@field link postgres.Link
---@field turns saros.Lock
local Session = {}
Session.__index = Session

---@param link postgres.Link
---@return postgres.Session
function Session.new(link) return setmetatable({ link = link, turns = async.lock() }, Session) end

-- The permit of the turn.
local function take_turn(self)
  local permit = not self.is_over and self.turns:acquire()
  if not self.is_over then return permit end
  if permit then permit:release() end
  error(async.error { name = "ClosedError", code = "ECLOSED", message = self.OVER }, 0)
end

-- Runs an exchange in its turn.
local function exchange(self, fn, ...)
  local _turn <close> = take_turn(self)
  return self.link:exchange(fn, ...)
end

-- ---- queries ------------------------------------------------------------------------------------

local function misuse(caller, position, what)
  error(("bad argument #%d to '%s' (%s)"):format(position, caller, what), 4)
end

local function check_statement(caller, sql)
  if type(sql) ~= "string" then misuse(caller, 1, "string expected, got " .. type(sql)) end
  if sql:find("\0", 1, true) then misuse(caller, 1, "the statement has a zero in it") end
end

local PARAMETERS = { string = true, number = true, boolean = true, ["nil"] = true }

-- The messages of a statement with parameters.
local function prepare(caller, sql, ...)
  local count = select("#", ...)
  if count > 0xffff then misuse(caller, 0x10001, "too many parameters") end
  for i = 1, count do
    local kind = type((select(i, ...)))
    local message = "numbers, strings, booleans and nil can be parameters, got a %s"
    if not PARAMETERS[kind] then misuse(caller, i + 1, message:format(kind)) end
  end
  return messages.parse(sql) .. messages.bind(...) .. messages.describe
end

local function query(link, statement)
  local rows, columns = {}, nil
  link.is_synced, link.is_extended = true, true
  link:send(statement, messages.execute(0), messages.sync)
  link:receive_all {
    T = function(payload) columns = messages.columns(payload) end,
    D = function(payload) rows[#rows + 1] = messages.row(payload, columns) end,
    C = function(payload) rows.command = payload:sub(1, -2) end,
  }
  rows.columns = columns
  return rows
end

---Runs one statement. `$1`, `$2`, ... stand for what follows: numbers, strings, booleans, nil for NULL.
---@async
---@param sql string
---@param ... string|number|boolean|nil
---@return table<string, any>[] rows  by the names of columns; `command` is what was done ("INSERT 0 1")
function Session:query(sql, ...)
  check_statement("query", sql)
  return exchange(self, query, prepare("query", sql, ...))
end

local function execute(link, script)
  link.is_synced = true
  link:send(messages.query(script))
  link:receive_all {}
end

---Runs statements without parameters, any number of them, and drops what they return.
---@async
---@param script string
function Session:execute(script)
  check_statement("execute", script)
  exchange(self, execute, script)
end

-- Passes rows on until there are no more; whoever takes them sets the pace.
local function stream_rows(link, yield, statement)
  local columns
  link.is_extended, link.is_streaming = true, true
  link:send(statement, messages.execute(BATCH), messages.flush)
  while true do
    local kind, payload = link:receive()
    link:note(kind, payload)
    if kind == "T" then
      columns = messages.columns(payload)
    elseif kind == "D" then
      yield(messages.row(payload, columns))
    elseif kind == "s" then
      link.is_running = true
      link:send(messages.execute(BATCH), messages.flush)
    elseif kind == "E" then
      error(link.error_of(payload), 0)
    elseif kind == "G" then
      link:refuse_copy()
    elseif kind == "C" or kind == "I" then
      break
    end
  end
  link.is_synced = true
  link:send(messages.sync)
  link:receive_all {}
end

---Runs one statement and gives its rows as they come, in bounded memory. The connection is this loop's until the end.
---@param sql string
---@param ... string|number|boolean|nil
---@return fun(): table<string, any>
function Session:rows(sql, ...)
  check_statement("rows", sql)
  local statement = prepare("rows", sql, ...)
  return async.generator(function(yield) exchange(self, stream_rows, yield, statement) end)
end

-- ---- transactions -------------------------------------------------------------------------------

---@class postgres.Transaction: postgres.Session
local Transaction = setmetatable({ OVER = "this transaction has ended" }, { __index = Session })
Transaction.__index = Transaction

---Makes what was done last.
---@async
function Transaction:commit() return self:finish("COMMIT") end

---Undoes what was done. It is what happens to a transaction that is left without a commit.
---@async
function Transaction:rollback() return self:finish("ROLLBACK") end

---@async
function Transaction:finish(command)
  if self.is_over then error("this transaction has ended", 3) end
  local has_failed = self.link.status == "E"
  self:query(command)
  self.is_over = true
  self.permit:release()
  if has_failed and command == "COMMIT" then error("a statement had failed: all was rolled back", 3) end
end

-- What cannot be brought out of its transaction is closed: the next one would get into it.
function Transaction:__close()
  if self.is_over then return end
  async.shield(function() pcall(self.query, self, "ROLLBACK") end)
  if self.link.status ~= "I" then self.link:close() end
  self.is_over = true
  self.permit:release()
end

---Begins a transaction: `local tx <close> = db:begin()`. Without a `commit` it is rolled back when the block is left.
---@async
---@return postgres.Transaction
function Session:begin()
  local permit = take_turn(self)
  local tx = setmetatable({ link = self.link, turns = async.lock(), permit = permit }, Transaction)
  local ok, err = pcall(tx.query, tx, "BEGIN")
  if ok then return tx end
  tx:__close() -- it may have begun, and then have been cancelled
  error(err, 0)
end

---Runs `fn(tx)` in a transaction, commits when it returns, rolls back when it fails.
---@async
---@param fn fun(tx: postgres.Transaction, ...): any
---@return any ...  what `fn` returns
function Session:transaction(fn, ...)
  local tx <close> = self:begin()
  local results = table.pack(fn(tx, ...))
  tx:commit()
  return table.unpack(results, 1, results.n)
end

-- ---- notifications ------------------------------------------------------------------------------

local function quote(name) return '"' .. name:gsub('"', '""') .. '"' end

local function forget(self, channel, queue)
  local queues = self.link.channels[channel]
  for i, each in ipairs(queues) do
    if each == queue then table.remove(queues, i) break end
  end
  if #queues == 0 then self.link.channels[channel] = nil end
end

-- The connection is the caller's.
local function unlisten(self, channel, queue)
  forget(self, channel, queue)
  if self.link.channels[channel] or not self.link:is_open() then return end
  self.link:exchange(query, prepare("listen", "UNLISTEN " .. quote(channel)))
end

---Listens to a channel, from the call on: `for payload, pid in db:listen("news") do`. While the loop runs the
---connection is its own; leave it, and the connection is free again.
---@async
---@param channel string
---@return fun(): string, integer
function Session:listen(channel)
  local queue, queues = async.queue(), self.link.channels
  queues[channel] = queues[channel] or {}
  table.insert(queues[channel], queue)
  local _undo <close> = async.defer(function(err) if err then forget(self, channel, queue) end end)
  self:query("LISTEN " .. quote(channel))
  return async.generator(function(yield)
    local _turn <close> = take_turn(self)
    local _end <close> = async.defer(unlisten, self, channel, queue)
    while true do
      local notification = queue:try_get()
      if notification then yield(notification.payload, notification.pid) else self.link:listen() end
    end
  end)
end

---Sends a notification to who listens to the channel.
---@async
---@param channel string
---@param payload? string
function Session:notify(channel, payload) self:query("SELECT pg_notify($1, $2)", channel, payload or "") end

-- ---- COPY ----------------------------------------------------------------------------------------

-- Sends the statement; returns when the server is ready to copy.
local function begin_copy(link, sql, direction)
  link.is_synced = true
  link:send(messages.query(sql))
  local kind, payload = link:receive()
  link:note(kind, payload)
  if kind == direction then return end
  if kind == "G" then link:refuse_copy() end
  link:receive_all {}
  error(kind == "E" and link.error_of(payload) or "this statement copies nothing that way", 0)
end

local function copy_in(link, sql, chunks)
  begin_copy(link, sql, "G")
  link.is_copying = true
  for chunk in chunks do link:send(messages.copy_data(chunk)) end
  link.is_copying = false
  link:send(messages.copy_done)
  local command
  link:receive_all { C = function(payload) command = payload:sub(1, -2) end }
  return command
end

---`COPY ... FROM STDIN`: sends what `chunks` gives, a list of strings, or a function or iterator that may wait. If that
---fails nothing is stored.
---@async
---@param sql string
---@param chunks string[] | fun(): string?
---@return string command  "COPY 1000"
function Session:copy_in(sql, chunks)
  check_statement("copy_in", sql)
  if type(chunks) == "table" and not (getmetatable(chunks) or {}).__call then
    local list, i = chunks, 0
    chunks = function()
      i = i + 1
      return list[i]
    end
  end
  return exchange(self, copy_in, sql, chunks)
end

local function copy_out(link, yield, sql)
  begin_copy(link, sql, "H")
  local kind, payload
  repeat
    kind, payload = link:receive()
    link:note(kind, payload)
    if kind == "d" then yield(payload) end
  until kind == "c" or kind == "E"
  link:receive_all {}
  if kind == "E" then error(link.error_of(payload), 0) end
end

---`COPY ... TO STDOUT`: the data, row by row, as it comes.
---@param sql string
---@return fun(): string
function Session:copy_out(sql)
  check_statement("copy_out", sql)
  return async.generator(function(yield) exchange(self, copy_out, yield, sql) end)
end

-- ---- the end -------------------------------------------------------------------------------------

---Closes the connection.
function Session:close() self.link:close() end

Session.__close = Session.close

return Session
