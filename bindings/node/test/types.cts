// The same types for CommonJS.

import runestore = require('runestore');

export async function all(): Promise<void> {
  const store: runestore.Store = await runestore.open();
  const [event] = await store.append({ type: 'Opened', domain: 'account', instance_id: 'a-1' });
  console.log(event?.stream_version.toFixed());
  // @ts-expect-error no such option
  store.follow({}, { follow: true });
  try {
    store.closeSync();
  } catch (error) {
    if (error instanceof runestore.ClosedError) console.log(error.code satisfies 'closed');
  }
}
