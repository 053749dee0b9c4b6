// Every case of `tests/vectors`, through the package: below its public classes, which could not express a broken text.
// `tests/vectors/README.md` says what the cases mean.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { SOURCE, folder, internal } from './support.mjs';

const native = internal('native');
const FOLDER = path.join(SOURCE, 'tests', 'vectors');
const FILES = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort();
const EXPECTED = ['call', 'note', 'status', 'answer', 'position', 'head', 'details', 'message_has'];
const INPUTS = {
  append: ['events', 'options'], get_events: ['query', 'options'], cursor_open: ['query', 'options', 'cursor'],
  cursor_next: ['cursor', 'max_events', 'timeout_ms'], cursor_cancel: ['cursor'], cursor_close: ['cursor'],
  wait: ['after', 'timeout_ms'], tracking: ['source'], info: [], status_name: ['code'],
};
// On the memory engine each call is made in this thread and in the pool's; on the file engine in the pool's.
const WAYS = [['memory', 'sync'], ['memory', 'async'], ['file', 'async']];
const counts = { files: 0, cases: 0, steps: 0, answers: 0, positions: 0 };

function textOf(value, texts) {
  if (typeof value === 'string') return Buffer.from(value);
  if (Array.isArray(value)) return Buffer.concat(value.map((part) => textOf(part, texts)));
  const members = Object.keys(value).sort().join();
  if (members === 'repeat,times') return Buffer.alloc(Buffer.byteLength(value.repeat) * value.times, value.repeat);
  if (members === 'hex') return Buffer.from(value.hex, 'hex');
  if (members === 'use' && texts) return textOf(texts[value.use]);
  throw new Error(`${JSON.stringify(value)} is no part of a text`);
}

function outcome({ status, answer, value }) {
  return { status: native.statusName(status), answer: answer === null ? null : Buffer.from(answer), value };
}

async function step(step, call, store, cursors, texts) {
  const text = (member) => (member in step ? textOf(step[member], texts) : null);
  const cursor = () => cursors.get(step.cursor);
  switch (step.call) {
    case 'append': return call('append', true, store, text('events'), text('options'));
    case 'get_events': return call('getEvents', true, store, text('query'), text('options'));
    case 'cursor_open': {
      const answer = await call('cursorOpen', true, store, text('query'), text('options'));
      cursors.set(step.cursor, answer.value);
      return answer;
    }
    case 'cursor_next': return call('cursorNext', true, cursor(), step.max_events, step.timeout_ms);
    case 'cursor_cancel': return call('cursorCancel', true, cursor());
    case 'cursor_close': return call('cursorClose', true, cursor());
    case 'wait': return call('wait', true, store, BigInt(step.after), step.timeout_ms);
    case 'tracking': return call('tracking', true, store, text('source'));
    case 'info': return call('info', true, store);
    case 'status_name': return { status: 0, answer: native.statusName(step.code), value: 0n };
    default: throw new Error(`there is no call ${step.call}`);
  }
}

function check(step, found, texts) {
  assert.equal(found.status, step.status, found.answer?.toString().slice(0, 600));
  const failed = !['ok', 'done', 'timeout'].includes(found.status);
  const closes = step.call === 'cursor_cancel' || step.call === 'cursor_close';
  const members = found.answer !== null && (failed || step.call === 'info') ? JSON.parse(found.answer) : {};
  if (failed && !closes) {
    assert.equal(members.code, found.status);
    assert.ok(typeof members.message === 'string' && members.message !== '');
  }
  if (found.status === 'done' || found.status === 'timeout') assert.equal(found.answer, null);
  if ('answer' in step) {
    assert.notEqual(found.answer, null);
    sameAnswer(textOf(step.answer, texts), found.answer);
    counts.answers += 1;
  }
  if ('position' in step) {
    const [low, high] = Array.isArray(step.position) ? step.position : [step.position, step.position];
    assert.ok(low <= found.value && found.value <= high, `position ${found.value}`);
    counts.positions += 1;
  }
  if ('head' in step) assert.equal(found.value, BigInt(step.head));
  for (const [name, value] of Object.entries(step.details ?? {})) assert.deepEqual(members[name], value, name);
  for (const part of step.message_has ?? []) assert.ok(members.message.includes(part), members.message);
}

