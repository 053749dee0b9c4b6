/*
 * The C functions of runestore.h as functions of Runestore.Native: texts are binaries, `nil` is an absent one.
 *
 * An answer is {ok, ...}, ok, timeout, done, or {error, Status, Text}. Nothing is parsed here: what the texts mean is
 * Elixir's part. Wrong types are badarg.
 *
 * No lock is needed. A handle is a number and not an address, so that a call beside a close, or behind it, is an error
 * of the library (closed) and never a use of freed memory. A resource holds the number; while a call is inside, the
 * caller's term keeps the resource alive.
 */
#include <erl_nif.h>
#include <runestore.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    store_t *handle;
} store_resource;

/* A cursor keeps its store: who reads a stream to its end need not refer to the store beside it. */
typedef struct {
    store_cursor_t *handle;
    store_resource *store;
} cursor_resource;

static ErlNifResourceType *store_type;
static ErlNifResourceType *cursor_type;

static ERL_NIF_TERM atom_ok, atom_nil, atom_error, atom_timeout, atom_done, atom_close;

/* The process Runestore.Closer, once it has told. */
static ErlNifMutex *closer_mutex;
static ErlNifPid closer;
static int closer_told;

/* What nobody closed is closed when nothing refers to it. That may sync a disk, and here is the scheduler of whoever
   collects garbage: so the number is sent to a process that closes it on a dirty scheduler. Where there is none (the
   application is stopped) it is closed here. A second close of the same handle is an error and no harm. */
static void close_store(ErlNifEnv *env, void *object)
{
    store_t *handle = ((store_resource *)object)->handle;
    ErlNifPid pid;
    int sent = 0;
    enif_mutex_lock(closer_mutex);
    int told = closer_told;
    pid = closer;
    enif_mutex_unlock(closer_mutex);
    if (told) {
        ErlNifEnv *message = enif_alloc_env();
        ERL_NIF_TERM number = enif_make_uint64(message, (ErlNifUInt64)(uintptr_t)handle);
        sent = enif_send(env, &pid, message, enif_make_tuple2(message, atom_close, number));
        enif_free_env(message);
    }
    if (!sent)
        store_close(handle, NULL, NULL);
}

static void close_cursor(ErlNifEnv *env, void *object)
{
    cursor_resource *cursor = object;
    (void)env;
    store_cursor_close(cursor->handle);
    enif_release_resource(cursor->store);
}

/* ---- terms in ---- */

typedef struct {
    const char *start; /* NULL: absent */
    size_t length;
} text;

static int get_text(ErlNifEnv *env, ERL_NIF_TERM term, text *found)
{
    ErlNifBinary binary;
    if (enif_is_identical(term, atom_nil)) {
        found->start = NULL;
        found->length = 0;
        return 1;
    }
    if (!enif_inspect_binary(env, term, &binary))
        return 0;
    /* An empty text is not an absent one, whatever the VM gives as the address of no bytes. */
    found->start = binary.size ? (const char *)binary.data : "";
    found->length = binary.size;
    return 1;
}

static int get_store(ErlNifEnv *env, ERL_NIF_TERM term, store_t **handle)
{
    void *object;
    if (!enif_get_resource(env, term, store_type, &object))
        return 0;
    *handle = ((store_resource *)object)->handle;
    return 1;
}

static int get_cursor(ErlNifEnv *env, ERL_NIF_TERM term, store_cursor_t **handle)
{
    void *object;
    if (!enif_get_resource(env, term, cursor_type, &object))
        return 0;
    *handle = ((cursor_resource *)object)->handle;
    return 1;
}

/* ---- terms out ---- */

/* The text is copied, so that the VM counts it, and the library's buffer is freed at once. */
static ERL_NIF_TERM take(ErlNifEnv *env, char *buffer, size_t length)
{
    ERL_NIF_TERM term;
    unsigned char *bytes = enif_make_new_binary(env, length, &term);
    if (length)
        memcpy(bytes, buffer, length);
    store_free(buffer);
    return term;
}

static ERL_NIF_TERM failure(ErlNifEnv *env, int32_t status, char *buffer, size_t length)
{
    return enif_make_tuple3(env, atom_error, enif_make_int(env, status), take(env, buffer, length));
}

static ERL_NIF_TERM answer(ErlNifEnv *env, int32_t status, char *buffer, size_t length)
{
    if (status != STORE_OK)
        return failure(env, status, buffer, length);
    return enif_make_tuple2(env, atom_ok, take(env, buffer, length));
}

static ERL_NIF_TERM done(ErlNifEnv *env, int32_t status)
{
    return status == STORE_OK ? atom_ok : failure(env, status, NULL, 0);
}

/* ---- stores ---- */

static ERL_NIF_TERM nif_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    text config;
    store_t *handle;
    char *error;
    size_t error_len;
    (void)argc;
    if (!get_text(env, argv[0], &config))
        return enif_make_badarg(env);
    int32_t status = store_init(config.start, config.length, &handle, &error, &error_len);
    if (status != STORE_OK)
        return failure(env, status, error, error_len);
    store_resource *object = enif_alloc_resource(store_type, sizeof *object);
    object->handle = handle;
    ERL_NIF_TERM term = enif_make_resource(env, object);
    enif_release_resource(object);
    return enif_make_tuple2(env, atom_ok, term);
}

