-- SPDX-License-Identifier: MIT
-- The driver for SQLite of examples/drivers, compiled here as a stranger would.
local async = require "saros"
local example = require "spec.support.example"
local proc = require "spec.support.proc"
local toolchain = require "spec.embed.toolchain"

local sqlite, workshop, database

setup(function()
  workshop = toolchain.open()
  workshop:write("sqlite/made", "")
  workshop:compile("examples/drivers/sqlite/core.c", "sqlite/core.so", "sqlite3")
  package.path = "examples/drivers/?/init.lua;" .. package.path
  package.cpath = workshop:path "?.so" .. ";" .. package.cpath
  sqlite = require "sqlite"
  database = workshop:path "test.db"
end)

teardown(function() workshop:close() end)

-- A spec inside a run, with a database of its own; no descriptor may be left behind.
local function inside(fn)
  return function()
    async.run(function() end)
    local before = proc.descriptors()
    async.run(function()
      local db <close> = sqlite.open ":memory:"
      fn(db)
    end)
    assert.same(before, proc.descriptors())
  end
end

local function error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- Counts up until somebody stops it.
local ENDLESS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers) SELECT n FROM numbers"
local BUSY = ENDLESS .. " WHERE n < 0"

describe("a statement", function()
  it("takes and gives values of each type", inside(function(db)
    local sql = "SELECT ? AS i, ? AS f, ? AS t, ? AS missing, ? AS yes"
    local row = db:query(sql, math.maxinteger, 0.1, "a\0b", nil, true)[1]
    assert.same({ i = math.maxinteger, f = 0.1, t = "a\0b", yes = 1 }, row)
    assert.equal("integer", math.type(row.i))
  end))

  it("tells what it changed", inside(function(db)
    db:execute "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX i ON t (name)"
    local rows = db:query("INSERT INTO t (name) VALUES (?), (?)", "one", "two")
    assert.same({ 2, 2 }, { rows.changes, rows.last_id })
    assert.same({ "id", "name" }, db:query("SELECT * FROM t").columns)
    assert.equal(0, #db:query "-- nothing")
    assert.equal('[{"id":1},{"id":2}]', async.json.encode(db:query "SELECT id FROM t"))
    assert.equal("[]", async.json.encode(db:query "SELECT id FROM t WHERE id > 2"))
    assert.equal("[]", async.json.encode(async.json.array(db:query "SELECT id FROM t WHERE id > 2")))
  end))

  it("that is wrong raises, and the connection goes on", inside(function(db)
    local err = error_of(db.query, db, "SELEKT")
    assert.same({ "SQLiteError", "ESQLITE" }, { err.name, err.code })
    assert.matches("syntax error", err.message, 1, true)
    assert.matches("no such table", error_of(db.execute, db, "SELECT 1; SELECT * FROM t").message, 1, true)
    assert.matches("parameters", error_of(db.query, db, "SELECT ?", {}), 1, true)
    assert.matches("has a zero in it", error_of(db.query, db, "SELECT 1\0"), 1, true)
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))

  it("is one: what follows it is refused, not dropped", inside(function(db)
    local err = error_of(db.query, db, "CREATE TABLE t (n INTEGER); CREATE TABLE u (n INTEGER)")
    assert.matches("more than one statement", err.message, 1, true)
    assert.equal(1, db:query("SELECT 1 AS n ; -- that was all\n")[1].n)
  end))

  it("does not hold up the loop", inside(function(db)
    local turns = 0
    local task = async.spawn(db.query, db, BUSY)
    for _ = 1, 100 do
      async.sleep(0)
      turns = turns + 1
    end
    assert.same({ 100, false }, { turns, task:done() })
    task:cancel()
  end))

  it("that is cancelled is given up, and the connection goes on", inside(function(db)
    for steps = 0, 5 do
      local task = async.spawn(db.query, db, BUSY)
      for _ = 1, steps do async.sleep(0) end
      task:cancel()
      async.wait { task }
      assert.is_true(task:cancelled())
      assert.equal(steps, db:query("SELECT ? AS n", steps)[1].n)
    end
  end))

  it("waits for those of other tasks on the same connection", inside(function(db)
    local results = async.map(50, function(i) return db:query("SELECT ? AS n", i)[1].n end)
    for i = 1, 50 do assert.equal(i, results[i]) end
  end))
end)

describe("rows", function()
  it("come as they are read, and no faster", inside(function(db)
    local sum = 0
    for row in db:rows(ENDLESS) do
      sum = sum + row.n
      if row.n == 1000 then break end
    end
    assert.equal(500500, sum)
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))

  it("leave no lock behind when their loop is cancelled", inside(function(db)
    db:execute "CREATE TABLE t (n INTEGER); INSERT INTO t SELECT 1 FROM (SELECT 1 UNION SELECT 2 UNION SELECT 3)"
    local begun = async.event()
    local task = async.spawn(function()
      for _ in db:rows("SELECT a.n FROM t AS a, t AS b, t AS c, t AS d, t AS e") do
        begun:set()
        async.sleep(math.huge)
      end
    end)
    begun:wait()
    task:cancel()
    async.wait { task }
    db:execute "DROP TABLE t"
  end))
end)

describe("a transaction", function()
  it("is committed, or rolled back when it is left without", inside(function(db)
    db:execute "CREATE TABLE t (n INTEGER)"
    assert.equal("done", db:transaction(function(tx)
      tx:query "INSERT INTO t VALUES (1)"
      return "done"
    end))
    do
      local tx <close> = db:begin()
      tx:query "INSERT INTO t VALUES (2)"
    end
    error_of(db.transaction, db, function(tx)
      tx:query "INSERT INTO t VALUES (3)"
      error "no"
    end)
    assert.equal(1, db:query("SELECT count(*) AS n FROM t")[1].n)
  end))

  it("has the connection for itself", inside(function(db)
    db:execute "CREATE TABLE t (n INTEGER)"
    local tx = db:begin()
    local other = async.spawn(db.query, db, "SELECT count(*) AS n FROM t")
    for i = 1, 10 do tx:query("INSERT INTO t VALUES (?)", i) end
    assert.is_false(other:done())
    tx:commit()
    assert.equal(10, other:await()[1].n)
    assert.matches("has ended", error_of(tx.rollback, tx), 1, true)
  end))

  it("whose beginning is cancelled leaves nothing open", inside(function(db)
    for steps = 0, 5 do
      local task = async.spawn(function() local _tx <close> = db:begin() end)
      for _ = 1, steps do async.sleep(0) end
      task:cancel()
      async.wait { task }
      if task:cancelled() then db:transaction(function() end) else break end
    end
  end))

  it("that has ended does nothing more", inside(function(db)
    db:execute "CREATE TABLE t (n INTEGER)"
    local tx = db:begin()
    tx:commit()
    assert.matches("has ended", error_of(tx.query, tx, "INSERT INTO t VALUES (1)"), 1, true)
    assert.matches("has ended", error_of(tx.execute, tx, "INSERT INTO t VALUES (1)"), 1, true)
    assert.matches("has ended", error_of(function() for _ in tx:rows "SELECT 1" do end end), 1, true)
    assert.equal(0, db:query("SELECT count(*) AS n FROM t")[1].n)
  end))

  it("waits for one of another connection to the same file", inside(function()
    local first <close> = sqlite.open(database)
    local second <close> = sqlite.open(database)
    first:execute "CREATE TABLE t (n INTEGER)"
    local tx = first:begin()
    tx:query "INSERT INTO t VALUES (1)"
    local other = async.spawn(second.transaction, second, function(tx2)
      tx2:query "INSERT INTO t VALUES (2)"
    end)
    async.sleep(0)
    tx:commit()
    other:await()
    assert.equal(2, first:query("SELECT count(*) AS n FROM t")[1].n)
  end))
end)

describe("a connection", function()
  it("is refused where there is no such folder", inside(function()
    local err = error_of(sqlite.open, "/nowhere/at/all.db")
    assert.equal("SQLiteError", err.name)
    assert.matches("unable to open", err.message, 1, true)
  end))

  it("that is closed ends what runs on it", inside(function()
    local db = sqlite.open ":memory:"
    local task = async.spawn(db.query, db, BUSY)
    async.sleep(0)
    db:close()
    assert.equal("ClosedError", error_of(task.await, task).name)
    assert.equal("ClosedError", error_of(db.query, db, "SELECT 1").name)
    db:close()
  end))

  it("ends with its run", function()
    local db
    async.run(function()
      db = sqlite.open ":memory:"
      async.spawn(db.query, db, BUSY)
      async.sleep(0)
    end)
    async.run(function() assert.equal("ClosedError", error_of(db.query, db, "SELECT 1").name) end)
  end)

  it("that is idle keeps no run alive", function()
    local err = error_of(async.run, function()
      local _db <close> = sqlite.open ":memory:"
      async.event():wait()
    end)
    assert.equal("DeadlockError", err.name)
  end)
end)

it("the example sqlite_api lends books", function()
  assert.equal(table.concat({
    "201\tProgramming in Lua\t", "409\twe have that one\t", "201\tMomo\t", "422\tauthor is missing\t",
    "200\t1 found\t", "200\tProgramming in Lua\tAda", "409\tAda has it\t", "204\t\t",
    "200\tProgramming in Lua\t", "404\tno such book\t", "",
  }, "\n"), example("sqlite_api", nil, { cpath = workshop:path "?.so" }))
end)
