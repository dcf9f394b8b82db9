# SPDX-License-Identifier: MIT
"""The workloads on asyncio, or with --uvloop on uvloop.

    python3 bench/python.py [--uvloop] WORKLOAD SIZE        prints seconds=... bytes=... (peak)
"""
import asyncio
import sys
import time


async def spawn_await(n):
    async def work(i):
        return i

    total = 0
    for _ in range(0, n, 1000):
        tasks = [asyncio.create_task(work(i)) for i in range(1, 1001)]
        for task in tasks:
            total += await task
    assert total == n // 1000 * 500500


async def sleep0(rounds):
    async def work():
        for _ in range(rounds):
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work()) for _ in range(1000)]
    for task in tasks:
        await task


async def sleepers(n):
    async def work():
        await asyncio.sleep(1)

    tasks = [asyncio.create_task(work()) for _ in range(n)]
    for task in tasks:
        await task


async def queue(n):
    q = asyncio.Queue(128)

    async def produce():
        for i in range(1, n + 1):
            await q.put(i)

    producer = asyncio.create_task(produce())
    total = 0
    for _ in range(n):
        total += await q.get()
    await producer
    assert total == n * (n + 1) // 2


async def semaphore(n):
    permits = asyncio.Semaphore(10)

    async def work():
        async with permits:
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(work()) for _ in range(n)]
    for task in tasks:
        await task


async def semaphore_10(n):
    for _ in range(10):
        await semaphore(n // 10)


async def gather_list(n):
    async def work(i):
        return i

    for _ in range(0, n, 1000):
        results = await asyncio.gather(*(work(i) for i in range(1, 1001)))
        assert results[-1] == 1000


async def map(n):
    async def work(item):
        return item * 2

    for _ in range(0, n, 1000):
        results = await asyncio.gather(*(work(i) for i in range(1, 1001)))
        assert results[-1] == 2000


async def map_limit(n):
    permits = asyncio.Semaphore(10)

    async def work(item):
        async with permits:
            return item * 2

    for _ in range(0, n, 1000):
        results = await asyncio.gather(*(work(i) for i in range(1, 1001)))
        assert results[-1] == 2000


async def children(n):
    async def work(item):
        await asyncio.sleep(0)
        return item * 2

    for _ in range(0, n, 1000):
        results = await asyncio.gather(*(work(i) for i in range(1, 1001)))
        assert results[-1] == 2000


async def wait_for(n):
    async def work():
        return 1

    total = 0
    for _ in range(n):
        total += await asyncio.wait_for(work(), 10)
    assert total == n


async def lock(n):
    guard = asyncio.Lock()
    for _ in range(n):
        async with guard:
            pass


async def tree(level, leaf):
    if level == 0:
        return await leaf()
    return sum(await asyncio.gather(*(tree(level - 1, leaf) for _ in range(6))))


async def gather(levels):
    async def leaf():
        return 1

    assert await tree(levels, leaf) == 6**levels


async def gather_sleep(levels):
    async def leaf():
        await asyncio.sleep(0.05)
        return 1

    assert await tree(levels, leaf) == 6**levels


async def start(_):
    pass


def memory(field):
    """VmRSS (memory held now) or VmHWM (the most ever held) of this process, in bytes."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024


async def main(name, size):
    before, started = memory("VmRSS"), time.perf_counter()
    await globals()[name](size)
    seconds = time.perf_counter() - started
    print(f"seconds={seconds:.6f} bytes={memory('VmHWM') - before}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--uvloop":
        import uvloop

        uvloop.install()
        arguments.pop(0)
    asyncio.run(main(arguments[0], int(arguments[1])))
