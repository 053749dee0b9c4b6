// Threads: one store under all of them, readers that wait and are ended, and nothing lost or doubled meanwhile.
#include "check.hpp"

#include <atomic>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace
{

constexpr unsigned watchdog_seconds = 270; // a wake-up that was lost shows as a call that never returns
constexpr const char *follow = R"({"follow":true})";

// A thread that is joined where it goes out of scope.
class joined
{
public:
    template <class Body> explicit joined(Body body) : thread_(std::move(body)) {}
    joined(joined &&) = default;
    ~joined()
    {
        if (thread_.joinable())
            thread_.join();
    }

private:
    std::thread thread_;
};

// How a call ended that waits in a thread of its own, while `act` goes on here.
template <class Wait, class Act> void ends_with(std::string_view code, Wait wait, Act act)
{
    std::optional<runestore::error> error;
    {
        const joined waiter([&] { error = error_of(wait); });
        std::this_thread::sleep_for(5ms);
        act();
    }
    CHECK_VIEW(code, error ? error->code() : "no error");
}

void cancel_ends_a_waiting_next()
{
    runestore::store store = TAKE(runestore::store::open());
    for (unsigned long round = 0; round < check_scaled(40); round++) {
        runestore::cursor cursor = TAKE(store.cursor(std::nullopt, follow));
        ends_with("interrupted", [&] { return cursor.next(); }, [&] { TAKE(cursor.cancel()); });
        CHECK_ERROR("interrupted", cursor.next());
        TAKE(cursor.close());
    }
}

void closing_a_cursor_ends_its_next()
{
    runestore::store store = TAKE(runestore::store::open());
    for (unsigned long round = 0; round < check_scaled(40); round++) {
        runestore::cursor cursor = TAKE(store.cursor(std::nullopt, follow));
        ends_with("closed", [&] { return cursor.next(0, 1h); }, [&] { TAKE(cursor.close()); });
    }
}

void closing_a_store_ends_all_that_wait()
{
    for (unsigned long round = 0; round < check_scaled(40); round++) {
        runestore::store store = TAKE(runestore::store::open());
        runestore::cursor cursor = TAKE(store.cursor(std::nullopt, follow));
        ends_with("closed", [&] { return cursor.next(); },
                  [&] { ends_with("closed", [&] { return store.wait(0); }, [&] { TAKE(store.close()); }); });
    }
}

// Interrupts a store again and again while `wait` waits: it does not touch a call that begins later, so once might be
// too early.
template <class Wait> void is_interrupted(runestore::store &store, Wait wait)
{
    std::optional<runestore::error> error;
    std::atomic<bool> ended = false;
    {
        const joined pulse([&] {
            while (!ended) {
                TAKE(store.interrupt());
                std::this_thread::sleep_for(1ms);
            }
        });
        error = wait();
        ended = true;
    }
    CHECK_VIEW("interrupted", error ? error->code() : "no error");
}

void interrupt_ends_what_waits_and_nothing_later()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, follow));
    is_interrupted(store, [&] { return error_of([&] { return store.wait(0, 1h); }); });
    is_interrupted(store, [&] { return error_of([&] { return cursor.next(); }); });
    TAKE(store.append(EVENT));
    CHECK_UINT(1, TAKE(store.wait(0, 1h)).value_or(0));
    CHECK_UINT(1, TAKE(cursor.next()).position);
}

void interrupt_ends_a_loop_loudly()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::event_range events = TAKE(store.subscribe(std::nullopt, R"({"limit":1})"));
    is_interrupted(store, [&] { return loop_over(events, [](std::string_view) {}); });
    TAKE(store.append(EVENT));
    std::uint64_t position = 0;
    const auto error = loop_over(events, [&](std::string_view event) { position = runestore::position_of(event); });
    CHECK(!error); // that of the first loop is gone
    CHECK_UINT(1, position);
}

