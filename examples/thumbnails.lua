-- SPDX-License-Identifier: MIT
-- Makes small images of large ones, on as many workers as there are: programs on any number of machines that share a
-- folder and a Redis. An image is a picture in the PPM format, as netpbm and ImageMagick read and write it.
--
--   lua5.4 examples/thumbnails.lua REDIS_URL                   a demonstration: draws pictures, starts three workers
--   lua5.4 examples/thumbnails.lua REDIS_URL work              a worker, until somebody says that it is over
--   lua5.4 examples/thumbnails.lua REDIS_URL FILE.ppm ...      writes FILE.small.ppm for each

local async = require "saros"
local redis = require "saros.redis"
local jobs = require "saros.jobs"
local fs = async.fs

local SIZE = 32 -- pixels of the longer side

-- Every pixel of the small picture is the one in the middle of those it stands for.
local function shrink(picture)
  local width, height, start = picture:match "^P6%s+(%d+)%s+(%d+)%s+255%s()"
  if not width then error("this is no picture in the PPM format", 0) end
  width, height = tonumber(width), tonumber(height)
  local step = math.max(1, math.max(width, height) // SIZE)
  local rows = {}
  for y = step // 2, height - 1, step do
    for x = step // 2, width - 1, step do
      local at = start + 3 * (y * width + x)
      rows[#rows + 1] = picture:sub(at, at + 2)
    end
    async.sleep(0) -- so that heartbeats and other pictures have their turn
  end
  local columns = (width - 1 - step // 2) // step + 1
  return ("P6\n%d %d\n255\n"):format(columns, #rows // columns) .. table.concat(rows)
end

local handlers = {
  shrink = function(path)
    local target = path:gsub("%.ppm$", "") .. ".small.ppm"
    fs.write_file(target, shrink(fs.read_file(path)))
    return target
  end,
}

-- Adds a job for each picture and waits for all of them.
local function submit(queue, paths)
  local added = async.map(paths, function(path) return queue:add("shrink", path) end)
  local results, errors = async.map(added, function(job) return job:result(60) end, { return_errors = true })
  return results, errors
end

local function draw(path, width, height)
  local pixels = {}
  for y = 1, height do
    for x = 1, width do pixels[#pixels + 1] = string.char(x * 255 // width, y * 255 // height, 128) end
  end
  fs.write_file(path, ("P6\n%d %d\n255\n"):format(width, height) .. table.concat(pixels))
end

local function demonstrate(url, r, queue)
  r:del "thumbnails:over"
  local folder, paths = fs.mkdtemp "thumbnails-", {}
  local _removal <close> = async.defer(fs.remove_tree, folder)
  for i = 1, 6 do
    paths[i] = ("%s/%d.ppm"):format(folder, i)
    draw(paths[i], 64 * i, 64)
  end
  paths[7] = arg[0] -- which is none: its job fails
  local workers <close> = async.task_group()
  for _ = 1, 3 do workers:spawn(async.process.run, { arg[-1], arg[0], url, "work" }, { check = true }) end
  local results, errors = submit(queue, paths)
  for i = 1, 7 do print(results[i] and fs.read_file(results[i]):match "^P6\n(%d+ %d+)" or errors[i].message) end
  r:rpush("thumbnails:over", 1, 2, 3) -- one for each worker
end

local function work(r, queue)
  local _worker <close> = async.spawn(queue.work, queue, handlers, { concurrency = 2 })
  r:blpop("thumbnails:over", 0)
end

async.run(function(url, what, ...)
  local r <close> = redis.connect(url or "redis://localhost")
  local queue = jobs.queue(r, "thumbnails", { attempts = 1 })
  if what == "work" then return work(r, queue) end
  if not what then return demonstrate(url, r, queue) end
  local results, errors = submit(queue, { what, ... })
  for i = 1, select("#", ...) + 1 do print(results[i] or errors[i].message) end
end, ...)
