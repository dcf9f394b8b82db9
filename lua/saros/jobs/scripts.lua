-- SPDX-License-Identifier: MIT
-- What changes the state of jobs: each change is one script, which the server runs as a whole, so no crash falls in
-- between. What tells of a start names its owner, and counts only once.
--
-- Of a queue there are, behind a common prefix: `stream`, the jobs that wait or run, with the group `workers`;
-- `job:ID`, a hash for each job; `late`, by the time when they are due; `dead`, by the time of their death; `parked`,
-- what would be in the stream if the queue were not paused; `crons`, `schedules` (the data) and `ticks`; `counts`;
-- `marker`, the entry that wakes a worker for nothing but a look at the clock. The server's clock is the only one.

local script = require "saros.redis.script"

local scripts = {}

-- Every script begins with it. KEYS[1] is the prefix.
local PRELUDE = [[
local prefix = KEYS[1]
local stream, late, dead = prefix .. 'stream', prefix .. 'late', prefix .. 'dead'
local parked, counts, marker = prefix .. 'parked', prefix .. 'counts', prefix .. 'marker'

local function key_of(id) return prefix .. 'job:' .. id end
local function get(id, field) return redis.call('HGET', key_of(id), field) end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function event(kind, id, extra, job)
  job = cjson.encode(job or get(id, 'job'))
  local text = '{"kind":"' .. kind .. '","id":' .. cjson.encode(id) .. ',"job":' .. job
  redis.call('PUBLISH', prefix .. 'events', text .. (extra or '') .. '}')
end

local function ended(id) redis.call('PUBLISH', prefix .. 'ended', id) end

local function enqueue(id)
  local entry = ''
  if redis.call('EXISTS', prefix .. 'paused') == 1 then
    redis.call('RPUSH', parked, id)
  else
    entry = redis.call('XADD', stream, '*', 'id', id)
  end
  redis.call('HSET', key_of(id), 'status', 'waiting', 'entry', entry, 'owner', '')
end

local function drop_entry(entry)
  redis.call('XACK', stream, 'workers', entry)
  redis.call('XDEL', stream, entry)
end

local function drop_wake(entry)
  drop_entry(entry)
  if redis.call('GET', marker) == entry then redis.call('DEL', marker) end
end

-- Takes a job off the stream, or from where it waits: one that has an entry is nowhere else.
local function dequeue(id)
  local entry = get(id, 'entry')
  if entry and entry ~= '' then
    drop_entry(entry)
  else
    redis.call('LREM', parked, 1, id)
    redis.call('ZREM', late, id)
  end
  redis.call('HSET', key_of(id), 'entry', '', 'owner', '')
end

-- Wakes a worker, so that it looks when the next job is due.
local function wake()
  local old = redis.call('GET', marker)
  if old then drop_entry(old) end
  redis.call('SET', marker, redis.call('XADD', stream, '*', 'wake', '1'))
end

local function delay(id, due)
  redis.call('HSET', key_of(id), 'status', 'late', 'owner', '')
  redis.call('ZADD', late, due, id)
  if redis.call('ZRANGE', late, 0, 0)[1] == id then wake() end
end

-- The end of a job, which is kept for so many milliseconds, with those fields and values.
local function keep(id, milliseconds, ...)
  if milliseconds > 0 then
    redis.call('HSET', key_of(id), ...)
    redis.call('PEXPIRE', key_of(id), milliseconds)
  else
    redis.call('DEL', key_of(id))
  end
  ended(id)
end

local function bury(id, why, traceback)
  dequeue(id)
  redis.call('HSET', key_of(id), 'status', 'dead', 'error', why, 'traceback', traceback)
  redis.call('ZADD', dead, now(), id)
  event('dead', id, ',"error":' .. cjson.encode(why))
  ended(id)
end

local function add(id, job, data, attempts, due)
  redis.call('HSET', key_of(id), 'job', job, 'data', data, 'attempts', attempts, 'started', 0)
  event('added', id, nil, job)
  if due > 0 and due > now() then delay(id, due) else enqueue(id) end
end

local function owns(id, owner)
  local found = redis.call('HMGET', key_of(id), 'status', 'owner')
  return found[1] == 'running' and found[2] == owner
end

-- Starts the job of an entry for an owner, a name that stands for this start alone. Gives id, name, data, attempt; or
-- nothing.
local function start(entry, id, owner)
  local status, current, job, data, started, attempts, former =
    unpack(redis.call('HMGET', key_of(id), 'status', 'entry', 'job', 'data', 'started', 'attempts', 'owner'))
  if not status or current ~= entry then return drop_entry(entry) end
  if redis.call('EXISTS', prefix .. 'paused') == 1 then
    drop_entry(entry)
    return enqueue(id)
  end
  if tonumber(started) >= tonumber(attempts) then
    redis.call('HINCRBY', counts, 'failed', 1)
    return bury(id, 'the worker was lost: ' .. tostring(former), '')
  end
  started = started + 1
  redis.call('HSET', key_of(id), 'status', 'running', 'owner', owner, 'started', started)
  event('started', id, ',"attempt":' .. started, job)
  return { id, job, data, started }
end
]]

