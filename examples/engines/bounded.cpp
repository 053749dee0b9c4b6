// An engine that decorates another one: see bounded.hpp. The store above makes every check and gives each event its
// numbers, and the store below, which nobody else writes to, comes to the same numbers by itself; so texts are handed on as
// they are, and only the options are put together anew. docs/ENGINES.md says in which order they come.
#include "bounded.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace
{

class bounded
{
public:
    struct settings {
        std::string engine;
        std::uint64_t bytes_max;
    };

    bounded(const settings &given, std::string_view opts)
        : inner_(R"({"store":)" + runestore::quote(given.engine) + R"(,"store_opts":)" + std::string(opts) + "}"),
          bytes_max_(given.bytes_max)
    {
    }

    runestore::buffer append(std::string_view events, std::string_view opts)
    {
        const std::uint64_t bytes = bytes_of(inner_.info());
        // A reader's position alone is recorded even where nothing fits, so that readers can go on.
        if (events != "[]" && events.size() > bytes_max_ - std::min(bytes, bytes_max_))
            throw runestore::error(runestore::status_code::no_space,
                                   std::to_string(bytes) + " of " + std::to_string(bytes_max_) +
                                       " bytes are in use, and the batch has " + std::to_string(events.size()));
        // {"first":8,"stream_versions":[1,1],"tracking":{...}}
        const std::size_t tracking = opts.find(R"("tracking":)");
        return inner_.append(events, tracking == opts.npos ? "{}" : "{" + std::string(opts.substr(tracking)));
    }

    runestore::buffer get_events(std::string_view query, std::string_view opts) const
    {
        // {"after":7,"up_to":4000,"limit":64,"direction":"forward"}: the first two are in each filter, if there are any.
        const std::size_t limit = opts.find(R"("limit":)");
        const std::string lines = "{" + std::string(opts.substr(limit));
        if (query != "null")
            return inner_.get_events(query, lines);
        return inner_.get_events(std::string(opts.substr(0, limit - 1)) + "}", lines);
    }

    [[nodiscard]] std::uint64_t tracking(std::string_view source) const { return inner_.tracking(source); }

    void close() { inner_.close(); }

private:
    static std::uint64_t bytes_of(std::string_view info)
    {
        constexpr std::string_view name = R"("bytes":)";
        const std::string_view digits = info.substr(std::min(info.find(name), info.size() - name.size()) + name.size());
        std::uint64_t bytes = 0;
        if (std::from_chars(digits.data(), digits.data() + digits.size(), bytes).ptr == digits.data())
            throw runestore::error(runestore::status_code::unsupported, "the engine below does not count its bytes");
        return bytes;
    }

    runestore::store inner_;
    std::uint64_t bytes_max_;
};

} // namespace

engines::registration register_bounded(std::string name, std::uint64_t bytes_max, std::string engine)
{
    return engines::enroll<bounded>(std::move(name), {std::move(engine), bytes_max});
}
