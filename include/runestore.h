/*
 * Runestore - an event store that a program links.
 *
 * Events go in as atomic batches and come back filtered by type, domain, instance, tags and time, in
 * one gapless order. This file is generated from the library's source. docs/EVENTS.md describes
 * events, queries and options, docs/ABI.md the policy behind this interface.
 *
 * What holds for every function:
 *
 *   Status   Functions return a status: STORE_OK, STORE_DONE, STORE_TIMEOUT, or a negative
 *            STORE_ERR_... number. store_status_name gives its name.
 *   Buffers  *out is the answer on STORE_OK, and on an error a JSON object
 *            {"code":"conflict","message":"...",...details}. It is UTF-8, *out_len bytes long, with
 *            a NUL behind that. Free it with store_free, never with free(). The same holds for
 *            *error, which is set on an error only.
 *   Outputs  Are written on every path, NULL and 0 where there is nothing. Pass NULL for those that
 *            you do not want; only the handle that store_init and store_cursor_open make is required.
 *   Inputs   Are a pointer and a length in bytes, in UTF-8, without a NUL; they are borrowed for the
 *            call. (NULL, 0) means absent. At most 64 MiB each. What is no JSON is invalid_json.
 *   Handles  Are not addresses: using one after its close is an error (closed), not undefined. After
 *            fork, a child's calls on its parent's handles are an error (forked).
 *   Threads  No thread of its own, no callback, no signal handler, no output, no error kept for each
 *            thread. What each function says of threads is all there is to heed.
 *   Panics   Do not cross the interface: a defect in the library is an error (internal).
 *
 * A program that stores an event and prints all there are:
 *
 *     store_t *store;
 *     char *events;
 *     store_init(NULL, 0, &store, NULL, NULL);
 *     const char event[] = "{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\"}";
 *     store_append(store, event, sizeof event - 1, NULL, 0, NULL, NULL);
 *     store_get_events(store, NULL, 0, NULL, 0, &events, NULL);
 *     puts(events);
 *     store_free(events);
 *     store_close(store, NULL, NULL);
 */


#ifndef RUNESTORE_H
#define RUNESTORE_H

#include <stddef.h>
#include <stdint.h>

/**
 * The version of this interface, major << 16 | minor: 1.0. A program that was built with this header
 * runs with every library of the same major and of the same or a later minor version.
 */
#define STORE_ABI_VERSION 65536

/**
 * The call succeeded.
 */
#define STORE_OK 0

/**
 * The cursor has given all there is; there is no buffer.
 */
#define STORE_DONE 1

/**
 * Nothing new came in time.
 */
#define STORE_TIMEOUT 2

/**
 * The call itself is wrong: NULL where it may not be, a handle that was never issued, two
 * store_cursor_next at once on one cursor. Correct the program.
 */
#define STORE_ERR_MISUSE -1

/**
 * The store or the cursor is closed, or was during the call. An append that says so stored nothing.
 */
#define STORE_ERR_CLOSED -2

/**
 * A text is not JSON that every parser can read back. Details: in, offset.
 */
#define STORE_ERR_INVALID_JSON -3

/**
 * The JSON is sound, but it is no event. Details: index, field.
 */
#define STORE_ERR_INVALID_EVENT -4

/**
 * The JSON is sound, but it is no query. Details: index, key.
 */
#define STORE_ERR_INVALID_QUERY -5

/**
 * An option or configuration is unknown, of the wrong type or out of range. Details: option.
 */
#define STORE_ERR_INVALID_OPTIONS -6

/**
 * A check made inside the commit failed; nothing was stored. Read again, decide again. Details:
 * reason, expected, actual, and domain and instance_id, or sequence_number, or source.
 */
#define STORE_ERR_CONFLICT -7

/**
 * An id is stored already, or stands twice in the batch; nothing was stored. Details: ids.
 */
#define STORE_ERR_DUPLICATE_ID -8

/**
 * A limit on size or number was passed; nothing was stored. Details: limit, actual.
 */
