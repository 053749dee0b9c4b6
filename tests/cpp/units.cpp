// Files that include the header link into one program, also where one of them has exceptions and the other has none.
// units_throwing.cpp and units_returning.cpp are the others.
#include "check.hpp"

std::uint64_t append_throwing(store_t *handle);
std::uint64_t append_returning(store_t *handle);

namespace
{

void both_kinds_work_on_one_store()
{
    runestore::store store = TAKE(runestore::store::open());
    CHECK_UINT(1, append_throwing(store.get()));
    CHECK_UINT(2, append_returning(store.get()));
    CHECK_UINT(2, TAKE(store.head()));
    CHECK_UINT(0, append_throwing(nullptr));
    CHECK_UINT(0, append_returning(nullptr));
}

} // namespace

int main()
{
    RUN(both_kinds_work_on_one_store);
    check_note("%s", MODE);
    return check_report();
}
