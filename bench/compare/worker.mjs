// A process whose handlers do nothing; it says how many events are handled, durably as the queue has it.
// usage: worker.mjs '{"kind":…,"port":…,"concurrency":…}', started with an IPC channel
import { BATCH } from "./events.mjs";

const TELL_MS = 10;
const job = JSON.parse(process.argv[2]);
let handled = 0, told = 0;

const workers = {
  async bullmq() {
    const { Worker } = await import("bullmq");
    const connection = { host: "127.0.0.1", port: job.port, password: job.password };
    const worker = new Worker("events", async () => {}, { connection, concurrency: job.concurrency });
    worker.on("completed", () => handled++).on("error", (error) => {
      throw error;
    });
    await worker.waitUntilReady();
  },
  /** fetch and complete in a loop: `work` would wait half a second between two batches. */
  async pgboss() {
    const { startBoss } = await import("./boss.mjs");
    const boss = await startBoss(job);
    const loop = async () => {
      for (;;) {
        const jobs = await boss.fetch("events", { batchSize: BATCH });
        if (jobs.length) await boss.complete("events", jobs.map(({ id }) => id));
        else await new Promise((resolve) => setTimeout(resolve, TELL_MS));
        handled += jobs.length;
      }
    };
    for (let i = 0; i < job.concurrency; i++) loop();
  },
};

await workers[job.kind]();
setInterval(() => {
  if (handled > told) process.send(handled - told);
  told = handled;
}, TELL_MS);
process.send("ready");
