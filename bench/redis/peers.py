# SPDX-License-Identifier: MIT
"""The same workloads by others: redis-benchmark with as many commands on their way, and redis-py's asyncio client, each
task of which takes a connection from a pool.

    python3 bench/redis/peers.py benchmark|redispy WORKLOAD N PORT
"""
import asyncio
import subprocess
import sys
import time

TASKS = 64


def benchmark(workload, count, port):
    command = ["redis-benchmark", "-p", str(port), "-c", "1", "-P", str(TASKS), "-n", str(count), "--csv"]
    command += {"ping": ["-t", "ping_mbulk"], "get": ["-d", "64", "-t", "get"]}[workload]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    rate = float(done.stdout.strip().split("\n")[-1].split(",")[1].strip('"'))
    return count / rate


async def redispy(workload, count, port):
    import redis.asyncio

    client = redis.asyncio.Redis(port=port, max_connections=TASKS)
    await client.set("key", "x" * 64)

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
    return time.perf_counter() - before


def main(peer, workload, count, port):
    if peer == "benchmark":
        seconds = benchmark(workload, int(count), int(port))
    else:
        seconds = asyncio.run(redispy(workload, int(count), int(port)))
    print(f"seconds={seconds:.6f} bytes=0")


main(*sys.argv[1:])
