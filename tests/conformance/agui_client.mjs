// AG-UI's own client holds a conversation: it says something, asks while a plan waits, and goes on after a decision.
import { HttpAgent } from "@ag-ui/client";

const { URL: url, TOKEN: token, PLAN: plan, DIGEST: digest } = process.env;
const headers = { Authorization: `Bearer ${token}` };
const agent = new HttpAgent({ url: `${url}/api/v1/chat`, headers, threadId: "t1" });
const warned = [];
console.warn = (...words) => warned.push(words.join(" "));

async function run(input) {
  const seen = [];
  await agent.runAgent(input, { onEvent: ({ event }) => void seen.push(event.type) });
  const messages = agent.messages.map((item) => [item.role, typeof item.content === "string" ? item.content : ""]);
  return { seen, messages, state: agent.state, waiting: agent.pendingInterrupts };
}

agent.messages = [{ id: "m1", role: "user", content: "deploy app:1 as web" }];
const first = await run({});
agent.addMessage({ id: "m2", role: "user", content: "why?" });
const asked = await run({ resume: [{ interruptId: plan, status: "cancelled" }] });
const decision = JSON.stringify({ decision: "approve", reason: "as shown", digest });
await fetch(`${url}/api/v1/plans/${plan}:decide`, {
  method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: decision,
});
const done = await run({ resume: [{ interruptId: plan, status: "resolved", payload: { decision: "approve" } }] });
process.stdout.write(JSON.stringify({ first, asked, done, warned }));
