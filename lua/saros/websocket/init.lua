-- SPDX-License-Identifier: MIT
-- async.websocket. Loaded by saros at its first use.

return { websocket = require("saros.websocket.client").websocket }
