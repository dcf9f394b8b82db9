# SPDX-License-Identifier: MIT
"""Commands and jobs on a Redis server of our own: bench/redis/saros.lua beside redis-benchmark and redis-py."""
import shutil
import socket
import subprocess
import time

from measuring import LUA, PYTHON, THOUSANDS, Row, Workload, output, saros_environment, why_no_saros, works


def same(n):
    return n


WORKLOADS = {
    "redis_ping": Workload(128_000, 32_000, same, 6_400),
    "redis_get": Workload(128_000, 32_000, same, 6_400),
    "redis_pipeline": Workload(128_000, 32_000, same, 6_400),
    "redis_jobs": Workload(20_000, 2_000, same, 640),
}

AHEAD = {"benchmark": 0.6, "redispy": 1}

ROWS = [
    Row("redis_ping", "PING, 64 tasks", THOUSANDS, "0.6 of redis-benchmark, ahead of redis-py", AHEAD),
    Row("redis_get", "GET, 64 tasks", THOUSANDS, "0.6 of redis-benchmark, ahead of redis-py", AHEAD),
    Row("redis_pipeline", "PING, pipelines of 64", THOUSANDS, "ahead of redis-py", {"redispy": 1}),
    Row("redis_jobs", "empty jobs, one worker", THOUSANDS, ""),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "benchmark", "redispy")
    counted = ("saros",)
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        self.environment = {"saros": saros_environment(build)}
        self.missing, self.server, self.port = {}, None, free_port()
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not works(PYTHON, "-c", "import redis.asyncio"):
            self.missing["redispy"] = "no redispy"
        if not shutil.which("redis-benchmark"):
            self.missing["benchmark"] = "no redis"
        if not self.start_server():
            self.missing = dict.fromkeys(self.names, "no redis")

    def start_server(self):
        if not shutil.which("redis-server"):
            return False
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.01)
        return False

    def close(self):
        if self.server:
            self.server.kill()
            self.server.wait()

    def command(self, peer, workload, size, counting=False):
        """None where a peer has no such workload."""
        del counting
        kind = workload.partition("_")[2]
        if peer == "saros":
            return [LUA, "bench/redis/saros.lua", kind, str(size), f"redis://127.0.0.1:{self.port}"]
        if kind == "jobs" or (kind == "pipeline" and peer == "benchmark"):
            return None
        return [PYTHON, "bench/redis/peers.py", peer, kind, str(size), str(self.port)]

    def versions(self):
        server = output("redis-server", "--version").split(" sha=")[0]
        return [server, "redis-py " + output(PYTHON, "-c", "import redis; print(redis.__version__)")]

    def notes(self):
        return ["One connection for all tasks of saros and for redis-benchmark (-c 1 -P 64); redis-py takes one for each."]
