-- SPDX-License-Identifier: MIT
-- The driver for PostgreSQL of examples/drivers, against the real thing.
package.path = "examples/drivers/?/init.lua;examples/drivers/?.lua;" .. package.path

local async = require "saros"
local postgres = require "postgres"
local proc = require "spec.support.proc"
local sha256 = require "postgres.sha256"

local server = require("spec.support.real_servers").postgres()

local function options(more)
  local all = { port = server.port, user = server.user, password = server.password, database = server.database }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

-- A spec inside a run; no descriptor may be left behind.
local function inside(fn)
  return function()
    async.run(function() end)
    local before = proc.descriptors()
    async.run(fn)
    assert.same(before, proc.descriptors())
  end
end

local function with_connection(fn)
  return inside(function()
    local db <close> = postgres.connect(options())
    fn(db)
  end)
end

local function error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

local function pid_of(db) return db:query("SELECT pg_backend_pid() AS pid")[1].pid end

-- Waits until the server shows so many statements that hold the text, besides the one that asks.
local function until_running(watcher, text, count)
  local sql = [[SELECT count(*) AS n FROM pg_stat_activity
    WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()]]
  async.wait_for(function()
    while watcher:query(sql, "%" .. text .. "%")[1].n ~= count do async.sleep(0.01) end
  end, 30)
end

describe("SHA-256 in Lua", function()
  local function hex(bytes) return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)) end

  it("gives the digests of FIPS 180-4", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hex(sha256.digest "abc"))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hex(sha256.digest ""))
    local two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    assert.equal("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", hex(sha256.digest(two_blocks)))
  end)

  it("signs as RFC 4231 says, by keys longer than a block too", function()
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      hex(sha256.hmac("Jefe", "what do ya want for nothing?")))
    assert.equal("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      hex(sha256.hmac(("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First")))
  end)

  it("derives keys as RFC 7914 says", function()
    assert.equal("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc",
      hex(sha256.pbkdf2("passwd", "salt", 1)))
  end)
end)

