// Every function of runestore.hpp does what its page says, and reports what the C function reports.
#include "check.hpp"

using namespace std::chrono_literals;

namespace
{

void an_event_comes_back()
{
    runestore::store store = TAKE(runestore::store::open());
    const runestore::buffer stored = TAKE(store.append(EVENT));
    CHECK_HAS(R"([{"sequence_number":1,)", stored);
    CHECK_HAS(R"("data":{"owner":"Ada"})", stored);
    CHECK_VIEW(stored, TAKE(store.get_events()));
    CHECK_VIEW("[]", TAKE(store.get_events(R"({"domain":"nothing"})")));
    CHECK_VIEW(R"({"first":2,"last":3,"count":2,"head":3})",
               TAKE(store.append("[" + std::string(EVENT) + "," + std::string(EVENT) + "]",
                                 R"({"return":"summary","expected_version":1})")));
    CHECK_HAS(R"([{"sequence_number":3,)", TAKE(store.get_events(std::nullopt, R"({"direction":"backward"})")));
}

void a_configuration_is_heeded()
{
    runestore::store store = TAKE(runestore::store::open(R"({"store":"memory"})"));
    CHECK_VIEW("[]", TAKE(store.get_events()));
    CHECK_ERROR("invalid_options", runestore::store::open(R"({"store":"postgres"})")); // it needs a url
    CHECK_ERROR("invalid_options", runestore::store::open(R"({"store":"file"})"));
    const auto error = CHECK_ERROR("invalid_options", runestore::store::open(R"({"store":"memroy"})"));
    CHECK_HAS("memory", error ? error->what() : "");
#ifndef RUNESTORE_NO_EXCEPTIONS
    runestore::store constructed;
    CHECK_VIEW("[]", constructed.get_events());
    const runestore::store configured(R"({"store":"memory"})");
    CHECK_VIEW("[]", configured.get_events());
    CHECK_ERROR("invalid_options", runestore::store(R"({"store":"memroy"})"));
#endif
}

void the_head_is_told_and_waited_for()
{
    runestore::store store = TAKE(runestore::store::open());
    CHECK_UINT(0, TAKE(store.head()));
    CHECK(!TAKE(store.wait(0, 0s)).has_value());
    CHECK(!TAKE(store.wait(0, 1ms)).has_value());
    TAKE(store.append(EVENT));
    CHECK_UINT(1, TAKE(store.head()));
    CHECK_UINT(1, TAKE(store.wait(0)));
    CHECK_UINT(1, TAKE(store.wait(0, 1h)).value_or(0));
    CHECK(!TAKE(store.wait(1, 1ms)).has_value());
}

void a_source_is_tracked()
{
    runestore::store store = TAKE(runestore::store::open());
    CHECK_UINT(0, TAKE(store.tracking("mailer")));
    TAKE(store.append("[]", R"({"tracking":{"source":"mailer","position":17}})"));
    CHECK_UINT(17, TAKE(store.tracking("mailer")));
    CHECK_UINT(0, TAKE(store.tracking("printer")));
    CHECK_ERROR("invalid_options", store.tracking(""));
    CHECK_ERROR("invalid_json", store.tracking("\xFF"));
}

void what_an_engine_cannot_do_is_an_error()
{
    runestore::store store = TAKE(runestore::store::open());
    CHECK_HAS(R"("engine":"memory")", TAKE(store.info()));
    CHECK_ERROR("unsupported", store.verify());
    CHECK_ERROR("unsupported", store.backup("copy"));
    CHECK_ERROR("misuse", store.copy_to(store));
    CHECK_ERROR("invalid_json", store.backup("\xFF"));
    TAKE(store.interrupt()); // with no call in progress, nothing to end
}

void a_store_is_copied_into_another()
{
    runestore::store source = TAKE(runestore::store::open());
    runestore::store target = TAKE(runestore::store::open());
    TAKE(source.append(R"({"type":"t","domain":"d","instance_id":"i"})"));
    CHECK_VIEW(R"({"copied":1,"events":1,"head":1})", TAKE(source.copy_to(target)));
    CHECK_VIEW(TAKE(source.get_events()).view(), TAKE(target.get_events()));
}

void a_cursor_gives_pieces()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 5);
    runestore::cursor cursor = TAKE(store.cursor());
    runestore::piece piece = TAKE(cursor.next(2));
    CHECK(piece && piece.status == runestore::status_code::ok);
    CHECK_UINT(2, piece.position);
    CHECK_UINT(1, number_in(piece.events));
    piece = TAKE(cursor.next());
    CHECK_UINT(5, piece.position);
    CHECK_UINT(3, number_in(piece.events));
    piece = TAKE(cursor.next(0, 1h));
    CHECK(!piece && piece.status == runestore::status_code::done && piece.events.empty());
    CHECK_UINT(5, piece.position);
}

