// The events of the comparison, the same for every design, and how they are handed over: some requests at a time.
export const BATCH = 1000;
const AT_A_TIME = 8;

/** Every tenth one lets a contact into the journey, where there is one. */
const isEntry = (i) => i % 100 < 10;

export function event(i) {
  return {
    type: "track",
    userId: isEntry(i) ? `buyer-${String(i).padStart(8, "0")}` : `user-${String((i * 7919) % 100000).padStart(8, "0")}`,
    event: isEntry(i) ? "Cart Updated" : "Product Viewed",
    properties: { total: (i % 90) + 0.5, sku: `A-${i % 500}` },
  };
}

/** `put(events)` for all of `count`; several are under way at any time. */
export async function putAll(count, put) {
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const first = next;
      next = Math.min(first + BATCH, count);
      await put(Array.from({ length: next - first }, (_, k) => event(first + k)));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
}
