"""runestore.h for these tests: the calls that they make, over ctypes, in this process."""

import ctypes
import json
import os
from ctypes import POINTER, byref, c_char_p, c_int32, c_int64, c_size_t, c_uint64, c_void_p

_lib = ctypes.CDLL(os.path.join(os.environ["RUNESTORE_LIB_DIR"], "librunestore.so"))
_OUT = [POINTER(c_void_p), POINTER(c_size_t)]
for _name, _arguments in {
    "store_init": [c_char_p, c_size_t, POINTER(c_void_p), *_OUT],
    "store_close": [c_void_p, *_OUT],
    "store_append": [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, *_OUT],
    "store_get_events": [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, *_OUT],
    "store_wait": [c_void_p, c_uint64, c_int64, POINTER(c_uint64), *_OUT],
    "store_info": [c_void_p, *_OUT],
    "store_verify": [c_void_p, c_char_p, c_size_t, *_OUT],
    "store_cursor_open": [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t, POINTER(c_void_p), *_OUT],
    "store_cursor_next": [c_void_p, c_size_t, c_int64, POINTER(c_uint64), *_OUT],
    "store_cursor_close": [c_void_p],
}.items():
    getattr(_lib, _name).argtypes = _arguments
    getattr(_lib, _name).restype = c_int32
_lib.store_status_name.argtypes = [c_int32]
_lib.store_status_name.restype = c_char_p
_lib.store_free.argtypes = [c_void_p]
_lib.store_free.restype = None

OK, DONE, TIMEOUT = 0, 1, 2


class StoreError(Exception):
    """A status below 0: `code` is its name, `details` the whole error."""

    def __init__(self, code, details):
        super().__init__(f"{code}: {details.get('message', '')}")
        self.code, self.details = code, details


def _call(function, *arguments):
    """The status and the buffer of a call; a status below 0 is raised."""
    out, length = c_void_p(), c_size_t()
    status = function(*arguments, byref(out), byref(length))
    text = ctypes.string_at(out, length.value) if out else b""
    _lib.store_free(out)
    if status < 0:
        raise StoreError(_lib.store_status_name(status).decode(), json.loads(text) if text else {})
    return status, text


def _text(value):
    if value is None:
        return None, 0
    text = json.dumps(value).encode()
    return text, len(text)


def config(path, **options):
    """A file store's configuration, as text."""
    return json.dumps({"store": "file", "store_opts": {"path": path, **options}})


class Store:
    """An open file store; the options are its store_opts."""

    def __init__(self, path, **options):
        text = config(path, **options).encode()
        self._handle = c_void_p()
        _call(_lib.store_init, text, len(text), byref(self._handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._handle:
            self.close()

    def close(self):
        handle, self._handle = self._handle, None
        _call(_lib.store_close, handle)

    def append(self, events, **options):
        """The answer of store_append, parsed."""
        return json.loads(_call(_lib.store_append, self._handle, *_text(events), *_text(options or None))[1])

    def events(self, query=None, **options):
        """The events, parsed."""
        return json.loads(_call(_lib.store_get_events, self._handle, *_text(query), *_text(options or None))[1])

    def head(self):
        return self.wait(0, 0)

    def wait(self, after, timeout_ms):
        head = c_uint64()
        _call(_lib.store_wait, self._handle, after, timeout_ms, byref(head))
        return head.value

    def info(self):
        return json.loads(_call(_lib.store_info, self._handle)[1])

    def verify(self):
        return json.loads(_call(_lib.store_verify, self._handle, None, 0)[1])

    def cursor(self, query=None, **options):
        return Cursor(self._handle, query, options)


class Cursor:
    """An open cursor."""

    def __init__(self, store, query, options):
        self._handle = c_void_p()
        _call(_lib.store_cursor_open, store, *_text(query), *_text(options or None), byref(self._handle))

    def next(self, max_events=0, timeout_ms=0):
        """Status (OK, DONE or TIMEOUT), position, and the text."""
        position = c_uint64()
        status, text = _call(_lib.store_cursor_next, self._handle, max_events, timeout_ms, byref(position))
        return status, position.value, text

    def __enter__(self):
        return self

    def __exit__(self, *_):
        _lib.store_cursor_close(self._handle)


def lines(store, after=0):
    """Every event behind a position, a line of JSON each."""
    with store.cursor({"after": after}, format="ndjson") as cursor:
        while True:
            status, _, text = cursor.next()
            if status != OK:
                return
            yield from text.splitlines()
