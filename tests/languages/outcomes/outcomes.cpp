// What docs/LANGUAGES.md says of closing, threads and cancelling, from C++.
#include <chrono>
#include <functional>
#include <future>
#include <iostream>
#include <optional>
#include <runestore.hpp>
#include <string>
#include <thread>

static const char *const config = R"({"store":"file","store_opts":{"path":"outcomes.runes"}})";
static const char *const event = R"({"type":"T","domain":"d","instance_id":"i"})";

static std::string outcome(const std::function<void()> &work) {
    try {
        work();
        return "nothing";
    } catch (const runestore::error &error) {
        return std::string(error.code());
    }
}

// What comes of work beside which the store is closed.
static std::string closed_meanwhile(runestore::store &store, const std::function<void()> &work) {
    auto running = std::async(std::launch::async, [&] { return outcome(work); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    store.close();
    return running.get();
}

static int number_behind(std::string_view text, std::string_view name) {
    const std::size_t found = text.find(name);
    return found == text.npos ? -1 : std::stoi(std::string(text.substr(found + name.size(), 10)));
}

static void two_threads(runestore::store &store) {
    const auto append_a_thousand = [&](const std::string &instance_id) {
        for (int index = 1; index <= 1000; index++)
            store.append(R"({"type":"T","domain":"two","instance_id":")" + instance_id + R"(","data":)" + std::to_string(index) + "}");
    };
    const std::uint64_t before = store.head();
    std::thread first(append_a_thousand, "0"), second(append_a_thousand, "1");
    first.join();
    second.join();
    std::uint64_t events = 0;
    bool gapless = true, ordered = true;
    int last[2] = {0, 0};
    for (const std::string_view text : store.events(R"({"domain":"two"})")) {
        gapless &= runestore::position_of(text) == before + ++events;
        const int which = number_behind(text, R"("instance_id":")");
        ordered &= number_behind(text, R"("data":)") == ++last[which];
    }
    std::cout << "two threads on one store: " << events << " events, " << (gapless ? "no gap" : "a gap") << ", each thread's in "
              << (ordered ? "its" : "another") << " order\n";
}

int main() {
    {
        runestore::store store(config);
        store.append(event);
        auto range = store.events();
        store.close();
        std::cout << "append after close: " << outcome([&] { store.append(event); }) << '\n';
        std::cout << "get_events after close: " << outcome([&] { (void)store.get_events(); }) << '\n';
        std::cout << "a cursor after close: " << outcome([&] { for (const auto &one : range) (void)one; }) << '\n';
        const std::string again = outcome([&] { store.close(); });
        std::cout << "close again: " << (again == "nothing" || again == "closed" ? "no harm" : again) << '\n';
    }
    {
        runestore::store store(config);
        std::cout << "a wait, closed meanwhile: " << closed_meanwhile(store, [&] { store.wait(1000000); }) << '\n';
    }
    {
        runestore::store store(config);
        const auto follow = [&] { for (const auto &one : store.subscribe()) (void)one; };
        std::cout << "a follower, closed meanwhile: " << closed_meanwhile(store, follow) << '\n';
    }
    std::uint64_t acknowledged;
    {
        runestore::store store(config);
        acknowledged = store.head();
        const auto append = [&] { for (;; acknowledged++) store.append(event); };
        std::cout << "appends, closed meanwhile: " << closed_meanwhile(store, append) << '\n';
    }
    runestore::store store(config);
    const bool all_there = acknowledged > 1 && acknowledged == store.head();
    std::cout << "what was acknowledged: " << (all_there ? "all there" : "not what is there") << '\n';
    two_threads(store);

    auto range = store.subscribe();
    auto running = std::async(std::launch::async, [&] { return outcome([&] { for (const auto &one : range) (void)one; }); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    range.cancel();
    const std::string ending = running.get(), goes_on = outcome([&] { store.append(event); });
    std::cout << "a follower, cancelled: it " << (ending == "nothing" ? "ends" : ending) << ", and the store "
              << (goes_on == "nothing" ? "goes on" : goes_on) << '\n';
}
