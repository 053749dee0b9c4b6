"""Runestore's C functions, as far as stores are written with them here."""

import ctypes
import json


class Failed(Exception):
    pass


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.store_free.argtypes = [ctypes.c_void_p]
        self.c.store_version.restype = ctypes.c_char_p

    def version(self):
        return self.c.store_version().decode()

    def open(self, path, **options):
        return Store(self, path, options)

    def call(self, function, *arguments):
        """Calls a function whose last two parameters are a buffer."""
        given = []
        for argument in arguments:
            if isinstance(argument, (bytes, type(None))):
                given += [argument, ctypes.c_size_t(len(argument or b""))]
            else:
                given.append(argument)
        out, length = ctypes.c_void_p(), ctypes.c_size_t()
        status = function(*given, ctypes.byref(out), ctypes.byref(length))
        text = ctypes.string_at(out, length.value) if out.value else b""
        self.c.store_free(out)
        if status < 0:
            raise Failed(text.decode())
        return text


class Store:
    def __init__(self, library, path, options):
        self.library, self.handle = library, ctypes.c_void_p()
        config = {"store": "file", "store_opts": {"path": str(path), **options}}
        library.call(library.c.store_init, json.dumps(config).encode(), ctypes.byref(self.handle))

    def append(self, events, **options):
        """The texts of the stored events."""
        given = json.dumps(options).encode() if options else None
        text = json.dumps(events, ensure_ascii=False).encode()
        return self.library.call(self.library.c.store_append, self.handle, text, given)

    def events(self):
        """All events, one a line."""
        options = b'{"format":"ndjson"}'
        return self.library.call(self.library.c.store_get_events, self.handle, None, options)

    def verify(self):
        return json.loads(self.library.call(self.library.c.store_verify, self.handle, None))

    def close(self):
        self.library.call(self.library.c.store_close, self.handle)
