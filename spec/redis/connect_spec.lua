-- SPDX-License-Identifier: MIT
local async = require "saros"
local certificates = require("spec.support.certificates")()
local fake_redis = require "spec.support.fake_redis"
local folder = require "spec.support.folder"
local redis = require "saros.redis"
local redis_server = require "spec.support.redis_server"
local tasks = require "spec.support.tasks"
local url = require "saros.redis.url"
local caught, error_of, inside, virtually = tasks.caught, tasks.error_of, tasks.inside, tasks.virtually

local server, secure

setup(function()
  server = redis_server.start "--requirepass p@ss/word"
  local options = "--tls-port TLS_PORT --tls-auth-clients optional --tls-cert-file %s --tls-key-file %s "
    .. "--tls-ca-cert-file %s"
  secure = redis_server.start(options:format(certificates.server, certificates.server_key, certificates.ca))
end)

teardown(function()
  server:close()
  secure:close()
end)

describe("a URL of Redis", function()
  it("is taken apart", function()
    local plain = { is_secure = false, db = 0 }
    local function with(fields) return setmetatable(fields, { __index = plain }) end
    for text, expected in pairs {
      ["redis://h"] = with { host = "h", port = 6379 },
      ["redis://h:1/"] = with { host = "h", port = 1 },
      ["redis://"] = with { host = "localhost", port = 6379 },
      ["REDIS://u:p@h:1/2"] = with { host = "h", port = 1, user = "u", password = "p", db = 2 },
      ["redis://:p%40%3a@h"] = with { host = "h", port = 6379, password = "p@:" },
      ["redis://u:p@x@h"] = with { host = "h", port = 6379, user = "u", password = "p@x" },
      ["redis://[::1]:7/1"] = with { host = "::1", port = 7, db = 1 },
      ["rediss://h"] = with { host = "h", port = 6379, is_secure = true },
      ["redis://h?db=3"] = with { host = "h", port = 6379, db = 3 },
      ["redis+unix:///a%20b/c"] = with { path = "/a b/c" },
      ["redis+unix://u:p@/c?db=4"] = with { path = "/c", user = "u", password = "p", db = 4 },
    } do
      local place = assert(url.parse(text))
      for _, field in ipairs { "host", "port", "path", "user", "password", "db", "is_secure" } do
        assert.equal(expected[field], place[field], text .. " " .. field)
      end
    end
  end)

  it("that is none is an argument error, which does not show the password", function()
    for _, text in ipairs {
      "http://h", "redis:h", "h:6379", "redis://h:0", "redis://h:70000", "redis://h:x", "redis://h/x", "redis://h/1/2",
      "redis://a b", "redis://u@h", "redis://u:%zz@h", "redis+unix://h/p", "redis+unix://", "redis+unix:///",
      "redis://h?x=1",
      "redis://h/1#f", "redis://u:secret@h:x", "redis://h\n",
    } do
      local message = caught(redis.connect, text)
      assert.matches("bad argument #1 to 'connect' (not a URL of Redis: ", message, 1, true)
      assert.is_nil(message:find("secret", 1, true))
    end
    assert.matches("bad argument #1 to 'connect' %(string expected, got no value%)", caught(redis.connect))
  end)
end)

