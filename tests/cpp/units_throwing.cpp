// The part of units.cpp that has exceptions, whatever the others have.
#undef RUNESTORE_NO_EXCEPTIONS
#include <runestore.hpp>

std::uint64_t append_throwing(store_t *handle)
{
    runestore::store store = runestore::store::adopt(handle);
    try {
        store.append(R"({"type":"t","domain":"d","instance_id":"i"})");
        const std::uint64_t head = store.head();
        static_cast<void>(store.release());
        return head;
    } catch (const runestore::error &) {
        return 0;
    }
}
