-- SPDX-License-Identifier: MIT
-- Pages of the reference as Markdown. A heading that ends in `{#id}` has that anchor.

local examples = require "examples"

local markdown = {}

local ERRORS = { "TimeoutError", "GroupError", "DeadlockError", "ClosedError", "BusyError", "SystemError", "EOFError",
  "LimitError", "TLSError", "FetchError", "HTTPError", "JSONError", "ProcessError", "RedisError", "JobError",
  "CancelledError", "InterruptError" }

local SHORT = 14 -- lines of an example that is there to be seen at once

---@class docs.Context
---@field targets table<string, string>  by the name of a type: where it is described
---@field blocks spec.DocumentExample[]

local function escape(text)
  return (text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

-- A type as code, in which the classes lead to where they are described.
local function type_html(context, text)
  local html = escape(text):gsub("|", "&#124;"):gsub("saros%.[%w_.]*%w", function(name)
    local short, target = name:match "[^.]+$", context.targets[name]
    return target and ('<a href="%s">%s</a>'):format(target, short) or short
  end)
  return ("<code class=\"type\">%s</code>"):format(html)
end

-- The prose of a comment: what LuaCATS calls a line is one of a paragraph.
local function prose(text)
  return (text:gsub("\n(%s*[-*] )", "\n\n%1"))
end

local function cell(text)
  return (text:gsub("|", "\\|"):gsub("\n", " "))
end

local function add_table(out, title, rows)
  if #rows == 0 then return end
  out[#out + 1] = ("| %s | | |\n|---|---|---|"):format(title)
  for _, row in ipairs(rows) do out[#out + 1] = "| " .. table.concat(row, " | ") .. " |" end
  out[#out + 1] = ""
end

local function add_parameters(out, context, fn)
  local rows = {}
  for i, parameter in ipairs(fn.parameters) do
    local name, mark = parameter.name:match "^(.-)(%??)$"
    local text = (mark == "?" and "*may be left out* " or "") .. cell(parameter.text)
    rows[i] = { ("`%s`"):format(name), type_html(context, parameter.type), text }
  end
  add_table(out, "Parameters", rows)
  rows = {}
  for i, result in ipairs(fn.results) do
    local name = result.name ~= "" and ("`%s` "):format(result.name) or ""
    rows[i] = { type_html(context, result.type), name .. cell(result.text), "" }
  end
  add_table(out, "Returns", rows)
end

local function add_errors(out, context, fn)
  local text, list = fn.member.text .. " " .. (fn.class.name == "saros" and "" or fn.class.text), {}
  for _, name in ipairs(ERRORS) do
    if text:find("%f[%w]" .. name .. "%f[%W]") then
      list[#list + 1] = ("[%s](%s)"):format(name, context.targets["saros.ErrorName"])
    end
  end
  if #list > 0 then out[#out + 1] = "Errors: " .. table.concat(list, ", ") .. ".\n" end
end

local function add_example(out, context, fn)
  local example = examples.of(context.blocks, fn)
  if not example then return end
  local page = example.document:match "([^/]+)%.md$"
  if example.document == "docs/README.md" then page = "index" end
  if example.document == "README.md" then page = "readme" end
  local is_short = #example.lines <= SHORT
  out[#out + 1] = ("<details%s><summary>Example</summary>\n\n```lua\n%s\n```\n"):format(is_short and " open" or "",
    example.code)
  out[#out + 1] = ("From the guide: [%s](%s.html#%s)\n\n</details>\n"):format(example.heading, page, example.anchor)
end

local function add_function(out, context, fn)
  out[#out + 1] = ("### %s {#%s}\n"):format(fn.label, fn.id)
  local badge = fn.waits and ' <span class="waits">waits</span>' or ""
  for i, signature in ipairs(fn.signatures) do
    local html = escape(signature):gsub("[%[%]]", { ["["] = "&#91;", ["]"] = "&#93;" })
    out[#out + 1] = ('<div class="signature"><code>%s</code>%s</div>'):format(html, i == 1 and badge or "")
  end
  out[#out + 1] = "\n" .. prose(fn.member.text) .. "\n"
  add_parameters(out, context, fn)
  add_errors(out, context, fn)
  add_example(out, context, fn)
end

local function add_fields(out, context, class)
  local rows = {}
  for i, field in ipairs(class.fields) do
    local text = (field.member.is_optional and "*may be nil* " or "") .. cell(field.member.text)
    rows[i] = { ("`%s`"):format(field.name), type_html(context, field.member.type), text }
  end
  add_table(out, "Fields", rows)
end

local function add_class(out, context, class)
  out[#out + 1] = ("## %s {#%s}\n"):format(class.label, class.label)
  if class.text ~= "" then out[#out + 1] = prose(class.text) .. "\n" end
  if class.parent and context.targets[class.parent] then
    out[#out + 1] = ("It has all of %s too.\n"):format(type_html(context, class.parent))
  end
  add_fields(out, context, class)
  for _, fn in ipairs(class.functions) do add_function(out, context, fn) end
end

local function add_alias(out, context, alias)
  local short = alias.name:match "[^.]+$"
  out[#out + 1] = ("## %s {#%s}\n"):format(short, short)
  if alias.text ~= "" then out[#out + 1] = prose(alias.text) .. "\n" end
  if alias.definition ~= "" then out[#out + 1] = type_html(context, alias.definition) .. "\n" end
  local rows = {}
  for i, value in ipairs(alias.values) do rows[i] = { ("`%s`"):format(value.value), cell(value.text), "" } end
  add_table(out, "Value", rows)
end

---A page as Markdown.
---@param context docs.Context
---@param page docs.Page
---@return string
function markdown.page(context, page)
  local out = { ("# %s\n"):format(page.title) }
  for _, class in ipairs(page.classes) do add_class(out, context, class) end
  for _, alias in ipairs(page.aliases) do add_alias(out, context, alias) end
  return table.concat(out, "\n")
end

---Where each type is described.
---@param pages docs.Page[]
---@return table<string, string>
function markdown.targets(pages)
  local targets = {}
  for _, page in ipairs(pages) do
    for _, class in ipairs(page.classes) do
      targets[class.name] = targets[class.name] or ("reference-%s.html#%s"):format(page.name, class.label)
    end
    for _, alias in ipairs(page.aliases) do
      targets[alias.name] = ("reference-%s.html#%s"):format(page.name, alias.name:match "[^.]+$")
    end
  end
  return targets
end

return markdown
