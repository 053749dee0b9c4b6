// Engines written in C++: the example of examples/engines, and that no exception comes through.
#include "check.hpp"

#include "../../examples/engines/bounded.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{

constexpr unsigned watchdog_seconds = 300;
constexpr std::uint64_t bytes_max = 64 << 10;

// A folder of its own, which goes away with it.
class folder
{
public:
    folder()
    {
        // mkdtemp puts a name of its own in place of six letters X.
        std::string name = (std::filesystem::temp_directory_path() / "runestore-engine-").string() + std::string(6, 'X');
        if (mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("no folder could be made: " + name);
        path_ = name;
    }
    folder(const folder &) = delete;
    folder &operator=(const folder &) = delete;
    ~folder() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::string config(std::string_view engine) const
    {
        return R"({"store":)" + runestore::quote(engine) + R"(,"store_opts":{"path":)" +
               runestore::quote((path_ / "ledger.runes").string()) + "}}";
    }

private:
    std::filesystem::path path_;
};

std::string opened(const std::string &name)
{
    return R"({"type":"Opened","domain":"account","instance_id":)" + runestore::quote(name) + R"(,"tags":["vip"]})";
}

std::string deposited(const std::string &name, std::size_t size)
{
    return R"({"type":"Deposited","domain":"account","instance_id":)" + runestore::quote(name) + R"(,"data":")" +
           std::string(size, 'x') + R"("})";
}

std::vector<std::uint64_t> positions(const runestore::store &store, std::string_view query, std::string_view opts = "{}")
{
    std::vector<std::uint64_t> found;
    for (const std::string_view event : store.events(query, opts))
        found.push_back(runestore::position_of(event));
    return found;
}

using numbers = std::vector<std::uint64_t>;

void it_stores_decides_and_answers_queries()
{
    const folder there;
    const engines::registration bounded = register_bounded("bounded", bytes_max);
    runestore::store store(there.config("bounded"));
    CHECK_HAS(R"("engine":"bounded")", store.info());
    const runestore::buffer first = store.append("[" + opened("a-1") + "," + opened("a-2") + "]");
    CHECK_HAS(R"({"sequence_number":1,)", first);
    CHECK_HAS(R"({"sequence_number":2,)", first);
    store.append(deposited("a-1", 10), R"({"expected_version":1})");
    CHECK_ERROR("conflict", store.append(deposited("a-1", 10), R"({"expected_version":1})"));
    CHECK_ERROR("conflict", store.append(opened("a-3"), R"({"condition":{"fail_if_events_match":{"tags":["vip"]}}})"));
    CHECK_ERROR("invalid_event", store.append(R"({"tpye":"Opened"})"));
    // A retry is answered and not stored.
    const std::string known =
        R"({"id":"0190a000-0000-7000-8000-000000000001","type":"Closed","domain":"account","instance_id":"a-2"})";
    const std::string answer = store.append(known).str();
    CHECK_VIEW(answer, store.append(known));
    CHECK_UINT(4, store.head());

    CHECK(positions(store, "{}") == numbers({1, 2, 3, 4}));
    CHECK(positions(store, "{}", R"({"direction":"backward","limit":3})") == numbers({4, 3, 2}));
    CHECK(positions(store, R"({"after":1,"up_to":3})") == numbers({2, 3}));
    CHECK(positions(store, R"({"type":["Opened"],"tags":["vip"]})") == numbers({1, 2}));
    CHECK(positions(store, R"([{"instance_id":"a-2"},{"type":"Deposited"}])") == numbers({2, 3, 4}));
    CHECK(positions(store, R"({"domain":"account","instance_id":"a-1","after_version":1})") == numbers({3}));
    CHECK_HAS(R"("total_count":2)", store.get_events(R"({"type":"Opened"})", R"({"limit":1,"pagination":true})"));
    CHECK_ERROR("unsupported", store.verify());
}

