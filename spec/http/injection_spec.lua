-- SPDX-License-Identifier: MIT
local http = require "saros.http"
local rogue = require "spec.support.rogue_server"()
local server = require "spec.support.http_server"()
local tasks = require "spec.support.tasks"

local inside = tasks.inside

-- What tries to begin a line of its own, or to end the text early.
local breaks = { "\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "a\0b", "\r\n\r\nGET /evil HTTP/1.1\r\n" }

-- Each gives what to call with a text that goes to this place. All are argument errors.
local refused = {
  ["the method"] = function(text) return http.fetch, server.url, { method = "GET" .. text } end,
  ["the path of a URL"] = function(text) return http.get, server.url .. "/echo" .. text end,
  ["the query of a URL"] = function(text) return http.get, server.url .. "/echo?a=" .. text end,
  ["the fragment of a URL"] = function(text) return http.get, server.url .. "/echo#" .. text end,
  ["the host of a URL"] = function(text) return http.get, "http://127.0.0.1" .. text .. ":80/" end,
  ["the userinfo of a URL"] = function(text) return http.get, "http://user" .. text .. "@127.0.0.1/" end,
  ["the name of a header"] = function(text) return http.get, server.url, { headers = { ["X" .. text] = "1" } } end,
  ["the value of a header"] = function(text) return http.get, server.url, { headers = { X = "1" .. text } } end,
  ["a value of a list"] = function(text) return http.get, server.url, { headers = { X = { "1", text } } } end,
  ["a user"] = function(text) return http.get, server.url, { auth = { "user" .. text, "x" } } end,
  ["a digest user"] = function(text)
    return http.get, server.url, { auth = { user = text, password = "x", digest = true } }
  end,
  ["a digest password"] = function(text)
    return http.get, server.url, { auth = { user = "x", password = text, digest = true } }
  end,
  ["a password"] = function(text) return http.get, server.url, { auth = { "user", "x" .. text } } end,
  ["a token"] = function(text) return http.get, server.url, { auth = { bearer = "x" .. text } } end,
  ["the name of a cookie"] = function(text) return http.get, server.url, { cookies = { ["a" .. text] = "1" } } end,
  ["the value of a cookie"] = function(text) return http.get, server.url, { cookies = { a = "1" .. text } } end,
  ["the proxy"] = function(text) return http.get, server.url, { proxy = "http://127.0.0.1" .. text .. ":1" } end,
  ["the proxy's user"] = function(text)
    return http.get, server.url, { proxy = "http://a" .. text .. "@127.0.0.1:1" }
  end,
  ["an address of resolve"] = function(text)
    return http.get, server.url, { resolve = { ["h:80"] = "127.0.0.1" .. text } }
  end,
  ["a place of resolve"] = function(text)
    return http.get, server.url, { resolve = { ["h" .. text .. ":80"] = "127.0.0.1" } }
  end,
  ["local_address"] = function(text) return http.get, server.url, { local_address = "127.0.0.1" .. text } end,
  ["unix_socket"] = function(text) return http.get, server.url, { unix_socket = "/tmp/x" .. text } end,
  ["the type of a part"] = function(text)
    return http.post, server.url, { multipart = { a = { data = "x", content_type = "text/plain" .. text } } }
  end,
}

-- These carry any text, without harm.
local harmless = {
  ["a value of the query"] = function(text) return { query = { a = text } } end,
  ["a name of the query"] = function(text) return { query = { [text] = "1" } } end,
  ["a value of a form"] = function(text) return { form = { a = text } } end,
  ["a name of a form"] = function(text) return { form = { [text] = "1" } } end,
  ["a value of JSON"] = function(text) return { json = { a = text } } end,
  ["a body"] = function(text) return { body = text } end,
  ["the data of a part"] = function(text) return { multipart = { a = { data = text } } } end,
}

-- These carry any text but NUL.
local quoted = {
  ["the name of a part"] = function(text) return { multipart = { ["a" .. text] = { data = "x" } } } end,
  ["the filename of a part"] = function(text)
    return { multipart = { a = { data = "x", filename = "f" .. text } } }
  end,
}

describe("a line end, or NUL, in", function()
  for place, make in pairs(refused) do
    it(place .. " is an argument error before anything is sent", inside(function()
      local before = http.get(server.url .. "/report"):json().connections
      for _, text in ipairs(breaks) do
        local f, url, options = make(text)
        local ok, err = pcall(f, url, options)
        assert.is_false(ok, text)
        assert.truthy(tostring(err):find("bad argument #", 1, true), tostring(err))
      end
      assert.equal(before, http.get(server.url .. "/report"):json().connections)
    end))
  end

  for place, make in pairs(refused) do
    it(place .. " is an argument error in a session's defaults too", inside(function()
      local f, url, options = make(breaks[1])
      if not options or options.method or options.multipart then return end
      local ok, err = pcall(function()
        local session <close> = http.session(options)
        return session:get(url)
      end)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("bad argument #", 1, true), tostring(err))
      assert.is_function(f)
    end))
  end

  for place, make in pairs(harmless) do
    it(place .. " arrives as it is", inside(function()
      for _, text in ipairs(breaks) do
        local request = http.fetch(server.url .. "/echo", (function()
          local options = make(text)
          options.method = "POST"
          return options
        end)()):json()
        for _, header in ipairs(request.headers) do assert.not_equal("X-Evil", header[1]) end
        assert.equal(1, select(2, request.target:gsub("^/echo", "")))
        assert.is_nil(request.target:find "[%c ]")
      end
      assert.equal(200, http.get(server.url .. "/echo").status)
    end))
  end

  for place, make in pairs(quoted) do
    it(place .. " cannot leave its quotes; NUL is an argument error", inside(function()
      for _, text in ipairs(breaks) do
        local options = make(text .. '"; x="')
        local ok, answer = pcall(http.post, server.url .. "/echo", options)
        if text:find "%z" then
          assert.is_false(ok)
          assert.truthy(tostring(answer):find("bad argument #2", 1, true))
        else
          local body = answer:json().body
          assert.equal(5, select(2, body:gsub("\r\n", "\r\n")) - (body:find("Content-Type", 1, true) and 1 or 0))
          assert.is_nil(body:find('"; x="', 1, true))
        end
      end
    end))
  end
end)

describe("a Location with a line end", function()
  it("does not make a request of its own", inside(function()
    local head = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
    for _, location in ipairs { "/head?a=%0d%0aX-Evil:%201", "/head?a=\1b", "/head?a=\tX-Evil: 1", "http://h\1/" } do
      local url = rogue:script({ "send", head .. location .. "\r\n\r\n" })
      local ok, answer = pcall(http.get, url)
      local text = ok and answer:text() or tostring(answer)
      assert.is_nil(text:find("\nX-Evil", 1, true), text)
      if not ok then assert.truthy(answer.code == "EREDIRECT" or answer.code == "EPROTO", answer.code) end
    end
  end))
end)
