-- SPDX-License-Identifier: MIT
local async = require "saros"
local candidates = require("saros.command.completion").candidates

describe("a word at the prompt", function()
  -- Globals of one test.
  local function with(globals, fn)
    for name, value in pairs(globals) do rawset(_G, name, value) end
    local ok, err = pcall(fn)
    for name in pairs(globals) do rawset(_G, name, nil) end
    if not ok then error(err, 0) end
  end

  it("becomes a global or a keyword", function()
    assert.same({ "setmetatable" }, candidates "setm")
    assert.same({ "repeat", "require", "return" }, candidates "re")
    assert.same({}, candidates "no_such")
  end)

  it("becomes a field, at any depth", function()
    with({ tree_ = { leaf = { width = 1, weight = 2 } } }, function()
      assert.same({ "tree_.leaf" }, candidates "tree_.")
      assert.same({ "tree_.leaf.weight", "tree_.leaf.width" }, candidates "tree_.leaf.w")
      assert.same({}, candidates "tree_.no.w")
    end)
  end)

  it("becomes a name of saros that has not been used yet", function()
    with({ async = async }, function()
      assert.same({ "async.stderr", "async.stdin", "async.stdout" }, candidates "async.std")
      assert.same({ "async.websocket" }, candidates "async.webs")
      assert.same({ "async.fs.read_file" }, candidates "async.fs.read_f")
    end)
  end)

  it("becomes a method after a colon, also of what is no table", function()
    with({ event_ = async.event(), text_ = "x", both_ = { field = 1, method = print } }, function()
      assert.same({ "event_:is_set" }, candidates "event_:is")
      assert.same({ "text_:upper" }, candidates "text_:up")
      assert.same({ "both_:method" }, candidates "both_:")
    end)
  end)

  it("is not asked for by code of the user's that fails", function()
    with({ odd_ = setmetatable({}, { __index = function() error "no" end }) }, function()
      assert.same({}, candidates "odd_.x.y")
    end)
  end)
end)