static ERL_NIF_TERM nif_close(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    char *error;
    size_t error_len;
    (void)argc;
    if (!get_store(env, argv[0], &store))
        return enif_make_badarg(env);
    int32_t status = store_close(store, &error, &error_len);
    return status == STORE_OK ? atom_ok : failure(env, status, error, error_len);
}

static ERL_NIF_TERM nif_append(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    text events, opts;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &store) || !get_text(env, argv[1], &events) || !get_text(env, argv[2], &opts))
        return enif_make_badarg(env);
    int32_t status = store_append(store, events.start, events.length, opts.start, opts.length, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_get_events(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    text query, opts;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &store) || !get_text(env, argv[1], &query) || !get_text(env, argv[2], &opts))
        return enif_make_badarg(env);
    int32_t status = store_get_events(store, query.start, query.length, opts.start, opts.length, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_wait(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    ErlNifUInt64 after;
    ErlNifSInt64 timeout_ms;
    uint64_t head;
    char *error;
    size_t error_len;
    (void)argc;
    if (!get_store(env, argv[0], &store) || !enif_get_uint64(env, argv[1], &after) ||
        !enif_get_int64(env, argv[2], &timeout_ms))
        return enif_make_badarg(env);
    int32_t status = store_wait(store, after, timeout_ms, &head, &error, &error_len);
    if (status == STORE_OK)
        return enif_make_tuple2(env, atom_ok, enif_make_uint64(env, head));
    if (status == STORE_TIMEOUT)
        return enif_make_tuple2(env, atom_timeout, enif_make_uint64(env, head));
    return failure(env, status, error, error_len);
}

static ERL_NIF_TERM nif_tracking(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    text source;
    uint64_t position;
    char *error;
    size_t error_len;
    (void)argc;
    if (!get_store(env, argv[0], &store) || !get_text(env, argv[1], &source))
        return enif_make_badarg(env);
    int32_t status = store_tracking(store, source.start, source.length, &position, &error, &error_len);
    if (status != STORE_OK)
        return failure(env, status, error, error_len);
    return enif_make_tuple2(env, atom_ok, enif_make_uint64(env, position));
}

static ERL_NIF_TERM nif_info(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &store))
        return enif_make_badarg(env);
    int32_t status = store_info(store, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_verify(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &store))
        return enif_make_badarg(env);
    int32_t status = store_verify(store, NULL, 0, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_backup(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    text path;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &store) || !get_text(env, argv[1], &path))
        return enif_make_badarg(env);
    int32_t status = store_backup(store, path.start, path.length, NULL, 0, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_copy(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *source, *target;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_store(env, argv[0], &source) || !get_store(env, argv[1], &target))
        return enif_make_badarg(env);
    int32_t status = store_copy(source, target, NULL, 0, &out, &out_len);
    return answer(env, status, out, out_len);
}

static ERL_NIF_TERM nif_interrupt(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_t *store;
    (void)argc;
    if (!get_store(env, argv[0], &store))
        return enif_make_badarg(env);
    return done(env, store_interrupt(store));
}

/* The caller is the process that closes what was forgotten. */
static ERL_NIF_TERM nif_closer(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    (void)argc;
    (void)argv;
    enif_mutex_lock(closer_mutex);
    closer_told = enif_self(env, &closer) != NULL;
    enif_mutex_unlock(closer_mutex);
    return atom_ok;
}

/* By a number that close_store sent. Any other is an error of the library: numbers are no addresses. */
static ERL_NIF_TERM nif_close_forgotten(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    ErlNifUInt64 number;
    (void)argc;
    if (!enif_get_uint64(env, argv[0], &number))
        return enif_make_badarg(env);
    return done(env, store_close((store_t *)(uintptr_t)number, NULL, NULL));
}

/* ---- cursors ---- */

static ERL_NIF_TERM nif_cursor_open(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    void *store;
    text query, opts;
    store_cursor_t *handle;
    char *error;
    size_t error_len;
    (void)argc;
    if (!enif_get_resource(env, argv[0], store_type, &store) || !get_text(env, argv[1], &query) || !get_text(env, argv[2], &opts))
        return enif_make_badarg(env);
    int32_t status = store_cursor_open(((store_resource *)store)->handle, query.start, query.length, opts.start,
                                       opts.length, &handle, &error, &error_len);
    if (status != STORE_OK)
        return failure(env, status, error, error_len);
    cursor_resource *object = enif_alloc_resource(cursor_type, sizeof *object);
    object->handle = handle;
    object->store = store;
    enif_keep_resource(store);
    ERL_NIF_TERM term = enif_make_resource(env, object);
    enif_release_resource(object);
    return enif_make_tuple2(env, atom_ok, term);
}

