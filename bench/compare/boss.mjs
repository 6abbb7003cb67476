// pg-boss without what it does beside the queue: no cron, no maintenance while it is measured.
import PgBoss from "pg-boss";

export async function startBoss({ port, password }) {
  const boss = new PgBoss({ host: "127.0.0.1", port, user: "postgres", password, database: "postgres", max: 8, schedule: false, supervise: false });
  boss.on("error", (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue("events");
  return boss;
}
