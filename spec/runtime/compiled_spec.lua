-- SPDX-License-Identifier: MIT
-- The modules of saros that are written in Lua stand in saros.core, compiled.

local script = require "spec.support.script"

-- Where of saros' Lua files there is only the first.
local function bare_folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkdir -p '%s/saros' && cp lua/saros/init.lua '%s/saros'"):format(path, path)))
  return path
end

-- What a program prints.
local function output(source, options)
  local result = script(source, options)
  assert.equal(0, result.code, result.err)
  return result.out
end

describe("a module of saros", function()
  it("is what its file would be, down to the lines", function()
    assert.matches("^%d%d%d\tnil\n$", output [[
      local count, different = 0, nil
      local list <close> = assert(io.popen "cd lua && find saros -name '*.lua' ! -path '*/meta/*'")
      for path in list:lines() do
        local name = path:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
        local codes = {}
        for _, search in ipairs(package.searchers) do
          local loader, file = search(name)
          if type(loader) == "function" and file:sub(-#path) == path then codes[#codes + 1] = string.dump(loader) end
        end
        count = count + 1
        if name ~= "saros" and (#codes ~= 2 or codes[1] ~= codes[2]) then different = name end
      end
      print(count, different)
    ]])
  end)

  it("needs no file, and is known by the one that it would have", function()
    local path = bare_folder()
    assert.equal("@" .. path .. "/saros/http/url.lua\t3\n", output([[
      local found = debug.getinfo(require("saros.http.url").parse, "S").source
      local left = 3
      async.run(function()
        async.retry(function()
          left = left - 1
          if left > 0 then error "again" end
        end, { delay = 0 })
      end)
      print(found, 3 - left)
    ]], { env = { LUA_PATH_5_4 = path .. "/?/init.lua" } }))
    os.execute(("rm -r '%s'"):format(path))
  end)

  it("is the program's own where that has one", function()
    assert.equal("mine\n", output [[
      table.insert(package.searchers, 1, function() end) -- which moves the others
      package.preload["saros.backoff"] = function() return "mine" end
      print((require "saros.backoff"))
    ]])
  end)

  it("is found once, however often saros is loaded", function()
    assert.equal("true\n", output [[
      local count = #package.searchers
      package.loaded["saros"], package.loaded["saros.core"] = nil, nil
      require "saros"
      print(count == #package.searchers)
    ]])
  end)
end)
