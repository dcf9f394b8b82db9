# SPDX-License-Identifier: MIT
"""HTTP server for the specs: does as its path says, well and badly.

Prints one line of JSON, {"plain": port, "other": port, "tls": port, "unix": path, "ca": path}, and
serves until nobody reads its output any more, for ten minutes at most. Only the standard library.
"""
import asyncio
import base64
import hashlib
import json
import logging
import os
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import zlib
from urllib.parse import parse_qs, unquote, urlsplit

import lifeline
from places import has_six, take

LIFETIME = 3600
counts = {"connections": 0, "active": 0, "peak": 0}
seen = {}
meetings = {}


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, method, target, headers, body, writer, connection, number):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.writer, self.connection, self.number = writer, connection, number
        parts = urlsplit(target)
        self.path = parts.path
        self.query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def write(self, text):
        self.writer.write(text if isinstance(text, bytes) else text.encode("latin-1"))

    def answer(self, status=200, body=b"", headers=()):
        body = b"" if status in (204, 304) else body if isinstance(body, bytes) else body.encode()
        self.write("HTTP/1.1 %d %s\r\n" % (status, "OK" if status == 200 else "Phrase"))
        for name, value in headers:
            self.write("%s: %s\r\n" % (name, value))
        self.write("Content-Length: %d\r\n\r\n" % len(body))
        if self.method != "HEAD":
            self.write(body)

    def answer_json(self, value):
        self.answer(200, json.dumps(value), [("Content-Type", "application/json")])

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def echo(x):
    x.answer_json({
        "method": x.method, "target": x.target, "headers": x.headers,
        "body": x.body.decode("latin-1"), "connection": x.connection, "number": x.number,
    })


async def status(x):
    x.answer(int(x.path.split("/")[2]), "body of " + x.path)


async def redirect(x):
    headers = [("Location", x.query["to"])] if "to" in x.query else []
    x.answer(int(x.path.split("/")[2]), "moved", headers)


async def loop(x):
    left = int(x.path.split("/")[2])
    x.answer(302, "", [("Location", "/loop/%d" % (left - 1) if left > 0 else "/echo")])


async def slow(x):
    await asyncio.sleep(float(x.query.get("seconds", "0.2")))
    x.answer(200, "slow")


async def hang(x):
    await asyncio.sleep(LIFETIME)


async def hang_in_body(x):
    x.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin")
    await asyncio.sleep(LIFETIME)


async def drip(x):
    count, gap = int(x.query.get("count", "5")), float(x.query.get("gap", "0.02"))
    x.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count * 5))
    for i in range(count):
        x.write("%04d\n" % i)
        await x.writer.drain()
        await asyncio.sleep(gap)


