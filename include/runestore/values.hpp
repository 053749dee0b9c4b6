// What goes in and comes out of runestore.hpp: texts, status numbers, errors, results. Include that one; its first page
// says what holds for all of them.

#ifndef RUNESTORE_VALUES_HPP
#define RUNESTORE_VALUES_HPP

#include "../runestore.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#if !defined(RUNESTORE_NO_EXCEPTIONS) && !defined(__cpp_exceptions)
#define RUNESTORE_NO_EXCEPTIONS
#endif

// Functions of the two modes differ in what they return, which their symbols do not show: so their namespace does.
#ifdef RUNESTORE_NO_EXCEPTIONS
#define RUNESTORE_MODE returning
#include <cstdlib>
#include <variant>
#else
#define RUNESTORE_MODE throwing
#endif

// Behind a function whose result is a view into its object: compilers that know it warn of a view that outlives the
// object. It takes the place of deleting the function for temporaries, see buffer.
#define RUNESTORE_LIFETIMEBOUND
#ifdef __has_cpp_attribute
#if __has_cpp_attribute(clang::lifetimebound)
#undef RUNESTORE_LIFETIMEBOUND
#define RUNESTORE_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif

namespace runestore
{
inline namespace RUNESTORE_MODE
{

namespace detail
{

// What holds a text: std::string, std::string_view, buffer, and the strings of other libraries. No pointers, whose
// conversion to std::string_view does not look whether they are null.
template <class Text>
using if_text = std::enable_if_t<std::is_class_v<Text> && std::is_convertible_v<const Text &, std::string_view>>;

// As the C functions take it: (nullptr, 0) is absent there, so an empty text needs an address.
struct borrowed {
    constexpr borrowed() noexcept = default;
    constexpr borrowed(const char *text) noexcept
        : data(text), size(text == nullptr ? 0 : std::char_traits<char>::length(text))
    {
    }
    constexpr borrowed(std::string_view text) noexcept
        : data(text.data() == nullptr ? "" : text.data()), size(text.size())
    {
    }

    [[nodiscard]] constexpr std::string_view view() const noexcept
    {
        return data == nullptr ? std::string_view() : std::string_view(data, size);
    }

    const char *data = nullptr;
    std::size_t size = 0;
};

} // namespace detail

/// A parameter that is a text or absent, which it borrows. Absent are std::nullopt, {}, a null pointer, as in C, and
/// an empty std::optional. All else that converts to a std::string_view is present, however empty.
class optional_text
{
public:
    constexpr optional_text() noexcept = default;
    constexpr optional_text(std::nullopt_t) noexcept {}
    // No constructor from std::nullptr_t beside it: NULL, which is either, would be ambiguous.
    constexpr optional_text(const char *text) noexcept : text_(text) {}
    constexpr optional_text(std::string_view text) noexcept : text_(text) {}
    template <class Text, class = detail::if_text<Text>>
    constexpr optional_text(const Text &text) : text_(static_cast<std::string_view>(text))
    {
    }
    template <class Text, class = std::enable_if_t<std::is_convertible_v<const Text &, std::string_view>>>
    constexpr optional_text(const std::optional<Text> &text) : optional_text(text ? optional_text(*text) : std::nullopt)
    {
    }

    [[nodiscard]] constexpr bool has_value() const noexcept { return text_.data != nullptr; }
    [[nodiscard]] constexpr std::string_view value_or(std::string_view other) const noexcept
    {
        return has_value() ? text_.view() : other;
    }
    /// For the C functions: nullptr where it is absent, and only there.
    [[nodiscard]] constexpr const char *data() const noexcept { return text_.data; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return text_.size; }

private:
    detail::borrowed text_ = {};
};

/// A parameter that is a text, which it borrows. nullptr does not compile. A null pointer of type const char * is an
/// error where a function can have one, else an empty text.
class required_text
{
public:
    constexpr required_text() noexcept : text_(std::string_view()) {}
    constexpr required_text(std::nullptr_t) = delete;
    constexpr required_text(const char *text) noexcept : text_(text) {}
    constexpr required_text(std::string_view text) noexcept : text_(text) {}
    template <class Text, class = detail::if_text<Text>>
    constexpr required_text(const Text &text) : text_(static_cast<std::string_view>(text))
    {
    }

    [[nodiscard]] constexpr std::string_view view() const noexcept { return text_.view(); }
    /// For the C functions, to which a null pointer is no text.
    [[nodiscard]] constexpr const char *data() const noexcept { return text_.data; }
    [[nodiscard]] constexpr std::size_t size() const noexcept { return text_.size; }

private:
    detail::borrowed text_ = {};
};

/// The status numbers of runestore.h. A later library may have more of them.
enum class status_code : std::int32_t {
    ok = STORE_OK,
    done = STORE_DONE,
    timeout = STORE_TIMEOUT,
    misuse = STORE_ERR_MISUSE,
    closed = STORE_ERR_CLOSED,
    invalid_json = STORE_ERR_INVALID_JSON,
    invalid_event = STORE_ERR_INVALID_EVENT,
    invalid_query = STORE_ERR_INVALID_QUERY,
    invalid_options = STORE_ERR_INVALID_OPTIONS,
    conflict = STORE_ERR_CONFLICT,
    duplicate_id = STORE_ERR_DUPLICATE_ID,
    too_large = STORE_ERR_TOO_LARGE,
    not_found = STORE_ERR_NOT_FOUND,
    read_only = STORE_ERR_READ_ONLY,
    locked = STORE_ERR_LOCKED,
    io = STORE_ERR_IO,
    no_space = STORE_ERR_NO_SPACE,
    corrupt = STORE_ERR_CORRUPT,
    unsupported = STORE_ERR_UNSUPPORTED,
    engine = STORE_ERR_ENGINE,
    indeterminate = STORE_ERR_INDETERMINATE,
    interrupted = STORE_ERR_INTERRUPTED,
    forked = STORE_ERR_FORKED,
    internal = STORE_ERR_INTERNAL,
};

/// A text as a JSON string, with its quotes. The text has to be UTF-8, or the library will answer invalid_json.
///
/// Example:
///
///     const std::string query = R"({"domain":"account","instance_id":)" + runestore::quote(instance) + "}";
///     const runestore::buffer events = store.get_events(query);
[[nodiscard]] inline std::string quote(required_text text)
{
    constexpr char digits[] = "0123456789abcdef";
    std::string json = "\"";
    for (const char character : text.view()) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte < 0x20) {
            json += "\\u00";
            json += digits[byte >> 4];
            json += digits[byte & 15];
        } else {
            if (character == '"' || character == '\\')
                json += '\\';
            json += character;
        }
    }
    return json += '"';
}

