'use strict';
// The store.

const { fileURLToPath } = require('node:url');
const native = require('./native.js');
const texts = require('./texts.js');
const waiting = require('./waiting.js');
const { EventCursor, release } = require('./cursor.js');
const { fromStatus, make } = require('./errors.js');

/** How often a store that is being closed has its calls end, in milliseconds. */
const NUDGE = 20;

/** The states of all stores that are open, to close them when the process ends. */
const open = new Set();
const left = new FinalizationRegistry((state) => {
  // Nobody is there to hear of an error.
  close(state).catch(() => {});
});

function begin(handle) {
  if (open.size === 0) process.on('exit', atExit);
  const state = {
    handle,
    /** The promise of `close`, once that was called. */
    closing: null,
    /** The head as far as those who wait know it. */
    head: 0n,
    waiters: new Set(),
    cursors: new Set(),
  };
  open.add(state);
  return state;
}

function forget(state) {
  open.delete(state);
  if (open.size === 0) process.off('exit', atExit);
}

function atExit() {
  for (const state of [...open]) {
    if (state.closing === null) native.sync('close', false, state.handle);
  }
}

function close(state) {
  if (state.closing === null) {
    // `closing` is set before anybody runs who is told.
    let settle;
    state.closing = new Promise((resolve) => { settle = resolve; });
    waiting.failAll(state, waiting.closed);
    settle(closeNow(state));
  }
  return state.closing;
}

async function closeNow(state) {
  // The pool's threads may all be in calls on this store, or have such calls before them, so `store_close` would come to
  // its turn when these are done. They end as it would end them, by `store_interrupt`; `check` says that it was a close.
  const nudge = () => native.sync('interrupt', false, state.handle);
  nudge();
  const timer = setInterval(nudge, NUDGE);
  try {
    const { status, answer } = await native.soon('close', false, state.handle);
    if (status < 0) throw fromStatus(status, answer);
  } finally {
    clearInterval(timer);
    forget(state);
    await Promise.all([...state.cursors].map(release));
  }
}

/** The result of a call on an open store, or its error. */
function check(state, result) {
  if (result.status >= 0) return result;
  if (result.status === native.INTERRUPTED && state.closing !== null) throw waiting.closed();
  throw fromStatus(result.status, result.answer);
}

function config(target, storeOpts) {
  if (target instanceof URL) target = target.protocol === 'file:' ? fileURLToPath(target) : target.href;
  if (target === undefined || target === null) target = { store: 'memory' };
  if (typeof target !== 'string') {
    if (storeOpts === undefined) return texts.json(target, 'config');
    if (target.store_opts !== undefined) {
      throw make('invalid_options', 'config: `store_opts` are given twice: give one of them', { option: 'store_opts' });
    }
    return texts.json({ ...target, store_opts: storeOpts }, 'config');
  }
  const [store, option] = /^postgres(?:ql)?:\/\//.test(target) ? ['postgres', 'url'] : ['file', 'path'];
  if (storeOpts?.[option] !== undefined) {
    throw make('invalid_options', `config: \`${option}\` is the target already: give one of them`, { option });
  }
  return texts.json({ store, store_opts: { [option]: target, ...storeOpts } }, 'config');
}

function position(value, option) {
  if (typeof value === 'bigint' ? value >= 0n && value < 1n << 64n : Number.isSafeInteger(value) && value >= 0) return BigInt(value);
  throw make('invalid_options', `\`${option}\` must be a position, an integer from 0 on`, { option });
}

/** What an append was asked to answer. */
function appended({ answer }, raw) {
  return raw !== undefined ? answer : answer.startsWith('[') ? texts.eventsOut(answer) : JSON.parse(answer);
}

function found({ answer }, raw) {
  if (raw !== undefined) return answer;
  if (answer.startsWith('[')) return texts.eventsOut(answer);
  const page = JSON.parse(answer);
  page.events = page.events.map(texts.eventOut);
  return page;
}

function reading(options) {
  const { raw, ...rest } = options;
  if (texts.rawOf(raw) === undefined && rest.format !== undefined) {
    throw make('invalid_options', "options: `format` is of texts: give `raw: 'text'` or `raw: 'buffer'` with it", { option: 'format' });
  }
  return [raw, texts.options(rest)];
}

function appending(options) {
  const { raw, ...rest } = options;
  return [texts.rawOf(raw), texts.options(rest)];
}

const KEY = Symbol('runestore');

class Store {
  #state;

