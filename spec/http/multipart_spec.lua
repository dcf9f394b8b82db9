-- SPDX-License-Identifier: MIT
local http = require "saros.http"
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside, error_of = tasks.inside, tasks.caught

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name:lower() then return pair[2] end
  end
end

local function post(parts, options)
  options = options or {}
  options.multipart = parts
  return http.post(server.url .. "/echo", options):json()
end

-- The body with its boundary named B.
local function body_of(request)
  local boundary = header(request, "Content-Type"):match "^multipart/form%-data; boundary=([%w-]+)$"
  return (request.body:gsub(boundary:gsub("%-", "%%-"), "B"))
end

local function with_file(content, fn)
  local path = os.tmpname()
  local handle = io.open(path, "wb")
  handle:write(content)
  handle:close()
  fn(path, path:match "[^/]*$")
  os.remove(path)
end

describe("a multipart body", function()
  it("has fields and files, sorted by name", inside(function()
    local request = post {
      text = "hello", number = 7,
      file = { data = "a\0b\r\n", filename = "a.txt", content_type = "text/plain" },
      data = { data = "plain" },
    }
    assert.equal(table.concat({
      "--B", 'Content-Disposition: form-data; name="data"', "", "plain",
      "--B", 'Content-Disposition: form-data; name="file"; filename="a.txt"', "Content-Type: text/plain", "",
      "a\0b\r\n",
      "--B", 'Content-Disposition: form-data; name="number"', "", "7",
      "--B", 'Content-Disposition: form-data; name="text"', "", "hello", "--B--", "",
    }, "\r\n"), body_of(request))
    assert.equal(tostring(#request.body), header(request, "Content-Length"))
    assert.equal("POST", request.method)
  end))

  it("keeps the order and the repeats of a list", inside(function()
    local body = body_of(post {
      { name = "b", data = "1" }, { name = "a", data = "2" }, { name = "b", data = "3", filename = "f" },
    })
    assert.equal('--B\r\nContent-Disposition: form-data; name="b"\r\n\r\n1\r\n'
      .. '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
      .. '--B\r\nContent-Disposition: form-data; name="b"; filename="f"\r\n'
      .. "Content-Type: application/octet-stream\r\n\r\n3\r\n--B--\r\n", body)
  end))

  it("may be empty", inside(function()
    assert.equal("--B--\r\n", body_of(post {}))
  end))

  it("sends files from disk, with their length", inside(function()
    local content = ("0123456789abcdef"):rep(20000)
    with_file(content, function(path, name)
      local request = post { before = "x", file = { path = path }, last = { path = path, filename = "other" } }
      local body = body_of(request)
      assert.equal(tostring(#request.body), header(request, "Content-Length"))
      local _, count = body:gsub(content, "")
      assert.equal(2, count)
      local head = 'name="file"; filename="' .. name .. '"\r\nContent-Type: application/octet-stream'
      assert.truthy(body:find(head, 1, true))
      assert.truthy(body:find('name="last"; filename="other"', 1, true))
    end)
  end))

  it("goes again where a redirect or a retry asks for it, files too", inside(function()
    with_file("content", function(path)
      local parts = { file = { path = path }, text = "x" }
      local url = server.url .. "/redirect/308?to=/echo"
      assert.truthy(http.post(url, { multipart = parts }):json().body:find("\r\n\r\ncontent\r\n", 1, true))
      url = server.url .. "/moody?times=1&key=multipart"
      local answer = http.put(url, { multipart = parts, retries = 1 }):json()
      assert.equal(2, answer.attempt)
      assert.truthy(answer.body:find("\r\n\r\ncontent\r\n", 1, true))
    end)
  end))

  it("cannot break out of its quotes", inside(function()
    local body = body_of(post { ['a"\r\nX: y'] = { data = "", filename = 'f"\r\nZ: z' } })
    assert.truthy(body:find('name="a%22%0D%0AX: y"; filename="f%22%0D%0AZ: z"', 1, true), body)
  end))

  it("has the type the caller names", inside(function()
    local request = post({ a = "1" }, { headers = { ["content-type"] = "multipart/mixed; boundary=x" } })
    assert.equal("multipart/mixed; boundary=x", header(request, "Content-Type"))
  end))

  it("names the file that is not there, before anything is sent", inside(function()
    for path, code in pairs { ["/nonexistent/file"] = "ENOENT", ["/"] = "EISDIR" } do
      local err = error_of(http.post, "http://127.0.0.1:1/", { multipart = { file = { path = path } } })
      assert.same({ "SystemError", code, path }, { err.name, err.code, err.path })
    end
  end))

  it("names the function where it cannot wait for a file", inside(function()
    local task = coroutine.wrap(function()
      return error_of(http.post, server.url .. "/echo", { multipart = { file = { path = "/dev/null" } } })
    end)
    assert.matches("post: cannot wait inside a coroutine", task(), 1, true)
  end))

  it("shows its progress", inside(function()
    with_file(("x"):rep(100000), function(path)
      local last
      http.post(server.url .. "/count", { multipart = { f = { path = path } }, on_progress = function(_, _, sent, total)
        last = { sent, total }
      end })
      assert.truthy(last[1] > 100000)
      assert.equal(last[1], last[2])
    end)
  end))

  it("is refused if it makes no sense", inside(function()
    for _, given in ipairs { "x", { a = true }, { a = {} }, { a = { data = "1", path = "/x" } }, { a = { data = {} } },
      { { data = "1" } }, { "text" }, { a = { data = "1", colour = "red" } }, { { name = "a", data = "1" }, b = "2" },
      { a = { data = "1", content_type = "a\r\nb" } }, { a = { path = "a\0b" } } } do
      local err = error_of(http.post, "http://127.0.0.1:1/", { multipart = given })
      assert.truthy(tostring(err):find("bad argument #2 to 'post' (option 'multipart'", 1, true), tostring(err))
    end
    local err = error_of(http.post, "http://127.0.0.1:1/", { multipart = {}, body = "x" })
    assert.truthy(err:find("exclude each other", 1, true))
  end))
end)
