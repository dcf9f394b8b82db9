-- SPDX-License-Identifier: MIT
-- Responses in a content coding.
local async = require "saros"
local serving = require "spec.support.serving"
local tasks = require "spec.support.tasks"

local inside = tasks.virtually
local TEXT = ("hello world, "):rep(1000)

-- The response of a handler that returns this, to a client of ours (which decodes) that takes these codings.
local function response_of(value, accept, options)
  local response, body
  local handler = type(value) == "function" and value or function() return value end
  serving.run(handler, options or { compress = true }, function(site)
    local session <close> = async.session { base_url = "http://127.0.0.1:" .. site.port }
    response = session:get("/", { headers = { ["Accept-Encoding"] = accept or false } })
    body = response:text()
  end)
  return response.headers, body
end

describe("with `compress`", function()
  it("a text is sent in the coding that the client likes best", inside(function()
    for accept, coding in pairs {
      gzip = "gzip", br = "br", zstd = "zstd", ["gzip, br;q=0.5"] = "gzip",
        ["GZIP;q=0.2, zstd;q=0.1, br; q=0.3"] = "br",
      ["x-gzip"] = "gzip",
    } do
      local headers, body = response_of(TEXT, accept)
      assert.equal(coding, headers["content-encoding"], accept)
      assert.equal(TEXT, body)
      assert.equal("Accept-Encoding", headers.vary)
      assert.is_true(tonumber(headers["content-length"]) < 1000)
    end
  end))

  it("a client that takes none gets none, but hears of it", inside(function()
    for _, accept in ipairs { "identity", "gzip;q=0", "*;q=0" } do
      local headers, body = response_of(TEXT, accept)
      assert.is_nil(headers["content-encoding"])
      assert.equal("Accept-Encoding", headers.vary)
      assert.equal(TEXT, body)
    end
  end))

  it("what is small, no text, encoded already or a part stays as it is", inside(function()
    for _, value in ipairs {
      "small", { body = TEXT }, { body = TEXT, headers = { ["Content-Type"] = "image/png" } },
      { status = 206, text = TEXT, headers = { ["Content-Range"] = "bytes 0-1/2" } },
      { text = TEXT, headers = { ["Cache-Control"] = "public, no-transform" } },
    } do
      assert.is_nil(response_of(value, "gzip")["content-encoding"])
    end
  end))

  it("JSON and its like are texts", inside(function()
    for _, kind in ipairs { "application/json", "application/problem+json; charset=utf-8", "image/svg+xml",
      "TEXT/CSV" } do
      local headers, body = response_of({ body = TEXT, headers = { ["Content-Type"] = kind } }, "gzip")
      assert.equal("gzip", headers["content-encoding"], kind)
      assert.equal(TEXT, body)
    end
  end))

  it("strong ETags become weak, and Vary is added to", inside(function()
    local headers = response_of({ text = TEXT, headers = { etag = '"a"', vary = "Cookie" } }, "gzip")
    assert.equal('W/"a"', headers.etag)
    assert.equal("Cookie, Accept-Encoding", headers.vary)
    assert.equal('W/"b"', response_of({ text = TEXT, headers = { ETag = 'W/"b"' } }, "gzip").etag)
  end))

  it("a Content-Length of the handler's own is replaced", inside(function()
    local headers, body = response_of({ text = TEXT, headers = { ["content-length"] = #TEXT } }, "gzip")
    assert.equal("gzip", headers["content-encoding"])
    assert.equal(TEXT, body)
  end))

  it("a Content-Length is kept to where pieces are encoded", inside(function()
    local function fetch(length)
      return pcall(response_of, function()
        local pieces = { "ab", "cd" }
        return { headers = { ["Content-Type"] = "text/plain", ["Content-Length"] = length },
          body = function() return table.remove(pieces, 1) and TEXT end }
      end, "gzip")
    end
    tasks.reported(function()
      assert.is_true(fetch(2 * #TEXT))
      assert.is_false(fetch(2 * #TEXT + 1))
      assert.is_false(fetch(2 * #TEXT - 1))
    end)
  end))

  it("what is written piece by piece can be decoded piece by piece", inside(function()
    local go_on = async.event()
    for _, coding in ipairs { "gzip", "br", "zstd" } do
      go_on:clear()
      serving.run(function(request)
        local writer <close> = request:respond { headers = { ["Content-Type"] = "text/plain" } }
        writer:write "first"
        go_on:wait()
        writer:write "second"
      end, { compress = true }, function(site)
        local session <close> = async.session { base_url = "http://127.0.0.1:" .. site.port }
        local response = session:get("/", { headers = { ["Accept-Encoding"] = coding } })
        assert.equal(coding, response.headers["content-encoding"])
        assert.equal("first", response:read())
        go_on:set()
        assert.equal("second", response:read())
        assert.is_nil(response:read())
      end)
    end
  end))

  it("events and iterators are encoded as well", inside(function()
    local _, body = response_of(function(request)
      local events <close> = request:events()
      events:send "one"
    end, "br")
    assert.equal("data: one\n\n", body)
    local pieces = { "a", "b" }
    local headers
    headers, body = response_of({
      headers = { ["Content-Type"] = "text/plain" }, body = function() return table.remove(pieces, 1) end,
    }, "zstd")
    assert.equal("zstd", headers["content-encoding"])
    assert.equal("ab", body)
  end))
end)

describe("without `compress`", function()
  it("nothing is encoded", inside(function()
    local headers = response_of(TEXT, "gzip", {})
    assert.is_nil(headers["content-encoding"])
    assert.is_nil(headers.vary)
  end))
end)
