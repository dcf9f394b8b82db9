-- SPDX-License-Identifier: MIT
local async = require "saros"
local proc = require "spec.support.proc"
local tasks = require "spec.support.tasks"

local function inside(fn)
  return function()
    async.run(function() async.net.pair() end)
    local before = proc.descriptors_kept()
    async.run(fn)
    assert.same(before, proc.descriptors_kept())
  end
end

local function error_of(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return err
end

-- Serves WebSockets by `handler(ws, request)` while fn(url, server, port) runs; what handlers raise is not reported.
local function serving(handler, fn, options)
  async.on_error(function() end)
  local _restored <close> = tasks.finally(function() async.on_error(nil) end)
  local server <close> = async.http.listen("127.0.0.1", 0)
  local _serve <close> = async.spawn(server.serve, server, function(request)
    return handler(request:websocket(options), request)
  end)
  local _, port = server:address()
  fn(("ws://127.0.0.1:%d/"):format(port), server, port)
end

local function echo(ws)
  for data, kind in ws do ws:send(data, kind) end
end

-- A server's side, by hand: a stream on which the handshake is done.
local function raw(port)
  local stream = async.net.connect("127.0.0.1", port)
  stream:write "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
  stream:write "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
  local head = stream:read_until "\r\n\r\n"
  assert.matches("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head, 1, true)
  return stream
end

-- More than sockets hold.
local LARGE = 16000000

-- A frame with a mask of zeros.
local function frame(first, payload, length)
  length = length or #payload
  local size = length < 126 and string.pack("B", 128 | length)
    or length < 65536 and string.pack(">BI2", 128 | 126, length) or string.pack(">BI8", 128 | 127, length)
  return string.char(first) .. size .. "\0\0\0\0" .. payload
end

-- The code of the closing frame that comes next, and its reason.
local function close_of(stream)
  local first, size = stream:read_exactly(2):byte(1, 2)
  assert.equal(0x88, first)
  local payload = stream:read_exactly(size)
  return string.unpack(">I2", payload), payload:sub(3)
end

describe("a WebSocket", function()
  it("sends and receives texts and bytes of any size", inside(function()
    serving(echo, function(url)
      local ws <close> = async.websocket(url)
      for _, size in ipairs { 0, 1, 125, 126, 65535, 65536, 1000000 } do
        local text = ("ä"):rep(size // 2) .. ("x"):rep(size % 2)
        ws:send(text)
        assert.same({ text, "text" }, { ws:receive() })
        local bytes = ("\0\255\128"):rep(size // 3)
        ws:send(bytes, "binary")
        assert.same({ bytes, "binary" }, { ws:receive() })
      end
      ws:send_json { a = { 1, 2 } }
      assert.equal('{"a":[1,2]}', (ws:receive()))
    end)
  end))

  it("keeps messages of many senders whole and in order", inside(function()
    serving(echo, function(url)
      local ws <close> = async.websocket(url)
      async.gather(function()
        async.map(50, function(i) ws:send(("%02d"):format(i):rep(5000)) end)
      end, function()
        for i = 1, 50 do assert.equal(("%02d"):format(i):rep(5000), (ws:receive())) end
      end)
    end)
  end))

  it("is closed by either side: receive then gives nil", inside(function()
    local codes = async.queue()
    serving(function(ws)
      for data in ws do
        if data == "close" then ws:close(1000, "enough") end
      end
      codes:put(ws.close_code)
    end, function(url)
      local ws = async.websocket(url)
      ws:send "close"
      assert.is_nil(ws:receive())
      assert.same({ 1000, "enough" }, { ws.close_code, ws.close_reason })
      assert.equal(1000, codes:get())
      ws:close()
      local other = async.websocket(url)
      other:close(1001)
      other:close()
      assert.equal(1001, codes:get())
      assert.equal("ClosedError", error_of(other.send, other, "x").name)
    end)
  end))

  it("that another task closes tells its receiver how that went, once the peer has answered", inside(function()
    serving(echo, function(url)
      local ws = async.websocket(url)
      local receiving = async.spawn(ws.receive, ws)
      async.sleep(0)
      ws:close()
      assert.is_nil(receiving:await())
      ws = async.websocket(url)
      receiving = async.spawn(ws.receive, ws)
      async.sleep(0)
      ws:close(4321, "why")
      local err = error_of(receiving.await, receiving)
      assert.same({ "ClosedError", 4321, "why" }, { err.name, err.close_code, err.reason })
    end)
  end))

  it("ends the loop of its handler when the server shuts down, which is no failure", inside(function()
    local ended = async.queue()
    serving(function(ws)
      for data in ws do ws:send(data) end
      ended:put(ws.close_code)
    end, function(url, server)
      local ws <close> = async.websocket(url)
      ws:send "x"
      ws:receive()
      server:shutdown(10)
      assert.equal(1001, ended:try_get())
    end)
  end))

  it("answers the one that closes with the code and the reason that it gave", inside(function()
    serving(echo, function(url, _, port)
      local ws <close> = async.websocket(url)
      ws:close(4321, "why")
      assert.same({ 4321, "why" }, { ws.close_code, ws.close_reason })
      local stream <close> = raw(port)
      stream:write(frame(0x88, "\x10\xE1why"))
      assert.same({ 4321, "why" }, { close_of(stream) })
      local silent <close> = raw(port)
      silent:write(frame(0x88, ""))
      assert.equal("\x88\0", silent:read_exactly(2))
    end)
  end))

  it("that both sides close at once has both closing frames sent, behind a message as well", inside(function()
    local size = LARGE
    serving(function(ws)
      local sending <close> = async.spawn(ws.send, ws, ("x"):rep(size))
      assert.equal("go", (ws:receive()))
      ws:close(4001)
      sending:await()
    end, function(_, _, port)
      local stream <close> = raw(port)
      stream:write(frame(0x81, "go"))
      assert.equal(0x81, stream:read_exactly(1):byte()) -- it is being sent, and does not fit
      stream:write(frame(0x88, "\3\xE8"))
      stream:read_exactly(9 + size)
      assert.equal(4001, (close_of(stream)))
      assert.is_nil(stream:read())
    end)
  end))

  it("that ends with another code raises ClosedError, after what had arrived", inside(function()
    serving(function(ws)
      ws:send "last words"
      ws:close(4321, "why")
    end, function(url)
      local ws <close> = async.websocket(url)
      assert.equal("last words", (ws:receive()))
      local err = error_of(ws.receive, ws)
      assert.same({ "ClosedError", "ECLOSED", 4321, "why" }, { err.name, err.code, err.close_code, err.reason })
    end)
  end))

  it("is closed with 1000 when its block is left, with 1011 after an error", inside(function()
    local codes = async.queue()
    serving(function(ws)
      pcall(ws.receive, ws)
      codes:put(ws.close_code)
    end, function(url)
      do local _ws <close> = async.websocket(url) end
      assert.equal(1000, codes:get())
      pcall(function()
        local _ws <close> = async.websocket(url)
        error "oops"
      end)
      assert.equal(1011, codes:get())
    end)
  end))

  it("is closed when its handler ends, with 1011 if that failed", inside(function()
    serving(function(ws)
      if ws:receive() == "fail" then error "oops" end
    end, function(url)
      for text, code in pairs { ok = 1000, fail = 1011 } do
        local ws <close> = async.websocket(url)
        ws:send(text)
        pcall(ws.receive, ws)
        assert.equal(code, ws.close_code)
      end
    end)
  end))

  it("whose peer vanishes says so: 1006", inside(function()
    local seen = async.queue()
    serving(function(ws) seen:put(error_of(ws.receive, ws)) end, function(_, _, port)
      raw(port):abort()
      assert.equal(1006, seen:get().close_code)
      raw(port):close()
      assert.equal(1006, seen:get().close_code)
    end)
  end))

  it("is left alone when the server closes, which leaves handlers that run alone", inside(function()
    serving(echo, function(url, server)
      local ws <close> = async.websocket(url)
      ws:send "before"
      ws:receive()
      server:close()
      ws:send "after"
      assert.equal("after", (ws:receive()))
    end)
  end))

  it("is closed though the task that reads for it is cancelled when it ends the connection", inside(function()
    local closed = async.event()
    serving(function(ws)
      local room = ws._room
      ws._room = { set = function() -- where a finalizer could do so
        local task = async.current_task()
        if task:name() == "websocket reader" then task:cancel() end
        room:set()
      end }
      ws:close()
      closed:set()
    end, function(_, _, port)
      local stream <close> = raw(port)
      assert.equal(1000, (close_of(stream)))
      stream:write(frame(0x88, string.pack(">I2", 1000)))
      assert.is_true((async.move_on_after(20, closed.wait, closed)))
    end)
  end))

  it("has its closing frame sent though its handler was cancelled", inside(function()
    local running = async.future()
    serving(function(ws)
      running:set(async.current_task())
      ws:receive()
    end, function(url)
      local ws <close> = async.websocket(url)
      running:await():cancel()
      local err = error_of(ws.receive, ws)
      assert.equal(1011, err.close_code)
    end)
  end))

  it("is told 1001 when the server shuts down", inside(function()
    serving(echo, function(url, server)
      local ws <close> = async.websocket(url)
      ws:send "x"
      ws:receive()
      async.gather(function() server:shutdown(10) end, function() assert.is_nil(ws:receive()) end)
      assert.equal(1001, ws.close_code)
    end)
  end))

  it("answers pings, and is asked for them, whether or not anybody receives", inside(function()
    serving(function(ws)
      assert.is_true(ws:ping() >= 0)
      ws:send "pinged"
      ws:receive()
    end, function(url, _, port)
      local ws <close> = async.websocket(url)
      assert.is_true(ws:ping "data" >= 0)
      assert.equal("pinged", (ws:receive()))
      local stream <close> = raw(port)
      stream:write(frame(0x89, "are you there?"))
      local answer = stream:read_exactly(2 + 14 + 2 + 1)
      assert.matches("\x8A\x0Eare you there?", answer, 1, true)
    end)
  end))

  it("answers a ping behind messages that nobody has received", inside(function()
    local release = async.event()
    serving(function(ws)
      release:wait()
      for _ = 1, 5 do assert.equal(100000, #ws:receive()) end
      ws:send "received"
    end, function(_, _, port)
      local stream <close> = raw(port)
      stream:write(frame(0x82, ("x"):rep(100000)):rep(5), frame(0x89, "ping"))
      assert.equal("\x8A\x04ping", stream:read_exactly(6))
      release:set()
      assert.equal("\x81\x08received", stream:read_exactly(10))
    end)
  end))

  it("answers the latest of many pings where there is no room for more", inside(function()
    local has_come = async.event()
    serving(function(ws)
      local sending <close> = async.spawn(ws.send, ws, ("x"):rep(LARGE))
      assert.equal("go", (ws:receive()))
      has_come:set()
      sending:await()
      pcall(ws.receive, ws)
    end, function(_, _, port)
      local stream <close> = raw(port)
      assert.equal(0x81, stream:read_exactly(1):byte())
      for i = 1, 50 do stream:write(frame(0x89, tostring(i))) end
      stream:write(frame(0x81, "go"))
      has_come:wait()
      stream:read_exactly(9 + LARGE)
      assert.equal("\x8A\x0250", stream:read_exactly(4))
      stream:write(frame(0x88, "\3\xE8"))
      assert.equal(1000, (close_of(stream)))
    end)
  end))

  it("asks a silent peer whether it lives, and gives up without an answer", inside(function()
    local seen = async.queue()
    serving(function(ws) seen:put(error_of(ws.receive, ws)) end, function(_, _, port)
      local stream <close> = raw(port)
      assert.equal("\x89\0", stream:read_exactly(2))
      local err = seen:get()
      assert.same({ "ClosedError", 1006 }, { err.name, err.close_code })
    end, { ping = 0.05 })
  end))

  it("stops its sender while nobody receives", inside(function()
    local go = async.event()
    serving(function(ws)
      go:wait()
      local count = 0
      for _ in ws do count = count + 1 end
      assert.equal(100, count)
    end, function(url)
      local ws <close> = async.websocket(url)
      local sent = 0
      local sending = async.spawn(function()
        for _ = 1, 100 do
          ws:send(("x"):rep(1000000))
          sent = sent + 1
        end
      end)
      async.move_on_after(0.2, sending.await, sending)
      assert.is_true(sent < 100)
      go:set()
      sending:await()
    end)
  end))

  it("lets one task receive at a time", inside(function()
    serving(echo, function(url)
      local ws <close> = async.websocket(url)
      local first = async.spawn(ws.receive, ws)
      async.sleep(0)
      assert.equal("BusyError", error_of(ws.receive, ws).name)
      ws:send "x"
      assert.equal("x", first:await())
    end)
  end))

  it("loses nothing when a receive is cancelled", inside(function()
    serving(function(ws)
      for i = 1, 20 do ws:send(tostring(i)) end
      pcall(ws.receive, ws)
    end, function(url)
      local ws <close> = async.websocket(url)
      local got = {}
      while #got < 20 do
        local task = async.spawn(ws.receive, ws)
        async.sleep(0)
        task:cancel()
        local ok, data = pcall(task.await, task)
        if ok then got[#got + 1] = data end
      end
      for i = 1, 20 do assert.equal(tostring(i), got[i]) end
    end)
  end))

  it("sends nothing of a message whose sender was cancelled before its turn", inside(function()
    serving(echo, function(url)
      local ws <close> = async.websocket(url)
      local first, second = async.spawn(ws.send, ws, "first"), async.spawn(ws.send, ws, "second")
      second:cancel()
      async.wait { first, second }
      ws:send "third"
      assert.equal("first", (ws:receive()))
      assert.equal("third", (ws:receive()))
    end)
  end))

  it("refuses what is none of its arguments", inside(function()
    serving(echo, function(url)
      local ws <close> = async.websocket(url)
      local wrong = error_of(ws.send, ws, 1)
      assert.matches("bad argument #1 to 'websocket:send' (string expected, got number)", wrong, 1, true)
      assert.matches("a text has to be UTF-8", error_of(ws.send, ws, "\255"), 1, true)
      assert.matches("'text' or 'binary' expected", error_of(ws.send, ws, "x", "json"), 1, true)
      assert.matches("got 1005", error_of(ws.close, ws, 1005), 1, true)
      assert.matches("123 bytes", error_of(ws.close, ws, 1000, ("x"):rep(124)), 1, true)
      assert.matches("125 bytes", error_of(ws.ping, ws, ("x"):rep(126)), 1, true)
    end)
  end))
end)

describe("a peer that breaks the protocol", function()
  -- What it sends, and the code with which it is told.
  local cases = {
    ["a frame without a mask"] = { "\x81\1x", 1002 },
    ["a reserved bit"] = { frame(0xC1, "x"), 1002 },
    ["an unknown kind of frame"] = { frame(0x83, ""), 1002 },
    ["an unknown kind of control frame"] = { frame(0x8B, ""), 1002 },
    ["a control frame in pieces"] = { frame(0x09, ""), 1002 },
    ["a control frame that is too long"] = { frame(0x89, ("x"):rep(126)), 1002 },
    ["the rest of no message"] = { frame(0x80, "x"), 1002 },
    ["a message inside another one"] = { frame(0x01, "x") .. frame(0x81, "y"), 1002 },
    ["a length of 64 bits"] = { "\x81\xFF" .. ("\xFF"):rep(8) .. "\0\0\0\0", 1002 },
    ["a length that is not the shortest"] = { "\x81\xFE\0\1\0\0\0\0x", 1002 },
    ["a text that is not UTF-8"] = { frame(0x81, "\xC0\x80"), 1007 },
    ["a text whose character is cut off"] = { frame(0x81, "\xE2\x82"), 1007 },
    ["a surrogate over fragments"] = { frame(0x01, "\xED") .. frame(0x80, "\xA0\x80"), 1007 },
    ["a message that is too large"] = { frame(0x82, "", 1048577), 1009 },
    ["a message that is too large in all"] = { frame(0x02, ("x"):rep(600000)) .. frame(0x80, "", 600000), 1009 },
    ["a message in too many fragments"] = { frame(0x01, "") .. frame(0x00, ""):rep(16384), 1008 },
    ["a closing frame of one byte"] = { frame(0x88, "x"), 1002 },
    ["a code that is none"] = { frame(0x88, "\3\xED"), 1002 },
    ["a reason that is not UTF-8"] = { frame(0x88, "\3\xE8\xFF"), 1007 },
  }

  for name, case in pairs(cases) do
    it(("is told %d for %s, however it is cut"):format(case[2], name), inside(function()
      serving(function(ws) pcall(ws.receive, ws) end, function(_, _, port)
        for _, step in ipairs { #case[1], 1, 7 } do
          if step == #case[1] or #case[1] < 1000 then
            local stream <close> = raw(port)
            for at = 1, #case[1], step do
              if not pcall(stream.write, stream, case[1]:sub(at, at + step - 1)) then break end
              if step < #case[1] then async.sleep(0) end
            end
            assert.equal(case[2], (close_of(stream)))
            assert.is_nil(stream:read())
          end
        end
      end)
    end))
  end

  it("may send control frames between fragments", inside(function()
    local got = async.queue()
    serving(function(ws) got:put { ws:receive() } end, function(_, _, port)
      local stream <close> = raw(port)
      stream:write(frame(0x01, "h\xC3"), frame(0x89, "p"), frame(0x00, "\xA4"), frame(0x80, "llo"))
      assert.same({ "hällo", "text" }, got:get())
    end)
  end))

  it("gets its own code back", inside(function()
    serving(function(ws) pcall(ws.receive, ws) end, function(_, _, port)
      for payload, code in pairs { ["\x0B\xB8bye"] = 3000, ["\3\xE8"] = 1000 } do
        local stream <close> = raw(port)
        stream:write(frame(0x88, payload))
        assert.equal(code, (close_of(stream)))
        assert.is_nil(stream:read())
      end
      local stream <close> = raw(port)
      stream:write(frame(0x88, ""))
      assert.equal("\x88\0", stream:read_exactly(2))
    end)
  end))
end)

describe("permessage-deflate", function()
  for _, client in ipairs { true, false } do
    for _, server in ipairs { true, false } do
      it(("is used if both want it (client %s, server %s)"):format(client, server), inside(function()
        serving(function(ws, request)
          local offered = request.headers["sec-websocket-extensions"] ~= nil
          assert.equal(client, offered)
          echo(ws)
        end, function(url)
          local ws <close> = async.websocket(url, { compress = client })
          for i = 1, 20 do
            local text = ("the same again, number %d "):format(i):rep(i * 50)
            ws:send(text)
            assert.equal(text, (ws:receive()))
          end
          ws:send("\0\1\2", "binary")
          assert.same({ "\0\1\2", "binary" }, { ws:receive() })
          ws:send ""
          assert.equal("", (ws:receive()))
        end, { compress = server })
      end))
    end
  end

  local function offered(port, extensions)
    local stream = async.net.connect("127.0.0.1", port)
    stream:write "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    stream:write("Sec-WebSocket-Extensions: " .. extensions .. "\r\n")
    stream:write "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    local head = stream:read_until "\r\n\r\n"
    return stream, head:match "Sec%-WebSocket%-Extensions: ([^\r]*)"
  end

  it("is agreed on as RFC 7692 says", inside(function()
    serving(echo, function(_, _, port)
      for offer, answer in pairs {
        ["permessage-deflate"] = "permessage-deflate",
        ["permessage-deflate; client_max_window_bits"] = "permessage-deflate",
        ["permessage-deflate; server_no_context_takeover; client_no_context_takeover"] =
          "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ["permessage-deflate; server_max_window_bits=10"] = "permessage-deflate; server_max_window_bits=10",
        ["x-other, permessage-deflate; server_max_window_bits=8, permessage-deflate"] = "permessage-deflate",
        ["permessage-deflate; unknown"] = false, ["permessage-deflate; server_max_window_bits=99"] = false,
      } do
        local stream <close>, chosen = offered(port, offer)
        assert.equal(answer or nil, chosen, offer)
        assert(stream)
      end
    end, { compress = true })
  end))

  it("counts bytes inflated, and stops while it inflates", inside(function()
    local seen = async.queue()
    serving(function(ws) seen:put(error_of(ws.receive, ws)) end, function(url)
      local ws <close> = async.websocket(url, { compress = true, max_message_size = 1000000000 })
      ws:send(("x"):rep(50000000))
      assert.equal(1009, seen:get().close_code)
    end, { compress = true })
  end))

  it("takes messages in fragments, and the example of RFC 7692", inside(function()
    local got = async.queue()
    serving(function(ws)
      for data in ws do got:put(data) end
    end, function(_, _, port)
      local stream <close> = offered(port, "permessage-deflate")
      local hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
      stream:write(frame(0xC1, hello), frame(0x41, hello:sub(1, 3)), frame(0x80, hello:sub(4)))
      assert.same({ "Hello", "Hello" }, { got:get(), got:get() })
      stream:write(frame(0xC1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")) -- a block that says it is the last
      assert.equal("Hello", got:get())
      stream:write(frame(0xC1, "\xff\xff\xff"))
      assert.equal(1007, (close_of(stream)))
    end, { compress = true })
  end))
end)
