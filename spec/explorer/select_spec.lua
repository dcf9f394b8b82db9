-- SPDX-License-Identifier: MIT
local async = require "saros"
local oracle = require "spec.support.oracle"
local explored = require("spec.support.explorer").explored

describe("select, explored:", function()
  it("over two queues neither loses nor doubles an item", explored(function(probe)
    local queues = {async.queue(), async.queue(1)}
    local put, got = {}, {}

    local function note(index, item)
      got[#got + 1] = {index = index, item = item}
    end

    local function choose()
      for _ = 1, 2 do note(async.select(queues)) end
    end

    local function getter(index)
      return function() note(index, queues[index]:get()) end
    end

    local function putter(index)
      return function()
        for i = 1, 3 do
          local item = index * 10 + i
          queues[index]:put(item)
          put[item] = index
          async.sleep(i % 2)
        end
      end
    end

    return function()
      probe:together({choose, choose, getter(1), getter(2), putter(1), putter(2)}, 10)
    end, function()
      for index, queue in ipairs(queues) do
        for item in function() return queue:try_get() end do got[#got + 1] = {index = index, item = item} end
      end
      for _, taken in ipairs(got) do
        assert.equal(taken.index, put[taken.item])
        put[taken.item] = nil
      end
      assert.is_nil(next(put))
    end
  end))

  it("permits go to those who asked first, be it for one thing or for several", explored(function(probe)
    local semaphore, event = async.semaphore(1), async.event()
    local permits = oracle.permits(1)

    local function select_permit()
      local _, permit = async.select {event, semaphore}
      return permit
    end

    local function use(acquire)
      return function()
        local permit <close> = permits:acquire(acquire, semaphore)
        async.sleep(1)
      end
    end

    return function()
      probe:together {use(semaphore.acquire), use(select_permit), use(semaphore.acquire), use(select_permit)}
    end, function()
      permits:check()
      assert.equal(1, semaphore:available())
    end
  end))

  it("a permit or a lock that comes with the deadline is had or given back", explored(function(probe)
    local semaphore, lock = async.semaphore(1), async.lock()
    local held = 0

    local function use(seconds)
      return function()
        local deadline <close> = async.timeout(seconds)
        local _, permit = async.select {lock, semaphore}
        held = held + 1
        assert(held <= 2)
        local _ <close> = probe:closes(function()
          held = held - 1
          permit:release()
        end)
        async.sleep(1)
      end
    end

    return function()
      probe:together {use(9), use(9), use(1), use(2), use(2)}
    end, function()
      assert.equal(1, semaphore:available())
      assert.is_false(lock:locked())
    end
  end, {allows = {"TimeoutError", "CancelledError"}}))

  it("everybody who waits for an event or a result gets it", explored(function(probe)
    local event, future, queue = async.event(), async.future(), async.queue()
    local got, came = 0, false

    local function choose()
      local index, value = async.select {queue, event, future}
      assert(index == 2 and value == true or index == 3 and value == "result")
      got = got + 1
    end

    return function()
      probe:together({choose, choose, choose, function()
        async.sleep(1)
        came = true
        event:set()
        future:set "result"
        event:clear()
      end}, 10)
    end, function(ended)
      if came then assert.is_true(got >= 3 - ended.hits) else assert.equal(0, got) end
      assert.matches("0 waiting", tostring(event), 1, true)
      assert.matches("0 items, 0 waiting", tostring(queue), 1, true)
    end
  end))

  it("what it waits for may be closed, or end, at the same moment", explored(function(probe)
    local queue, lock = async.queue(), async.lock()
    local ended = 0

    local function choose(task)
      return function()
        local index, permit = async.select {queue, lock, task}
        if index == 2 then permit:release() end
        ended = ended + 1
      end
    end

    return function()
      local group <close> = async.task_group()
      local owner = group:spawn(probe:alone(function()
        local held <close> = lock:acquire()
        async.sleep(1)
      end))
      group:spawn(probe:alone(function()
        async.sleep(1)
        queue:close()
      end))
      for _ = 1, 3 do
        group:spawn(probe:alone(function()
          async.sleep(0)
          async.pcall(choose(owner))
        end))
      end
    end, function()
      assert.is_false(lock:locked())
      assert.matches("0 waiting", tostring(lock), 1, true)
    end
  end))
end)
