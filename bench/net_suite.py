# SPDX-License-Identifier: MIT
"""Echo servers on loopback under one load (bench/net/load.c): bench/net/saros.lua beside floor.c, luv.lua, python.py
and node.mjs. The server and the load have one core each, but for the busy connection, with which they share one."""
import os
import shutil

from measuring import (
    BYTES, LUA, PYTHON, ROOT, THOUSANDS, Row, Workload, compile_c, output, package_flags, saros_environment,
    why_no_saros, works)

CONNECTIONS = 64
IDLE = 10_000


def same(n):
    return n


# A message of so many bytes.
SIZES = {"64": 64, "1k": 1024, "10k": 10240, "100k": 102400}

WORKLOADS = {
    "echo_64": Workload(400_000, 40_000, same, 2_000),
    "echo_1k": Workload(400_000, 40_000, same, 2_000),
    "echo_10k": Workload(200_000, 20_000, same, 2_000),
    "echo_100k": Workload(50_000, 5_000, same, 500),
    "tls_64": Workload(200_000, 20_000, same, 2_000),
    "tls_10k": Workload(100_000, 10_000, same, 1_000),
    "idle": Workload(IDLE, 1_000, same, 1_000),
    "busy_100": Workload(50_000, 10_000, same, 2_000),
    "busy_1k": Workload(50_000, 10_000, same, 2_000),
    "busy_10k": Workload(50_000, 10_000, same, 2_000),
}

# How many connections wait beside the busy one.
WAITING = {"busy_100": 100, "busy_1k": 1_000, "busy_10k": 10_000}

# How many times as long a message takes as it did when there were no others.
TO_ALONE = ("times", 2, lambda run, items: run["seconds"] / run["alone"], False)

AHEAD = {"floor": 0.85, "uvloop": 1, "luv": 1, "node": 1}
STREAMS = {"streams": 1}

ROWS = [
    Row("echo_64", "echo, 64 bytes", THOUSANDS, "0.85 of floor, ahead of the others", AHEAD),
    Row("echo_1k", "echo, 1 KiB", THOUSANDS, "ahead of uvloop streams", STREAMS),
    Row("echo_10k", "echo, 10 KiB", THOUSANDS, "ahead of uvloop streams", STREAMS),
    Row("echo_100k", "echo, 100 KiB", THOUSANDS, "ahead of uvloop streams", STREAMS),
    Row("tls_64", "TLS echo, 64 bytes", THOUSANDS, "0.85 of floor", {"floor": 0.85}),
    Row("tls_10k", "TLS echo, 10 KiB", THOUSANDS, "0.85 of floor", {"floor": 0.85}),
    Row("idle", "idle connections, each", BYTES, "at most 6,144", most=6144),
    Row("busy_100", "1 busy, 100 idle", TO_ALONE, "as alone", most=1.15),
    Row("busy_1k", "1 busy, 1,000 idle", TO_ALONE, "as alone", most=1.15),
    Row("busy_10k", "1 busy, 10,000 idle", TO_ALONE, "as alone", most=1.15),
]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "floor", "uvloop", "streams", "luv", "node")
    counted = ()
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        out = f"{build}/bench/net"
        flags = package_flags(["openssl", "libuv"], "-lssl -lcrypto -luv")
        self.missing = {}
        self.load = compile_c("bench/net/load.c", f"{out}/load", *flags)
        self.floor = compile_c("bench/net/floor.c", f"{out}/floor", *flags)
        self.certificate = [os.path.join(ROOT, out, name) for name in ("cert.pem", "key.pem")]
        self.environment = {"saros": saros_environment(build)}
        self.find_missing(build)
        if not self.load or not self.make_certificate():
            self.missing = dict.fromkeys(self.names, "no load")

    def find_missing(self, build):
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not self.floor:
            self.missing["floor"] = "no build"
        if not works(PYTHON, "-c", "import uvloop"):
            self.missing["uvloop"] = self.missing["streams"] = "no uvloop"
        if not works(LUA, "-e", 'require "luv"'):
            self.missing["luv"] = "no luv"
        if not shutil.which("node"):
            self.missing["node"] = "no node"

    def make_certificate(self):
        cert, key = self.certificate
        return works("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert)

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """The load, with the command of a peer's server; None where it has no such workload."""
        del counting
        kind, _, name = workload.partition("_")
        if kind == "tls" and peer == "luv":
            return None
        server = {
            "saros": [LUA, "bench/net/saros.lua"],
            "floor": [self.floor],
            "uvloop": [PYTHON, "bench/net/python.py", "protocol"],
            "streams": [PYTHON, "bench/net/python.py", "streams"],
            "luv": [LUA, "bench/net/luv.lua"],
            "node": ["node", "bench/net/node.mjs"],
        }[peer]
        connections = size if kind == "idle" else WAITING.get(workload, CONNECTIONS)
        load = [self.load, kind, str(connections), str(SIZES.get(name, 64)), str(size)]
        return load + server + (self.certificate if kind == "tls" else [])

    def versions(self):
        return [
            "libuv " + output("pkg-config", "--modversion", "libuv"),
            output("openssl", "version").split(" (")[0],
            output(PYTHON, "-V"),
            "uvloop " + output(PYTHON, "-c", "import uvloop; print(uvloop.__version__)"),
            "Node " + output("node", "-v"),
        ]

    def notes(self):
        return [f"{CONNECTIONS} connections, each with one message under way; the load is the same C program for all.",
                "Memory is what is not shared with files, each of the idle connections' part of it.",
                "floor: libuv and OpenSSL in plain C; uvloop: a protocol, streams: asyncio's streams on it."]
