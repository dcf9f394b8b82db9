// SPDX-License-Identifier: MIT
// Child processes on Node: node node.mjs short|cat COUNT.
import { spawn } from "node:child_process";

function run(program, data) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, { stdio: [data ? "pipe" : "ignore", "pipe", "pipe"] });
    const pieces = [];
    child.stdout.on("data", (piece) => pieces.push(piece));
    child.stderr.resume();
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(Buffer.concat(pieces)) : reject(new Error(`exit ${code}`))));
    if (data) child.stdin.end(data);
  });
}

const workloads = {
  async short(count) {
    let left = count;
    const worker = async () => {
      while (left-- > 0) await run("/bin/true");
    };
    await Promise.all(Array.from({ length: 8 }, worker));
  },
  async cat(count) {
    const data = Buffer.alloc(count * 2 ** 20, "x");
    if (!(await run("/bin/cat", data)).equals(data)) throw new Error("wrong bytes");
  },
};

const begin = process.hrtime.bigint();
await workloads[process.argv[2]](Number(process.argv[3]));
console.log(`seconds=${Number(process.hrtime.bigint() - begin) / 1e9} bytes=0`);
