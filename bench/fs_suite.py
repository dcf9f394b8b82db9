# SPDX-License-Identifier: MIT
"""Files: bench/fs/saros.lua beside floor.c, luv.lua, node.mjs and python.py; one large file beside Lua's own io."""
import os
import shutil

from measuring import (
    EACH_SECOND, LUA, PYTHON, THOUSANDS, Row, Workload, compile_c, output, package_flags, saros_environment,
    why_no_saros, works)

AT_ONCE = 64


def same(n):
    return n


# Of small files their number, 1 KiB each; of the large one MiB.
WORKLOADS = {
    "read_files": Workload(10_000, 2_000, same, 1_000),
    "write_files": Workload(10_000, 2_000, same, 1_000),
    "file_lines": Workload(256, 32, same, 8),
}

AHEAD = {"floor": 0.8, "luv": 1, "node": 1, "asyncio": 1}

ROWS = [
    Row("read_files", "read 1 KiB files", THOUSANDS, "0.8 of floor, ahead of the others", AHEAD),
    Row("write_files", "write 1 KiB files", THOUSANDS, "0.8 of floor, ahead of the others", AHEAD),
    Row("file_lines", "a file by lines", EACH_SECOND, "0.5 of io.lines", {"io": 0.5}),
]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "floor", "luv", "node", "asyncio", "io")
    counted = ("saros", "floor", "luv")
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        out = f"{build}/bench/fs"
        self.folder = f"{out}/files"
        self.floor = compile_c("bench/fs/floor.c", f"{out}/floor", *package_flags(["libuv"], "-luv"))
        self.environment = dict.fromkeys(("saros", "io"), saros_environment(build))
        self.missing = {}
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not self.floor:
            self.missing["floor"] = "no build"
        if not works(LUA, "-e", 'require "luv"'):
            self.missing["luv"] = "no luv"
        if not shutil.which("node"):
            self.missing["node"] = "no node"
        os.makedirs(self.folder, exist_ok=True)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self, workload, size):
        """The files that are read are there, and in the system's cache."""
        if workload == "read_files":
            for i in range(1, size + 1):
                path = f"{self.folder}/{i}"
                if not os.path.exists(path):
                    with open(path, "wb") as file:
                        file.write(b"x" * 1024)
        elif workload == "file_lines":
            with open(f"{self.folder}/lines", "wb") as file:
                file.write(b"this is a line of sixty-four bytes, with its end, in a big file\n" * (size << 14))

    def command(self, peer, workload, size, counting=False):
        """The command of a peer for a workload, or None where it has none."""
        del counting
        if peer != "saros" and (workload == "file_lines") != (peer == "io"):
            return None
        self.prepare(workload, size)
        program = {
            "saros": [LUA, "bench/fs/saros.lua"],
            "io": [LUA, "bench/fs/io.lua"],
            "floor": [self.floor],
            "luv": [LUA, "bench/fs/luv.lua"],
            "node": ["node", "bench/fs/node.mjs"],
            "asyncio": [PYTHON, "bench/fs/python.py"],
        }[peer]
        return program + [workload, str(size), self.folder]

    def versions(self):
        return ["libuv " + output("pkg-config", "--modversion", "libuv"), output(PYTHON, "-V"),
                "Node " + output("node", "-v")]

    def notes(self):
        return [f"{AT_ONCE} files at a time, from the system's cache; all of them with four threads.",
                "floor: open, fstat, read or write, close as one piece of work for libuv's threads, in plain C."]