/// The position (sequence_number) of an event as the library gave it, 0 if the text does not begin as one does. It is
/// the number for a reader to keep as a checkpoint, once it has handled the event.
[[nodiscard]] inline std::uint64_t position_of(required_text text) noexcept
{
    constexpr std::string_view first_field = R"({"sequence_number":)";
    const std::string_view event = text.view();
    std::uint64_t position = 0;
    if (event.substr(0, first_field.size()) == first_field)
        std::from_chars(event.data() + first_field.size(), event.data() + event.size(), position);
    return position;
}

/// A text that the library made, in UTF-8. Its views are good as long as it lives; moving it does not end them. One
/// without a name may go into a call as a view, but keep no view of it: `std::string_view all = store.get_events();`
/// dangles.
class buffer
{
public:
    buffer() noexcept = default;
    /// Takes a buffer that a C function handed out.
    buffer(char *text, std::size_t size) noexcept : text_(text), size_(size) {}
    buffer(buffer &&other) noexcept : text_(std::move(other.text_)), size_(std::exchange(other.size_, 0)) {}
    buffer &operator=(buffer &&other) noexcept
    {
        buffer moved(std::move(other));
        std::swap(text_, moved.text_);
        std::swap(size_, moved.size_);
        return *this;
    }

    // Not deleted for temporaries: handle(store.get_events()) and std::cout << store.info().view() are right, and no
    // overload can tell them from a view that is kept.
    [[nodiscard]] std::string_view view() const noexcept RUNESTORE_LIFETIMEBOUND { return {data(), size_}; }
    operator std::string_view() const noexcept RUNESTORE_LIFETIMEBOUND { return view(); }
    [[nodiscard]] std::string str() const { return std::string(view()); }
    /// Never nullptr, and NUL-terminated.
    [[nodiscard]] const char *data() const noexcept RUNESTORE_LIFETIMEBOUND { return text_ ? text_.get() : ""; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const char *begin() const & noexcept RUNESTORE_LIFETIMEBOUND { return data(); }
    [[nodiscard]] const char *end() const & noexcept RUNESTORE_LIFETIMEBOUND { return data() + size_; }
    // A begin and an end of two temporaries are no range; a loop over one temporary gives it a name.
    const char *begin() const && = delete;
    const char *end() const && = delete;

private:
    struct freeing {
        void operator()(char *text) const noexcept { store_free(text); }
    };

    std::unique_ptr<char, freeing> text_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail
{

inline void append_utf8(std::string &text, std::uint32_t code_point)
{
    const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
    if (code_point < 0x80)
        return add(code_point);
    if (code_point < 0x800) {
        add(0xC0 | code_point >> 6);
    } else {
        if (code_point < 0x10000) {
            add(0xE0 | code_point >> 12);
        } else {
            add(0xF0 | code_point >> 18);
            add(0x80 | (code_point >> 12 & 0x3F));
        }
        add(0x80 | (code_point >> 6 & 0x3F));
    }
    add(0x80 | (code_point & 0x3F));
}

// What the escape is for whose `u` stands at `at`, which is moved to its last digit. Half a pair is U+FFFD.
inline std::uint32_t unescape_unit(std::string_view text, std::size_t &at)
{
    constexpr std::uint32_t replacement = 0xFFFD;
    const auto digits_at = [text](std::size_t begin) {
        const std::string_view digits = text.substr(std::min(begin, text.size()), 4);
        const char *const end = digits.data() + digits.size();
        std::uint32_t unit = 0;
        return digits.size() == 4 && std::from_chars(digits.data(), end, unit, 16).ptr == end ? unit : replacement;
    };
    const std::uint32_t first = digits_at(at + 1);
    at += 4;
    if (first < 0xD800 || first > 0xDFFF)
        return first;
    if (first < 0xDC00 && text.substr(std::min(at + 1, text.size()), 2) == "\\u") {
        const std::uint32_t second = digits_at(at + 3);
        if (second >= 0xDC00 && second <= 0xDFFF) {
            at += 6;
            return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        }
    }
    return replacement;
}

// The JSON string that begins behind its opening quote, unescaped.
inline std::string unescape(std::string_view text)
{
    std::string plain;
    for (std::size_t at = 0; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] != '\\') {
            plain += text[at];
            continue;
        }
        if (++at == text.size())
            break;
        switch (text[at]) {
        case 'b': plain += '\b'; break;
        case 'f': plain += '\f'; break;
        case 'n': plain += '\n'; break;
        case 'r': plain += '\r'; break;
        case 't': plain += '\t'; break;
        case 'u': append_utf8(plain, unescape_unit(text, at)); break;
        default: plain += text[at];
        }
    }
    return plain;
}

// An error's JSON begins {"code":"...","message":"...", and a code has nothing to unescape.
inline std::string message_of(std::string_view details)
{
    constexpr std::string_view before_code = R"({"code":")", before_message = R"(","message":")";
    const std::size_t end_of_code = details.find('"', before_code.size());
    if (details.substr(0, before_code.size()) != before_code || end_of_code == details.npos ||
        details.substr(end_of_code, before_message.size()) != before_message)
        return std::string(details);
    return unescape(details.substr(end_of_code + before_message.size()));
}

