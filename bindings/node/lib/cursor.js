'use strict';
// Events one after the other, read in pieces.

const native = require('./native.js');
const texts = require('./texts.js');
const waiting = require('./waiting.js');
const { AbortError, fromStatus } = require('./errors.js');

// The size of a piece. While the events of a piece are handed out the loop does not turn, so it is smaller than the core's own
// default: some 1,000 events, a few milliseconds.
const MAX_BYTES = 256 << 10;
const NUMBER_AT = '{"sequence_number":'.length;

const left = new FinalizationRegistry((record) => release(record));

/** Closes the handle of a cursor, once. */
async function release(record) {
  const { handle, state } = record;
  if (handle === null) return;
  record.handle = null;
  state.cursors.delete(record);
  // It says `closed` where the store was closed before: the cursor is released all the same.
  await native.async('cursorClose', false, handle);
}

class EventCursor {
  #store;
  #record;
  #query;
  #options;
  #raw;
  #signal;
  #backward;
  #piece = '';
  #at = 0;
  #pieceEnd = 0;
  #position = 0;
  #reading = null;
  #ended = false;
  #wake = null;

  constructor(store, state, query, given, follow) {
    const { raw, signal, after, ...rest } = given;
    // A store that nobody refers to is closed, so its cursors refer to it.
    this.#store = store;
    this.#record = { handle: null, state };
    this.#query = texts.json(texts.queryAfter(query, follow ? after : undefined), 'query');
    if (!follow && after !== undefined) rest.after = after;
    this.#raw = texts.rawOf(raw);
    this.#signal = signal;
    this.#backward = rest.direction === 'backward';
    this.#options = texts.options({ max_bytes: MAX_BYTES, ...rest }, follow ? { format: 'ndjson', follow: true } : { format: 'ndjson' });
    left.register(this, this.#record, this);
  }

  get position() {
    return this.#position;
  }

  next() {
    if (this.#reading === null && this.#at < this.#piece.length && !this.#stopped()) {
      return Promise.resolve({ value: this.#take(), done: false });
    }
    const before = this.#reading;
    const read = () => this.#read();
    const turn = before === null ? read() : before.then(read, read);
    this.#reading = turn;
    const settled = () => {
      if (this.#reading === turn) this.#reading = null;
    };
    turn.then(settled, settled);
    return turn;
  }

  async return(value) {
    await this.#end();
    return { value, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #stopped() {
    return this.#ended || this.#signal?.aborted || this.#record.state.closing !== null;
  }

  async #read() {
    const { state } = this.#record;
    let known = false;
    for (;;) {
      if (this.#ended) return { value: undefined, done: true };
      if (this.#signal?.aborted) {
        await this.#end();
        throw new AbortError(this.#signal);
      }
      if (state.closing !== null) throw waiting.closed();
      if (this.#at < this.#piece.length) return { value: this.#take(), done: false };
      if (this.#record.handle === null) await this.#open(state);
      if (this.#stopped()) continue;
      const { status, answer, value } = await native.async('cursorNext', this.#raw === 'buffer', this.#record.handle, 0, 0);
      if (this.#stopped()) continue;
      if (status < 0) throw fromStatus(status, answer);
      if (status === native.OK) {
        this.#piece = answer;
        this.#at = 0;
        this.#pieceEnd = Number(value);
        continue;
      }
      this.#position = Number(value);
      if (status === native.DONE) {
        await this.#end();
        continue;
      }
      try {
        known = await waiting.grown(state, value, this.#signal, (wake) => { this.#wake = wake; }, known);
      } catch (error) {
        if (error instanceof AbortError) await this.#end();
        throw error;
      } finally {
        this.#wake = null;
      }
    }
  }

  async #open(state) {
    const { status, answer, value } = await native.async('cursorOpen', false, state.handle, this.#query, this.#options);
    if (status < 0) {
      // A store that is closed says so itself.
      if (state.closing !== null) return;
      throw fromStatus(status, answer);
    }
    this.#record.handle = value;
    state.cursors.add(this.#record);
    // Somebody ended it, or closed the store, while it was being opened.
    if (this.#ended || state.closing !== null) await release(this.#record);
  }

  #take() {
    const piece = this.#piece;
    const raw = this.#raw;
    const end = raw === 'buffer' ? piece.indexOf(10, this.#at) : piece.indexOf('\n', this.#at);
    let event;
    let number;
    if (raw === undefined) {
      event = texts.eventOut(JSON.parse(piece.slice(this.#at, end)));
      number = event.sequence_number;
    } else if (raw === 'text') {
      event = piece.slice(this.#at, end);
      number = Number.parseInt(event.slice(NUMBER_AT, NUMBER_AT + 19), 10);
    } else {
      // A copy: who keeps one event does not keep the piece.
      event = Buffer.from(piece.subarray(this.#at, end));
      number = Number.parseInt(event.toString('latin1', NUMBER_AT, NUMBER_AT + 19), 10);
    }
    this.#at = end + 1;
    if (this.#at === piece.length) {
      this.#position = this.#pieceEnd;
      this.#piece = '';
      this.#at = 0;
    } else if (!this.#backward) {
      this.#position = number;
    }
    return event;
  }

  async #end() {
    if (this.#ended) return;
    this.#ended = true;
    this.#piece = '';
    this.#at = 0;
    this.#wake?.();
    left.unregister(this);
    await release(this.#record);
  }
}

if (Symbol.asyncDispose) {
  EventCursor.prototype[Symbol.asyncDispose] = async function dispose() {
    await this.return();
  };
}

module.exports = { EventCursor, release };
