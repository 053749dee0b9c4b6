"""Numbers come back exactly as they were: integers of any size, floats to the last bit."""

import json
import math
import random
import struct
from typing import Any

import pytest
from support import new

import runestore

# 1.797…e308: what rounds to more is outside a double's range.
LARGEST = int(1.7976931348623157e308)
EDGES = [n + d for p in (15, 18, 19, 20, 21, 40, 308) for n in (10**p,) for d in (-1, 0, 1)]
EDGES += [2**b + d for b in (31, 32, 53, 62, 63, 64, 65, 128, 1023) for d in (-1, 0, 1)]
EDGES += [0, 1, LARGEST - 1, LARGEST, LARGEST + 1]


def same(given: Any, comes: Any) -> bool:
    """Equal in value and kind, everywhere: 1 is not 1.0, 0.0 is not -0.0."""
    if type(given) is not type(comes):
        return False
    if isinstance(given, dict):
        return list(given) == list(comes) and all(same(given[key], comes[key]) for key in given)
    if isinstance(given, list):
        return len(given) == len(comes) and all(map(same, given, comes))
    if isinstance(given, float):
        return struct.pack("d", given) == struct.pack("d", comes)
    return bool(given == comes)


@pytest.mark.parametrize("sign", [1, -1])
def test_integers_are_exact_wherever_they_stand(store: runestore.Store, sign: int) -> None:
    for edge in EDGES:
        number = sign * edge
        for data in (number, [number], {"n": number, "x": 0.1}, {"a": [{"b": [number, -0.0]}]}, [1.5, number, "x"]):
            [event] = store.append(new(data, metadata={"n": number}))
            assert same(data, event.data) and same(data, event.to_dict()["data"])
            assert event.metadata == {"n": number}
    assert same([event.data for event in store.get_events()], [json.loads(e.json)["data"] for e in store.events()])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("number", [2**1024, 10**309, 10**5000], ids=["2^1024", "10^309", "10^5000"])
def test_an_integer_beyond_a_double_is_refused(store: runestore.Store, number: int, sign: int) -> None:
    with pytest.raises(runestore.InvalidJsonError, match=r"events\[1\]\.data\.a\[2\]: the integer is outside") as caught:
        store.append([new(), new({"a": [0, 1, sign * number]})])
    assert caught.value.details == {"index": 1, "field": "data"}
    assert store.head == 0


def test_floats_are_exact(store: runestore.Store) -> None:
    edges = [0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e15, 1e16, 1e17, 1e22, 1e23]
    floats = edges + [-number for number in edges] + [math.nextafter(number, math.inf) for number in edges[:4]]
    [event] = store.append(new([*floats, 10**30]))
    [short] = store.append(new(floats))
    # Both ways to read: with a long integer beside them, and without.
    assert same([*floats, 10**30], event.data) and same(floats, short.data)


def random_value(random: random.Random, depth: int) -> Any:
    kind = random.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return random.choice([1, -1]) * random.getrandbits(random.choice([8, 31, 53, 63, 64, 65, 100, 1000]))
    if kind == 1:
        return random.choice([1, -1]) * int("".join(random.choices("0123456789", k=random.randrange(1, 25))))
    if kind == 2:
        while True:
            (number,) = struct.unpack("d", random.randbytes(8))
            if math.isfinite(number):
                return number
    if kind == 3:
        # Strings of digits and escapes, which a reader in a hurry could take for numbers.
        return "".join(random.choices('0123456789"\\\n-.eé😀', k=random.randrange(40)))
    if kind == 4:
        return random.random() * 10 ** random.randrange(-20, 20)
    if kind == 5:
        return random.choice([None, True, False, "", 0, -0.0])
    if kind == 6:
        return [random_value(random, depth + 1) for _ in range(random.randrange(5))]
    return {f"k{n}": random_value(random, depth + 1) for n in range(random.randrange(5))}


def test_random_payloads_come_back_the_same(store: runestore.Store) -> None:
    source = random.Random(20261123)
    for _ in range(40):
        payloads = [{"v": random_value(source, 0)} for _ in range(100)]
        events = store.append(new(payload) for payload in payloads)
        for payload, event in zip(payloads, events, strict=True):
            assert same(payload, event.data), event.json
            assert same(payload, json.loads(event.json)["data"]), event.json


def test_what_others_wrote_is_read_as_json_reads_it(store: runestore.Store) -> None:
    texts = ["-0", "1E2", "-1.5e-7", "0.1234567890123456789012345", "12345678901234567890", "[1,1.0,100000000000000000000]"]
    for text in texts:
        store.append_json('{"type":"t","domain":"d","instance_id":"i","data":%s}' % text)
        [event] = store.get_events(limit=1, direction="backward")
        assert same(json.loads(text), event.data), text
        assert event.json.endswith(b',"data":%s,"metadata":{}}' % text.encode())
