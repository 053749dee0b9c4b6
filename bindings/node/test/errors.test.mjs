import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import * as runestore from 'runestore';
import { event, internal, run } from './support.mjs';

const { open, openSync, RunestoreError } = runestore;
const native = internal('native');
const { fromStatus } = internal('errors');

test('each documented status has its class, code and number', () => {
  const codes = new Map();
  for (const status of [...Array(20).keys()].map((at) => -1 - at).concat(-99)) {
    const code = native.statusName(status);
    const error = fromStatus(status, JSON.stringify({ code, message: 'said', option: 'x' }));
    const name = `${code.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Error`;
    assert.ok(error instanceof runestore[name] && error instanceof RunestoreError && error instanceof Error, name);
    assert.deepEqual([error.name, error.code, error.status, error.message, error.option], [name, code, status, 'said', 'x']);
    assert.deepEqual(error.details, { option: 'x' });
    assert.equal(fromStatus(status, null).code, code);
    codes.set(code, status);
  }
  assert.equal(codes.size, 21);
});

test('an error that only a later library knows is a RunestoreError', () => {
  const error = fromStatus(-21, '{"code":"novel","message":"said","stack":"no","more":1}');
  assert.equal(error.constructor, RunestoreError);
  assert.deepEqual([error.code, error.status, error.message, error.more, error.details.stack], ['novel', -21, 'said', 1, 'no']);
  assert.match(error.stack, /novel|RunestoreError/);
  assert.equal(fromStatus(-21, null).status, -21);
});

test('a conflict has its details as members; the stack names who called', async () => {
  const store = await open();
  await store.append(event());
  async function whoCalled() {
    await store.append(event(), { expected_version: 0 });
  }
  await assert.rejects(whoCalled(), (error) => {
    assert.ok(error instanceof runestore.ConflictError);
    assert.deepEqual({ ...error }, {
      code: 'conflict', status: -7, reason: 'expected_version', expected: 0, actual: 1, domain: 'account', instance_id: 'a-1',
    });
    assert.match(error.stack, /whoCalled/);
    assert.match(String(error), /^ConflictError: expected_version: stream /);
    return true;
  });
  assert.throws(() => store.appendSync(event(), { condition: { fail_if_events_match: {} } }), { code: 'conflict', reason: 'condition', sequence_number: 1 });
  await store.close();
});

test('what is wrong is told with its place, from every call', async () => {
  const store = await open();
  const wrong = [
    [() => store.append({ tpye: 'Opened' }), 'invalid_event', { index: 0, field: 'tpye' }],
    [() => store.append(null), 'invalid_event', {}],
    [() => store.append(), 'misuse', {}],
    [() => store.append('['), 'invalid_json', { in: 'events', offset: 1 }],
    [() => store.append(''), 'invalid_json', { in: 'events' }],
    [() => store.append(event(), { expectedVersion: 0 }), 'invalid_options', { option: 'expectedVersion' }],
    [() => store.append(event(), { raw: 'json' }), 'invalid_options', { option: 'raw' }],
    [() => store.getEvents({ tpye: 'Opened' }), 'invalid_query', { key: 'tpye' }],
    [() => store.getEvents(Buffer.of(255)), 'invalid_json', { in: 'query' }],
    [() => store.getEvents({}, { limit: -1 }), 'invalid_options', { option: 'limit' }],
    [() => store.getEvents({}, { format: 'ndjson' }), 'invalid_options', { option: 'format' }],
    [() => store.getEvents({}, { signal: null }), 'invalid_options', { option: 'signal' }],
    [() => store.cursor({ x: 1 }).next(), 'invalid_query', { key: 'x' }],
    [() => store.cursor({}, { after: 1 }).next(), 'invalid_options', { option: 'after' }],
    [() => store.follow({}, { offset: 1 }).next(), 'invalid_options', { option: 'offset' }],
    [() => store.follow({}, { after: 'x' }).next(), 'invalid_query', { key: 'after' }],
    [() => store.tracking(''), 'invalid_options', {}],
    [() => store.append(Array(100_001).fill(event())), 'too_large', { limit: 100_000, actual: 100_001 }],
  ];
  for (const [call, code, details] of wrong) await assert.rejects(call(), { code, ...details }, String(call));
  assert.throws(() => store.getEventsSync({ tpye: 'Opened' }), { code: 'invalid_query', key: 'tpye' });
  assert.throws(() => store.trackingSync(''), { code: 'invalid_options' });
  assert.equal(store.headSync(), 0);
  await store.close();
});

test('an id that is stored with something else', async () => {
  const store = openSync();
  const id = '0190a000-0000-7000-8000-000000000001';
  const first = store.appendSync(event(1, { id }));
  assert.deepEqual(store.appendSync(event(1, { id })), first);
  await assert.rejects(store.append(event(2, { id })), { name: 'DuplicateIdError', ids: [id] });
  store.closeSync();
});

test('use after close is closed, from every call', async () => {
  const store = await open();
  const other = await open();
  const cursor = store.cursor();
  store.appendSync([event(1), event(2)]);
  assert.equal((await cursor.next()).value.data, 1);
  await store.close();
  await store.close();
  store.closeSync();
  for (const call of [
    () => store.append(event()), () => store.getEvents(), () => store.head(), () => store.wait(0), () => store.tracking('a'), () => store.info(),
    () => store.verify(), () => store.backup('nowhere'), () => store.copyTo(other), () => other.copyTo(store), () => store.cursor().next(),
    () => store.follow().next(), () => cursor.next(),
  ]) await assert.rejects(call(), { name: 'ClosedError', code: 'closed', status: -2 }, String(call));
  for (const call of [
    () => store.appendSync(event()), () => store.getEventsSync(), () => store.headSync(), () => store.trackingSync('a'), () => store.infoSync(),
    () => store.interrupt(),
  ]) assert.throws(call, { code: 'closed' }, String(call));
  assert.deepEqual(await cursor.return(), { value: undefined, done: true });
  other.closeSync();
  await other.close();
});

const failing = (library) => run(`
  import { open, LibraryError } from 'runestore';
  try { await open(); } catch (error) { console.log(error instanceof LibraryError, error.code, error.message); }
`, { env: { RUNESTORE_LIBRARY: library } });

test('a library that is not there, is another one, or has another version', async () => {
  assert.match(await failing('/nowhere/librunestore.so.1'), /^true ERR_RUNESTORE_LIBRARY \/nowhere\/librunestore.so.1 cannot be loaded .*RUNESTORE_LIBRARY names it/);
  assert.match(await failing('libm.so.6'), /^true ERR_RUNESTORE_LIBRARY libm.so.6 is no library of Runestore/);
  const none = await run(`import { openSync } from 'runestore';
    try { openSync(); console.log('the loader finds it'); } catch (error) { console.log(error.message); }`, { env: { RUNESTORE_LIBRARY: '', LD_LIBRARY_PATH: '' } });
  assert.match(none, /^the loader finds it|librunestore\.so\.1 cannot be loaded .*ldconfig.*RUNESTORE_LIBRARY/);
});

// test.sh compiles one that has version 2.3 and nothing else.
test('a library of another major version', { skip: !process.env.RUNESTORE_TEST_OTHER_MAJOR }, async () => {
  const said = await failing(path.resolve(process.env.RUNESTORE_TEST_OTHER_MAJOR));
  assert.match(said, /^true ERR_RUNESTORE_LIBRARY .* has version 2\.3 of the C interface, and this package needs 1\.x: install/);
});
