# SPDX-License-Identifier: MIT
"""Commands and jobs on a Redis server of our own: bench/redis/saros.lua beside redis-benchmark, redis-py, go-redis,
ioredis and BullMQ. What Debian does not have npm puts into build/bench/redis."""
import os
import shutil
import socket
import subprocess
import time

from measuring import BYTES, LUA, PYTHON, ROOT, THOUSANDS, Row, Workload, output, saros_environment, why_no_saros, works


def same(n):
    return n


WORKLOADS = {
    "redis_ping": Workload(1_280_000, 320_000, same, 6_400),
    "redis_get": Workload(1_280_000, 320_000, same, 6_400),
    "redis_pipeline": Workload(1_280_000, 320_000, same, 6_400),
    "redis_add": Workload(20_000, 2_000, same, 640),
    "redis_jobs": Workload(20_000, 2_000, same, 640),
}

PACKAGES = ("ioredis@5", "bullmq@5")
GOPATH = "/usr/share/gocode"  # where Debian has libraries for Go
AHEAD = {"benchmark": 0.6, "redispy": 1, "goredis": 1, "ioredis": 1}
TARGET = "0.6 of redis-benchmark, ahead of the others"

ROWS = [
    Row("redis_ping", "PING, 64 tasks", THOUSANDS, TARGET, AHEAD),
    Row("redis_get", "GET, 64 tasks", THOUSANDS, TARGET, AHEAD),
    Row("redis_pipeline", "PING, pipelines of 64", THOUSANDS, "ahead of redis-py, ioredis", {"redispy": 1, "ioredis": 1}),
    Row("redis_add", "jobs added, 64 tasks", THOUSANDS, ""),
    Row("redis_add", "a job that waits, in Redis", BYTES, ""),
    Row("redis_jobs", "empty jobs, one worker", THOUSANDS, "ahead of BullMQ", {"bullmq": 1}),
    Row("redis_jobs", "a job on the wire", BYTES, ""),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "benchmark", "redispy", "goredis", "ioredis", "bullmq")
    counted = ("saros",)
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        self.environment = {"saros": saros_environment(build)}
        self.missing, self.server, self.port = {}, None, free_port()
        self.modules = os.path.join(ROOT, build, "bench/redis")
        reason = why_no_saros(build, self.environment["saros"])
        if reason:
            self.missing["saros"] = reason
        if not works(PYTHON, "-c", "import redis.asyncio"):
            self.missing["redispy"] = "no redispy"
        if not shutil.which("redis-benchmark"):
            self.missing["benchmark"] = "no redis"
        self.go = f"{self.modules}/goredis"
        if not shutil.which("go") or not os.path.exists(f"{GOPATH}/src/gopkg.in/redis.v5"):
            self.missing["goredis"] = "no goredis"
        elif not works("go", "build", "-o", self.go, "bench/redis/main.go", loud=True,
                       env={"GO111MODULE": "off", "GOPATH": GOPATH}):
            self.missing["goredis"] = "no build"
        if not shutil.which("node") or not self.install_packages():
            self.missing["ioredis"] = self.missing["bullmq"] = "no node" if not shutil.which("node") else "no npm"
        if not self.start_server():
            self.missing = dict.fromkeys(self.names, "no redis")

    def install_packages(self):
        os.makedirs(self.modules, exist_ok=True)
        shutil.copy(os.path.join(ROOT, "bench/redis/node.mjs"), self.modules)
        if all(os.path.exists(f"{self.modules}/node_modules/{name.split('@')[0]}") for name in PACKAGES):
            return True
        return works("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", self.modules, *PACKAGES)

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
        has_jobs = kind in ("jobs", "add")
        if has_jobs != (peer == "bullmq") or (kind == "pipeline" and peer == "benchmark"):
            return None
        if peer == "goredis":
            return [self.go, kind, str(size), str(self.port)]
        if peer in ("ioredis", "bullmq"):
            return ["node", f"{self.modules}/node.mjs", kind, str(size), str(self.port)]
        return [PYTHON, "bench/redis/peers.py", peer, kind, str(size), str(self.port)]

    def versions(self):
        server = output("redis-server", "--version").split(" sha=")[0]
        return [server, "redis-py " + output(PYTHON, "-c", "import redis; print(redis.__version__)")]

    def notes(self):
        return ["One connection for all tasks of saros, ioredis and redis-benchmark (-c 1 -P 64); redis-py and go-redis take one",
                "for each. redis-py does a tenth of the commands, and its time counts ten times.",
                "BullMQ with 64 jobs at a time, as saros; neither keeps results. In Redis: used_memory of 20,000 jobs."]
