// One event a call, and one event a read, in memory: usage: calls.mjs CALLS [async]. Prints seconds.
import { openSync } from 'runestore';

const calls = Number(process.argv[2]);
const awaited = process.argv[3] === 'async';
const store = openSync();
const event = (n) => ({ type: 'Deposited', domain: 'account', instance_id: `a-${n % 1000}`, data: { cents: n } });
function check(condition) {
  if (!condition) throw new Error('it answers something else');
}

let begun = performance.now();
for (let n = 0; n < calls; n += 1) {
  const [stored] = awaited ? await store.append(event(n)) : store.appendSync(event(n));
  check(stored.sequence_number === n + 1);
}
console.log('append', (performance.now() - begun) / 1000);
begun = performance.now();
for (let n = 0; n < calls; n += 1) {
  const query = { after: n, up_to: n + 1 };
  const [stored] = awaited ? await store.getEvents(query) : store.getEventsSync(query);
  check(stored.data.cents === n);
}
console.log('get_events', (performance.now() - begun) / 1000);
store.closeSync();