const WILDCARDS = {
  uuid7: '([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})',
  now: '(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z)',
  any: '([^]*?)',
};

function sameAnswer(expected, answer) {
  if (expected.equals(answer)) return;
  // Literals and wildcards take turns; what a wildcard stands for is looked at afterwards.
  const parts = expected.toString().split(/«(.*?)»/);
  const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = parts.map((part, at) => (at % 2 ? WILDCARDS[part] : escaped(part))).join('');
  const found = new RegExp(`^${pattern}$`).exec(answer.toString());
  assert.ok(found, `${expected.toString().slice(0, 600)} was expected, there is ${answer.toString().slice(0, 600)}`);
  const standsFor = { uuid7: [], now: [], any: [] };
  parts.filter((_, at) => at % 2).forEach((wildcard, at) => standsFor[wildcard].push(found[at + 1]));
  assert.equal(new Set(standsFor.uuid7).size, standsFor.uuid7.length, 'an id is there twice');
  assert.ok(new Set(standsFor.now).size <= 1, 'a batch has one time');
  for (const time of standsFor.now.slice(0, 1)) assert.ok(Math.abs(Date.parse(time) - Date.now()) < 300_000, time);
}

for (const [engine, way] of WAYS) {
  for (const name of FILES) {
    test(`${name}, ${engine}, ${way}`, async (t) => {
      // Positions of 2^63-1 are no numbers of JavaScript.
      const file = JSON.parse(fs.readFileSync(path.join(FOLDER, name), 'utf8').replace(/("after": ?)(\d{16,})/g, '$1"$2"'));
      const place = folder(t);
      counts.files += 1;
      for (const [at, one] of file.cases.entries()) {
        counts.cases += 1;
        const opts = engine === 'file' ? { path: path.join(place, String(at)) } : undefined;
        const opened = native.sync('init', false, Buffer.from(JSON.stringify({ store: engine, store_opts: opts })));
        assert.equal(opened.status, 0, opened.answer);
        const cursors = new Map();
        for (const [index, given] of one.steps.entries()) {
          counts.steps += 1;
          const unknown = Object.keys(given).filter((key) => !EXPECTED.includes(key) && !INPUTS[given.call].includes(key));
          assert.deepEqual(unknown, []);
          try {
            check(given, outcome(await step(given, native[way], opened.value, cursors, file.texts ?? {})), file.texts ?? {});
          } catch (error) {
            throw new Error(`${one.name}, step ${index} (${given.call}): ${error.message}`, { cause: error });
          }
        }
        for (const cursor of cursors.values()) native.sync('cursorClose', false, cursor);
        assert.equal(native.sync('close', false, opened.value).status, 0);
      }
    });
  }
}

after(() => {
  console.log(`vectors: ${counts.files} files, ${counts.cases} cases, ${counts.steps} steps, ` +
    `${counts.answers} answers and ${counts.positions} positions compared`);
});

test('all of them were run', () => {
  // These were there when it was written.
  assert.ok(counts.files >= 23 * WAYS.length && counts.cases >= 216 * WAYS.length && counts.steps >= 2560 * WAYS.length, JSON.stringify(counts));
  assert.ok(counts.positions >= 200 * WAYS.length);
});

test('the runner sees a wrong answer', () => {
  for (const [expected, answer] of [
    ['[]', '[ ]'],
    ['«uuid7»', '0190a000-0000-4000-8000-000000000001'],
    ['«uuid7» «uuid7»', '0190a000-0000-7000-8000-000000000001 0190a000-0000-7000-8000-000000000001'],
    ['«now»', '2001-01-01T00:00:00.000000Z'],
    ['a«any»b', 'a b c'],
  ]) assert.throws(() => sameAnswer(Buffer.from(expected), Buffer.from(answer)));
});
