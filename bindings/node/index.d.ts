/**
 * Runestore: an event store that a program embeds. `docs/EVENTS.md` in the repository has the rules for events, queries and
 * options, whose names are the same in every language.
 */
/// <reference types="node" />

/** A value of JSON, as far as it can be said of what `JSON.stringify` takes: an object with `toJSON`, such as a Date, is fine. */
export type JsonInput = unknown;

/** An event to append. Any other field is an error. */
export interface NewEvent {
  type: string;
  domain: string;
  instance_id: string;
  /** A UUID of your own makes an append that may be repeated. */
  id?: string | null;
  /** Of the event's schema; 1 where it is not given. */
  version?: number | null;
  /** RFC 3339; the store's clock where it is not given. */
  inserted_at?: string | Date | null;
  tags?: readonly string[] | null;
  /** Any JSON, or bytes, which are stored as such and come back as a Buffer. */
  data?: JsonInput;
  data_base64?: string | null;
  metadata?: object | null;
}

/** An event as it is stored. */
export interface StoredEvent<Data = any> {
  /** The position in the store: 1, 2, 3 … */
  sequence_number: number;
  id: string;
  type: string;
  domain: string;
  instance_id: string;
  /** The position in the stream: 1, 2, 3 … */
  stream_version: number;
  version: number;
  /** RFC 3339 in UTC with six digits: a Date has three. */
  inserted_at: string;
  tags: string[];
  /** What was given; a Buffer where that was bytes. */
  data: Data;
  metadata: Record<string, any>;
}

/** Conditions that all hold. */
export interface Conditions {
  type?: string | readonly string[];
  domain?: string | readonly string[];
  instance_id?: string | readonly string[];
  id?: string | readonly string[];
  /** All of which an event carries. */
  tags?: readonly string[];
  from?: string | Date;
  /** Itself excluded. */
  to?: string | Date;
  after?: number;
  up_to?: number;
  after_version?: number;
}

/** JSON in UTF-8, which is given to the store as it is. */
export type JsonText = string | Uint8Array;

/** Conditions, several of which any will do, or the JSON text of either; null or undefined is every event. */
export type Query = Conditions | readonly Conditions[] | JsonText | null | undefined;

/** One event or several, or the JSON text of either: one atomic batch. */
export type NewEvents = NewEvent | Iterable<NewEvent> | JsonText;

/** Texts in place of objects: strings, or Buffers. They are what is stored, byte for byte. */
export type Raw = 'text' | 'buffer';

export interface AppendOptions {
  /** What the version of the batch's only stream must be; 0 if it must not exist. */
  expected_version?: number | 'exists' | 'any' | null;
  /** The same of streams named one by one. */
  expect?: readonly { domain: string; instance_id: string; version: number | 'exists' | 'any' }[] | null;
  /** A query that no event may match, behind a position. */
  condition?: { fail_if_events_match: Conditions | readonly Conditions[] | null; after?: number } | null;
  /** The position that a reader has handled, recorded in the same step. */
  tracking?: { source: string; position: number } | null;
  /** `'summary'`: where the events are, which costs less than the events. */
  return?: 'events' | 'summary' | null;
  raw?: Raw;
}

/** Where a batch is. */
export interface Summary {
  first: number | null;
  last: number | null;
  count: number;
  head: number;
}

export interface ReadOptions {
  limit?: number | null;
  offset?: number | null;
  direction?: 'forward' | 'backward' | null;
  /** With `raw`: an array, or one event a line. */
  format?: 'array' | 'ndjson' | null;
  /** True: a page, and where it stands. */
  pagination?: boolean | null;
  raw?: Raw;
}

export interface Page<Data = any> {
  events: StoredEvent<Data>[];
  pagination: {
    total_count: number;
    page_size: number;
    page_number: number;
    total_pages: number;
    has_next: boolean;
    has_prev: boolean;
    /** As `up_to` of the query it makes further pages stable. */
    head: number;
  };
}

