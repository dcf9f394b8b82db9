-- SPDX-License-Identifier: MIT
-- The programs of examples/ that use sockets, each run as it stands.

local run = require "spec.support.example"

describe("the example", function()
  it("echo_server sends back what a hundred clients say", function()
    assert.equal("100 clients got 2092 bytes back\n", run "echo_server")
  end)

  it("chat_server lets everybody hear the others", function()
    local text = run "chat_server"
    for _, line in ipairs {
      "[Ada] Who are you?", "[Ada] * Grace has come", "[Grace] Ada: is anybody here?", "[Ada] Grace: nice",
      "[Ada] Barbara: me too", "[Grace] Barbara: me too",
    } do
      assert.truthy(text:find(line, 1, true), text)
    end
    assert.is_nil(text:find("[Ada] Ada", 1, true), text)
  end)

  it("line_proxy shows what both sides say", function()
    assert.equal("-->\t1 + 2\n<--\t3\n-->\thow are you\n<--\twhat?\n-->\t40 + 2\n<--\t42\n", run "line_proxy")
  end)
end)
