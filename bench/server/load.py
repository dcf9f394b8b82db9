# SPDX-License-Identifier: MIT
"""Loads a server: load.py KIND PATH COUNT SERVER [ARGUMENTS...]. The server says its port in its first line. Prints
the seconds of CPU that it takes for so many requests or messages. KIND is http: wrk with 64 connections, or quick: the
same for a second; or the bytes of a message of a WebSocket: 64 of them have one under way each, with the path
/broadcast one of 1,000. Behind --count the server runs under Valgrind, which says how many instructions that were, and
http is so many requests, one under way on each of 64 connections."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys

CONNECTIONS = 64
CLIENTS = 1000
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]


def pinned(core):
    """Each side has a core of its own, where there are two."""
    return (lambda: os.sched_setaffinity(0, {core})) if os.cpu_count() > 1 else None


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as text:
        fields = text.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load_http(port, path, pid, seconds):
    """Requests that were served, and the seconds of CPU."""
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}", f"http://127.0.0.1:{port}{path}"]
    if seconds > 1:
        subprocess.run(wrk, check=True, capture_output=True, preexec_fn=pinned(1))  # warm
    before = cpu_seconds(pid)
    text = subprocess.run(wrk, check=True, capture_output=True, text=True, preexec_fn=pinned(1)).stdout
    if "Non-2xx" in text:
        sys.exit(text)
    return int(re.search(r"(\d+) requests in", text)[1]), cpu_seconds(pid) - before


def take_response(stream):
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(65536)
    if not head.startswith(b"HTTP/1.1 200 "):
        sys.exit(head.decode())
    at = head.index(b"\r\n\r\n") + 4
    take(stream, int(re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)[1]) - (len(head) - at))


def ask(port, path, count):
    """Requests on connections that stay open."""
    streams = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    for _ in range(count // CONNECTIONS):
        for stream in streams:
            stream.sendall(request)
        for stream in streams:
            take_response(stream)


def frame_head(size, mask):
    if size < 126:
        return bytes([0x82, mask | size])
    if size < 65536:
        return bytes([0x82, mask | 126]) + struct.pack(">H", size)
    return bytes([0x82, mask | 127]) + struct.pack(">Q", size)


def connect(port, path):
    stream = socket.create_connection(("127.0.0.1", port))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(4096)
    return stream


def take(stream, size):
    while size > 0:
        size -= len(stream.recv(size))


def load_websocket(port, path, pid, size, count):
    """Messages that have come back, and the seconds of CPU. Every message is binary, with a mask of zeros."""
    os.sched_setaffinity(0, {min(1, os.cpu_count() - 1)})
    is_broadcast = path == "/broadcast"
    streams = [connect(port, path) for _ in range(CLIENTS if is_broadcast else CONNECTIONS)]
    senders = streams[:1] if is_broadcast else streams
    message = frame_head(size, 128) + bytes(4) + b"x" * size
    expected = len(frame_head(size, 0)) + size
    before, done = cpu_seconds(pid), 0
    while done < count:
        for stream in senders:
            stream.sendall(message)
        for stream in streams:
            take(stream, expected)
        done += len(streams)
    return done, cpu_seconds(pid) - before


def measure(kind, path, count, command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(0)) as server:
        try:
            port = int(server.stdout.readline())
            if kind in ("http", "quick"):
                served, taken = load_http(port, path, server.pid, 3 if kind == "http" else 1)
            else:
                served, taken = load_websocket(port, path, server.pid, int(kind), count)
        finally:
            server.kill()
    print(f"seconds={taken / served * count:.9f} bytes=0")


def count_instructions(kind, path, count, command):
    with subprocess.Popen(VALGRIND + command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = int(server.stdout.readline())
            if kind == "http":
                ask(port, path, count)
            else:
                load_websocket(port, path, server.pid, int(kind), count)
        finally:
            server.send_signal(signal.SIGTERM)  # at which Valgrind says what it has counted


def main():
    arguments = sys.argv[1:]
    does = measure
    if arguments[0] == "--count":
        arguments, does = arguments[1:], count_instructions
    kind, path, count, *command = arguments
    does(kind, path, int(count), command)


main()
