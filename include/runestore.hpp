// Runestore in C++17: the C interface of runestore.h, with owners, exceptions, durations and ranges.
//
// Events go in as atomic batches of JSON and come back as JSON. docs/EVENTS.md describes events, queries and options;
// runestore.h describes each function that is called here, with its errors. This header adds no library: link
// librunestore as a C program does.
//
// A program that stores an event and prints all there are:
//
//     #include <runestore.hpp>
//     #include <iostream>
//
//     int main()
//     {
//         runestore::store store;
//         store.append(R"({"type":"Opened","domain":"account","instance_id":"a-1","data":{"owner":"Ada"}})");
//         for (const std::string_view event : store.events())
//             std::cout << event << '\n';
//     }
//
// What holds for everything here:
//
//   Texts      Go in as whatever converts to std::string_view, in UTF-8, and are borrowed for the call. A parameter of
//              type optional_text may be left out; std::nullopt and, as in C, a null pointer are the same. Empty is
//              not absent: an empty text, also a std::string_view whose data() is nullptr, is no JSON (invalid_json).
//              A required_text cannot be left out: nullptr does not compile there, and a const char * that is null is
//              an error (misuse). Texts come out as a buffer, which frees itself. A view of it must not outlive it, so
//              give it a name, unless the view goes straight into a call: handle(store.get_events()) is right,
//              std::string_view all = store.get_events(); is not.
//   JSON       Any JSON library will do to write and to read it. Without one, quote() puts a string into a text safely.
//   Ownership  store, cursor, event_range and buffer own what they hold, can be moved and cannot be copied. One that
//              was moved from holds nothing: its calls are errors (misuse). Destructors close and never throw.
//   Errors     A function of type result<T> returns a T or throws a runestore::error, and nothing else but what
//              std::string throws where memory runs out. Where RUNESTORE_NO_EXCEPTIONS is defined, or the compiler has
//              exceptions turned off, it returns a result<T> that holds a T or an error.
//   Durations  Are of any std::chrono type, rounded up to milliseconds. Those below 0 are as 0: look, do not wait.
//              Those that are longer than the C interface can count are cut, at 292 million years.
//   Threads    A store may be used from any number of threads at once, close() included; a cursor and an event_range by
//              one thread at a time, but for cancel() and close(). Moving, assigning and destroying is for one thread
//              alone, when no other is inside a call.
//
// Without exceptions:
//
//     auto store = runestore::store::open();
//     if (!store)
//         return report(store.error());
//     auto stored = store->append(R"({"type":"Opened","domain":"account","instance_id":"a-1"})");
//     if (!stored && stored.error().code() == "conflict")
//         return report(stored.error());
//
// Both kinds of file may be linked into one program. What they share is told apart by an inline namespace.

#ifndef RUNESTORE_HPP
#define RUNESTORE_HPP

