// The header in C++: it compiles alone, its functions have C linkage and the signatures of docs/ABI.md, and a program
// in the style of the language links and runs.
#include <runestore.h>

#include <cstdio>
#include <memory>
#include <string>
#include <type_traits>

static_assert(std::is_same<decltype(&store_append), std::int32_t (*)(store_t *, const char *, std::size_t, const char *,
                                                                     std::size_t, char **, std::size_t *)>::value,
              "store_append");
static_assert(
    std::is_same<decltype(&store_cursor_next), std::int32_t (*)(store_cursor_t *, std::size_t, std::int64_t,
                                                                std::uint64_t *, char **, std::size_t *)>::value,
    "store_cursor_next");
static_assert(std::is_same<decltype(&store_free), void (*)(void *)>::value, "store_free");
static_assert(!std::is_same<store_t, store_cursor_t>::value, "a store is no cursor, and the compiler knows");
static_assert(STORE_ABI_VERSION == 65536 && STORE_OK == 0 && STORE_ERR_INTERNAL == -99,
              "constants are constant expressions");

namespace
{

struct Free {
    void operator()(char *buffer) const { store_free(buffer); }
};
using Buffer = std::unique_ptr<char, Free>;

struct Close {
    void operator()(store_t *store) const { store_close(store, nullptr, nullptr); }
};
using Store = std::unique_ptr<store_t, Close>;

struct CloseCursor {
    void operator()(store_cursor_t *cursor) const { store_cursor_close(cursor); }
};
using Cursor = std::unique_ptr<store_cursor_t, CloseCursor>;

int failed = 0;

void check(const char *what, int line, bool holds)
{
    if (holds)
        return;
    failed = 1;
    std::printf("  tests/cpp/header.cpp:%d: expected: %s; actual: it does not hold\n", line, what);
}

} // namespace

#define CHECK(condition) check(#condition, __LINE__, (condition))

int main()
{
    store_t *opened = nullptr;
    CHECK(store_init(nullptr, 0, &opened, nullptr, nullptr) == STORE_OK);
    const Store store(opened);

    const std::string event = R"({"type":"Opened","domain":"account","instance_id":"a-1","data":{"owner":"Ada"}})";
    char *text = nullptr;
    std::size_t length = 0;
    CHECK(store_append(store.get(), event.data(), event.size(), nullptr, 0, &text, &length) == STORE_OK);
    const Buffer stored(text);
    CHECK(std::string(stored.get(), length).find(R"("data":{"owner":"Ada"})") != std::string::npos);

    store_cursor_t *begun = nullptr;
    CHECK(store_cursor_open(store.get(), nullptr, 0, nullptr, 0, &begun, nullptr, nullptr) == STORE_OK);
    const Cursor cursor(begun);
    std::uint64_t position = 0;
    CHECK(store_cursor_next(cursor.get(), 0, -1, &position, &text, &length) == STORE_OK);
    const Buffer events(text);
    CHECK(position == 1);
    CHECK(std::string(events.get(), length) == std::string(stored.get()));
    CHECK(store_cursor_next(cursor.get(), 0, -1, nullptr, nullptr, nullptr) == STORE_DONE);

    CHECK(store_append(store.get(), "{", 1, nullptr, 0, &text, &length) == STORE_ERR_INVALID_JSON);
    const Buffer error(text);
    CHECK(std::string(error.get(), length).find(R"({"code":"invalid_json")") == 0);

    std::printf("result: %d passed, %d failed\n", 1 - failed, failed);
    return failed;
}
