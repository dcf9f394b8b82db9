# SPDX-License-Identifier: MIT
"""A server for the specs that keeps to no protocol, and the places around a server that a client meets.

Prints one line of JSON with its ports and files, and serves until nobody reads its output any more:

  script  HTTP: each request says in its query ("do", JSON) what happens on its connection, step by step
  silent  accepts and never says a word
  full    a listener whose queue is full: connecting takes for ever; on 127.0.0.2 and ::1 that port is as script
  socks   a SOCKS5 proxy; "guarded": one that wants user "user" and password "secret"
  tunnel  an HTTP proxy that tunnels, once after the steps that were sent to script ("/before-tunnel")
  mutual  TLS 1.2, for certificates that "ca" has signed only ("client", "client_key"; "stranger" has signed itself)
  alerts  TLS 1.3, for the same; but no more than a handshake
  tls     HTTP as script, over TLS; "old": up to version 1.2
  two     HTTP/2: answers when the body of a request begins, with "early"; cuts that off if the body begins with "cut";
          "leave A B" has it end the connection then, after event A and before event B
  h2      HTTP/2: each stream whose request has come does what the next of the lists of steps says that were sent to
          script ("/streams", a body of JSON); there being none, it answers "fine". HTTP/1.1 as script
  six     HTTP as script, on ::1 only; null where there is no IPv6

Nothing here waits for time to pass: steps wait for each other.
"""
import asyncio
import json
import logging
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
from urllib.parse import parse_qs, urlsplit

from places import has_six, take

LIFETIME = 3600
ADDRESS = "127.0.0.1"
events, counts, asked, streams, before_tunnel = {}, {}, [], [], []


def event(name):
    return events.setdefault(name, asyncio.Event())


