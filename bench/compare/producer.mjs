// A process that hands all events to one design and says when the last one was accepted.
// usage: producer.mjs '{"kind":…,"port":…,"count":…}', started with an IPC channel
import http from "node:http";
import { putAll } from "./events.mjs";

const job = JSON.parse(process.argv[2]);

/** What puts a batch so that it is accepted when the promise is kept. */
const puts = {
  async sojourn() {
    const agent = new http.Agent({ keepAlive: true });
    const headers = { "Content-Type": "application/json", Authorization: `Basic ${Buffer.from(`${job.key}:`).toString("base64")}` };
    return (events) =>
      new Promise((resolve, reject) => {
        const request = http.request({ agent, host: "127.0.0.1", port: job.port, path: "/v1/batch", method: "POST", headers }, (answer) => {
          answer.resume().on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`answered ${answer.statusCode}`))));
        });
        request.on("error", reject).end(JSON.stringify({ batch: events }));
      });
  },
  async bullmq() {
    const { Queue } = await import("bullmq");
    const queue = new Queue("events", { connection: { host: "127.0.0.1", port: job.port, password: job.password } });
    await queue.waitUntilReady();
    const opts = { removeOnComplete: true };
    return (events) => queue.addBulk(events.map((data) => ({ name: "event", data, opts })));
  },
  async pgboss() {
    const { startBoss } = await import("./boss.mjs");
    const boss = await startBoss(job);
    return (events) => boss.insert(events.map((data) => ({ name: "events", data })));
  },
};

const put = await puts[job.kind]();
process.once("message", async () => {
  await putAll(job.count, put);
  process.send("accepted", () => process.exit(0));
});
process.send("ready");
