-- SPDX-License-Identifier: MIT
-- What a handler returns, and what the client gets.
local async = require "saros"
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"

-- The response to GET / of a handler that returns this.
local function response_of(value, line, headers)
  local response
  serving.run(function() return value end, nil, function(site)
    response = site:fetch(line or "GET /", headers)
  end)
  return response
end

-- What is reported of a handler that returns this, whose client gets a 500.
local function complaint_about(value)
  local text
  tasks.reported(function(reports)
    local response = response_of(value)
    assert.equal(500, response.status)
    assert.equal("Internal Server Error", response.body)
    assert.equal(1, #reports)
    text = tostring(reports[1].error)
  end)
  return text
end

local inside = tasks.virtually

describe("a handler that returns", function()
  it("a string gives 200 and plain text", inside(function()
    local response = response_of "hello"
    assert.equal(200, response.status)
    assert.equal("OK", response.reason)
    assert.equal("text/plain; charset=utf-8", response.headers["content-type"])
    assert.equal("5", response.headers["content-length"])
    assert.equal("hello", response.body)
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", response.headers.date)
    assert.is_nil(response.headers.connection)
  end))

  it("a status gives that with its phrase", inside(function()
    local response = response_of(404)
    assert.equal(404, response.status)
    assert.equal("Not Found", response.reason)
    assert.equal("Not Found", response.body)
  end))

  it("205 sends no body, whatever there is", inside(function()
    for _, value in ipairs { 205, { status = 205, text = "x" } } do
      local response = response_of(value)
      assert.equal("0", response.headers["content-length"])
      assert.equal("", response.body)
    end
  end))

  it("a body has it closed though the response is refused", inside(function()
    for _, refused in ipairs { { status = 99 }, { text = "x" }, { headers = { ["a b"] = 1 } } } do
      local is_closed = false
      refused.body = setmetatable({}, { __call = function() end, __close = function() is_closed = true end })
      complaint_about(refused)
      assert.is_true(is_closed)
    end
  end))

  it("nothing gives 204, without a body or a length", inside(function()
    local response = response_of(nil)
    assert.equal(204, response.status)
    assert.is_nil(response.headers["content-length"])
    assert.is_nil(response.headers["content-type"])
    assert.equal("", response.body)
  end))

  it("a table gives status, headers and body", inside(function()
    local response = response_of {
      status = 201, headers = { ["X-One"] = "1", ["X-Two"] = { "a", "b" }, ["X-Num"] = 2.5, ["X-Int"] = 7,
        ["X-None"] = {} },
      body = "raw",
    }
    assert.equal(201, response.status)
    assert.equal("1", response.headers["x-one"])
    assert.equal("a|b", response.headers["x-two"])
    assert.equal("2.5", response.headers["x-num"])
    assert.equal("7", response.headers["x-int"])
    assert.is_nil(response.headers["x-none"])
    assert.is_nil(response.headers["content-type"])
    assert.equal("raw", response.body)
  end))

  it("text, html or json has the type of that", inside(function()
    for name, content_type in pairs { text = "text/plain; charset=utf-8", html = "text/html; charset=utf-8" } do
      local response = response_of { [name] = "x" }
      assert.equal(content_type, response.headers["content-type"])
      assert.equal("x", response.body)
    end
    local response = response_of { json = { a = { 1, 2 } } }
    assert.equal("application/json", response.headers["content-type"])
    assert.equal('{"a":[1,2]}', response.body)
  end))

  it("json gives whatever JSON can say", inside(function()
    for _, value in ipairs { false, async.json.null, 1.5, async.json.array {} } do
      assert.equal(async.json.encode(value), response_of { json = value }.body)
    end
    assert.matches("JSONError: cannot encode a function", complaint_about { json = { print } })
  end))

  it("json whose fields have sent a response meanwhile is refused", inside(function()
    local text
    tasks.reported(function(reports)
      serving.run(function(request)
        return { json = setmetatable({}, { __pairs = function()
          request:respond { status = 202 }
          return next, {}
        end }) }
      end, nil, function(site) streams.raises("SystemError", site.ask, site, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") end)
      text = tostring(reports[1].error)
    end)
    assert.matches("the request has a response already", text)
  end))

  it("a status that is out of range, however far, is a failure", inside(function()
    for _, status in ipairs { 99, 600, 200.5, (1 << 32) + 200 } do
      assert.matches("200 to 599 expected", complaint_about { status = status, text = "x" })
      assert.matches("200 to 599 expected", complaint_about(status))
    end
  end))

  it("what cannot be sent is told without a line of the server", inside(function()
    for _, name in ipairs { "text", "redirect", "json" } do
      assert.equal("response: invalid header name 'a b'", complaint_about { [name] = "x", headers = { ["a b"] = 1 } })
    end
    assert.equal("response: header 'Content-Length': a number of bytes expected",
      complaint_about { redirect = "x", headers = { ["Content-Length"] = "many" } })
  end))

  it("a type of its own has that alone", inside(function()
    assert.equal("text/csv", response_of { text = "x",
      headers = { ["content-type"] = "text/csv" } }.headers["content-type"])
  end))

  it("a redirect gives Location and 302, or the status it says", inside(function()
    local response = response_of { redirect = "/there" }
    assert.equal(302, response.status)
    assert.equal("/there", response.headers.location)
    assert.equal(308, response_of { redirect = "/there", status = 308 }.status)
  end))

  it("an empty table gives an empty 200", inside(function()
    local response = response_of {}
    assert.equal(200, response.status)
    assert.equal("0", response.headers["content-length"])
  end))

  it("a function for a body sends its pieces in chunks", inside(function()
    local count = 0
    local response = response_of { body = function()
      count = count + 1
      async.sleep(0)
      return count <= 3 and ("piece %d,"):format(count) or nil
    end }
    assert.equal("chunked", response.headers["transfer-encoding"])
    assert.is_nil(response.headers["content-length"])
    assert.equal("piece 1,piece 2,piece 3,", serving.unchunk(response.body))
  end))

  it("a function for a body with a Content-Length sends just that", inside(function()
    local pieces = { "ab", "", "c" }
    local response = response_of {
      headers = { ["Content-Length"] = 3 },
      body = function() return table.remove(pieces, 1) end,
    }
    assert.equal("3", response.headers["content-length"])
    assert.equal("abc", response.body)
  end))

  it("a Stream for a body sends what that gives, and closes it", inside(function()
    local here, there = async.net.pair()
    there:write "from a stream"
    there:close()
    assert.equal("from a stream", serving.unchunk(response_of({ body = here }).body))
    assert.is_true(here:closed())
  end))

  it("a body that has to be closed has it closed, though nobody reads it", inside(function()
    local closed = 0
    local body = setmetatable({}, {
      __call = function() return "x" end,
      __close = function() closed = closed + 1 end,
    })
    assert.equal("", response_of({ body = body }, "HEAD /").body)
    assert.equal(1, closed)
    assert.equal("", response_of({ body = body, status = 204 }).body)
    assert.equal(2, closed)
  end))
end)

describe("what is wrong with a response", function()
  it("is a 500 without details, and is reported", inside(function()
    for expected, value in pairs {
      ["response: string, status, table or nil expected, got boolean"] = true,
      ["response: status 1000: an integer from 200 to 599 expected"] = 1000,
      ["response: status 100: an integer from 200 to 599 expected"] = 100,
      ["response: status 200.5: an integer from 200 to 599 expected"] = 200.5,
      ["response: unknown field 'state' (did you mean 'status'?)"] = { state = 1 },
      ["response: unknown field '1'"] = { "x" },
      ["response: either 'body' or 'text' expected, not both"] = { body = "a", text = "b" },
      ["response: field 'status': 200 to 599 expected, got 199"] = { status = 199 },
      ["response: field 'headers': table expected, got string"] = { headers = "a" },
      ["response: field 'text': string expected, got number"] = { text = 1 },
      ["response: field 'body': string, iterator, File or Stream expected, got number"] = { body = 1 },
      ["response: invalid header name 'A b'"] = { headers = { ["A b"] = "1" } },
      ["response: a header's name has to be a string, got number"] = { headers = { "A: b" } },
      ["response: header 'A': a value must not contain control characters"] = { headers = { A = "1\r\nB: 2" } },
      ["response: header 'A': string, number, list of those or false expected, got boolean"] =
        { headers = { A = true } },
      ["response: header 'Transfer-Encoding' is set from the body"] =
        { headers = { ["transfer-encoding"] = "chunked" } },
      ["response: header 'Content-Length': a number of bytes expected"] = { headers = { ["Content-Length"] = "0x5" } },
      ["response: the body is longer than its Content-Length of 1"] = { headers = { ["Content-Length"] = 1 },
        body = "ab" },
    } do
      assert.is_truthy(complaint_about(value):find(expected, 1, true), expected)
    end
  end))

  it("is a 500 as well where a body fails before its first piece", inside(function()
    for expected, body in pairs {
      ["at the first call"] = function() error("at the first call") end,
      ["in a generator"] = async.generator(function() error("in a generator") end),
      ["the body gives a number"] = function() return 5 end,
    } do
      assert.is_truthy(complaint_about { body = body }:find(expected, 1, true), expected)
    end
  end))

  it("resets the connection once the head is out", inside(function()
    tasks.reported(function(reports)
      local function failing_after(pieces)
        return function() return table.remove(pieces, 1) or error("in the middle") end
      end
      local values = {
        { body = failing_after { "a" } },
        { headers = { ["Content-Length"] = 5 }, body = "abc" },
        { headers = { ["Content-Length"] = 1 }, body = function() return "ab" end },
        { body = function() async.sleep(1) error("after a while") end },
      }
      for i, value in ipairs(values) do
        local ok, err = pcall(response_of, value)
        assert.is_false(ok)
        assert.equal("ECONNRESET", err.code)
        assert.equal(i, #reports)
      end
    end)
  end))
end)

describe("the head of a response", function()
  it("does not wait for a body whose first piece takes its time", inside(function()
    local go_on = async.event()
    serving.run(function()
      return { body = async.generator(function(yield)
        go_on:wait()
        yield "now"
      end) }
    end, nil, function(site)
      local stream <close> = site:connect()
      stream:write "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      assert.matches("^HTTP/1%.1 200 ", stream:read_until "\r\n\r\n")
      go_on:set()
      assert.equal("now", serving.unchunk(stream:read_all()))
    end)
  end))
end)

describe("the response to HEAD", function()
  it("has the head of that to GET, and no body", inside(function()
    local response = response_of("hello", "HEAD /")
    assert.equal("5", response.headers["content-length"])
    assert.equal("", response.body)
  end))

  it("may name a length without having the body", inside(function()
    assert.equal("1000", response_of({ headers = { ["Content-Length"] = 1000 } }, "HEAD /").headers["content-length"])
  end))
end)