describe("connect", function()
  it("refuses options that it does not know, or that make no sense", function()
    local function refused(options) return caught(redis.connect, "redis://h", options) end
    assert.matches("bad argument #2 to 'connect' %(table expected, got number%)", refused(1))
    assert.matches("unknown option 'time_out' (did you mean 'timeout'?)", refused { time_out = 1 }, 1, true)
    assert.matches("option 'pool': positive integer expected, got 0", refused { pool = 0 }, 1, true)
    assert.matches("option 'timeout': seconds above zero expected, got string", refused { timeout = "1" }, 1, true)
    assert.matches("option 'connect_timeout': seconds above", refused { connect_timeout = 0 / 0 }, 1, true)
    assert.matches("option 'verify': boolean expected, got 1", refused { verify = 1 }, 1, true)
  end)

  it("connects at first use, not before", inside(function()
    local r <close> = redis.connect("redis://nothing.invalid")
    assert.equal("Redis: nothing.invalid:6379", tostring(r))
    assert.same({ connections = 0, waiting = 0, commands = 0, reconnections = 0 }, r:stats())
    r:close()
    local err = error_of(r.ping, r)
    assert.same({ "ClosedError", "ECLOSED", "PING" }, { err.name, err.code, err.command })
  end))

  it("says who it is, in the password's own characters", inside(function()
    local target = server.url:gsub("unix://", "unix://:p%%40ss%%2Fword@")
    local r <close> = redis.connect(target)
    assert.equal("PONG", r:ping())
    local named <close> = redis.connect((server.url:gsub("unix://", "unix://default:p@ss%%2Fword@")))
    assert.equal("PONG", named:ping())
  end))

  it("raises at once when the server does not let it in", inside(function()
    for target, code in pairs {
      [server.url] = "NOAUTH", [server.url:gsub("unix://", "unix://:wrong@")] = "WRONGPASS",
    } do
      local r <close> = redis.connect(target)
      for _, call in ipairs { function() r:ping() end, function() r:blpop("x", 0) end } do
        local err = error_of(call)
        assert.same({ "RedisError", code }, { err.name, err.code })
        assert.is_string(err.command)
      end
    end
  end))

  it("goes to the database of its URL, on every connection", inside(function()
    local r <close> = redis.connect(secure.tcp .. "/3")
    local zero <close> = redis.connect(secure.tcp)
    r:set("where", "three")
    zero:set("where", "zero")
    assert.equal("three", r:get "where")
    assert.equal("three", r:transaction({ "where" }, function(t) return t:get "where" end))
    local unix <close> = redis.connect(secure.url .. "?db=3")
    assert.equal("three", unix:get "where")
    local beyond <close> = redis.connect(secure.tcp .. "/1000")
    assert.equal("ERR", error_of(beyond.ping, beyond).code)
  end))

  it("that is refused is tried again until connect_timeout", virtually(function()
    local r <close> = redis.connect("redis://127.0.0.1:1", { connect_timeout = 10 })
    for command, call in pairs { PING = function() r:ping() end, BLPOP = function() r:blpop("x", 0) end } do
      local before = async.now()
      local err = error_of(call)
      assert.same({ "FetchError", "ECONNREFUSED", command, "127.0.0.1", 1 },
        { err.name, err.code, err.command, err.host, err.port })
      assert.is_true(async.now() - before >= 9)
    end
  end))

  it("gives each command its own connect_timeout", virtually(function()
    local r <close> = redis.connect("redis://127.0.0.1:1", { connect_timeout = 10 })
    local function fails_after()
      local before = async.now()
      assert.equal("PING", error_of(r.ping, r).command)
      return async.now() - before
    end
    local first = tasks.start(fails_after)
    async.sleep(7)
    assert.is_true(fails_after() >= 9)
    assert.is_true(first:await() < 12)
  end))

  it("waits for a server that is coming up, and loses no command", inside(function()
    local path = os.tmpname()
    os.remove(path)
    local r <close> = redis.connect("redis+unix://" .. path)
    local pings = {}
    for i = 1, 3 do pings[i] = async.spawn(r.ping, r) end
    pings[4] = async.spawn(r.blpop, r, "x", 1)
    async.sleep(0.05)
    assert.equal(4, r:stats().waiting)
    local fake <close> = fake_redis.start(function(peer)
      peer:greet()
      peer:answer(function() return "+PONG\r\n" end)
    end, path)
    for i = 1, 4 do assert.equal("PONG", pings[i]:await()) end
    assert.same({ 0, 2 }, { r:stats().waiting, fake.peers })
  end))

  it("that does not answer is a TimeoutError", inside(function()
    local listening <close> = async.net.listen("127.0.0.1", 0)
    local serving <close> = async.spawn(listening.serve, listening, function(stream) stream:read_all() end)
    local _, port = listening:address()
    local r <close> = redis.connect("redis://127.0.0.1:" .. port, { connect_timeout = 0.05 })
    for command, call in pairs { PING = function() r:ping() end, BLPOP = function() r:blpop("x", 0) end } do
      local err = error_of(call)
      assert.same({ "TimeoutError", "ETIMEDOUT", command, 0.05 }, { err.name, err.code, err.command, err.seconds })
    end
    assert(serving)
  end))
end)

describe("rediss", function()
  local function target() return "rediss://localhost:" .. secure.tls_port end

  it("is TLS, for what blocks as well", inside(function()
    local r <close> = redis.connect(target(), { ca_file = certificates.ca })
    assert.equal("PONG", r:ping())
    assert.is_nil(r:blpop("nothing", 0.01))
    assert.equal(2, r:stats().connections)
    local named <close> = redis.connect("rediss://127.0.0.1:" .. secure.tls_port,
      { ca_file = certificates.ca, server_name = "example.test", tls_min = "1.3" })
    assert.equal("PONG", named:ping())
    local careless <close> = redis.connect(target(), { verify = false })
    assert.equal("PONG", careless:ping())
  end))

  it("trusts whom a folder names", folder.with(function(path)
    local trusted, empty = path .. "/trusted", path .. "/empty"
    local openssl <close> = assert(io.popen(("openssl x509 -hash -noout -in '%s'"):format(certificates.ca)))
    local hash = openssl:read "l"
    assert(os.execute(("mkdir '%s' '%s' && cp '%s' '%s/%s.0'"):format(trusted, empty, certificates.ca, trusted, hash)))
    local r <close> = redis.connect(target(), { ca_path = trusted })
    assert.equal("PONG", r:ping())
    local stranger <close> = redis.connect(target(), { ca_path = empty })
    assert.equal("ETLS", error_of(stranger.ping, stranger).code)
  end))

  it("raises at once if the certificate does not prove it", inside(function()
    local r <close> = redis.connect(target())
    local err = error_of(r.ping, r)
    assert.same({ "FetchError", "ETLS", "PING", "localhost" }, { err.name, err.code, err.command, err.host })
    local missing = caught(redis.connect, target(), { ca_file = "/nowhere/ca.pem" })
    assert.is_truthy(missing)
  end))

  it("shows a certificate of its own if it has one", inside(function()
    local r <close> = redis.connect(target(),
      { ca_file = certificates.ca, cert = certificates.bundle })
    assert.equal("PONG", r:ping())
  end))
end)
