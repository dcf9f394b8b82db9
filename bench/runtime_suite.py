# SPDX-License-Identifier: MIT
"""Tasks, timers, queues: bench/saros.lua beside floor.lua, luv.lua, python.py and go/main.go."""
import shutil

from measuring import (
    BYTES, LUA, MEBIBYTES, MILLIONS, MILLISECONDS, PYTHON, SECONDS, Row, Workload, compile_c, output,
    package_flags, saros_environment, why_no_saros, works)

GO_HAS = ("go", "go/1")


def children(levels):
    return sum(6**level for level in range(1, levels + 1))


WORKLOADS = {
    "spawn_await": Workload(1_000_000, 100_000, lambda n: n, 100_000),
    "gather_list": Workload(3_000_000, 300_000, lambda n: n, 100_000),
    "map": Workload(3_000_000, 300_000, lambda n: n, 100_000),
    "map_limit": Workload(3_000_000, 300_000, lambda n: n, 100_000),
    "children": Workload(1_000_000, 100_000, lambda n: n, 50_000),
    "gather": Workload(6, 5, children, 4, lambda n: n + 1),
    "gather_sleep": Workload(6, 5, children, 4, lambda n: n + 1),
    "queue": Workload(1_000_000, 100_000, lambda n: n, 50_000),
    "select": Workload(300_000, 30_000, lambda n: n, 20_000),
    "lock": Workload(1_000_000, 100_000, lambda n: n, 50_000),
    "semaphore": Workload(10_000, 10_000, lambda n: n, 10_000),
    "semaphore_10": Workload(100_000, 100_000, lambda n: n, 50_000),
    "wait_for": Workload(1_000_000, 100_000, lambda n: n, 50_000),
    "sleep0": Workload(1_000, 100, lambda n: n * 1_000, 50),
    "sleepers": Workload(1_000_000, 100_000, lambda n: n, 20_000),
    "coroutine": Workload(1_000_000, 100_000, lambda n: n, 100_000),
    "start": Workload(50, 10, lambda n: 1, 0, None),
}

# What a peer has no way of doing.
LACKS = {
    "floor": ("wait_for", "select", "coroutine"),
    "luv": ("lock", "select"),
    "asyncio": ("select", "coroutine"),
    "uvloop": ("select", "coroutine"),
    "go": ("coroutine",),
    "go/1": ("coroutine",),
}

