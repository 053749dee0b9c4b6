'use strict';
// The library, loaded once for each thread of JavaScript, when it is first needed.

const koffi = require('koffi');
const { LibraryError } = require('./errors.js');

const ABI_MAJOR = 1;
const SONAME = 'librunestore.so.1';

// koffi runs C on stacks of its own. In the pool's threads they have 128 KiB, which the library can do with; but an engine
// that talks TLS to a server goes deeper than any test here, and memory that is not touched costs nothing.
const STACK = 1 << 20;

const text = ['void *', 'size_t'];
const out = ['void *', 'void *'];
const handle = 'uintptr_t';
const PROTOTYPES = {
  store_init: ['int32_t', [...text, 'void *', ...out]],
  store_close: ['int32_t', [handle, ...out]],
  store_append: ['int32_t', [handle, ...text, ...text, ...out]],
  store_get_events: ['int32_t', [handle, ...text, ...text, ...out]],
  store_wait: ['int32_t', [handle, 'uint64_t', 'int64_t', 'void *', ...out]],
  store_tracking: ['int32_t', [handle, ...text, 'void *', ...out]],
  store_interrupt: ['int32_t', [handle]],
  store_info: ['int32_t', [handle, ...out]],
  store_verify: ['int32_t', [handle, ...text, ...out]],
  store_backup: ['int32_t', [handle, ...text, ...text, ...out]],
  store_copy: ['int32_t', [handle, handle, ...text, ...out]],
  store_cursor_open: ['int32_t', [handle, ...text, ...text, 'void *', ...out]],
  store_cursor_next: ['int32_t', [handle, 'size_t', 'int64_t', 'void *', ...out]],
  store_cursor_cancel: ['int32_t', [handle]],
  store_cursor_close: ['int32_t', [handle]],
  store_free: ['void', ['uintptr_t']],
  store_version: ['const char *', []],
  store_status_name: ['const char *', ['int32_t']],
};

let loaded = null;

function load() {
  if (loaded !== null) return loaded;
  const named = process.env.RUNESTORE_LIBRARY;
  const file = named || SONAME;
  const remedy = named
    ? 'RUNESTORE_LIBRARY names it: give the path of the library\'s file, or unset it to have the loader look for ' + SONAME
    : `install Runestore's library where the loader finds it (ldconfig, LD_LIBRARY_PATH), or give its path in RUNESTORE_LIBRARY`;
  if (koffi.config().async_stack_size < STACK) {
    try {
      koffi.config({ async_stack_size: STACK });
    } catch {
      // The program has loaded another library through koffi already, and its stacks are what they are.
    }
  }
  let library;
  let abi;
  let libc;
  try {
    library = koffi.load(file);
    libc = koffi.load('libc.so.6');
  } catch (error) {
    throw new LibraryError(`${file} cannot be loaded (${error.message}): ${remedy}`, error);
  }
  try {
    abi = library.func('store_abi_version', 'uint32_t', [])();
  } catch (error) {
    throw new LibraryError(`${file} is no library of Runestore: ${remedy}`, error);
  }
  const [major, minor] = [abi >>> 16, abi & 0xffff];
  if (major !== ABI_MAJOR) {
    throw new LibraryError(
      `${file} has version ${major}.${minor} of the C interface, and this package needs ${ABI_MAJOR}.x: install the library ` +
      `of that version (${SONAME}) beside it, or the version of the npm package runestore that goes with yours`,
    );
  }
  const functions = { __proto__: null };
  for (const [name, [result, parameters]] of Object.entries(PROTOTYPES)) {
    functions[name] = library.func(name, result, parameters);
  }
  functions.memcpy = libc.func('memcpy', 'uintptr_t', ['void *', 'uintptr_t', 'size_t']);
  functions.string = koffi.decode.string;
  loaded = functions;
  return loaded;
}

module.exports = { load };
