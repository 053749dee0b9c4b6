'use strict';
// Values of JavaScript to texts for the core, and back.

const { make } = require('./errors.js');

const isText = (value) => typeof value === 'string' || value instanceof Uint8Array;

// Node.js 18 has no `isWellFormed`.
const isWellFormed = String.prototype.isWellFormed ? (text) => text.isWellFormed() : (text) => !/\p{Surrogate}/u.test(text);

/** The bytes of a text, which a call in another thread may read: nobody else can change or detach them. */
function bytes(text, what) {
  if (typeof text !== 'string') return Buffer.from(text);
  if (!isWellFormed(text)) {
    // It would become U+FFFD without a word.
    throw make('invalid_json', `${what}: an unpaired surrogate is no text: mend the string`, { in: what });
  }
  return Buffer.from(text, 'utf8');
}

/** JSON of a value, or the text that was given in place of one; null where there is nothing. */
function json(value, what) {
  if (value === undefined || value === null) return null;
  return bytes(isText(value) ? value : JSON.stringify(value), what);
}

function eventsIn(events) {
  if (events === undefined) return null;
  if (isText(events)) return bytes(events, 'events');
  if (Array.isArray(events)) return bytes(JSON.stringify(events.some(isBinary) ? events.map(withBase64) : events));
  if (typeof events === 'object' && events !== null && typeof events[Symbol.iterator] === 'function') {
    return bytes(JSON.stringify(Array.from(events, withBase64)));
  }
  return bytes(JSON.stringify(withBase64(events)) ?? 'null');
}

const isBinary = (event) => event?.data instanceof Uint8Array;

function withBase64(event) {
  if (!isBinary(event)) return event;
  const { data, ...rest } = event;
  return { ...rest, data_base64: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64') };
}

/** An event as the program gets it: bytes are a Buffer in `data`, as they were given. */
function eventOut(event) {
  if (event.data_base64 === undefined) return event;
  const { data_base64: base64, metadata, ...rest } = event;
  return { ...rest, data: Buffer.from(base64, 'base64'), metadata };
}

function eventsOut(text) {
  const events = JSON.parse(text);
  for (let at = 0; at < events.length; at += 1) {
    if (events[at].data_base64 !== undefined) events[at] = eventOut(events[at]);
  }
  return events;
}

/** The options for the core; those that are this package's own are taken out first. */
function options(given, added) {
  const all = added === undefined ? given : { ...given, ...added };
  for (const name in all) {
    if (all[name] !== undefined) return bytes(JSON.stringify(all));
  }
  return null;
}

/** Whether Buffers are asked for, strings, or (undefined) objects. */
function rawOf(raw) {
  if (raw === undefined || raw === 'text' || raw === 'buffer') return raw;
  throw make('invalid_options', "options: `raw` must be 'text' or 'buffer'; without it objects are given", { option: 'raw' });
}

/** `after` as a key of the query, beside those that are there. */
function queryAfter(query, after) {
  if (after === undefined) return query;
  if (isText(query)) query = JSON.parse(typeof query === 'string' ? query : Buffer.from(query).toString());
  if (query === undefined || query === null) return { after };
  const one = (part) => (typeof part === 'object' && part !== null && !Array.isArray(part) ? { ...part, after: Math.max(after, part.after ?? 0) } : part);
  return Array.isArray(query) ? query.map(one) : one(query);
}

module.exports = { bytes, json, eventsIn, eventOut, eventsOut, options, rawOf, queryAfter };
