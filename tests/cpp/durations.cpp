// Durations: rounded up, cut where they are too long, and none waits that should not.
#include "check.hpp"

#include <limits>
#include <ratio>
#include <unistd.h>

using namespace std::chrono;
using runestore::detail::whole_milliseconds;

namespace
{

constexpr std::int64_t longest = std::numeric_limits<std::int64_t>::max();

void they_are_rounded_up()
{
    CHECK_INT(0, whole_milliseconds(nanoseconds(0)));
    CHECK_INT(1, whole_milliseconds(nanoseconds(1)));
    CHECK_INT(1, whole_milliseconds(nanoseconds(999999)));
    CHECK_INT(1, whole_milliseconds(nanoseconds(1000000)));
    CHECK_INT(2, whole_milliseconds(nanoseconds(1000001)));
    CHECK_INT(86400001, whole_milliseconds(hours(24) + nanoseconds(1)));
    CHECK_INT(1500, whole_milliseconds(duration<double>(1.5)));
    CHECK_INT(1, whole_milliseconds(duration<float>(1e-9f)));
    CHECK_INT(334, whole_milliseconds(duration<int, std::ratio<1, 3>>(1)));
    CHECK_INT(60000, whole_milliseconds(minutes(1)));
    CHECK_INT(7, whole_milliseconds(duration<unsigned char, std::milli>(7)));
    CHECK_INT(1, whole_milliseconds(duration<int, std::atto>(1)));
}

void below_zero_is_zero()
{
    CHECK_INT(0, whole_milliseconds(milliseconds(-1))); // not -1, which would be for ever
    CHECK_INT(0, whole_milliseconds(nanoseconds(-1)));
    CHECK_INT(0, whole_milliseconds(nanoseconds::min()));
    CHECK_INT(0, whole_milliseconds(hours::min()));
    CHECK_INT(0, whole_milliseconds(duration<double>(-0.0001)));
    CHECK_INT(0, whole_milliseconds(duration<double>(-std::numeric_limits<double>::infinity())));
    CHECK_INT(0, whole_milliseconds(duration<double>(std::numeric_limits<double>::quiet_NaN())));
}

void too_long_is_cut()
{
    CHECK_INT(longest, whole_milliseconds(hours::max()));
    CHECK_INT(longest, whole_milliseconds(seconds::max()));
    CHECK_INT(longest, whole_milliseconds(milliseconds::max()));
    CHECK_INT(longest, whole_milliseconds(duration<std::uint64_t>::max()));
    CHECK_INT(longest, whole_milliseconds(duration<double>(std::numeric_limits<double>::infinity())));
    CHECK_INT(longest, whole_milliseconds(duration<int, std::exa>(1)));
    CHECK_INT(9223372036855, whole_milliseconds(nanoseconds::max()));
}

void a_wait_lasts_no_shorter()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, R"({"follow":true})"));
    const auto elapsed = [](auto wait) {
        const auto begun = steady_clock::now();
        wait();
        return steady_clock::now() - begun;
    };
    CHECK(elapsed([&] { CHECK(!TAKE(store.wait(0, microseconds(20001)))); }) >= microseconds(20001));
    CHECK(elapsed([&] {
              CHECK(TAKE(cursor.next(0, microseconds(20001))).status == runestore::status_code::timeout);
          }) >= microseconds(20001));
}

void a_negative_one_looks_only()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, R"({"follow":true})"));
    CHECK(!TAKE(store.wait(0, milliseconds(-1))));
    CHECK(!TAKE(store.wait(0, hours::min())));
    CHECK(TAKE(cursor.next(0, milliseconds(-1))).status == runestore::status_code::timeout);
    TAKE(store.append(EVENT));
    CHECK_UINT(1, TAKE(store.wait(0, seconds(-1))).value_or(0));
    CHECK(TAKE(cursor.next(0, seconds(-1))).status == runestore::status_code::ok);
}

void the_longest_does_not_overflow_in_the_library()
{
    runestore::store store = TAKE(runestore::store::open());
    TAKE(store.append(EVENT));
    CHECK_UINT(1, TAKE(store.wait(0, hours::max())).value_or(0));
    runestore::cursor cursor = TAKE(store.cursor(std::nullopt, R"({"follow":true})"));
    CHECK(TAKE(cursor.next(0, seconds::max())).status == runestore::status_code::ok);
}

} // namespace

int main()
{
    alarm(250); // a wait for ever where there should be none
    RUN(they_are_rounded_up);
    RUN(below_zero_is_zero);
    RUN(too_long_is_cut);
    RUN(a_wait_lasts_no_shorter);
    RUN(a_negative_one_looks_only);
    RUN(the_longest_does_not_overflow_in_the_library);
    check_note("%s", MODE);
    return check_report();
}
