-- SPDX-License-Identifier: MIT
local async = require "saros"
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

local function content(path)
  local handle = io.open(path, "rb")
  if not handle then return nil end
  local text = handle:read("a")
  handle:close()
  return text
end

describe("saving a response", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir '" .. folder .. "'"))
  end)

  after_each(function()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  -- The names in the folder, sorted.
  local function names()
    local pipe = io.popen("ls -A '" .. folder .. "'")
    local text = pipe:read("a")
    pipe:close()
    return text
  end

  it("writes the body to a file and returns its size", inside(function()
    local path = folder .. "/file"
    assert.equal(300000, http.get(server.url .. "/big?bytes=300000"):save(path))
    assert.equal(300000, #content(path))
    assert.equal("file\n", names())
    assert.equal(0, http.get(server.url .. "/status/204"):save(path))
    assert.equal("", content(path))
  end))

  it("replaces the file that is there, and leaves it alone on failure", inside(function()
    local path = folder .. "/file"
    http.get(server.url .. "/chunked"):save(path)
    assert.equal("onetwothree", content(path))
    local raw = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"
    local response = http.get(server.url .. "/raw", { query = { raw = raw } })
    local err = error_of(response.save, response, path)
    assert.same({ "FetchError", "ETRUNCATED" }, { err.name, err.code })
    assert.equal("onetwothree", content(path))
    assert.equal("file\n", names())
  end))

  it("leaves nothing when it is cancelled or runs out of time", inside(function()
    local session <close> = http.session()
    local task = async.spawn(function()
      return session:get(server.url .. "/hang-in-body"):save(folder .. "/file")
    end)
    assert.truthy(tasks.eventually(function() return names():find "^file%.%x+%.part\n$" end), names())
    task:cancel()
    assert.equal("CancelledError", error_of(task.await, task).name)
    local response = session:get(server.url .. "/hang-in-body", { timeout = 1 })
    assert.equal("TimeoutError", error_of(response.save, response, folder .. "/file").name)
    assert.equal("", names())
    assert.equal(0, session:stats().active)
  end))

  it("closes it when that is cancelled before there is a file", inside(function()
    local session <close> = http.session()
    for _, begins in ipairs { true, false } do
      local response = session:get(server.url .. "/hang-in-body")
      local task = async.spawn(response.save, response, folder .. "/file")
      if begins then async.sleep(0) end
      task:cancel()
      assert.equal("CancelledError", error_of(task.await, task).name)
      assert.equal(0, session:stats().active)
      assert.equal("", names())
    end
  end))

  it("names the path of a file that cannot be written", inside(function()
    for path, code in pairs { [folder .. "/none/file"] = "ENOENT", [folder] = "EISDIR" } do
      local err = error_of(function()
        http.get(server.url .. "/chunked"):save(path)
      end)
      assert.same({ "SystemError", code, path }, { err.name, err.code, err.path })
    end
    assert.equal("", names())
    os.remove(folder .. ".part")
  end))

  it("takes what text has read, or what read has left", inside(function()
    local response = http.get(server.url .. "/chunked")
    assert.equal("onetwothree", response:text())
    assert.equal(11, response:save(folder .. "/file"))
    assert.equal("onetwothree", content(folder .. "/file"))
    response = http.get(server.url .. "/big?bytes=10")
    response:read(4)
    assert.equal(6, response:save(folder .. "/file"))
    assert.equal("ClosedError", error_of(response.text, response).name)
  end))

  it("is not done with a body that is gone: no empty file takes the place of one", inside(function()
    local response = http.get(server.url .. "/chunked")
    assert.equal(11, response:save(folder .. "/file"))
    assert.equal("ClosedError", error_of(response.save, response, folder .. "/file").name)
    assert.equal("onetwothree", content(folder .. "/file"))
  end))

  it("can be tried again where the file could not be made", inside(function()
    local response = http.get(server.url .. "/chunked")
    assert.equal("ENOENT", error_of(response.save, response, folder .. "/none/file").code)
    assert.equal("onetwothree", response:text())
  end))

  it("follows a link, and keeps the permissions of the file before it", inside(function()
    os.execute(("cd '%s' && echo old > file && chmod 600 file && ln -s file link"):format(folder))
    assert.equal(11, http.get(server.url .. "/chunked"):save(folder .. "/link"))
    assert.equal("onetwothree", content(folder .. "/file"))
    local pipe <close> = io.popen(("cd '%s' && stat -c %%a file && readlink link"):format(folder))
    assert.equal("600\nfile\n", pipe:read "a")
  end))

  it("takes a name as long as names may be", inside(function()
    local path = folder .. "/" .. ("n"):rep(255)
    assert.equal(11, http.get(server.url .. "/chunked"):save(path))
    assert.equal("onetwothree", content(path))
  end))

  it("says that there is no space, found out at the first byte or at the last", inside(function()
    for _, bytes in ipairs { 10, 1000000 } do
      local response = http.get(server.url .. "/big?bytes=" .. bytes)
      local err = error_of(response.save, response, "/dev/full")
      assert.same({ "SystemError", "ENOSPC", "/dev/full" }, { err.name, err.code, err.path })
    end
  end))

  it("writes to a pipe, which it does not replace", inside(function()
    os.execute(("cd '%s' && mkfifo pipe"):format(folder))
    local reader <close> = io.popen(("cat '%s/pipe'"):format(folder))
    assert.equal(11, http.get(server.url .. "/chunked"):save(folder .. "/pipe"))
    assert.equal("onetwothree", reader:read "a")
    assert.equal("pipe\n", names())
  end))

  it("refuses what is no path", inside(function()
    local response <close> = http.get(server.url .. "/chunked")
    for _, path in ipairs { 7, "", "a\0b" } do
      assert.truthy(error_of(response.save, response, path):find("bad argument #1 to 'response:save'", 1, true))
    end
  end))
end)

describe("on_progress", function()
  local function recorder()
    local calls = {}
    return calls, function(...)
      calls[#calls + 1] = table.pack(...)
    end
  end

  it("follows a body down, however it is read", inside(function()
    for _, method in ipairs { "text", "read" } do
      local calls, on_progress = recorder()
      local steps = { { "send", "HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n" } }
      local events, seen = {}, async.queue()
      for i = 1, 5 do -- each piece comes when the one before has been seen
        events[i] = rogue.event()
        steps[2 * i], steps[2 * i + 1] = { "send", "piece" }, { "wait", events[i] }
      end
      local go_on = async.spawn(function()
        for _, event in ipairs(events) do
          seen:get()
          rogue:set(event)
        end
      end)
      local response = http.get(rogue:script(table.unpack(steps)), { on_progress = function(...)
        on_progress(...)
        seen:try_put(true)
      end })
      if method == "text" then response:text() else repeat until not response:read() end
      go_on:await()
      assert.equal(5, #calls)
      for i, call in ipairs(calls) do assert.same({ 5 * i, 25, 0, 0 }, { table.unpack(call, 1, 4) }) end
    end
  end))

  it("has no total where none is known", inside(function()
    local calls, on_progress = recorder()
    http.get(server.url .. "/chunked", { on_progress = on_progress }):text()
    assert.is_nil(calls[#calls][2])
    assert.equal(11, calls[#calls][1])
  end))

  it("follows a body up", inside(function()
    local calls, on_progress = recorder()
    local body = ("x"):rep(200000)
    local response = http.put(server.url .. "/count", { body = body, on_progress = on_progress })
    local sent = {}
    for i, call in ipairs(calls) do
      assert.same({ 0, nil, 200000 }, { call[1], call[2], call[4] })
      sent[i] = call[3]
    end
    assert.same({ 65536, 131072, 196608, 200000 }, sent)
    local request = response:json()
    assert.equal(200000, request.bytes)
    local length
    for _, pair in ipairs(request.headers) do
      if pair[1] == "Content-Length" then length = pair[2] end
    end
    assert.equal("200000", length)
  end))

  it("still knows how much there was to send when the response comes before all of it is sent", inside(function()
    local calls, on_progress = recorder()
    local body = ("x"):rep(20000000) -- more than the system buffers
    local url = rogue:script({ "send", "HTTP/1.1 413 Phrase\r\nContent-Length: 5\r\n\r\nearly" }, { "hang" })
    http.post(url, { body = body, on_progress = on_progress }):text()
    local last = calls[#calls]
    assert.same({ 5, 5, #body }, { last[1], last[2], last[4] })
    assert.truthy(last[3] < #body, last[3])
  end))

  it("can be repeated with its body after a redirect", inside(function()
    local calls, on_progress = recorder()
    local url = server.url .. "/redirect/307?to=/echo"
    assert.equal("again", http.post(url, { body = "again", on_progress = on_progress }):json().body)
    assert.truthy(#calls >= 2)
  end))

  it("that fails is the error of the request, or of the reading", inside(function()
    local session <close> = http.session()
    local thrown = {}
    local function fail() error(thrown) end
    assert.equal(thrown, error_of(session.post, session, server.url .. "/echo", { body = "x", on_progress = fail }))
    local response <close> = session:get(server.url .. "/echo", { on_progress = fail })
    assert.equal(thrown, error_of(response.text, response))
  end))
end)
