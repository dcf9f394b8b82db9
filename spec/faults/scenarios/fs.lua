-- SPDX-License-Identifier: MIT
-- Scenarios of spec/faults: files and folders. A fault may leave some of them behind: each run begins with none.
local async = require "saros"
local check = require "spec.faults.check"

local fs = async.fs
local draft = require "saros.fs.draft"

local scenarios = {}
local place = os.tmpname()
os.remove(place)
local second = place .. "2"
local remove_all = ("rm -rf '%s-d'"):format(place)

-- fn(path, keep): keep takes what is to be closed in the end.
local function scenario(name, fn)
  scenarios[name] = check.test(function()
    local opened = {}
    local _closing <close> = check.closing(function()
      for _, object in ipairs(opened) do object:close() end
      os.remove(place)
      os.remove(second)
    end)
    fn(place, function(object)
      opened[#opened + 1] = object
      return object
    end)
  end)
end

scenario("whole", function(path)
  fs.write_file(path, "one")
  fs.append_file(path, "two")
  assert(fs.read_file(path) == "onetwo")
  fs.write_file(path, "three", { atomic = true })
  assert(fs.read_file(path) == "three")
  fs.copy(path, second)
  assert(fs.stat(second).size == 5)
  fs.rename(second, path)
  check.raises("SystemError", fs.rename, second, path)
  check.raises("SystemError", fs.read_file, "/")
end)

scenario("file", function(path, keep)
  local file = keep(fs.open(path, "w+"))
  file:write("1 2\n", 3, "\nlast")
  file:seek "set"
  local one, two, rest, three = file:read("n", "n", "l", "L")
  assert(one == 1 and two == 2 and rest == "" and three == "3\n")
  assert(file:seek "end" == 10 and file:stat().size == 10)
  file:truncate(2)
  file:seek "set"
  assert(file:read "a" == "1 ")
  file:sync()
  file:close()
  check.raises("ClosedError", file.read, file)
end)

scenario("lines", function(path)
  fs.write_file(path, ("0123456789\n"):rep(20000))
  local count = 0
  for line in fs.lines(path) do count = count + #line end
  assert(count == 200000)
end)

scenario("folders", function(path)
  os.execute(remove_all)
  fs.mkdir(path .. "-d/a/b", { parents = true })
  fs.write_file(path .. "-d/f", "")
  local count = 0
  for _ in fs.walk(path .. "-d") do count = count + 1 end
  assert(count == 3)
  fs.symlink("f", path .. "-d/l")
  assert(fs.readlink(path .. "-d/l") == "f" and fs.realpath(path .. "-d/l"):find "f$")
  fs.remove_tree(path .. "-d")
  assert(not fs.exists(path .. "-d"))
end)

-- Some have come to their end before.
local function cancel(task)
  task:cancel()
  local results = table.pack(pcall(task.await, task))
  if not results[1] then return check.is(results[2], "CancelledError") end
  for i = 2, results.n do
    if type(results[i]) == "userdata" then results[i]:close() end
  end
end

scenario("cancelling", function(path, keep)
  local tasks = {}
  fs.write_file(path, "x")
  local file = keep(fs.open(path, "r+"))
  tasks[1] = async.spawn(fs.open, path)
  tasks[2] = async.spawn(file.read, file)
  tasks[3] = async.spawn(fs.scandir, "/")
  tasks[4] = async.spawn(draft.open, path)
  tasks[5] = async.spawn(fs.tempfile)
  async.sleep(0)
  for _, task in ipairs(tasks) do cancel(task) end
  file:seek "set"
  assert(file:read "a" == "x")
end)

scenario("draft", function(path, keep)
  local file = keep(draft.open(path))
  file:write "one"
  draft.keep(file)
  assert(fs.read_file(path) == "one")
  keep(draft.open(path)):close()
  local temporary = keep(fs.tempfile())
  temporary:write "x"
end)

scenario("watching", function(path, keep)
  fs.write_file(path, "x")
  local watch = keep((fs.watch(path)))
  fs.append_file(path, "y")
  assert(watch().name == path:match "[^/]*$")
end)

return scenarios
