// Is compiled, not run: what must be accepted, and, behind @ts-expect-error, what must not.

import runestore, {
  AbortError, ConflictError, RunestoreError, Store, open, openSync,
  type EventCursor, type Page, type StoredEvent, type Summary,
} from 'runestore';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
const same = <A, B>(_: Same<A, B>) => undefined;

interface Deposited { cents: number }

export async function all(): Promise<void> {
  const store = await open('ledger.runes', { sync: 'never' });
  openSync({ store: 'memory' });
  await runestore.open(new URL('file:///tmp/ledger.runes'));
  await Store.open();

  const opened = { type: 'Opened', domain: 'account', instance_id: 'a-1' };
  const stored = await store.append(opened, { expected_version: 0 });
  same<typeof stored, StoredEvent<any>[]>(true);
  const summary = await store.append([opened, { ...opened, data: Buffer.from('a'), inserted_at: new Date() }], { return: 'summary' });
  same<typeof summary, Summary>(true);
  const text = store.appendSync('{}', { raw: 'text' });
  same<typeof text, string>(true);
  const bytes = await store.append(new Uint8Array(2), { raw: 'buffer', return: 'summary' });
  same<typeof bytes, Buffer>(true);
  await store.append(new Set([opened]), { condition: { fail_if_events_match: { type: ['Opened'] }, after: 1 }, expect: [] });
  // @ts-expect-error an event needs a type
  await store.append({ domain: 'account', instance_id: 'a-1' });
  // @ts-expect-error no such field
  await store.append({ ...opened, tpye: 'Opened' } satisfies runestore.NewEvent);
  // @ts-expect-error no such option
  await store.append(opened, { expectedVersion: 0 });
  // @ts-expect-error no such form
  await store.append(opened, { raw: 'json' });

  const events = await store.getEvents<Deposited>({ domain: 'account', from: new Date() }, { limit: 2, direction: 'backward' });
  const cents: number = events.reduce((sum, event) => sum + event.data.cents, 0);
  const page = await store.getEvents<Deposited>(null, { pagination: true });
  same<typeof page, Page<Deposited>>(true);
  const lines = store.getEventsSync([{ type: 'Opened' }, { tags: ['a'] }], { raw: 'buffer', format: 'ndjson' });
  same<typeof lines, Buffer>(true);
  // @ts-expect-error only texts have a format
  await store.getEvents({}, { format: 'ndjson' });
  // @ts-expect-error no such key
  await store.getEvents({ streams: ['a'] });

  for await (const event of store.cursor<Deposited>({ type: 'Deposited' })) event.data.cents.toFixed();
  const follower: EventCursor<StoredEvent<Deposited>> = store.follow<Deposited>({}, { after: 1, signal: new AbortController().signal });
  const turn = await follower.next();
  if (!turn.done) turn.value.sequence_number.toFixed();
  follower.position.toFixed();
  for await (const line of store.follow(undefined, { raw: 'text' })) line.trim();
  // @ts-expect-error a follower goes forward
  store.follow({}, { direction: 'backward' });
  // @ts-expect-error for reading alone
  follower.position = 1;

  const head: number = await store.wait(1);
  // @ts-expect-error it may be null
  const late: number = await store.wait(1, { timeout: 10 });
  (await store.verify()).problems[0]?.file?.trim();
  await store.copyTo(openSync());
  // @ts-expect-error a store is opened, not made
  new Store();

  try {
    store.interrupt();
  } catch (error) {
    if (error instanceof ConflictError) {
      const code: 'conflict' = error.code;
      console.log(code, error.expected, error.reason.trim());
    } else if (error instanceof RunestoreError) console.log(error.code, error.status.toFixed(), error.details.path);
    else if (error instanceof AbortError) console.log(error.cause);
  }
  {
    await using mine = await open();
    using yours = openSync();
    console.log(await mine.head(), yours.headSync(), cents, head, late);
  }
  await store.close();
}