#define STORE_ERR_TOO_LARGE -9

/**
 * What was asked for does not exist.
 */
#define STORE_ERR_NOT_FOUND -10

/**
 * The store was opened for reading only.
 */
#define STORE_ERR_READ_ONLY -11

/**
 * Another writer holds the store.
 */
#define STORE_ERR_LOCKED -12

/**
 * The operating system refused.
 */
#define STORE_ERR_IO -13

/**
 * There is no room left; nothing was stored. Try again once there is.
 */
#define STORE_ERR_NO_SPACE -14

/**
 * Stored data is damaged.
 */
#define STORE_ERR_CORRUPT -15

/**
 * This engine or this build cannot do it.
 */
#define STORE_ERR_UNSUPPORTED -16

/**
 * An engine that the user registered failed.
 */
#define STORE_ERR_ENGINE -17

/**
 * It could not be learnt whether the batch was stored. Append it again with its ids. Details: ids.
 */
#define STORE_ERR_INDETERMINATE -18

/**
 * The call was interrupted or cancelled from another thread. An append that says so stored nothing.
 */
#define STORE_ERR_INTERRUPTED -19

/**
 * The handle belongs to the parent process of a fork. Open the store anew in the child.
 */
#define STORE_ERR_FORKED -20

/**
 * A defect in Runestore. The process lives on; close the store and report it.
 */
#define STORE_ERR_INTERNAL -99

/**
 * The version of store_engine_t that this header describes.
 */
#define STORE_ENGINE_VERSION 1

/**
 * An ability: the functions of one state may run in several threads at once (append never twice).
 */
#define STORE_ENGINE_CONCURRENT 1

/**
 * An ability: others may write to the storage while a store is open. Expectations, conditions, tracking and
 * ids of the caller's own are unsupported then, since nothing can be judged above the engine.
 */
#define STORE_ENGINE_SHARED 2

/**
 * A result that is read piece by piece, or a subscription. It may move between threads, one
 * store_cursor_next at a time; close it with store_cursor_close.
 */
typedef struct store_cursor_t store_cursor_t;

/**
 * An open store. Use it from any number of threads at once; close it with store_close.
 */
typedef struct store_t store_t;

/**
 * An engine of your own: what keeps the events. docs/ENGINES.md says what each function is given and what
 * it must answer; examples/engines/jsonl.c is a whole one.
 *
 * Set all of it to zero first, then size, version, and the functions. A function returns STORE_OK or a
 * STORE_ERR_... number; any error of it is engine for the store's callers, with your words and your number's
 * name inside, save STORE_ERR_INDETERMINATE from append, which stays what it is. An error of append promises
 * that nothing was stored.
 *
 * Buffers that a function hands over, in *out and in *error, are made with store_alloc, and the library
 * frees them. *error (of append and get_events: *out) is a text for a person, or {"message":"..."}. All
 * out-parameters are NULL and 0 when a function is called, and are never NULL themselves. Inputs are borrowed
 * for the call, and end with a NUL behind their length.
 *
 * The functions run in the thread that called the store: one at a time for each state, or several with
 * STORE_ENGINE_CONCURRENT; init in any thread, also several at once. They must not throw through the
 * interface, and must not call the store that they serve (misuse).
 */
