// Errors: their parts, their messages unescaped, and what holds either a value or an error.
#include "check.hpp"

#include <algorithm>
#include <csignal>
#include <exception>
#include <memory>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>

namespace
{

static_assert(std::is_base_of_v<std::runtime_error, runestore::error>);
static_assert(std::is_nothrow_copy_constructible_v<runestore::error>, "it may be copied while it is thrown");
static_assert(std::is_nothrow_copy_assignable_v<runestore::error>);

void an_error_has_status_code_message_and_details()
{
    runestore::store store = TAKE(runestore::store::open());
    TAKE(store.append(EVENT));
    const auto error = CHECK_ERROR("conflict", store.append(EVENT, R"({"expected_version":0})"));
    if (!error)
        return;
    CHECK(error->status() == runestore::status_code::conflict);
    CHECK_INT(STORE_ERR_CONFLICT, static_cast<std::int32_t>(error->status()));
    const std::string message = error->what();
    CHECK(!message.empty() && message.front() != '{');
    CHECK_HAS(R"({"code":"conflict","message":)" + runestore::quote(message), error->details());
    CHECK_HAS(R"("expected":0,"actual":1,)", error->details());
    CHECK_HAS(R"("instance_id":"a-1")", error->details());
}

void a_message_is_unescaped()
{
    const auto message_of = [](std::string details) {
        return std::string(runestore::error(runestore::status_code::internal, std::move(details)).what());
    };
    const auto message = [&](std::string json) {
        return message_of(R"({"code":"internal","message":")" + json + R"(","in":"x"})");
    };
    CHECK_VIEW("", message(""));
    CHECK_VIEW("plain", message("plain"));
    CHECK_VIEW("\"\\/\b\f\n\r\t", message(R"(\"\\\/\b\f\n\r\t)"));
    CHECK_VIEW("A\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF", message(R"(\u0041\u007f\u0080\u07FF\u0800\uffff)"));
    CHECK_VIEW("\xF0\x90\x80\x80 \xF0\x9F\x8E\xBB \xF4\x8F\xBF\xBF",
               message(R"(\ud800\udc00 \uD83C\uDFBB \udbff\udfff)"));
    CHECK_VIEW("\xEE\x80\x80\xED\x9F\xBF", message(R"(\ue000\ud7ff)"));
    CHECK_VIEW("caf\xC3\xA9 \xF0\x9F\x8E\xBB", message("caf\xC3\xA9 \xF0\x9F\x8E\xBB"));
    CHECK_VIEW("{\"x\":\"y\"}", message(R"({\"x\":\"y\"})"));

    // Halves of pairs have no character; what the library never writes must not be read past its end either.
    CHECK_VIEW("\xEF\xBF\xBD", message(R"(\ud800)"));
    CHECK_VIEW("\xEF\xBF\xBD-", message(R"(\udc00-)"));
    CHECK_VIEW("\xEF\xBF\xBD\xEF\xBF\xBD", message(R"(\ud800\ud800)"));
    CHECK_VIEW("\xEF\xBF\xBD"
               "A",
               message(R"(\ud800\u0041)"));
    const std::string whole = R"({"code":"internal","message":"a\ud83c\udfbb)";
    for (std::size_t size = 0; size <= whole.size(); size++) {
        const std::unique_ptr<char[]> exact(new char[size]); // so that the sanitizer sees a byte too far
        std::copy_n(whole.data(), size, exact.get());
        const std::string read = runestore::detail::message_of({exact.get(), size});
        CHECK(size < 30 ? read == whole.substr(0, size) : read.size() <= 7); // a and two replacements
    }
    CHECK_VIEW("no JSON", message_of("no JSON"));
    CHECK_VIEW(R"({"message":"m"})", message_of(R"({"message":"m"})"));
    CHECK_VIEW(R"({"code":"c","text":"m"})", message_of(R"({"code":"c","text":"m"})"));
}

void a_message_of_the_library_is_readable()
{
    runestore::store store = TAKE(runestore::store::open());
    const auto error = CHECK_ERROR(
        "invalid_event",
        store.append("{\"t\xC3\xBCp\\\"e\\u0001\":1,\"type\":\"t\",\"domain\":\"d\",\"instance_id\":\"i\"}"));
    CHECK_HAS("`t\xC3\xBCp\"e\xEF\xBF\xBD`", error ? error->what() : "");
}

void where_c_has_no_text_there_is_one()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor());
    TAKE(cursor.close());
    const auto closed = CHECK_ERROR("closed", cursor.close());
    CHECK_VIEW("the store or the cursor is closed", closed ? closed->what() : "");
    CHECK_VIEW(R"({"code":"closed","message":"the store or the cursor is closed"})", closed ? closed->details() : "");
    store_close(store.release(), nullptr, nullptr);
    CHECK_ERROR("misuse", store.interrupt());

    const runestore::error unknown(static_cast<runestore::status_code>(-77), "{}");
    CHECK_VIEW("unknown", unknown.code());
}

