// A ledger: tellers in several threads move money between accounts, and a report is kept up to date meanwhile. In the
// end it prints what became of the money.
//
//     c++ -std=c++17 -Iinclude examples/ledger/ledger.cpp -Ltarget/release -lrunestore -pthread -o ledger
//     LD_LIBRARY_PATH=target/release ./ledger
//
// Nothing but the store is shared between the threads. A teller reads both accounts, decides, and appends on condition
// that they are still as it read them; if another teller was quicker, it reads again. The report follows the store by a
// subscription. In the end the report must agree with the accounts, and no cent may be lost.
#include <runestore.hpp>

#include <charconv>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace
{

constexpr int accounts = 6, tellers = 4, transfers_each = 500;
constexpr std::int64_t opening_cents = 10'000, transfer_cents_max = 4'000;

struct account {
    std::int64_t cents = 0;
    std::int64_t version = 0; // of the stream, as far as it was read
};

// What the events of this program hold behind a name. A program with larger events would use a JSON library.
std::string_view value_of(std::string_view event, std::string_view name)
{
    const std::string before = '"' + std::string(name) + "\":";
    const std::string_view rest = event.substr(event.find(before) + before.size());
    return rest.front() == '"' ? rest.substr(1, rest.find('"', 1) - 1) : rest.substr(0, rest.find_first_of(",}"));
}

std::int64_t number_of(std::string_view event, std::string_view name)
{
    const std::string_view digits = value_of(event, name);
    std::int64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

std::string changed(std::string_view type, const std::string &name, std::int64_t cents)
{
    return R"({"type":")" + std::string(type) + R"(","domain":"account","instance_id":)" + runestore::quote(name) +
           R"(,"data":{"cents":)" + std::to_string(cents) + "}}";
}

std::string expectation(const std::string &name, const account &state)
{
    return R"({"domain":"account","instance_id":)" + runestore::quote(name) + R"(,"version":)" +
           std::to_string(state.version) + "}";
}

account read_account(const runestore::store &store, const std::string &name)
{
    account state;
    for (const std::string_view event :
         store.events(R"({"domain":"account","instance_id":)" + runestore::quote(name) + "}")) {
        state.cents += number_of(event, "cents");
        state.version = number_of(event, "stream_version");
    }
    return state;
}

// Both changes are one batch: both are stored or neither. False if there is not enough money.
bool transfer(runestore::store &store, const std::string &from, const std::string &to, std::int64_t cents,
              int &conflicts)
{
    for (;;) {
        const account source = read_account(store, from), target = read_account(store, to);
        if (source.cents < cents)
            return false;
        try {
            store.append("[" + changed("Withdrawn", from, -cents) + "," + changed("Deposited", to, cents) + "]",
                         R"({"return":"summary","expect":[)" + expectation(from, source) + "," +
                             expectation(to, target) + "]}");
            return true;
        } catch (const runestore::error &error) {
            if (error.status() != runestore::status_code::conflict)
                throw;
            conflicts++;
        }
    }
}

struct tally {
    int done = 0, refused = 0, conflicts = 0;
};

void serve(runestore::store &store, const std::vector<std::string> &names, unsigned seed, tally &tally)
{
    std::mt19937 random(seed);
    for (int n = 0; n < transfers_each; n++) {
        const std::size_t from = random() % names.size(), step = 1 + random() % (names.size() - 1);
        const auto cents = static_cast<std::int64_t>(1 + random() % transfer_cents_max);
        const bool done = transfer(store, names[from], names[(from + step) % names.size()], cents, tally.conflicts);
        (done ? tally.done : tally.refused)++;
    }
}

int run()
{
    runestore::store store;
    std::vector<std::string> names;
    for (int n = 1; n <= accounts; n++) {
        names.push_back("a-" + std::to_string(n));
        store.append(changed("Opened", names.back(), opening_cents), R"({"expected_version":0})");
    }

    // The report is built by one thread, which ends itself: it knows the event that is the last.
    std::map<std::string, std::int64_t, std::less<>> report;
    runestore::event_range subscription = store.subscribe(R"({"domain":["account","day"]})");
    std::thread reporter([&] {
        for (const std::string_view event : subscription) {
            if (value_of(event, "type") == "Closed")
                break;
            report[std::string(value_of(event, "instance_id"))] += number_of(event, "cents");
        }
    });

    std::vector<tally> tallies(tellers);
    std::vector<std::thread> threads;
    for (unsigned n = 0; n < tellers; n++)
        threads.emplace_back([&, n] { serve(store, names, n, tallies[n]); });
    for (std::thread &thread : threads)
        thread.join();
    store.append(R"({"type":"Closed","domain":"day","instance_id":"today"})");
    reporter.join();

    tally all;
    for (const tally &one : tallies)
        all = {all.done + one.done, all.refused + one.refused, all.conflicts + one.conflicts};
    std::cout << all.done << " transfers by " << tellers << " tellers, " << all.refused
              << " refused for want of money, " << all.conflicts << " conflicts tried again\n";
    std::int64_t sum = 0;
    bool agrees = true;
    for (const std::string &name : names) {
        const account state = read_account(store, name);
        std::cout << name << ' ' << state.cents << " cents in " << state.version << " events\n";
        sum += state.cents;
        agrees = agrees && report[name] == state.cents && state.cents >= 0;
    }
    agrees = agrees && sum == accounts * opening_cents;
    store.close();
    std::cout << (agrees ? "The report agrees with the accounts, and no cent was lost.\n"
                         : "The report and the accounts differ.\n");
    return agrees ? 0 : 1;
}

} // namespace

int main()
{
    try {
        return run();
    } catch (const runestore::error &error) {
        std::cerr << error.code() << ": " << error.what() << '\n';
        return 1;
    }
}
