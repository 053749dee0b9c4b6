// What the tests share.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

const require = createRequire(import.meta.url);

/** The package that is tested: the one that `import 'runestore'` finds. */
export const PACKAGE = path.dirname(require.resolve('runestore/package.json'));
/** The repository: tests that were copied out of it are told where it is. */
export const SOURCE = process.env.RUNESTORE_SOURCE ?? path.resolve(PACKAGE, '../..');

/** A module of the package below its public ones. */
export const internal = (name) => require(path.join(PACKAGE, 'lib', `${name}.js`));

/** An event to append. */
export const event = (data, fields = {}) => ({ type: 'Opened', domain: 'account', instance_id: 'a-1', data, ...fields });

/** A directory that goes when the test ends. */
export function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'runestore-node-'));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

export const pause = promisify(setTimeout);

/** Waits for what is about to come and has no event to tell it. */
export async function until(condition, what = 'it') {
  for (let turn = 0; turn < 30_000; turn += 1) {
    if (await condition()) return;
    await pause(2);
  }
  throw new Error(`${what} did not come`);
}

/** A folder in which `import 'runestore'` finds the package that is tested. */
export function project(t) {
  const made = folder(t);
  fs.mkdirSync(path.join(made, 'node_modules'));
  fs.symlinkSync(PACKAGE, path.join(made, 'node_modules', 'runestore'));
  return made;
}

/** What a program prints, in a process of its own, which must end well and say nothing on stderr. */
export async function run(program, { cwd = PACKAGE, env, flags = ['--input-type=module'] } = {}) {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...flags, '-e', program], {
    cwd, env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env }, timeout: 120_000,
  });
  if (stderr !== '') throw new Error(stderr);
  return stdout;
}