void a_follower_times_out()
{
    runestore::store store = TAKE(runestore::store::open());
    fill(store, 5);
    runestore::cursor cursor = TAKE(store.cursor(R"({"after":5})", R"({"follow":true})"));
    runestore::piece piece = TAKE(cursor.next(0, 0s));
    CHECK(!piece && piece.status == runestore::status_code::timeout);
    CHECK_UINT(5, piece.position);
    TAKE(store.append(EVENT));
    piece = TAKE(cursor.next(0, 1h));
    CHECK(piece.status == runestore::status_code::ok);
    CHECK_UINT(6, piece.position);
}

void closing_is_told_and_final()
{
    runestore::store store = TAKE(runestore::store::open());
    runestore::cursor cursor = TAKE(store.cursor());
    runestore::cursor left = TAKE(store.cursor());
    TAKE(cursor.close());
    CHECK_ERROR("closed", cursor.next());
    CHECK_ERROR("closed", cursor.cancel());
    CHECK_ERROR("closed", cursor.close());
    TAKE(store.close());
    CHECK_ERROR("closed", store.append(EVENT));
    CHECK_ERROR("closed", store.head());
    CHECK_ERROR("closed", store.interrupt());
    CHECK_ERROR("closed", store.cursor());
    CHECK_ERROR("closed", store.events());
    CHECK_ERROR("closed", store.subscribe());
    CHECK_ERROR("closed", store.close());
    CHECK_ERROR("closed", left.next());
    CHECK_ERROR("closed", left.close());
}

void handles_go_out_and_in()
{
    runestore::store store = TAKE(runestore::store::open());
    std::uint64_t head = 0;
    TAKE(store.append(EVENT));
    CHECK_STATUS(STORE_OK, store_wait(store.get(), 0, 0, &head, nullptr, nullptr));
    CHECK_UINT(1, head);

    runestore::cursor cursor = TAKE(store.cursor());
    store_cursor_t *const cursor_handle = cursor.release();
    CHECK(cursor.get() == nullptr);
    CHECK_ERROR("misuse", cursor.next());
    cursor = runestore::cursor::adopt(cursor_handle);
    CHECK(cursor.get() == cursor_handle);
    CHECK_UINT(1, TAKE(cursor.next()).position);

    store_t *const handle = store.release();
    CHECK(store.get() == nullptr);
    CHECK_ERROR("misuse", store.head());
    {
        const runestore::store adopted = runestore::store::adopt(handle);
        CHECK_UINT(1, TAKE(adopted.head()));
    }
    CHECK_STATUS(STORE_ERR_CLOSED, store_close(handle, nullptr, nullptr));
}

void what_goes_out_of_scope_is_closed()
{
    store_t *store_handle = nullptr;
    {
        const runestore::store store = TAKE(runestore::store::open());
        store_handle = store.get();
        store_cursor_t *cursor_handle = nullptr;
        {
            const runestore::cursor cursor = TAKE(store.cursor());
            cursor_handle = cursor.get();
        }
        // While its store is open, so that it is not the store's end that ended it.
        CHECK_STATUS(STORE_ERR_CLOSED, store_cursor_cancel(cursor_handle));
        CHECK_STATUS(STORE_OK, store_interrupt(store_handle));
    }
    CHECK_STATUS(STORE_ERR_CLOSED, store_interrupt(store_handle));
}

} // namespace

int main()
{
    RUN(an_event_comes_back);
    RUN(a_configuration_is_heeded);
    RUN(the_head_is_told_and_waited_for);
    RUN(a_source_is_tracked);
    RUN(what_an_engine_cannot_do_is_an_error);
    RUN(a_store_is_copied_into_another);
    RUN(a_cursor_gives_pieces);
    RUN(a_follower_times_out);
    RUN(closing_is_told_and_final);
    RUN(handles_go_out_and_in);
    RUN(what_goes_out_of_scope_is_closed);
    check_note("%s", MODE);
    return check_report();
}
