// Texts in and out: absent is not empty, what is quoted comes back, buffers and event positions.
#include "check.hpp"

#include <algorithm>
#include <memory_resource>
#include <type_traits>
#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace
{

// The text of another library, which C functions take as well.
struct foreign_text {
    operator const char *() const { return "a pointer"; }
    operator std::string_view() const { return R"({"domain":"account"})"; }
};

template <class Text> constexpr bool both_take = std::is_convertible_v<Text, runestore::optional_text> &&
                                                 std::is_convertible_v<Text, runestore::required_text>;
static_assert(both_take<const char *> && both_take<char *> && both_take<const char (&)[3]> && both_take<char (&)[3]>);
static_assert(both_take<std::string> && both_take<std::string &> && both_take<const std::string &>);
static_assert(both_take<std::string_view> && both_take<const std::string_view &>);
static_assert(both_take<runestore::buffer> && both_take<runestore::buffer &> && both_take<const runestore::buffer &>);
static_assert(both_take<std::pmr::string> && both_take<foreign_text>);
template <class Text> constexpr bool one_takes = std::is_convertible_v<Text, runestore::optional_text> &&
                                                 !std::is_constructible_v<runestore::required_text, Text>;
static_assert(one_takes<std::nullptr_t> && one_takes<std::nullopt_t>);
static_assert(one_takes<std::optional<std::string_view>> && one_takes<std::optional<std::string>>);
static_assert(one_takes<std::optional<const char *>> && one_takes<runestore::optional_text>);
template <class Text> constexpr bool none_takes = !std::is_constructible_v<runestore::optional_text, Text> &&
                                                  !std::is_constructible_v<runestore::required_text, Text>;
static_assert(none_takes<int> && none_takes<char> && none_takes<std::optional<int>> && none_takes<void *>);
static_assert(std::is_trivially_copyable_v<runestore::optional_text>);

// Whether the calls compile with this.
using a_store = runestore::store &;
template <class Text, class = void> constexpr bool is_appended = false;
template <class Text>
constexpr bool is_appended<Text, std::void_t<decltype(std::declval<a_store>().append(std::declval<Text>()))>> = true;
template <class Text, class = void> constexpr bool is_quoted = false;
template <class Text>
constexpr bool is_quoted<Text, std::void_t<decltype(runestore::quote(std::declval<Text>()))>> = true;
template <class Text, class = void> constexpr bool is_tracked = false;
template <class Text>
constexpr bool is_tracked<Text, std::void_t<decltype(std::declval<a_store>().tracking(std::declval<Text>()))>> = true;
static_assert(is_appended<const char *> && is_quoted<const char *> && is_tracked<const char *>);
static_assert(!is_appended<std::nullptr_t> && !is_quoted<std::nullptr_t> && !is_tracked<std::nullptr_t>);
static_assert(!is_appended<std::nullopt_t> && !is_quoted<std::nullopt_t> && !is_tracked<std::nullopt_t>);

// A view of a temporary may go into a call; a begin and an end of two temporaries are never right.
template <class Buffer, class = void> constexpr bool begins = false;
template <class Buffer>
constexpr bool begins<Buffer, std::void_t<decltype(std::declval<Buffer>().begin(), std::declval<Buffer>().end())>> =
    true;
static_assert(begins<runestore::buffer &> && begins<const runestore::buffer &>);
static_assert(!begins<runestore::buffer> && !begins<const runestore::buffer>);
static_assert(std::is_convertible_v<runestore::buffer, std::string_view>);
#if __cplusplus >= 202002L
static_assert(std::ranges::contiguous_range<runestore::buffer> && std::ranges::viewable_range<runestore::buffer &>);
#endif

void absent_is_not_empty()
{
    runestore::store store = TAKE(runestore::store::open());
    TAKE(store.append(EVENT));
    const std::string empty;
    const std::string_view no_address; // data() is nullptr: empty all the same, since it was given
    const runestore::optional_text absent;

    CHECK_HAS(R"("sequence_number":1)", TAKE(store.get_events()));
    CHECK_HAS(R"("sequence_number":1)", TAKE(store.get_events(absent, absent)));
    for (const std::string_view text : {std::string_view(""), std::string_view(empty), no_address}) {
        CHECK_ERROR("invalid_json", store.get_events(text));
        CHECK_ERROR("invalid_json", store.get_events(absent, text));
        CHECK_ERROR("invalid_json", store.append(text));
        CHECK_ERROR("invalid_json", store.append(EVENT, text));
        CHECK_ERROR("invalid_json", store.cursor(text));
        CHECK_ERROR("invalid_json", store.cursor(absent, text));
        CHECK_ERROR("invalid_json", store.events(text));
        CHECK_ERROR("invalid_json", store.events(absent, text));
        CHECK_ERROR("invalid_json", store.subscribe(absent, text));
        CHECK_ERROR("invalid_json", runestore::store::open(text));
    }
    CHECK_UINT(1, TAKE(store.head()));
}

// As in C. Behind a volatile, so that the compiler does not see what it is and warn.
const char *null_pointer()
{
    static const char *volatile pointer = nullptr;
    return pointer;
}

void a_null_pointer_is_absent()
{
    runestore::store store = TAKE(runestore::store::open(nullptr));
    TAKE(store.append(EVENT, nullptr));
    const runestore::buffer all = TAKE(store.get_events());
    CHECK_VIEW(all, TAKE(store.get_events(nullptr)));
    CHECK_VIEW(all, TAKE(store.get_events(NULL, NULL)));
    CHECK_VIEW(all, TAKE(store.get_events({}, {})));
    CHECK_VIEW(all, TAKE(store.get_events(null_pointer(), null_pointer())));
    CHECK_VIEW(all, TAKE(store.get_events(std::optional<const char *>(null_pointer()))));
    CHECK_VIEW(all, TAKE(store.get_events(std::optional<std::string>(), std::optional<std::string_view>())));
    CHECK_UINT(1, TAKE(TAKE(store.cursor(nullptr, null_pointer())).next()).position);
    TAKE(store.events(null_pointer(), nullptr));
    TAKE(store.subscribe(nullptr, null_pointer()));
    TAKE(runestore::store::open(null_pointer()));
#ifndef RUNESTORE_NO_EXCEPTIONS
    runestore::store constructed(nullptr);
    CHECK_VIEW("[]", constructed.get_events());
#endif
    CHECK(!runestore::optional_text(nullptr).has_value() && !runestore::optional_text(null_pointer()).has_value());
    CHECK(runestore::optional_text("").has_value() && runestore::optional_text(std::string_view()).has_value());
    CHECK_VIEW("other", runestore::optional_text().value_or("other"));
    CHECK_VIEW("", runestore::optional_text(std::string_view()).value_or("other"));
}

void a_null_pointer_is_no_text()
{
    runestore::store store = TAKE(runestore::store::open());
    CHECK_ERROR("misuse", store.append(null_pointer()));
    CHECK_ERROR("misuse", store.tracking(null_pointer()));
    CHECK_ERROR("misuse", store.backup(null_pointer()));
    CHECK_VIEW(R"("")", runestore::quote(null_pointer()));
    CHECK_UINT(0, runestore::position_of(null_pointer()));
    CHECK_UINT(0, TAKE(store.head()));
}

void every_kind_of_text_goes_in()
{
    runestore::store store = TAKE(runestore::store::open());
    const std::string_view longer = R"({"domain":"account"} and what lies behind)";
    const std::string string = R"({"domain":"account"})";
    TAKE(store.append(std::string(EVENT)));
    const runestore::buffer first = TAKE(store.get_events(longer.substr(0, 20)));
    CHECK_VIEW(first, TAKE(store.get_events(string)));
    CHECK_VIEW(first, TAKE(store.get_events(string.c_str())));
    CHECK_VIEW(first, TAKE(store.get_events(runestore::optional_text(string))));
    CHECK_VIEW(first, TAKE(store.get_events(std::optional<std::string_view>(string))));
    CHECK_VIEW(first, TAKE(store.get_events(std::optional<std::string>(string))));
    CHECK_VIEW(first, TAKE(store.get_events(std::pmr::string(string))));
    CHECK_VIEW(first, TAKE(store.get_events(foreign_text())));
    // A buffer is a text as well: what was read here is refused there, for it has numbers already.
    CHECK_ERROR("invalid_event", store.append(first));
    CHECK_ERROR("invalid_event", store.append(TAKE(store.get_events())));
    CHECK_ERROR("invalid_query", store.get_events(TAKE(store.get_events())));
}

void what_is_quoted_comes_back()
{
    runestore::store store = TAKE(runestore::store::open());
    std::string hostile = "\"},{\"x\\\":\"/\x7f \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8E\xBB";
    for (char control = 1; control < 0x20; control++)
        hostile += control;
    const std::string quoted = runestore::quote(hostile);
    TAKE(store.append(R"({"type":"t","domain":"d","instance_id":)" + quoted + R"(,"data":)" + quoted + "}"));
    TAKE(store.append(R"({"type":"t","domain":"d","instance_id":"other"})"));
    const runestore::buffer found = TAKE(store.get_events(R"({"instance_id":)" + quoted + "}"));
    CHECK_HAS(R"([{"sequence_number":1,)", found);
    CHECK_HAS(R"("data":)" + quoted, found);
    CHECK(found.view().find("other") == std::string_view::npos);
    CHECK_VIEW(hostile, runestore::detail::unescape(std::string_view(quoted).substr(1)));

    CHECK_VIEW(R"("")", runestore::quote(""));
    CHECK_VIEW(R"("a\"b\\c\u000a\u001f/")", runestore::quote("a\"b\\c\n\x1f/"));
    CHECK_VIEW(R"("\u0000")", runestore::quote(std::string_view("\0", 1)));
    CHECK_ERROR("invalid_json", store.get_events(R"({"type":)" + runestore::quote("\xFF") + "}"));
}

