# SPDX-License-Identifier: MIT
"""Child processes: bench/process/saros.lua beside floor.c, main.go, python.py and node.mjs."""
import shutil

from measuring import (
    EACH_SECOND, LUA, PYTHON, THOUSANDS, Row, Workload, compile_c, output, package_flags, saros_environment,
    why_no_saros, works)


def same(n):
    return n


WORKLOADS = {
    "short": Workload(500, 100, same, 50),
    "cat": Workload(256, 32, same, 8),
}

OTHERS = {"go": 1, "asyncio": 1, "node": 1}

ROWS = [
    Row("short", "/bin/true, 8 at a time", THOUSANDS, "0.8 of floor, ahead of the others", {"floor": 0.8, **OTHERS}),
    Row("cat", "through cat and back", EACH_SECOND, ""),
]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "floor", "go", "asyncio", "node")
    counted = ()
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        out = f"{build}/bench/process"
        self.missing = {}
        self.environment = {"saros": saros_environment(build)}
        self.floor = compile_c("bench/process/floor.c", f"{out}/floor", *package_flags(["libuv"], "-luv"))
        self.go = f"{out}/go"
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not self.floor:
            self.missing["floor"] = "no build"
        if not shutil.which("node"):
            self.missing["node"] = "no node"
        if not shutil.which("go"):
            self.missing["go"] = "no go"
        elif not works("go", "build", "-o", self.go, "bench/process/main.go", loud=True):
            self.missing["go"] = "no build"

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """The command of a peer for a workload."""
        del counting
        command = {
            "saros": [LUA, "bench/process/saros.lua"],
            "floor": [self.floor],
            "go": [self.go],
            "asyncio": [PYTHON, "bench/process/python.py"],
            "node": ["node", "bench/process/node.mjs"],
        }[peer]
        return command + [workload, str(size)]

    def versions(self):
        return [
            "libuv " + output("pkg-config", "--modversion", "libuv"),
            " ".join(output("go", "version").split()[2:3]).replace("go", "Go "),
            output(PYTHON, "-V"),
            "Node " + output("node", "-v"),
        ]

    def notes(self):
        return ["What the children write is kept, but for the floor: uv_spawn and libuv's pipes in plain C.",
                "All cores; most of the time goes into starting programs."]
