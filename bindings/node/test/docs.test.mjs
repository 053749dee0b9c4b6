// What the README and the example show runs, and prints what they say; the types are right.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { PACKAGE, SOURCE, project, run } from './support.mjs';

const blocks = (folder, language) => [...fs.readFileSync(path.join(folder, 'README.md'), 'utf8').matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block);

/** Runs blocks one after the other, as one program. A comment `// -> text` says what a line prints. */
async function check(found, t, flags) {
  const program = found.join('\n');
  const said = [...program.matchAll(/\/\/ -> (.*)$/gm)].map(([, text]) => text);
  const printed = (await run(program, { cwd: project(t), flags })).trimEnd().split('\n');
  assert.deepEqual(printed, said.length ? said : ['']);
}

test('the README runs', async (t) => {
  const found = blocks(PACKAGE, 'js');
  assert.ok(found.length >= 3 && found.join().match(/\/\/ -> /g).length >= 8);
  await check(found, t);
});

test("the ten lines of the project's README run", async (t) => {
  const found = blocks(SOURCE, 'js');
  assert.ok(found.length === 1 && found[0].includes('// -> '));
  await check(found, t);
});

test('the check sees what is wrong', async (t) => {
  await assert.rejects(check(['console.log(1);  // -> 2\n'], t));
  await assert.rejects(check(['throw new Error();\n'], t));
  await assert.rejects(check(['console.log(1);\n'], t));
});

test('the example runs, in memory and twice in a directory', async (t) => {
  const cwd = project(t);
  for (const [target, events] of [[undefined, 7], ['ledger.runes', 7], ['ledger.runes', 7]]) {
    const argv = JSON.stringify(['node', 'example.mjs', ...(target ? [target] : [])]);
    const said = await run(`process.argv = ${argv};\n${fs.readFileSync(path.join(PACKAGE, 'example.mjs'), 'utf8')}`, { cwd });
    assert.match(said, new RegExp(`^${events} events more; 1 of 6 refused: 0 cents are there, 1000 are wanted$`, 'm'));
    assert.match(said, /^ {2}7 Withdrawn  0$/m);
  }
});

test('the benchmark runs', async (t) => {
  const said = await run(`process.argv = ['node', 'bench.mjs', '100'];\n${fs.readFileSync(path.join(PACKAGE, 'bench.mjs'), 'utf8')}`, { cwd: project(t), env: { ROUNDS: '1' } });
  assert.equal([...said.matchAll(/^\w.* +[\d,]+ \/s +[\d.]+ us$/gm)].length, 9, said);
});

test('the types: what must compile does, and what must not does not', () => {
  const here = path.dirname(new URL(import.meta.url).pathname);
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript')), 'tsc.js');
  try {
    execFileSync(process.execPath, [tsc, '-p', path.join(here, 'tsconfig.json')], { encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout);
  }
});

test('the types name what the package has, and nothing else', async () => {
  const runestore = await import('runestore');
  const types = fs.readFileSync(path.join(PACKAGE, 'index.d.ts'), 'utf8');
  const named = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(named)].sort(), Object.keys(runestore).filter((name) => name !== 'default').sort());
  const store = types.slice(types.indexOf('export class Store'), types.indexOf('export function open'));
  const methods = new Set([...store.matchAll(/^ {2}(?!static|private)(\w+)[<(]/gm)].map(([, name]) => name));
  assert.deepEqual([...methods].sort(), Object.getOwnPropertyNames(runestore.Store.prototype).filter((name) => name !== 'constructor').sort());
});
