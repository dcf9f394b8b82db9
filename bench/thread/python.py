# SPDX-License-Identifier: MIT
"""CPU work over all cores: python3 bench/thread/python.py WORK MILLISECONDS JOBS, in a ProcessPoolExecutor."""
import json
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

DOCUMENT = json.dumps(
    [{"id": i, "name": f"name {i}", "tags": ["one", "two", "three"], "price": i * 1.5} for i in range(1, 21)])

# A picture of 32 by 32 pixels, which travels with each job: it shrinks it to half of that, and gives it back.
SIDE = 32
PICTURE = bytes(i * 7 % 256 for i in range(1, SIDE * SIDE * 3 + 1))


def images(job):
    picture, times = job
    for _ in range(times):
        small = bytearray()
        for y in range(0, SIDE, 2):
            for x in range(0, SIDE, 2):
                at = 3 * (y * SIDE + x)
                r1, g1, b1, r2, g2, b2 = picture[at:at + 6]
                r3, g3, b3, r4, g4, b4 = picture[at + 3 * SIDE:at + 3 * SIDE + 6]
                small += bytes(((r1 + r2 + r3 + r4) // 4, (g1 + g2 + g3 + g4) // 4, (b1 + b2 + b3 + b4) // 4))
    return bytes(small)


def primes(times):
    count = 0
    for _ in range(times):
        for n in range(2, 201):
            is_prime = True
            for d in range(2, n):
                if d * d > n:
                    break
                if n % d == 0:
                    is_prime = False
                    break
            if is_prime:
                count += 1
    return count


def parse(times):
    return sum(len(json.dumps(json.loads(DOCUMENT))) for _ in range(times))


def job_of(work, times):
    return (PICTURE, times) if work == "images" else times


def calibrate(work, fn, milliseconds):
    trials = []
    for _ in range(21):
        begin = time.process_time()
        fn(job_of(work, 100))
        trials.append((time.process_time() - begin) / 100)
    return max(1, round(milliseconds / 1000 / statistics.median(trials)))


def main():
    work, milliseconds, jobs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    fn = {"primes": primes, "json": parse, "images": images}[work]
    times = calibrate(work, fn, milliseconds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fn, [job_of(work, 1)] * 8))  # warm
        begin = time.monotonic()
        results = list(pool.map(fn, [job_of(work, times)] * jobs))
        seconds = time.monotonic() - begin
    assert len(results) == jobs and results[0] == results[-1]
    print(f"seconds={seconds:.6f} bytes=0")


if __name__ == "__main__":
    main()
