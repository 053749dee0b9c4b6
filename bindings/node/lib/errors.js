'use strict';
// The errors: one class for each code of the core, mechanically named after it.

const taken = new Set(['name', 'message', 'stack', 'cause', 'code', 'status', 'details']);

class RunestoreError extends Error {
  constructor(message, { code = 'internal', status = -99, details = {}, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
    // They are members as well, but for those that would hide one of every error's own.
    Object.defineProperty(this, 'details', { value: details });
    for (const [name, value] of Object.entries(details)) {
      if (!taken.has(name)) this[name] = value;
    }
  }
}
// On the prototype, where Error has its own: an instance does not list it.
Object.defineProperty(RunestoreError.prototype, 'name', { value: 'RunestoreError', writable: true, configurable: true });

const classes = { __proto__: null };
const byCode = new Map();
const byStatus = new Map();

function define(status, code) {
  const name = `${code.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase())}Error`;
  const kind = {
    [name]: class extends RunestoreError {
      constructor(message, { details, cause } = {}) {
        super(message, { code, status, details, cause });
      }
    },
  }[name];
  Object.defineProperty(kind.prototype, 'name', { value: name, writable: true, configurable: true });
  classes[name] = kind;
  byCode.set(code, kind);
  byStatus.set(status, code);
}

[
  'misuse', 'closed', 'invalid_json', 'invalid_event', 'invalid_query', 'invalid_options', 'conflict', 'duplicate_id',
  'too_large', 'not_found', 'read_only', 'locked', 'io', 'no_space', 'corrupt', 'unsupported', 'engine', 'indeterminate',
  'interrupted', 'forked',
].forEach((code, at) => define(-1 - at, code));
define(-99, 'internal');

/** What ends a wait whose signal was aborted, as Node's own functions have it. */
class AbortError extends Error {
  constructor(signal) {
    super('The operation was aborted', { cause: signal.reason });
    this.code = 'ABORT_ERR';
  }
}
Object.defineProperty(AbortError.prototype, 'name', { value: 'AbortError', writable: true, configurable: true });

/** The library cannot be loaded: it is not there, or not of the version that this package was written for. */
class LibraryError extends Error {
  constructor(message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = 'ERR_RUNESTORE_LIBRARY';
  }
}
Object.defineProperty(LibraryError.prototype, 'name', { value: 'LibraryError', writable: true, configurable: true });

function make(code, message, details) {
  return new (byCode.get(code))(message, { details });
}

/** The error for a status, of which `text` is what the core wrote, or null where the call has no buffer. */
function fromStatus(status, text) {
  if (text === null) {
    const code = byStatus.get(status);
    if (code === undefined) return new RunestoreError(`the library answered ${status}, which this package does not know`, { status });
    return make(code, code, {});
  }
  const { code, message, ...details } = JSON.parse(text);
  const kind = byCode.get(code);
  // A later library of the same major version may know more errors.
  return kind === undefined ? new RunestoreError(message, { code, status, details }) : new kind(message, { details });
}

module.exports = { RunestoreError, AbortError, LibraryError, classes, fromStatus, make };
