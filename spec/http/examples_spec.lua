-- SPDX-License-Identifier: MIT
-- The programs of examples/ that speak HTTP, each run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("scraper visits all pages of a site and finds its broken link", function()
    local text = run "scraper"
    assert.truthy(text:find("\nPage 39\n", 1, true), text)
    assert.truthy(text:find("broken: http://127.0.0.1:%d+/gone %(404%)"), text)
    assert.truthy(text:find("40 pages and 1 broken links", 1, true), text)
  end)

  it("paginated reads all pages of a list", function()
    local text = run "paginated"
    assert.truthy(text:find("  57  Volume 57\n", 1, true), text)
    assert.truthy(text:find("57 items in 6 requests", 1, true), text)
  end)

  it("download saves a file; its bar is for terminals only", function()
    assert.matches("^/%S+: 8388608 bytes\n$", run "download")
  end)
end)