describe("a connection to PostgreSQL", function()
  for name, more in pairs {
    ["over TCP"] = {}, ["over TLS"] = { tls = { ca_file = server.ca, server_name = "localhost" } },
    ["over a Unix socket"] = { unix_socket = server.unix },
  } do
    it("is made " .. name, inside(function()
      local db <close> = postgres.connect(options(more))
      assert.equal(42, db:query("SELECT 6 * 7 AS answer")[1].answer)
      local rows = db:query "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
      assert.equal(more.tls ~= nil, rows[1].ssl)
    end))
  end

  it("is refused where the password is wrong", inside(function()
    local err = error_of(postgres.connect, options { password = "guessed" })
    assert.same({ "PostgresError", "28P01" }, { err.name, err.code })
  end))

  it("is refused over TLS where the server is not who it should be", inside(function()
    local err = error_of(postgres.connect, options { tls = true })
    assert.equal("TLSError", err.name)
  end))

  it("is refused where the server cannot prove that it knows the password", inside(function()
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local function reply(kind, payload) return kind .. string.pack(">I4", #payload + 4) .. payload end
    local task <close> = async.spawn(function()
      local stream <close> = listener:accept()
      stream:read_exactly(string.unpack(">I4", stream:read_exactly(4)) - 4)
      stream:write(reply("R", string.pack(">I4z", 10, "SCRAM-SHA-256") .. "\0"))
      local first = stream:read()
      local theirs = first:match "r=(.+)$" .. "more"
      stream:write(reply("R", string.pack(">I4", 11) .. "r=" .. theirs .. ",s=c2FsdA==,i=4096"))
      stream:read()
      stream:write(reply("R", string.pack(">I4", 0)), reply("Z", "I"))
      stream:read()
    end)
    local _, port = listener:address()
    assert.matches("without proof", error_of(postgres.connect, options { port = port }), 1, true)
    task:cancel()
  end))

  it("is refused where nobody speaks PostgreSQL, in time", inside(function()
    local listener <close> = async.net.listen("127.0.0.1", 0)
    local _, port = listener:address()
    assert.equal("TimeoutError", error_of(postgres.connect, options { port = port, timeout = 0.05 }).name)
  end))

  it("says what is wrong with its options", function()
    assert.matches("unknown option 'usr'", error_of(postgres.connect, { usr = "ada" }), 1, true)
    assert.matches("option 'user' is missing", error_of(postgres.pool, {}), 1, true)
    assert.matches("option 'port': number expected", error_of(postgres.connect, { user = "ada", port = "x" }), 1, true)
  end)
end)

describe("a query", function()
  it("takes and gives values of many types", with_connection(function(db)
    local row = db:query([[SELECT $1::int AS i, $2::float8 AS f, $3::bool AS b, $4::text AS t, $5::text AS nothing,
      $6::bytea AS bytes, $7::numeric AS exact]], 7, 0.1, true, "it's \"so\"", nil, postgres.bytea "\0\255a", "1.10")[1]
    assert.same({ i = 7, f = 0.1, b = true, t = "it's \"so\"", bytes = "\0\255a", exact = "1.10" }, row)
  end))

  it("gives rows, columns and what was done", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int, name text)"
    assert.equal("INSERT 0 2", db:query("INSERT INTO t VALUES (1, $1), (2, $2)", "one", "two").command)
    local rows = db:query "SELECT * FROM t ORDER BY n"
    assert.same({ { n = 1, name = "one" }, { n = 2, name = "two" } }, { rows[1], rows[2] })
    assert.same({ "n", "name" }, { rows.columns[1].name, rows.columns[2].name })
    assert.equal(0, #db:query "")
  end))

  it("that is wrong raises, and the connection goes on", with_connection(function(db)
    local err = error_of(db.query, db, "SELECT 1 / $1::int", 0)
    assert.same({ "PostgresError", "22012", "division by zero" }, { err.name, err.code, err.message })
    assert.equal("42601", error_of(db.execute, db, "SELEKT 1; SELECT 2").code)
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))

  it("gives numbers that are none as they are", with_connection(function(db)
    local row = db:query("SELECT $1::float8 AS a, $2::float8 AS b, $3::float4 AS c", math.huge, -math.huge, 0 / 0)[1]
    assert.same({ math.huge, -math.huge, true }, { row.a, row.b, row.c ~= row.c })
  end))

  it("that cannot be sent is refused before anything happens, and the connection goes on", with_connection(function(db)
    local pid = pid_of(db)
    local function refused(what, method, ...) assert.matches(what, error_of(db[method], db, ...), 1, true) end
    refused("bad argument #1 to 'query' (string expected, got nil)", "query")
    refused("bad argument #1 to 'query' (the statement has a zero in it)", "query", "SELECT 1\0")
    refused("bad argument #3 to 'query' (numbers, strings, booleans and nil can be parameters, got a table)", "query",
      "SELECT $1, $2", 1, {})
    refused("bad argument #2 to 'rows' (numbers", "rows", "SELECT $1", print)
    refused("bad argument #1 to 'execute' (string", "execute", {})
    refused("bad argument #1 to 'copy_in' (string", "copy_in", nil, {})
    refused("bad argument #1 to 'copy_out' (string", "copy_out", nil)
    assert.equal(pid, pid_of(db))
  end))

  it("that asks for data raises, and the connection goes on", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int)"
    local pid, copy = pid_of(db), "COPY t FROM STDIN"
    for _, ask in ipairs {
      function() db:query(copy) end, function() db:execute(copy) end, function() db:execute(copy .. ";" .. copy) end,
      function() for _ in db:rows(copy) do end end, function() for _ in db:copy_out(copy) do end end,
      function() db:copy_in(copy .. ";" .. copy, { "1\n" }) end,
    } do
      assert.matches("use copy_in", async.wait_for(error_of, 60, ask).message, 1, true)
    end
    assert.equal(pid, pid_of(db))
  end))

  it("over TLS is cancelled as well", inside(function()
    local db <close> = postgres.connect(options { tls = { ca_file = server.ca, server_name = "localhost" } })
    local pid = pid_of(db)
    for _ = 1, 3 do assert.is_false((async.move_on_after(0.05, db.query, db, "SELECT pg_sleep(600)"))) end
    assert.equal(pid, pid_of(db))
  end))

  it("waits for those of other tasks on the same connection", with_connection(function(db)
    local results = async.map(20, function(i) return db:query("SELECT $1::int AS n", i)[1].n end)
    for i = 1, 20 do assert.equal(i, results[i]) end
  end))

  it("that is cancelled is cancelled on the server, and the connection goes on", inside(function()
    local pool <close> = postgres.pool(options { size = 2 })
    local db <close> = pool:acquire()
    local watcher <close> = pool:acquire()
    local task = async.spawn(db.query, db, "SELECT pg_sleep(600)")
    until_running(watcher, "pg_sleep(600)", 1)
    task:cancel()
    async.wait { task }
    assert.is_true(task:cancelled())
    until_running(watcher, "pg_sleep(600)", 0)
    assert.equal(5, db:query("SELECT 5 AS n")[1].n)
  end))

  it("may be cancelled at each await without mixing up replies", with_connection(function(db)
    for steps = 0, 12 do
      local task = async.spawn(function()
        for i = 1, 3 do db:query("SELECT $1::text AS n", "cancelled " .. i) end
      end)
      for _ = 1, steps do async.sleep(0) end
      task:cancel()
      async.wait { task }
      assert.equal("mine " .. steps, db:query("SELECT $1::text AS n", "mine " .. steps)[1].n)
    end
  end))
