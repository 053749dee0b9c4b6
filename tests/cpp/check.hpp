// What the C++ suites share: the checks of tests/c/check.h, and one way to take values and errors in both modes, so
// that each suite is written once.
#ifndef CHECK_HPP
#define CHECK_HPP

#include "check.h"

#include <runestore.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

// The value of a call that has to succeed: without it the suite cannot go on.
#define TAKE(...) take(__FILE__, __LINE__, #__VA_ARGS__, [&] { return __VA_ARGS__; })
// The error of a call that has to fail with this code, as an optional that is empty if it did not fail at all.
#define CHECK_ERROR(expected, ...) \
    check_error(__FILE__, __LINE__, #__VA_ARGS__, expected, error_of([&] { return __VA_ARGS__; }))
#define CHECK_VIEW(expected, actual) check_view(__FILE__, __LINE__, #actual, (expected), (actual))
#define CHECK_HAS(part, actual) check_has(__FILE__, __LINE__, #actual, (part), (actual))

constexpr std::string_view EVENT = R"({"type":"Opened","domain":"account","instance_id":"a-1","data":{"owner":"Ada"}})";

inline bool check_view(const char *file, int line, const char *what, std::string_view expected, std::string_view actual)
{
    return expected == actual ||
           check_fail(file, line, "%.200s: expected: %.400s; actual: %.400s", what, std::string(expected).c_str(),
                      std::string(actual).c_str()) != 0;
}

inline bool check_has(const char *file, int line, const char *what, std::string_view part, std::string_view actual)
{
    return actual.find(part) != actual.npos ||
           check_fail(file, line, "%.200s: expected to hold: %.400s; actual: %.400s", what, std::string(part).c_str(),
                      std::string(actual).c_str()) != 0;
}

[[noreturn]] inline void give_up(const char *file, int line, const char *what, const runestore::error &error)
{
    check_fail(file, line, "%.200s: expected: a value; actual: %.400s", what, std::string(error.details()).c_str());
    std::exit(EXIT_FAILURE);
}

#ifdef RUNESTORE_NO_EXCEPTIONS

constexpr const char *MODE = "results";

template <class Call> auto take(const char *file, int line, const char *what, Call call)
{
    auto result = call();
    if (!result)
        give_up(file, line, what, result.error());
    return *std::move(result);
}

template <class Call> std::optional<runestore::error> error_of(Call call)
{
    const auto result = call();
    return result ? std::nullopt : std::optional(result.error());
}

// What a loop over a range ends with.
template <class Range, class Body> std::optional<runestore::error> loop_over(Range &range, Body body)
{
    for (const auto &item : range)
        body(item);
    return range.failure() != nullptr ? std::optional(*range.failure()) : std::nullopt;
}

#else

constexpr const char *MODE = "exceptions";

template <class Call> auto take(const char *file, int line, const char *what, Call call)
{
    try {
        return call();
    } catch (const runestore::error &error) {
        give_up(file, line, what, error);
    }
}

template <class Call> std::optional<runestore::error> error_of(Call call)
{
    try {
        static_cast<void>(call());
        return std::nullopt;
    } catch (const runestore::error &error) {
        return error;
    }
}

template <class Range, class Body> std::optional<runestore::error> loop_over(Range &range, Body body)
{
    return error_of([&] {
        for (const auto &item : range)
            body(item);
    });
}

#endif

inline std::optional<runestore::error> check_error(const char *file, int line, const char *what,
                                                   std::string_view expected, std::optional<runestore::error> actual)
{
    check_view(file, line, what, expected, actual ? actual->code() : "no error");
    return actual;
}

// So many events of one stream, in batches; their data is {"n":1}, {"n":2} and so on.
inline void fill(runestore::store &store, unsigned long count)
{
    constexpr unsigned long batch_events = 1000;
    std::string batch;
    for (unsigned long n = 1; n <= count; n++) {
        batch += batch.empty() ? "[" : ",";
        batch += R"({"type":"Counted","domain":"counter","instance_id":"c-1","data":{"n":)" + std::to_string(n) + "}}";
        if (n % batch_events == 0 || n == count) {
            TAKE(store.append(batch + "]", R"({"return":"summary"})"));
            batch.clear();
        }
    }
}

// The number that an event of fill holds.
inline unsigned long number_in(std::string_view event)
{
    const std::size_t found = event.find(R"("data":{"n":)");
    return found == event.npos ? 0 : std::strtoul(event.data() + found + 12, nullptr, 10);
}

#endif
