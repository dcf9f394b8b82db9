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


def calibrate(fn, milliseconds):
    trials = []
    for _ in range(21):
        begin = time.process_time()
        fn(100)
        trials.append((time.process_time() - begin) / 100)
    return max(1, round(milliseconds / 1000 / statistics.median(trials)))


def main():
    work, milliseconds, jobs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    fn = {"primes": primes, "json": parse}[work]
    times = calibrate(fn, milliseconds)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fn, [1] * 8))  # warm
        begin = time.monotonic()
        results = list(pool.map(fn, [times] * jobs))
        seconds = time.monotonic() - begin
    assert len(results) == jobs and results[0] == results[-1]
    print(f"seconds={seconds:.6f} bytes=0")


if __name__ == "__main__":
    main()