void a_forked_child_gets_an_error()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor());
    const pid_t child = fork();
    if (child == 0) {
        const auto append = error_of([&] { return store.append(EVENT); });
        const auto close = error_of([&] { return cursor.close(); });
        // As another program it leaves nothing that valgrind could miss: it has no way to its parent's handles.
        if (append && append->code() == "forked" && close && close->code() == "forked")
            execlp("true", "true", static_cast<char *>(nullptr));
        _exit(1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_INT(0, status);
    TAKE(store.append(EVENT));
}

void an_error_outlives_its_copies_and_moves()
{
    runestore::error first(runestore::status_code::conflict, R"({"code":"conflict","message":"m","actual":1})");
    const runestore::error copy = first;
    const runestore::error moved = std::move(first);
    for (const runestore::error &error : {copy, moved}) {
        CHECK_VIEW("m", error.what());
        CHECK_VIEW(R"({"code":"conflict","message":"m","actual":1})", error.details());
    }
    CHECK_VIEW("conflict", first.code()); // NOLINT: it was moved from, and may be asked all the same
    CHECK(!first.details().empty());
    first = copy;
    CHECK_VIEW("m", first.what());
}

#ifdef RUNESTORE_NO_EXCEPTIONS

static_assert(std::is_same_v<decltype(std::declval<runestore::store>().head()), runestore::result<std::uint64_t>>);
static_assert(std::is_same_v<decltype(std::declval<runestore::store>().close()), runestore::result<void>>);
static_assert(!std::is_default_constructible_v<runestore::store>, "a constructor could not return its error");

void a_result_holds_a_value_or_an_error()
{
    auto opened = runestore::store::open();
    CHECK(opened && opened.has_value());
    CHECK_UINT(1, opened->append(EVENT).has_value());
    runestore::store store = *std::move(opened);
    const auto events = store.get_events();
    CHECK_VIEW(events->view(), events.value());
    CHECK_VIEW(events->view(), *events);
    const runestore::buffer taken = store.get_events().value();
    CHECK_VIEW(*events, taken);

    const auto refused = store.append("{");
    CHECK(!refused && !refused.has_value());
    CHECK_VIEW("invalid_json", refused.error().code());
    auto closed = store.close();
    CHECK(closed && closed.has_value());
    *closed;
    closed.value();
    closed = store.close();
    CHECK_VIEW("closed", closed.error().code());
}

template <class T> using value_of_temporary = decltype(std::declval<runestore::result<T>>().value());
template <class T> using content_of_temporary = decltype(*std::declval<runestore::result<T>>());
static_assert(std::is_same_v<value_of_temporary<runestore::event_range>, runestore::event_range>);
static_assert(std::is_same_v<content_of_temporary<runestore::event_range>, runestore::event_range>);
static_assert(std::is_same_v<decltype(std::declval<runestore::result<int>>().error()), runestore::error>);
static_assert(std::is_same_v<decltype(std::declval<runestore::result<void>>().error()), runestore::error>);

void what_a_temporary_held_lives_on()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    unsigned long sum = 0, count = 0;
    for (const std::string_view event : *store.events(std::nullopt, R"({"max_bytes":1})"))
        sum += number_in(event);
    for (const std::string_view event : store.events().value())
        sum += number_in(event);
    CHECK_UINT(110, sum);
    for (const runestore::piece &piece : *store.cursor())
        count += piece.position;
    CHECK_UINT(10, count);
    const runestore::buffer &all = *store.get_events();
    CHECK_HAS(R"("data":{"n":10})", all);
    const runestore::error &error = store.append("{").error();
    const runestore::error &misuse = runestore::store::adopt(nullptr).close().error();
    CHECK_VIEW("invalid_json", error.code());
    CHECK_HAS(R"({"code":"invalid_json",)", error.details());
    CHECK_HAS(R"({"code":"misuse",)", misuse.details());
}

// Whether this aborts: asked of a child, which becomes another program then, as above.
template <class Act> bool aborts(Act act)
{
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGABRT, [](int) { execlp("true", "true", static_cast<char *>(nullptr)); });
        act();
        _exit(1);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status == 0;
}

void what_is_not_there_ends_the_program()
{
    const runestore::error error(runestore::status_code::closed, "{}");
    const runestore::result<int> failed(error), seven(7);
    const runestore::result<void> failed_void(error), done;
    CHECK(aborts([&] { static_cast<void>(failed.value()); }));
    CHECK(aborts([&] { static_cast<void>(*failed); }));
    CHECK(aborts([&] { static_cast<void>(seven.error()); }));
    CHECK(aborts([&] { failed_void.value(); }));
    CHECK(aborts([&] { static_cast<void>(done.error()); }));
    CHECK(!aborts([&] { done.value(); }));
}

#else

static_assert(std::is_same_v<decltype(std::declval<runestore::store>().head()), std::uint64_t>);
static_assert(std::is_same_v<decltype(std::declval<runestore::store>().close()), void>);

void an_error_is_caught_as_what_it_is()
{
    runestore::store store;
    try {
        store.append("{");
        CHECK(!"reached");
    } catch (const std::exception &error) {
        CHECK(dynamic_cast<const runestore::error *>(&error) != nullptr);
        CHECK_HAS("events", error.what());
    }
}

#endif

} // namespace

int main()
{
    RUN(an_error_has_status_code_message_and_details);
    RUN(a_message_is_unescaped);
    RUN(a_message_of_the_library_is_readable);
    RUN(where_c_has_no_text_there_is_one);
    RUN(a_forked_child_gets_an_error);
    RUN(an_error_outlives_its_copies_and_moves);
#ifdef RUNESTORE_NO_EXCEPTIONS
    RUN(a_result_holds_a_value_or_an_error);
    RUN(what_a_temporary_held_lives_on);
    RUN(what_is_not_there_ends_the_program);
#else
    RUN(an_error_is_caught_as_what_it_is);
#endif
    check_note("%s", MODE);
    return check_report();
}
