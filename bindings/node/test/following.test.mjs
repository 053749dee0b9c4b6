import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { open, openSync, ClosedError, InterruptedError } from 'runestore';
import { PACKAGE, event, folder, internal, pause, run, until } from './support.mjs';

const native = internal('native');
const FOLLOWERS = 50;
// A read that takes some hundred milliseconds: it counts what any of many conditions matches.
const SLOW_EVENTS = 20_000;
const SLOW = [Array.from({ length: 300 }, (_, n) => ({ tags: ['t1', 't2'], after: n })), { pagination: true, limit: 1 }];

/** How long the slowest of some reads of a file takes, each of which needs threads of the pool. */
async function slowestRead() {
  let slowest = 0;
  for (let turn = 0; turn < 20; turn += 1) {
    const began = performance.now();
    await fs.promises.readFile(new URL(import.meta.url));
    slowest = Math.max(slowest, performance.now() - began);
    await pause(5);
  }
  return slowest;
}

/** A store's data as one follower sees it, `count` events. */
async function take(follower, count) {
  const seen = [];
  for await (const { data } of follower) {
    seen.push(data);
    if (seen.length === count) break;
  }
  return seen;
}

test('a cursor gives the events of its moment, in pieces, in both directions', async () => {
  const store = await open();
  const data = Array.from({ length: 1000 }, (_, n) => n);
  store.appendSync(data.map((n) => event(n)));
  const cursor = store.cursor({}, { max_bytes: 1000 });
  assert.deepEqual((await cursor.next()).value.data, 0);
  assert.equal(cursor.position, 1);
  store.appendSync(event('later'));
  assert.deepEqual(await take(cursor, 2000), data.slice(1));
  assert.equal(cursor.position, 1000);
  assert.deepEqual(await cursor.next(), { value: undefined, done: true });
  const backward = store.cursor({ up_to: 1000 }, { direction: 'backward', limit: 10, max_bytes: 1000 });
  assert.deepEqual(await take(backward, 20), data.slice(-10).reverse());
  assert.deepEqual(await take(store.cursor({ type: 'None' }), 1), []);
  await store.close();
});

test('turns that are asked for at once come one after the other', async () => {
  const store = await open();
  store.appendSync([event(1), event(2), event(3)]);
  const cursor = store.cursor({}, { max_bytes: 1 });
  const turns = await Promise.all([cursor.next(), cursor.next(), cursor.next(), cursor.next()]);
  assert.deepEqual(turns.map(({ value, done }) => (done ? 'done' : value.data)), [1, 2, 3, 'done']);
  await store.close();
});

test('events as texts, with their positions', async () => {
  const store = await open();
  store.appendSync([event({ a: 1 }), event({ b: 12 })]);
  const whole = store.getEventsSync({}, { raw: 'text', format: 'ndjson' }).trimEnd().split('\n');
  for (const raw of ['text', 'buffer']) {
    const seen = [];
    const positions = [];
    const cursor = store.follow({}, { raw, limit: 2 });
    for await (const line of cursor) {
      assert.equal(Buffer.isBuffer(line), raw === 'buffer');
      seen.push(line.toString());
      positions.push(cursor.position);
    }
    assert.deepEqual(seen, whole);
    assert.deepEqual(positions, [1, 2]);
  }
  await store.close();
});

test('what is there and what comes is one sequence, whoever appends and however slow the reader', async () => {
  const store = await open();
  store.appendSync(event(0));
  const follower = store.follow({ type: 'Opened' });
  const seen = [];
  const reading = (async () => {
    for await (const { data } of follower) {
      seen.push(data);
      if (data % 7 === 0) await pause(1);
      if (data === 299) break;
    }
  })();
  for (let n = 1; n < 300; n += 1) {
    if (n % 2) store.appendSync(event(n));
    else await store.append([event(n, { type: 'Other' }), event(n)]);
  }
  await reading;
  assert.deepEqual(seen, Array.from({ length: 300 }, (_, n) => n));
  await store.close();
});

