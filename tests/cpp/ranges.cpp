// Cursors and events as ranges: input iterators for the algorithms, single events in bounded memory, quiet and loud
// ends.
#include "check.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <type_traits>
#include <vector>
#if __cplusplus >= 202002L
#include <ranges>
#endif

namespace
{

template <class Iterator, class Value, class Reference> constexpr bool is_input_iterator()
{
    using traits = std::iterator_traits<Iterator>;
    return std::is_same_v<typename traits::iterator_category, std::input_iterator_tag> &&
           std::is_same_v<typename traits::value_type, Value> &&
           std::is_same_v<typename traits::reference, Reference> &&
           std::is_same_v<typename traits::difference_type, std::ptrdiff_t> &&
           std::is_same_v<decltype(*std::declval<Iterator &>()), Reference> &&
           std::is_same_v<decltype(++std::declval<Iterator &>()), Iterator &> &&
           std::is_convertible_v<decltype(*std::declval<Iterator &>()++), Value> &&
           std::is_convertible_v<decltype(std::declval<Iterator &>() == std::declval<Iterator &>()), bool> &&
           std::is_nothrow_copy_constructible_v<Iterator> && std::is_nothrow_copy_assignable_v<Iterator> &&
           std::is_default_constructible_v<Iterator>;
}

static_assert(is_input_iterator<runestore::cursor::iterator, runestore::piece, const runestore::piece &>());
static_assert(is_input_iterator<runestore::event_range::iterator, std::string_view, const std::string_view &>());
#if __cplusplus >= 202002L
static_assert(std::input_iterator<runestore::cursor::iterator>);
static_assert(std::input_iterator<runestore::event_range::iterator>);
static_assert(std::ranges::input_range<runestore::cursor> && std::ranges::input_range<runestore::event_range>);
static_assert(std::ranges::common_range<runestore::cursor> && std::ranges::common_range<runestore::event_range>);
static_assert(!std::ranges::forward_range<runestore::cursor> && !std::ranges::forward_range<runestore::event_range>);
static_assert(std::is_same_v<std::ranges::range_value_t<runestore::event_range>, std::string_view>);
static_assert(std::ranges::viewable_range<runestore::event_range>);
static_assert(std::ranges::viewable_range<runestore::event_range &>);
#endif

void an_empty_result_is_an_empty_range()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::event_range events = TAKE(store.events());
    CHECK(events.begin() == events.end());
    runestore::cursor cursor = TAKE(store.cursor());
    CHECK(!(cursor.begin() != cursor.end()));
    CHECK(runestore::event_range::iterator() == events.end());
}

void algorithms_go_through_events()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 2500);
    runestore::event_range events = TAKE(store.events());
    const auto found = std::find_if(events.begin(), events.end(),
                                    [](std::string_view event) { return number_in(event) == 1700; });
    CHECK(found != events.end());
    CHECK_UINT(1700, runestore::position_of(*found));
    CHECK_UINT(found->size(), (*found).size());
    // The range goes on behind it.
    CHECK_INT(800, std::distance(events.begin(), events.end()));

    runestore::event_range again = TAKE(store.events(R"({"up_to":100})"));
    CHECK_UINT(5050, std::accumulate(again.begin(), again.end(), 0UL, [](unsigned long sum, std::string_view event) {
                   return sum + number_in(event);
               }));
    runestore::event_range copied = TAKE(store.events(std::nullopt, R"({"direction":"backward","limit":3})"));
    const std::vector<std::string> last(copied.begin(), copied.end());
    CHECK_UINT(3, last.size());
    CHECK_UINT(2500, number_in(last.front()));
    CHECK_UINT(2498, number_in(last.back()));
}

void algorithms_go_through_pieces()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 2500);
    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, R"({"max_bytes":10000})"));
    std::size_t count = 0, largest = 0;
    std::uint64_t position = 0;
    for (const runestore::piece &piece : cursor) {
        CHECK(piece && piece.position > position);
        CHECK_UINT(position + 1, number_in(piece.events));
        position = piece.position;
        largest = std::max(largest, piece.events.size());
        count++;
    }
    CHECK_UINT(2500, position);
    CHECK(count > 20);
    CHECK(largest <= 10000);

    runestore::cursor again = TAKE(store.cursor(std::nullopt, R"({"max_bytes":10000})"));
    CHECK_INT(static_cast<std::intmax_t>(count), std::count_if(again.begin(), again.end(), [](const auto &piece) {
                  return piece.status == runestore::status_code::ok;
              }));
}

