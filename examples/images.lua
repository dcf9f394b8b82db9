-- SPDX-License-Identifier: MIT
-- Downloads pictures, several at once, and draws the outlines of what they show in worker threads, while the loop stays
-- free. Pictures are in the PPM format, as netpbm and ImageMagick read and write it.
--
--   lua5.4 examples/images.lua                            a demonstration, offline
--   lua5.4 examples/images.lua FOLDER https://.../a.ppm ...   writes FOLDER/a.pgm and so on

local async = require "saros"

local AT_ONCE = 8 -- downloads; of threads there are as many as cores

-- Runs in a thread, where it may take its time: how much each pixel differs from those beside and below it.
local function outline(picture)
  local width, height, start = picture:match "^P6%s+(%d+)%s+(%d+)%s+255%s()"
  if not width then error("this is no picture in the PPM format", 0) end
  width, height = math.tointeger(width), math.tointeger(height)

  local grey = {} -- by row and column, from 1
  for y = 1, height do
    local row, at = {}, start + 3 * width * (y - 1)
    for x = 1, width do
      local red, green, blue = picture:byte(at, at + 2)
      row[x], at = (299 * red + 587 * green + 114 * blue) // 1000, at + 3
    end
    grey[y] = row
  end

  local rows = {}
  for y = 1, height do
    local row, below, pixels = grey[y], grey[math.min(y + 1, height)], {}
    for x = 1, width do
      local difference = math.abs(row[x] - row[math.min(x + 1, width)]) + math.abs(row[x] - below[x])
      pixels[x] = string.char(math.min(255, difference))
    end
    rows[y] = table.concat(pixels)
  end
  return ("P5\n%d %d\n255\n"):format(width, height) .. table.concat(rows)
end

local function convert(urls, folder)
  local session <close> = async.session { timeout = 60, max_body_size = 100000000 }
  local pool <close> = async.thread_pool()
  return async.map(urls, function(url)
    local response <close> = session:get(url)
    local drawing = pool:run(outline, response:raise_for_status():text())
    local path = ("%s/%s.pgm"):format(folder, url:match "([^/?#]+)[^/]*$":gsub("%.ppm$", ""))
    async.fs.write_file(path, drawing, { atomic = true })
    return path
  end, { limit = AT_ONCE, return_errors = true })
end

local function show(urls, paths, errors)
  for i, url in ipairs(urls) do
    print(url:match "[^/]*$", paths[i] and paths[i]:match "[^/]*$" or errors[i].status or errors[i])
  end
end

-- A picture of that size with a disc in it.
local function disc(size)
  local pixels, middle = {}, size / 2
  for y = 1, size do
    for x = 1, size do
      local is_inside = (x - middle) ^ 2 + (y - middle) ^ 2 < (size / 3) ^ 2
      pixels[#pixels + 1] = is_inside and "\255\200\0" or "\0\0\80"
    end
  end
  return ("P6\n%d %d\n255\n"):format(size, size) .. table.concat(pixels)
end

local function demonstration()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local app = async.http.router()
  app:get("/discs/{size}", function(request) return { body = disc(tonumber(request.params.size:match "^%d+")) } end)
  app:get("/song", function() return "la la la" end)
  local base = demo.serve(app)
  local urls = { base .. "/song", base .. "/gone.ppm" }
  for i = 1, 6 do urls[#urls + 1] = ("%s/discs/%d.ppm"):format(base, 20 * i) end

  local folder = async.fs.mkdtemp "images-"
  local _removal <close> = async.defer(async.fs.remove_tree, folder)
  show(urls, convert(urls, folder))
  local drawing = async.fs.read_file(folder .. "/20.pgm")
  for y = 0, 18, 2 do -- every second row: letters are twice as tall as wide
    local row = drawing:sub(-400 + 20 * y, -381 + 20 * y)
    print((row:gsub(".", function(pixel) return pixel:byte() < 20 and "." or "#" end)))
  end
end

async.run(function(folder, ...)
  if not folder then return demonstration() end
  show({ ... }, convert({ ... }, folder))
end, table.unpack(arg))
