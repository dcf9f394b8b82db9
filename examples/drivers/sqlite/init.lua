-- SPDX-License-Identifier: MIT
-- A driver for SQLite: statements run in a thread of their connection while tasks go on. core.c is the part in C, which
-- uses saros.h and nothing else of saros; this is what one writes programs with.
--
--   local sqlite = require "sqlite"
--   local db <close> = sqlite.open "shop.db"
--   for row in db:rows("SELECT * FROM orders WHERE paid = ?", false) do print(row.id) end

local async = require "saros"
local core = require "sqlite.core"

local BATCH = 100 -- rows that are fetched ahead of the reader

---@class sqlite.Session
---@field core table
---@field turns saros.Lock
local Session = {}
Session.__index = Session

-- The permit of the turn.
local function take_turn(self)
  local permit = not self.is_over and self.turns:acquire()
  if not self.is_over then return permit end
  if permit then permit:release() end
  error("this transaction has ended", 3)
end

-- What is said of the rows stands behind them: JSON has a list of rows, even an empty one.
local function query(self, sql, ...)
  local rows = self.core:begin(sql, math.maxinteger & 0x7fffffff, ...)
  local about = { columns = rows.columns }
  about.changes, about.last_id = self.core:changes()
  rows.columns = nil
  return setmetatable(rows, { __index = about, __jsontype = "array" })
end

---Runs one statement. `?` stands for what follows, in order: numbers, strings, booleans (1 and 0), nil for NULL.
---@async
---@param sql string
---@param ... string|number|boolean|nil
---@return table<string, any>[] rows  by the names of columns; `changes` is how many changed, `last_id` the one inserted
function Session:query(sql, ...)
  local _turn <close> = take_turn(self)
  return query(self, sql, ...)
end

---Runs any number of statements without parameters, and drops what they return.
---@async
---@param script string
function Session:execute(script)
  local _turn <close> = take_turn(self)
  self.core:execute(script)
end

-- A statement that is not at its end would keep its locks on the database.
local function end_statement(state) if state.is_open then state.core:reset() end end

---Runs one statement and gives its rows as they are read; at most a hundred are fetched ahead. The connection is this
---loop's until it is left.
---@param sql string
---@param ... string|number|boolean|nil
---@return fun(): table<string, any>
function Session:rows(sql, ...)
  local arguments = table.pack(...)
  return async.generator(function(yield)
    local _turn <close> = take_turn(self)
    local state = { core = self.core, is_open = true } -- it may be open though a cancellation hid that
    local _end <close> = async.defer(end_statement, state)
    local rows, is_done = self.core:begin(sql, BATCH, table.unpack(arguments, 1, arguments.n))
    while true do
      state.is_open = not is_done
      for _, row in ipairs(rows) do yield(row) end
      if is_done then return end
      rows, is_done = self.core:more(BATCH)
    end
  end)
end

---@class sqlite.Transaction: sqlite.Session
local Transaction = setmetatable({}, { __index = Session })
Transaction.__index = Transaction

local function finish(self, command)
  if self.is_over then error("this transaction has ended", 3) end
  self:query(command)
  self.is_over = true
  self.permit:release()
end

---Makes what was done last.
---@async
function Transaction:commit() finish(self, "COMMIT") end

---Undoes what was done. It is what happens to a transaction that is left without a commit.
---@async
function Transaction:rollback() finish(self, "ROLLBACK") end

-- Whatever has been cancelled meanwhile: the connection goes to the next one without a transaction. That there is none
-- is an error that says nothing.
function Transaction:__close()
  if self.is_over then return end
  async.shield(function() pcall(self.query, self, "ROLLBACK") end)
  self.is_over = true
  self.permit:release()
end

---Begins a transaction, which has the connection for itself: `local tx <close> = db:begin()`. Without a `commit` it is
---rolled back when the block is left.
---@async
---@return sqlite.Transaction
function Session:begin()
  local permit = take_turn(self)
  local tx = setmetatable({ core = self.core, turns = async.lock(), permit = permit }, Transaction)
  local ok, err = pcall(tx.query, tx, "BEGIN IMMEDIATE")
  if ok then return tx end
  tx:__close() -- it may have begun, and then have been cancelled
  error(err, 0)
end

---Runs `fn(tx, ...)` in a transaction, commits when it returns, rolls back when it fails.
---@async
---@param fn fun(tx: sqlite.Transaction, ...): any
---@return any ...  what `fn` returns
function Session:transaction(fn, ...)
  local tx <close> = self:begin()
  local results = table.pack(fn(tx, ...))
  tx:commit()
  return table.unpack(results, 1, results.n)
end

---Closes the connection. What runs is given up.
function Session:close() self.core:close() end

Session.__close = Session.close

local sqlite = {}

---A connection to the database in that file, which is made; ":memory:" for one of its own.
---@async
---@param path string
---@return sqlite.Session
function sqlite.open(path) return setmetatable({ core = core.open(path), turns = async.lock() }, Session) end

return sqlite
