// An account: decisions that hold, a reader that follows, an error. node example.mjs [DIRECTORY]
// Without a directory the events are in memory.

import { open, ConflictError } from 'runestore';

const store = await open(process.argv[2]);
const account = { domain: 'account', instance_id: 'a-1' };

/** Takes money from the account if it is there, whoever else does so at the same time. */
async function withdraw(cents) {
  for (;;) {
    const events = await store.getEvents(account);
    const balance = events.reduce((sum, { data }) => sum + (data.cents ?? 0), 0);
    if (balance < cents) throw new Error(`${balance} cents are there, ${cents} are wanted`);
    try {
      const [stored] = await store.append({ ...account, type: 'Withdrawn', data: { cents: -cents } }, { expected_version: events.length });
      return stored;
    } catch (error) {
      // Somebody was faster: read again, decide again.
      if (!(error instanceof ConflictError)) throw error;
    }
  }
}

// A reader of its own: what is there and what comes, until it is told to stop.
const stop = new AbortController();
const reader = (async () => {
  let balance = 0;
  try {
    for await (const { type, stream_version: version, data } of store.follow(account, { signal: stop.signal })) {
      balance += data.cents ?? 0;
      console.log(`${String(version).padStart(3)} ${type.padEnd(10)} ${balance}`);
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
})();

const from = await store.head();
await store.append([
  { ...account, type: 'Opened', data: { owner: 'Ada' } },
  { ...account, type: 'Deposited', data: { cents: 5000 } },
]);
// Six at once want what is there for five: each is stored or refused, and the balance is right.
const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => withdraw(1000)));
const refused = outcomes.filter(({ status }) => status === 'rejected');
console.log(`${await store.head() - from} events more; ${refused.length} of 6 refused: ${refused.at(-1)?.reason.message}`);

await new Promise((resolve) => setTimeout(resolve, 100));
stop.abort();
await reader;
await store.close();