export interface CursorOptions {
  limit?: number | null;
  offset?: number | null;
  direction?: 'forward' | 'backward' | null;
  /** The size of the pieces that are read; 256 KiB where it is not given. */
  max_bytes?: number | null;
  raw?: Raw;
  /** Ends the iteration with an AbortError. */
  signal?: AbortSignal;
}

export interface FollowOptions {
  /** Begins behind this position. */
  after?: number;
  /** Ends after so many events. */
  limit?: number | null;
  max_bytes?: number | null;
  raw?: Raw;
  signal?: AbortSignal;
}

/** Events one after the other. `break`, `return()` and the end of the events release it. */
export interface EventCursor<Item> extends AsyncIterableIterator<Item> {
  next(): Promise<IteratorResult<Item, undefined>>;
  return(value?: any): Promise<IteratorResult<Item, any>>;
  [Symbol.asyncIterator](): this;
  [Symbol.asyncDispose](): Promise<void>;
  /** Everything up to here was handed out or does not match: the number to keep, and to give as `after` another time. */
  readonly position: number;
}

export interface Info {
  engine: string;
  head: number;
  events: number;
  read_only: boolean;
  version: string;
  bytes?: number;
  segments?: number;
  format?: number;
  epoch?: number;
  path?: string;
  schema?: string;
  sync?: unknown;
  unsupported?: string[];
}

export interface Verified {
  ok: boolean;
  events: number;
  bytes: number;
  problems: { file?: string; offset?: number; message: string; first?: number; last?: number }[];
}

export interface Config {
  store?: string | null;
  store_opts?: object | null;
}

/** An open store. It belongs to the thread that opened it; others open their own. */
export class Store {
  private constructor();

  /**
   * Opens a store: by the path of a directory, by the address of a PostgreSQL database (`postgresql://…`), by a configuration,
   * or without a target in memory. `storeOpts` are the engine's options.
   */
  static open(target?: string | URL | Config | null, storeOpts?: object): Promise<Store>;
  /** The same in this thread. */
  static openSync(target?: string | URL | Config | null, storeOpts?: object): Store;

  /** Stores one event or several as one atomic batch. The stored events. */
  append(events: NewEvents, options: AppendOptions & { raw: 'buffer' }): Promise<Buffer>;
  append(events: NewEvents, options: AppendOptions & { raw: 'text' }): Promise<string>;
  append(events: NewEvents, options: AppendOptions & { return: 'summary'; raw?: undefined }): Promise<Summary>;
  append(events: NewEvents, options?: AppendOptions & { return?: 'events' | null; raw?: undefined }): Promise<StoredEvent[]>;

  /** The same in this thread, which it blocks: on the disk until that has synced, in memory for microseconds. */
  appendSync(events: NewEvents, options: AppendOptions & { raw: 'buffer' }): Buffer;
  appendSync(events: NewEvents, options: AppendOptions & { raw: 'text' }): string;
  appendSync(events: NewEvents, options: AppendOptions & { return: 'summary'; raw?: undefined }): Summary;
  appendSync(events: NewEvents, options?: AppendOptions & { return?: 'events' | null; raw?: undefined }): StoredEvent[];

  /** The events that match, of one moment and in one piece: for what may not fit in memory there is `cursor`. */
  getEvents(query: Query, options: ReadOptions & { raw: 'buffer' }): Promise<Buffer>;
  getEvents(query: Query, options: ReadOptions & { raw: 'text' }): Promise<string>;
  getEvents<Data = any>(query: Query, options: ReadOptions & { pagination: true; raw?: undefined; format?: undefined }): Promise<Page<Data>>;
  getEvents<Data = any>(query?: Query, options?: ReadOptions & { pagination?: false | null; raw?: undefined; format?: undefined }): Promise<StoredEvent<Data>[]>;

