-- SPDX-License-Identifier: MIT
-- Runs a scenario again and again: FILE, NAME, SHARE and SEED. The host (host.c) lets a finalizer run in the midst of
-- it that does one thing: in turn at each moment, one out of SHARE of the things that can be done.
local path, name, share, seed = ...
share, seed = tonumber(share), tonumber(seed)

local moment = moment -- luacheck: globals moment
local world = require "spec.finalizers.world"
world.open()
local actions = require "spec.finalizers.actions"
local scenario = assert(dofile(path)[name], name)
collectgarbage() -- what loading has left must not be swept in the first run

-- In the scenarios of spec/faults those that are cancelled may leave others waiting.
local is_strict = path:find "finalizers" ~= nil

local failures, runs = 0, 0

local function fail(what)
  print(what)
  failures = failures + 1
end

local function garbage(act)
  for _ = 1, 3 do local _ = {} end -- something to sweep: the host sees by that when the collector works
  setmetatable({}, {__gc = function()
    moment.come()
    pcall(act)
  end})
end

-- The scenario with this finalizer at the n-th request; the number of the request at which it came, or nil.
local function attempt(n, action)
  local label = ("%s, request %d, %s"):format(name, n, action.name)
  moment.note(label)
  world.reset()
  garbage(action.run)
  moment.arm(n)
  local ok, err = pcall(scenario, true)
  local met = moment.disarm()
  runs = runs + 1
  if not ok and is_strict and not action.starves and tostring(err):find "Deadlock" then
    fail(("%s: %s"):format(label, err))
  elseif not ok and type(err) == "table" and err.is_broken and not (err.is_starved and action.starves) then
    fail(("%s: %s"):format(label, err.message))
  end
  local complaint = world.complaint(is_strict)
  if complaint then fail(("%s: %s"):format(label, complaint)) end
  return met
end

local function check_undisturbed()
  world.reset()
  local ok, err = pcall(scenario)
  if not ok then fail(("%s, undisturbed: %s"):format(name, err)) end
  local complaint = world.complaint()
  if complaint then fail(("%s, undisturbed: %s"):format(name, complaint)) end
end

local function chosen(n)
  local list = {}
  for i, action in ipairs(actions) do
    if (i + n + seed) % share == 0 then list[#list + 1] = action end
  end
  return list
end

local n = 1
check_undisturbed()
while n and failures < 5 do
  local met
  for _, action in ipairs(chosen(n)) do
    local came = attempt(n, action)
    met = came or met
  end
  if #chosen(n) == 0 then met = n end
  n = met and met + 1
end
collectgarbage()
check_undisturbed()
if failures > 0 then os.exit(1, true) end
print(("ok %d runs"):format(runs))
