// Sums ciphertexts from a file and prints time, resident memory and the event loop's longest wait. A process of its own,
// in plain JavaScript, so that it can run on the compiled library: a loader in every thread would be most of the memory.
import { createReadStream } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { argv } from 'node:process';

const [, , library = '', modulus = '', path = ''] = argv;
const { describeEngine, publicKeyFromModulus, sumStream } = await import(library);
// Daemons choose and test the engine when they start, before work comes.
describeEngine();
const publicKey = publicKeyFromModulus(BigInt(modulus));

let highest = 0;
const timer = setInterval(() => {
  highest = Math.max(highest, process.memoryUsage.rss());
}, 20);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const startedAt = performance.now();
const { count } = await sumStream(publicKey, createReadStream(path, { highWaterMark: 2 ** 18 }));
const seconds = (performance.now() - startedAt) / 1000;
delay.disable();
clearInterval(timer);
console.log(
  `\nvalidating and summing ${count} ciphertexts from a file: ${seconds.toFixed(2)} s, ` +
    `${((seconds * 1e6) / count).toFixed(2)} µs each; resident at most ${Math.round(highest / 2 ** 20)} MB; ` +
    `the event loop waited ${(delay.max / 1e6).toFixed(1)} ms at most`,
);
