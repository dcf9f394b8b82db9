// SPDX-License-Identifier: MIT
// Files on Node: node bench/fs/node.mjs WORKLOAD SIZE FOLDER. Prints seconds=... bytes=...
import { readFile, writeFile } from "node:fs/promises";

const [workload, count, folder] = process.argv.slice(2);
const size = Number(count);
const data = Buffer.alloc(1024, "x");
let n = 0;

const work =
  workload === "read_files"
    ? async (path) => {
        if ((await readFile(path)).length !== 1024) throw new Error(path);
      }
    : (path) => writeFile(path, data);

async function worker() {
  while (n < size) await work(`${folder}/${++n}`);
}

const started = process.hrtime.bigint();
await Promise.all(Array.from({ length: 64 }, worker));
console.log(`seconds=${Number(process.hrtime.bigint() - started) / 1e9} bytes=0`);
