# SPDX-License-Identifier: MIT
"""Files on asyncio, in four threads: python3 bench/fs/python.py WORKLOAD SIZE FOLDER. Prints seconds=... bytes=..."""
import asyncio
import concurrent.futures
import sys
import time

WORKLOAD, SIZE, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
DATA = b"x" * 1024


def read(path):
    with open(path, "rb", buffering=0) as file:
        assert len(file.read()) == 1024


def write(path):
    with open(path, "wb", buffering=0) as file:
        file.write(DATA)


async def main():
    loop = asyncio.get_running_loop()
    loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(4))
    work = read if WORKLOAD == "read_files" else write
    numbers = iter(range(1, SIZE + 1))

    async def worker():
        for n in numbers:
            await loop.run_in_executor(None, work, f"{FOLDER}/{n}")

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(64)))
    print(f"seconds={time.perf_counter() - started:.9f} bytes=0")


asyncio.run(main())
