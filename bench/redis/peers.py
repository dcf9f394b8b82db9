# SPDX-License-Identifier: MIT
"""The same workloads by others: redis-benchmark with as many commands on their way, and redis-py's asyncio client, each
task of which takes a connection from a pool. That is slow: it does a tenth of the operations, and its time counts ten
times.

    python3 bench/redis/peers.py benchmark|redispy WORKLOAD N PORT
"""
import asyncio
import subprocess
import sys
import time

TASKS = 64
VALUE = "x" * 64
SHARE = 10  # of the operations redis-py does one in so many


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def benchmark(workload, count, port):
    """Its own figure, whose clock counts milliseconds: `count` has to be large."""
    run("redis-cli", "-p", port, "set", "key", VALUE)
    words = {"ping": ["-t", "ping_mbulk"], "get": ["get", "key"]}[workload]
    out = run("redis-benchmark", "-p", port, "-c", "1", "-P", str(TASKS), "-n", str(count), "--csv", *words)
    rate = float(out.strip().split("\n")[-1].split('","')[1])
    return count / rate


async def redispy(workload, count, port):
    import redis.asyncio

    client = redis.asyncio.Redis(port=int(port), max_connections=TASKS)
    count //= SHARE
    await client.set("key", VALUE)

    async def task():
        for _ in range(count // TASKS):
            await (client.ping() if workload == "ping" else client.get("key"))

    async def pipeline():
        for _ in range(count // TASKS):
            pipe = client.pipeline(transaction=False)
            for _ in range(TASKS):
                pipe.ping()
            await pipe.execute()

    before = time.perf_counter()
    if workload == "pipeline":
        await pipeline()
    else:
        await asyncio.gather(*(task() for _ in range(TASKS)))
    return SHARE * (time.perf_counter() - before)


def main(peer, workload, count, port):
    if peer == "benchmark":
        seconds = benchmark(workload, int(count), port)
    else:
        seconds = asyncio.run(redispy(workload, int(count), port))
    print(f"seconds={seconds:.6f} bytes=0")


main(*sys.argv[1:])
