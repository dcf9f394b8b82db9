-- SPDX-License-Identifier: MIT
-- Content codings of responses: which of them, if any, and what that changes in the head.

local core = require "saros.http.server.core"

local compress = {}

-- A smaller body would gain nothing.
local LEAST = 1024

local TYPES = {
  ["application/json"] = true, ["application/javascript"] = true, ["application/xml"] = true,
  ["application/manifest+json"] = true, ["application/wasm"] = true, ["image/svg+xml"] = true,
}

local function is_text(content_type)
  local kind = content_type:match("^[^;]*"):lower():gsub("[ \t]+$", "")
  return kind:find "^text/" ~= nil or TYPES[kind] or kind:find "%+json$" ~= nil or kind:find "%+xml$" ~= nil
end

-- What the client says of each coding, by name: how much it likes it, from 0 on.
local function wishes_of(accept)
  local wishes = {}
  for element in accept:lower():gmatch "[^,]+" do
    local name, rest = element:match "^[ \t]*([%w*_-]+)(.*)$"
    if name then wishes[name] = tonumber(rest:match "q[ \t]*=[ \t]*([%d.]+)") or rest:find "q[ \t]*=" and 0 or 1 end
  end
  return wishes
end

-- The coding that the client likes best, of equals the first of ours; nil if it takes none.
local function choose(accept)
  if not accept then return nil end
  local wishes, best, most = wishes_of(accept), nil, 0
  for _, name in ipairs(core.encodings) do
    local wish = wishes[name] or name == "gzip" and wishes["x-gzip"] or wishes["*"] or 0
    if wish > most then best, most = name, wish end
  end
  return best
end

---Whether a body of that type and size is encoded for the client of a request.
---@param request saros.HTTPRequest
---@param content_type string
---@param size integer
---@return boolean
function compress.applies(request, content_type, size)
  return request:_compresses() and size >= LEAST and is_text(content_type)
    and choose(request.headers["accept-encoding"]) ~= nil
end

-- Headers by their lower-case names, with the name as written.
local function by_name(headers)
  local found = {}
  for name in pairs(headers or {}) do
    if type(name) == "string" then found[name:lower()] = name end
  end
  return found
end

local function value_of(headers, found, name)
  local value = headers and headers[found[name]]
  if type(value) == "table" then value = value[1] end
  return value and tostring(value) or nil
end

-- A copy in which a header has another value.
local function with(headers, found, name, value)
  local copy = {}
  for key, old in pairs(headers or {}) do copy[key] = old end
  copy[found[name:lower()] or name] = value
  return copy
end

local function may_encode(status, headers, found, content_type)
  if status == 204 or status == 304 or status == 206 or found["content-range"] or found["content-encoding"] then
    return false
  end
  if (value_of(headers, found, "cache-control") or ""):lower():find("no-transform", 1, true) then return false end
  local kind = value_of(headers, found, "content-type") or content_type
  return kind ~= nil and is_text(kind)
end

local function with_vary(headers, found)
  local vary = value_of(headers, found, "vary")
  if vary and (vary == "*" or vary:lower():find("accept-encoding", 1, true)) then return headers end
  return with(headers, found, "Vary", vary and vary .. ", Accept-Encoding" or "Accept-Encoding")
end

-- What was the same byte for byte is the same in meaning only.
local function with_weak_tag(headers, found)
  local tag = value_of(headers, found, "etag")
  if not tag or tag:find "^W/" then return headers end
  return with(headers, found, "ETag", "W/" .. tag)
end

-- The headers of what is encoded: there are no ranges of it, and its length is not known.
local function encoded_headers(headers, coding)
  headers = with_weak_tag(with(headers, by_name(headers), "Content-Encoding", coding), by_name(headers))
  headers = with(headers, by_name(headers), "Accept-Ranges", nil)
  return with(headers, by_name(headers), "Content-Length", nil)
end

---Decides about a response. Gives its headers, the encoder for its body or nil, and the length that the handler has
---promised of what is encoded.
---@param request saros.HTTPRequest
---@param status integer
---@param headers? table
---@param content_type? string  unless the headers have one
---@param size? integer         of the body; nil: that is not known
---@return table? headers
---@return userdata? encoder
---@return integer? promised
function compress.plan(request, status, headers, content_type, size)
  if not request:_compresses() then return headers, nil end
  local found = by_name(headers)
  if not may_encode(status, headers, found, content_type) then return headers, nil end
  local promised = math.tointeger(tonumber(value_of(headers, found, "content-length")))
  if found["content-length"] and (not promised or size and size ~= promised) then return headers, nil end
  if (size or promised or LEAST) < LEAST then return headers, nil end
  headers = with_vary(headers, found)
  local coding = choose(request.headers["accept-encoding"])
  if not coding then return headers, nil end
  return encoded_headers(headers, coding), core.encoder(coding), promised
end

return compress
