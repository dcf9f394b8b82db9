-- SPDX-License-Identifier: MIT
-- The calls that pgmoon makes, on its cosockets and on LuaSocket, against PostgreSQL.
local async = require "saros"
local ngx = require "saros.compat.ngx"
local socket = require "saros.compat.socket"
local server = require("spec.support.real_servers").postgres()
local tasks = require "spec.support.tasks"
local inside, caught = tasks.inside, tasks.caught

-- How each of the two is connected to, sent to, and left.
local kinds = {
  cosocket = {
    connect = function(port)
      local sock = ngx.socket.tcp()
      sock:settimeouts(10000, 10000, 30000)
      assert(sock:connect("127.0.0.1", port, {pool = "tester@127.0.0.1:" .. port}))
      return sock, sock:getreusedtimes() > 0
    end,
    send = function(sock, parts) return sock:send(parts) end,
    leave = function(sock) return sock:setkeepalive(10000, 10) end,
  },
  LuaSocket = {
    connect = function(port)
      local sock = socket.tcp()
      sock:settimeout(30)
      assert(sock:connect("127.0.0.1", port))
      return sock, false
    end,
    send = function(sock, parts) return sock:send(table.concat(parts)) end,
    leave = function(sock) return sock:close() end,
  },
}

local Client = {}
Client.__index = Client

function Client:message(kind, ...)
  local body = table.concat {...}
  assert(self.kind.send(self.sock, {kind, (">I4"):pack(#body + 4), body}))
end

-- The type of the next message, and its body.
function Client:receive()
  local head = assert(self.sock:receive(5))
  local length = (">I4"):unpack(head, 2) - 4
  return head:sub(1, 1), length > 0 and assert(self.sock:receive(length)) or ""
end

function Client:authenticate(body)
  local method = (">I4"):unpack(body)
  if method == 0 then return end
  assert(method == 5, "MD5 is what it was set up for")
  self:message("p", "md5", ngx.md5(ngx.md5("secret" .. "tester") .. body:sub(5, 8)), "\0")
end

-- Whatever comes until the server is ready for a query: rows, or the message of an error.
function Client:drain()
  local rows, problem = {}, nil
  for kind, body in self.receive, self do
    if kind == "Z" then return problem == nil and rows, problem end
    if kind == "R" then
      self:authenticate(body)
    elseif kind == "E" then
      problem = body:match "\0M([^\0]*)" or body
    elseif kind == "D" then
      local row, at, count = {}, 3, (">I2"):unpack(body)
      for i = 1, count do row[i], at = (">s4"):unpack(body, at) end
      rows[#rows + 1] = row
    end
  end
end

function Client:query(text)
  self:message("Q", text, "\0")
  return self:drain()
end

local function connect(kind)
  local sock, was_used = kind.connect(server.port)
  local self = setmetatable({kind = kind, sock = sock, was_used = was_used}, Client)
  if not was_used then
    self:message("", (">I4"):pack(0x30000), "user\0tester\0database\0postgres\0\0")
    assert(self:drain())
  end
  return self
end

for name, kind in pairs(kinds) do
  describe("PostgreSQL by the calls of pgmoon on a " .. name, function()
    it("answers queries and tells errors", inside(function()
      local client = connect(kind)
      assert.same({{"1", "two"}}, client:query "select 1, 'two'")
      local rows, problem = client:query "select nonsense"
      assert.is_false(rows)
      assert.matches("nonsense", problem)
      local big = client:query "select repeat('x', 300000)"
      assert.equal(300000, #big[1][1])
      assert.truthy(kind.leave(client.sock))
    end))

    it("serves tasks side by side: each waits for what another one does", inside(function()
      local first, second = connect(kind), connect(kind)
      first:query "begin; select pg_advisory_xact_lock(7)"
      local got = false
      local waiting = tasks.start(function()
        second:query "select pg_advisory_lock(7), pg_advisory_unlock(7)"
        got = true
      end)
      assert.same({{"3"}}, first:query "select 3")
      assert.is_false(got)
      first:query "commit"
      waiting:await()
      assert.is_true(got)
      kind.leave(first.sock)
      kind.leave(second.sock)
    end))

    it("works inside coroutines, transactions too", inside(function()
      local client = connect(kind)
      local co = async.coroutine
      local rows = co.wrap(function()
        client:query "begin"
        for i = 1, 3 do co.yield(client:query(("select %d"):format(i))[1][1]) end
        client:query "rollback"
      end)
      local got = {}
      for value in rows do got[#got + 1] = value end
      assert.same({"1", "2", "3"}, got)
      kind.leave(client.sock)
    end))
  end)
end

describe("PostgreSQL by the calls of pgmoon", function()
  it("gets a connection of the pool back, without shaking hands again", inside(function()
    local client = connect(kinds.cosocket)
    client:query "set application_name = 'kept'"
    kinds.cosocket.leave(client.sock)
    local again = connect(kinds.cosocket)
    assert.is_true(again.was_used)
    assert.same({{"kept"}}, again:query "show application_name")
  end))

  it("sees a cancelled query as a read that was cut off: the rest is still there", inside(function()
    local client = connect(kinds.LuaSocket)
    local task = tasks.start(function() return client:query "select pg_sleep(0.2), 'late'" end)
    task:cancel()
    caught(task.await, task)
    assert.same({{"", "late"}}, client:drain())
    assert.same({{"5"}}, client:query "select 5")
  end))
end)
