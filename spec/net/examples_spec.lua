-- SPDX-License-Identifier: MIT
-- The programs of examples/ that use sockets, each run as it stands.

-- What a program prints.
local function run(name)
  local lua = arg[-1] or "lua"
  local pipe = io.popen(("exec '%s' examples/%s 2>&1"):format(lua, name))
  local text = pipe:read("a")
  local ok = pipe:close()
  assert.is_true(ok, text)
  return text
end

describe("the example", function()
  it("echo_server sends back what a hundred clients say", function()
    assert.equal("100 clients got 2092 bytes back\n", run "echo_server.lua")
  end)

  it("chat_server lets everybody hear the others", function()
    local text = run "chat_server.lua"
    for _, line in ipairs {
      "[Ada] Who are you?", "[Ada] * Grace has come", "[Grace] Ada: is anybody here?", "[Ada] Grace: nice",
      "[Ada] Barbara: me too", "[Grace] Barbara: me too",
    } do
      assert.truthy(text:find(line, 1, true), text)
    end
    assert.is_nil(text:find("[Ada] Ada", 1, true), text)
  end)

  it("line_proxy shows what both sides say", function()
    assert.equal("-->\t1 + 2\n<--\t3\n-->\thow are you\n<--\twhat?\n-->\t40 + 2\n<--\t42\n", run "line_proxy.lua")
  end)
end)
