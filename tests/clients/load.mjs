// A shop whose @segment/analytics-node never gives up, for whoever kills the server under it.
//
// usage: node load.mjs URL WRITE_KEY CONTACTS EVENT…
// Writes `delivered N N N` as events are delivered, each by its number; when its input ends it delivers what it has, and
// ends itself with `sent COUNT`.
import { Segment } from "./server.mjs";

const [url, writeKey, contacts, ...events] = process.argv.slice(2);
const UNDER_WAY = 1000;
const analytics = new Segment({ writeKey, host: url, maxRetries: 1_000_000, flushInterval: 50, httpRequestTimeout: 5000 });
let sent = 0, delivered = 0, ends = false, numbers = [];

function track() {
  const n = sent++;
  const properties = { n, total: Math.round(Math.random() * 10_000) / 100 };
  const userId = `c${Math.floor(Math.random() ** 2 * contacts)}`;
  analytics.track({ userId, event: events[Math.floor(Math.random() * events.length)], properties }, (error, context) => {
    const failure = error ?? context.failedDelivery()?.reason;
    if (failure) throw failure;
    delivered++;
    numbers.push(n);
  });
}

const ticking = setInterval(() => {
  if (numbers.length) process.stdout.write(`delivered ${numbers.join(" ")}\n`);
  numbers = [];
  for (let i = 0; i < 100 && !ends && sent < delivered + UNDER_WAY; i++) track();
  if (!ends || delivered < sent) return;
  clearInterval(ticking);
  process.stdout.write(`sent ${sent}\n`);
}, 5);

process.stdin.resume().on("end", () => {
  ends = true;
});
