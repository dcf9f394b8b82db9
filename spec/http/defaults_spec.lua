-- SPDX-License-Identifier: MIT
-- What holds where nothing is said of it.
local async = require "saros"
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, virtually, caught = tasks.inside, tasks.virtually, tasks.caught

-- A place where connections are taken, and its URL. Nobody answers.
local function listening()
  local listener = async.net.listen("127.0.0.1", 0)
  local _, port = listener:address()
  return ("http://127.0.0.1:%d/"):format(port), listener
end

-- Answers each request with the number of its connection.
local function answer(listener)
  local count = 0
  listener:serve(function(stream)
    count = count + 1
    local number = count
    while stream:read_until "\r\n\r\n" do
      stream:write(("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d"):format(number))
    end
  end)
end

describe("a request of which nothing is said", function()
  -- It waits for a slot, as only then nothing is under way, and the virtual clock runs. Nobody reads what has the slot.
  it("may take thirty seconds", virtually(function()
    local session <close> = http.session { limit = 1, timeout = { read = 60 } }
    local held <close> = session:get(server.url .. "/big?bytes=20000000", { timeout = false })
    local before = async.now()
    local err = caught(session.get, session, server.url)
    assert.same({ "TimeoutError", "total", 30 }, { err.name, err.phase, err.seconds })
    assert.is_true(math.abs(async.now() - before - 30) < 1)
    assert.equal(200, held.status)
  end))

  it("is one of a hundred at most that a session has under way", inside(function()
    local url, listener = listening()
    local _ <close> = listener
    local session <close> = http.session()
    for _ = 1, 101 do async.spawn(pcall, session.get, session, url) end
    local stats
    repeat
      async.sleep(0)
      stats = session:stats()
    until stats.active + stats.waiting == 101
    assert.same({ 100, 1 }, { stats.active, stats.waiting })
  end))

  it("shares its connection with the others of its run, but with those of no other run", function()
    for _ = 1, 2 do
      async.run(function()
        local url, listener = listening()
        local _ <close> = listener
        async.spawn(answer, listener)
        assert.equal("1", http.get(url):text())
        assert.equal("1", http.fetch(url, { headers = { A = "b" } }):text())
      end)
    end
  end)
end)
