# SPDX-License-Identifier: MIT
"""CPU work over all cores: pool:map (bench/thread/saros.lua) beside the same work on one core, Python's
ProcessPoolExecutor and Node's worker_threads. Each tries first how much of the work fills a job of its language."""
import shutil

from measuring import LUA, PYTHON, Row, Workload, output, saros_environment, why_no_saros, works

EACH_SECOND = ("/s", 0, lambda run, items: items / run["seconds"], True)


def same(n):
    return n


WORKLOADS = {
    "primes_1": Workload(4_000, 400, same, 400),
    "images_1": Workload(4_000, 400, same, 400),
    "json_1": Workload(4_000, 400, same, 400),
    "primes_50": Workload(80, 20, same, 20),
}

OTHERS = {"python": 1, "node": 1}

ROWS = [
    Row("primes_1", "primes, jobs of 1 ms", EACH_SECOND, "ahead of python, node", OTHERS),
    Row("images_1", "images, jobs of 1 ms", EACH_SECOND, "ahead of python, node", OTHERS),
    Row("json_1", "JSON, jobs of 1 ms", EACH_SECOND, "ahead of python, node", OTHERS),
    Row("primes_50", "primes, jobs of 50 ms", EACH_SECOND, "1.9 of one core", {"one core": 1.9}),
]


class Suite:
    """What is installed, how each is called, and why the others are not there."""

    names = ("saros", "one core", "python", "node")
    counted = ()
    workloads = WORKLOADS
    rows = ROWS

    def __init__(self, build):
        self.missing = {}
        self.environment = dict.fromkeys(("saros", "one core"), saros_environment(build))
        reason = why_no_saros(build, self.environment["saros"])
        if not reason and not works(LUA, "-e", 'require "cjson"'):
            reason = "no cjson"
        if reason:
            self.missing["saros"] = self.missing["one core"] = reason
        if not shutil.which("node"):
            self.missing["node"] = "no node"

    def close(self):
        pass

    def command(self, peer, workload, size, counting=False):
        """A program that does so many jobs."""
        del counting
        work, _, milliseconds = workload.partition("_")
        arguments = [work, milliseconds, str(size)]
        return {
            "saros": [LUA, "bench/thread/saros.lua", *arguments],
            "one core": [LUA, "bench/thread/saros.lua", *arguments, "alone"],
            "python": [PYTHON, "bench/thread/python.py", *arguments],
            "node": ["node", "bench/thread/node.mjs", *arguments],
        }[peer]

    def versions(self):
        return [output(PYTHON, "-V"), "Node " + output("node", "-v")]

    def notes(self):
        return ["A job takes 1 ms, or 50, in the language of each on one core; so what differs is handing them out.",
                "python: ProcessPoolExecutor; node: worker_threads, two jobs ahead each; both have as many as cores."]
