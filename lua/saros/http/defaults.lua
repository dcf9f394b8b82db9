-- SPDX-License-Identifier: MIT
-- By option, what holds where neither a session nor a request says anything.

return { timeout = { total = 30 }, redirect = "follow", max_redirects = 20, limit = 100 }