inline std::string details_of(std::int32_t status, std::string_view message)
{
    return R"({"code":")" + std::string(store_status_name(status)) + R"(","message":)" + quote(message) + "}";
}

} // namespace detail

/// What went wrong. Copying one cannot fail.
///
/// Example:
///
///     try {
///         store.append(opened, R"({"expected_version":0})");
///     } catch (const runestore::error &error) {
///         if (error.status() != runestore::status_code::conflict)
///             throw;
///         std::cerr << error.code() << ": " << error.what() << '\n' << error.details() << '\n';
///     }
class error : public std::runtime_error
{
public:
    error(status_code status, std::string details)
        : std::runtime_error(detail::message_of(details)), status_(status),
          details_(std::make_shared<const std::string>(std::move(details)))
    {
    }

    [[nodiscard]] status_code status() const noexcept { return status_; }
    /// The status's name: "conflict".
    [[nodiscard]] std::string_view code() const noexcept
    {
        return store_status_name(static_cast<std::int32_t>(status_));
    }
    /// The whole error as JSON, with its message and the details that docs/ABI.md lists for each code.
    [[nodiscard]] std::string_view details() const noexcept RUNESTORE_LIFETIMEBOUND
    {
        return details_ ? *details_ : std::string_view("{}");
    }

private:
    status_code status_;
    std::shared_ptr<const std::string> details_;
};