void a_subscription_follows()
{
    const folder there;
    const engines::registration bounded = register_bounded("bounded", 64 << 20);
    runestore::store store(there.config("bounded"));
    const std::size_t count = check_scaled(2000);
    store.append(opened("a-0"));
    runestore::event_range subscription = store.subscribe(R"({"type":"Opened"})");
    std::thread writer([&] {
        for (std::size_t n = 1; n < count; n++)
            store.append("[" + opened("a-" + std::to_string(n)) + "," + deposited("a-0", 5) + "]");
    });
    std::uint64_t seen = 0, last = 0;
    for (const std::string_view event : subscription) {
        const std::uint64_t position = runestore::position_of(event);
        CHECK_UINT(seen * 2 + (seen == 0 ? 1 : 0), position);
        last = position;
        if (++seen == count)
            break;
    }
    writer.join();
    CHECK_UINT(2 * count - 2, last);
    CHECK_UINT(2 * count - 1, store.head());
    check_note("%zu events followed", count);
}

void what_it_keeps_is_there_when_it_is_opened_again()
{
    const folder there;
    const engines::registration bounded = register_bounded("bounded", bytes_max);
    std::string events;
    {
        runestore::store store(there.config("bounded"));
        store.append("[" + opened("a-1") + "," + deposited("a-1", 100) + "]", R"({"tracking":{"source":"\"m\"","position":1}})");
        store.append("[]", R"({"tracking":{"source":"mailer","position":2}})");
        events = store.get_events().str();
        // The lock is that of the engine below, and so are the words.
        const auto error = CHECK_ERROR("engine", runestore::store(there.config("bounded")));
        CHECK_HAS("is open for writing already", error->what());
        CHECK_HAS(R"("function":"init","engine_code":"locked")", error->details());
        store.close();
    }
    runestore::store again(there.config("bounded"));
    CHECK_VIEW(events, again.get_events());
    CHECK_UINT(2, again.tracking("mailer"));
    CHECK_UINT(1, again.tracking("\"m\""));
    CHECK_HAS(R"("stream_version":3)", again.append(deposited("a-1", 1), R"({"expected_version":2})"));
    again.close();
    // Below it is a store as any other.
    const runestore::store below(there.config("file"));
    CHECK_UINT(3, below.head());
    CHECK_HAS(R"("ok":true)", below.verify());
}

void what_does_not_fit_is_refused_in_the_engines_words()
{
    const folder there;
    const engines::registration bounded = register_bounded("bounded", bytes_max);
    runestore::store store(there.config("bounded"));
    std::optional<runestore::error> refused;
    while (!refused && store.head() < 100)
        refused = error_of([&] { return store.append(deposited("a-1", 5000), R"({"return":"summary"})"); });
    if (!CHECK(refused))
        return;
    const std::uint64_t head = store.head();
    CHECK(head >= 10 && head <= 12);
    CHECK_VIEW("engine", refused->code());
    CHECK_PREFIX("engine `bounded`, append: ", refused->what());
    CHECK_HAS(" of 65536 bytes are in use, and the batch has ", refused->what());
    CHECK_HAS(R"("engine":"bounded","function":"append","engine_code":"no_space","stored":false)", refused->details());
    // It refuses what is too large and nothing else.
    CHECK_UINT(head, positions(store, "{}").size());
    store.append("[]", R"({"tracking":{"source":"mailer","position":3}})");
    CHECK_UINT(3, store.tracking("mailer"));
    store.append(opened("a-2"));
    CHECK_UINT(head + 1, store.head());
    store.close();
    runestore::store again(there.config("bounded"));
    CHECK_ERROR("engine", again.append(deposited("a-1", 5000)));
    CHECK_UINT(head + 1, again.head());
}

