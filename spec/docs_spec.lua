-- SPDX-License-Identifier: MIT
-- The examples of the documents run as they stand; only servers are those on this machine, and so are folders and
-- files. A block of Lua is the body of a main function; one with a name behind the word `lua` is a program, or a spec
-- if the name says so, and runs in a process of its own. What stands behind an arrow is a line that is printed; a block
-- of `output` holds lines that the program above it prints, in this order, where `...` stands for any others.

local async = require "saros"
local documents = require "spec.support.documents"
local testing = require "saros.testing"
local script = require "spec.support.script"
local certificates = require("spec.support.certificates")()
local redis_server = require "spec.support.redis_server"
local server = require("spec.support.real_servers").httpbin()
local redis = redis_server.start()

-- Documents whose examples wait for nothing but time have a virtual clock.
local VIRTUAL = {
  ["docs/asyncio.md"] = true, ["docs/cancellation.md"] = true, ["docs/handy.md"] = true, ["docs/objects.md"] = true,
  ["docs/tasks.md"] = true,
}

-- The programs of these are run by specs of their own, which have a compiler, or other parts to give.
local ELSEWHERE = { ["docs/c-api.md"] = true, ["docs/command.md"] = true, ["docs/luv.md"] = true }

-- What an example says that it prints: the text behind each arrow.
local function promised(code)
  local list = {}
  for text in code:gmatch "%-%-> ([^\n]*)" do list[#list + 1] = text end
  for text in code:gmatch "\n# ([^\n]*)" do list[#list + 1] = text:match "^%-> (.*)" end
  return list
end

-- What stands for the names in a document.
local function localized(code, folder)
  local files = { cert = certificates.server, key = certificates.server_key, ca = certificates.ca }
  code = code:gsub("https://httpbin%.org", server.url):gsub("/tmp/", folder .. "-")
  code = code:gsub("https://www%.%l+%.org", server.url)
  code = code:gsub('"redis://localhost"', function() return ("%q"):format(redis.tcp) end)
  return (code:gsub('"(%l+)%.pem"', function(name) return files[name] and ("%q"):format(files[name]) end))
end

-- Lines that a body of a main function prints.
local function run_body(document, example, folder)
  local printed = {}
  local function print(...)
    local values = table.pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    for line in (table.concat(values, "  ") .. "\n"):gmatch "(.-)\n" do printed[#printed + 1] = line end
  end
  local environment = setmetatable({ async = async, print = print }, { __index = _G })
  local socket, real_print = package.loaded.socket, _G.print
  local _ <close> = setmetatable({}, { __close = function()
    package.loaded.socket, _G.print = socket, real_print
  end })
  _G.print = print -- what saros prints itself
  local place = ("=%s:%d"):format(document, example.line)
  local run = VIRTUAL[document] and testing.run or async.run
  run(assert(load(localized(example.code, folder), place, "t", environment)))
  return printed
end

-- Lines of the text that programs print, with the names that the document has for them.
local function lines(text, path, name)
  local list = {}
  for line in text:gsub(path:gsub("%p", "%%%0"), (name:gsub("%%", "%%%%"))):gmatch "[^\n]+" do
    list[#list + 1] = (line:gsub("\t", "  "))
  end
  return list
end

local function run_program(example, folder)
  local status = math.tointeger(tonumber(example.code:match "exit status (%d+)" or 0))
  local debug_mode = example.code:match "SAROS_DEBUG=(%d)"
  local variables = { http_proxy = "", https_proxy = "", all_proxy = "", SAROS_DEBUG = debug_mode }
  local result = script(localized(example.code, folder), { bare = true, env = variables })
  assert.equal(status, result.code, result.out .. result.err)
  return lines(result.out .. result.err, result.path, example.name)
end

local function write(text)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
  return path
end

-- A spec, by busted in a process of its own and without the settings of this project.
local function run_spec(example)
  local path, settings = write(example.code), write "return {}"
  local result = script(([[
    arg = {[0] = "busted", "--config-file=%s", "%s"}
    require "busted.runner" {output = "TAP", standalone = false}
  ]]):format(settings, path), { bare = true })
  os.remove(path)
  os.remove(settings)
  assert.equal(0, result.code, result.out .. result.err)
  return lines(result.out .. result.err, path, example.name)
end

local function run_python(example)
  local path = write(example.code)
  local pipe = assert(io.popen(("exec env -u LD_PRELOAD python3 '%s' 2>&1"):format(path)))
  local text = pipe:read "a"
  local ok = pipe:close()
  os.remove(path)
  assert.is_true(ok, text)
  return lines(text, path, "example.py")
end

local function run(document, example, folder)
  if example.language == "python" then return run_python(example) end
  if not example.name then return run_body(document, example, folder) end
  if example.name:find "_spec%.lua$" then return run_spec(example) end
  return run_program(example, folder)
end

local function assert_printed(printed, text)
  for _, line in ipairs(printed) do
    if line == text then return end
  end
  error(("%q was not printed, but:\n%s"):format(text, table.concat(printed, "\n")), 0)
end

-- Times and the numbers of tasks are those of one run.
local function plain(line)
  return (line:gsub("%d+%.%d+", "N"):gsub("0x%x+", "0x"))
end

-- The lines of a block of output are printed one below the other, but where it leaves some out.
local function assert_output(printed, output)
  local all = table.concat(printed, "\n")
  local position = 0
  local may_skip = true
  for _, line in ipairs(output) do
    if line == "..." then
      may_skip = true
    else
      local wanted = plain((line:gsub("\t", "  ")))
      repeat
        position = position + 1
        local found = printed[position]
        assert(found, ("%q was not printed, but:\n%s"):format(line, all))
        local is_same = plain(found) == wanted
        assert(is_same or may_skip, ("not %q but %q was printed:\n%s"):format(line, tostring(found), all))
      until is_same
      may_skip = false
    end
  end
end

teardown(function() redis:close() end)

for _, document in ipairs(documents.list()) do
  if not ELSEWHERE[document] then
    describe("the document " .. document, function()
      local path = os.tmpname()

      teardown(function()
        os.remove(path)
        for _, name in ipairs { "bin", "jar", "txt" } do os.remove(path .. "-saros-example." .. name) end
      end)

      for _, example in ipairs(documents.examples(document)) do
        it(("runs: %s, line %d"):format(example.heading, example.line), function()
          local printed = run(document, example, path)
          for _, text in ipairs(promised(example.code)) do assert_printed(printed, text) end
          if example.output then assert_output(printed, example.output) end
        end)
      end
    end)
  end
end