typedef struct store_engine_t {
    /**
     * sizeof(store_engine_t).
     */
    uint32_t size;
    /**
     * STORE_ENGINE_VERSION.
     */
    uint32_t version;
    /**
     * Handed to init and destroy as it is.
     */
    void *context;
    /**
     * Opens the storage that opts names, the text of store_opts ("{}" where there is none): *state is
     * handed to all other functions. Required.
     */
    int32_t (*init)(void *context,
                    const char *opts,
                    size_t opts_len,
                    void **state,
                    char **error,
                    size_t *error_len);
    /**
     * Stores the events, all or nothing, behind all others; *out is the array of them with their
     * sequence_number and stream_version, which opts names. Required.
     */
    int32_t (*append)(void *state,
                      const char *events,
                      size_t events_len,
                      const char *opts,
                      size_t opts_len,
                      char **out,
                      size_t *out_len);
    /**
     * *out is an array of the events that match the query, as opts says, or one a line. It may hold more
     * than match, but must heed after, up_to, limit and direction of opts. Required.
     */
    int32_t (*get_events)(void *state,
                          const char *query,
                          size_t query_len,
                          const char *opts,
                          size_t opts_len,
                          char **out,
                          size_t *out_len);
    /**
     * Waits for an event behind after, at most timeout_ms (never more than 1000). Of use with
     * STORE_ENGINE_SHARED only. STORE_TIMEOUT is no error. May be NULL: the store asks now and then.
     */
    int32_t (*wait)(void *state, uint64_t after, int64_t timeout_ms, char **error, size_t *error_len);
    /**
     * Releases state; called once for each init that succeeded, after everything else. Required.
     */
    int32_t (*close)(void *state, char **error, size_t *error_len);
    /**
     * Releases context: called exactly once, when the name was unregistered and the last store of this
     * engine is closed. Never called for a registration that failed, nor in a forked child. May be NULL.
     */
    void (*destroy)(void *context);
    /**
     * STORE_ENGINE_CONCURRENT, STORE_ENGINE_SHARED, both or neither.
     */
    uint64_t abilities;
    /**
     * *position is what append last recorded for the source (its opts have tracking then), 0 if nothing.
     * May be NULL: tracking is unsupported.
     */
    int32_t (*tracking)(void *state,
                        const char *source,
                        size_t source_len,
                        uint64_t *position,
                        char **error,
                        size_t *error_len);
} store_engine_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the interface that the library has, major << 16 | minor: compare it with
 * STORE_ABI_VERSION, which your program was built with. Any thread, never fails.
 */
uint32_t store_abi_version(void);

/**
 * The version of the library, such as "0.1.0". The text is static: do not free it. Any thread,
 * never fails.
 */
const char *store_version(void);

/**
 * The name of a status number: "ok", "done", "timeout", or an error's "code"; "unknown" for any
 * other number. The text is static: do not free it. Any thread, never fails.
 */
const char *store_status_name(int32_t status);

/**
 * Makes a buffer of length bytes for an engine to hand over (store_engine_t), with room for a NUL behind
 * them, all zero. Free it with store_free if it is not handed over. NULL where there is no memory for it.
 * Any thread.
 */
void *store_alloc(size_t length);

/**
 * Frees a buffer that any function of this library handed out. NULL is fine. Free each buffer once,
 * with this and never with free(). Any thread, also after the store was closed.
 */
void store_free(void *buffer);

/**
 * Opens a store.
 *
 * config is {"store": NAME, "store_opts": {...}}; absent or {} is the memory engine. *store is the
 * handle, or NULL. On an error *error says why. docs/EVENTS.md lists the engines and their options.
 *
 * {"store":"file","store_opts":{"path":"ledger.runes"}} keeps the events in that directory, made if it
 * is not there. An append is on the disk when it returns; "sync" in store_opts can promise less
 * (docs/DURABILITY.md). One handle may write a store at a time, in all processes together; any number
 * may read it beside that one, with "read_only":true. What does not change any more is read as mapped
 * memory: where a disk fails that has read it well before, or a file is cut off during a call, the system
 * ends the process with SIGBUS. With "mmap":false each of these is an error.
 *
 * {"store":"postgres","store_opts":{"url":"postgresql://..."}} keeps them in a PostgreSQL database, which any
 * number of handles may write at a time (docs/POSTGRES.md).
 *
 * Errors: misuse (store is NULL), invalid_json, invalid_options, too_large, unsupported, no_space (the
 * disk is full, or too many handles are open), locked (another handle writes the store), not_found
 * ("create":false or "read_only":true, and no store is there), corrupt, io.
 * Thread: any.
 *
 * Example:
 *
 *     store_t *store;
 *     int32_t status = store_init(NULL, 0, &store, NULL, NULL);
 */