void a_store_is_copied_into_it_and_out_of_it()
{
    const folder there;
    const engines::registration bounded = register_bounded("bounded", 64 << 20), other = register_bounded("small", 20'000, "memory");
    runestore::store source, target(there.config("bounded")), last, small(R"({"store":"small"})");
    fill(source, check_scaled(12'000));
    source.copy_to(target);
    target.copy_to(last);
    CHECK_VIEW(source.get_events(), last.get_events());
    fill(last, 300);
    const auto error = CHECK_ERROR("engine", last.copy_to(small));
    CHECK_HAS("0 of 20000 bytes are in use", error->what());
    CHECK_UINT(0, small.head());
}

// An engine whose members throw what the test says, each in its own way.
enum class way { none, error, standard, memory, foreign };

struct plan {
    way init = way::none, append = way::none, get_events = way::none, tracking = way::none, close = way::none;
};

class thrower
{
public:
    struct settings {
        std::shared_ptr<plan> what;
    };

    thrower(const settings &given, std::string_view) : what_(given.what) { go(what_->init); }
    runestore::buffer append(std::string_view events, std::string_view)
    {
        go(what_->append);
        return inner_.append(events);
    }
    std::string get_events(std::string_view, std::string_view)
    {
        go(what_->get_events);
        return inner_.get_events().str();
    }
    std::uint64_t tracking(std::string_view)
    {
        go(what_->tracking);
        return 7;
    }
    void close() { go(what_->close); }

private:
    static void go(way way)
    {
        switch (way) {
        case way::none: return;
        case way::error: throw runestore::error(runestore::status_code::corrupt, "the shelf fell");
        case way::standard: throw std::out_of_range("behind the shelf");
        case way::memory: throw std::bad_alloc();
        case way::foreign: throw 7;
        }
    }

    std::shared_ptr<plan> what_;
    runestore::store inner_;
};

void no_exception_comes_through()
{
    struct {
        way thrown;
        const char *words, *code;
    } const ways[] = {
        {way::error, "the shelf fell", R"("engine_code":"corrupt")"},
        {way::standard, "behind the shelf", R"("engine_code":"io")"},
        {way::memory, "no memory", R"("engine_code":"no_space")"},
        {way::foreign, "it threw what is no std::exception", R"("engine_code":"internal")"},
    };
    const auto what = std::make_shared<plan>();
    const engines::registration registered = engines::enroll<thrower>("thrower", {what});
    const std::string config = R"({"store":"thrower"})";
    for (const auto &[thrown, words, code] : ways) {
        const auto fails = [&, words = words, code = code](std::string_view function, std::optional<runestore::error> error) {
            if (!CHECK(error))
                return;
            CHECK_VIEW("engine", error->code());
            CHECK_HAS("engine `thrower`, " + std::string(function) + ": " + words, error->what());
            CHECK_HAS(code, error->details());
        };
        what->init = thrown;
        fails("init", error_of([&] { return runestore::store(config); }));
        *what = {};
        runestore::store store(config);
        what->append = thrown;
        fails("append", error_of([&] { return store.append(opened("a-1")); }));
        *what = {};
        store.append(opened("a-1"));
        what->get_events = thrown;
        fails("get_events", error_of([&] { return store.get_events(); }));
        *what = {};
        CHECK_UINT(1, positions(store, "{}").size());
        CHECK_UINT(7, store.tracking("mailer"));
        what->tracking = thrown;
        fails("tracking", error_of([&] { return store.tracking("mailer"); }));
        *what = {};
        what->close = thrown;
        fails("close", error_of([&] {
                  store.close();
                  return 0;
              }));
        *what = {};
    }
}

void settings_live_as_long_as_the_last_store()
{
    const auto what = std::make_shared<plan>();
    std::optional<engines::registration> registered(engines::enroll<thrower>("thrower", {what}));
    CHECK_INT(2, what.use_count());
    // The name is taken: nothing is kept.
    CHECK_ERROR("misuse", engines::enroll<thrower>("thrower", {what}));
    CHECK_INT(2, what.use_count());
    runestore::store store(R"({"store":"thrower"})");
    CHECK_INT(3, what.use_count());
    engines::registration moved(*std::move(registered));
    registered.reset();
    CHECK_UINT(7, runestore::store(R"({"store":"thrower"})").tracking("mailer"));
    {
        const engines::registration ended(std::move(moved));
    }
    CHECK_ERROR("invalid_options", runestore::store(R"({"store":"thrower"})"));
    CHECK_UINT(7, store.tracking("mailer"));
    CHECK_INT(3, what.use_count());
    store.close();
    CHECK_INT(1, what.use_count());
}

} // namespace

int main()
{
    alarm(watchdog_seconds);
    RUN(it_stores_decides_and_answers_queries);
    RUN(a_subscription_follows);
    RUN(what_it_keeps_is_there_when_it_is_opened_again);
    RUN(what_does_not_fit_is_refused_in_the_engines_words);
    RUN(a_store_is_copied_into_it_and_out_of_it);
    RUN(no_exception_comes_through);
    RUN(settings_live_as_long_as_the_last_store);
    return check_report();
}