  constructor(key, handle) {
    if (key !== KEY) throw new TypeError('a store is opened by Store.open, or Store.openSync');
    this.#state = begin(handle);
    left.register(this, this.#state, this);
  }

  static async open(target, storeOpts) {
    const { status, answer, value } = await native.async('init', false, config(target, storeOpts));
    if (status < 0) throw fromStatus(status, answer);
    return new Store(KEY, value);
  }

  static openSync(target, storeOpts) {
    const { status, answer, value } = native.sync('init', false, config(target, storeOpts));
    if (status < 0) throw fromStatus(status, answer);
    return new Store(KEY, value);
  }

  async append(events, options = {}) {
    const [raw, opts] = appending(options);
    const result = await native.async('append', raw === 'buffer', this.#state.handle, texts.eventsIn(events), opts);
    check(this.#state, result);
    waiting.poke(this.#state);
    return appended(result, raw);
  }

  appendSync(events, options = {}) {
    const [raw, opts] = appending(options);
    const result = check(this.#state, native.sync('append', raw === 'buffer', this.#state.handle, texts.eventsIn(events), opts));
    waiting.poke(this.#state);
    return appended(result, raw);
  }

  async getEvents(query, options = {}) {
    const [raw, opts] = reading(options);
    const result = await native.async('getEvents', raw === 'buffer', this.#state.handle, texts.json(query, 'query'), opts);
    return found(check(this.#state, result), raw);
  }

  getEventsSync(query, options = {}) {
    const [raw, opts] = reading(options);
    return found(check(this.#state, native.sync('getEvents', raw === 'buffer', this.#state.handle, texts.json(query, 'query'), opts)), raw);
  }

  cursor(query, options = {}) {
    return new EventCursor(this, this.#state, query, options, false);
  }

  follow(query, options = {}) {
    return new EventCursor(this, this.#state, query, options, true);
  }

  async wait(after, { timeout, signal } = {}) {
    const behind = position(after, 'after');
    if (timeout !== undefined && !(typeof timeout === 'number' && timeout >= 0)) {
      throw make('invalid_options', '`timeout` must be a number of milliseconds, from 0 on', { option: 'timeout' });
    }
    const end = timeout === undefined ? Infinity : performance.now() + timeout;
    let timer;
    let known = false;
    try {
      for (;;) {
        const { status, value } = check(this.#state, await native.async('wait', false, this.#state.handle, behind, 0));
        if (status === native.OK) return Number(value);
        const rest = end - performance.now();
        if (rest <= 0) return null;
        known = await waiting.grown(this.#state, behind, signal, (wake) => {
          clearTimeout(timer);
          // Longer than a timer can be: it looks then, and waits on.
          if (rest < Infinity) timer = setTimeout(wake, Math.min(Math.ceil(rest), 2 ** 31 - 1));
        }, known);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async head() {
    return Number(check(this.#state, await native.async('wait', false, this.#state.handle, 0n, 0)).value);
  }

  headSync() {
    return Number(check(this.#state, native.sync('wait', false, this.#state.handle, 0n, 0)).value);
  }

  async tracking(source) {
    return Number(check(this.#state, await native.async('tracking', false, this.#state.handle, texts.bytes(String(source), 'source'))).value);
  }

  trackingSync(source) {
    return Number(check(this.#state, native.sync('tracking', false, this.#state.handle, texts.bytes(String(source), 'source'))).value);
  }

  async info() {
    return JSON.parse(check(this.#state, await native.async('info', false, this.#state.handle)).answer);
  }

  infoSync() {
    return JSON.parse(check(this.#state, native.sync('info', false, this.#state.handle)).answer);
  }

  async verify() {
    return JSON.parse(check(this.#state, await native.async('verify', false, this.#state.handle)).answer);
  }

  async backup(path) {
    const text = path instanceof URL ? fileURLToPath(path) : String(path);
    return JSON.parse(check(this.#state, await native.async('backup', false, this.#state.handle, texts.bytes(text, 'path'))).answer);
  }

  async copyTo(target) {
    if (!(target instanceof Store)) throw new TypeError('the target of a copy is an open Store');
    try {
      return JSON.parse(check(this.#state, await native.async('copy', false, this.#state.handle, target.#state.handle)).answer);
    } finally {
      // Also what was copied before an error stays.
      waiting.poke(target.#state);
    }
  }

  interrupt() {
    check(this.#state, native.sync('interrupt', false, this.#state.handle));
    waiting.failAll(this.#state, () => make('interrupted', 'the wait was interrupted: go on waiting, if you like', {}));
  }

  async close() {
    left.unregister(this);
    await close(this.#state);
  }

  closeSync() {
    const state = this.#state;
    if (state.closing !== null) return;
    left.unregister(this);
    state.closing = Promise.resolve();
    waiting.failAll(state, waiting.closed);
    const { status, answer } = native.sync('close', false, state.handle);
    forget(state);
    for (const record of [...state.cursors]) release(record);
    if (status < 0) throw fromStatus(status, answer);
  }
}

if (Symbol.asyncDispose) {
  Store.prototype[Symbol.asyncDispose] = function dispose() {
    return this.close();
  };
}
if (Symbol.dispose) {
  Store.prototype[Symbol.dispose] = function dispose() {
    this.closeSync();
  };
}

module.exports = { Store };