local sources = {
  -- id or "", job, data, attempts, delay in ms or "", at in ms or "" -> the id
  add = [[
local id = ARGV[1]
if id == '' then
  repeat id = tostring(redis.call('INCR', prefix .. 'ids')) until redis.call('EXISTS', key_of(id)) == 0
elseif redis.call('EXISTS', key_of(id)) == 1 then
  return id
end
local due = 0
if ARGV[5] ~= '' then due = now() + tonumber(ARGV[5]) end
if ARGV[6] ~= '' then due = tonumber(ARGV[6]) end
add(id, ARGV[2], ARGV[3], ARGV[4], due)
return id]],

  -- A worker comes -> its number.
  join = [[
redis.pcall('XGROUP', 'CREATE', stream, 'workers', '0', 'MKSTREAM')
return redis.call('INCR', prefix .. 'workers')]],

  -- consumer: what was delivered to it and has not begun goes back; the consumer goes if nothing is left of it. Another
  -- one has to know when the next job is due.
  leave = [[
for _, item in ipairs(redis.call('XPENDING', stream, 'workers', '-', '+', 1000, ARGV[1])) do
  local found = redis.call('XRANGE', stream, item[1], item[1])[1]
  local id = found and found[2][1] == 'id' and found[2][2]
  if not id then
    drop_wake(item[1])
  elseif get(id, 'status') == 'waiting' then
    drop_entry(item[1])
    enqueue(id)
  end
end
if #redis.call('XPENDING', stream, 'workers', '-', '+', 1, ARGV[1]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', stream, 'workers', ARGV[1])
end
if redis.call('EXISTS', late, prefix .. 'ticks') > 0 then wake() end]],

  -- What time brings: consumer, owner, lease in ms, how many jobs it may take over -> jobs that were taken over,
  -- milliseconds to the next look, schedules that are due (job, when, cron), the server's time, whether there may be
  -- more to take over. (XAUTOCLAIM would give up after ten times as many entries as it may take.)
  look = [[
local time, taken, due = now(), {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', late, '-inf', time, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', late, id)
  enqueue(id)
end
local count, found = tonumber(ARGV[4]), 0
if count > 0 then
  local lost = redis.call('XPENDING', stream, 'workers', 'IDLE', ARGV[3], '-', '+', count)
  found = #lost
  for _, item in ipairs(lost) do
    local entry = redis.call('XCLAIM', stream, 'workers', ARGV[1], ARGV[3], item[1])[1]
    if not entry then
      redis.call('XACK', stream, 'workers', item[1])
    elseif entry[2][1] == 'id' then
      taken[#taken + 1] = start(item[1], entry[2][2], ARGV[2])
    else
      drop_wake(item[1])
    end
  end
end
local pause = tonumber(ARGV[3])
local first = redis.call('ZRANGE', late, 0, 0, 'WITHSCORES')
if first[2] then pause = math.min(pause, math.max(first[2] - time, 0)) end
for _, job in ipairs(redis.call('ZRANGEBYSCORE', prefix .. 'ticks', '-inf', time)) do
  due[#due + 1] = { job, redis.call('ZSCORE', prefix .. 'ticks', job), redis.call('HGET', prefix .. 'crons', job) }
end
first = redis.call('ZRANGEBYSCORE', prefix .. 'ticks', '(' .. time, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
if first[2] then pause = math.min(pause, first[2] - time) end
return { taken, math.ceil(pause), due, time, (count > 0 and found == count) and 1 or 0 }]],

  -- owner, entries and what they carry -> jobs that begin
  start = [[
local begun = {}
for i = 2, #ARGV, 3 do
  if ARGV[i + 1] == 'id' then
    begun[#begun + 1] = start(ARGV[i], ARGV[i + 2], ARGV[1])
  else
    drop_wake(ARGV[i])
  end
end
return begun]],

  -- consumer, then ids and owners -> the ids that are no longer theirs
  beat = [[
local lost = {}
for i = 2, #ARGV, 2 do
  if owns(ARGV[i], ARGV[i + 1]) then
    redis.call('XCLAIM', stream, 'workers', ARGV[1], 0, get(ARGV[i], 'entry'), 'JUSTID')
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost]],

  -- id, owner, result, how long to keep it -> whether it counted
  finish = [[
local id = ARGV[1]
local status, owner, entry, job = unpack(redis.call('HMGET', key_of(id), 'status', 'owner', 'entry', 'job'))
if status ~= 'running' or owner ~= ARGV[2] then return 0 end
drop_entry(entry)
redis.call('HINCRBY', counts, 'done', 1)
event('done', id, nil, job)
keep(id, tonumber(ARGV[4]), 'status', 'done', 'entry', '', 'owner', '', 'result', ARGV[3])
return 1]],

  -- id, owner, error, traceback, delay in ms -> whether it counted
  fail = [[
local id = ARGV[1]
if not owns(id, ARGV[2]) then return 0 end
redis.call('HINCRBY', counts, 'failed', 1)
event('failed', id, ',"error":' .. cjson.encode(ARGV[3]))
if tonumber(get(id, 'started')) >= tonumber(get(id, 'attempts')) then
  bury(id, ARGV[3], ARGV[4])
else
  dequeue(id)
  redis.call('HSET', key_of(id), 'error', ARGV[3], 'traceback', ARGV[4])
  delay(id, now() + tonumber(ARGV[5]))
end
return 1]],

  -- id, owner: it is handed back, and was no attempt.
  release = [[
if not owns(ARGV[1], ARGV[2]) then return 0 end
dequeue(ARGV[1])
redis.call('HINCRBY', key_of(ARGV[1]), 'started', -1)
enqueue(ARGV[1])
return 1]],

  -- id, how long to keep that it was cancelled -> whether it had an effect
  cancel = [[
local status = get(ARGV[1], 'status')
if status ~= 'waiting' and status ~= 'late' and status ~= 'running' then return 0 end
dequeue(ARGV[1])
event('cancelled', ARGV[1])
if status == 'running' then redis.call('PUBLISH', prefix .. 'lost', ARGV[1]) end
keep(ARGV[1], tonumber(ARGV[2]), 'status', 'cancelled')
return 1]],

  -- id, owner or "", value
  progress = [[
if get(ARGV[1], 'status') ~= 'running' then return 0 end
if ARGV[2] ~= '' and get(ARGV[1], 'owner') ~= ARGV[2] then return 0 end
redis.call('HSET', key_of(ARGV[1]), 'progress', ARGV[3])
event('progress', ARGV[1], ',"value":' .. ARGV[3])
return 1]],

  -- job, cron, data, the next tick: a schedule that is there already keeps its tick.
  schedule = [[
local old = redis.call('HGET', prefix .. 'crons', ARGV[1])
redis.call('HSET', prefix .. 'crons', ARGV[1], ARGV[2])
redis.call('HSET', prefix .. 'schedules', ARGV[1], ARGV[3])
if old ~= ARGV[2] then
  redis.call('ZADD', prefix .. 'ticks', ARGV[4], ARGV[1])
  wake()
end]],

  unschedule = [[
redis.call('HDEL', prefix .. 'crons', ARGV[1])
redis.call('HDEL', prefix .. 'schedules', ARGV[1])
return redis.call('ZREM', prefix .. 'ticks', ARGV[1])]],

  -- job, the tick that is due, the next one, attempts: fires once for each tick.
  fire = [[
if redis.call('ZSCORE', prefix .. 'ticks', ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZADD', prefix .. 'ticks', ARGV[3], ARGV[1])
local id = 'every:' .. ARGV[1] .. ':' .. ARGV[2]
if redis.call('EXISTS', key_of(id)) == 1 then return 0 end
add(id, ARGV[1], redis.call('HGET', prefix .. 'schedules', ARGV[1]), ARGV[4], 0)
return 1]],

  dead = [[
local list = {}
for i, id in ipairs(redis.call('ZRANGE', dead, 0, -1)) do
  list[i] = { id, unpack(redis.call('HMGET', key_of(id), 'job', 'data', 'error', 'traceback', 'started')) }
end
return list]],

  retry = [[
if get(ARGV[1], 'status') ~= 'dead' then return 0 end
redis.call('ZREM', dead, ARGV[1])
redis.call('HSET', key_of(ARGV[1]), 'started', 0)
enqueue(ARGV[1])
event('added', ARGV[1])
return 1]],

  -- -> 1, 0: not known, -1: it runs
  remove = [[
local status = get(ARGV[1], 'status')
if not status then return 0 end
if status == 'running' then return -1 end
dequeue(ARGV[1])
redis.call('ZREM', dead, ARGV[1])
redis.call('DEL', key_of(ARGV[1]))
ended(ARGV[1])
return 1]],

  pause = [[
if redis.call('EXISTS', prefix .. 'paused') == 1 then return 0 end
redis.call('SET', prefix .. 'paused', 1)
local group = redis.pcall('XINFO', 'GROUPS', stream)
local last = group[1] and not group.err and group[1][8] or '0-0'
for _, item in ipairs(redis.call('XRANGE', stream, '(' .. last, '+')) do
  if item[2][1] == 'id' then
    drop_entry(item[1])
    enqueue(item[2][2])
  end
end
return 1]],

  resume = [[
if redis.call('DEL', prefix .. 'paused') == 0 then return 0 end
local waiting = redis.call('LRANGE', parked, 0, -1)
redis.call('DEL', parked)
for _, id in ipairs(waiting) do enqueue(id) end
return 1]],

  -- -> waiting, late, running, dead, done, failed
  stats = [[
local pending = redis.pcall('XPENDING', stream, 'workers')
local entries = redis.call('XLEN', stream)
local old = redis.call('GET', marker)
if old and #redis.call('XRANGE', stream, old, old) == 1 then entries = entries - 1 end
local running = 0
if not pending.err and pending[1] > 0 then
  for _, item in ipairs(redis.call('XPENDING', stream, 'workers', '-', '+', pending[1])) do
    local found = redis.call('XRANGE', stream, item[1], item[1])[1]
    if found and found[2][1] == 'id' and get(found[2][2], 'status') == 'running' then running = running + 1 end
  end
end
return {
  entries - running + redis.call('LLEN', parked), redis.call('ZCARD', late), running, redis.call('ZCARD', dead),
  tonumber(redis.call('HGET', counts, 'done') or 0), tonumber(redis.call('HGET', counts, 'failed') or 0),
}]],

  -- -> id, job, attempt, owner of each that runs
  running = [[
local list = {}
local pending = redis.pcall('XPENDING', stream, 'workers', '-', '+', 1000)
if pending.err then return list end
for _, item in ipairs(pending) do
  local found = redis.call('XRANGE', stream, item[1], item[1])[1]
  if found and found[2][1] == 'id' and get(found[2][2], 'status') == 'running' then
    local id = found[2][2]
    list[#list + 1] = { id, get(id, 'job'), get(id, 'started'), get(id, 'owner') }
  end
end
return list]],
}

---The scripts as functions of their arguments, for one queue.
---@param redis saros.Redis
---@param prefix string
---@return table<string, async fun(...: string|number): any>
function scripts.of(redis, prefix)
  local functions = {}
  for name, source in pairs(sources) do
    local run = script.runner(redis, PRELUDE .. source)
    functions[name] = function(...) return run(1, prefix, ...) end
  end
  return functions
end

return scripts
