std = "lua54"
max_line_length = 120
exclude_files = {"build", "build-*"}

-- This luacheck takes a `<close>` variable that is only held for an unused one: these names, and
-- those that begin with an underscore, are for such.
ignore = {"211/_.*", "211/permit", "211/scope", "211/deadline", "211/held"}

files["spec"] = {std = "+busted"}

-- Declarations for editors: parameters without bodies.
files["lua/saros/meta"] = {ignore = {"21.", "241"}}
