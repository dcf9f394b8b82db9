-- SPDX-License-Identifier: MIT
-- Builds the web site of the guide and the reference: lua .ci/docs/site.lua build/docs. It needs cmark-gfm; what comes
-- of it needs no server.

package.path = "./?.lua;./.ci/docs/?.lua;" .. package.path

local documents = require "spec.support.documents"
local examples = require "examples"
local header = require "header"
local html = require "html"
local markdown = require "markdown"
local reference = require "reference"

local TARGET = assert(arg[1], "the folder to build into?")
local HEADER = "include/saros.h"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read "a"
end

local function write(name, text)
  local file <close> = assert(io.open(TARGET .. "/" .. name, "w"))
  assert(file:write(text))
end

-- ---- what there is -------------------------------------------------------------------------------

local function title_of(text, fallback)
  return text:match "^# ([^\n]+)" or text:match "\n# ([^\n]+)" or fallback
end

-- The pages of the guide, in the groups and the order of its index; others stand at the end.
local function guide_groups()
  local groups, known = { { title = "saros", pages = { { name = "readme", path = "README.md" },
    { name = "index", path = "docs/README.md" } } } }, { ["docs/README.md"] = true }
  for line in read("docs/README.md"):gmatch "[^\n]+" do
    local heading = line:match "^## (.*)"
    if heading then groups[#groups + 1] = { title = heading, pages = {} } end
    for name in line:gmatch "%]%(([%w-]+)%.md%)" do
      local path = "docs/" .. name .. ".md"
      if not known[path] then table.insert(groups[#groups].pages, { name = name, path = path }) end
      known[path] = true
    end
  end
  local rest = { title = "More", pages = {} }
  for _, path in ipairs(documents.list()) do
    local name = path:match "^docs/(.*)%.md$"
    if name and not known[path] then table.insert(rest.pages, { name = name, path = path }) end
  end
  if #rest.pages > 0 then groups[#groups + 1] = rest end
  for _, group in ipairs(groups) do
    for _, page in ipairs(group.pages) do
      page.text = read(page.path)
      page.title = page.name == "readme" and "About saros" or title_of(page.text, page.name)
    end
  end
  return groups
end

local function reference_group(pages, context)
  local group = { title = "Reference", pages = {}, is_reference = true }
  for _, page in ipairs(pages) do
    table.insert(group.pages, { name = "reference-" .. page.name, path = "docs/" .. page.name, title = page.title,
      text = markdown.page(context, page) })
  end
  table.insert(group.pages, { name = "reference-c", path = "docs/c", title = "saros.h", text = header.page(HEADER) })
  return group
end

-- Where the functions of the reference are described, by what programs write.
local function function_targets(pages)
  local targets = {}
  reference.each(pages, function(fn, _, page)
    targets[fn.label] = ("reference-%s.html#%s"):format(page.name, fn.id)
  end)
  return targets
end

-- ---- pages ---------------------------------------------------------------------------------------

local function navigation(groups, present)
  local out = {}
  for _, group in ipairs(groups) do
    local is_open = not group.is_reference
    for _, page in ipairs(group.pages) do is_open = is_open or page == present end
    out[#out + 1] = ("<details%s><summary>%s</summary><ul>"):format(is_open and " open" or "", html.escape(group.title))
    for _, page in ipairs(group.pages) do
      local mark = page == present and ' aria-current="page"' or ""
      out[#out + 1] = ('<li><a href="%s.html"%s>%s</a></li>'):format(page.name, mark, html.escape(page.title))
    end
    out[#out + 1] = "</ul></details>"
  end
  return table.concat(out, "\n")
end

local function contents(headings)
  local out = {}
  for _, heading in ipairs(headings) do
    if heading.level == 2 or heading.level == 3 then
      out[#out + 1] = ('<li class="level%d"><a href="#%s">%s</a></li>'):format(heading.level, html.escape(heading.id),
        html.escape(heading.label))
    end
  end
  if #out < 2 then return "" end
  local title = '<nav class="contents" aria-label="on this page"><p>On this page</p><ul>'
  return title .. table.concat(out, "\n") .. "</ul></nav>"
end

-- Links to the page before and the page behind, in reading order.
local function neighbours(order, index)
  local function link(page, class, format)
    if not page then return "" end
    return ('<a class="%s" href="%s.html">%s</a>'):format(class, page.name, format:format(html.escape(page.title)))
  end
  return link(order[index - 1], "before", "← %s") .. link(order[index + 1], "behind", "%s →")
end

local function fill(template, values)
  return (template:gsub("{{(%w+)}}", values))
end

local function js(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%c", " ") .. '"'
end

local function add_to_index(index, page, body)
  for _, section in ipairs(html.sections(body)) do
    local is_top = section.level == 1
    local title = is_top and page.title or section.title
    local url = page.name .. ".html" .. (is_top and "" or "#" .. section.id)
    index[#index + 1] = "[" .. js(title) .. "," .. js(is_top and "" or page.title) .. "," .. js(url) .. ","
      .. js(section.text) .. "]"
  end
end

-- ---- all of it -----------------------------------------------------------------------------------

local pages = reference.read()
local context = { targets = markdown.targets(pages), blocks = examples.read() }
local functions = function_targets(pages)
local groups = guide_groups()
groups[#groups + 1] = reference_group(pages, context)

local template, order, index = read ".ci/docs/page.html", {}, {}
for _, group in ipairs(groups) do
  for _, page in ipairs(group.pages) do order[#order + 1] = page end
end

for number, page in ipairs(order) do
  local is_reference = page.name:find "^reference%-" ~= nil
  local body, headings = html.body(page.text, page.path, is_reference and {} or functions)
  write(page.name .. ".html", fill(template, {
    title = html.escape(page.title), body = body, navigation = navigation(groups, page),
    contents = contents(headings), neighbours = neighbours(order, number),
    class = is_reference and "reference" or "guide",
  }))
  add_to_index(index, page, body)
end

write("search-index.js", "var searchIndex = [\n" .. table.concat(index, ",\n") .. "\n];\n")
for _, name in ipairs { "style.css", "site.js" } do write(name, read(".ci/docs/" .. name)) end
print(("%d pages, %d sections: %s/index.html"):format(#order, #index, TARGET))
