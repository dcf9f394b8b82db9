-- SPDX-License-Identifier: MIT
-- Gathers what an API has in several places: the list of users, then for each of them the details and the posts, both
-- at once, for all of them at once.
--
--   lua5.4 examples/api_pipeline.lua                                        a demonstration, offline
--   lua5.4 examples/api_pipeline.lua https://jsonplaceholder.typicode.com   an API with /users, /users/1 ...

local async = require "saros"

local function demo_url()
  local demo = dofile((arg[0]:match "^.*/" or "") .. "support/demo.lua")
  local users = { { id = 1, name = "Ada" }, { id = 2, name = "Grace" }, { id = 3, name = "Barbara" } }
  local companies = { "Analytical Engines", "Compilers & Sons" }
  local app = async.http.router()
  app:get("/users", function() return { json = users } end)
  app:get("/users/{id}", function(request)
    local id = tonumber(request.params.id)
    if not companies[id] then async.http.error(404) end
    return { json = { id = id, name = users[id].name, company = { name = companies[id] } } }
  end)
  app:get("/users/{id}/posts", function(request)
    local posts = {}
    for i = 1, tonumber(request.params.id) do posts[i] = { title = "thought number " .. i } end
    return { json = posts }
  end)
  return demo.serve(app)
end

local function pipeline(api)
  local function load(path)
    local response <close> = api:get(path)
    return response:raise_for_status():json()
  end

  local function load_user(user)
    local details, posts = async.gather(
      async.spawn(load, "/users/" .. user.id), async.spawn(load, ("/users/%d/posts"):format(user.id)))
    return { name = user.name, company = details.company.name, posts = posts }
  end

  local users = load "/users"
  return users, async.map(users, load_user, { limit = 10, return_errors = true })
end

async.run(function(url)
  local api <close> = async.session {
    base_url = url or demo_url(), headers = { Accept = "application/json" }, timeout = 10, retries = 2,
  }
  local users, loaded, errors = pipeline(api)
  for i, user in ipairs(users) do
    local found = loaded[i]
    if found then
      print(("%s works for %s. Posts: %d, the first: %s"):format(
        found.name, found.company, #found.posts, found.posts[1] and found.posts[1].title or "none"))
    else
      print(("%s could not be loaded: %s"):format(user.name, errors[i].status or errors[i].code))
    end
  end
end, table.unpack(arg))
