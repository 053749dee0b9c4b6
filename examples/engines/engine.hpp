// Makes an engine of a C++ class: the table of runestore.h whose functions call its members, and let no exception through.
//
//     class shelf {
//     public:
//         struct settings { ... };                                   // what the program decides, for all of its stores
//         shelf(const settings &, std::string_view opts);            // init
//         runestore::buffer append(std::string_view events, std::string_view opts);       // or a std::string
//         runestore::buffer get_events(std::string_view query, std::string_view opts);    // or a std::string
//         std::uint64_t tracking(std::string_view source);
//         void close();                                              // what the destructor could not report
//     };
//     const engines::registration shelves = engines::enroll<shelf>("shelf", {...});
//
// docs/ENGINES.md says what each is given and what it must answer. They report failures by throwing: a runestore::error
// with the status that fits, or any other exception. One member runs at a time for each store.
#ifndef ENGINES_ENGINE_HPP
#define ENGINES_ENGINE_HPP

#include <runestore.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace engines
{

namespace detail
{

// A text in a buffer that the library frees. False where there is no memory for it.
inline bool hand_over(std::string_view text, char **out, std::size_t *out_len) noexcept
{
    void *const buffer = store_alloc(text.size());
    if (buffer == nullptr)
        return false;
    std::memcpy(buffer, text.data(), text.size());
    *out = static_cast<char *>(buffer);
    *out_len = text.size();
    return true;
}

// Does the work. What it throws becomes a status, and words for the library's callers.
template <class Work> std::int32_t guarded(char **error, std::size_t *error_len, Work work) noexcept
{
    const auto report = [&](runestore::status_code status, std::string_view words) noexcept {
        hand_over(words, error, error_len); // without memory the status has to do
        return static_cast<std::int32_t>(status);
    };
    try {
        work();
        return STORE_OK;
    } catch (const runestore::error &failure) {
        return report(failure.status(), failure.what());
    } catch (const std::bad_alloc &) {
        return report(runestore::status_code::no_space, "no memory");
    } catch (const std::exception &failure) {
        return report(runestore::status_code::io, failure.what());
    } catch (...) {
        return report(runestore::status_code::internal, "it threw what is no std::exception");
    }
}

template <class Engine> struct functions {
    static Engine &of(void *state) noexcept { return *static_cast<Engine *>(state); }

    static std::int32_t init(void *context, const char *opts, std::size_t opts_len, void **state, char **error,
                             std::size_t *error_len) noexcept
    {
        return guarded(error, error_len, [&] {
            const auto &settings = *static_cast<const typename Engine::settings *>(context);
            *state = std::make_unique<Engine>(settings, std::string_view(opts, opts_len)).release();
        });
    }

    static std::int32_t append(void *state, const char *events, std::size_t events_len, const char *opts,
                               std::size_t opts_len, char **out, std::size_t *out_len) noexcept
    {
        return guarded(out, out_len, [&] {
            const auto stored = of(state).append({events, events_len}, {opts, opts_len});
            // An error that is not indeterminate would promise that nothing was stored.
            if (!hand_over(stored, out, out_len))
                throw runestore::error(runestore::status_code::indeterminate, "no memory to tell of what was stored");
        });
    }

    static std::int32_t get_events(void *state, const char *query, std::size_t query_len, const char *opts,
                                   std::size_t opts_len, char **out, std::size_t *out_len) noexcept
    {
        return guarded(out, out_len, [&] {
            if (!hand_over(of(state).get_events({query, query_len}, {opts, opts_len}), out, out_len))
                throw std::bad_alloc();
        });
    }

    static std::int32_t tracking(void *state, const char *source, std::size_t source_len, std::uint64_t *position,
                                 char **error, std::size_t *error_len) noexcept
    {
        return guarded(error, error_len, [&] { *position = of(state).tracking({source, source_len}); });
    }

    static std::int32_t close(void *state, char **error, std::size_t *error_len) noexcept
    {
        const std::unique_ptr<Engine> owned(&of(state));
        return guarded(error, error_len, [&] { owned->close(); });
    }

    static void destroy(void *context) noexcept { delete static_cast<typename Engine::settings *>(context); }
};

} // namespace detail

/// The name of an engine, as long as it lives; stores that are open then stay so.
class registration
{
public:
    explicit registration(std::string name) noexcept : name_(std::move(name)) {}
    registration(registration &&other) noexcept : name_(std::exchange(other.name_, {})) {}
    registration &operator=(registration &&) = delete;
    ~registration()
    {
        if (!name_.empty())
            store_unregister_engine(name_.data(), name_.size(), nullptr, nullptr);
    }

private:
    std::string name_;
};

/// Gives the engine a name, by which {"store":NAME,"store_opts":{...}} opens it. Throws a runestore::error, for one if the
/// name is taken.
template <class Engine> [[nodiscard]] registration enroll(std::string name, typename Engine::settings settings)
{
    using of = detail::functions<Engine>;
    auto context = std::make_unique<typename Engine::settings>(std::move(settings));
    store_engine_t table = {};
    table.size = sizeof table;
    table.version = STORE_ENGINE_VERSION;
    table.context = context.get();
    table.init = of::init;
    table.append = of::append;
    table.get_events = of::get_events;
    table.tracking = of::tracking;
    table.close = of::close;
    table.destroy = of::destroy;
    char *text = nullptr;
    std::size_t size = 0;
    const std::int32_t status = store_register_engine(name.data(), name.size(), &table, &text, &size);
    const runestore::buffer details(text, size);
    if (status != STORE_OK)
        throw runestore::error(static_cast<runestore::status_code>(status), details.str());
    static_cast<void>(context.release()); // it is the library's until destroy
    return registration(std::move(name));
}

} // namespace engines

#endif // ENGINES_ENGINE_HPP
