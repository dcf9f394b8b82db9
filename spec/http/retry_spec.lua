-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

local number = 0

-- The URL of something that fails so many times, by a reset or with `rest`, and that of their count.
local function moody(times, rest)
  number = number + 1
  local key = "moody" .. number
  return ("%s/moody?key=%s&times=%d%s"):format(server.url, key, times, rest or ""), server.url .. "/times?key=" .. key
end

describe("retries", function()
  it("repeat an idempotent request after a connection failure, up to n times", inside(function()
    local session <close> = http.session() -- on a connection that was used before each would go out twice
    assert.equal(3, session:get(moody(2), { retries = 2 }):json().attempt)
    local other <close> = http.session()
    local url, times = moody(9)
    local err = error_of(other.get, other, url, { retries = 2 })
    assert.same({ "FetchError", "ECONNRESET" }, { err.name, err.code })
    assert.equal(3, http.get(times):json())
    err = error_of(http.get, "http://127.0.0.1:1/", { retries = 1 })
    assert.equal("ECONNREFUSED", err.code)
  end))

  it("repeat it where no connection comes about, be it for want of an address or of time", inside(function()
    for url, code in pairs {
      ["http://name.invalid/"] = "ENOTFOUND", ["http://127.0.0.1:1/"] = "ECONNREFUSED", [rogue:at "full"] = "ETIMEDOUT",
    } do
      local session <close> = http.session { timeout = { connect = 0.5 } }
      local err = error_of(session.get, session, url, { retries = { attempts = 3, delay = 0.001 } })
      assert.equal(code, err.code)
      assert.equal(3, session:stats().requests, url)
    end
  end))

  it("are not for a response that does not come in time", inside(function()
    local session <close> = http.session { timeout = { read = 0.05 } }
    local err = error_of(session.get, session, server.url .. "/hang", { retries = { delay = 0.001 } })
    assert.same({ "read", 1 }, { err.phase, session:stats().requests })
  end))

  it("are none unless asked for", inside(function()
    local session <close> = http.session()
    local url, times = moody(1)
    assert.equal("ECONNRESET", error_of(session.get, session, url).code)
    assert.equal(1, http.get(times):json())
    url = moody(1)
    assert.equal("ECONNRESET", error_of(session.get, session, url, { retries = 0 }).code)
    assert.equal("ECONNRESET", error_of(session.get, session, moody(9), { retries = false }).code)
  end))

  it("take a delay below zero for none", inside(function()
    local before = async.now()
    local policy = { attempts = 5, delay = -1, max_delay = -1 }
    assert.equal(5, http.get(moody(4), { retries = policy }):json().attempt)
    assert.truthy(async.now() - before < 30)
  end))

  it("repeat the body, too", inside(function()
    local answer = http.put(moody(1), { retries = 1, body = "again" }):json()
    assert.same({ "PUT", "again", 2 }, { answer.method, answer.body, answer.attempt })
    answer = http.put(moody(1), { retries = 1, body = "again", on_progress = function() end }):json()
    assert.same({ "again", 2 }, { answer.body, answer.attempt })
  end))

  it("are not for a POST, nor for a body that cannot be repeated", inside(function()
    local url, times = moody(1)
    assert.equal("ECONNRESET", error_of(http.post, url, { retries = 3, body = "x" }).code)
    assert.equal(1, http.get(times):json())
    url, times = moody(1)
    local given = false
    local err = error_of(http.put, url, { retries = 3, body = function()
      if given then return nil end
      given = true
      return "x"
    end })
    assert.equal("ECONNRESET", err.code)
    assert.equal(1, http.get(times):json())
  end))

  it("with a number leave every status alone", inside(function()
    local url = moody(1, "&status=503")
    assert.equal(503, http.get(url, { retries = 3 }).status)
  end))

  it("with a table wait out 429, 502, 503 and 504", inside(function()
    for _, status in ipairs { 429, 502, 503, 504 } do
      local url = moody(2, "&status=" .. status)
      assert.equal(3, http.get(url, { retries = { attempts = 3, delay = 0.001 } }):json().attempt)
    end
    for _, status in ipairs { 400, 404, 500 } do
      assert.equal(status, http.get(moody(1, "&status=" .. status), { retries = { delay = 0.001 } }).status)
    end
    local response = http.get(moody(9, "&status=503"), { retries = { attempts = 2, delay = 0.001 } })
    assert.same({ 503, "not now" }, { response.status, response:text() })
  end))

  it("know other statuses and methods if told so", inside(function()
    local policy = { statuses = { 500 }, methods = { "post" }, delay = 0.001 }
    assert.equal(2, http.post(moody(1, "&status=500"), { retries = policy, body = "x" }):json().attempt)
    assert.equal(503, http.post(moody(1, "&status=503"), { retries = policy, body = "x" }).status)
    assert.equal(500, http.get(moody(1, "&status=500"), { retries = policy }).status)
  end))

  it("come back when Retry-After says so", inside(function()
    local before = async.now()
    assert.equal(2, http.get(moody(1, "&status=429&after=1"), { retries = { delay = 0.001 } }):json().attempt)
    assert.truthy(async.now() - before >= 1)
    before = async.now()
    for _, past in ipairs { "Thu,%2001%20Jan%201990%2000:00:00%20GMT", "Mon,%2001%20Jan%200001%2000:00:00%20GMT",
      "Sun%20Nov%20%206%2008:49:37%201994", "Sunday,%2006-Nov-94%2008:49:37%20GMT" } do
      local url = moody(1, "&status=503&after=" .. past)
      assert.equal(2, http.get(url, { retries = { delay = 0.001 } }):json().attempt)
    end
    assert.truthy(async.now() - before < 30)
    local future = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 1000):gsub(" ", "%%20") -- beyond max_delay
    assert.equal(503, http.get(moody(1, "&status=503&after=" .. future), { retries = { delay = 0.001 } }).status)
  end))

  it("do not wait longer than max_delay or the total timeout", inside(function()
    local before = async.now()
    assert.equal(429, http.get(moody(1, "&status=429&after=100"), { retries = {} }).status)
    assert.equal(429, http.get(moody(1, "&status=429&after=3"), { retries = { max_delay = 1 } }).status)
    assert.equal(429, http.get(moody(1, "&status=429&after=25"), { retries = {}, timeout = 20 }).status)
    local patient = { retries = { attempts = 99, delay = 25 }, timeout = 20 }
    assert.equal("ECONNRESET", error_of(http.get, moody(9), patient).code)
    assert.truthy(async.now() - before < 20)
  end))

  it("grow their delays", inside(function()
    local before = async.now()
    http.get(moody(3), { retries = { attempts = 4, delay = 0.01, factor = 3, max_delay = 0.04 } }):text()
    local took = async.now() - before
    assert.truthy(took >= 0.08 and took < 30, took)
  end))

  it("shorten a delay by jitter, never prolong it", inside(function()
    local random = math.random
    local _ <close> = tasks.finally(function() rawset(math, "random", random) end)
    rawset(math, "random", function() return 1 end)
    local options = { retries = { attempts = 2, delay = 60, jitter = 1 }, timeout = 50 }
    assert.equal(2, http.get(moody(1), options):json().attempt)
  end))

  it("hold no slot while they wait, and can be cancelled", inside(function()
    local session <close> = http.session { limit = 1, timeout = 300, retries = { delay = 60, max_delay = 60 } }
    local url = moody(1, "&status=503")
    local task = async.spawn(session.get, session, url)
    tasks.turns()
    assert.equal("GET", session:get(server.url .. "/echo"):json().method) -- waits for the slot of the first attempt
    assert.same({ "pending", 0 }, { task:status(), session:stats().active })
    task:cancel()
    assert.equal("CancelledError", error_of(task.await, task).name)
  end))

  it("serve the hops of a redirect, too", inside(function()
    local to = moody(1):gsub("&", "%%26")
    assert.equal(2, http.get(server.url .. "/redirect/302?to=" .. to, { retries = 1 }):json().attempt)
  end))

  it("do not go on, nor pause, once the session is closed", inside(function()
    local session = http.session { limit = 1, timeout = 300, retries = { delay = 60, max_delay = 60 } }
    local task = async.spawn(session.get, session, (moody(9)))
    tasks.turns()
    assert.equal("GET", session:get(server.url .. "/echo"):json().method) -- the first attempt has failed by now
    local before = async.now()
    session:close()
    local err = error_of(task.await, task)
    assert.equal("ClosedError", err.name)
    assert.truthy(async.now() - before < 50)
  end))

  it("are refused if they make no sense", inside(function()
    for _, given in ipairs { -1, 1.5, "2", { attempts = 0 }, { delay = 0 / 0 }, { often = 1 }, { statuses = 503 } } do
      assert.truthy(error_of(http.get, server.url, { retries = given }):find("option 'retries", 1, true))
    end
  end))
end)
