-- SPDX-License-Identifier: MIT
-- Peers that are not ours: socat, Redis and Python's http.server.
local async = require "saros"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"

-- Runs a shell command beside the spec; the value is for `<close>`, which ends it.
local function beside(command)
  local pipe = assert(io.popen(("exec env -u LD_PRELOAD sh -c '%s' & echo $!; wait"):format(command), "r"))
  local pid = pipe:read "n"
  return tasks.finally(function()
    os.execute(("kill %d 2>/dev/null"):format(pid))
    pipe:close()
  end)
end

-- A port that is free now.
local function free_port()
  local server <close> = async.net.listen("127.0.0.1", 0)
  return select(2, server:address())
end

-- Connects as soon as somebody listens.
local function connect(port)
  for _ = 1, 3000 do
    local ok, stream = pcall(async.net.connect, "127.0.0.1", port)
    if ok then return stream end
    async.sleep(0.02)
  end
  error("nobody listens at port " .. port)
end

local function run_lua(name, port)
  local pipe = io.popen(("exec '%s' examples/%s 127.0.0.1 %d 2>&1"):format(arg[-1] or "lua", name, port))
  local text = pipe:read "a"
  pipe:close()
  return text
end

local function inside(fn)
  return function() async.run(fn) end
end

describe("socat", function()
  it("is a server that echoes, half-close included", inside(function()
    local port = free_port()
    local _running <close> = beside(("exec socat TCP-LISTEN:%d,bind=127.0.0.1,reuseaddr EXEC:cat"):format(port))
    local stream <close> = connect(port)
    local text = ("0123456789"):rep(50000)
    async.gather(function()
      stream:write(text)
      stream:shutdown()
    end, function() assert.is_true(stream:read_all() == text) end)
  end))

  it("is a client of ours over TCP and over a Unix socket", inside(function()
    local path = os.tmpname()
    os.remove(path)
    local tcp <close> = async.net.listen("127.0.0.1", 0)
    local unix <close> = async.net.listen_unix(path)
    local _, port = tcp:address()
    local targets = { [tcp] = "TCP:127.0.0.1:" .. port, [unix] = "UNIX-CONNECT:" .. path }
    for server, target in pairs(targets) do
      local _running <close> = beside(("echo hello | socat -t 5 - %s"):format(target))
      local stream <close> = server:accept()
      assert.equal("hello", stream:read_line())
      assert.is_nil(stream:read())
    end
  end))

  it("sends datagrams", inside(function()
    local socket <close> = async.net.udp("127.0.0.1", 0)
    local _, port = socket:address()
    local _running <close> = beside(("printf datagram | socat - UDP:127.0.0.1:%d"):format(port))
    assert.equal("datagram", (socket:receive()))
  end))
end)

describe("Redis", function()
  local server

  setup(function() server = redis_server.start() end)
  teardown(function() server:close() end)

  it("serves the client of the examples", inside(function()
    local text = run_lua("redis_client.lua", server.port)
    assert.matches("PING\tPONG\n", text, 1, true)
    assert.matches("a thousand tasks counted to\t1000\n", text, 1, true)
    assert.matches("MGET\t1000\tfalse\n", text, 1, true)
    assert.matches("a mistake\tfalse\t.*ERR wrong number of arguments", text)
  end))
end)

describe("Python's http.server", function()
  it("answers what is written by hand", inside(function()
    local port = free_port()
    local _running <close> = beside(("exec python3 -m http.server --bind 127.0.0.1 %d 2>/dev/null"):format(port))
    local stream <close> = connect(port)
    stream:write("GET /README.md HTTP/1.0\r\n\r\n")
    assert.matches("^HTTP/1.0 200", stream:read_line())
    local length
    for line in stream:lines() do
      length = tonumber(line:match "^[Cc]ontent%-[Ll]ength: (%d+)") or length
      if line == "" then break end
    end
    assert.equal(length, #stream:read_all())
  end))
end)