end)

describe("rows", function()
  it("come as they are read", with_connection(function(db)
    local sum = 0
    for row in db:rows("SELECT n FROM generate_series(1, $1) AS n", 1000) do sum = sum + row.n end
    assert.equal(500500, sum)
  end))

  it("come no faster than they are read", with_connection(function(db)
    for row in db:rows("SELECT n, repeat('x', 100000) AS text FROM generate_series(1, 10000) AS n") do
      if row.n == 250 then break end
    end
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))

  it("that turn out wrong on the way raise, after those before", with_connection(function(db)
    local seen = 0
    local err = error_of(function()
      for row in db:rows "SELECT 1 / (5 - n) AS n FROM generate_series(1, 9) AS n" do seen = seen + (row.n and 1) end
    end)
    assert.same({ "22012", 4 }, { err.code, seen })
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))
end)

describe("a transaction", function()
  it("is committed, or rolled back when it is left without", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int)"
    assert.equal("done", db:transaction(function(tx)
      tx:query("INSERT INTO t VALUES (1)")
      return "done"
    end))
    do
      local tx <close> = db:begin()
      tx:query("INSERT INTO t VALUES (2)")
    end
    local err = error_of(db.transaction, db, function(tx)
      tx:query("INSERT INTO t VALUES (3)")
      error "no"
    end)
    assert.matches("no", err, 1, true)
    assert.equal(1, db:query("SELECT count(*) AS n FROM t")[1].n)
  end))

  it("has the connection for itself", with_connection(function(db)
    local tx = db:begin()
    local other = async.spawn(db.query, db, "SELECT txid_current_if_assigned() IS NULL AS outside")
    tx:query("CREATE TEMP TABLE t (n int)")
    tx:query("INSERT INTO t VALUES (1)")
    assert.is_false(other:done())
    tx:commit()
    assert.is_true(other:await()[1].outside)
    assert.matches("has ended", error_of(tx.commit, tx), 1, true)
  end))

  it("whose beginning is cancelled leaves nothing open", with_connection(function(db)
    for steps = 0, 12 do
      local task = async.spawn(function() local _tx <close> = db:begin() end)
      for _ = 1, steps do async.sleep(0) end
      task:cancel()
      async.wait { task }
      if not task:cancelled() then break end
      db:query "SELECT 1"
      assert.equal("I", db.link.status)
    end
  end))

  it("that has ended does nothing more", with_connection(function(db)
    local tx = db:begin()
    tx:commit()
    assert.matches("has ended", error_of(tx.query, tx, "SELECT 1"), 1, true)
    assert.matches("has ended", error_of(tx.begin, tx), 1, true)
    assert.matches("has ended", error_of(function() for _ in tx:rows "SELECT 1" do end end), 1, true)
  end))

  it("goes on when a loop over rows is left", with_connection(function(db)
    local tx <close> = db:begin()
    for row in tx:rows("SELECT n, repeat('x', 100000) AS text FROM generate_series(1, 1000) AS n") do
      if row.n == 1 then break end
    end
    assert.equal(1, tx:query("SELECT 1 AS n")[1].n)
    tx:commit()
  end))

  it("of which a statement failed is not committed", with_connection(function(db)
    local tx <close> = db:begin()
    pcall(tx.query, tx, "SELEKT")
    assert.matches("all was rolled back", error_of(tx.commit, tx), 1, true)
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))
end)