#include "runestore.h"
#include "runestore/cursor.hpp"
#include "runestore/values.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace runestore
{
inline namespace RUNESTORE_MODE
{

/// An open store.
class store
{
public:
    /// Opens a store: {"store": NAME, "store_opts": {...}}, or the memory engine where config is absent. A library
    /// whose interface does not fit this header is an error (unsupported).
    [[nodiscard]] static result<store> open(optional_text config = std::nullopt)
    {
        if (!detail::fits(store_abi_version()))
            return detail::fail<store>(detail::does_not_fit(store_abi_version()));
        store_t *handle = nullptr;
        return detail::settled<store>(
            [&](char **error, std::size_t *size) {
                return store_init(config.data(), config.size(), &handle, error, size);
            },
            [&](std::int32_t, const buffer &) { return adopt(handle); });
    }

#ifndef RUNESTORE_NO_EXCEPTIONS
    /// The same. A constructor cannot return an error, so without exceptions there is none.
    explicit store(optional_text config = std::nullopt) : store(open(config)) {}
#endif

    /// Takes the handle of an open store, which it closes.
    [[nodiscard]] static store adopt(store_t *handle) noexcept { return {detail::taking(), handle}; }

    /// Stores one event (a JSON object) or several (an array) in one atomic batch. The answer is the array of the
    /// stored events, or with {"return":"summary"} where they are, which costs less.
    ///
    /// Example:
    ///
    ///     const runestore::buffer summary = store.append(
    ///         R"([{"type":"Opened","domain":"account","instance_id":"a-1","data":{"owner":"Ada"}},
    ///             {"type":"Deposited","domain":"account","instance_id":"a-1","data":{"cents":500}}])",
    ///         R"({"expected_version":0,"return":"summary"})");
    ///     std::cout << summary.view() << '\n';
    result<buffer> append(required_text events, optional_text opts = std::nullopt)
    {
        return detail::answered([&](char **out, std::size_t *size) {
            return store_append(get(), events.data(), events.size(), opts.data(), opts.size(), out, size);
        });
    }

    /// The events that match a query, or all, as one JSON array, however large. Read what may not fit in memory with
    /// events() or cursor().
    ///
    /// Example:
    ///
    ///     const runestore::buffer newest = store.get_events(R"({"type":["Opened","Closed"]})",
    ///                                                       R"({"limit":10,"direction":"backward"})");
    [[nodiscard]] result<buffer> get_events(optional_text query = std::nullopt, optional_text opts = std::nullopt) const
    {
        return detail::answered([&](char **out, std::size_t *size) {
            return store_get_events(get(), query.data(), query.size(), opts.data(), opts.size(), out, size);
        });
    }

    /// A range of the events that match a query, as they are at this moment, one at a time. opts are those of a cursor,
    /// but for format.
    ///
    /// Example:
    ///
    ///     for (const std::string_view event : store.events(R"({"domain":"account"})"))
    ///         handle(event, runestore::position_of(event));
    [[nodiscard]] result<event_range> events(optional_text query = std::nullopt,
                                             optional_text opts = std::nullopt) const
    {
        return open_cursor<event_range>(query, detail::with_members(opts, R"("format":"ndjson")"));
    }

    /// The same, and then new events as they are committed, until cancel(): nothing is skipped and nothing comes twice,
    /// however slow the reader. opts are those of a cursor, but for format and follow.
    ///
    /// Example:
    ///
    ///     runestore::event_range subscription = store.subscribe(R"({"domain":"account","after":1})");
    ///     std::thread reader([&subscription] {
    ///         for (const std::string_view event : subscription)
    ///             handle(event, runestore::position_of(event));
    ///     });
    ///     store.append(opened);
    ///     subscription.cancel();
    ///     reader.join();
    [[nodiscard]] result<event_range> subscribe(optional_text query = std::nullopt,
                                                optional_text opts = std::nullopt) const
    {
        return open_cursor<event_range>(query, detail::with_members(opts, R"("format":"ndjson","follow":true)"));
    }

    /// A cursor over the events that match a query, for a reader that wants pieces, time-outs or positions.
    [[nodiscard]] result<runestore::cursor> cursor(optional_text query = std::nullopt,
                                                   optional_text opts = std::nullopt) const
    {
        return open_cursor<runestore::cursor>(query, opts);
    }

    /// The store's last position, 0 if it is empty.
    [[nodiscard]] result<std::uint64_t> head() const
    {
        return reached<std::uint64_t>(0, 0, [](std::int32_t, std::uint64_t head) { return head; });
    }

    /// Waits until the head is larger than `after`, and returns it.
    result<std::uint64_t> wait(std::uint64_t after) const
    {
        return reached<std::uint64_t>(after, detail::for_ever, [](std::int32_t, std::uint64_t head) { return head; });
    }

    /// The same, but waits at most so long. Nothing if nothing came.
    ///
    /// Example:
    ///
    ///     if (const std::optional<std::uint64_t> head = store.wait(1, std::chrono::milliseconds(250)))
    ///         std::cout << "the head is " << *head << '\n';
    template <class Rep, class Period>
    [[nodiscard]] result<std::optional<std::uint64_t>> wait(std::uint64_t after,
                                                            std::chrono::duration<Rep, Period> timeout) const
    {
        using found = std::optional<std::uint64_t>;
        return reached<found>(after, detail::whole_milliseconds(timeout), [](std::int32_t status, std::uint64_t head) {
            return status == STORE_OK ? found(head) : std::nullopt;
        });
    }

    /// The position that a reader of this name has recorded with the append option tracking, 0 if none. The name is
    /// plain text, not JSON.
    [[nodiscard]] result<std::uint64_t> tracking(required_text source) const
    {
        std::uint64_t position = 0;
        return detail::settled<std::uint64_t>(
            [&](char **error, std::size_t *size) {
                return store_tracking(get(), source.data(), source.size(), &position, error, size);
            },
            [&](std::int32_t, const buffer &) { return position; });
    }

    /// Ends the calls in progress on this store and its cursors with interrupted, those that begin later not.
    result<void> interrupt() const { return detail::checked(store_interrupt(get())); }

    /// What is known about the store, as a JSON object.
    [[nodiscard]] result<buffer> info() const
    {
        return detail::answered([&](char **out, std::size_t *size) { return store_info(get(), out, size); });
    }

    /// Reads all that is stored and checks it. The answer, JSON, tells of the problems; they are no error.
    [[nodiscard]] result<buffer> verify() const
    {
        return detail::answered(
            [&](char **out, std::size_t *size) { return store_verify(get(), nullptr, 0, out, size); });
    }

    /// Copies the store, which may be in use, into the new directory path, which is plain text.
    result<buffer> backup(required_text path) const
    {
        return detail::answered([&](char **out, std::size_t *size) {
            return store_backup(get(), path.data(), path.size(), nullptr, 0, out, size);
        });
    }

    /// Copies the store into another one, whatever the engines of the two, and compares them: see store_copy. A copy that
    /// ended early is gone on with by copying again.
    result<buffer> copy_to(store &target) const
    {
        return detail::answered([&](char **out, std::size_t *size) {
            return store_copy(get(), target.get(), nullptr, 0, out, size);
        });
    }

    /// Closes the store and tells how that went: the destructor cannot. Calls in progress end with closed, or finish if
    /// they commit; later ones are closed.
    result<void> close()
    {
        return detail::settled<void>(
            [&](char **error, std::size_t *size) { return store_close(get(), error, size); },
            [](std::int32_t, const buffer &) { return result<void>(); });
    }

    /// For the C functions.
    [[nodiscard]] store_t *get() const noexcept { return handle_.get(); }
    /// Gives the handle away: close it with store_close.
    [[nodiscard]] store_t *release() noexcept { return handle_.release(); }

private:
    store(detail::taking, store_t *handle) noexcept : handle_(handle) {}

    template <class Reader> result<Reader> open_cursor(optional_text query, optional_text opts) const
    {
        store_cursor_t *handle = nullptr;
        return detail::settled<Reader>(
            [&](char **error, std::size_t *size) {
                return store_cursor_open(get(), query.data(), query.size(), opts.data(), opts.size(), &handle, error,
                                         size);
            },
            [&](std::int32_t, const buffer &) { return Reader(runestore::cursor::adopt(handle)); });
    }

    template <class T, class Make>
    result<T> reached(std::uint64_t after, std::int64_t timeout_ms, Make make) const
    {
        std::uint64_t head = 0;
        return detail::settled<T>(
            [&](char **error, std::size_t *size) { return store_wait(get(), after, timeout_ms, &head, error, size); },
            [&](std::int32_t status, const buffer &) { return make(status, head); });
    }

    detail::handle<store_t> handle_;
};

} // namespace RUNESTORE_MODE
} // namespace runestore

#endif // RUNESTORE_HPP
