-- SPDX-License-Identifier: MIT
-- Retries: sending a request again that may be sent again, after a connection failure or a response
-- that asks for patience.

local async = require "saros"
local backoff = require "saros.backoff"
local date = require "saros.http.date"
local request = require "saros.http.request"

local retry = {}

---@class saros.http.Policy
---@field attempts integer            in all
---@field statuses table<integer, boolean> responses that are not taken for one
---@field methods table<string, boolean>
---@field delay number                seconds before the second attempt
---@field factor number               how each delay grows from the one before
---@field max_delay number
---@field jitter number               the fraction by which a delay may be shorter

-- Failures of the connection, before there was a response.
local transient = {
  ECONNREFUSED = true, ECONNRESET = true, ECONNABORTED = true, ENOTFOUND = true, EAI_AGAIN = true, EHOSTUNREACH = true,
  EHOSTDOWN = true, ENETUNREACH = true, ENETDOWN = true, ETIMEDOUT = true, ENOENT = true,
}

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[type(item) == "string" and item:upper() or item] = true
  end
  return set
end

---The policy that the option means; nil for none.
---@param given? integer|table
---@return saros.http.Policy?
function retry.policy(given)
  if not given or given == 0 then return nil end
  local fields = type(given) == "table" and given or { attempts = given + 1, statuses = {} }
  local policy = {
    statuses = set_of(fields.statuses or { 429, 502, 503, 504 }),
    methods = fields.methods and set_of(fields.methods) or request.idempotent, delay = fields.delay or 0.1,
  }
  for name, value in pairs(backoff.defaults) do
    policy[name] = policy[name] or fields[name] or value
  end
  policy.max_delay = math.max(policy.max_delay, 0)
  return policy
end

-- What the response says about when to come back, in seconds.
local function retry_after(response)
  local value = response.headers:get_all("retry-after")[1]
  if not value then return nil end
  local seconds = tonumber(value:match "^%d+$")
  local moment = not seconds and date.parse(value)
  return seconds or moment and math.max(moment - os.time(), 0)
end

local function is_connection_failure(err)
  if not async.is_error(err) or err.response then return false end
  if err.name == "TimeoutError" then return err.phase == "connect" end
  return err.name == "FetchError" and transient[err.code] or false
end

-- The seconds until the next attempt; nil if there is to be none.
local function pause(policy, next_pause, ok, outcome)
  if ok and not policy.statuses[outcome.status] or not ok and not is_connection_failure(outcome) then return nil end
  local seconds = next_pause()
  local asked = ok and retry_after(outcome)
  if asked and asked > policy.max_delay then return nil end -- coming sooner would be of no use
  return asked and math.max(asked, seconds) or seconds
end

---Sends a request by `send(session, prepared, history, started)`, again where its policy allows.
---@async
---@param send function
---@param session saros.Session
---@param prepared saros.http.Request
---@param history? saros.Response[]  the redirects before it
---@param started? number  when the first request began: the total timeout is one for all attempts
---@return saros.Response
function retry.send(send, session, prepared, history, started)
  local policy = prepared.retries
  local repeatable = policy.methods[prepared.method] and not (prepared.source and not prepared.source.repeatable)
  started = started or async.now()
  local attempt, next_pause = 0, backoff.pauses(policy)
  while true do
    attempt = attempt + 1
    local ok, outcome = async.pcall(send, session, prepared, history, started)
    local seconds = repeatable and attempt < policy.attempts and pause(policy, next_pause, ok, outcome)
    if seconds and prepared.total and async.now() + seconds - started >= prepared.total then seconds = nil end
    if not seconds then
      if not ok then error(outcome, 0) end
      return outcome
    end
    if ok then outcome:discard() end
    session.closing = session.closing or async.future()
    async.wait({ session.closing }, { timeout = seconds }) -- the next attempt says that the session is closed
  end
end

return retry