test('it begins behind a position, and tells the one to keep', async () => {
  const store = await open();
  store.appendSync([event(1), event(2), event(3, { type: 'Other' }), event(4)]);
  const behind = async (query, after) => take(store.follow(query, { after, limit: 1 }), 9);
  assert.deepEqual(await behind(undefined, 1), [2]);
  assert.deepEqual(await behind({ type: 'Opened', after: 3 }, 1), [4]);
  assert.deepEqual(await behind([{ type: 'Other' }, { type: 'Opened' }], 2), [3]);
  assert.deepEqual(await behind('{"type":"Opened"}', 2), [4]);
  assert.deepEqual(await behind(Buffer.from('null'), 3), [4]);
  assert.deepEqual(await take(store.follow({ up_to: 2 }), 9), [1, 2]);
  const follower = store.follow({ type: 'Opened' }, { after: 2 });
  assert.equal((await follower.next()).value.data, 4);
  assert.equal(follower.position, 4);
  const waiting = follower.next();
  store.appendSync(event(5, { type: 'Other' }));
  await until(() => follower.position === 5, 'the position of what does not match');
  await follower.return();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  await store.close();
});

for (const engine of ['memory', 'file']) {
  test(`${FOLLOWERS} followers wait, ${engine}: files are read at once, and each sees every event`, async (t) => {
    const place = path.join(folder(t), 'ledger.runes');
    const store = engine === 'memory' ? openSync() : openSync(place, { sync: 'never' });
    // Of a directory's events a reader's followers hear by waiting alone: nothing of JavaScript tells them.
    const followed = engine === 'memory' ? store : openSync(place, { read_only: true });
    const readings = Array.from({ length: FOLLOWERS }, () => take(followed.follow(), 20));
    // All are waiting: the pool's threads would be taken if each had one.
    await pause(300);
    const idle = await slowestRead();
    assert.ok(idle < 150, `a file took ${idle} ms while ${FOLLOWERS} followers waited`);
    for (let n = 0; n < 20; n += 1) {
      await store.append(event(n));
      await pause(3);
    }
    for (const seen of await Promise.all(readings)) assert.deepEqual(seen, Array.from({ length: 20 }, (_, n) => n));
    await followed.close();
    await store.close();
    console.log(`followers: ${FOLLOWERS} on ${engine}, the slowest file took ${idle.toFixed(1)} ms meanwhile`);
  });
}

test('the check above sees a pool that is taken', async () => {
  const { value } = native.sync('init', false, null);
  // As it would be if each waited in a thread of its own.
  const waits = Array.from({ length: native.POOL }, () => native.async('wait', false, value, 0n, 400));
  assert.ok((await slowestRead()) > 150);
  await Promise.all(waits);
  native.sync('close', false, value);
});

test('a head that was known and is not to be seen, as on a standby that is behind, is not asked for without a pause', async () => {
  const { grown } = internal('waiting');
  const state = { closing: null, head: 5n, waiters: new Set() };
  assert.equal(await grown(state, 3n), true);
  const began = performance.now();
  assert.equal(await grown(state, 3n, undefined, undefined, true), true);
  assert.ok(performance.now() - began > 8);
});

test('followers of many stores share one thread, and hear of other writers soon', async (t) => {
  const pairs = Array.from({ length: 12 }, () => {
    const place = path.join(folder(t), 'ledger.runes');
    const writer = openSync(place, { sync: 'never' });
    return { writer, reader: openSync(place, { read_only: true }) };
  });
  const readings = pairs.map(({ reader }) => take(reader.follow(), 5));
  await pause(300);
  const idle = await slowestRead();
  assert.ok(idle < 150, `a file took ${idle} ms`);
  for (let n = 0; n < 5; n += 1) {
    for (const { writer } of pairs) writer.appendSync(event(n));
    await pause(20);
  }
  for (const seen of await Promise.all(readings)) assert.deepEqual(seen, [0, 1, 2, 3, 4]);
  for (const { writer, reader } of pairs) await Promise.all([writer.close(), reader.close()]);
});

test('with one thread in the pool followers leave it to others', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const said = await run(`
    import fs from 'node:fs';
    import { openSync } from 'runestore';
    const writer = openSync(${JSON.stringify(place)}, { sync: 'never' });
    const reader = openSync(${JSON.stringify(place)}, { read_only: true });
    const following = reader.follow().next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    for (let turn = 0; turn < 5; turn += 1) await fs.promises.readFile(process.execPath.length ? '/proc/self/stat' : '');
    const took = performance.now() - began;
    writer.appendSync({ type: 'Opened', domain: 'account', instance_id: 'a-1' });
    console.log((await following).value.type, took < 500 || took);
    await reader.close();
    await writer.close();
  `, { env: { UV_THREADPOOL_SIZE: '1' } });
  assert.equal(said, 'Opened true\n');
});

