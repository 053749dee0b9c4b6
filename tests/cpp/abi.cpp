// A library whose interface does not fit is found out at open, before any other of its functions is called. This
// program has a store_abi_version and a store_init of its own, which go before the library's.
#include "check.hpp"

namespace
{

std::uint32_t pretended = STORE_ABI_VERSION;
int inits = 0;

} // namespace

extern "C" uint32_t store_abi_version(void)
{
    return pretended;
}

extern "C" int32_t store_init(const char *, size_t, store_t **store, char **, size_t *)
{
    inits++;
    *store = nullptr;
    return STORE_OK;
}

namespace
{

constexpr std::uint32_t major = STORE_ABI_VERSION >> 16, minor = STORE_ABI_VERSION & 0xFFFF;

void what_fits_is_opened()
{
    for (const std::uint32_t version : {STORE_ABI_VERSION + 0u, STORE_ABI_VERSION + 1u, major << 16 | 0xFFFF}) {
        pretended = version;
        inits = 0;
        TAKE(runestore::store::open());
        CHECK_INT(1, inits);
    }
}

void what_does_not_fit_is_not_called()
{
    inits = 0;
    for (const std::uint32_t version : {(major + 1) << 16 | minor, (major - 1) << 16 | 0xFFFF, 0u, 0xFFFFFFFFu}) {
        pretended = version;
        const auto error = CHECK_ERROR("unsupported", runestore::store::open());
        CHECK_HAS("interface " + std::to_string(version >> 16) + "." + std::to_string(version & 0xFFFF) + ",",
                  error ? error->what() : "");
        CHECK_HAS("built for " + std::to_string(major) + "." + std::to_string(minor), error ? error->what() : "");
        CHECK_HAS(R"({"code":"unsupported","message":")", error ? error->details() : "");
    }
    CHECK_INT(0, inits);
}

void an_earlier_minor_version_does_not_fit()
{
    // The header's minor version is 0 as yet, so it is asked of the comparison.
    CHECK(runestore::detail::fits(1u << 16 | 3, 1u << 16 | 3));
    CHECK(runestore::detail::fits(1u << 16 | 4, 1u << 16 | 3));
    CHECK(!runestore::detail::fits(1u << 16 | 2, 1u << 16 | 3));
    CHECK(!runestore::detail::fits(2u << 16 | 4, 1u << 16 | 3));
    CHECK(!runestore::detail::fits(0u << 16 | 4, 1u << 16 | 3));
}

} // namespace

int main()
{
    RUN(what_fits_is_opened);
    RUN(what_does_not_fit_is_not_called);
    RUN(an_earlier_minor_version_does_not_fit);
    check_note("%s", MODE);
    return check_report();
}
