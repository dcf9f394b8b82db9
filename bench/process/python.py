# SPDX-License-Identifier: MIT
"""Child processes on asyncio: python.py short|cat COUNT."""
import asyncio
import sys
import time

PIPE = asyncio.subprocess.PIPE


async def run(program, data=None):
    stdin = PIPE if data else asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(program, stdin=stdin, stdout=PIPE, stderr=PIPE)
    out, _ = await child.communicate(data)
    assert child.returncode == 0
    return out


async def short(count):
    places = asyncio.Semaphore(8)

    async def one():
        async with places:
            await run("/bin/true")

    await asyncio.gather(*(one() for _ in range(count)))


async def cat(count):
    data = b"x" * (count << 20)
    assert await run("/bin/cat", data) == data


async def main():
    begin = time.perf_counter()
    await {"short": short, "cat": cat}[sys.argv[1]](int(sys.argv[2]))
    print(f"seconds={time.perf_counter() - begin:.6f} bytes=0")


asyncio.run(main())