test('a signal ends a wait with an AbortError, and leaves no listener behind', async () => {
  const store = await open();
  store.appendSync([event(1), event(2)]);
  const controller = new AbortController();
  const { signal } = controller;
  const follower = store.follow({}, { signal });
  assert.deepEqual([(await follower.next()).value.data, (await follower.next()).value.data], [1, 2]);
  const next = follower.next();
  const waits = [store.wait(2, { signal }), store.wait(9, { signal, timeout: 60_000 })];
  const inTime = await store.wait(2, { signal, timeout: 5 });
  assert.equal(inTime, null);
  await pause(50);
  const reason = new Error('enough');
  const ended = Promise.allSettled([next, ...waits]);
  controller.abort(reason);
  for (const { reason: error } of await ended) {
    assert.deepEqual([error?.name, error?.code, error?.cause], ['AbortError', 'ABORT_ERR', reason]);
  }
  assert.deepEqual(await follower.next(), { value: undefined, done: true });
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  // Aborted before.
  await assert.rejects(store.follow({}, { signal }).next(), { name: 'AbortError' });
  await assert.rejects(store.cursor({}, { signal }).next(), { name: 'AbortError' });
  await assert.rejects(store.wait(2, { signal }), { name: 'AbortError' });
  // With events at hand.
  const again = new AbortController();
  await assert.rejects(async () => {
    for await (const { data } of store.follow({}, { signal: again.signal })) {
      assert.equal(data, 1);
      again.abort();
    }
  }, { name: 'AbortError' });
  assert.equal(store.appendSync(event(3)).length, 1);
  await store.close();
});

test('break and return end a follower that waits, and dispose does', async () => {
  const store = await open();
  const follower = store.follow();
  const turns = [follower.next(), follower.next()];
  await pause(30);
  assert.deepEqual(await follower.return('value'), { value: 'value', done: true });
  assert.deepEqual(await Promise.all(turns), [{ value: undefined, done: true }, { value: undefined, done: true }]);
  const another = store.follow();
  const next = another.next();
  await another[Symbol.asyncDispose]();
  assert.equal((await next).done, true);
  await store.close();
});

test('closing the store ends all that wait and read with ClosedError', async () => {
  for (const way of ['close', 'closeSync']) {
    const store = openSync();
    store.appendSync(event(1));
    const followers = [store.follow(), store.follow({ type: 'None' }), store.follow({}, { after: 1 })];
    assert.equal((await followers[0].next()).value.data, 1);
    const waiting = [...followers.map((follower) => follower.next()), store.wait(1), store.wait(1, { timeout: 60_000 })];
    await pause(50);
    const began = performance.now();
    const ended = Promise.allSettled(waiting);
    await store[way]();
    for (const { reason } of await ended) assert.ok(reason instanceof ClosedError, String(reason));
    assert.ok(performance.now() - began < 5000);
    await assert.rejects(followers[0].next(), ClosedError);
  }
});

test('closing ends what keeps the pool busy, and what waits for its turn', async () => {
  const store = openSync();
  store.appendSync(Array.from({ length: SLOW_EVENTS }, (_, n) => event(n, { tags: ['t1', 't2'] })));
  const began = performance.now();
  assert.equal(store.getEventsSync(...SLOW).pagination.total_count, SLOW_EVENTS);
  const one = performance.now() - began;
  const ends = [];
  const reads = Array.from({ length: 40 }, () => store.getEvents(...SLOW).then(() => ends.push('read'), ({ code }) => ends.push(code)));
  // A few are in the pool's threads, some are handed to it, and the others wait for their turn.
  await pause(one / 4);
  await store.close();
  await Promise.all(reads);
  assert.deepEqual(ends, Array(40).fill('closed'), `one read takes ${one} ms`);
});

