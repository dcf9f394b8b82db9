-- SPDX-License-Identifier: MIT
-- LuaSec's words on saros, and LuaSec's own https (Debian's lua-sec), unchanged.
local async = require "saros"
local certificates = require "spec.support.certificates"
local loaded = require "spec.support.unchanged"("socket.http", "ssl.https")
local socket = require "saros.compat.socket"
local ssl = require "saros.compat.ssl"
local inside = require("spec.support.tasks").inside
local files = certificates()
local https = loaded["ssl.https"]

local server_params = {mode = "server", protocol = "any", certificate = files.server, key = files.server_key}

-- A server that hands each connection, with LuaSec's TLS around it, to a function in a task of its own.
local function serve(handler, params)
  local server = socket.bind("127.0.0.1", 0)
  async.spawn(function()
    for _ = 1, math.huge do
      local peer = server:accept()
      if not peer then return end
      async.spawn(function()
        local connection = assert(ssl.wrap(peer, params or server_params))
        if connection:dohandshake() then handler(connection) end
        connection:close()
      end)
    end
  end)
  return math.tointeger(select(2, server:getsockname())), setmetatable({}, {__close = function() server:close() end})
end

local function client_to(port, params)
  local connection = assert(socket.connect("127.0.0.1", port))
  params.mode = "client"
  return assert(ssl.wrap(connection, params))
end

local function echo(connection)
  for line in function() return (connection:receive()) end do connection:send("you said: " .. line .. "\n") end
end

describe("saros.compat.ssl", function()
  it("wraps a socket and shakes hands", inside(function()
    local port, _server <close> = serve(echo)
    local client = client_to(port, {protocol = "tlsv1_3", cafile = files.ca, verify = "peer"})
    client:sni "localhost"
    assert.is_true(client:dohandshake())
    assert.equal(6, (client:send "hello\n"))
    assert.equal("you said: hello", client:receive())
    assert.equal("TLSv1.3", client:info "protocol")
    assert.is_true(client:getpeerverification())
    assert.matches("BEGIN CERTIFICATE", client:getpeercertificate():pem())
    client:close()
    assert.same({n = 3, nil, "closed", ""}, table.pack(client:receive()))
  end))

  it("refuses a certificate for another name, or of a stranger", inside(function()
    local port, _server <close> = serve(echo)
    local client = client_to(port, {cafile = files.ca, verify = {"peer"}})
    client:sni "elsewhere.example"
    local ok, problem = client:dohandshake()
    assert.is_false(ok)
    assert.is_string(problem)
    client = client_to(port, {cafile = files.stranger, verify = "peer"})
    client:sni "localhost"
    assert.is_false((client:dohandshake()))
  end))

  it("takes any certificate where verify is none, as LuaSec does by default", inside(function()
    local port, _server <close> = serve(echo)
    for _, verify in ipairs{"none", false} do
      local client = client_to(port, {verify = verify or nil})
      assert.is_true(client:dohandshake())
      client:close()
    end
  end))

  it("says what it waits for when there is no time, and goes on with the next call", inside(function()
    local server = socket.bind("127.0.0.1", 0)
    local client = client_to(math.tointeger(select(2, server:getsockname())), {})
    client:settimeout(0)
    assert.same({n = 2, false, "wantread"}, table.pack(client:dohandshake()))
    local peer = ssl.wrap(server:accept(), server_params)
    async.spawn(function()
      peer:dohandshake()
      peer:send "late\n"
    end)
    client:settimeout(10)
    assert.is_true(client:dohandshake())
    client:settimeout(0)
    local line, problem, partial = client:receive()
    assert.is_true(line == "late" or problem == "wantread" and partial == "")
    client:close()
    peer:close()
  end))

  it("says what is wrong with a context", inside(function()
    assert.same({n = 2, nil, "invalid mode"}, table.pack(ssl.newcontext{mode = "x"}))
    local _, problem = ssl.newcontext{mode = "client", protocol = "sslv3"}
    assert.equal("invalid protocol (sslv3)", problem)
    for _, verify in ipairs{"Peer", {"peer", "fail"}, true} do
      assert.matches("^invalid verify option", select(2, ssl.newcontext{mode = "client", verify = verify}))
    end
    assert.matches("error loading CA locations", select(2, ssl.newcontext{mode = "client", cafile = "/no/such/file"}))
    assert.matches("error loading certificate", select(2, ssl.newcontext{mode = "server", certificate = "/no/such"}))
    assert.same({n = 2, nil, "invalid socket"}, table.pack(ssl.wrap(socket.tcp(), {mode = "client"})))
  end))
end)

describe("LuaSec's https, unchanged,", function()
  local function answer(connection)
    local first = connection:receive()
    repeat local line = connection:receive() until not line or line == ""
    local body = "seen: " .. first
    connection:send("HTTP/1.1 200 OK\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
  end

  it("gets a page", inside(function()
    local port, _server <close> = serve(answer)
    local body, status = https.request(("https://localhost:%d/page"):format(port))
    assert.equal("seen: GET /page HTTP/1.1", body)
    assert.equal(200, status)
  end))

  it("makes two requests at once", inside(function()
    local both = async.barrier(2)
    local port, _server <close> = serve(function(connection)
      both:wait()
      answer(connection)
    end)
    local url = ("https://localhost:%d/"):format(port)
    local function get() return select(2, https.request(url)) end
    assert.same({200, 200}, {async.wait_for(function() return async.gather(get, get) end, 30)})
  end))

  it("verifies if it is told to", inside(function()
    local port, _server <close> = serve(answer)
    local url = ("https://localhost:%d/"):format(port)
    assert.equal(1, (https.request{url = url, cafile = files.ca, verify = "peer"}))
    assert.is_nil((https.request{url = url, cafile = files.stranger, verify = "peer"}))
  end))
end)
