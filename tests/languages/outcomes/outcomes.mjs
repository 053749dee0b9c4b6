// What docs/LANGUAGES.md says of closing, threads and cancelling, from Node.js. What are threads elsewhere are chains of promises
// here; their calls run in the threads of libuv.
import { setTimeout as sleep } from 'node:timers/promises';
import { open } from 'runestore';

const event = { type: 'T', domain: 'd', instance_id: 'i' };
const opened = () => open(process.env.OUTCOMES_STORE);
const outcome = (work) => work().then(() => 'nothing', (error) => (error.name === 'AbortError' ? error.name : error.code));
const all = async (events) => {
  const seen = [];
  for await (const one of events) seen.push(one);
  return seen;
};
const closedMeanwhile = async (store, work) => {
  const running = outcome(work);
  await sleep(100);
  await store.close();
  return running;
};

let store = await opened();
await store.append(event);
const cursor = store.cursor();
await store.close();
console.log('append after close:', await outcome(() => store.append(event)));
console.log('get_events after close:', await outcome(() => store.getEvents()));
console.log('a cursor after close:', await outcome(() => all(cursor)));
console.log('close again:', (await outcome(() => store.close())) === 'nothing' ? 'no harm' : 'harm');

store = await opened();
console.log('a wait, closed meanwhile:', await closedMeanwhile(store, () => store.wait(1_000_000)));

store = await opened();
console.log('a follower, closed meanwhile:', await closedMeanwhile(store, () => all(store.follow())));

store = await opened();
const acknowledged = (await all(store.cursor())).map((one) => one.sequence_number);
const appendForEver = async () => {
  for (;;) acknowledged.push(...(await store.append(event)).map((one) => one.sequence_number));
};
console.log('appends, closed meanwhile:', await closedMeanwhile(store, appendForEver));
store = await opened();
const there = (await all(store.cursor())).map((one) => one.sequence_number);
const allThere = there.length > 1 && there.join() === acknowledged.join();
console.log('what was acknowledged:', allThere ? 'all there' : 'not what is there');

const before = await store.head();
const appendAThousand = async (instance_id) => {
  for (let data = 1; data <= 1000; data++) await store.append({ type: 'T', domain: 'two', instance_id, data });
};
await Promise.all(['0', '1'].map(appendAThousand));
const events = await store.getEvents({ domain: 'two' });
const gapless = events.every((one, index) => one.sequence_number === before + 1 + index);
const ordered = ['0', '1'].every((name) =>
  events.filter((one) => one.instance_id === name).every((one, index) => one.data === index + 1));
console.log(`two threads on one store: ${events.length} events, ${gapless ? 'no' : 'a'} gap, each thread's in ${ordered ? 'its' : 'another'} order`);

const controller = new AbortController();
const running = outcome(() => all(store.follow({}, { signal: controller.signal })));
await sleep(100);
controller.abort();
const ending = await running;
const goesOn = await outcome(() => store.append(event));
console.log(`a follower, cancelled: it ${ending === 'AbortError' ? 'ends' : ending}, and the store ${goesOn === 'nothing' ? 'goes on' : goesOn}`);
await store.close();
