-- SPDX-License-Identifier: MIT
-- Watches a folder and says what has become of its files: a program is run again, a page loaded anew, in the same way.
--
--   lua5.4 examples/folder_watcher.lua            a demonstration, in a folder of its own
--   lua5.4 examples/folder_watcher.lua FOLDER     until Ctrl-C

local async = require "saros"
local fs = async.fs

-- Name and size of all files in a folder, but for those that are about to get their names.
local function look(folder)
  local sizes = {}
  for name, type in fs.scandir(folder) do
    if type == "file" and not name:find "%.part$" then
      local ok, stat = async.catch("SystemError", fs.stat, folder .. "/" .. name) -- it may be gone by now
      sizes[name] = ok and stat.size or nil
    end
  end
  return sizes
end

-- Calls changed(name, size before, size now) for all that is not the same.
local function compare(before, after, changed)
  for name, size in pairs(after) do
    if before[name] ~= size then changed(name, before[name], size) end
  end
  for name, size in pairs(before) do
    if not after[name] then changed(name, size, nil) end
  end
end

-- An event says that it is worth looking; one that comes while we look is kept. `started` is called once it watches.
local function follow(started, folder, changed)
  local watch <close> = fs.watch(folder)
  local before = look(folder)
  started()
  for _ in watch do
    local after = look(folder)
    compare(before, after, changed)
    before = after
  end
end

local function tell(name, before, after)
  if not before then
    print(("%s is new: %d bytes"):format(name, after))
  elseif after then
    print(("%s had %d bytes, now %d"):format(name, before, after))
  else
    print(name .. " is gone")
  end
end

local function demonstrate()
  local folder = fs.mkdtemp "watched-"
  local _removal <close> = async.defer(fs.remove_tree, folder)
  local told = async.queue()
  async.task_group(function(group)
    group:start(follow, folder, function(...)
      tell(...)
      told:put(true)
    end)
    fs.write_file(folder .. "/apples", "red", {atomic = true})
    told:get()
    fs.write_file(folder .. "/apples", "green", {atomic = true})
    told:get()
    fs.remove(folder .. "/apples")
    told:get()
    group:cancel()
  end)
end

local folder = arg[1]
async.run(function()
  if folder then follow(function() end, folder, tell) else demonstrate() end
end)