  /** The same in this thread. */
  getEventsSync(query: Query, options: ReadOptions & { raw: 'buffer' }): Buffer;
  getEventsSync(query: Query, options: ReadOptions & { raw: 'text' }): string;
  getEventsSync<Data = any>(query: Query, options: ReadOptions & { pagination: true; raw?: undefined; format?: undefined }): Page<Data>;
  getEventsSync<Data = any>(query?: Query, options?: ReadOptions & { pagination?: false | null; raw?: undefined; format?: undefined }): StoredEvent<Data>[];

  /** The events that match when the first is asked for, in memory that does not grow with their number. */
  cursor(query: Query, options: CursorOptions & { raw: 'buffer' }): EventCursor<Buffer>;
  cursor(query: Query, options: CursorOptions & { raw: 'text' }): EventCursor<string>;
  cursor<Data = any>(query?: Query, options?: CursorOptions & { raw?: undefined }): EventCursor<StoredEvent<Data>>;

  /** The events that match, and then each new one as it is committed: nothing skipped, nothing twice. */
  follow(query: Query, options: FollowOptions & { raw: 'buffer' }): EventCursor<Buffer>;
  follow(query: Query, options: FollowOptions & { raw: 'text' }): EventCursor<string>;
  follow<Data = any>(query?: Query, options?: FollowOptions & { raw?: undefined }): EventCursor<StoredEvent<Data>>;

  /** The head, as soon as it is larger than `after`; null if that takes longer than `timeout` milliseconds. */
  wait(after: number | bigint, options: { timeout: number; signal?: AbortSignal }): Promise<number | null>;
  wait(after: number | bigint, options?: { timeout?: undefined; signal?: AbortSignal }): Promise<number>;

  /** The last position, 0 in an empty store. */
  head(): Promise<number>;
  headSync(): number;

  /** The position recorded for a source by the append option `tracking`, 0 if there is none. */
  tracking(source: string): Promise<number>;
  trackingSync(source: string): number;

  info(): Promise<Info>;
  infoSync(): Info;

  /** Reads all that is stored and checks it. Damage is told, not thrown. */
  verify(): Promise<Verified>;
  /** Copies the store, which may be in use, into a new directory, and checks the copy. */
  backup(path: string | URL): Promise<{ events: number; bytes: number; head: number; segments: number }>;
  /** Copies the store into another one, of any engine, and compares the two. What ended early goes on when it is called again. */
  copyTo(target: Store): Promise<{ copied: number; events: number; head: number }>;

  /** Ends the calls in progress with an InterruptedError, not later ones. */
  interrupt(): void;

  /** Ends what waits and reads with a ClosedError, lets a commit that has begun finish, and lets go of files. Twice is fine. */
  close(): Promise<void>;
  closeSync(): void;
  [Symbol.asyncDispose](): Promise<void>;
  [Symbol.dispose](): void;
}

export function open(target?: string | URL | Config | null, storeOpts?: object): Promise<Store>;
export function openSync(target?: string | URL | Config | null, storeOpts?: object): Store;

/** The version of the library, such as "0.1.0". */
export function libraryVersion(): string;

/** The codes of errors, of this version of the C interface; a later library may know more. */
export type ErrorCode =
  | 'misuse' | 'closed' | 'invalid_json' | 'invalid_event' | 'invalid_query' | 'invalid_options' | 'conflict' | 'duplicate_id'
  | 'too_large' | 'not_found' | 'read_only' | 'locked' | 'io' | 'no_space' | 'corrupt' | 'unsupported' | 'engine' | 'indeterminate'
  | 'interrupted' | 'forked' | 'internal';

/** What every error of a store is. The message says what was found, where, and what to do. */
export class RunestoreError extends Error {
  protected constructor();
  /** The error's name in every language, such as "conflict". */
  readonly code: string;
  /** The number of the C interface, such as -7. */
  readonly status: number;
  /** What a program can act on. Each is a member of the error as well. */
  readonly details: Readonly<Record<string, any>>;
}

