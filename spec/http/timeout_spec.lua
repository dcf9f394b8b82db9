-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

local function timeout_of(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.truthy(async.is_error(err, "TimeoutError"), tostring(err))
  assert.equal("ETIMEDOUT", err.code)
  return err
end

-- An address where connecting takes for ever: a listener whose queue is full.
local function with_full_listener(fn)
  local pipe = io.popen([[exec env -u LD_PRELOAD python3 -c '
import os, select, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
clients = [socket.socket() for _ in range(4)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
watch = select.poll()
watch.register(1, 0)
watch.poll(60000)
']], "r")
  local ok, err = pcall(fn, "http://127.0.0.1:" .. pipe:read("l"))
  pipe:close()
  if not ok then error(err, 0) end
end

describe("a timeout", function()
  it("of all limits the wait for a response", inside(function()
    local before = async.now()
    local err = timeout_of(http.get, server.url .. "/hang", { timeout = 0.1 })
    local took = async.now() - before
    assert.truthy(took >= 0.099 and took < 1, took)
    assert.same({ "total", 0.1, server.url .. "/hang" }, { err.phase, err.seconds, err.url })
  end))

  it("of all limits the body too, after what had arrived", inside(function()
    local response = http.get(server.url .. "/hang-in-body", { timeout = { total = 0.1 } })
    assert.equal("begin", response:read())
    local err = timeout_of(response.read, response)
    assert.same({ "total", response }, { err.phase, err.response })
    response = http.get(server.url .. "/hang-in-body", { timeout = 0.1 })
    timeout_of(response.text, response)
  end))

  it("does not touch a body that has arrived", inside(function()
    local response = http.get(server.url .. "/echo", { timeout = 0.05 })
    async.sleep(0.1)
    assert.equal("GET", response:json().method)
  end))

  it("of connecting limits just that", inside(function()
    with_full_listener(function(url)
      local err = timeout_of(http.get, url .. "/", { timeout = { connect = 0.1 } })
      assert.same({ "connect", 0.1 }, { err.phase, err.seconds })
    end)
    assert.equal("slow", http.get(server.url .. "/slow?seconds=0.2", { timeout = { connect = 0.1 } }):text())
  end))

  it("of connecting covers the handshake of TLS", inside(function()
    local silent = server.url:gsub("http:", "https:") -- waits for a line that never ends
    local ok, err = pcall(http.get, silent .. "/", { timeout = { connect = 0.1 } })
    assert.is_false(ok)
    assert.truthy(err.phase == "connect" or err.code == "ETLS")
  end))

  it("of reading limits each gap, the first included", inside(function()
    local err = timeout_of(http.get, server.url .. "/hang", { timeout = { read = 0.1 } })
    assert.same({ "read", 0.1 }, { err.phase, err.seconds })
    local response = http.get(server.url .. "/hang-in-body", { timeout = { read = 0.1 } })
    assert.equal("read", timeout_of(response.text, response).phase)
  end))

  it("of reading leaves a slow but steady body alone", inside(function()
    local response = http.get(server.url .. "/drip?count=10&gap=0.03", { timeout = { read = 0.15 } })
    assert.equal(50, #response:text())
  end))

  it("of reading stands still while the reader is the slow one", inside(function()
    local response = http.get(server.url .. "/big?bytes=20000000", { timeout = { read = 0.1 } })
    async.sleep(0.3)
    assert.equal(20000000, #response:text())
  end))

  it("of reading does not blame the server for a program that held the loop", inside(function()
    local response = http.get(server.url .. "/drip?count=5&gap=0.05", { timeout = { read = 0.2 } })
    local stop = os.clock() + 0.4
    repeat until os.clock() > stop
    assert.equal(25, #response:text())
  end))

  it("of the pool limits the wait for a slot", inside(function()
    local session <close> = http.session { limit = 1 }
    local held <close> = session:get(server.url .. "/hang-in-body")
    local err = timeout_of(session.get, session, server.url .. "/echo", { timeout = { pool = 0.1 } })
    assert.same({ "pool", 0.1 }, { err.phase, err.seconds })
    assert.equal("total", timeout_of(session.get, session, server.url .. "/echo", { timeout = 0.1 }).phase)
    assert.equal(0, session:stats().waiting)
    assert.equal(200, held.status)
  end))

  it("may be false, huge or negative", inside(function()
    assert.equal(200, http.get(server.url .. "/echo", { timeout = false }).status)
    assert.equal(200, http.get(server.url .. "/echo", { timeout = math.huge }).status)
    assert.equal(0, timeout_of(http.get, server.url .. "/hang", { timeout = -1 }).seconds)
  end))

  it("of a request goes over the session's, phase by phase", inside(function()
    local session <close> = http.session { timeout = { total = 0.1, read = 5 } }
    assert.equal("total", timeout_of(session.get, session, server.url .. "/hang").phase)
    assert.equal("slow", session:get(server.url .. "/slow?seconds=0.2", { timeout = { total = false } }):text())
    local options = { timeout = { total = 5, read = 0.1 } }
    assert.equal("read", timeout_of(session.get, session, server.url .. "/hang", options).phase)
    local hasty <close> = http.session { timeout = { total = 0.1, read = 0.1 } }
    assert.equal("slow", hasty:get(server.url .. "/slow?seconds=0.2", { timeout = false }):text())
  end))
end)
