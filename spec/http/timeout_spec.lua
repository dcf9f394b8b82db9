-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
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

describe("a timeout", function()
  it("of all limits the wait for a response", inside(function()
    local before = async.now()
    local err = timeout_of(http.get, server.url .. "/hang", { timeout = 0.1 })
    local took = async.now() - before
    assert.truthy(took >= 0.099 and took < 60, took)
    assert.same({ "total", 0.1, server.url .. "/hang" }, { err.phase, err.seconds, err.url })
  end))

  it("of all limits the body too, after what had arrived", inside(function()
    async.gather(function()
      local response = http.get(server.url .. "/hang-in-body", { timeout = { total = 1 } })
      assert.equal("begin", response:read())
      local err = timeout_of(response.read, response)
      assert.same({ "total", response }, { err.phase, err.response })
    end, function()
      local response = http.get(server.url .. "/hang-in-body", { timeout = 1 })
      timeout_of(response.text, response)
    end)
  end))

  it("does not touch a body that has arrived", inside(function()
    local response = http.get(server.url .. "/echo", { timeout = 1 })
    async.sleep(1.1)
    assert.equal("GET", response:json().method)
  end))

  it("of connecting limits just that", inside(function()
    local err = timeout_of(http.get, rogue:at "full", { timeout = { connect = 0.1 } })
    assert.same({ "connect", 0.1 }, { err.phase, err.seconds })
    assert.equal("slow", http.get(server.url .. "/slow?seconds=1.2", { timeout = { connect = 1 } }):text())
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
    local response = http.get(server.url .. "/hang-in-body", { timeout = { read = 1 } })
    assert.equal("read", timeout_of(response.text, response).phase)
  end))

  it("of reading leaves a slow but steady body alone", inside(function()
    local response = http.get(server.url .. "/drip?count=5&gap=0.4", { timeout = { read = 1.5 } })
    assert.equal(25, #response:text())
  end))

  it("of reading stands still while the reader is the slow one", inside(function()
    local response = http.get(server.url .. "/big?bytes=20000000", { timeout = { read = 1 } })
    async.sleep(1.2)
    assert.equal(20000000, #response:text())
  end))

  it("of reading does not blame the server for a program that held the loop", inside(function()
    local response = http.get(server.url .. "/drip?count=5&gap=0.1", { timeout = { read = 1 } })
    os.execute "sleep 1.2" -- after the deadline, of whose passing nobody has heard
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
    local session <close> = http.session { timeout = { total = 1, read = 60 } }
    local hasty <close> = http.session { timeout = { total = 0.1, read = 0.1 } }
    async.gather(function()
      assert.equal("total", timeout_of(session.get, session, server.url .. "/hang").phase)
    end, function()
      assert.equal("slow", session:get(server.url .. "/slow?seconds=1.2", { timeout = { total = false } }):text())
    end, function()
      local options = { timeout = { total = 60, read = 0.1 } }
      assert.equal("read", timeout_of(session.get, session, server.url .. "/hang", options).phase)
    end, function()
      local slow <close> = http.session { timeout = { read = 0.1 } } -- a number is the total alone
      assert.equal("read", timeout_of(slow.get, slow, server.url .. "/hang", { timeout = 60 }).phase)
    end, function()
      assert.equal("slow", hasty:get(server.url .. "/slow?seconds=0.2", { timeout = false }):text())
    end)
  end))
end)