int32_t store_init(const char *config,
                   size_t config_len,
                   store_t **store,
                   char **error,
                   size_t *error_len);

/**
 * Closes a store: stops its reads at the next event, lets a commit that has begun finish, wakes all
 * that wait with closed, and returns when all of it is done and released. Its cursors end, but each
 * is still to be closed with store_cursor_close. Whatever this returns, the handle is gone; but from inside a
 * function of the engine that the store uses this is misuse, and nothing happens.
 *
 * Errors: misuse, closed, forked, and the engine's own.
 * Thread: any, also while other threads use the store.
 */
int32_t store_close(store_t *store,
                    char **error,
                    size_t *error_len);

/**
 * Stores one event (a JSON object) or several (an array of at most 100,000 objects and 64 MiB) in
 * one atomic batch: all of them get adjacent positions, or nothing is stored.
 *
 * An event needs the strings type, domain and instance_id; the last two name its stream. It may have
 * id (a UUID), version (of its schema), inserted_at (RFC 3339), tags (strings), data (any JSON) or
 * data_base64, and metadata (an object). Any other field is an error. The store adds sequence_number,
 * stream_version, and an id and inserted_at where there is none.
 *
 * opts may hold expected_version (of the batch's only stream: a number, 0 if it must not exist, or
 * "exists"), expect (the same for streams named one by one), condition (a query that no event may
 * match), tracking (a position that a reader has handled) and return ("summary").
 *
 * On success *out is the array of the stored events, or with {"return":"summary"} where they are; pass
 * NULL for out if you want neither (*out_len is 0 then). To be able to repeat an append whose outcome
 * you did not learn, give each event an id of your own: a batch that is stored already is answered,
 * not stored twice.
 *
 * Errors: misuse, closed, invalid_json, invalid_event, invalid_options, invalid_query (of a
 * condition), too_large, duplicate_id, conflict, no_space, read_only, corrupt, io, indeterminate,
 * interrupted, forked. After any of them but indeterminate, nothing was stored. After indeterminate
 * every later append on this handle is io: close it, open the store again, and append the batch again
 * with the ids that the error lists.
 * Thread: any number at once.
 *
 * Example:
 *
 *     const char *event = "{\"type\":\"Opened\",\"domain\":\"account\",\"instance_id\":\"a-1\"}";
 *     const char *opts = "{\"expected_version\":0}";
 *     char *out;
 *     size_t out_len;
 *     int32_t status = store_append(store, event, strlen(event), opts, strlen(opts), &out, &out_len);
 *     printf("%s: %s\n", store_status_name(status), out);
 *     store_free(out);
 */
int32_t store_append(store_t *store,
                     const char *events,
                     size_t events_len,
                     const char *opts,
                     size_t opts_len,
                     char **out,
                     size_t *out_len);

/**
 * The events that match a query, as a JSON array in the order of their positions.
 *
 * query is an object of conditions that must all hold, an array of such objects (any of which is
 * enough), or absent for all events. Its keys are type, domain, instance_id and id (a string, or an
 * array of which any will do), tags (an array, all of which an event carries), from and to (RFC 3339,
 * to itself excluded), after and up_to (positions), and after_version (in one stream). opts may hold limit,
 * offset, direction ("forward" or "backward"), pagination (true) and format ("array" or "ndjson").
 * The answer is of one moment: every batch that was acknowledged before the call, no part of a
 * batch, no gap. It is one buffer, however large: read what may not fit in memory with a cursor.
 *
 * Errors: misuse, closed, invalid_json, invalid_query, invalid_options, too_large, no_space (of
 * memory), corrupt, io, interrupted, forked.
 * Thread: any number at once.
 *
 * Example:
 *
 *     const char *query = "{\"domain\":\"account\",\"type\":[\"Opened\",\"Closed\"]}";
 *     const char *opts = "{\"limit\":10,\"direction\":\"backward\"}";
 *     store_get_events(store, query, strlen(query), opts, strlen(opts), &out, &out_len);
 */
