import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as runestore from 'runestore';
import { event, folder, pause, run } from './support.mjs';

const { open, openSync, Store } = runestore;
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('both module systems get one package, with the same names', () => {
  const required = createRequire(import.meta.url)('runestore');
  const { default: whole, ...names } = runestore;
  assert.equal(whole, required);
  assert.deepEqual(Object.keys(names).sort(), Object.keys(required).sort());
  for (const name of Object.keys(names)) assert.equal(names[name], required[name], name);
  assert.match(runestore.libraryVersion(), /^\d+\.\d+\.\d+/);
});

test('an event comes back with what the store adds', async () => {
  const store = await open();
  const [stored] = await store.append(event({ owner: 'Ada', at: new Date(0) }, { tags: ['vip'] }), { expected_version: 0 });
  assert.match(stored.id, UUID7);
  assert.ok(Math.abs(Date.parse(stored.inserted_at) - Date.now()) < 60_000);
  assert.deepEqual(stored, {
    sequence_number: 1, id: stored.id, type: 'Opened', domain: 'account', instance_id: 'a-1', stream_version: 1, version: 1,
    inserted_at: stored.inserted_at, tags: ['vip'], data: { owner: 'Ada', at: '1970-01-01T00:00:00.000Z' }, metadata: {},
  });
  assert.deepEqual(await store.getEvents(), [stored]);
  assert.deepEqual(store.getEventsSync({ domain: 'account' }), [stored]);
  await store.close();
});

test('a batch is any iterable, or JSON text, and is appended here or in the pool', async () => {
  const store = await open();
  const two = function* two() {
    yield event(1);
    yield event(2);
  };
  assert.deepEqual((await store.append(two())).map(({ data }) => data), [1, 2]);
  assert.deepEqual(store.appendSync(new Set([event(3)])).map(({ data }) => data), [3]);
  assert.deepEqual(await store.append(JSON.stringify(event(4)), { return: 'summary' }), { first: 4, last: 4, count: 1, head: 4 });
  assert.deepEqual(store.appendSync(Buffer.from(JSON.stringify([event(5)])), { return: 'summary' }), { first: 5, last: 5, count: 1, head: 5 });
  assert.deepEqual(await store.append([], { return: 'summary' }), { first: null, last: null, count: 0, head: 5 });
  assert.deepEqual(store.getEventsSync().map(({ data }) => data), [1, 2, 3, 4, 5]);
  await store.close();
});

test('a text that is changed while it is appended is stored as it was', async () => {
  const store = await open();
  const text = Buffer.from(JSON.stringify(event('before')));
  const appended = store.append(text);
  text.fill(' ');
  assert.equal((await appended)[0].data, 'before');
  await store.close();
});

test('reads: queries, order, pages, texts', async () => {
  const store = await open();
  store.appendSync([event(1), event(2, { type: 'Closed' }), event(3, { instance_id: 'a-2', inserted_at: new Date(0) })]);
  const data = async (query, options) => (await store.getEvents(query, options)).map((found) => found.data);
  assert.deepEqual(await data({ type: 'Opened' }), [1, 3]);
  assert.deepEqual(await data([{ type: 'Closed' }, { instance_id: ['a-2', 'a-3'] }]), [2, 3]);
  assert.deepEqual(await data('{"type":"Closed"}'), [2]);
  assert.deepEqual(await data(Buffer.from('[]')), []);
  assert.deepEqual(await data({ to: new Date(1) }), [3]);
  assert.deepEqual(await data(null, { direction: 'backward', limit: 2 }), [3, 2]);
  assert.deepEqual(await data(undefined, { offset: 1, limit: undefined }), [2, 3]);
  const page = await store.getEvents({}, { pagination: true, limit: 2 });
  assert.deepEqual(page.events.map((found) => found.data), [1, 2]);
  assert.deepEqual(page.pagination, { total_count: 3, page_size: 2, page_number: 1, total_pages: 2, has_next: true, has_prev: false, head: 3 });
  const text = store.getEventsSync({ type: 'Closed' }, { raw: 'text' });
  assert.match(text, /^\[\{"sequence_number":2,.*\}\]$/);
  const lines = await store.getEvents({}, { raw: 'buffer', format: 'ndjson' });
  assert.ok(Buffer.isBuffer(lines));
  assert.equal(lines.toString().split('\n').length, 4);
  assert.equal(await store.getEvents({ type: 'None' }, { raw: 'text', format: 'ndjson' }), '');
  assert.equal((await store.getEvents({ type: 'None' }, { raw: 'buffer', format: 'ndjson' })).length, 0);
  await store.close();
});

