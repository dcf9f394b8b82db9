-- SPDX-License-Identifier: MIT
local async = require "saros"
local folder = require "spec.support.folder"
local kinds = require "saros.timeline.kinds"
local processes = require "spec.support.processes"
local testing = require "saros.testing"

-- What a parser of XML finds in a picture: a line for each text, and for each element that has one of the classes.
local READER = [[
import sys
import xml.etree.ElementTree as tree
space = "{http://www.w3.org/2000/svg}"
for element in tree.parse(sys.argv[1]).iter():
    if element.tag == space + "text":
        print("".join(element.itertext()))
    elif element.tag in (space + "path", space + "circle"):
        print(element.tag[len(space):], element.get("class"), element.get("d") or element.get("cx"))
]]

local LEGEND = 2 * #kinds.legend -- lines

-- The lines of a picture without its legend.
local function read(svg, path)
  folder.write(path .. "/tree.svg", svg)
  local result = processes.run({ "python3", "-S", "-c", READER, path .. "/tree.svg" }, { check = true })
  local lines = {}
  for line in result.stdout:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return table.move(lines, LEGEND + 1, #lines, 1, {})
end

describe("tree_svg", function()
  it("draws a line for each task, to the right of the one that it is in", folder.with(function(path)
    local svg
    do
      local group <close> = async.task_group()
      group:spawn(async.sleep, 5):set_name "inner"
      async.spawn(async.event().wait, async.event()):set_name "beside"
      testing.settle()
      svg = async.tree_svg()
      for _, task in ipairs(async.all_tasks()) do
        if task ~= async.current_task() then task:cancel() end
      end
    end
    local lines = read(svg, path)
    local places = { lines[1]:match "circle run (%d+)", lines[4]:match "circle sleep (%d+)",
      lines[6]:match "circle sync (%d+)" }
    assert.matches("^main  running at [^ ]*tree_spec.lua:%d+  %(spawned at [^ ]+:%d+%)$", lines[2])
    assert.matches("^path None M%d+ %d+V%d+H%d+$", lines[3])
    assert.matches("^inner  waiting for sleep at [^ ]*tree_spec.lua:%d+  %(spawned at [^ ]+:%d+%)$", lines[5])
    assert.matches("^beside  waiting for event at [^ ]*tree_spec.lua:%d+  %(spawned at [^ ]+:%d+%)$", lines[7])
    assert.equal(7, #lines)
    assert.equal(places[1], places[3])
    assert.is_true(tonumber(places[2]) > tonumber(places[1]))
  end))

  it("can be read whatever the names of tasks are", folder.with(function(path)
    local svg
    do
      local task <close> = async.spawn(async.sleep, 5)
      task:set_name 'a<b> & "c"\0\27\xFF\u{FFFF}'
      testing.settle()
      svg = async.tree_svg()
    end
    local lines = read(svg, path)
    assert.matches('^a<b> & "c"[ ?]+waiting for sleep', lines[4])
  end))

  it("shows who has been cancelled, and who has not begun", folder.with(function()
    local task = async.spawn(async.shield, function() async.sleep(5) end)
    testing.settle()
    task:cancel()
    local new = async.spawn(function() end)
    local svg = async.tree_svg()
    assert.matches('class="cancelled">waiting for sleep at [^ ]+, cancelled<', svg)
    assert.matches('class="turn"[^\n]*>not started<', svg)
    pcall(task.await, task)
    new:await()
  end))

  it("is without tasks outside a run", folder.with(function()
    local svg = async.to_thread(function() return (require("saros").tree_svg()) end)
    assert.matches("<title>0 tasks</title>", svg, 1, true)
  end))

  it("counts the tasks for which there are too many lines", folder.with(function()
    local started = {}
    for i = 1, 5002 do started[i] = async.spawn(function() end) end
    local svg = async.tree_svg()
    assert.matches("<title>5003 tasks</title>", svg, 1, true)
    assert.matches("... and 3 more<", svg, 1, true)
    assert.equal(5000, select(2, svg:gsub('class="name"', "")))
    async.gather(started)
  end))
end)

describe("the kind of what a task waits for", function()
  it("is other tasks where it is a combinator", folder.with(function()
    local combinators = { gather = async.gather, race = async.race, any = async.any, wait = async.wait }
    for name, combine in pairs(combinators) do
      local inner <close> = async.spawn(async.sleep, 1)
      local _waiting <close> = async.spawn(combine, { inner })
      testing.settle()
      assert.matches("waiting for " .. name .. " at ", async.tree(), 1, true)
      assert.equal("tasks", kinds.of(name), name)
    end
  end))
end)
