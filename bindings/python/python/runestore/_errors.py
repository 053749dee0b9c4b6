"""The exceptions: one class for each code of the core, mechanically named after it."""

from __future__ import annotations

from typing import Any

import orjson


class StoreError(Exception):
    """What every error of a store is.

    Catch a subclass to act on one kind of error, and this to act on all. The message says what was
    found, where, and what to do.

    >>> import runestore
    >>> store = runestore.open()
    >>> try:
    ...     store.append({"tpye": "Opened"})
    ... except runestore.StoreError as error:
    ...     print(error.code, error.details, error, sep="\\n")
    invalid_event
    {'index': 0, 'field': 'tpye'}
    event: `tpye` is not a field of an event; did you mean `type`?
    """

    code: str = "internal"
    """The error's name in every language, such as `"conflict"`."""

    details: dict[str, Any]
    """What a program can act on, such as `expected` and `actual` of a conflict."""

    def __init__(self, message: str, details: dict[str, Any] | None = None) -> None:
        # Both are arguments of the exception, so that it can be pickled.
        super().__init__(message, details or {})
        self.details = details or {}

    def __str__(self) -> str:
        return str(self.args[0])


class MisuseError(StoreError):
    """The call itself is wrong, such as two threads that read from one iterator."""

    code = "misuse"


class ClosedError(StoreError):
    """The store was closed before or during the call. Nothing was stored."""

    code = "closed"


class InvalidJsonError(StoreError, ValueError):
    """A text is not JSON that every parser can read back. Details: `in`, `offset`."""

    code = "invalid_json"


class InvalidEventError(StoreError, ValueError):
    """What was given is no event. Details: `index`, `field`. Nothing was stored."""

    code = "invalid_event"


class InvalidQueryError(StoreError, ValueError):
    """What was given is no query. Details: `index`, `key`."""

    code = "invalid_query"


class InvalidOptionsError(StoreError, ValueError):
    """An option is unknown, of the wrong type or out of range. Details: `option`."""

    code = "invalid_options"


class ConflictError(StoreError):
    """A check made inside the commit failed. Nothing was stored: read again, decide again.

    Details: `reason`, `expected`, `actual`, and `domain` and `instance_id`, or `sequence_number`,
    or `source`.
    """

    code = "conflict"


class DuplicateIdError(StoreError):
    """An id is stored already, or stands twice in the batch. Details: `ids`. Nothing was stored."""

    code = "duplicate_id"


class TooLargeError(StoreError, ValueError):
    """A limit on size or number was passed. Details: `limit`, `actual`. Nothing was stored."""

    code = "too_large"


class NotFoundError(StoreError):
    """There is no store where one was to be opened. Details: `path`."""

    code = "not_found"


class ReadOnlyError(StoreError):
    """The store was opened for reading only."""

    code = "read_only"


class LockedError(StoreError):
    """Another writer has the store, in this process or another. Details: `path`."""

    code = "locked"


class IoError(StoreError):
    """The operating system refused to read or write."""

    code = "io"


class NoSpaceError(StoreError):
    """There is no room left. Nothing was stored: try again once there is. Reading goes on."""

    code = "no_space"


class CorruptError(StoreError):
    """Stored data is damaged. Details: `file`, `offset`, and `first` and `last`, the positions that are lost."""

    code = "corrupt"


class UnsupportedError(StoreError):
    """This engine or this build cannot do it."""

    code = "unsupported"


class EngineError(StoreError):
    """An engine that the user brought failed."""

    code = "engine"


class IndeterminateError(StoreError):
    """It could not be learnt whether the batch was stored: open the store anew, and append it again with its ids.

    Details: `ids`.
    """

    code = "indeterminate"


class InterruptedError(StoreError):
    """The call was interrupted from another thread. Nothing was stored."""

    code = "interrupted"


class ForkedError(StoreError):
    """The store belongs to the parent process of a fork: open it anew in the child."""

    code = "forked"


class InternalError(StoreError):
    """A defect in Runestore. The process lives on: close the store and report it."""

    code = "internal"


_CLASSES = {kind.code: kind for kind in StoreError.__subclasses__()}


def from_json(error: bytes) -> StoreError:
    """The exception for an error as the core writes it."""
    details = orjson.loads(error)
    code = details.pop("code")
    return _CLASSES[code](details.pop("message"), details)
