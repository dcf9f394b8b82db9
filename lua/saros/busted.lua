-- SPDX-License-Identifier: MIT
-- busted's blocks inside the loop. `require "saros.busted"` at the head of a spec makes `it` and its aliases,
-- `before_each`, `after_each` and `finally` run as the main task of a run, one for each test, from the first
-- `before_each` to the last `after_each`: they may wait. It is a run of saros.testing, so the clock is virtual,
-- and what is left over at the end is an error that names it (unless the test has failed anyway). `setup` and
-- `teardown`, strict or lazy, have a run each. `describe` stays as it is; so do specs that do not ask for this.
--
-- A test marked by `outside` is left as busted runs it, with its before_each and after_each.
--
-- A test that hangs fails: with DeadlockError if nothing can wake it, with TimeoutError once it has taken `limit`
-- seconds of real time. Both name what every task waits for. Only a test that never waits is out of reach.

local busted = require "busted"
local testing = require "saros.testing"
local internal = require "saros.internal"

if not busted.it then error("saros.busted is for specs that busted runs", 0) end

---@class saros.busted
---@field limit number  seconds that each test of this spec may take, by a real clock; math.huge: any
local spec = { limit = 60 }

local outside = setmetatable({}, { __mode = "k" })

---Marks the function of a test that shall not run in the loop: `it("...", busted.outside(function() ... end))`.
---@param fn function
---@return function  the same
function spec.outside(fn)
  outside[fn] = true
  return fn
end

-- What runs in a run of its own. Aliases are of the same kind: `test` is an `it`.
local kinds = { it = true, strict_setup = true, strict_teardown = true, lazy_setup = true, lazy_teardown = true }

-- busted's core. Everything that a spec says goes through its function `safe`: a test as a whole, and then every
-- block of it. There is no event around a test that could run it elsewhere.
local function find_core()
  for index = 1, math.huge do
    local name, value = debug.getupvalue(busted.it, index)
    if name == "busted" then
      return value
    elseif name == nil then
      error("saros.busted: this version of busted is unknown", 0)
    end
  end
end

-- The spec file that is being loaded; the whole suite in a helper script.
local function present_file(context)
  local element = context.get()
  while element.descriptor ~= "file" and context.parent(element) do
    element = context.parent(element)
  end
  return element
end

-- Calls `safe` inside the loop: errors of the block do not leave it, so what is raised is that something was left
-- over. Then that is the error of the element, unless `has_failed()`.
local function run(safe, has_failed, kind, fn, element)
  local results
  internal.test_limit(spec.limit)
  local ok, err = pcall(testing.run, function()
    results = table.pack(safe(kind, fn, element))
  end)
  internal.test_limit(math.huge)
  if ok or has_failed() then return table.unpack(results, 1, results.n) end
  return safe(kind, function()
    local trace = element.trace
    error(type(err) == "string" and trace and ("%s:%d: %s"):format(trace.short_src, trace.currentline, err) or err, 0)
  end, element)
end

-- busted's way to run the lazy setups of a block, once. It wants to be made where the suite begins.
local function find_lazy_setup(core)
  local root = core.context.get()
  while core.context.parent(root) do
    root = core.context.parent(root)
  end
  local context = setmetatable({
    get = function()
      return root
    end,
  }, { __index = core.context })
  return require "busted.block"(setmetatable({ context = context }, { __index = core })).lazySetup
end

-- What was put down for the spec file that the element is in, or nil.
local function runner_of(core, files, element)
  while element and not files[element] do
    element = core.context.parent(element)
  end
  return files[element]
end

-- Each file has to ask anew, also if busted keeps the modules of the one before.
local function forget_at_end_of_file()
  busted.subscribe({ "file", "end" }, function()
    package.loaded["saros.busted"] = nil
    return nil, true
  end)
end

-- Replaces `safe`. Gives a table: by spec file, the function `run` that its blocks go through, and the functions that
-- stay outside.
local function hook(core)
  local files = setmetatable({}, { __mode = "k" })
  local plain_safe, lazy_setup = core.safe, find_lazy_setup(core)
  local is_inside, has_failed = false, false

  local function is_for_loop(kind, element)
    return not is_inside and kinds[kind] and kind == element.descriptor
  end

  local function safe(...)
    local results = table.pack(plain_safe(...))
    local status = results[1]
    has_failed = has_failed or not (status:success() or status:pending())
    return table.unpack(results, 1, results.n)
  end

  local function leave(...)
    is_inside = false
    return ...
  end

  function core.safe(kind, fn, element)
    local runner = is_for_loop(kind, element) and runner_of(core, files, element)
    if not runner or runner.outside[element.run] then
      return (is_inside and safe or plain_safe)(kind, fn, element) -- a tail call: no place in a report is ours
    end
    if kind == "it" then
      lazy_setup(core.context.parent(element)) -- else it would be part of the test
    end
    is_inside, has_failed = true, false
    return leave(runner.run(safe, function()
      return has_failed
    end, kind, fn, element))
  end

  return files
end

local core = find_core()
if not core.saros_files then
  core.saros_files = hook(core)
  forget_at_end_of_file()
end
core.saros_files[present_file(core.context)] = { run = run, outside = outside }

return spec
