-- SPDX-License-Identifier: MIT
-- The programs of examples/ that are servers, each run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("json_api adds, changes and removes notes", function()
    assert.equal(table.concat({
      '201\t{"id":1,"text":"buy milk"}', '200\t{"id":1,"text":"buy oat milk"}', '200\t[{"id":1,"text":"buy oat milk"}]',
      "204\t", "404\tthere is no such note", "422\ta text is missing", "401\twho are you?", "",
    }, "\n"), (run("json_api"):gsub('{"text":("[^"]*"),"id":1}', '{"id":1,"text":%1}')))
  end)

  it("reverse_proxy hands on both ways as it comes", function()
    assert.equal("through the proxy: yes\nHELLO\nIS ANYBODY THERE?\nnil\n", run "reverse_proxy")
  end)

  it("events shows each visitor how many there are", function()
    assert.equal("the first one sees\tdata: 1\nand another one:\tdata: 2\nwho sees\tdata: 2\n", run "events")
  end)

  it("health_page shows a visitor each check as it is made", function()
    assert.equal("<title>Health</title>\n/\t200\t200\n/moody\t200\t500\n/broken\t500\t500\n"
      .. "/\tECONNREFUSED\tECONNREFUSED\n", run "health_page")
  end)

  it("static_server sends its own text", function()
    local first = "200\tapplication/octet-stream\t-- SPDX-License-Identifier: MIT\n"
    assert.equal(first .. "304\nSPDX-License-Identifier\ntrue\t404\n", run "static_server")
  end)
end)
