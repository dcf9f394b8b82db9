# SPDX-License-Identifier: MIT
"""The HTTP workloads for aiohttp on uvloop.

    python3 bench/http/aiohttp_peer.py many|serial|stream N URL [CA_FILE]

Prints seconds=... bytes=... (peak of resident memory); see floor.c for what they mean.
"""
import asyncio
import ssl
import statistics
import sys
import time

import aiohttp
import uvloop

WARM_UP = 640


async def get(session, url):
    async with session.get(url) as response:
        body = await response.read()
        assert response.status == 200 and len(body) == 1024, "wrong answer"


async def many(session, url, n):
    left = n

    async def work():
        nonlocal left
        while left > 0:
            left -= 1
            await get(session, url)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(64)))
    return time.perf_counter() - started


async def serial(session, url, n):
    times = []
    for _ in range(n):
        started = time.perf_counter()
        await get(session, url)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def stream(session, url, n):
    started = time.perf_counter()
    size = 0
    async with session.get(url) as response:
        async for chunk in response.content.iter_any():
            size += len(chunk)
    assert size == n << 20, "bytes are missing"
    return time.perf_counter() - started


def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


async def main(kind, n, url, ca_file=None):
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    connector = aiohttp.TCPConnector(limit=100, ssl=context)
    workload = {"many": many, "serial": serial, "stream": stream}[kind]
    async with aiohttp.ClientSession(connector=connector) as session:
        if kind != "stream":
            await workload(session, url, WARM_UP)
        print(f"seconds={await workload(session, url, int(n)):.9f} bytes={peak()}")


uvloop.install()
asyncio.run(main(*sys.argv[1:]))
