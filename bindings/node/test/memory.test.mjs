// Memory that was used is given back. RUNESTORE_TEST_CALLS=1000000 for the long run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folder, run } from './support.mjs';
import path from 'node:path';

const CALLS = Number(process.env.RUNESTORE_TEST_CALLS ?? 100_000);
// Stores are opened and closed, so what one holds is bounded. A leak of an answer at each call, 250 bytes, would be 25 MB or more.
const GROWTH_MAX = 12 << 20;
// V8's young generation is as large from the start as it will ever be: else it grows to 32 MiB in the first million calls.
const FLAGS = ['--expose-gc', '--max-semi-space-size=1', '--input-type=module'];

/** Does `work` a quarter of CALLS times in each of four rounds after one, in a process of its own: by how much it grew. */
async function growth(work, calls = CALLS, setup = '') {
  const said = await run(`
    import { open, openSync } from 'runestore';
    const event = { type: 'Opened', domain: 'account', instance_id: 'a-1', data: { text: 'x'.repeat(100) } };
    ${setup}
    const work = async (times) => { ${work} };
    const settled = async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        globalThis.gc();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return process.memoryUsage().rss;
    };
    await work(${calls / 4});
    const before = await settled();
    for (let round = 0; round < 4; round += 1) await work(${calls / 4});
    console.log((await settled()) - before);
  `, { flags: FLAGS });
  return Number(said);
}

async function given(t, name, ...parameters) {
  const grown = await growth(...parameters);
  console.log(`memory: ${name}: ${CALLS.toLocaleString('en')} calls, ${(grown / (1 << 20)).toFixed(1)} MiB more`);
  assert.ok(grown < GROWTH_MAX, `${grown} bytes more`);
}

test('appends and reads in this thread', (t) => given(t, 'sync', `
  for (let done = 0; done < times; done += 5000) {
    const store = openSync();
    for (let n = 0; n < 2500; n += 1) {
      store.appendSync(event);
      if (store.getEventsSync({ after: n })[0].sequence_number !== n + 1) throw new Error('another event');
    }
    store.closeSync();
  }
`));

test('appends and reads in the pool', (t) => given(t, 'async', `
  for (let done = 0; done < times; done += 5000) {
    const store = await open();
    for (let n = 0; n < 2500; n += 50) {
      await Promise.all(Array.from({ length: 50 }, () => store.append(event)));
      await Promise.all(Array.from({ length: 50 }, () => store.getEvents({ after: n }, { limit: 1, raw: n % 3 ? 'buffer' : 'text' })));
    }
    await store.close();
  }
`));

test('cursors, ended or left in the middle, and followers', (t) => given(t, 'cursors', `
  const store = openSync();
  store.appendSync(Array(1000).fill(event));
  for (let done = 0; done < times; done += 100) {
    for await (const { data } of store.cursor({}, { limit: 60 })) if (data === 1) break;
    await store.cursor().next();
    const follower = store.follow({}, { after: 990 });
    for (let n = 0; n < 10; n += 1) await follower.next();
    const waiting = follower.next();
    await new Promise(setImmediate);
    await follower.return();
    await waiting;
  }
  store.closeSync();
`));

test('errors, and answers that JSON.parse refuses', (t) => given(t, 'errors', `
  const store = openSync();
  store.appendSync(event);
  const parse = JSON.parse;
  for (let n = 0; n < times / 4; n += 1) {
    for (const wrong of [() => store.appendSync({ tpye: 1 }), () => store.appendSync(event, { expected_version: 0 })]) {
      try { wrong(); throw new Error('it was accepted'); } catch (error) { if (error.status === undefined) throw error; }
    }
    JSON.parse = () => { throw new SyntaxError('no'); };
    try { store.getEventsSync(); throw new Error('it was parsed'); } catch (error) { if (error.message !== 'no') throw error; }
    JSON.parse = parse;
    await store.getEvents({ x: 1 }).then(() => { throw new Error('it was accepted'); }, () => {});
  }
  store.closeSync();
`));

test('what nobody refers to any more is closed', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const said = await run(`
    import { openSync } from 'runestore';
    const place = ${JSON.stringify(place)};
    (() => {
      const store = openSync(place, { sync: 'never' });
      store.appendSync({ type: 'Opened', domain: 'account', instance_id: 'a-1' });
      // A cursor that is left refers to its store, and is left as well.
      store.cursor().next();
    })();
    for (let turn = 0; turn < 500; turn += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
      try {
        const again = openSync(place);
        console.log('closed', again.headSync());
        again.closeSync();
        break;
      } catch (error) {
        if (error.code !== 'locked') throw error;
      }
    }
  `, { flags: FLAGS });
  assert.equal(said, 'closed 1\n');
});

test('a call in progress keeps its store open', async () => {
  const said = await run(`
    import { openSync } from 'runestore';
    const appends = [];
    const followers = [];
    for (let n = 0; n < 40; n += 1) {
      const store = openSync();
      appends.push(store.append({ type: 'Opened', domain: 'account', instance_id: 'a-1' }));
      const follower = store.follow();
      followers.push(follower.next());
    }
    for (let turn = 0; turn < 20; turn += 1) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const stored = (await Promise.all(appends)).flat();
    const seen = (await Promise.all(followers)).map(({ value }) => value);
    console.log(stored.length, seen.length, JSON.stringify(stored) === JSON.stringify(seen));
  `, { flags: FLAGS });
  assert.equal(said, '40 40 true\n');
});

test('the measure sees a leak', async () => {
  const grown = await growth("for (let n = 0; n < times; n += 1) leak.push(Buffer.alloc(300, 1));", 100_000, 'const leak = [];');
  assert.ok(grown > GROWTH_MAX, String(grown));
});