static ERL_NIF_TERM nif_cursor_next(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_cursor_t *cursor;
    ErlNifUInt64 max_events;
    ErlNifSInt64 timeout_ms;
    uint64_t position;
    char *out;
    size_t out_len;
    (void)argc;
    if (!get_cursor(env, argv[0], &cursor) || !enif_get_uint64(env, argv[1], &max_events) ||
        !enif_get_int64(env, argv[2], &timeout_ms))
        return enif_make_badarg(env);
    int32_t status = store_cursor_next(cursor, (size_t)max_events, timeout_ms, &position, &out, &out_len);
    if (status == STORE_OK)
        return enif_make_tuple3(env, atom_ok, take(env, out, out_len), enif_make_uint64(env, position));
    if (status == STORE_TIMEOUT)
        return enif_make_tuple2(env, atom_timeout, enif_make_uint64(env, position));
    if (status == STORE_DONE)
        return enif_make_tuple2(env, atom_done, enif_make_uint64(env, position));
    return failure(env, status, out, out_len);
}

static ERL_NIF_TERM nif_cursor_cancel(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_cursor_t *cursor;
    (void)argc;
    if (!get_cursor(env, argv[0], &cursor))
        return enif_make_badarg(env);
    return done(env, store_cursor_cancel(cursor));
}

static ERL_NIF_TERM nif_cursor_close(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    store_cursor_t *cursor;
    (void)argc;
    if (!get_cursor(env, argv[0], &cursor))
        return enif_make_badarg(env);
    return done(env, store_cursor_close(cursor));
}

/* ---- the library ---- */

static ERL_NIF_TERM nif_status_name(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    int status;
    (void)argc;
    if (!enif_get_int(env, argv[0], &status))
        return enif_make_badarg(env);
    const char *name = store_status_name(status);
    ERL_NIF_TERM term;
    size_t length = strlen(name);
    memcpy(enif_make_new_binary(env, length, &term), name, length);
    return term;
}

static ERL_NIF_TERM nif_version(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[])
{
    const char *version = store_version();
    ERL_NIF_TERM term;
    size_t length = strlen(version);
    (void)argc;
    (void)argv;
    memcpy(enif_make_new_binary(env, length, &term), version, length);
    return term;
}

static int prepare(ErlNifEnv *env)
{
    /* A library of another major version, or of an earlier minor one, has not all that was compiled against. */
    uint32_t found = store_abi_version();
    if (found >> 16 != STORE_ABI_VERSION >> 16 || found < STORE_ABI_VERSION)
        return 1;
    ErlNifResourceFlags flags = (ErlNifResourceFlags)(ERL_NIF_RT_CREATE | ERL_NIF_RT_TAKEOVER);
    store_type = enif_open_resource_type(env, NULL, "runestore_store", close_store, flags, NULL);
    cursor_type = enif_open_resource_type(env, NULL, "runestore_cursor", close_cursor, flags, NULL);
    if (!store_type || !cursor_type)
        return 1;
    atom_ok = enif_make_atom(env, "ok");
    atom_nil = enif_make_atom(env, "nil");
    atom_error = enif_make_atom(env, "error");
    atom_timeout = enif_make_atom(env, "timeout");
    atom_done = enif_make_atom(env, "done");
    atom_close = enif_make_atom(env, "close");
    if (!closer_mutex)
        closer_mutex = enif_mutex_create("runestore_closer");
    if (!closer_mutex)
        return 1;
    return 0;
}

static int load(ErlNifEnv *env, void **priv_data, ERL_NIF_TERM info)
{
    (void)priv_data;
    (void)info;
    return prepare(env);
}

static int upgrade(ErlNifEnv *env, void **priv_data, void **old_priv_data, ERL_NIF_TERM info)
{
    (void)priv_data;
    (void)old_priv_data;
    (void)info;
    return prepare(env);
}

/* What reads, writes or waits runs on the dirty IO schedulers. What ends such calls must not stand in a queue behind
   them, and is short: it runs where it is called. */
static ErlNifFunc functions[] = {
    {"open", 1, nif_open, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"close", 1, nif_close, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"append", 3, nif_append, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"get_events", 3, nif_get_events, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"wait", 3, nif_wait, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"tracking", 2, nif_tracking, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"info", 1, nif_info, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"verify", 1, nif_verify, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"backup", 2, nif_backup, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"copy", 2, nif_copy, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"interrupt", 1, nif_interrupt, 0},
    {"closer", 0, nif_closer, 0},
    {"close_forgotten", 1, nif_close_forgotten, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"cursor_open", 3, nif_cursor_open, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"cursor_next", 3, nif_cursor_next, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"cursor_cancel", 1, nif_cursor_cancel, 0},
    {"cursor_close", 1, nif_cursor_close, ERL_NIF_DIRTY_JOB_IO_BOUND},
    {"status_name", 1, nif_status_name, 0},
    {"version", 0, nif_version, 0},
};

ERL_NIF_INIT(Elixir.Runestore.Native, functions, load, NULL, upgrade, NULL)
