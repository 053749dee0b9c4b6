// The readers of runestore.hpp: by pieces, and by single events. Include that one; its first page says what holds for
// both.

#ifndef RUNESTORE_CURSOR_HPP
#define RUNESTORE_CURSOR_HPP

#include "../runestore.h"
#include "values.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace runestore
{
inline namespace RUNESTORE_MODE
{

namespace detail
{

// Closing is right after close(), too: it is an error that nobody hears, since a handle is not issued again.
struct closing {
    void operator()(store_t *handle) const noexcept { store_close(handle, nullptr, nullptr); }
    void operator()(store_cursor_t *handle) const noexcept { store_cursor_close(handle); }
};

template <class Handle> using handle = std::unique_ptr<Handle, closing>;

// Set by one thread and read by another; moved by neither meanwhile.
struct flag {
    flag() noexcept = default;
    flag(flag &&other) noexcept : value(other.value.load()) {}
    flag &operator=(flag &&other) noexcept
    {
        value = other.value.load();
        return *this;
    }

    std::atomic<bool> value = false;
};

} // namespace detail

/// What a cursor gave: status is ok (events is their text), timeout (nothing new came in time) or done (there will be
/// no more). Everything up to position was given or does not match: a new query goes on behind it with {"after":N}.
struct piece {
    status_code status = status_code::done;
    std::uint64_t position = 0;
    buffer events = {};

    /// Whether there are events.
    explicit operator bool() const noexcept { return status == status_code::ok; }
};

/// A result that is read piece by piece, or a subscription, made by store::cursor. It does not keep its store open:
/// when that is closed, the next call is an error (closed). After an error it stands where it stood.
///
/// It is a range of pieces, to be gone through once: an input range. Each step waits for events and ends the life of
/// the piece before; after cancel() it ends quietly, as it does when all was given. A second loop goes on behind the
/// first. Moving a cursor ends its iterators.
///
/// Example:
///
///     runestore::cursor cursor = store.cursor(R"({"domain":"account"})", R"({"max_bytes":65536})");
///     for (const runestore::piece &piece : cursor)
///         handle(piece.events, piece.position);
class cursor
{
public:
    class iterator;

    /// Takes the handle of an open cursor, which it closes.
    [[nodiscard]] static cursor adopt(store_cursor_t *handle) noexcept { return cursor(handle); }

    /// The next events, at most max_events (0: by bytes alone). Waits until there are any, or there will be none.
    ///
    /// Example:
    ///
    ///     while (const runestore::piece piece = cursor.next(100))
    ///         handle(piece.events, piece.position);
    [[nodiscard]] result<piece> next(std::size_t max_events = 0) { return next_within(max_events, detail::for_ever); }

    /// The same, but a follower that has no event to give waits at most so long.
    ///
    /// Example:
    ///
    ///     const runestore::piece piece = cursor.next(0, std::chrono::seconds(1));
    ///     if (piece.status == runestore::status_code::timeout)
    ///         std::cout << "nothing came behind " << piece.position << '\n';
    template <class Rep, class Period>
    [[nodiscard]] result<piece> next(std::size_t max_events, std::chrono::duration<Rep, Period> timeout)
    {
        return next_within(max_events, detail::whole_milliseconds(timeout));
    }

    /// Ends the next() in progress and all later ones with interrupted, and a loop quietly. From any thread.
    result<void> cancel()
    {
        cancelled_.value = true; // before the reader wakes, who asks for it
        return detail::checked(store_cursor_cancel(get()));
    }

    /// Closes the cursor and tells how that went. A next() in progress ends with closed. From any thread.
    result<void> close() { return detail::checked(store_cursor_close(get())); }

    [[nodiscard]] store_cursor_t *get() const noexcept { return handle_.get(); }
    /// Gives the handle away: close it with store_cursor_close.
    [[nodiscard]] store_cursor_t *release() noexcept { return handle_.release(); }

    /// Reads a piece.
    [[nodiscard]] iterator begin();
    [[nodiscard]] iterator end() noexcept;

#ifdef RUNESTORE_NO_EXCEPTIONS
    /// The error that ended the last loop, nullptr if none did. With exceptions it is thrown by the loop.
    [[nodiscard]] const error *failure() const noexcept { return failure_ ? &*failure_ : nullptr; }
#endif

private:
    friend class event_range;

    explicit cursor(store_cursor_t *handle) noexcept : handle_(handle) {}

    std::int32_t read(std::size_t max_events, std::int64_t timeout_ms, piece &into)
    {
        char *text = nullptr;
        std::size_t size = 0;
        const std::int32_t status = store_cursor_next(get(), max_events, timeout_ms, &into.position, &text, &size);
        into.events = buffer(text, size);
        into.status = static_cast<status_code>(status);
        return status;
    }

    result<piece> next_within(std::size_t max_events, std::int64_t timeout_ms)
    {
        piece given;
        const std::int32_t status = read(max_events, timeout_ms, given);
        if (status < 0)
            return detail::fail<piece>(detail::error_of(status, given.events));
        return given;
    }

    // Reads the next piece of a loop, or is false at its end.
    bool advance()
    {
        current_ = piece(); // first, so that one is in memory and not two
        piece given;
        const std::int32_t status = read(0, detail::for_ever, given);
        const bool stopped = status == STORE_ERR_INTERRUPTED && cancelled_.value;
#ifdef RUNESTORE_NO_EXCEPTIONS
        failure_.reset();
        if (status < 0 && !stopped)
            failure_ = detail::error_of(status, given.events);
#else
        if (status < 0 && !stopped)
            throw detail::error_of(status, given.events);
#endif
        if (status >= 0) // an error has no position
            reached_ = given.position;
        if (status != STORE_OK)
            return false;
        current_ = std::move(given);
        return true;
    }

    detail::handle<store_cursor_t> handle_;
    detail::flag cancelled_ = {};
    piece current_ = {};
    std::uint64_t reached_ = 0; // by loops; it outlives the piece
#ifdef RUNESTORE_NO_EXCEPTIONS
    std::optional<error> failure_ = {};
#endif
};

class cursor::iterator
{
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = piece;
    using difference_type = std::ptrdiff_t;
    using pointer = const piece *;
    using reference = const piece &;

    iterator() noexcept = default;

    reference operator*() const noexcept { return source_->current_; }
    pointer operator->() const noexcept { return &source_->current_; }
    iterator &operator++()
    {
        if (!source_->advance())
            source_ = nullptr;
        return *this;
    }
    /// What stood here is moved out, for *it++.
    auto operator++(int)
    {
        struct previous {
            piece held;
            piece operator*() { return std::move(held); }
        } given{std::move(source_->current_)};
        ++*this;
        return given;
    }
    friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.source_ == b.source_; }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

private:
    friend class cursor;

    explicit iterator(cursor *source) noexcept : source_(source) {}

    cursor *source_ = nullptr; // none at the end
};

inline cursor::iterator cursor::begin()
{
    return ++iterator(this);
}

inline cursor::iterator cursor::end() noexcept
{
    return {};
}

/// Events one at a time, each the JSON text of one event, made by store::events and store::subscribe. In memory is one
/// piece of the cursor's max_bytes at most, or one event.
///
/// It is an input range of std::string_view, to be gone through once. An event's view is good until the next step.
/// Each step waits for an event; after cancel() the range ends quietly, as it does when all was given. A second loop
/// goes on behind the first. Moving a range ends its iterators.
///
/// Example:
///
///     runestore::event_range events = store.events(R"({"domain":"account"})", R"({"direction":"backward"})");
///     const auto closed = std::find_if(events.begin(), events.end(), [](std::string_view event) {
///         return event.find(R"("type":"Closed")") != event.npos;
///     });
///     if (closed != events.end())
///         std::cout << "closed last: " << *closed << '\n';
class event_range
{
public:
    class iterator;

    /// Reads from a cursor that was opened with {"format":"ndjson"}.
    explicit event_range(cursor source) noexcept : source_(std::move(source)) {}

    /// Ends the loop, quietly, also while it waits. Events that were read already may still be given. From any thread.
    result<void> cancel() { return source_.cancel(); }

    /// Closes the cursor: a loop that waits ends with an error (closed). From any thread.
    result<void> close() { return source_.close(); }

    /// Everything up to here was given or does not match; the event that an iterator stands at counts as given. It is
    /// the number to keep as a checkpoint, once that event is handled, and is often further than the event's own: a new
    /// query goes on behind it with {"after":N}. It stays when the range ends. 0 before the first step.
    ///
    /// A backward range reaches the beginning last: until then this is 0, or the query's after.
    ///
    /// Example:
    ///
    ///     runestore::event_range closed = store.events(R"({"type":"Closed"})");
    ///     for (const std::string_view event : closed)
    ///         handle(event, closed.position());
    ///     const std::string after = R"({"after":)" + std::to_string(closed.position()) + "}";
    ///     runestore::event_range later = store.events(after);
    [[nodiscard]] std::uint64_t position() const noexcept
    {
        const std::string_view events = source_.current_.events;
        if (next_ >= events.size())
            return source_.reached_;
        // What is left in the piece is not given yet. Backward that is all before the event, whatever the piece says.
        const std::uint64_t given = position_of(event_);
        return given < position_of(events.substr(next_)) ? given : 0;
    }

    /// Reads an event.
    [[nodiscard]] iterator begin();
    [[nodiscard]] iterator end() noexcept;

#ifdef RUNESTORE_NO_EXCEPTIONS
    /// The error that ended the last loop, nullptr if none did. With exceptions it is thrown by the loop.
    [[nodiscard]] const error *failure() const noexcept { return source_.failure(); }
#endif

private:
    bool advance()
    {
        if (next_ >= source_.current_.events.size()) {
            next_ = 0;
            if (!source_.advance())
                return false;
        }
        const std::string_view rest = source_.current_.events.view().substr(next_);
        event_ = rest.substr(0, rest.find('\n'));
        next_ += event_.size() + 1;
        return true;
    }

    cursor source_;
    std::size_t next_ = 0; // in the piece; it is not kept as a view, since a range that was moved from has no piece
    std::string_view event_ = {};
};

class event_range::iterator
{
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view *;
    using reference = const std::string_view &;

    iterator() noexcept = default;

    reference operator*() const noexcept { return source_->event_; }
    pointer operator->() const noexcept { return &source_->event_; }
    iterator &operator++()
    {
        if (!source_->advance())
            source_ = nullptr;
        return *this;
    }
    /// What stood here is copied, for *it++: the step may end the life of its view.
    auto operator++(int)
    {
        struct previous {
            std::string held;
            const std::string &operator*() const noexcept { return held; }
        } given{std::string(source_->event_)};
        ++*this;
        return given;
    }
    friend bool operator==(const iterator &a, const iterator &b) noexcept { return a.source_ == b.source_; }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

private:
    friend class event_range;

    explicit iterator(event_range *source) noexcept : source_(source) {}

    event_range *source_ = nullptr; // none at the end
};

inline event_range::iterator event_range::begin()
{
    return ++iterator(this);
}

inline event_range::iterator event_range::end() noexcept
{
    return {};
}

} // namespace RUNESTORE_MODE
} // namespace runestore

#endif // RUNESTORE_CURSOR_HPP