void a_step_behind_gives_what_stood_there()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 3);
    // Each event in a piece of its own.
    runestore::event_range events = TAKE(store.events(std::nullopt, R"({"max_bytes":1})"));
    auto event = events.begin();
    CHECK_UINT(1, number_in(*event++));
    CHECK_UINT(2, number_in(*event++));
    CHECK_UINT(3, number_in(*event));
    event++;
    CHECK(event == events.end());

    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, R"({"max_bytes":1})"));
    auto piece = cursor.begin();
    const runestore::piece first = *piece++;
    CHECK_UINT(1, first.position);
    CHECK_UINT(1, number_in(first.events));
    CHECK_UINT(2, piece->position);
}

void a_hundred_thousand_events_stream()
{
    const unsigned long count = check_scaled(100000);
    runestore::store store = TAKE(runestore::store::open());
    fill(store, count);
    const runestore::buffer all = TAKE(store.get_events(std::nullopt, R"({"format":"ndjson"})"));
    std::string joined;
    joined.reserve(all.size());
    unsigned long expected = 1, wrong = 0;
    runestore::event_range events = TAKE(store.events());
    for (const std::string_view event : events) {
        wrong += number_in(event) != expected || runestore::position_of(event) != expected;
        expected++;
        joined.append(event) += '\n';
    }
    CHECK_UINT(count + 1, expected);
    CHECK_UINT(0, wrong);
    CHECK(joined == all.view());
    check_note("%lu events streamed", count);
}

void the_last_error_ends_a_loop()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    runestore::event_range events = TAKE(store.events(std::nullopt, R"({"max_bytes":1})"));
    unsigned long seen = 0;
    const auto error = loop_over(events, [&](std::string_view) {
        if (++seen == 4)
            TAKE(store.close());
    });
    CHECK_UINT(4, seen);
    CHECK_VIEW("closed", error ? error->code() : "no error");
}

void a_loop_that_was_cancelled_ends_quietly()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    runestore::event_range events = TAKE(store.subscribe(R"({"after":2})", R"({"max_bytes":1})"));
    unsigned long seen = 0;
    const auto error = loop_over(events, [&](std::string_view event) {
        seen++;
        if (number_in(event) == 5)
            TAKE(events.cancel());
    });
    CHECK(!error);
    CHECK_UINT(3, seen);
    CHECK(events.begin() == events.end());
    TAKE(events.close());

    runestore::cursor cursor = TAKE(store.cursor());
    TAKE(cursor.cancel());
    CHECK(cursor.begin() == cursor.end());
    CHECK_ERROR("interrupted", cursor.next());
}

void an_error_of_one_loop_is_not_that_of_the_next()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    runestore::cursor cursor = TAKE(store.cursor());
    store_cursor_t *const handle = cursor.release();
    const auto misuse = loop_over(cursor, [](const runestore::piece &) {});
    CHECK_VIEW("misuse", misuse ? misuse->code() : "no error");
    cursor = runestore::cursor::adopt(handle);
    std::uint64_t position = 0;
    CHECK(!loop_over(cursor, [&](const runestore::piece &piece) { position = piece.position; }));
    CHECK_UINT(10, position);
}

void a_subscription_ends_at_its_limit()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    runestore::event_range limited = TAKE(store.subscribe(std::nullopt, R"({"limit":4})"));
    CHECK_INT(4, std::distance(limited.begin(), limited.end()));
    runestore::event_range bounded = TAKE(store.subscribe(R"({"up_to":7})"));
    CHECK_INT(7, std::distance(bounded.begin(), bounded.end()));
}

constexpr std::string_view OTHER = R"({"type":"Other","domain":"other","instance_id":"o-1"})";

