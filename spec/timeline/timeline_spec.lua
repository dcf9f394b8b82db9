-- SPDX-License-Identifier: MIT
local async = require "saros"
local command = require "spec.support.command"
local folder = require "spec.support.folder"
local internal = require "saros.internal"
local spans = require "saros.timeline.spans"
local testing = require "saros.testing"
local timeline = require "saros.timeline"

-- The record of fn() on a virtual clock.
local function record(fn)
  local made = timeline.new()
  testing.run(function()
    made:start()
    fn()
  end)
  return made
end

local function row(made, name)
  for _, candidate in ipairs(made.rows) do
    if candidate.name == name then return candidate end
  end
end

-- What a task did, in words: "run 0", "sleep 2", with the times from the begin of the record on.
local function story(made, name)
  local words = {}
  for i, span in ipairs(spans.of(row(made, name), made.ended, 0)) do
    words[i] = ("%s %g-%g"):format(span.kind, span.from - made.began, span.to - made.began)
  end
  return table.concat(words, ", ")
end

local function start(name, fn)
  return async.spawn(fn):set_name(name)
end

describe("the record of a run", function()
  it("has a row for each task, with what it waited for when", function()
    local queue = async.queue()
    local made = record(function()
      local consumer = start("consumer", function() queue:get() async.sleep(1) end)
      start("producer", function() async.sleep(2) queue:put(1) end)
      consumer:await()
    end)
    assert.same({ "main", "consumer", "producer" }, { made.rows[1].name, made.rows[2].name, made.rows[3].name })
    assert.equal("run 0-0, sync 0-2, run 2-2, sleep 2-3, run 3-3", story(made, "consumer"))
    assert.equal("run 0-0, sleep 0-2, run 2-2", story(made, "producer"))
    assert.equal("run 0-0, tasks 0-3, run 3-3", story(made, "main"))
    assert.matches("^an item of a queue at spec/timeline/timeline_spec.lua:%d+$", row(made, "consumer").steps[3])
    assert.matches("^spec/timeline/timeline_spec.lua:%d+$", row(made, "consumer").place)
  end)

  it("stands in the order of the tree: tasks of a group below the task that has it", function()
    local made = record(function()
      start("first", function()
        local group <close> = async.task_group()
        group:spawn(function()
          async.gather { function() async.current_task():set_name "innermost" async.sleep(2) end }
        end):set_name "inner"
        async.sleep(1)
      end)
      start("second", function() end):await()
      async.sleep(3)
    end)
    local lines = {}
    for i, at in ipairs(made:tree()) do lines[i] = at.depth .. " " .. at.row.name end
    assert.same({ "0 main", "0 first", "1 inner", "2 innermost", "0 second" }, lines)
  end)

  it("knows how each task ended", function()
    local made = record(function()
      local failing = start("fails", function() error "no" end)
      local cancelled = start("is cancelled", function() async.sleep(5) end)
      start("is done", function() end)
      pcall(failing.await, failing)
      cancelled:cancel()
      pcall(cancelled.await, cancelled)
    end)
    assert.equal("failed", row(made, "fails").status)
    assert.equal("cancelled", row(made, "is cancelled").status)
    assert.equal("done", row(made, "is done").status)
  end)

  it("tells the time in which a task is ready and it is not its turn", function()
    local made = record(function()
      start("two turns", function() async.sleep(0) end)
      async.sleep(1)
    end)
    local steps = row(made, "two turns").steps
    assert.equal(6, steps.n)
    assert.is_false(steps[3])
  end)

  it("ends with the run: later ones are none of its business", function()
    local made = record(function() end)
    local steps = made.steps
    async.run(async.sleep, 0)
    assert.equal(steps, made.steps)
  end)

  it("can be ended before", function()
    local made = record(function()
      internal.record(nil)
      async.sleep(1)
    end)
    assert.equal(0, made.ended - made.began)
  end)

  it("goes with debug mode, and is not ended by it", function()
    local made = record(function()
      async.debug(true)
      async.debug(false)
      async.sleep(1)
    end)
    assert.equal("run 0-0, sleep 0-1, run 1-1", story(made, "main"))
  end)

  it("keeps no task that nobody else holds", function()
    local weak = setmetatable({}, { __mode = "k" })
    local made = record(function()
      weak[async.spawn(function() end)] = true
      async.sleep(1)
      collectgarbage()
      assert.is_nil(next(weak))
    end)
    assert.equal(2, #made.rows)
  end)
end)

describe("the spans of a task", function()
  it("that are too short to be told apart become one", function()
    local steps = {}
    for i = 0, 999 do
      for _, value in ipairs { i, i + 0.5, "sleep at x.lua:1" } do steps[#steps + 1] = value end
    end
    steps.n = #steps
    local list = spans.of({ steps = steps, status = "done" }, 1000, 100)
    assert.is_true(#list <= 20, #list)
    local total, last = 0, 0
    for _, span in ipairs(list) do
      assert.equal(last, span.from)
      last, total = span.to, total + span.steps
    end
    assert.same({ 1000, 999.5 }, { total, last })
  end)

  it("are of the kind of what was waited for", function()
    local kinds = {
      ["sleep"] = "sleep", ["semaphore"] = "sync", ["an item of a queue"] = "sync", ["task 'lock'"] = "tasks",
      ["the tasks of its group"] = "tasks", ["bytes of a stream"] = "io", ["http response"] = "io", ["event"] = "sync",
    }
    for what, kind in pairs(kinds) do
      local list = spans.of({ steps = { 0, 1, what .. " at a.lua:1", 2, 3, false, n = 6 }, status = "done" }, 3, 0)
      assert.equal(kind, list[2].kind, what)
    end
  end)
end)

describe("saros --timeline", function()
  it("writes a page that needs nothing else, also of a program that fails", folder.with(function(path)
    local script, page = path .. "/prog<ram>.lua", path .. "/out.html"
    folder.write(script, [[
      local async = require "saros"
      async.spawn(function() async.sleep(0) end):set_name "a & b"
      async.sleep(0)
      error "boom"]])
    local result = command.run { "--timeline", page, script }
    assert.equal(1, result.exit_code)
    assert.matches("boom", result.stderr)
    local text = folder.read(page)
    assert.is_truthy(text:find("prog&lt;ram&gt;.lua</title>", 1, true))
    assert.is_truthy(text:find("<span>main</span>", 1, true))
    assert.is_truthy(text:find("<span>a &amp; b</span>", 1, true))
    assert.is_truthy(text:find('<b class="failed"', 1, true))
    assert.is_nil(text:find("https?://"))
    assert.is_nil(text:find("$%u"))
  end))

  it("writes it also of a program that ends by os.exit", folder.with(function(path)
    for number, exit in ipairs { "os.exit(3)", "os.exit(3, true)" } do
      local page = ("%s/%d.html"):format(path, number)
      local code = "async.spawn(function() async.sleep(0) end):set_name 'other' async.sleep(0) " .. exit
      assert.equal(3, command.run({ "--timeline", page, "-e", code }).exit_code)
      local text = folder.read(page)
      assert.is_truthy(text:find("<span>other</span>", 1, true), exit)
      assert.is_truthy(text:find("</html>%s*$") or text:find("</script>%s*$"), exit)
    end
  end))

  it("says so before anything runs if the page cannot be written", folder.with(function(path)
    local result = command.run { "--timeline=" .. path .. "/none/out.html", "-e", "print 'ran'" }
    local message = ("saros: %s/none/out.html: No such file or directory\n"):format(path)
    assert.same({ exit_code = 1, stdout = "", stderr = message }, result)
  end))
end)
