-- SPDX-License-Identifier: MIT
-- Several Lua states in several threads of one process. ./dev tsan runs these under ThreadSanitizer.
local toolchain = require "spec.embed.toolchain"

local SIGINT = 2

-- ThreadSanitizer lets signals in only where code calls the C library.
local WORK = os.getenv "SAROS_TSAN_CPATH" and "os.time()" or ""

local workshop

setup(function()
  workshop = toolchain.open()
  workshop:compile("spec/embed/threads.c", "threads")
  workshop:compile("spec/embed/timer_module.c", "timer_module.so")
end)

teardown(function()
  workshop:close()
end)

local PRELUDE = [[
local async = require "saros"
local number = host.number
local function is_interrupted(ok, err)
  assert(not ok and async.is_error(err, "InterruptError"), "an InterruptError was expected, got " .. tostring(err))
end
async.on_error(print)
local _ = is_interrupted
]]

--- Runs the program in `count` threads at once.
local function run(count, program)
  return workshop:execute("threads", count, workshop:write("program.lua", PRELUDE .. program))
end

local function passes(count, program)
  local result = run(count, program)
  assert.same({err = "", code = 0}, {err = result.err, code = result.code})
end

describe("runs in several threads", function()
  it("give the former handler of SIGINT back, however they begin and end beside each other", function()
    passes(4, [[
      host.meet()
      for i = 1, 300 do
        async.run(function()
          for _ = 1, (i * number) % 5 do async.sleep(0) end
        end)
      end
    ]])
  end)

  for _, order in ipairs{"first", "last"} do
    it("keep SIGINT until the last has ended, whichever that is: the one that began " .. order, function()
      passes(2, ("local stays = %d"):format(order == "first" and 1 or 2) .. [[
        local function body()
          host.meet() -- both are in a run
          if number ~= stays then return end
          host.meet() -- the other one has left its own
          assert(not host.is_back())
          host.interrupt()
          async.sleep(100)
        end
        if number == 2 then host.meet() end
        local ok, err = pcall(async.run, function()
          if number == 1 then host.meet() end -- begins first
          body()
        end)
        if number == stays then is_interrupted(ok, err) else host.meet() end
        host.meet()
        assert(host.is_back())
      ]])
    end)
  end

  local mains = {
    ["that wait"] = "go() async.sleep(100)",
    ["that never wait"] = "go() while true do " .. WORK .. " end",
    ["of which some wait"] = "go() while number % 2 == 0 do " .. WORK .. " end async.sleep(100)",
    ["whose tasks never wait"] = "async.spawn(function() go() while true do " .. WORK .. " end end) async.sleep(100)",
  }
  for name, main in pairs(mains) do
    for _, target in ipairs{"", "true"} do
      it("are all reached by one Ctrl-C: mains " .. name .. (target == "" and "" or ", sent to a thread"), function()
        passes(3, [[
          for round = 1, 3 do
            local function go()
              host.meet()
              if number == round then host.interrupt(]] .. target .. [[) end
            end
            is_interrupted(pcall(async.run, function() ]] .. main .. [[ end))
            host.meet()
            assert(host.is_back())
            host.meet()
          end
          async.run(async.sleep, 0)
        ]])
      end)
    end
  end

  it("may begin and end while Ctrl-C comes", function()
    passes(3, [[
      for round = 1, 50 do
        host.meet()
        if number == 1 then
          is_interrupted(pcall(async.run, function()
            host.interrupt(round % 2 == 0)
            async.sleep(100)
          end))
        else
          for _ = 1, 20 do
            local ok, err = pcall(async.run, async.sleep, 0)
            if not ok then is_interrupted(ok, err) end
          end
        end
        host.meet()
        assert(host.is_back())
      end
    ]])
  end)

  it("are ended by the second Ctrl-C, whichever thread sees it", function()
    for _, target in ipairs{"", "true"} do
      local result = run(2, [[
        async.run(function()
          pcall(function()
            host.meet()
            if number == 1 then host.interrupt(]] .. target .. [[) end
            async.sleep(100)
          end)
          host.meet()
          if number == 2 then host.interrupt(]] .. target .. [[) end
          while true do ]] .. WORK .. [[ end
        end)
      ]])
      assert.same({"", SIGINT}, {result.err, result.code})
    end
  end)

  it("serve their tasks without regard for each other", function()
    passes(4, [[
      for round = 1, 20 do
        local sum, numbers = 0, {}
        for i = 1, 50 do numbers[i] = i end
        async.run(function()
          async.map(numbers, function(i)
            async.sleep(i % 3 / 10000)
            sum = sum + i
          end)
        end)
        assert(sum == 1275)
        collectgarbage()
      end
    ]])
  end)

  it("may have threads of their own that complete their waits, or are joined when those are cancelled", function()
    passes(3, [[
      local module = require "timer_module"
      for round = 1, 5 do
        async.run(function()
          async.gather(
            function() module.work(0.001) end, function() assert(module.labour(0.001) == "done") end,
            function() assert(not pcall(async.wait_for, function() module.labour(100) end, 0.002)) end,
            function() pcall(async.wait_for, function() module.work(0.005) end, 0.001) end)
          async.spawn(module.labour, 100)
          async.sleep(0)
        end)
      end
    ]])
  end)

  it("may have jobs done in further threads, whose Lua code is stopped when they are cancelled", function()
    passes(2, [[
      for round = 1, 3 do
        async.run(function()
          local pool <close> = async.thread_pool { size = 2 }
          local shared = { number }
          local list = pool:map(200, function(n) return n + shared[1] end)
          for i = 1, 200 do assert(list[i] == i + number) end
          local text = ("x"):rep(100000)
          assert(async.to_thread(function(t) return t .. "y" end, text) == text .. "y")
          local ok, err = pcall(async.to_thread, function() error("oops", 0) end)
          assert(not ok and err == "oops")
          for i = 1, 5 do
            local task = async.spawn(pool.run, pool, function() while true do ]] .. WORK .. [[ end end)
            local other = async.spawn(pool.run, pool, function() return i end)
            async.sleep(i % 2 / 1000)
            task:close()
            assert(other:await() == i)
          end
          async.spawn(async.to_thread, function() async.run(async.sleep, 1000) end)
          async.sleep(0)
        end)
        host.meet()
        assert(host.is_back())
        host.meet()
      end
    ]])
  end)

  it("end while jobs go on, and the states after them", function()
    passes(2, [[
      async.run(function()
        for _ = 1, 2 do async.spawn(async.to_thread, function() while true do ]] .. WORK .. [[ end end) end
        async.to_thread(function() end)
      end)
      host.meet()
    ]])
  end)

  it("may be of states that come and go", function()
    passes(4, [[
      for _ = 1, 5 do
        host.meet()
        local ok, err = pcall(async.run, function()
          local group <close> = async.task_group()
          for i = 1, 20 do group:spawn(async.sleep, 0.0001 * i) end
          group:spawn(error, "oops", 0)
        end)
        assert(not ok and async.is_error(err, "GroupError"), tostring(err))
        assert(async.json.encode({1, 2}) == "[1,2]")
      end
    ]])
  end)
end)
