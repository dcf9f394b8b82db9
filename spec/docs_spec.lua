-- SPDX-License-Identifier: MIT
-- The examples of the documents run as they stand; only a server is one on this machine, and so are folders and files.
-- Those of docs/handy.md, which wait, have a virtual clock.

local async = require "saros"
local testing = require "saros.testing"
local certificates = require("spec.support.certificates")()
local redis_server = require "spec.support.redis_server"
local server = require("spec.support.real_servers").httpbin()
local redis = redis_server.start()

-- The documents, and what runs a main function of each.
local DOCUMENTS = { ["docs/handy.md"] = testing.run }
for _, name in ipairs {
  "files", "http", "jobs", "libraries", "net", "processes", "progress", "redis", "server", "threads", "websockets",
} do
  DOCUMENTS["docs/" .. name .. ".md"] = async.run
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  return text
end

--- The examples with the heading they stand below, and their lines in the document.
local function examples(text)
  local list, heading, code, first, number = {}, "", nil, 0, 0
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    if line == "```" and code then
      list[#list + 1] = {heading = heading, line = first, code = table.concat(code, "\n")}
      code = nil
    elseif code then
      code[#code + 1] = line
    elseif line == "```lua" then
      code, first = {}, number
    else
      heading = line:match "^#+ (.*)" or heading
    end
  end
  return list
end

--- What an example says that it prints: the text behind each arrow.
local function promised(code)
  local list = {}
  for text in code:gmatch "%-%-> ([^\n]*)" do list[#list + 1] = text end
  return list
end

-- What stands for the names in a document.
local function localized(code, folder)
  local files = {cert = certificates.server, key = certificates.server_key, ca = certificates.ca}
  code = code:gsub("https://httpbin%.org", server.url):gsub("/tmp/", folder .. "-")
  code = code:gsub('"redis://localhost"', function() return ("%q"):format(redis.tcp) end)
  return (code:gsub('"(%l+)%.pem"', function(name) return ("%q"):format(files[name]) end))
end

local function run(document, example, folder)
  local printed = {}
  local function print(...)
    local values = table.pack(...)
    for i = 1, values.n do values[i] = tostring(values[i]) end
    printed[#printed + 1] = table.concat(values, "  ")
  end
  local environment = setmetatable({async = async, print = print}, {__index = _G})
  local socket, real_print = package.loaded.socket, _G.print
  local _ <close> = setmetatable({}, {__close = function()
    package.loaded.socket, _G.print = socket, real_print
  end})
  _G.print = print -- what saros prints itself
  local place = ("=%s:%d"):format(document, example.line)
  DOCUMENTS[document](assert(load(localized(example.code, folder), place, "t", environment)))
  return printed
end

teardown(function() redis:close() end)

for document in pairs(DOCUMENTS) do
  describe("the document " .. document, function()
    local list = examples(read(document))
    local path = os.tmpname()

    teardown(function()
      os.remove(path)
      os.remove(path .. "-saros-example.bin")
      os.remove(path .. "-saros-example.jar")
    end)

    it("has examples", function()
      assert.is_true(#list >= 5)
    end)

    for _, example in ipairs(list) do
      it(("runs: %s, line %d"):format(example.heading, example.line), function()
        local printed = run(document, example, path)
        for _, text in ipairs(promised(example.code)) do
          local found = false
          for _, line in ipairs(printed) do found = found or line == text end
          assert.is_true(found, ("%q was not printed, but:\n%s"):format(text, table.concat(printed, "\n")))
        end
      end)
    end
  end)
end