void a_subscription_reads_while_many_append()
{
    constexpr unsigned writers = 8;
    const unsigned long each = check_scaled(4000);
    runestore::store store = TAKE(runestore::store::open());
    runestore::event_range subscription = TAKE(store.subscribe(R"({"domain":"writer"})", R"({"max_bytes":4096})"));
    std::vector<unsigned long> last(writers, 0);
    unsigned long seen = 0, wrong = 0, positions_wrong = 0;
    {
        std::vector<joined> threads;
        for (unsigned writer = 0; writer < writers; writer++)
            threads.emplace_back([&store, writer, each] {
                for (unsigned long n = 1; n <= each; n++)
                    TAKE(store.append(R"([{"type":"t","domain":"noise","instance_id":"n"},)"
                                      R"({"type":"t","domain":"writer","instance_id":")" +
                                          std::to_string(writer) + R"(","data":{"n":)" + std::to_string(n) + "}}]",
                                      R"({"return":"summary"})"));
            });
        // The reader is this thread; it ends itself when it has seen the last.
        std::uint64_t position = 0;
        const auto error = loop_over(subscription, [&](std::string_view event) {
            constexpr std::string_view before = R"("instance_id":")";
            const auto writer = static_cast<std::size_t>(event[event.find(before) + before.size()] - '0');
            wrong += number_in(event) != ++last[writer];
            positions_wrong += runestore::position_of(event) <= position;
            position = runestore::position_of(event);
            if (++seen == writers * each)
                TAKE(subscription.cancel());
        });
        CHECK(!error);
    }
    CHECK_UINT(writers * each, seen);
    CHECK_UINT(0, wrong);
    CHECK_UINT(0, positions_wrong);
    CHECK_UINT(2 * writers * each, TAKE(store.head()));
    check_note("%u writers, %lu events read meanwhile", writers, seen);
}

void a_subscription_is_cancelled_while_it_waits()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 10);
    for (unsigned long round = 0; round < check_scaled(40); round++) {
        runestore::event_range subscription = TAKE(store.subscribe());
        std::optional<runestore::error> error;
        std::atomic<unsigned long> seen = 0;
        {
            const joined reader([&] { error = loop_over(subscription, [&](std::string_view) { seen++; }); });
            while (seen < 10)
                std::this_thread::yield();
            TAKE(subscription.cancel());
        }
        CHECK(!error);
        CHECK_UINT(10, seen);
    }
}

void a_wait_is_woken_by_an_append()
{
    runestore::store store = TAKE(runestore::store::open());
    for (unsigned long round = 1; round <= check_scaled(200); round++) {
        std::uint64_t head = 0;
        {
            const joined waiter([&] { head = TAKE(store.wait(round - 1)); });
            TAKE(store.append(EVENT));
        }
        CHECK_UINT(round, head);
    }
}

void decisions_hold_under_contention()
{
    constexpr unsigned threads_count = 8;
    const unsigned long each = check_scaled(500);
    runestore::store store = TAKE(runestore::store::open());
    std::atomic<unsigned long> conflicts = 0;
    {
        std::vector<joined> threads;
        for (unsigned thread = 0; thread < threads_count; thread++)
            threads.emplace_back([&] {
                for (unsigned long done = 0; done < each;) {
                    const std::string version = std::to_string(TAKE(store.head()));
                    const auto error = error_of(
                        [&] { return store.append(EVENT, R"({"expected_version":)" + version + "}"); });
                    if (!error)
                        done++;
                    else if (CHECK_VIEW("conflict", error->code()))
                        conflicts++;
                    else
                        return;
                }
            });
    }
    CHECK_UINT(threads_count * each, TAKE(store.head()));
    check_note("%lu conflicts", conflicts.load());
}

} // namespace

int main()
{
    alarm(watchdog_seconds);
    RUN(cancel_ends_a_waiting_next);
    RUN(closing_a_cursor_ends_its_next);
    RUN(closing_a_store_ends_all_that_wait);
    RUN(interrupt_ends_what_waits_and_nothing_later);
    RUN(interrupt_ends_a_loop_loudly);
    RUN(a_subscription_reads_while_many_append);
    RUN(a_subscription_is_cancelled_while_it_waits);
    RUN(a_wait_is_woken_by_an_append);
    RUN(decisions_hold_under_contention);
    check_note("%s", MODE);
    return check_report();
}
