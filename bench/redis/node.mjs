// SPDX-License-Identifier: MIT
// The same workloads by ioredis, on one connection, and BullMQ: node node.mjs WORKLOAD N PORT, where npm has put those.
import { Redis } from "ioredis";
import { Queue, Worker } from "bullmq";

const TASKS = 64;
const [, , workload, size, port] = process.argv;
const count = Number(size);
const connection = { port: Number(port), maxRetriesPerRequest: null };
const redis = new Redis(connection);

async function clock(fn) {
  const begin = process.hrtime.bigint();
  await fn();
  return Number(process.hrtime.bigint() - begin) / 1e9;
}

async function inTasks(total, fn) {
  const task = async () => { for (let i = 0; i < Math.floor(total / TASKS); i++) await fn(); };
  await Promise.all(Array.from({ length: TASKS }, task));
}

const info = async (name) => Number((await redis.info()).match(new RegExp(`${name}:(\\d+)`))[1]);
const traffic = async () => (await info("total_net_input_bytes")) + (await info("total_net_output_bytes"));

const options = { removeOnComplete: true, removeOnFail: true };
const add = (queue, total) => inTasks(total, () => queue.add("empty", null, options));

const workloads = {
  async ping() {
    return [await clock(() => inTasks(count, () => redis.ping()))];
  },
  async get() {
    await redis.set("key", "x".repeat(64));
    return [await clock(() => inTasks(count, () => redis.get("key")))];
  },
  async pipeline() {
    return [await clock(async () => {
      for (let i = 0; i < Math.floor(count / TASKS); i++) {
        const pipe = redis.pipeline();
        for (let n = 0; n < TASKS; n++) pipe.ping();
        await pipe.exec();
      }
    })];
  },
  async add() {
    const queue = new Queue("bench", { connection });
    await add(queue, TASKS);
    const before = await info("used_memory");
    const seconds = await clock(() => add(queue, count));
    const bytes = (await info("used_memory")) - before;
    await queue.close();
    return [seconds, bytes];
  },
  async jobs() {
    const queue = new Queue("bench", { connection });
    const before = await traffic();
    await add(queue, count);
    let done = 0, worker;
    const total = TASKS * Math.floor(count / TASKS);
    const seconds = await clock(() => new Promise((resolve) => {
      worker = new Worker("bench", async () => { if (++done === total) resolve(); }, { connection, concurrency: TASKS });
    }));
    const bytes = (await traffic()) - before;
    await worker.close();
    await queue.close();
    return [seconds, bytes];
  },
};

await redis.flushall();
const [seconds, bytes] = await workloads[workload]();
console.log(`seconds=${seconds.toFixed(6)} bytes=${bytes ?? 0}`);
await redis.quit();
