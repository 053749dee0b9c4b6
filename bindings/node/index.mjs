import runestore from './index.js';

export const {
  Store, open, openSync, libraryVersion,
  RunestoreError, AbortError, LibraryError,
  MisuseError, ClosedError, InvalidJsonError, InvalidEventError, InvalidQueryError, InvalidOptionsError, ConflictError,
  DuplicateIdError, TooLargeError, NotFoundError, ReadOnlyError, LockedError, IoError, NoSpaceError, CorruptError,
  UnsupportedError, EngineError, IndeterminateError, InterruptedError, ForkedError, InternalError,
} = runestore;
export default runestore;