test('bytes are stored as bytes and come back as a Buffer, from wherever they are read', async () => {
  const store = await open();
  const bytes = Uint8Array.of(0, 255, 10, 34).subarray(1);
  const [stored] = await store.append(event(bytes));
  assert.ok(Buffer.isBuffer(stored.data));
  assert.deepEqual([...stored.data], [255, 10, 34]);
  assert.deepEqual(Object.keys(stored), Object.keys(store.appendSync(event(1))[0]));
  assert.deepEqual(store.getEventsSync({ up_to: 1 }), [stored]);
  assert.deepEqual(store.getEventsSync({ up_to: 1 }, { pagination: true }).events, [stored]);
  for await (const found of store.cursor({ up_to: 1 })) assert.deepEqual(found, stored);
  assert.match(store.getEventsSync({ up_to: 1 }, { raw: 'text' }), /"data_base64":"\/woi"/);
  // What is read can be appended elsewhere, without its numbers.
  const { sequence_number: _, stream_version: __, ...again } = stored;
  const copy = openSync();
  assert.deepEqual(copy.appendSync([again]), [stored]);
  copy.closeSync();
  await store.close();
});

test('texts keep what JSON.parse would lose', async () => {
  const store = await open();
  const text = '{"type":"Opened","domain":"account","instance_id":"a-1","data":{"b":12345678901234567890,"a":1.0,"a":2}}';
  const raw = await store.append(text, { raw: 'text' });
  assert.ok(raw.includes('"data":{"b":12345678901234567890,"a":1.0,"a":2}'));
  assert.equal(store.getEventsSync(null, { raw: 'text' }), raw);
  assert.equal((await store.append(text, { raw: 'buffer', return: 'summary' })).toString(), '{"first":2,"last":2,"count":1,"head":2}');
  assert.throws(() => store.appendSync(event(10n)), TypeError);
  await assert.rejects(store.append(event(10n)), TypeError);
  assert.equal(store.headSync(), 2);
  await store.close();
});

test('strings: all of Unicode but what is none', async () => {
  const store = await open();
  const data = 'é \u0000 \u{1f600} \u2028 "\\';
  assert.equal((await store.append(event(data)))[0].data, data);
  await assert.rejects(store.append(event('\ud800')), { code: 'invalid_json' });
  // As a text it would be another one in UTF-8.
  await assert.rejects(store.append('{"type":"\ud800"}'), { code: 'invalid_json', in: 'events' });
  await assert.rejects(store.tracking('\udc00'), { code: 'invalid_json', in: 'source' });
  assert.equal(await store.tracking('é'), 0);
  await store.close();
});

test('tracking, info, head and wait', async () => {
  const store = await open();
  assert.equal(await store.head(), 0);
  await store.append(event(), { tracking: { source: 'mailer', position: 17 } });
  assert.equal(await store.tracking('mailer'), 17);
  assert.equal(store.trackingSync('nobody'), 0);
  assert.deepEqual([store.headSync(), await store.head()], [1, 1]);
  assert.equal((await store.info()).engine, 'memory');
  assert.equal(store.infoSync().events, 1);
  assert.equal(await store.wait(0), 1);
  assert.equal(await store.wait(1n, { timeout: 0 }), null);
  const began = performance.now();
  assert.equal(await store.wait(1, { timeout: 60 }), null);
  assert.ok(performance.now() - began > 55);
  const waiting = store.wait(2, { timeout: Infinity });
  await store.append(event());
  await pause(20);
  store.appendSync(event());
  assert.equal(await waiting, 3);
  for (const after of [-1, 1.5, NaN, 'x', undefined, -1n, 1n << 64n]) await assert.rejects(store.wait(after), { code: 'invalid_options', option: 'after' });
  for (const timeout of [-1, NaN, '1', null]) await assert.rejects(store.wait(9, { timeout }), { code: 'invalid_options', option: 'timeout' });
  assert.equal(await store.wait((1n << 64n) - 1n, { timeout: 1 }), null);
  await store.close();
});

