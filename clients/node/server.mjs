// Where the server is and what it serves; `cargo xtask clients` starts it and says so.

import assert from "node:assert/strict";

/** A variable that the task sets. */
function given(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run \`cargo xtask clients\``);
  return value;
}

export const address = given("CATENA_ADDRESS");
export const model = given("CATENA_MODEL");
export const embedder = given("CATENA_EMBEDDER");
