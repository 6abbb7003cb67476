// Whether unmodified clients deliver everything once: while answers get lost on the way, and over a kill -9 of the
// server in the middle, after which they send again by themselves.
import assert from "node:assert/strict";
import { test } from "node:test";
import { axios, Rudder, Segment, Server } from "./server.mjs";

const EVENTS = 50_000, CONTACTS = 400, LOST_EVERY = 40, RETRIES = 30;
const NAMES = ["Product Viewed", "Cart Updated", "Order Completed"];

/** Each client takes a record and calls back when it is delivered, or with an error. */
const clients = {
  "@segment/analytics-node": (server, lose) => {
    const analytics = new Segment({
      writeKey: server.writeKey, host: server.url, maxRetries: RETRIES,
      httpClient: async (...request) => {
        const answer = await fetch(...request);
        if (lose()) throw new Error("the answer is lost");
        return answer;
      },
    });
    return {
      underWay: 1500,
      track: (record, done) => analytics.track(record, (error, context) => done(error ?? context.failedDelivery()?.reason)),
      close: () => analytics.closeAndFlush({ timeout: 60_000 }),
    };
  },
  "@rudderstack/rudder-sdk-node": (server, lose) => {
    const shops = Array.from({ length: 8 }, () => {
      const axiosInstance = axios.create();
      axiosInstance.interceptors.response.use((answer) => {
        if (lose()) throw Object.assign(new axios.AxiosError("the answer is lost", "ECONNRESET", answer.config), { isAxiosError: true });
        return answer;
      });
      return new Rudder(server.writeKey, { dataPlaneUrl: server.url, retryCount: RETRIES, axiosInstance, logLevel: "none", flushInterval: 100,
                                           axiosRetryConfig: { retryDelay: () => 50 } });
    });
    let turn = 0;
    return {
      underWay: 80 * shops.length, // more only wait in its queue, which it measures again with each record
      track: (record, done) => shops[turn++ % shops.length].track(record, done),
      close: () => Promise.all(shops.map((shop) => shop.flush())),
    };
  },
};

/** Tracks all events, at most client.underWay of them at a time; `onCount` sees how many have been delivered. */
async function deliver(client, records, onCount) {
  let next = 0, delivered = 0;
  await new Promise((resolve, reject) => {
    const send = () => {
      for (; next < records.length && next < delivered + client.underWay; next++) client.track(records[next], onDelivered);
    };
    const onDelivered = (error) => {
      if (error) return reject(error);
      onCount(++delivered);
      if (delivered === records.length) resolve();
      else if (delivered % 100 === 0) send();
    };
    send();
  });
}

function makeRecords(prefix) {
  return Array.from({ length: EVENTS }, (_, n) => ({
    userId: `${prefix}-${n % CONTACTS}`, event: NAMES[Math.floor(n / CONTACTS) % NAMES.length], properties: { n, total: n % 100 } }));
}

function countByContact(records) {
  const counts = new Map();
  for (const { userId, event } of records) {
    if (!counts.has(userId)) counts.set(userId, {});
    counts.get(userId)[event] = (counts.get(userId)[event] ?? 0) + 1;
  }
  return counts;
}

async function assertAllOnce(server, records) {
  for (const [contact, expected] of countByContact(records)) {
    const { events } = await server.ask("GET", `/v1/contacts/${contact}`);
    assert.deepEqual(Object.fromEntries(events.map(({ event, count }) => [event, count]).sort()), Object.fromEntries(Object.entries(expected).sort()), contact);
  }
}

const server = new Server();
const sent = [];

test("clients deliver", { timeout: 240_000 }, async (t) => {
  t.after(() => server.discard());
  await server.start();
  for (const [name, make] of Object.entries(clients)) {
    await t.test(`${name} delivers ${EVENTS} events once, over lost answers and a kill`, async () => {
      let answers = 0, lost = 0, restarted;
      const client = make(server, () => ++answers % LOST_EVERY === 0 && ++lost > 0);
      const records = makeRecords(name.replaceAll(/[^a-z]/g, ""));
      await deliver(client, records, (delivered) => {
        if (delivered === EVENTS * 0.4) restarted = server.restart("SIGKILL");
      });
      await client.close();
      await restarted;
      assert.ok(lost > 20, `${lost} answers were lost`);
      sent.push(...records);
      await assertAllOnce(server, records);
    });
  }
  await t.test(`all ${2 * EVENTS} are in the directory when the server has ended`, async () => {
    assert.equal(await server.end("SIGTERM"), 0);
    assert.equal(server.status().events, sent.length);
  });
});