#ifdef RUNESTORE_NO_EXCEPTIONS

/// A value or an error. To ask for the one that is not there ends the program (std::abort). What a result without a
/// name held is returned by value, so that it lives on: for (auto event : *store.events()) reads a range that exists.
template <class T> class [[nodiscard]] result
{
public:
    result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
    result(runestore::error failure) : held_(std::in_place_index<1>, std::move(failure)) {}

    [[nodiscard]] bool has_value() const noexcept { return held_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    [[nodiscard]] T &value() & { return given(std::get_if<0>(&held_)); }
    [[nodiscard]] const T &value() const & { return given(std::get_if<0>(&held_)); }
    [[nodiscard]] T value() && { return std::move(value()); }
    [[nodiscard]] T &operator*() & { return value(); }
    [[nodiscard]] const T &operator*() const & { return value(); }
    [[nodiscard]] T operator*() && { return std::move(value()); }
    [[nodiscard]] T *operator->() { return &value(); }
    [[nodiscard]] const T *operator->() const { return &value(); }
    [[nodiscard]] const runestore::error &error() const & { return given(std::get_if<1>(&held_)); }
    [[nodiscard]] runestore::error error() && { return given(std::get_if<1>(&held_)); }

private:
    template <class U> static U &given(U *held)
    {
        if (held == nullptr)
            std::abort();
        return *held;
    }

    std::variant<T, runestore::error> held_;
};

/// Nothing, or an error.
template <> class [[nodiscard]] result<void> : private result<std::monostate>
{
    using base = result<std::monostate>;

public:
    result() : base(std::monostate()) {}
    result(runestore::error failure) : base(std::move(failure)) {}

    using base::error;
    using base::has_value;
    using base::operator bool;
    void value() const { static_cast<void>(base::value()); }
    void operator*() const { value(); }
};

#else

/// A T; an error is thrown.
template <class T> using result = T;

#endif

namespace detail
{

template <class T> result<T> fail(error failure)
{
#ifdef RUNESTORE_NO_EXCEPTIONS
    return failure;
#else
    throw failure;
#endif
}

inline error error_of(std::int32_t status, std::string_view details)
{
    if (!details.empty())
        return {static_cast<status_code>(status), std::string(details)};
    // From the functions that have no buffer for an error.
    switch (status) {
    case STORE_ERR_CLOSED: return {status_code::closed, details_of(status, "the store or the cursor is closed")};
    case STORE_ERR_MISUSE: return {status_code::misuse, details_of(status, "there is no such store or cursor")};
    case STORE_ERR_FORKED:
        return {status_code::forked, details_of(status, "it belongs to the parent process: open the store anew")};
    default: return {static_cast<status_code>(status), details_of(status, store_status_name(status))};
    }
}

inline result<void> checked(std::int32_t status, std::string_view details = {})
{
    if (status < 0)
        return fail<void>(error_of(status, details));
    return result<void>();
}

// What `make` makes of the status and the buffer of a C function that does not fail.
template <class T, class Call, class Make> result<T> settled(Call call, Make make)
{
    char *text = nullptr;
    std::size_t size = 0;
    const std::int32_t status = call(&text, &size);
    buffer answer(text, size);
    if (status < 0)
        return fail<T>(error_of(status, answer));
    return make(status, std::move(answer));
}

template <class Call> result<buffer> answered(Call call)
{
    return settled<buffer>(call, [](std::int32_t, buffer answer) { return answer; });
}

// Says which constructor takes a handle: one from nullptr alone would hide that a store's text is absent.
struct taking {};

constexpr std::int64_t for_ever = -1;

template <class Rep, class Period> std::int64_t whole_milliseconds(std::chrono::duration<Rep, Period> timeout)
{
    constexpr auto longest = std::numeric_limits<std::int64_t>::max();
    // Not by a cast, whose ratios overflow for the longest and the shortest units.
    constexpr std::intmax_t common = std::gcd(std::intmax_t(1000), Period::den);
    const long double exact = static_cast<long double>(timeout.count()) * static_cast<long double>(Period::num) *
                              (1000 / common) / static_cast<long double>(Period::den / common);
    if (!(exact > 0)) // so that what is not a number does not wait either
        return 0;
    return exact >= static_cast<long double>(longest) ? longest : static_cast<std::int64_t>(std::ceil(exact));
}

// Options with further members at their end, where they do not move what an error's offset may point to. What is no
// object is left as it is: the library refuses it. A member that stands there already stands twice then: refused, too.
inline std::string with_members(optional_text opts, std::string_view members)
{
    constexpr std::string_view blank = " \t\n\r";
    const std::string_view text = opts.value_or("{}");
    const std::size_t first = text.find_first_not_of(blank), last = text.find_last_not_of(blank);
    if (first == text.npos)
        return std::string(text);
    const std::string_view object = text.substr(first, last - first + 1);
    if (object == "null")
        return "{" + std::string(members) + "}";
    if (object.size() < 2 || object.front() != '{' || object.back() != '}')
        return std::string(text);
    const std::size_t before = text.find_last_not_of(blank, last - 1);
    return std::string(text.substr(0, last)) + (before == first ? "" : ",") + std::string(members) + "}";
}

// A library that does not fit must not be called at all: its functions may have other parameters.
constexpr bool fits(std::uint32_t library, std::uint32_t header = STORE_ABI_VERSION) noexcept
{
    return library >> 16 == header >> 16 && (library & 0xFFFF) >= (header & 0xFFFF);
}

inline error does_not_fit(std::uint32_t library)
{
    const auto name = [](std::uint32_t version) {
        return std::to_string(version >> 16) + "." + std::to_string(version & 0xFFFF);
    };
    return {status_code::unsupported,
            details_of(STORE_ERR_UNSUPPORTED, "the library has interface " + name(library) +
                                                  ", this program was built for " + name(STORE_ABI_VERSION) +
                                                  ": use a library of the same major and of no earlier minor version")};
}

} // namespace detail

} // namespace RUNESTORE_MODE
} // namespace runestore

#endif // RUNESTORE_VALUES_HPP
