// OpenAI's own client.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { address, embedder, model } from "./server.mjs";

const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Say hello." }];
const parameters = {
  type: "object",
  properties: { city: { enum: ["Paris", "London"] } },
  required: ["city"],
  additionalProperties: false,
};
const tools = [{ type: "function", function: { name: "get_weather", parameters } }];
const toolChoice = { type: "function", function: { name: "get_weather" } };

test("a chat is answered, whole and streamed", async () => {
  const ask = { model, messages, max_tokens: 24, temperature: 0 };
  const whole = await client.chat.completions.create(ask);
  const text = whole.choices[0].message.content;
  assert.match(text, /Hello/);
  const stream = await client.chat.completions.create({ ...ask, stream: true });
  let streamed = "";
  for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
  assert.equal(streamed, text);
});

test("a stream can be left", async () => {
  const ask = { model, messages, max_tokens: 400, stream: true };
  const stream = await client.chat.completions.create(ask);
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content) break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("tools are called with arguments of their schema", async () => {
  const ask = { model, messages, tools, tool_choice: toolChoice, max_tokens: 60 };
  const whole = await client.chat.completions.create(ask);
  const [call] = whole.choices[0].message.tool_calls;
  assert.ok(["Paris", "London"].includes(JSON.parse(call.function.arguments).city));
  const stream = client.chat.completions.stream(ask);
  const final = await stream.finalChatCompletion();
  const [streamed] = final.choices[0].message.tool_calls;
  assert.ok(["Paris", "London"].includes(JSON.parse(streamed.function.arguments).city));
});

test("a runner goes on with what its function gives", async () => {
  const seen = [];
  const runner = client.chat.completions.runTools({
    model,
    messages,
    max_tokens: 60,
    tool_choice: toolChoice,
    tools: [
      {
        type: "function",
        function: {
          name: "get_weather",
          parameters,
          parse: JSON.parse,
          function: ({ city }) => {
            seen.push(city);
            return "It rains.";
          },
        },
      },
    ],
  });
  await runner.done();
  assert.equal(seen.length, 1);
});

test("responses have their events", async () => {
  const stream = await client.responses.create({
    model,
    input: "Say hello.",
    max_output_tokens: 24,
    temperature: 0,
    stream: true,
  });
  const kinds = new Set();
  let text = "";
  for await (const event of stream) {
    kinds.add(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  assert.match(text, /Hello/);
  for (const kind of ["response.created", "response.output_item.added", "response.output_text.done"]) {
    assert.ok(kinds.has(kind), kind);
  }
});

test("vectors come as numbers", async () => {
  const answer = await client.embeddings.create({ model: embedder, input: ["One.", "Two."] });
  assert.equal(answer.data.length, 2);
  assert.equal(answer.data[0].embedding.length, 384);
});

test("errors have their classes", async () => {
  await assert.rejects(
    client.chat.completions.create({ model: "no-such-model", messages }),
    OpenAI.NotFoundError,
  );
  await assert.rejects(
    client.chat.completions.create({ model, messages, temperature: 99 }),
    OpenAI.BadRequestError,
  );
});
