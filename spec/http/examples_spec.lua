-- SPDX-License-Identifier: MIT
-- The programs of examples/ that speak HTTP, each run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("scraper visits all pages of a site and finds its broken link", function()
    local text = run "scraper"
    assert.truthy(text:find("\nPage 39\n", 1, true), text)
    assert.truthy(text:find("broken: http://127.0.0.1:%d+/gone %(404%)"), text)
    assert.truthy(text:find("\npages: 40, broken links: 1, seconds: ", 1, true), text)
  end)

  it("paginated reads all pages of a list", function()
    local text = run "paginated"
    assert.truthy(text:find("  57  Volume 57\n", 1, true), text)
    assert.truthy(text:find("\nitems: 57, requests: 6\n", 1, true), text)
  end)

  it("first_response takes the first good one", function()
    assert.equal("good\t19 bytes\n", run "first_response")
  end)

  it("health_check tells who is well", function()
    local text = run "health_check"
    for _, pattern in ipairs {
      "\n200 +%d%.%d+  http://[%d.:]+/\n", "\n500 +%d%.%d+  http://[%d.:]+/broken\n",
      "\nETIMEDOUT +%d%.%d+  http://[%d.:]+/hanging\n", "\nECONNREFUSED +%d%.%d+  http://127.0.0.1:1/\n",
    } do
      assert.matches(pattern, text)
    end
  end)

  it("rate_limited keeps to its rate and counts", function()
    local text = run "rate_limited"
    assert.matches("^requests: 31 %(200: 27, 404: 3, ECONNREFUSED: 1%), bytes: %d+\nat most 4 at once\n", text)
    assert.is_true(tonumber(text:match "\n(%S+) requests a second\n") < 104, text)
  end)

  it("api_pipeline puts together what belongs together", function()
    assert.equal(table.concat({
      "Ada works for Analytical Engines. Posts: 1, the first: thought number 1",
      "Grace works for Compilers & Sons. Posts: 2, the first: thought number 1",
      "Barbara could not be loaded: 404", "",
    }, "\n"), run "api_pipeline")
  end)

  it("news_aggregator shows each article once and names what is missing", function()
    local articles, rest = run("news_aggregator"):match "^(.*)(articles: 3\n.*)$"
    for _, line in ipairs { "/moon\tMoon still there\n", "/lua\tLua turns older\n", "/rain\tRain on Tuesday\n" } do
      local before, after = articles:match("^(.-)" .. line .. "(.*)$")
      articles = before .. after
    end
    assert.equal("", articles)
    assert.equal(
      "articles: 3\nnothing from sleepy: ETIMEDOUT\nnothing from garbled: EJSON\nnothing from broken: 500\n", rest)
  end)

  it("download saves a file; its bar is for terminals only", function()
    assert.matches("^%S+: 8388608 bytes\n$", run "download")
  end)
end)
