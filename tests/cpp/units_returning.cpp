// The part of units.cpp that has results, whatever the others have.
#define RUNESTORE_NO_EXCEPTIONS
#include <runestore.hpp>

std::uint64_t append_returning(store_t *handle)
{
    runestore::store store = runestore::store::adopt(handle);
    const auto stored = store.append(R"({"type":"t","domain":"d","instance_id":"i"})");
    const auto head = store.head();
    static_cast<void>(store.release());
    return stored && head ? *head : 0;
}
