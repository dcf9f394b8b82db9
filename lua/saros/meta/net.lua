---@meta _
-- SPDX-License-Identifier: MIT
-- What editors know of src/io and src/net: streams, sockets for UDP. Never loaded at run time. What they have that is
-- written in Lua is in saros/net.

---How long a line may be, and whether its end is kept.
---@class saros.LineOptions
---@field limit? integer  bytes; a longer line is a LimitError (1 MiB)
---@field keep? boolean   the delimiter stays

---@class saros.PipeOptions
---@field shutdown? boolean  the target's write side is shut down at the end (true)

---Bytes that come and go: a connection, or a pipe. The end of a `<close>` variable closes it. One task reads at a time,
---a second one gets a BusyError; any number may write. What is used after its closing raises ClosedError; SystemError
---where the connection broke, after what had arrived.
---@class saros.Stream
local Stream = {}

---What is there, at most `max` bytes of it; waits for the first one. nil at the end.
---@async
---@param max? integer
---@return string? bytes
function Stream:read(max) end

---So many bytes. nil at the end; EOFError with `partial` if the data ends in the middle.
---@async
---@param count integer
---@return string? bytes
function Stream:read_exactly(count) end

---A line, without its line feed and a carriage return before that. nil at the end; EOFError, LimitError (the stream
---then goes on behind that line).
---@async
---@param options? saros.LineOptions
---@return string? line
function Stream:read_line(options) end

---All up to a delimiter, without that. nil at the end; EOFError, LimitError.
---@async
---@param delimiter string
---@param options? saros.LineOptions
---@return string? bytes
function Stream:read_until(delimiter, options) end

---Everything up to the end.
---@async
---@return string bytes
function Stream:read_all() end

---Iterates over lines.
---@param options? saros.LineOptions
---@return async fun(): string?
function Stream:lines(options) end

---Iterates over what comes, as it comes.
---@return async fun(): string?
function Stream:chunks() end

---Sends strings, numbers and lists of them, all as one message that no other one gets into. Returns when the system
---took them, or less than 64 KiB wait. Cancelled before any of it has left it is withdrawn, later the write side is
---closed.
---@async
---@param ... string|number|(string|number)[]
---@return saros.Stream self
function Stream:write(...) end

---Ends the write side, behind what was written; the peer can still answer.
---@async
function Stream:shutdown() end

---Reads to the end and writes all of it to another stream. Returns the number of bytes.
---@async
---@param target saros.Stream
---@param options? saros.PipeOptions
---@return integer bytes
function Stream:pipe_to(target, options) end

---Closes it; what was written still leaves, as long as the run goes on. Idempotent.
function Stream:close() end

---Closes it at once, TCP with a reset.
function Stream:abort() end

---Whether it is closed, by whomever.
---@return boolean
function Stream:closed() end

---The other end: host and port, or the path of a Unix socket.
---@return string host
---@return integer port
function Stream:peer() end

---This end, in the same way.
---@return string host
---@return integer port
function Stream:address() end

---What TLS has agreed upon; nil without TLS.
---@return table? info
function Stream:tls_info() end

---A socket for datagrams. The end of a `<close>` variable closes it.
---@class saros.UDP
local UDP = {}

---The next datagram and where it came from. SystemError (`ECONNREFUSED`, of a connected one); BusyError.
---@async
---@return string data
---@return string host
---@return integer port
function UDP:receive() end

---Where it is bound; nothing before it is.
---@return string? host
---@return integer? port
function UDP:address() end

---Wakes who receives with ClosedError. Idempotent.
function UDP:close() end

---Whether it is closed.
---@return boolean
function UDP:closed() end