void a_range_tells_how_far_it_is()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 3);
    TAKE(store.append(OTHER));
    fill(store, 2);
    TAKE(store.append(OTHER));
    // In one piece and in pieces of one event. The last position is that of the store, which no event here has.
    for (const char *opts : {"{}", R"({"max_bytes":1})", R"({"max_bytes":700})"}) {
        runestore::event_range events = TAKE(store.events(R"({"type":"Counted"})", opts));
        CHECK_UINT(0, events.position());
        std::vector<std::uint64_t> positions;
        for (const std::string_view event : events) {
            const std::uint64_t own = runestore::position_of(event), told = events.position();
            positions.push_back(own);
            CHECK(told == own || ((own == 3 || own == 6) && told == own + 1));
            // Whoever begins behind it gets the rest, and nothing twice.
            runestore::event_range rest = TAKE(store.events(
                R"({"type":"Counted","after":)" + std::to_string(told) + "}"));
            CHECK_UINT(5, positions.size() + static_cast<std::size_t>(std::distance(rest.begin(), rest.end())));
        }
        CHECK(positions == std::vector<std::uint64_t>({1, 2, 3, 5, 6}));
        CHECK_UINT(7, events.position());
        CHECK(events.begin() == events.end());
        CHECK_UINT(7, events.position());
        const runestore::event_range moved = std::move(events);
        CHECK_UINT(7, moved.position());
    }
    runestore::event_range nothing = TAKE(store.events(R"({"type":"None"})"));
    CHECK(nothing.begin() == nothing.end());
    CHECK_UINT(7, nothing.position());
}

void a_range_that_ends_early_keeps_its_position()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 3);
    TAKE(store.append(OTHER));
    runestore::event_range subscription = TAKE(store.subscribe(R"({"type":"Counted"})"));
    CHECK(!loop_over(subscription, [&](std::string_view event) {
        CHECK_UINT(number_in(event) == 3 ? 4 : number_in(event), subscription.position());
        if (number_in(event) == 3)
            TAKE(subscription.cancel());
    }));
    CHECK_UINT(4, subscription.position());

    runestore::event_range left = TAKE(store.events());
    CHECK_UINT(1, number_in(*left.begin()));
    runestore::event_range moved(std::move(left));
    CHECK_UINT(1, moved.position());
    CHECK_UINT(2, number_in(*moved.begin()));
    CHECK_UINT(2, moved.position());

    runestore::event_range failing = TAKE(store.events(std::nullopt, R"({"max_bytes":1})"));
    const auto error = loop_over(failing, [&](std::string_view event) {
        if (number_in(event) == 2)
            TAKE(store.close());
    });
    CHECK_VIEW("closed", error ? error->code() : "no error");
    CHECK_UINT(2, failing.position());
}

// It gives the newest first, so that before its end nothing was given up to anywhere.
void a_backward_range_is_far_in_the_end()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 5);
    for (const char *opts : {R"({"direction":"backward"})", R"({"direction":"backward","max_bytes":1})",
                             R"({"direction":"backward","max_bytes":700})"}) {
        runestore::event_range events = TAKE(store.events(std::nullopt, opts));
        for (const std::string_view event : events)
            CHECK(number_in(event) == 1 || events.position() == 0);
        CHECK_UINT(5, events.position());
    }
    runestore::event_range limited = TAKE(store.events(R"({"after":2})", R"({"direction":"backward","limit":2})"));
    for (const std::string_view event : limited)
        CHECK(number_in(event) > 3 && limited.position() <= 2);
    CHECK_UINT(2, limited.position());
}

#if __cplusplus >= 202002L
void views_go_over_events()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 50);
    unsigned long sum = 0;
    runestore::event_range events = TAKE(store.events());
    for (const unsigned long number : events | std::views::transform(number_in) |
                                          std::views::filter([](unsigned long n) { return n % 10 == 0; }) |
                                          std::views::take(3))
        sum += number;
    CHECK_UINT(60, sum);
    runestore::event_range again = TAKE(store.events());
    const auto found = std::ranges::find(again, 42UL, number_in);
    CHECK(found != again.end() && runestore::position_of(*found) == 42);
    sum = 0;
    for (const unsigned long number : TAKE(store.events()) | std::views::transform(number_in)) // a range that is moved
        sum += number;
    CHECK_UINT(1275, sum);
}
#endif

} // namespace

int main()
{
    RUN(an_empty_result_is_an_empty_range);
    RUN(algorithms_go_through_events);
    RUN(algorithms_go_through_pieces);
    RUN(a_step_behind_gives_what_stood_there);
    RUN(a_hundred_thousand_events_stream);
    RUN(the_last_error_ends_a_loop);
    RUN(a_loop_that_was_cancelled_ends_quietly);
    RUN(an_error_of_one_loop_is_not_that_of_the_next);
    RUN(a_subscription_ends_at_its_limit);
    RUN(a_range_tells_how_far_it_is);
    RUN(a_range_that_ends_early_keeps_its_position);
    RUN(a_backward_range_is_far_in_the_end);
#if __cplusplus >= 202002L
    RUN(views_go_over_events);
#endif
    check_note("%s", MODE);
    return check_report();
}
