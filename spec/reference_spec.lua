-- SPDX-License-Identifier: MIT
-- The reference has everything that is public, and says of each function what a user has to know. That the annotations,
-- of which it is made, are true is what spec/annotations_spec.lua checks.

local path = package.path
package.path = "./.ci/docs/?.lua;" .. path
local examples = require "examples"
local header = require "header"
local reference = require "reference"
package.path = path

local pages, declared = reference.read()

-- No function fails the test.
local function all_pass(test)
  local failed = {}
  reference.each(pages, function(fn, class)
    if not test(fn, class) then failed[#failed + 1] = fn.member.where .. ": " .. fn.label end
  end)
  assert.equal("", table.concat(failed, "\n"))
end

-- The lines of a function that is written in Lua; nil of one that is not.
local function body_of(fn)
  if fn.member.file:find "/meta/" or not fn.member.parameters then return nil end
  local number, lines = 0, {}
  for line in io.lines(fn.member.file) do
    number = number + 1
    if number >= fn.member.number then lines[#lines + 1] = line end
    if number >= fn.member.number and (line == "end" or line:find "%f[%w]end%s*$" and #lines == 1) then break end
  end
  return lines
end

-- Whether a function returns something in its own block.
local function gives(fn)
  for _, line in ipairs(body_of(fn) or {}) do
    local value = line:match "^  return%s+(.*)$" or line:match "^function.*%) return (.*) end$"
    if value and value ~= "nil" then return true end
  end
  return false
end

describe("the reference", function()
  it("has each public function of each module and object", function()
    local there = {}
    reference.each(pages, function(fn, class) there[class.name .. "." .. fn.name] = true end)
    for name, class in pairs(declared.classes) do
      local is_public = not name:find "^saros%.%l+%."
      for member_name, member in pairs(class.functions) do
        assert.is_true(not is_public or member.is_package or there[name .. "." .. member_name] == true,
          ("%s: %s: %s"):format(member.where, name, member_name))
      end
    end
  end)

  it("says what each function does", function()
    all_pass(function(fn) return #fn.member.text > 10 end)
  end)

  it("says of each parameter of what type it is", function()
    all_pass(function(fn)
      for _, parameter in ipairs(fn.parameters) do
        if parameter.type == "" then return false end
      end
      return true
    end)
  end)

  it("says what each function returns that returns something", function()
    all_pass(function(fn) return not gives(fn) or #fn.results > 0 end)
  end)

  it("has an example of each function, which the tests run (docs/objects.md, below the name of the class)", function()
    local blocks = examples.read()
    all_pass(function(fn) return examples.of(blocks, fn) ~= nil end)
  end)

  it("has every function of saros.h, and what its comment says", function()
    local there = {}
    for _, entry in ipairs(header.functions "include/saros.h") do
      assert.is_true(#entry.text > 10, entry.name)
      there[entry.name] = true
    end
    local file <close> = assert(io.open "include/saros.h")
    local text = file:read "a":gsub("/%*.-%*/", "")
    for struct in text:gmatch "typedef struct saros_%l*_?api (%b{})" do
      for name in struct:gmatch "\n[^\n(]*%(%*([%w_]+)%)%(" do assert.is_true(there[name] == true, name) end
    end
    for name in text:gmatch "static inline [%w_ *]-([%w_]+)%(" do assert.is_true(there[name] == true, name) end
  end)
end)