void a_buffer_is_a_range_of_characters()
{
    const runestore::buffer none;
    CHECK(none.empty() && none.size() == 0 && none.data() != nullptr && none.begin() == none.end());
    CHECK_VIEW("", none);

    runestore::store store = TAKE(runestore::store::open());
    const runestore::buffer stored = TAKE(store.append(EVENT));
    CHECK(!stored.empty());
    CHECK_UINT(strlen(stored.data()), stored.size());
    CHECK_VIEW(stored.view(), stored.str());
    CHECK_VIEW(stored.view(), std::string(stored.begin(), stored.end()));
    CHECK_INT(1, std::count(stored.begin(), stored.end(), 'O')); // of Opened
}

void options_get_their_format()
{
    const auto with = [](runestore::optional_text opts) { return runestore::detail::with_members(opts, R"("m":1)"); };
    CHECK_VIEW(R"({"m":1})", with(std::nullopt));
    CHECK_VIEW(R"({"m":1})", with("{}"));
    CHECK_VIEW("{ \n\"m\":1}", with("{ \n}"));
    CHECK_VIEW(R"({"m":1})", with(" null\t"));
    CHECK_VIEW(R"({"limit":5,"m":1})", with(R"({"limit":5})"));
    CHECK_VIEW(R"( {"limit":5 ,"m":1})", with(R"( {"limit":5 } )"));

    // What was no object before is none behind, and is refused: nothing may turn a wrong text into a right one.
    runestore::store store = TAKE(runestore::store::open());
    for (const char *opts : {"", " ", "}", "{", "{,}", R"({"limit":5,})", R"({"limit":5)", R"({"limit":{})", "{} {}",
                             R"("})", R"({"})", "{]}", "nul", "null null", R"({"limit":1}})", "\"\\\"}"})
        CHECK_ERROR("invalid_json", store.events(std::nullopt, opts));
    for (const char *opts : {"[]", "5", "true", R"("{}")", R"([{}])", R"({"limit":"}"})", R"({"format":"array"})",
                             R"({"format":"ndjson"})", R"({"limti":5})", R"({"pagination":true})"})
        CHECK_ERROR("invalid_options", store.events(std::nullopt, opts));
    CHECK_ERROR("invalid_options", store.subscribe(std::nullopt, R"({"follow":true})"));
    CHECK_ERROR("invalid_options", store.subscribe(std::nullopt, R"({"direction":"backward"})"));
    TAKE(store.events(std::nullopt, R"({"follow":true})"));
}

void an_event_tells_its_position()
{
    CHECK_UINT(17, runestore::position_of(R"({"sequence_number":17,"id":"x"})"));
    CHECK_UINT(9223372036854775807u, runestore::position_of(R"({"sequence_number":9223372036854775807,)"));
    CHECK_UINT(1, runestore::position_of(R"({"sequence_number":1)"));
    for (const std::string_view text : {"", "{", R"({"sequence_number":)", R"({"sequence_number":")", R"({"id":"x"})"})
        CHECK_UINT(0, runestore::position_of(text));
    CHECK_UINT(0, runestore::position_of({}));
}

} // namespace

int main()
{
    RUN(absent_is_not_empty);
    RUN(a_null_pointer_is_absent);
    RUN(a_null_pointer_is_no_text);
    RUN(every_kind_of_text_goes_in);
    RUN(what_is_quoted_comes_back);
    RUN(a_buffer_is_a_range_of_characters);
    RUN(options_get_their_format);
    RUN(an_event_tells_its_position);
    check_note("%s", MODE);
    return check_report();
}