ROWS = [
    Row("spawn_await", "spawn and await", MILLIONS, "0.78 of floor, 1.5 x luv", {"floor": 0.78, "luv": 1.5}),
    Row("gather_list", "gather of 1,000", MILLIONS, "2 x Go on one core", {"go/1": 2}),
    Row("map", "map over 1,000", MILLIONS, "2 x Go on one core", {"go/1": 2}),
    Row("map_limit", "map, limit 10", MILLIONS, ""),
    Row("children", "map, each sleep(0)", MILLIONS, ""),
    # Set as 0.04 s and 0.15 s on a machine where asyncio takes 0.5 and 1.25: asyncio, which nobody
    # here wrote by hand, carries that over to others.
    Row("gather", "gather 6 x 6", SECONDS, "1.15 x floor's time, 12.5 x asyncio, 1.5 x luv",
        {"floor": 1 / 1.15, "asyncio": 0.5 / 0.04, "luv": 1.5}),
    Row("gather_sleep", "gather, leaf 50 ms", SECONDS, "8.3 x asyncio", {"asyncio": 1.25 / 0.15}),
    Row("queue", "queue of 128", MILLIONS, "0.92 of floor, 1.05 x luv", {"floor": 0.92, "luv": 1.05}),
    Row("select", "select of two queues", MILLIONS, ""),
    Row("lock", "lock that is free", MILLIONS, ""),
    Row("semaphore", "semaphore of 10", MILLIONS, "1.15 x luv, ahead of Go", {"luv": 1.15, "go/1": 1}),
    Row("semaphore_10", "semaphore, ten rounds", MILLIONS, "1.6 x luv, ahead of Go", {"luv": 1.6, "go/1": 1}),
    Row("wait_for", "wait_for", MILLIONS, ""),
    Row("sleep0", "1,000 tasks x sleep(0)", MILLIONS, "0.75 of floor, 1.6 x luv", {"floor": 0.75, "luv": 1.6}),
    Row("sleepers", "sleepers, each", BYTES, "at most 1,450", most=1450),
    Row("sleepers", "sleepers, wall time", SECONDS, "1.25 x floor's time", {"floor": 1 / 1.25}),
    Row("coroutine", "values out of a coroutine", MILLIONS, "0.3 of Lua's plain ones (luv)", {"luv": 0.3}),
    Row("start", "start and end", MILLISECONDS, "as luv (within 5 %)", {"luv": 1 / 1.05}),
    Row("start", "start, peak memory", MEBIBYTES, "as luv (within 5 %)", {"luv": 1 / 1.05}),
]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "floor", "luv", "asyncio", "uvloop", "go", "go/1")
    counted = ("saros", "floor", "luv")
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        out = f"{build}/bench"
        self.missing = {}
        self.environment = {"saros": saros_environment(build), "floor": {"LUA_CPATH": f"{out}/?.so;;"}, "go/1": {"GOMAXPROCS": "1"}}
        self.startup = compile_c("bench/startup.c", f"{out}/startup")
        self.floor = compile_c("bench/floor.c", f"{out}/floor.so", "-shared", "-fPIC", *lua_flags())
        self.go = f"{out}/go"
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not self.floor:
            self.missing["floor"] = "no build"
        if not works(LUA, "-e", 'require "luv"'):
            self.missing["luv"] = "no luv"
        if not works(PYTHON, "-c", "import uvloop"):
            self.missing["uvloop"] = "no uvloop"
        if not shutil.which("go"):
            self.missing.update(dict.fromkeys(GO_HAS, "no go"))
        elif not works("go", "build", "-o", self.go, "bench/go/main.go", loud=True):
            self.missing.update(dict.fromkeys(GO_HAS, "no build"))

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """The command of a peer for a workload, or None where it has none."""
        if workload == "start":
            command = self.start_command(peer)
            return command if counting else [self.startup, str(size)] + command
        command = {
            "saros": [LUA, "bench/saros.lua"],
            "luv": [LUA, "bench/luv.lua"],
            "asyncio": [PYTHON, "bench/python.py"],
            "uvloop": [PYTHON, "bench/python.py", "--uvloop"],
            "go": [self.go],
            "go/1": [self.go],
            "floor": [LUA, "bench/floor.lua"],
        }[peer]
        if workload in LACKS.get(peer, ()):
            return None
        return command + [workload, str(size)]

    def start_command(self, peer):
        """A program that starts the runtime and runs nothing; the floor is Lua alone."""
        python = "import asyncio\nasync def main(): pass\n"
        return {
            "saros": [LUA, "-e", 'require"saros".run(function() end)'],
            "floor": [LUA, "-e", ""],
            "luv": [LUA, "-e", 'require"luv".run()'],
            "asyncio": [PYTHON, "-c", python + "asyncio.run(main())"],
            "uvloop": [PYTHON, "-c", python + "import uvloop; uvloop.install(); asyncio.run(main())"],
            "go": [self.go, "start", "0"],
            "go/1": [self.go, "start", "0"],
        }[peer]

    def versions(self):
        return [
            "libuv " + output(LUA, "-e", 'print(require"luv".version_string())'),
            output(PYTHON, "-V"),
            "uvloop " + output(PYTHON, "-c", "import uvloop; print(uvloop.__version__)"),
            " ".join(output("go", "version").split()[2:3]).replace("go", "Go "),
        ]

    def notes(self):
        lines = ["One core each; only go has all of them (go/1 is GOMAXPROCS=1).",
                 "Bytes are the peak of resident memory, less what was there before."]
        if "floor" not in self.missing:
            lines.append("floor: a C module called from Lua that does this and nothing else; start: lua5.4 alone.")
        return lines


def lua_flags():
    """Compiler flags for a module of Lua."""
    return [flag for flag in package_flags(["lua5.4"], "-I/usr/include/lua5.4") if flag.startswith("-I")]
