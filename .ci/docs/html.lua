-- SPDX-License-Identifier: MIT
-- Markdown to HTML: cmark-gfm does it; headings get anchors, links lead within the site, code gets colours.

local html = {}

local function shell_quote(text)
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

local function cmark(text)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text)):flush()
  local pipe = assert(io.popen("cmark-gfm --unsafe -e table -e autolink " .. shell_quote(path)))
  local result = pipe:read "a"
  assert(pipe:close(), "cmark-gfm failed")
  os.remove(path)
  return result
end

local function strip(text)
  return (text:gsub("<[^>]+>", ""))
end

local function unescape(text)
  text = text:gsub("&#(%d+);", function(code) return utf8.char(tonumber(code)) end)
  return (text:gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&quot;", '"'):gsub("&amp;", "&"))
end

---@param text string
---@return string
function html.escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;"))
end

-- ---- headings ------------------------------------------------------------------------------------

local function slug(text)
  return (unescape(text):lower():gsub("[^%w _\128-\255-]", ""):gsub(" ", "-"))
end

-- Gives headings anchors, and lists them.
local function anchored(text)
  local headings, counts = {}, {}
  text = text:gsub("<h(%d)>(.-)</h%d>", function(level, inner)
    local label, id = inner:match "^(.-)%s*{#([^}]+)}$"
    label = label or inner
    id = id and id:gsub("<[^>]+>", "") or slug(strip(label))
    counts[id] = (counts[id] or -1) + 1
    if counts[id] > 0 then id = ("%s-%d"):format(id, counts[id]) end
    headings[#headings + 1] = { level = tonumber(level), id = id, label = unescape(strip(label)) }
    return ('<h%s id="%s">%s <a class="anchor" href="#%s" aria-label="link to this">#</a></h%s>'):format(
      level, html.escape(id), label, html.escape(id), level)
  end)
  return text, headings
end

-- ---- code ----------------------------------------------------------------------------------------

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
while]]):gmatch "%a+" do KEYWORDS[word] = true end

local function span(class, text)
  return ('<span class="%s">%s</span>'):format(class, html.escape(text))
end

-- What stands at a position of Lua code: its end and its class.
local function token(code, position)
  local level = code:match("^%-%-%[(=*)%[", position)
  if level then return select(2, code:find("]" .. level .. "]", position, true)) or #code, "comment" end
  if code:find("^%-%-", position) then
    return (code:find("\n", position, true) or #code + 1) - 1, code:find("^%-%-> ", position) and "output" or "comment"
  end
  level = code:match("^%[(=*)%[", position)
  if level then return select(2, code:find("]" .. level .. "]", position, true)) or #code, "string" end
  local quote = code:match("^[\"']", position)
  if quote then
    local last = position
    repeat
      last = last + 1
      local char = code:sub(last, last)
      if char == "\\" then last = last + 1 end
    until char == quote or char == "" or char == "\n"
    return last, "string"
  end
  local last = select(2, code:find("^[%a_][%w_]*", position))
  if last then return last, KEYWORDS[code:sub(position, last)] and "keyword" or nil end
  last = select(2, code:find("^%d[%w.]*", position))
  if last then return last, "number" end
  return position, nil
end

local function highlighted(code)
  local out, position = {}, 1
  while position <= #code do
    local last, class = token(code, position)
    local text = code:sub(position, last)
    out[#out + 1] = class and span(class, text) or html.escape(text)
    position = last + 1
  end
  return table.concat(out)
end

local function coloured(text)
  return (text:gsub('<pre><code class="language%-(%w+)[^"]*">(.-)</code></pre>', function(language, code)
    local is_lua = language == "lua"
    return ('<pre class="%s"><code>%s</code></pre>'):format(language, is_lua and highlighted(unescape(code)) or code)
  end))
end

-- ---- links ---------------------------------------------------------------------------------------

-- Where a link of a document leads in the site, which is in build/docs of the clone.
local function target_of(target, document)
  if target:find "^%a+:" or target:find "^#" or target:find "^[%w-]+%.html" then return target end
  local path, anchor = target:match "^([^#]*)(.*)$"
  local folder = document:match "^(.*/)" or ""
  local full = folder .. path
  repeat
    local count
    full, count = full:gsub("[^/]+/%.%./", "", 1)
  until count == 0
  if full == "README.md" then return "readme.html" .. anchor end
  if full == "docs/README.md" or full == "docs/" or full == "docs" then return "index.html" .. anchor end
  local page = full:match "^docs/([^/]+)%.md$"
  return page and page .. ".html" .. anchor or "../../" .. full .. anchor
end

-- Names of functions in prose lead to the reference; not those in headings, in code and in links.
local function linked_names(text, functions)
  local out, position = {}, 1
  local function add(part)
    out[#out + 1] = part:gsub("<code>([%w_.:]+)([^<]*)</code>", function(name, rest)
      local target = functions[name]
      if not target or not (rest == "" or rest:find "^[%( {%[]" or rest:find "^&quot;") then return nil end
      return ('<a class="name" href="%s"><code>%s%s</code></a>'):format(target, name, rest)
    end)
  end
  for first, tag, last in text:gmatch "()<(%a+%d?)[^>]*>()" do
    local is_closed = tag == "pre" or tag == "a" or tag:find "^h%d$"
    if is_closed and first >= position then
      local stop = select(2, text:find("</" .. tag .. ">", last, true)) or #text
      add(text:sub(position, first - 1))
      out[#out + 1] = text:sub(first, stop)
      position = stop + 1
    end
  end
  add(text:sub(position))
  return table.concat(out)
end

---The body of a page, and its headings.
---@param text string  Markdown
---@param document string  its path
---@param functions table<string, string>  by the name of a function: where it is described
---@return string
---@return {level: integer, id: string, label: string}[]
function html.body(text, document, functions)
  local body, headings = anchored(cmark(text))
  for _, name in ipairs { "href", "src" } do
    body = body:gsub(name .. '="([^"]+)"', function(target)
      return ('%s="%s"'):format(name, target_of(target, document))
    end)
  end
  body = coloured(linked_names(body, functions))
  body = body:gsub("<table>", '<div class="table"><table>'):gsub("</table>", "</table></div>")
  return body, headings
end

---The text of each section of a body, without tags.
---@param body string
---@return {id: string, level: integer, title: string, text: string}[]
function html.sections(body)
  local list = {}
  for level, id, title, position in body:gmatch '<h(%d) id="([^"]*)">(.-) <a class="anchor".-</a></h%d>()' do
    local stop = body:find("<h%d id=", position) or #body + 1
    local text = body:sub(position, stop - 1):gsub("<pre.->.-</pre>", " "):gsub('<div class="signature">.-</div>', "")
    text = strip(text:gsub("<summary>.-</details>", "")):gsub("%s+", " ")
    list[#list + 1] = { id = id, level = tonumber(level), title = unescape(strip(title)), text = unescape(text) }
  end
  return list
end

return html
