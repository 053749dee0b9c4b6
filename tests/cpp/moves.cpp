// Owners move and are not copied; what was moved from holds nothing, and says so.
#include "check.hpp"

#include <type_traits>
#include <vector>

namespace
{

template <class Owner> constexpr bool moves_only()
{
    return std::is_nothrow_move_constructible_v<Owner> && std::is_nothrow_move_assignable_v<Owner> &&
           !std::is_copy_constructible_v<Owner> && !std::is_copy_assignable_v<Owner> &&
           std::is_nothrow_destructible_v<Owner>;
}

static_assert(moves_only<runestore::buffer>());
static_assert(moves_only<runestore::piece>());
static_assert(moves_only<runestore::cursor>());
static_assert(moves_only<runestore::event_range>());
static_assert(moves_only<runestore::store>());

// Behind a function, so that the compiler does not see that it is the same object.
template <class Owner> void assign(Owner &to, Owner &from)
{
    to = std::move(from);
}

void a_buffer_moves()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::buffer first = TAKE(store.append(EVENT));
    const std::string text = first.str();
    const char *const address = first.data();
    runestore::buffer second(std::move(first));
    CHECK(second.data() == address); // its views live on
    CHECK_VIEW("", first); // NOLINT: what was moved from is empty
    CHECK(first.empty() && first.begin() == first.end());
    assign(second, second);
    CHECK_VIEW(text, second);
    first = TAKE(store.info());
    first = std::move(second);
    CHECK_VIEW(text, first);
    CHECK_VIEW("", second); // NOLINT
}

void a_store_moves()
{
    runestore::store first = TAKE(runestore::store::open());
    TAKE(first.append(EVENT));
    runestore::store second(std::move(first));
    CHECK_UINT(1, TAKE(second.head()));
    CHECK(first.get() == nullptr); // NOLINT
    CHECK_ERROR("misuse", first.head());
    CHECK_ERROR("misuse", first.close());
    assign(second, second);
    CHECK_UINT(1, TAKE(second.head()));

    first = TAKE(runestore::store::open());
    store_t *const replaced = first.get();
    first = std::move(second);
    CHECK_UINT(1, TAKE(first.head()));
    CHECK_STATUS(STORE_ERR_CLOSED, store_interrupt(replaced));
}

void a_cursor_moves()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 3);
    runestore::cursor first = TAKE(store.cursor());
    CHECK_UINT(1, TAKE(first.next(1)).position);
    runestore::cursor second(std::move(first));
    CHECK_UINT(2, TAKE(second.next(1)).position);
    CHECK_ERROR("misuse", first.next()); // NOLINT
    CHECK_ERROR("misuse", first.cancel());
    CHECK_ERROR("misuse", first.close());
    assign(second, second);
    CHECK_UINT(3, TAKE(second.next(1)).position);

    first = TAKE(store.cursor());
    store_cursor_t *const replaced = first.get();
    first = std::move(second);
    CHECK(TAKE(first.next()).status == runestore::status_code::done);
    CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_cancel(replaced));
}

void a_cursor_that_was_cancelled_stays_so()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 3);
    runestore::cursor first = TAKE(store.cursor());
    TAKE(first.cancel());
    runestore::cursor second(std::move(first));
    CHECK(!loop_over(second, [](const runestore::piece &) { CHECK(!"a piece of a cursor that was cancelled"); }));
    first = TAKE(store.cursor());
    first = std::move(second);
    CHECK(!loop_over(first, [](const runestore::piece &) { CHECK(!"a piece of a cursor that was cancelled"); }));
    CHECK_ERROR("interrupted", first.next());
}

void a_range_moves_in_the_middle_of_a_piece()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 5);
    runestore::event_range first = TAKE(store.events());
    CHECK_UINT(1, number_in(*first.begin()));
    runestore::event_range second(std::move(first));
    CHECK_UINT(2, number_in(*second.begin()));
    const auto error = loop_over(first, [](std::string_view) { CHECK(!"an event of nothing"); }); // NOLINT
    CHECK_VIEW("misuse", error ? error->code() : "no error");
    assign(second, second);
    CHECK_UINT(3, number_in(*second.begin()));
    first = std::move(second);
    CHECK_UINT(4, number_in(*first.begin()));
    CHECK_UINT(5, number_in(*first.begin()));
    CHECK(first.begin() == first.end());
}

void owners_live_in_containers()
{
    std::vector<runestore::store> stores;
    std::vector<runestore::buffer> answers;
    for (unsigned long n = 1; n <= 20; n++) {
        stores.push_back(TAKE(runestore::store::open()));
        fill(stores.back(), n);
        answers.push_back(TAKE(stores.back().info()));
    }
    for (unsigned long n = 1; n <= 20; n++) {
        CHECK_UINT(n, TAKE(stores[n - 1].head()));
        CHECK_HAS(R"("head":)" + std::to_string(n) + ",", answers[n - 1]);
    }
}

} // namespace

int main()
{
    RUN(a_buffer_moves);
    RUN(a_store_moves);
    RUN(a_cursor_moves);
    RUN(a_cursor_that_was_cancelled_stays_so);
    RUN(a_range_moves_in_the_middle_of_a_piece);
    RUN(owners_live_in_containers);
    check_note("%s", MODE);
    return check_report();
}