test('what is appended through the same store needs no thread to be heard of', async () => {
  const said = await run(`
    import { createRequire } from 'node:module';
    import { openSync } from 'runestore';
    const native = createRequire(import.meta.url)(${JSON.stringify(path.join(PACKAGE, 'lib', 'native.js'))});
    const event = (data) => ({ type: 'Opened', domain: 'account', instance_id: 'a-1', data });
    // The thread that waits for all never answers.
    native.soon = () => new Promise(() => {});
    const [store, source] = [openSync(), openSync()];
    source.appendSync([event(0), event(1)]);
    const follower = store.follow();
    for (const append of [() => source.copyTo(store), () => store.appendSync(event(2)), () => store.append(event(3))]) {
      const next = follower.next();
      await new Promise((resolve) => setTimeout(resolve, 20));
      await append();
      console.log((await next).value.data);
      if (follower.position === 1) console.log((await follower.next()).value.data);
    }
    process.exit();
  `);
  assert.equal(said, '0\n1\n2\n3\n');
});

test('each cursor that was opened is closed, however it ends', async (t) => {
  const { async: call } = native;
  t.after(() => { native.async = call; });
  const counts = { cursorOpen: 0, cursorClose: 0 };
  native.async = (name, ...parameters) => {
    if (name in counts) counts[name] += 1;
    return call(name, ...parameters);
  };
  const store = openSync();
  store.appendSync([event(1), event(2)]);
  const ended = async (ends, opened) => {
    const before = counts.cursorOpen;
    await ends();
    assert.equal(counts.cursorOpen - before, opened, String(ends));
    assert.equal(counts.cursorClose, counts.cursorOpen, String(ends));
  };
  await ended(() => take(store.cursor(), 9), 1);
  await ended(() => take(store.cursor(), 1), 1);
  await ended(() => take(store.follow({}, { limit: 2 }), 9), 1);
  await ended(() => store.cursor().return(), 0);
  await ended(() => assert.rejects(take(store.follow({}, { signal: AbortSignal.timeout(20) }), 9), { name: 'AbortError' }), 1);
  await ended(async () => {
    // Ended while it is being opened.
    const cursor = store.cursor();
    const next = cursor.next();
    await cursor.return();
    assert.equal((await next).done, true);
  }, 1);
  await ended(async () => {
    const [waiting, left] = [store.follow({}, { after: 2 }), store.cursor()];
    const next = waiting.next();
    await left.next();
    await pause(20);
    const closed = assert.rejects(next, ClosedError);
    await store.close();
    await closed;
  }, 2);
});

test('interrupt ends waits, which may go on', async () => {
  const store = await open();
  const follower = store.follow();
  const [next, wait] = [follower.next(), store.wait(0)];
  await pause(50);
  const ended = Promise.allSettled([next, wait]);
  store.interrupt();
  for (const { reason } of await ended) assert.ok(reason instanceof InterruptedError, String(reason));
  const again = follower.next();
  store.appendSync(event(1));
  assert.equal((await again).value.data, 1);
  await follower.return();
  await store.close();
});

test('a follower keeps the program alive, and one that ended does not', async () => {
  const began = performance.now();
  const said = await run(`
    import { openSync } from 'runestore';
    const store = openSync();
    setTimeout(() => store.appendSync({ type: 'Opened', domain: 'account', instance_id: 'a-1' }), 600).unref();
    for await (const { type } of store.follow()) { console.log(type); break; }
  `);
  assert.equal(said, 'Opened\n');
  assert.ok(performance.now() - began < 30_000);
});

test('threads of JavaScript open stores of their own, and one that is ended while it follows does no harm', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const store = openSync(place, { sync: 'never' });
  const program = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { openSync } = require(workerData.package);
    (async () => {
      const reader = openSync(workerData.place, { read_only: true });
      parentPort.postMessage('ready');
      for await (const { data } of reader.follow()) parentPort.postMessage(data);
    })();`;
  const workers = Array.from({ length: 2 }, () => new Worker(program, { eval: true, workerData: { place, package: PACKAGE } }));
  const seen = workers.map(() => []);
  workers.forEach((worker, at) => worker.on('message', (message) => seen[at].push(message)));
  await until(() => seen.every((messages) => messages.length === 1), 'the workers');
  for (let n = 0; n < 10; n += 1) await store.append(event(n));
  await until(() => seen.every((messages) => messages.length === 11), 'the events');
  for (const messages of seen) assert.deepEqual(messages, ['ready', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  assert.equal((await store.append(event(10)))[0].sequence_number, 11);
  await store.close();
});
