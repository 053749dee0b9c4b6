"""What may be around the package: a memory that ends, and another interpreter."""

from support import in_a_new_process

OUT_OF_MEMORY = """
import resource, runestore

store = runestore.open()
for _ in range(4):
    store.append_json("[" + ",".join(
        '{"type":"T","domain":"d","instance_id":"i","data":"' + "x" * 1_000_000 + '"}' for _ in range(25)) + "]",
        '{"return":"summary"}')
size = store.info()["bytes"]
with open("/proc/self/status") as status:
    used = int(next(line for line in status if line.startswith("VmSize")).split()[1]) * 1024
_, hard = resource.getrlimit(resource.RLIMIT_AS)
# Room for the answer, and not for another of its size.
resource.setrlimit(resource.RLIMIT_AS, (used + size + size // 2, hard))
for read in (
    lambda: store.get_events_json(),
    lambda: store.get_events_json(limit=1000, pagination=True),
):
    try:
        print(len(read()))
    except (MemoryError, runestore.NoSpaceError) as error:
        print("told")
resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
print(len(store.get_events_json(limit=1000, pagination=True)) > size, store.head)
"""


def test_an_answer_that_does_not_fit_into_memory_is_an_exception() -> None:
    assert in_a_new_process(OUT_OF_MEMORY) == "told\ntold\nTrue 100\n"


SECOND_INTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import runestore

inside = '''
try:
    import runestore
except ImportError as error:
    print(error, flush=True)
'''
other = interpreters.create()
getattr(interpreters, "run_string")(other, inside)
interpreters.destroy(other)
with runestore.open() as store:
    try:
        store.append({"tpye": 1})
    except runestore.InvalidEventError as error:
        print(error.code)
    print(type(store.append({"type": "T", "domain": "d", "instance_id": "i"})[0].id).__name__)
"""


def test_a_second_interpreter_is_refused_and_the_first_goes_on() -> None:
    printed = in_a_new_process(SECOND_INTERPRETER).splitlines()
    # From 3.12 on Python itself refuses, in its own words.
    assert "interpreter" in printed[0]
    assert printed[1:] == ["invalid_event", "UUID"]
