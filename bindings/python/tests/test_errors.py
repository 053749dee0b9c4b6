"""The exceptions: one class for each code, named after it."""

import copy
import pickle
from typing import Any

import pytest
from support import new

import runestore
from runestore import StoreError

# The codes of the C interface, in the order of their numbers.
CODES = (
    "misuse closed invalid_json invalid_event invalid_query invalid_options conflict duplicate_id too_large not_found "
    "read_only locked io no_space corrupt unsupported engine indeterminate interrupted forked internal"
).split()
VALUES = {"invalid_json", "invalid_event", "invalid_query", "invalid_options", "too_large"}


def class_of(code: str) -> type[StoreError]:
    kind = getattr(runestore, "".join(part.capitalize() for part in code.split("_")) + "Error")
    assert isinstance(kind, type) and issubclass(kind, StoreError)
    return kind


def test_there_is_a_class_for_each_code_and_no_other() -> None:
    assert [kind.code for kind in StoreError.__subclasses__()] == CODES
    public = {name for name in runestore.__all__ if name.endswith("Error")}
    assert public == {"StoreError"} | {class_of(code).__name__ for code in CODES}


@pytest.mark.parametrize("code", CODES)
def test_an_error_of_each_code(code: str) -> None:
    kind = class_of(code)
    assert kind.code == code and kind.__doc__ and kind.__module__ == "runestore"
    assert kind.__bases__ == ((StoreError, ValueError) if code in VALUES else (StoreError,))
    error = kind("what was found", {"a": [1, None], "b": "c"})
    assert (error.code, error.details, str(error)) == (code, {"a": [1, None], "b": "c"}, "what was found")
    assert repr(error) == f"{kind.__name__}('what was found', {{'a': [1, None], 'b': 'c'}})"
    bare = kind("what was found")
    assert bare.details == {} and str(bare) == "what was found"
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for each in [*copies, copy.copy(error), copy.deepcopy(error)]:
        assert type(each) is kind
        assert (each.code, each.details, str(each), each.args) == (code, error.details, str(error), error.args)


@pytest.mark.parametrize("code", CODES)
def test_the_core_raises_each_by_its_class(code: str) -> None:
    text = b'{"code":"%s","message":"told","index":3,"field":"type"}' % code.encode()
    error = runestore._errors.from_json(text)
    assert type(error) is class_of(code) and str(error) == "told" and error.details == {"index": 3, "field": "type"}


def raised(call: Any) -> StoreError:
    with pytest.raises(StoreError) as caught:
        call()
    return caught.value


def test_errors_as_they_come_from_a_store(store: runestore.Store) -> None:
    store.append(new())
    conflict = raised(lambda: store.append(new(), expected_version=0))
    assert isinstance(conflict, runestore.ConflictError) and not isinstance(conflict, ValueError)
    assert conflict.details["actual"] == 1 and "read what was added" in str(conflict)
    wrong = raised(lambda: store.append({"tpye": "T"}))
    assert isinstance(wrong, ValueError) and "did you mean `type`?" in str(wrong)
    assert "code" not in wrong.details and "message" not in wrong.details
    for error in (conflict, wrong, raised(lambda: store.get_events({"x": 1}))):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and again.details == error.details and str(again) == str(error)


def test_notes_stay_with_a_pickled_error() -> None:
    error = runestore.ConflictError("told", {"a": 1})
    error.add_note("while paying")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while paying"]
