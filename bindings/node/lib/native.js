'use strict';
// The functions of the C interface, each to be called in this thread (`sync`) or in one of libuv's pool (`async`). Texts are
// Buffers or null, handles and positions are BigInts; the answer is {status, answer, value}. Whoever is above this line
// never sees a pointer: what the library hands out is copied and freed here.

const { load } = require('./library.js');

const OK = 0;
const DONE = 1;
const TIMEOUT = 2;
const CLOSED = -2;
const INTERRUPTED = -19;

/** How many threads libuv's pool has: it reads the variable once, when it is first used. */
const POOL = Math.min(Math.max(Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) || 1, 1), 1024);

// No more calls than keep the pool busy are handed to it; the others wait here. So a read of a file or a look-up of a name
// waits for a few calls at most, however many appends a program has begun; and koffi refuses more than 256.
const LIMIT = Math.min(2 * POOL, 192);

// A text without a byte is not an absent one: its pointer is not NULL.
const EMPTY = Buffer.alloc(1);
const at = (text) => (text === null ? null : text.length === 0 ? EMPTY : text);
const size = (text) => (text === null ? 0 : text.length);

/** Where a call writes its outputs. The memory is the ArrayBuffer's, which V8 does not move. */
class Outputs {
  constructor() {
    const memory = new ArrayBuffer(24);
    this.out = new BigUint64Array(memory, 0, 1);
    this.len = new BigUint64Array(memory, 8, 1);
    this.value = new BigUint64Array(memory, 16, 1);
  }

  clear() {
    this.out[0] = 0n;
    this.len[0] = 0n;
    this.value[0] = 0n;
  }
}

const none = null;
const FUNCTIONS = {
  init: ['store_init', (o, config) => [at(config), size(config), o.value, o.out, o.len]],
  close: ['store_close', (o, store) => [store, o.out, o.len]],
  append: ['store_append', (o, store, events, options) => [store, at(events), size(events), at(options), size(options), o.out, o.len]],
  getEvents: ['store_get_events', (o, store, query, options) => [store, at(query), size(query), at(options), size(options), o.out, o.len]],
  wait: ['store_wait', (o, store, after, timeout) => [store, after, timeout, o.value, o.out, o.len]],
  tracking: ['store_tracking', (o, store, source) => [store, at(source), size(source), o.value, o.out, o.len]],
  interrupt: ['store_interrupt', (o, store) => [store]],
  info: ['store_info', (o, store) => [store, o.out, o.len]],
  verify: ['store_verify', (o, store) => [store, none, 0, o.out, o.len]],
  backup: ['store_backup', (o, store, path) => [store, at(path), size(path), none, 0, o.out, o.len]],
  copy: ['store_copy', (o, store, target) => [store, target, none, 0, o.out, o.len]],
  cursorOpen: ['store_cursor_open', (o, store, query, options) => [store, at(query), size(query), at(options), size(options), o.value, o.out, o.len]],
  cursorNext: ['store_cursor_next', (o, cursor, max, timeout) => [cursor, max, timeout, o.value, o.out, o.len]],
  cursorCancel: ['store_cursor_cancel', (o, cursor) => [cursor]],
  cursorClose: ['store_cursor_close', (o, cursor) => [cursor]],
};

/** What a call has answered; `bytes` asks for a Buffer where it succeeded, which else is a string. */
function result(library, status, outputs, bytes) {
  const pointer = outputs.out[0];
  let answer = null;
  if (pointer !== 0n) {
    const length = Number(outputs.len[0]);
    try {
      if (bytes && status === OK) {
        answer = Buffer.allocUnsafe(length);
        if (length > 0) library.memcpy(answer, pointer, length);
      } else {
        answer = length === 0 ? '' : library.string(pointer, length);
      }
    } finally {
      library.store_free(pointer);
    }
  }
  return { status, answer, value: outputs.value[0] };
}

const own = new Outputs();

/** Calls a function in this thread. Nothing of JavaScript runs meanwhile, so one place for outputs will do. */
function sync(name, bytes, ...parameters) {
  const library = load();
  const [symbol, lay] = FUNCTIONS[name];
  own.clear();
  const status = library[symbol](...lay(own, ...parameters));
  return result(library, status, own, bytes);
}

let running = 0;
let first = null;
let last = null;
const spare = [];

/** Calls a function in a thread of the pool, in turn. */
function async(name, bytes, ...parameters) {
  return new Promise((resolve, reject) => {
    const job = { name, bytes, parameters, resolve, reject, next: null };
    if (running < LIMIT) return begin(job);
    if (first === null) first = job;
    else last.next = job;
    last = job;
  });
}

/** The same, before all that wait for their turn. */
function soon(name, bytes, ...parameters) {
  return new Promise((resolve, reject) => {
    const job = { name, bytes, parameters, resolve, reject, next: first };
    if (running < LIMIT) return begin(job);
    if (first === null) last = job;
    first = job;
  });
}

function begin(job) {
  running += 1;
  const outputs = spare.pop() ?? new Outputs();
  outputs.clear();
  // The texts and the outputs must outlive the call: this closure, which koffi holds, refers to them.
  const { parameters } = job;
  const end = (error, status) => {
    running -= 1;
    if (first !== null) {
      const job = first;
      first = job.next;
      begin(job);
    }
    if (error) return job.reject(error);
    try {
      job.resolve(result(load(), status, outputs, job.bytes));
    } catch (error) {
      job.reject(error);
    }
    spare.push(outputs);
    parameters.length = 0;
  };
  try {
    const library = load();
    const [symbol, lay] = FUNCTIONS[job.name];
    library[symbol].async(...lay(outputs, ...parameters), end);
  } catch (error) {
    end(error);
  }
}

function version() {
  return load().store_version();
}

function statusName(status) {
  return load().store_status_name(status);
}

module.exports = { OK, DONE, TIMEOUT, CLOSED, INTERRUPTED, POOL, sync, async, soon, version, statusName };
