// The AI SDK with its provider for compatible servers.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  embed,
  embedMany,
  generateObject,
  generateText,
  streamObject,
  streamText,
  tool,
} from "ai";
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { address, embedder, model } from "./server.mjs";

const provider = createOpenAICompatible({
  name: "catena",
  baseURL: `${address}/v1`,
  supportsStructuredOutputs: true,
  includeUsage: true,
});
const chat = provider.chatModel(model);
const prompt = "Say hello.";
const ask = { model: chat, prompt, maxOutputTokens: 40, temperature: 0, maxRetries: 0 };
const city = z.object({ city: z.enum(["Paris", "London"]) });

test("text comes whole and streamed", async () => {
  const whole = await generateText(ask);
  assert.match(whole.text, /Hello/);
  const stream = streamText(ask);
  let text = "";
  for await (const piece of stream.textStream) text += piece;
  assert.equal(text, whole.text);
  assert.ok((await stream.usage).outputTokens > 0);
});

test("objects have their schema", async () => {
  const { object } = await generateObject({ ...ask, schema: city });
  assert.ok(["Paris", "London"].includes(object.city));
});

test("objects come in parts", async () => {
  const stream = streamObject({ ...ask, schema: city });
  const parts = [];
  for await (const part of stream.partialObjectStream) parts.push(part);
  const object = await stream.object;
  assert.ok(["Paris", "London"].includes(object.city));
  assert.deepEqual(parts.at(-1), object);
});

test("tools are called, whole and streamed", async () => {
  const tools = { get_weather: tool({ description: "The weather.", inputSchema: city }) };
  const toolChoice = { type: "tool", toolName: "get_weather" };
  const whole = await generateText({ ...ask, tools, toolChoice });
  assert.equal(whole.toolCalls[0].toolName, "get_weather");
  assert.ok(["Paris", "London"].includes(whole.toolCalls[0].input.city));
  const stream = streamText({ ...ask, tools, toolChoice });
  const calls = await stream.toolCalls;
  assert.ok(["Paris", "London"].includes(calls[0].input.city));
});

test("vectors", async () => {
  const { embedding } = await embed({
    model: provider.textEmbeddingModel(embedder),
    value: "A wire costs 25 dollars.",
  });
  assert.equal(embedding.length, 384);
  const values = ["A wire costs 25 dollars.", "Cats sleep.", "Rates are low."];
  const model = provider.textEmbeddingModel(embedder);
  const { embeddings } = await embedMany({ model, values });
  assert.equal(embeddings.length, 3);
  assert.deepEqual(embeddings[0], embedding);
});