async def big(x):
    left, piece = int(x.query["bytes"]), bytes(range(256)) * 256
    x.write("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
    while left > 0:
        x.write(piece[:left])
        left -= len(piece)
        seen["big"] = int(x.query["bytes"]) - max(left, 0)
        await x.writer.drain()


async def sent(x):
    x.answer_json(seen.get("big", 0))


async def chunked(x):
    x.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in ("one", "two", "three"):
        x.write("%x\r\n%s\r\n" % (len(piece), piece))
        await x.writer.drain()
        await asyncio.sleep(0.01)
    x.write("0\r\nX-Trailer: late\r\n\r\n")


async def head_only_then(x):
    """Answers in the words of its query, and closes."""
    x.write(unquote(x.query["raw"], "latin-1"))
    await x.writer.drain()
    return "close"


async def close(x):
    return "close"


async def reset(x):
    x.reset()
    return "close"


async def endless_headers(x):
    """Headers without end, or one that has none."""
    end = "" if x.query.get("one") else "\r\nX-More: "
    x.write("HTTP/1.1 200 OK\r\nX-More: ")
    try:
        while True:
            x.write("x" * 1000 + end)
            await x.writer.drain()
    except ConnectionError:
        pass
    return "close"


async def once_per_connection(x):
    """The second request on a connection finds it closed, as on a server that lost patience. The first ones are answered
    when `together` of them are there, so that none can use the connection of another."""
    key = x.query["key"]
    if x.number > 1:
        seen[key] = seen.get(key, 0) + 1
        return "close"
    await meet(key, int(x.query.get("together", "1")))
    x.answer(200, "first")


async def meet(key, n):
    """Returns when n calls with that key are there; the next n are another meeting."""
    number, all_there = meetings.pop(key, (0, asyncio.Event()))
    if number + 1 >= n:
        all_there.set()
    else:
        meetings[key] = (number + 1, all_there)
    await all_there.wait()


async def times(x):
    x.answer_json(seen.get(x.query["key"], 0))


async def hold(x):
    """Answers when `together` of them are there, and a little later: one more than there may be has time to come."""
    counts["active"] += 1
    counts["peak"] = max(counts["peak"], counts["active"])
    await meet("hold", int(x.query.get("together", "1")))
    await asyncio.sleep(float(x.query.get("seconds", "0.02")))
    counts["active"] -= 1
    seen.setdefault("order", []).append(x.query.get("id"))
    x.answer(200, "held")


async def report(x):
    result = {"peak": counts["peak"], "connections": counts["connections"], "order": seen.pop("order", [])}
    counts["peak"] = 0
    x.answer_json(result)


async def headers(x):
    x.answer(200, "", [
        ("X-Repeated", "one"), ("X-Repeated", "two"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
        ("X-Folded", "first\r\n second"), ("X-Padded", "  padded  "), ("X-Empty", ""),
    ])


async def digest(x):
    given = x.header("authorization")
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    if given and given.startswith("Digest "):
        fields = dict(part.strip().split("=", 1) for part in given[7:].split(","))
        fields = {k: v.strip('"') for k, v in fields.items()}
        a1 = md5("user:realm:secret")
        a2 = md5("%s:%s" % (x.method, fields["uri"]))
        if fields["response"] == md5("%s:%s:%s" % (a1, fields["nonce"], a2)):
            return x.answer(200, "welcome")
    x.answer(401, "who are you?", [("WWW-Authenticate", 'Digest realm="realm", nonce="once"')])


async def encoded(x):
    """A body, in base64, with the Content-Encoding of the query; piece by piece if asked so."""
    body, step = base64.b64decode(x.query["data"]), int(x.query.get("step", "0"))
    x.write("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n" % x.query["as"])
    x.write("Content-Length: %d\r\n\r\n" % len(body))
    for i in range(0, len(body), step or max(len(body), 1)):
        x.write(body[i:i + (step or len(body))])
        await x.writer.drain()
        if step:
            await asyncio.sleep(0.001)


async def zeros(x):
    """So many zeros, gzipped (or deflated) as they go out."""
    left, piece, coding = int(x.query["bytes"]), bytes(1 << 20), x.query.get("as", "gzip")
    packer = zlib.compressobj(1, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    x.write("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nConnection: close\r\n\r\n" % coding)
    while left > 0:
        x.write(packer.compress(piece[:left]))
        left -= len(piece)
        await x.writer.drain()
    x.write(packer.flush())
    return "close"


async def moody(x):
    """Fails so many times for each key: by a status, or by a reset."""
    key, left = x.query["key"], int(x.query["times"])
    seen[key] = seen.get(key, 0) + 1
    if seen[key] > left:
        return x.answer_json({"attempt": seen[key], "method": x.method, "body": x.body.decode("latin-1")})
    if "status" not in x.query:
        x.reset()
        return "close"
    x.answer(int(x.query["status"]), "not now", [("Retry-After", x.query["after"])] if "after" in x.query else [])


async def set_cookies(x):
    """Sets what the query lists, one per line."""
    lines = x.query["set"].split("\n")
    x.answer(int(x.query.get("status", "200")), "set",
             [("Set-Cookie", line) for line in lines] + ([("Location", x.query["to"])] if "to" in x.query else []))


async def early(x):
    """Answers before it has read the body, if it reads it at all."""
    status, length = int(x.query.get("status", "413")), x.query.get("length", "5")
    x.write("HTTP/1.1 %d Phrase\r\n" % status)
    if length != "none":
        x.write("Content-Length: %s\r\n" % length)
    x.write("\r\nearly")
    await x.writer.drain()
    if "wait" in x.query:
        await asyncio.sleep(float(x.query["wait"]))
    return "close"


async def count(x):
    x.answer_json({"bytes": len(x.body), "headers": x.headers})


async def same(x):
    x.answer(200, x.body)


async def connect(x):
    x.answer(403, "no tunnel")
    return "close"


ROUTES = {
    "echo": echo, "status": status, "redirect": redirect, "loop": loop, "slow": slow, "hang": hang,
    "hang-in-body": hang_in_body, "drip": drip, "big": big, "sent": sent, "chunked": chunked,
    "raw": head_only_then, "close": close, "reset": reset, "endless-headers": endless_headers,
    "once-per-connection": once_per_connection, "times": times, "hold": hold, "report": report,
    "headers": headers, "digest": digest,
    "early": early, "set-cookies": set_cookies, "moody": moody, "count": count, "same": same,
    "encoded": encoded, "zeros": zeros,
}


async def read_body(reader, found):
    names = {k.lower(): v for k, v in found}
    if names.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(names.get("content-length", 0)))
    body = []
    while True:
        size = int(await reader.readline(), 16)
        body.append(await reader.readexactly(size))
        await reader.readline()
        if size == 0:
            return b"".join(body)


async def read_request(reader):
    line = (await reader.readline()).decode("latin-1")
    if not line:
        return None
    method, target, _ = line.split(" ", 2)
    found = []
    while True:
        line = (await reader.readline()).decode("latin-1")
        if line in ("\r\n", ""):
            break
        name, value = line.rstrip("\r\n").split(":", 1)
        found.append((name, value.strip()))
    if target.startswith("/early"):
        return method, target, found, b""  # reads the body itself, if at all
    return method, target, found, await read_body(reader, found)


async def serve(reader, writer):
    counts["connections"] += 1
    connection, number = counts["connections"], 0
    try:
        while True:
            request = await read_request(reader)
            if request is None:
                break
            number += 1
            x = Exchange(*request, writer, connection, number)
            if x.method == "CONNECT":
                handler = connect
            elif x.target.startswith("http://"):
                handler = echo  # asked as a proxy
            else:
                handler = ROUTES[x.path.split("/")[1]]
            if await handler(x) == "close":
                break
            await writer.drain()
    except (ConnectionError, ValueError, KeyError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def make_certificate(folder):
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, key


async def main():
    folder = tempfile.mkdtemp(prefix="saros-spec-")
    lifeline.tie(lambda: shutil.rmtree(folder, ignore_errors=True), LIFETIME)
    cert, key = make_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    path = os.path.join(folder, "socket")
    plain, *_refusing = take("127.0.0.1", "127.0.0.2", *(["::1"] if has_six() else []))
    servers = [
        await asyncio.start_server(serve, sock=plain, backlog=2048),
        await asyncio.start_server(serve, "127.0.0.1", 0),
        await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context),
    ]
    await asyncio.start_unix_server(serve, path)
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(json.dumps({"plain": ports[0], "other": ports[1], "tls": ports[2], "unix": path, "ca": cert}), flush=True)
    await asyncio.sleep(LIFETIME)


logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # clients that leave are what it is for
asyncio.run(main())