/** The call itself is wrong. */
export class MisuseError extends RunestoreError { readonly code: 'misuse' }
/** The store was closed before or during the call. Nothing was stored. */
export class ClosedError extends RunestoreError { readonly code: 'closed' }
/** A text is not JSON that every parser can read back. */
export class InvalidJsonError extends RunestoreError { readonly code: 'invalid_json'; readonly in?: string; readonly offset?: number }
/** What was given is no event. Nothing was stored. */
export class InvalidEventError extends RunestoreError { readonly code: 'invalid_event'; readonly index?: number; readonly field?: string }
/** What was given is no query. */
export class InvalidQueryError extends RunestoreError { readonly code: 'invalid_query'; readonly index?: number; readonly key?: string }
/** An option is unknown, of the wrong type or out of range. */
export class InvalidOptionsError extends RunestoreError { readonly code: 'invalid_options'; readonly option?: string }
/** A check made inside the commit failed. Nothing was stored: read again, decide again. */
export class ConflictError extends RunestoreError {
  readonly code: 'conflict';
  readonly reason: string;
  readonly expected?: number | string;
  readonly actual?: number;
  readonly domain?: string;
  readonly instance_id?: string;
  readonly sequence_number?: number;
  readonly source?: string;
}
/** An id is stored already, or stands twice in the batch. Nothing was stored. */
export class DuplicateIdError extends RunestoreError { readonly code: 'duplicate_id'; readonly ids: string[] }
/** A limit on size or number was passed. Nothing was stored. */
export class TooLargeError extends RunestoreError { readonly code: 'too_large'; readonly limit?: number; readonly actual?: number; readonly index?: number }
/** There is no store where one was to be opened. */
export class NotFoundError extends RunestoreError { readonly code: 'not_found'; readonly path?: string; readonly schema?: string }
/** The store was opened for reading only. */
export class ReadOnlyError extends RunestoreError { readonly code: 'read_only' }
/** Another writer has the store, in this process or another. */
export class LockedError extends RunestoreError { readonly code: 'locked'; readonly path?: string }
/** The operating system, or a database's server, refused. */
export class IoError extends RunestoreError { readonly code: 'io'; readonly errno?: number; readonly sqlstate?: string }
/** There is no room left. Nothing was stored. */
export class NoSpaceError extends RunestoreError { readonly code: 'no_space' }
/** Stored data is damaged. */
export class CorruptError extends RunestoreError {
  readonly code: 'corrupt';
  readonly file?: string;
  readonly offset?: number;
  readonly what?: string;
  readonly first?: number;
  readonly last?: number;
}
/** This engine or this build cannot do it. */
export class UnsupportedError extends RunestoreError { readonly code: 'unsupported' }
/** An engine that was brought along failed. */
export class EngineError extends RunestoreError { readonly code: 'engine'; readonly engine?: string; readonly stored?: false | 'unknown'; readonly ids?: string[] }
/** It could not be learnt whether the batch was stored: open the store anew, and append it again with its ids. */
export class IndeterminateError extends RunestoreError { readonly code: 'indeterminate'; readonly ids: string[] }
/** `interrupt` ended the call. Nothing was stored. */
export class InterruptedError extends RunestoreError { readonly code: 'interrupted' }
/** The store belongs to the parent process of a fork. */
export class ForkedError extends RunestoreError { readonly code: 'forked' }
/** A defect in Runestore: close the store and report it. */
export class InternalError extends RunestoreError { readonly code: 'internal' }

/** A signal was aborted: `cause` is its reason. */
export class AbortError extends Error {
  private constructor();
  readonly code: 'ABORT_ERR';
}

/** The library is not there, or not of the version that this package needs. */
export class LibraryError extends Error {
  private constructor();
  readonly code: 'ERR_RUNESTORE_LIBRARY';
}
