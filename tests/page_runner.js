// Runs the page's script on vectors: {html, vectors: [{data or blanks, key, witnesses}]} in, {texts, warnings, results} out.
"use strict";
const { readFileSync } = require("node:fs");
const vm = require("node:vm");

const { html, vectors } = JSON.parse(readFileSync(0, "utf8"));
const script = /<script>([^]*)<\/script>/.exec(html)[1];
vm.runInThisContext(script);

async function run() {
  const results = [];
  for (const { data, blanks, key, witnesses } of vectors) {
    const bytes = blanks ? new Uint8Array(blanks) : Uint8Array.from(Buffer.from(data, "base64"));
    results.push(await verifyBundle(bytes, key, witnesses));
  }
  const [texts, warnings] = vm.runInThisContext("[TEXTS, WARNINGS]");
  process.stdout.write(JSON.stringify({ texts, warnings, results }));
}

run();