int32_t store_get_events(store_t *store,
                         const char *query,
                         size_t query_len,
                         const char *opts,
                         size_t opts_len,
                         char **out,
                         size_t *out_len);

/**
 * Waits until the store's head (its last position, 0 if it is empty) is larger than after, at most
 * timeout_ms milliseconds: -1 waits for ever, 0 looks and returns. *head is the head then, also on
 * STORE_TIMEOUT.
 *
 * Errors: misuse (also for a timeout below -1), closed, io, interrupted, forked.
 * Thread: any number at once.
 */
int32_t store_wait(store_t *store,
                   uint64_t after,
                   int64_t timeout_ms,
                   uint64_t *head,
                   char **error,
                   size_t *error_len);

/**
 * The position that a reader named source has recorded with the append option tracking; *position
 * is 0 if it has recorded none. source is plain text of 1 to 1024 bytes, not JSON.
 *
 * Errors: misuse, closed, invalid_json (source is not UTF-8), invalid_options (it cannot be a name),
 * io, forked.
 * Thread: any number at once.
 */
int32_t store_tracking(store_t *store,
                       const char *source,
                       size_t source_len,
                       uint64_t *position,
                       char **error,
                       size_t *error_len);

/**
 * Ends the calls in progress on a store with interrupted, those of its cursors included; calls that
 * begin later are not touched. An append whose commit has begun still finishes.
 *
 * Errors: misuse, closed, forked.
 * Thread: any.
 */
int32_t store_interrupt(store_t *store);

/**
 * What is known about a store, as a JSON object: engine, head, events, bytes, segments, sync,
 * read_only, epoch, format and version, as far as its engine has them.
 *
 * Errors: misuse, closed, io, forked.
 * Thread: any number at once.
 */
int32_t store_info(store_t *store, char **out, size_t *out_len);

/**
 * Reads all that is stored and checks it. *out is {"ok":...,"events":...,"bytes":...,"problems":[...]}:
 * what is damaged is no error of this call, but a problem with file, offset, message, and the positions
 * concerned (first, last) where they are known. opts is reserved: pass NULL and 0.
 *
 * Errors: misuse, closed, unsupported (the memory engine keeps nothing that could be damaged), io,
 * interrupted, forked.
 * Thread: any.
 */
int32_t store_verify(store_t *store,
                     const char *opts,
                     size_t opts_len,
                     char **out,
                     size_t *out_len);

/**
 * Copies a store, which may be in use, into the new directory path, where it opens as a store of its
 * own, and reads the copy to check it. *out is {"events":...,"bytes":...,"head":...,"segments":...}. path
 * is plain text, not JSON. opts is reserved: pass NULL and 0.
 *
 * Errors: misuse, closed, invalid_json (path is not UTF-8), invalid_options (the directory is not
 * empty), unsupported (the memory engine), corrupt (the store is damaged), io, no_space, interrupted,
 * forked. After any of them there is no copy.
 * Thread: any.
 */
int32_t store_backup(store_t *store,
                     const char *path,
                     size_t path_len,
                     const char *opts,
                     size_t opts_len,
                     char **out,
                     size_t *out_len);

/**
 * Copies a store into another one, whatever the engines of the two: events with their positions, ids and
 * times, and the positions of tracking sources. What target has already must be the beginning of source: so a
 * copy that ended early is gone on with by copying again. At the end all that source had when the call began is
 * read in both and compared. *out is {"copied":...,"events":...,"head":...}. Both stores may be in use, but
 * nobody else may append to target. Batches need not begin and end where they did. opts is reserved: pass NULL
 * and 0.
 *
 * Errors: misuse (also where both are one store), closed, conflict (target is not the beginning of source, or
 * somebody else appends to it: reason copy or condition, sequence_number), read_only, interrupted (of either
 * store), forked, and what either engine has to say. What was appended before stays.
 * Thread: any.
 */