describe("notifications", function()
  it("arrive from the call on, in order, until the loop is left", inside(function()
    local pool <close> = postgres.pool(options())
    local db <close> = pool:acquire()
    local heard = {}
    do
      local listening, _, _, _closing <close> = db:listen 'new "things"'
      pool:with(function(other)
        for i = 1, 3 do other:notify('new "things"', "thing " .. i) end
      end)
      for payload in listening do
        heard[#heard + 1] = payload
        if #heard == 3 then break end
      end
    end
    assert.same({ "thing 1", "thing 2", "thing 3" }, heard)
    assert.equal(0, #db:query "SELECT pg_listening_channels()")
  end))

  it("are waited for, and the wait can be cancelled", inside(function()
    local pool <close> = postgres.pool(options())
    local db <close> = pool:acquire()
    local heard = async.queue()
    local task = async.spawn(function()
      for payload in db:listen "news" do heard:put(payload) end
    end)
    until_running(db, "nothing", 0)
    pool:with(function(other) other:notify("news", "first") end)
    assert.equal("first", heard:get())
    task:cancel()
    async.wait { task }
    assert.is_true(task:cancelled())
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))
end)

describe("COPY", function()
  it("takes rows in and gives them out", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int, name text)"
    local i = 0
    local command = db:copy_in("COPY t FROM STDIN", function()
      i = i + 1
      if i <= 5000 then return ("%d\tname %d\n"):format(i, i) end
    end)
    assert.equal("COPY 5000", command)
    local lines = {}
    for line in db:copy_out "COPY (SELECT * FROM t WHERE n <= 2 ORDER BY n) TO STDOUT" do lines[#lines + 1] = line end
    assert.same({ "1\tname 1\n", "2\tname 2\n" }, lines)
  end))

  it("stores nothing where what gives the rows fails, or what it gives is wrong", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int)"
    local i = 0
    local err = error_of(db.copy_in, db, "COPY t FROM STDIN", function()
      i = i + 1
      if i == 3 then error "no more" end
      return i .. "\n"
    end)
    assert.matches("no more", err, 1, true)
    assert.equal("22P02", error_of(db.copy_in, db, "COPY t FROM STDIN", { "1\n", "two\n" }).code)
    assert.equal(0, db:query("SELECT count(*) AS n FROM t")[1].n)
    assert.matches("copies nothing", error_of(db.copy_in, db, "SELECT 1", { "1\n" }), 1, true)
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))

  it("of nothing stores nothing", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int)"
    assert.equal("COPY 0", db:copy_in("COPY t FROM STDIN", {}))
  end))

  it("may be cancelled at each await", with_connection(function(db)
    db:execute "CREATE TEMP TABLE t (n int)"
    local pid = pid_of(db)
    for steps = 0, 12 do
      local task = async.spawn(db.copy_in, db, "COPY t FROM STDIN", function()
        async.sleep(0)
        return "1\n"
      end)
      for _ = 1, steps do async.sleep(0) end
      task:cancel()
      async.wait { task }
      assert.is_true(task:cancelled())
      assert.equal(0, db:query("SELECT count(*) AS n FROM t")[1].n)
    end
    assert.equal(pid, pid_of(db))
  end))

  it("may be left in the middle", with_connection(function(db)
    -- Not `FROM generate_series`, all of which the server has to have before it gives out the first row.
    for line in db:copy_out "COPY (SELECT generate_series(1, 100000000)) TO STDOUT" do
      if line == "3\n" then break end
    end
    assert.equal(1, db:query("SELECT 1 AS n")[1].n)
  end))
end)

describe("a pool", function()
  it("has at most so many connections, and uses them again", inside(function()
    local pool <close> = postgres.pool(options { size = 3 })
    local pids = {}
    async.map(30, function() pids[pool:query("SELECT pg_backend_pid() AS pid")[1].pid] = true end)
    local count = 0
    for _ in pairs(pids) do count = count + 1 end
    assert.is_true(count <= 3)
  end))

  it("lends what is as new", inside(function()
    local pool <close> = postgres.pool(options { size = 1 })
    pool:with(function(db)
      db:execute "CREATE TEMP TABLE t (n int); SET statement_timeout = 12345; BEGIN"
      pcall(db.query, db, "SELEKT")
    end)
    pool:with(function(db)
      assert.equal("0", db:query("SHOW statement_timeout")[1].statement_timeout)
      assert.equal("42P01", error_of(db.query, db, "SELECT * FROM t").code)
    end)
  end))

  it("takes back nothing that is still in use", inside(function()
    local pool <close> = postgres.pool(options { size = 1 })
    local db = pool:acquire()
    local rows = db:rows "SELECT n FROM generate_series(1, 1000) AS n"
    assert.equal(1, rows().n)
    db:close()
    assert.equal("mine", pool:query("SELECT 'mine' AS whose")[1].whose)
    assert.equal("ClosedError", error_of(db.query, db, "SELECT 1").name)
    assert.equal("ClosedError", error_of(db.begin, db).name)
  end))

  it("that is closed lends nothing", inside(function()
    local pool = postgres.pool(options())
    pool:query "SELECT 1"
    pool:close()
    assert.equal("ClosedError", error_of(pool.query, pool, "SELECT 1").name)
  end))

  it("replaces what the server has closed", inside(function()
    local pool <close> = postgres.pool(options { size = 2 })
    local db = pool:acquire()
    local pid = db:query("SELECT pg_backend_pid() AS pid")[1].pid
    pool:with(function(other) other:query("SELECT pg_terminate_backend($1)", pid) end)
    local err = error_of(function()
      while true do db:query "SELECT 1" end
    end)
    assert.equal("57P01", err.code or err)
    db:close()
    for _ = 1, 3 do assert.equal(1, pool:query("SELECT 1 AS n")[1].n) end
  end))

  it("gives a slot back whose borrower was cancelled", inside(function()
    local pool <close> = postgres.pool(options { size = 1 })
    local running = async.event()
    local task = async.spawn(pool.with, pool, function(db)
      running:set()
      db:query "SELECT pg_sleep(600)"
    end)
    running:wait()
    task:cancel()
    assert.equal(1, pool:query("SELECT 1 AS n")[1].n)
  end))
end)

