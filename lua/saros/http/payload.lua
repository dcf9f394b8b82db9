-- SPDX-License-Identifier: MIT
-- The body of a request, from the option that names one.

local headers = require "saros.http.headers"
local misuse = require "saros.misuse"
local request = require "saros.http.request"
local upload = require "saros.http.upload"
local url = require "saros.http.url"

local payload = {}

local body_options = { "body", "json", "form", "multipart" }

local function chosen_body(caller, given)
  local found
  for _, name in ipairs(body_options) do
    if given[name] ~= nil then
      if found then misuse.argument(caller, 2, ("options '%s' and '%s' exclude each other"):format(found, name)) end
      found = name
    end
  end
  return found
end

-- Sets the body or its source from the option that names one, and the Content-Type that goes with it.
local function set_body(prepared, given)
  local found = chosen_body(prepared.caller, given)
  if found == "body" and type(given.body) == "string" then
    prepared.body = given.body
  elseif found == "body" then
    local length = prepared.map["content-length"]
    prepared.map["content-length"] = nil
    prepared.body_length = length and length[1] and math.tointeger(tonumber(length[1]))
    prepared.source = upload.once(given.body, prepared.body_length)
  elseif found == "json" then
    prepared.body = require("saros.json").encode(given.json)
    headers.default(prepared.map, "Content-Type", "application/json")
  elseif found == "form" then
    prepared.body = url.encode_fields(given.form, "+")
    headers.default(prepared.map, "Content-Type", "application/x-www-form-urlencoded")
  elseif found == "multipart" then
    local body, content_type = require("saros.http.multipart").encode(prepared.caller, given.multipart)
    local is_text = type(body) == "string"
    prepared.body, prepared.source = is_text and body or nil, not is_text and body or nil
    prepared.body_length = prepared.source and prepared.source.length
    headers.default(prepared.map, "Content-Type", content_type)
  end
end

-- The table with the options that say what the body is: the request's own, or else those of its session; these
-- only if the method is one that has a body.
local function options_of_body(caller, verb, given, defaults)
  if given and chosen_body(caller, given) then return given end
  local method = verb or given and given.method
  return (not method or request.with_body[method:upper()]) and defaults or {}
end

---Sets what the options of a request, or else those of its session, say of its body.
---@param prepared saros.http.Request
---@param verb? string  the method, where the function's name says it
---@param given? saros.FetchOptions
---@param defaults saros.SessionOptions
function payload.set(prepared, verb, given, defaults)
  set_body(prepared, options_of_body(prepared.caller, verb, given, defaults))
end

return payload
