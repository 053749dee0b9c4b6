// A program of somebody who has only what was installed.
#include <runestore.hpp>
#include <iostream>

int main()
{
    runestore::store store;
    store.append(R"({"type":"Opened","domain":"account","instance_id":"a-1"})");
    int count = 0;
    for (const std::string_view event : store.events())
        count += event.empty() ? 0 : 1;
    std::cout << "C++, " << store_version() << ": " << count << " event\n";
    return count == 1 ? 0 : 1;
}
