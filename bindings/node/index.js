'use strict';

const { Store } = require('./lib/store.js');
const { RunestoreError, AbortError, LibraryError, classes } = require('./lib/errors.js');
const native = require('./lib/native.js');

module.exports = {
  Store,
  open: Store.open,
  openSync: Store.openSync,
  /** The version of the library that is loaded, which is loaded now if it was not yet. */
  libraryVersion: native.version,
  RunestoreError,
  AbortError,
  LibraryError,
  ...classes,
};
