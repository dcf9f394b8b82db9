-- SPDX-License-Identifier: MIT
-- Forms with files, as a handler reads them.
local serving = require "spec.support.serving"
local streams = require "spec.support.streams"
local tasks = require "spec.support.tasks"
local testing = require "saros.testing"

local inside = tasks.virtually

local HEAD = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"

local FORM = table.concat({
  "a preamble", "--b", 'Content-Disposition: form-data; name="one"', "", "1", "--b \t",
  'content-disposition: form-data; name="file"; filename="a%22b.txt"', "Content-Type: text/plain; charset=utf-8",
    "X: y", "",
  "line 1", "-b", "--", "", "--b", 'Content-Disposition: form-data; name="empty"', "", "", "--b--", "an epilogue",
}, "\r\n")

-- The response of a handler to this form; its bytes come at once, or one by one.
local function answer(handler, body, content_type, bytewise)
  local bytes = HEAD:format(content_type or 'multipart/form-data; boundary="b"', #body, body)
  local response
  serving.run(handler, nil, function(site)
    local stream <close> = site:connect()
    if bytewise then
      for i = 1, #bytes do
        stream:write(bytes:sub(i, i))
        tasks.turns(1)
      end
    else
      stream:write(bytes)
    end
    response = serving.parse(stream:read_all())
  end)
  return response
end

local function show(request)
  local seen = {}
  for part in request:multipart() do
    seen[#seen + 1] = ("%s|%s|%s|%s"):format(part.name, part.filename, part.content_type, part:text())
  end
  return table.concat(seen, "\n")
end

describe("request:multipart", function()
  it("gives the parts in order, however they come", inside(function()
    local expected = 'one|nil|nil|1\nfile|a"b.txt|text/plain; charset=utf-8|line 1\r\n-b\r\n--\r\n\nempty|nil|nil|'
    assert.equal(expected, answer(show, FORM).body)
    assert.equal(expected, answer(show, FORM, nil, true).body)
  end))

  it("takes no name from within another parameter", inside(function()
    local form = '--b\r\nContent-Disposition: form-data; filename="; name="; Name="real"\r\n\r\n1\r\n--b--'
    assert.equal("real|; name=|nil|1", answer(show, form).body)
    assert.equal(400, answer(show, form, 'multipart/form-data; boundary=""').status)
  end))

  it("reads what our own client sends", inside(function()
    local client <close> = testing.client(show)
    local large = ("0123456789"):rep(20000)
    local response = client:post("/", { multipart = {
      { name = "a", data = "1" }, { name = "f", data = large, filename = "x.bin", content_type = "text/x" },
    } })
    assert.equal("a|nil|nil|1\nf|x.bin|text/x|" .. large, response:text())
  end))

  it("gives parts that are read in pieces, by lines or as JSON", inside(function()
    assert.equal('ab,c 1+2 {"x":1}', (answer(function(request)
      local next_part = request:multipart()
      local pieces, first = {}, next_part()
      for piece in function() return first:read(2) end do pieces[#pieces + 1] = piece end
      local lines = {}
      for line in next_part():lines() do lines[#lines + 1] = line end
      local value = next_part():json()
      assert.is_nil(next_part())
      assert.is_nil(next_part())
      return ("%s %s {\"x\":%d}"):format(table.concat(pieces, ","), table.concat(lines, "+"), value.x)
    end, table.concat({
      "--b", 'Content-Disposition: form-data; name="a"', "", "abc", "--b", 'Content-Disposition: form-data; name="b"',
        "", "1",
      "2", "--b", 'Content-Disposition: form-data; name="c"', "", '{"x":1}', "--b--", "",
    }, "\r\n")).body))
  end))

  it("skips what was not read of a part, which cannot be read then", inside(function()
    assert.equal("one file empty", (answer(function(request)
      local names, skipped = {}, {}
      for part in request:multipart() do
        names[#names + 1], skipped[#skipped + 1] = part.name, part
      end
      streams.raises("ClosedError", skipped[1].read, skipped[1])
      streams.raises("ClosedError", skipped[2].text, skipped[2])
      streams.raises("ClosedError", skipped[3].save, skipped[3], "/dev/null")
      return table.concat(names, " ")
    end, FORM).body))
  end))

  it("keeps what was read of a part whole, and knows its end", inside(function()
    assert.equal("ok", (answer(function(request)
      local parts = {}
      for part in request:multipart() do
        parts[#parts + 1] = part
        if #parts == 1 then part:text() else while part:read() do end end
      end
      assert.equal("1", parts[1]:text())
      assert.is_nil(parts[2]:read())
      streams.raises("ClosedError", parts[2].save, parts[2], "/dev/null")
      streams.raises("ClosedError", request.save, request, "/dev/null")
      return "ok"
    end, FORM).body))
  end))

  it("has the headers of a part", inside(function()
    assert.equal("y", (answer(function(request)
      for part in request:multipart() do
        if part.name == "file" then return part.headers.x end
      end
    end, FORM).body))
  end))

  it("refuses what is no form: 415", inside(function()
    assert.equal(415, answer(show, FORM, "text/plain").status)
    assert.equal(415, answer(show, FORM, "multipart/mixed; boundary=b").status)
  end))

  it("refuses what is broken: 400", inside(function()
    assert.equal(400, answer(show, FORM, "multipart/form-data; charset=b").status)
    for _, body in ipairs {
      "", "nothing", "--b", "--b\r\n", "--b\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
      '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', "--bx\r\n\r\n--b--",
      '--b\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--b--', "--b\r\nA: " .. ("x"):rep(40000),
    } do
      assert.equal(400, answer(show, body).status, body:sub(1, 50))
    end
  end))

  it("cannot be read twice", inside(function()
    assert.equal("ok", (answer(function(request)
      request:multipart()
      streams.raises("ClosedError", request.multipart, request)
      streams.raises("ClosedError", request.text, request)
      return "ok"
    end, FORM).body))
  end))
end)
