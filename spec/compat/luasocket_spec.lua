-- SPDX-License-Identifier: MIT
-- LuaSocket's own http, smtp and ftp (Debian's lua-socket), unchanged, on saros.compat.socket.
local async = require "saros"
local proc = require "spec.support.proc"
local tasks = require "spec.support.tasks"
local loaded = require "spec.support.unchanged"("socket.http", "socket.smtp", "socket.ftp", "ltn12")
local http, smtp, ftp, ltn12 = loaded["socket.http"], loaded["socket.smtp"], loaded["socket.ftp"], loaded.ltn12
local inside, caught = tasks.inside, tasks.caught

-- Reads the head of a request; gives its first line and its headers.
local function read_head(stream)
  local first, headers = stream:read_line(), {}
  for line in stream:lines() do
    if line == "" then break end
    local name, value = line:match "^([^:]+):%s*(.*)$"
    headers[name:lower()] = value
  end
  return first, headers
end

-- Serves each connection by a task; gives the port. The server is closed with the value that comes second.
local function serve(handler)
  local server = async.net.listen("127.0.0.1", 0)
  async.spawn(server.serve, server, handler)
  return select(2, server:address()), server
end

local function answer(stream, body)
  stream:write("HTTP/1.1 200 OK\r\nContent-Length: ", #body, "\r\nX-Test: yes\r\n\r\n", body)
end

describe("LuaSocket's http, unchanged,", function()
  it("gets a page", inside(function()
    local port, _server <close> = serve(function(stream)
      local first, headers = read_head(stream)
      answer(stream, first .. " " .. headers["user-agent"]:match "^%a+")
    end)
    local body, status, headers = http.request(("http://127.0.0.1:%d/path?x=1"):format(port))
    assert.equal("GET /path?x=1 HTTP/1.1 LuaSocket", body)
    assert.equal(200, status)
    assert.equal("yes", headers["x-test"])
  end))

  it("posts, reads chunks, follows a redirect", inside(function()
    local port, _server <close> = serve(function(stream)
      local first, headers = read_head(stream)
      if first:find "/moved" then
        stream:write("HTTP/1.1 302 Found\r\nLocation: /chunks\r\nContent-Length: 0\r\n\r\n")
      elseif first:find "/chunks" then
        stream:write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
      else
        answer(stream, stream:read_exactly(math.tointeger(tonumber(headers["content-length"]))))
      end
    end)
    local url = ("http://127.0.0.1:%d"):format(port)
    assert.equal("hello world", (http.request(url .. "/moved")))
    assert.equal("a=1&b=2", (http.request(url .. "/post", "a=1&b=2")))
    local sink, chunks = ltn12.sink.table()
    assert.equal(1, (http.request{url = url .. "/chunks", sink = sink}))
    assert.equal("hello world", table.concat(chunks))
  end))

  it("makes two requests at once: a server answers when both have arrived", inside(function()
    local both = async.barrier(2)
    local port, _server <close> = serve(function(stream)
      read_head(stream)
      both:wait()
      answer(stream, "both")
    end)
    local url = ("http://127.0.0.1:%d/"):format(port)
    local function get() return (http.request(url)) end
    assert.same({"both", "both"}, {async.wait_for(function() return async.gather(get, get) end, 30)})
  end))

  it("makes 1,000 requests under a semaphore and leaves no descriptor", inside(function()
    local port, _server <close> = serve(function(stream)
      read_head(stream)
      answer(stream, "ok")
    end)
    local url = ("http://127.0.0.1:%d/"):format(port)
    local semaphore, bodies = async.semaphore(20), 0
    local function get()
      local permit <close> = semaphore:acquire()
      if http.request(url) == "ok" then bodies = bodies + 1 end
    end
    get() -- what a process opens once is open now
    local before = proc.descriptors()
    async.map(1000, get)
    assert.equal(1001, bodies)
    async.wait_for(function()
      while before and proc.descriptors() > before do async.sleep(0.01) end
    end, 30)
  end))

  it("closes its socket when it is cancelled", inside(function()
    local arrived, gone = async.event(), async.event()
    local port, _server <close> = serve(function(stream)
      read_head(stream)
      arrived:set()
      if stream:read() == nil then gone:set() end
    end)
    local task = async.spawn(http.request, ("http://127.0.0.1:%d/"):format(port))
    arrived:wait()
    task:cancel()
    assert.equal("CancelledError", caught(task.await, task).name)
    async.wait_for(function() gone:wait() end, 30)
  end))

  it("runs out of time in its own words", inside(function()
    local port, _server <close> = serve(function(stream) stream:read_all() end)
    local socket = require "saros.compat.socket"
    local result = table.pack(http.request{
      url = ("http://127.0.0.1:%d/"):format(port),
      create = function()
        local tcp = socket.tcp()
        tcp:settimeout(0.05)
        return setmetatable({settimeout = function() return 1 end}, {__index = function(_, name)
          return function(_, ...) return tcp[name](tcp, ...) end
        end})
      end,
    })
    assert.same({nil, "timeout"}, {result[1], result[2]})
  end))
end)

describe("LuaSocket's smtp, unchanged,", function()
  it("sends a message", inside(function()
    local said = {}
    local port, _server <close> = serve(function(stream)
      stream:write "220 test ESMTP\r\n"
      for line in stream:lines() do
        said[#said + 1] = line
        local verb = line:match "^%a+"
        if verb == "EHLO" then
          stream:write "250-test\r\n250 8BITMIME\r\n"
        elseif verb == "DATA" then
          stream:write "354 go on\r\n"
          said.message = stream:read_until "\r\n.\r\n"
          stream:write "250 taken\r\n"
        elseif verb == "QUIT" then
          stream:write "221 bye\r\n"
          break
        else
          stream:write "250 ok\r\n"
        end
      end
    end)
    local ok, problem = smtp.send{
      from = "<a@example.org>", rcpt = {"<b@example.org>", "<c@example.org>"}, server = "127.0.0.1", port = port,
      source = smtp.message{headers = {subject = "test"}, body = "first\r\n.second\r\n"},
    }
    assert.is_nil(problem)
    assert.equal(1, ok)
    assert.matches("MAIL FROM:<a@example.org>", said[2], 1, true)
    assert.matches("RCPT TO:<c@example.org>", said[4], 1, true)
    assert.matches("Subject: test.*first\r\n..second", said.message)
  end))

  it("tells what the server refused", inside(function()
    local port, _server <close> = serve(function(stream)
      stream:write "220 test\r\n"
      stream:read_line()
      stream:write "550 go away\r\n"
    end)
    local ok, problem = smtp.send{
      from = "<a@example.org>", rcpt = "<b@example.org>", server = "127.0.0.1", port = port,
      source = smtp.message{body = ""},
    }
    assert.is_nil(ok)
    assert.equal("550 go away", problem)
  end))
end)

-- A server for FTP with one file, in passive mode.
local function serve_ftp(files)
  return serve(function(stream)
    local data, name
    local verbs = {
      USER = "331 password?", PASS = "230 welcome", TYPE = "200 ok", CWD = "250 ok",
      EPSV = function()
        data = async.net.listen("127.0.0.1", 0)
        return ("229 entering passive mode (|||%d|)"):format(select(2, data:address()))
      end,
      RETR = function()
        stream:write "150 here it comes\r\n"
        local connection <close> = data:accept()
        connection:write(files[name])
        connection:shutdown()
        data:close()
        return "226 done"
      end,
      STOR = function()
        stream:write "150 go on\r\n"
        local connection <close> = data:accept()
        files[name] = connection:read_all()
        data:close()
        return "226 done"
      end,
    }
    stream:write "220 test\r\n"
    for line in stream:lines() do
      local verb, argument = line:upper():match "^%a+", line:match " (.*)$"
      if verb == "QUIT" then break end
      name = argument
      local reply = verbs[verb] or "500 what?"
      stream:write(type(reply) == "function" and reply() or reply, "\r\n")
    end
    stream:write "221 bye\r\n"
  end)
end

describe("LuaSocket's ftp, unchanged,", function()
  it("gets and puts a file", inside(function()
    local files = {["hello.txt"] = "hello"}
    local port, _server <close> = serve_ftp(files)
    local place = ("ftp://user:password@127.0.0.1:%d/"):format(port)
    assert.equal("hello", (ftp.get(place .. "hello.txt;type=i")))
    local content = ("0123456789"):rep(5000)
    assert.equal(#content, (ftp.put(place .. "new.bin;type=i", content)))
    assert.equal(content, files["new.bin"])
  end))
end)

describe("the example old_library", function()
  it("asks for three pages at once", function()
    local run = require "spec.support.example"
    assert.equal("/red: 13 bytes, 200\n/green: 15 bytes, 200\n/blue: 14 bytes, 200\n", run "old_library")
  end)
end)