def reset(writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def step(reader, writer, what, *values):
    """True: the connection ends here."""
    if what == "send":  # a text, so many times
        text, left = values[0].encode("latin-1"), values[1] if len(values) > 1 else 1
        while left > 0:
            count = min(left, 65536 // (len(text) + 1) + 1)
            writer.write(text * count)
            await writer.drain()
            left -= count
    elif what == "read":  # so many bytes
        await reader.readexactly(values[0])
    elif what == "read_until":
        await reader.readuntil(values[0].encode("latin-1"))
    elif what == "read_all":
        while await reader.read(65536):
            pass
    elif what == "wait":  # for an event
        await event(values[0]).wait()
    elif what == "set":
        event(values[0]).set()
    elif what == "count":
        counts[values[0]] = counts.get(values[0], 0) + 1
    elif what == "hang":
        await asyncio.sleep(LIFETIME)
    elif what in ("close", "reset"):  # sets an event when that is on its way, if one is named
        if what == "close":
            writer.close()
        else:
            reset(writer)
        for _ in range(3):
            await asyncio.sleep(0)  # the socket is closed by the loop
        if values:
            event(values[0]).set()
        return True
    else:
        raise ValueError(what)
    return False


def report(writer, value):
    body = json.dumps(value).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def serve_script(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            parts = urlsplit(head.split(" ", 2)[1])
            query = parse_qs(parts.query)
            if parts.path == "/set":
                event(query["event"][0]).set()
                report(writer, True)
            elif parts.path == "/wait":
                await event(query["event"][0]).wait()
                report(writer, True)
            elif parts.path == "/count":
                report(writer, counts.get(query["of"][0], 0))
            elif parts.path == "/head":
                report(writer, head)
            elif parts.path == "/peer":
                report(writer, writer.get_extra_info("peername")[0])
            elif parts.path == "/streams":
                length = next(int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length"))
                streams[:] = json.loads((await reader.readexactly(length)).decode("latin-1"))
                report(writer, True)
            elif parts.path == "/before-tunnel":
                before_tunnel[:] = json.loads(query["do"][0])
                report(writer, True)
            elif parts.path == "/asked":
                report(writer, asked)
                asked.clear()
            else:
                for values in json.loads(query["do"][0]):
                    if await step(reader, writer, *values):
                        return
    except (ConnectionError, asyncio.IncompleteReadError, ValueError, KeyError):
        pass
    finally:
        writer.close()


async def serve_silent(reader, writer):
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass
    writer.close()


async def pump(reader, writer):
    try:
        while True:
            data = await reader.read(65536)
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def tunnel(reader, writer, port):
    there_reader, there_writer = await asyncio.open_connection(ADDRESS, port)
    await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))


async def read_target(reader):
    """Host and port of a SOCKS5 request; the host as it was named."""
    _, _, _, kind = await reader.readexactly(4)
    if kind == 3:
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    elif kind == 1:
        host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
    else:
        host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
    return host, struct.unpack("!H", await reader.readexactly(2))[0]


async def check_user(reader, writer, methods):
    if 2 not in methods:
        writer.write(b"\x05\xff")
        return False
    writer.write(b"\x05\x02")
    _, length = await reader.readexactly(2)
    user = await reader.readexactly(length)
    password = await reader.readexactly((await reader.readexactly(1))[0])
    is_right = (user, password) == (b"user", b"secret")
    writer.write(b"\x01\x00" if is_right else b"\x01\x01")
    return is_right


def socks(guarded):
    async def serve(reader, writer):
        try:
            _, count = await reader.readexactly(2)
            methods = await reader.readexactly(count)
            if guarded:
                if not await check_user(reader, writer, methods):
                    return
            else:
                writer.write(b"\x05\x00")
            host, port = await read_target(reader)
            asked.append("%s:%d" % (host, port))
            if host == "silent.invalid":
                await reader.read()
            elif host == "refused.invalid":
                writer.write(b"\x05\x05\x00\x01" + bytes(6))
            else:
                writer.write(b"\x05\x00\x00\x01" + bytes(6))
                await tunnel(reader, writer, port)
        except (ConnectionError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
    return serve


async def serve_tunnel(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        asked.append(head)
        for part in before_tunnel:
            await step(reader, writer, *part)
        before_tunnel.clear()
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await tunnel(reader, writer, int(head.split(" ", 2)[1].rsplit(":", 1)[1]))
    except (ConnectionError, asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + bytes([kind, flags]) + struct.pack("!I", stream) + payload


async def leave(writer):
    """A goodbye of TLS, and then the end."""
    sock = writer.get_extra_info("socket")
    writer.close()
    await asyncio.sleep(0)
    sock.shutdown(socket.SHUT_WR)


async def serve_two(reader, writer):
    DATA, HEADERS, RESET, SETTINGS, STOP, WINDOW, END, END_HEADERS = 0, 1, 3, 4, 7, 8, 1, 4
    answered = set()
    try:
        await reader.readexactly(24)
        writer.write(frame(SETTINGS, 0, 0))
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == STOP:
                break
            if kind == SETTINGS and not flags:
                writer.write(frame(SETTINGS, 1, 0))
            if kind == DATA and payload:
                writer.write(frame(WINDOW, 0, 0, struct.pack("!I", len(payload))))
            if stream in answered or kind != DATA:
                continue
            answered.add(stream)
            cut = payload.startswith(b"cut")
            writer.write(frame(HEADERS, END_HEADERS, stream, b"\x88"))  # :status: 200
            if payload.startswith(b"leave "):
                before, after = payload.decode().split()[1:]
                writer.write(frame(DATA, END, stream, b"early"))
                await event(before).wait()
                await leave(writer)
                event(after).set()
                return
            writer.write(frame(DATA, 0 if cut else END, stream, b"early"))
            writer.write(frame(RESET, 0, stream, struct.pack("!I", 8 if cut else 0)))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def field(text):
    """A string of HPACK, as it is."""
    text = text.encode("latin-1")
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, left = b"", len(text) - 127
    while left >= 128:
        rest, left = rest + bytes([left % 128 + 128]), left // 128
    return b"\x7f" + rest + bytes([left]) + text


def header_frames(stream, fields, end):
    """Fields are [name, value]; HEADERS and CONTINUATIONs of a size that everybody takes."""
    block = b"".join(b"\0" + field(name) + field(value) for name, value in fields)
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)] or [b""]
    return b"".join(
        frame(9 if i else 1, (0 if i else end) | (4 if i == len(pieces) - 1 else 0), stream, piece)
        for i, piece in enumerate(pieces))


async def step_of_stream(reader, writer, stream, what, *values):
    """As `step`, on an HTTP/2 stream."""
    if what == "head":  # status, fields
        fields = [[":status", str(values[0])]] + (values[1] if len(values) > 1 else [])
        writer.write(header_frames(stream, fields, 0))
    elif what == "trailers":  # fields
        writer.write(header_frames(stream, values[0], 1))
    elif what == "data":  # a text, so many times
        text = values[0].encode("latin-1") * (values[1] if len(values) > 1 else 1)
        for at in range(0, len(text), 16384):
            writer.write(frame(0, 0, stream, text[at:at + 16384]))
    elif what == "end":
        writer.write(frame(0, 1, stream))
    elif what == "reset":  # code
        writer.write(frame(3, 0, stream, struct.pack("!I", values[0])))
    elif what == "goaway":  # the last stream, how far before this one; code
        writer.write(frame(7, 0, 0, struct.pack("!II", max(stream - values[0], 0), values[1])))
    elif what == "frame":  # kind, flags, payload, all of it wrong
        writer.write(frame(values[0], values[1], stream, values[2].encode("latin-1")))
    else:
        return await step(reader, writer, what, *values)
    await writer.drain()
    return False


async def serve_stream(reader, writer, stream, steps):
    try:
        for values in steps:
            if await step_of_stream(reader, writer, stream, *values):
                writer.close()
                return
    except ConnectionError:
        pass


async def serve_h2(reader, writer):
    if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        await serve_script(reader, writer)
        return
    fine = [["head", 200], ["data", "fine"], ["end"]]
    tasks = []
    try:
        await reader.readexactly(24)
        writer.write(frame(4, 0, 0))
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
            if kind == 4 and not flags:
                writer.write(frame(4, 1, 0))
            elif kind == 6 and not flags:
                writer.write(frame(6, 1, 0, payload))
            elif kind == 0 and payload:
                writer.write(frame(8, 0, 0, struct.pack("!I", len(payload))))
            if kind in (0, 1) and flags & 1:
                steps = streams.pop(0) if streams else fine
                tasks.append(asyncio.create_task(serve_stream(reader, writer, stream, steps)))
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        for task in tasks:
            task.cancel()
        writer.close()


class Certificates:
    def __init__(self, folder):
        self.folder = folder
        self.make("ca", "-subj", "/CN=authority")
        self.make("server", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", *self.by_ca())
        self.make("client", "-subj", "/CN=client", *self.by_ca())
        self.make("stranger", "-subj", "/CN=stranger")

    def path(self, name):
        return os.path.join(self.folder, name)

    def by_ca(self):
        return "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key")

    def make(self, name, *arguments):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem"), *arguments],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        return context


def serve_alerts(listener, context):
    """Shakes hands; what it has to say of that has arrived when it closes."""
    while True:
        sock = context.wrap_socket(listener.accept()[0], server_side=True, do_handshake_on_connect=False)
        try:
            sock.do_handshake()
        except OSError:
            pass
        while os.read(sock.fileno(), 65536):
            pass
        sock.close()


def fill(listener):
    """Lets it listen with a queue that is full from then on; gives what fills that."""
    listener.listen(0)
    clients = [socket.socket() for _ in range(4)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
    return clients


def leave_with_reader(folder):
    """Ends the process when the other end of its output is closed."""
    watch = select.poll()
    watch.register(sys.stdout.fileno(), 0)
    watch.poll(LIFETIME * 1000)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


async def main():
    folder = tempfile.mkdtemp(prefix="saros-spec-")
    threading.Thread(target=leave_with_reader, args=(folder,), daemon=True).start()
    certificates = Certificates(folder)
    mutual, old = certificates.context(), certificates.context()
    mutual.verify_mode = ssl.CERT_REQUIRED
    mutual.load_verify_locations(certificates.path("ca.pem"))
    old.maximum_version = mutual.maximum_version = ssl.TLSVersion.TLSv1_2
    two = certificates.context()
    two.set_alpn_protocols(["h2"])
    alerts = certificates.context()
    alerts.verify_mode = ssl.CERT_REQUIRED
    alerts.load_verify_locations(certificates.path("ca.pem"))
    alerting = socket.create_server((ADDRESS, 0))
    threading.Thread(target=serve_alerts, args=(alerting, alerts), daemon=True).start()
    addresses = ["127.0.0.2", "::1"] if has_six() else ["127.0.0.2"]
    listener, *beside = take(ADDRESS, *addresses)
    _clients = fill(listener)
    places = {name: certificates.path(file) for name, file in {
        "ca": "ca.pem", "client": "client.pem", "client_key": "client.key", "stranger": "stranger.pem",
        "stranger_key": "stranger.key"}.items()}
    places["alerts"] = alerting.getsockname()[1]
    places["full"] = listener.getsockname()[1]
    for name, handler, context in (
            ("script", serve_script, None), ("silent", serve_silent, None), ("socks", socks(False), None),
            ("guarded", socks(True), None), ("tunnel", serve_tunnel, None), ("mutual", serve_script, mutual),
            ("tls", serve_script, certificates.context()), ("old", serve_script, old), ("two", serve_two, two),
            ("h2", serve_h2, two)):
        server = await asyncio.start_server(handler, ADDRESS, 0, ssl=context)
        places[name] = server.sockets[0].getsockname()[1]
    for sock in beside:
        await asyncio.start_server(serve_script, sock=sock)
    places["six"] = None
    if has_six():
        six, _refusing = take("::1", ADDRESS)
        await asyncio.start_server(serve_script, sock=six)
        places["six"] = six.getsockname()[1]
    print(json.dumps(places), flush=True)
    await asyncio.sleep(LIFETIME)


logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # clients that leave are what it is for
asyncio.run(main())
