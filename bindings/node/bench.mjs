// How many calls a second: node bench.mjs [CALLS]
// The memory engine, one event a call, so that what is measured is the way there and back. ROUNDS=5 by default, the middle one
// counts.

import { openSync, libraryVersion } from 'runestore';

const calls = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.env.ROUNDS ?? 5);
const events = Array.from({ length: calls }, (_, n) => ({
  type: 'Deposited', domain: 'account', instance_id: `a-${n % 1000}`, tags: ['t'], data: { cents: n, text: 'x'.repeat(100) },
}));
const texts = events.map((event) => JSON.stringify(event));

const works = {
  'appendSync, an object; the stored event': (store) => {
    for (const event of events) store.appendSync(event);
  },
  'appendSync, an object; a summary': (store) => {
    for (const event of events) store.appendSync(event, { return: 'summary' });
  },
  'appendSync, a text; a summary as text': (store) => {
    for (const text of texts) store.appendSync(text, { return: 'summary', raw: 'text' });
  },
  'append, awaited one by one': async (store) => {
    for (const event of events) await store.append(event);
  },
  'append, 64 at a time': async (store) => {
    for (let at = 0; at < calls; at += 64) await Promise.all(events.slice(at, at + 64).map((event) => store.append(event)));
  },
  'getEventsSync, one event': (store) => {
    for (let n = 1; n <= calls; n += 1) store.getEventsSync({ after: n - 1, up_to: n });
  },
  'getEventsSync, one event as text': (store) => {
    for (let n = 1; n <= calls; n += 1) store.getEventsSync({ after: n - 1, up_to: n }, { raw: 'text' });
  },
  'getEvents, one event, awaited one by one': async (store) => {
    for (let n = 1; n <= calls; n += 1) await store.getEvents({ after: n - 1, up_to: n });
  },
  'cursor, all events': async (store) => {
    let seen = 0;
    for await (const { sequence_number: number } of store.cursor()) seen += number > 0 ? 1 : 0;
    if (seen !== calls) throw new Error(`${seen} events of ${calls}`);
  },
};

console.log(`runestore ${libraryVersion()}, node ${process.version}, ${calls} calls, the middle of ${rounds} rounds`);
for (const [name, work] of Object.entries(works)) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const store = openSync();
    // A batch holds 100,000 at most.
    for (let at = 0; at < calls && !name.startsWith('append'); at += 10_000) {
      store.appendSync(events.slice(at, at + 10_000), { return: 'summary' });
    }
    const began = performance.now();
    await work(store);
    times.push(performance.now() - began);
    store.closeSync();
  }
  const middle = times.sort((a, b) => a - b)[rounds >> 1];
  console.log(`${name.padEnd(42)} ${Math.round(calls / middle * 1000).toLocaleString('en').padStart(10)} /s ${(middle / calls * 1000).toFixed(2).padStart(8)} us`);
}
