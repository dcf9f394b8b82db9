-- SPDX-License-Identifier: MIT
-- The programs of examples/ that use Redis, each run as it stands.
local redis_server = require "spec.support.redis_server"
local run = require "spec.support.example"

local server

setup(function() server = redis_server.start() end)
teardown(function() server:close() end)

describe("the example", function()
  it("thumbnails has three workers shrink six pictures, and hears of what is none", function()
    local text = run("thumbnails", server.url)
    assert.equal("32 32\n", text:match "^[^\n]*\n")
    assert.matches("this is no picture in the PPM format\n$", text)
    assert.equal(7, select(2, text:gsub("\n", "")))
  end)

  it("crawler finds the pages of a site, and its broken links", function()
    local text = run("crawler", server.url)
    local one = run("scraper")
    for title in one:gmatch "([^\n]+)\n" do
      if not title:find "^broken" and not title:find "^pages:" then assert.matches(title, text, 1, true) end
    end
    assert.matches("broken: http", text, 1, true)
  end)

  it("crawler ends where nobody answers, as often as it is run", function()
    for _ = 1, 2 do
      assert.equal("broken: http://127.0.0.1:1/ (ECONNREFUSED)\n", run("crawler", server.url .. " http://127.0.0.1:1/"))
    end
  end)

  it("crawler goes on with what another one has left undone", function()
    local url = "http://127.0.0.1:1/left"
    server:cli "flushall"
    for _, name in ipairs { "seen", "left" } do server:cli(("sadd crawler:%s %s"):format(name, url)) end
    assert.equal(("broken: %s (ECONNREFUSED)\n"):format(url), run("crawler", server.url))
  end)
end)
