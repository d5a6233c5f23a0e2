// The whole journey of docs/api.md by a generated client: a program of somebody's own.
// tests/clients/test_generated.py generates the types, has tsc check this file, and runs it.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Failure = components["schemas"]["ErrorOutput"];

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

function by(name: string) {
  const headers = { Authorization: `Bearer ${setting(name)}` };
  return createClient<paths>({ baseUrl: setting("CONSOLE"), headers });
}

/** What was asked for, or the end of the program. */
function good<T>(answer: { data?: T; error?: Failure }): T {
  if (answer.error !== undefined) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  if (answer.data === undefined) throw new Error("The console answered nothing.");
  return answer.data;
}

/** A Chat Server, a chat, and a notice that two have agreed on. */
async function prepare(): Promise<void> {
  const [admin, feed, author, approver] = [by("ADMIN"), by("FEED"), by("AUTHOR"), by("APPROVER")];
  const server = good(
    await admin.POST("/api/v1/chat-servers/", {
      body: { name: "chat-east", url: setting("CHAT_SERVER") },
    }),
  );
  const event: components["schemas"]["FeedEvent"] = {
    type: "upsert",
    occurred_at: new Date().toISOString(),
    interaction: {
      id: "a1",
      queue: "billing",
      locale: "en",
      user_data: { InteractionId: "a1", IsOnline: "1", ChatServerAppName: server.name, Id: 7 },
    },
  };
  const fed = good(await feed.POST("/api/v1/interactions/events/", { body: { events: [event] } }));
  if (fed.accepted !== 1) throw new Error(fed.rejected.map((each) => each.message).join(" "));
  const notice = good(
    await author.POST("/api/v1/notices/", {
      body: { key: "delay", kind: "message", title: "Delay" },
    }),
  );
  const version = good(
    await author.POST("/api/v1/notices/{key}/versions/", {
      params: { path: { key: notice.key } },
      body: {
        default_locale: "en",
        bodies: { en: "Order {{ data.Id }}: {{ field.days }} days late." },
        visibility: "ALL",
        fields: [{ name: "days", type: "number" }],
      },
    }),
  );
  if (!version.fields.every((field) => field.required)) throw new Error("It asks for nothing.");
  const path = { key: notice.key, number: version.number };
  good(await author.POST("/api/v1/notices/{key}/versions/{number}/submit/", { params: { path } }));
  good(
    await approver.POST("/api/v1/notices/{key}/versions/{number}/approve/", { params: { path } }),
  );
}

async function send() {
  const sender = by("SENDER");
  const asked = { notice: "delay", interactions: ["a1"], fields: { days: 2 } };
  const plan = good(await sender.POST("/api/v1/sends/preview/", { body: asked }));
  const body = { ...asked, expected_plan: plan.expected_plan };
  const sent = good(
    await sender.POST("/api/v1/sends/", {
      params: { header: { "Idempotency-Key": '"order-7"', Prefer: "wait=10" } },
      body,
    }),
  );
  const again = good(
    await sender.POST("/api/v1/sends/", {
      params: { header: { "Idempotency-Key": "order-7" } },
      body,
    }),
  );
  if (again.id !== sent.id) throw new Error("It was sent twice.");
  const path = { send_id: sent.id };
  const read = good(await sender.GET("/api/v1/sends/{send_id}/", { params: { path } }));
  const page = good(await sender.GET("/api/v1/sends/{send_id}/deliveries/", { params: { path } }));
  return {
    previewed: plan.targets.map((target) => target.body).join(),
    waited: (sent.deliveries ?? []).map((delivery) => delivery.status),
    status: read.status,
    delivered: read.counts.delivered,
    answered: page.results.flatMap((delivery) => (delivery.answer ?? []).map((pair) => pair.key)),
  };
}

await prepare();
console.log(JSON.stringify(await send()));