test('a directory: by path, URL or configuration; locked, read beside, verified, backed up, copied', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const store = await open(place, { sync: 'never' });
  await store.append([event(1), event(2)]);
  await assert.rejects(open(place), { code: 'locked', status: -12, path: place });
  assert.throws(() => openSync(place), runestore.LockedError);
  const reader = openSync({ store: 'file', store_opts: { path: place, read_only: true } });
  await assert.rejects(reader.append(event()), runestore.ReadOnlyError);
  assert.equal(reader.headSync(), 2);
  assert.equal((await store.verify()).ok, true);
  const copy = path.join(folder(t), 'copy.runes');
  assert.equal((await store.backup(pathToFileURL(copy))).events, 2);
  await assert.rejects(store.backup(copy), { code: 'invalid_options' });
  const copied = await Store.open(pathToFileURL(copy));
  assert.deepEqual(await copied.getEvents(), await store.getEvents());
  const memory = openSync({ store: 'memory' });
  const waiting = memory.wait(1);
  assert.deepEqual(await store.copyTo(memory), { copied: 2, events: 2, head: 2 });
  assert.equal(await waiting, 2);
  await assert.rejects(memory.copyTo({}), TypeError);
  await assert.rejects(memory.verify(), runestore.UnsupportedError);
  await Promise.all([store, reader, copied, memory].map((each) => each.close()));
  openSync(place, { create: false }).closeSync();
  await assert.rejects(open(`${place}-none`, { create: false }), runestore.NotFoundError);
});

test('a damaged event is told by its place', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const store = openSync(place);
  store.appendSync(event('before'));
  store.appendSync(event('damaged'));
  store.closeSync();
  const log = path.join(place, fs.readdirSync(place).find((name) => name.endsWith('.log')));
  const bytes = fs.readFileSync(log);
  bytes[bytes.indexOf('damaged')] ^= 1;
  fs.writeFileSync(log, bytes);
  const damaged = await open(place, { read_only: true });
  assert.deepEqual((await damaged.verify()).problems.map(({ first }) => first), [2]);
  await assert.rejects(damaged.getEvents(), { name: 'CorruptError', first: 2, file: path.basename(log) });
  assert.equal(damaged.getEventsSync({ up_to: 1 })[0].data, 'before');
  await damaged.close();
});

test('configurations that cannot be meant', async () => {
  await assert.rejects(open('a.runes', { path: 'b.runes' }), { code: 'invalid_options', option: 'path' });
  await assert.rejects(open('postgresql://localhost/a', { url: 'x' }), { code: 'invalid_options', option: 'url' });
  await assert.rejects(open({ store: 'file', store_opts: {} }, { path: 'a' }), { code: 'invalid_options', option: 'store_opts' });
  await assert.rejects(open({ store: 'fiel' }), { code: 'invalid_options' });
  await assert.rejects(open('a.runes', { snyc: 'never' }), { code: 'invalid_options', option: 'snyc' });
  assert.throws(() => openSync(17), { code: 'invalid_options' });
  assert.throws(() => new Store(), TypeError);
});

test('many calls at once: all are answered, and a file is read meanwhile', async () => {
  const store = await open();
  let answered = 0;
  const appends = Array.from({ length: 5000 }, (_, n) => store.append(event(n)).then(([stored]) => {
    answered += 1;
    return stored.sequence_number;
  }));
  await fs.promises.readFile(new URL(import.meta.url));
  // A few calls at a time are in the pool, so the file came between.
  assert.ok(answered < 5000, String(answered));
  const numbers = await Promise.all(appends);
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 5000 }, (_, n) => n + 1));
  await store.close();
});

test('a store that is not closed is closed when the process ends', async (t) => {
  const place = path.join(folder(t), 'ledger.runes');
  const program = (end) => `
    import { open, openSync } from 'runestore';
    const store = await open(${JSON.stringify(place)}, { sync: { interval_ms: 60_000 } });
    store.appendSync({ type: 'Opened', domain: 'account', instance_id: 'a-1' });
    const follower = store.follow({}, { after: store.headSync() });
    // It comes behind the package's own.
    process.on('exit', () => {
      try { console.log(store.headSync()); } catch (error) { console.log(error.code); }
    });
    ${end}`;
  const began = performance.now();
  assert.equal(await run(program('follower.next().catch(() => {}); await new Promise(setImmediate); process.exit(0);')), 'closed\n');
  assert.equal(await run(program('await openSync().close();')), 'closed\n');
  assert.ok(performance.now() - began < 20_000);
  const store = openSync(place, { read_only: true });
  assert.equal(store.headSync(), 2);
  assert.equal(store.infoSync().epoch, 2);
  store.closeSync();
});
