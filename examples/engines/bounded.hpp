// An engine that keeps its events in another one and lets them grow to so many bytes, for a device whose disk has other
// tenants: what comes beyond is refused, and what is there can be read.
//
//     const engines::registration bounded = register_bounded("bounded", 64 << 20);
//     runestore::store store(R"({"store":"bounded","store_opts":{"path":"ledger.runes"}})");
//
// Compile bounded.cpp with your program.
#ifndef ENGINES_BOUNDED_HPP
#define ENGINES_BOUNDED_HPP

#include "engine.hpp"

#include <cstdint>
#include <string>

/// `engine` keeps the events, and gets the store_opts as they are: "file" or "memory". `bytes_max` is for what its info
/// calls bytes and the text of the next batch. Take it down by destroying what this returns.
[[nodiscard]] engines::registration register_bounded(std::string name, std::uint64_t bytes_max,
                                                     std::string engine = "file");

#endif // ENGINES_BOUNDED_HPP
