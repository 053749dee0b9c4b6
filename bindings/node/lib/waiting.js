'use strict';
// Who waits for a store to grow. Any number of followers of any number of stores wait, and one thread of libuv's pool does
// it for all of them, which leaves the others to files, names and the store's own calls. With one store that thread waits in
// `store_wait` for a while, and again; with several it waits for each in turn, for a short while.
//
// What is appended through the same Store needs no thread: `poke` has everybody look again at once.

const native = require('./native.js');
const { AbortError, fromStatus, make } = require('./errors.js');

/** How long the thread waits for the only store, in milliseconds. Another that comes to it waits for so long once. */
const ALONE = 250;
/** How long a round of several stores takes. */
const ROUND = 50;
/** With one thread in the pool, none may wait: so long nobody asks. */
const PAUSE = 10;

/** The stores that somebody waits for, in turn. */
const turns = [];
let running = false;

/** Resolves when the store's head is larger than `after`, as far as is known, or when it is worth to look: with true where that
 * was known before. `ended`, if it is given, is told how to end the wait. `known` is what the call before resolved with, if
 * looking has shown nothing since. */
function grown(state, after, signal, ended, known = false) {
  return new Promise((resolve, reject) => {
    if (state.closing !== null) return reject(closed());
    if (signal?.aborted) return reject(new AbortError(signal));
    if (after < state.head) {
      // The store has grown since the caller looked. If nothing was to be seen all the same, a standby that is behind was asked,
      // and it would be asked without a pause.
      if (known) setTimeout(resolve, PAUSE, true);
      else resolve(true);
      return;
    }
    const end = (how, value) => {
      if (!state.waiters.delete(waiter)) return;
      signal?.removeEventListener('abort', aborted);
      how(value);
    };
    const waiter = { after, wake: () => end(resolve, false), fail: (error) => end(reject, error) };
    const aborted = () => waiter.fail(new AbortError(signal));
    signal?.addEventListener('abort', aborted);
    state.waiters.add(waiter);
    ended?.(waiter.wake);
    if (!turns.includes(state)) turns.push(state);
    if (!running) run();
  });
}

async function run() {
  running = true;
  while (turns.length > 0) {
    const state = turns.shift();
    if (state.waiters.size === 0) continue;
    turns.push(state);
    let status;
    let answer;
    let value;
    try {
      // Until it is larger than the head that is known, and not than what those who wait now have seen: who comes meanwhile
      // may have seen less. Nobody who waits has seen less than that head, since `grown` does not let them wait.
      ({ status, answer, value } = await native.soon('wait', false, state.handle, state.head, slice()));
    } catch (error) {
      failAll(state, () => error);
      continue;
    }
    if (status === native.OK || status === native.TIMEOUT) {
      state.head = value;
      for (const waiter of [...state.waiters]) {
        if (waiter.after < value) waiter.wake();
      }
    } else if (status !== native.INTERRUPTED) {
      // Those who were to be interrupted are so already, by `interrupt`, and who came later is not meant.
      failAll(state, () => fromStatus(status, answer));
    }
    if (native.POOL === 1) await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  running = false;
}

function slice() {
  if (native.POOL === 1) return 0;
  return turns.length === 1 ? ALONE : Math.max(2, Math.floor(ROUND / turns.length));
}

/** Has all who wait for this store look again. */
function poke(state) {
  for (const waiter of [...state.waiters]) waiter.wake();
}

/** Ends the waits for this store, each with an error of its own. */
function failAll(state, error) {
  for (const waiter of [...state.waiters]) waiter.fail(error());
}

function closed() {
  return make('closed', 'the store is closed: open it again', {});
}

module.exports = { grown, poke, failAll, closed };