int32_t store_copy(store_t *source,
                   store_t *target,
                   const char *opts,
                   size_t opts_len,
                   char **out,
                   size_t *out_len);

/**
 * Opens a cursor over the events that match a query, to read them piece by piece in bounded memory.
 *
 * query is as for store_get_events. opts may hold limit, offset, direction, format, max_bytes (of
 * one answer, default 1 MiB) and follow. Without follow the cursor gives the events of this moment
 * and is done. With {"follow":true} it goes on with new events as they are committed: catch-up and
 * live are one ordered sequence, nothing skipped and nothing twice, however slow the reader; it is
 * done after limit events, or when it has passed the query's up_to.
 *
 * Errors: misuse, closed, invalid_json, invalid_query, invalid_options, too_large, no_space (too many
 * handles are open), io, forked.
 * Thread: any.
 */
int32_t store_cursor_open(store_t *store,
                          const char *query,
                          size_t query_len,
                          const char *opts,
                          size_t opts_len,
                          store_cursor_t **cursor,
                          char **error,
                          size_t *error_len);

/**
 * The cursor's next events: at most max_events (0: by bytes alone), at most max_bytes of the
 * cursor's options, but always one. A follower that has no event to give waits for one, at most
 * timeout_ms milliseconds: -1 waits for ever, 0 looks and returns.
 *
 * Returns STORE_OK with a buffer, STORE_TIMEOUT or STORE_DONE without. *position says that
 * everything up to it was returned or does not match: the number to keep as a checkpoint, and to
 * begin behind another time with {"after":N} in the query. (A backward cursor reaches the beginning
 * last; it says 0, or the query's after, until it is done.)
 *
 * After an error the cursor stands where it stood: nothing is skipped.
 *
 * Errors: misuse (also for another store_cursor_next in progress on this cursor, and for a timeout
 * below -1), closed, no_space (of memory), corrupt, io, interrupted, forked.
 * Thread: any, one at a time for each cursor.
 *
 * Example:
 *
 *     while (store_cursor_next(cursor, 0, -1, &position, &out, &out_len) == STORE_OK) {
 *         handle(out, out_len);
 *         store_free(out);
 *     }
 */
int32_t store_cursor_next(store_cursor_t *cursor,
                          size_t max_events,
                          int64_t timeout_ms,
                          uint64_t *position,
                          char **out,
                          size_t *out_len);

/**
 * Ends the store_cursor_next in progress with interrupted, and all later ones. The cursor is still
 * to be closed.
 *
 * Errors: misuse, closed, forked.
 * Thread: any.
 */
int32_t store_cursor_cancel(store_cursor_t *cursor);

/**
 * Closes a cursor; a store_cursor_next in progress ends with closed. Whatever this returns, the
 * handle is gone.
 *
 * Errors: misuse, closed (also where the store was closed before; the cursor is released), forked.
 * Thread: any.
 */
int32_t store_cursor_close(store_cursor_t *cursor);

/**
 * Gives an engine of your own a name, by which {"store": NAME, "store_opts": {...}} opens it in this
 * process. The table is copied; context stays yours, but must stay until destroy is called.
 *
 * Errors: misuse (engine or name is NULL, the table is of another version or lacks a function, the name is taken,
 * empty, longer than 1024 bytes or holds U+0000), invalid_json (the name is not UTF-8), unsupported.
 * Thread: any.
 */
int32_t store_register_engine(const char *name,
                              size_t name_len,
                              const store_engine_t *engine,
                              char **error,
                              size_t *error_len);

/**
 * Takes a name back. Stores that are open stay so; destroy is called when the last of them is closed,
 * which may be during this call.
 *
 * Errors: misuse, invalid_json (the name is not UTF-8), not_found (no engine of that name is registered).
 * Thread: any.
 */
int32_t store_unregister_engine(const char *name,
                                size_t name_len,
                                char **error,
                                size_t *error_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RUNESTORE_H */
