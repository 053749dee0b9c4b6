//! Who may open a store, what is made for whom, and what an error never tells.

mod support;

use runestore::ErrorKind;
use runestore_postgres_tests::{Server, shared};
use serde_json::json;
use support::{all, append, detail, event, open, refused, schema};

#[test]
fn an_ordinary_role_that_owns_a_schema_is_enough() {
    let (server, schema) = (shared(), schema());
    let role = format!("owner_{schema}");
    // It may not make schemas in the database.
    server.sql(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA {schema} AUTHORIZATION {role}"));
    let store = open(&server.url_of(&role), &schema, json!({})).unwrap();
    append(&store, &event("a"), json!({"expected_version": 0, "tracking": {"source": "s", "position": 1}})).unwrap();
    append(&store, &event("a"), json!({"condition": {"fail_if_events_match": {"type": "Other"}}})).unwrap();
    assert_eq!((all(&store).len(), store.wait(1, None).unwrap()), (2, 2));
}

#[test]
fn a_role_that_may_not_make_the_store_is_told_what_it_lacks() {
    let (server, schema) = (shared(), schema());
    let role = format!("nobody_{schema}");
    server.sql(&format!("CREATE ROLE {role} LOGIN"));
    let error = refused(open(&server.url_of(&role), &schema, json!({})), ErrorKind::Io);
    assert_eq!(detail(&error, "sqlstate"), "42501");
    assert!(error.message().contains("let the role own the schema"), "{error}");
}

#[test]
fn a_role_that_may_only_read_reads() {
    let (server, schema) = (shared(), schema());
    let store = open(&server.url(), &schema, json!({})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    let role = format!("reader_{schema}");
    server.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    ));
    let reader = open(&server.url_of(&role), &schema, json!({"read_only": true})).unwrap();
    assert_eq!(all(&reader), all(&store));
    assert_eq!(reader.info().unwrap()["read_only"], true);
    refused(append(&reader, &event("a"), json!({})), ErrorKind::ReadOnly);
    // It follows what the writer appends.
    let cursor = reader.cursor(None, Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
    let mut out = Vec::new();
    cursor.next(0, None, &mut out).unwrap();
    append(&store, &event("b"), json!({})).unwrap();
    out.clear();
    cursor.next(0, None, &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains(r#""instance_id":"b""#));
    // Without the option it is as if the store took appends, until one comes.
    let writer = open(&server.url_of(&role), &schema, json!({})).unwrap();
    let error = refused(append(&writer, &event("a"), json!({})), ErrorKind::Io);
    assert_eq!(detail(&error, "sqlstate"), "42501");
}

#[test]
fn a_store_is_made_once_however_many_open_it_at_first() {
    let (server, schema) = (shared(), schema());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let schema = &schema;
                scope.spawn(move || {
                    let store = open(&server.url(), schema, json!({})).unwrap();
                    append(&store, &event(&format!("i{thread}")), json!({"expected_version": 0})).unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let store = open(&server.url(), &schema, json!({"create": false})).unwrap();
    assert_eq!(all(&store).len(), 8);
}

#[test]
fn where_there_is_no_store_none_is_made_unless_it_is_asked_for() {
    for options in [json!({"create": false}), json!({"read_only": true})] {
        let schema = schema();
        let error = refused(open(&shared().url(), &schema, options), ErrorKind::NotFound);
        assert_eq!(detail(&error, "schema"), schema.as_str());
        assert_eq!(shared().sql(&format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'")), "0");
    }
}

#[test]
fn any_name_is_a_schema_of_its_own() {
    let names = ["Upper and \"quoted\"", "select", "señor", "a.b", "'; DROP SCHEMA public; --", "%s\\n"];
    let stores = names.map(|name| open(&shared().url(), name, json!({})).unwrap());
    for (at, store) in stores.iter().enumerate() {
        for _ in 0..=at {
            append(store, &event("a"), json!({"condition": {"fail_if_events_match": {"type": "Other"}}})).unwrap();
        }
    }
    for (at, store) in stores.iter().enumerate() {
        assert_eq!(store.wait(0, None).unwrap(), at as u64 + 1);
        assert_eq!(all(store).len(), at + 1);
    }
    for name in ["", "a@b", "a$b", &"x".repeat(64), "a\0b"] {
        let error = refused(open(&shared().url(), name, json!({})), ErrorKind::InvalidOptions);
        assert_eq!(detail(&error, "option"), "schema");
    }
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let (server, schema) = (shared(), schema());
    open(&server.url(), &schema, json!({})).unwrap();
    server.sql(&format!("UPDATE {schema}.meta SET version = 99"));
    let error = refused(open(&server.url(), &schema, json!({})), ErrorKind::Unsupported);
    assert_eq!(detail(&error, "format"), 99);
    assert!(error.message().contains("newer"), "{error}");
}

#[test]
fn a_store_that_is_dropped_while_it_is_open_is_missed() {
    let (server, schema) = (shared(), schema());
    let store = open(&server.url(), &schema, json!({})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    server.sql(&format!("DROP SCHEMA {schema} CASCADE"));
    refused(store.get_events_json(None, None), ErrorKind::NotFound);
    refused(append(&store, &event("a"), json!({})), ErrorKind::NotFound);
    refused(store.head(), ErrorKind::NotFound);
}

#[test]
fn no_error_tells_a_password_or_a_payload() {
    let server = Server::start(&[]);
    server.sql("CREATE ROLE ada LOGIN PASSWORD 'right-secret'");
    server.authenticate("host all ada all scram-sha-256");
    let place = format!("localhost:{}/postgres", server.port);
    let urls = [
        format!("postgresql://ada:wrong-secret@{place}?sslmode=disable"),
        format!("postgresql://ada:wrong-secret@{place}?sslmode=sometimes"),
        format!("postgresql://ada:wrong-secret@{place}?target_session_attrs=wrong-secret"),
        format!("postgresql://ada:wrong-secret@{place}?no_such_option=wrong-secret"),
        String::from("postgresql://ada:wrong-secret@localhost:99999/x"),
        String::from("postgresql://ada:wrong-secret@localhost:1/x"),
        String::from("postgresql://ada:wrong-secret@/x?host="),
        String::from("postgresql://ada:wrong%ZZsecret@localhost/x"),
        format!("postgresql://ada:wrong-secret@{place}?sslkey=wrong-secret"),
    ];
    for url in urls {
        let error = open(&url, "s", json!({"connect_timeout_ms": 2_000})).expect_err("no such login");
        let told = format!("{error} {error:?} {}", error.to_json());
        assert!(!told.contains("secret"), "{url}: {told}");
    }
    let store = open(&format!("postgresql://ada:right-secret@{place}"), "s", json!({}));
    // It may not make a schema: but it got in.
    assert_eq!(detail(&refused(store, ErrorKind::Io), "sqlstate"), "42501");
    server.sql("CREATE SCHEMA s AUTHORIZATION ada");
    let store = open(&format!("postgresql://ada:right-secret@{place}"), "s", json!({})).unwrap();
    server.sql("ALTER TABLE s.events ADD CHECK (type <> 'T')");
    let error = append(&store, &event("a"), json!({})).expect_err("the table does not take it");
    let told = format!("{error} {error:?} {}", error.to_json());
    assert!(!told.contains("payload-words") && !told.contains("secret"), "{told}");
}

#[test]
fn names_that_look_like_the_text_around_them_come_back_as_they_were() {
    let store = open(&shared().url(), &schema(), json!({})).unwrap();
    let odd = [
        r#"a,"version":1,"#,
        r#"","stream_version":7,"version":"#,
        "{\"sequence_number\":1,\"id\":\"",
        "\\",
        "é\u{1}\n",
    ];
    for (at, name) in odd.iter().enumerate() {
        let event = json!({"type": name, "domain": name, "instance_id": name, "tags": [name], "data": {(*name): name}});
        append(&store, &event.to_string(), json!({"expected_version": 0})).unwrap();
        let stored = &all(&store)[at];
        for field in ["type", "domain", "instance_id"] {
            assert_eq!(stored[field], *name);
        }
        assert_eq!(stored["data"], event["data"]);
        assert_eq!((&stored["stream_version"], &stored["version"]), (&json!(1), &json!(1)));
        let query = json!({"type": name, "domain": name, "instance_id": name, "tags": [name]}).to_string();
        let found = store.get_events_json(Some(&query), None).unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&found).unwrap(), json!([stored]));
    }
}

#[test]
fn appends_use_indexes_even_if_the_store_was_small_when_they_began() {
    let (server, schema) = (shared(), schema());
    append(&open(&server.url(), &schema, json!({})).unwrap(), &event("a"), json!({})).unwrap();
    // From now on the planner knows that a scan of all events is the cheapest.
    server.sql(&format!("VACUUM ANALYZE {schema}.events"));
    let scans = || {
        server.sql(&format!(
            "SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = '{schema}' AND relname = 'events'"
        ))
    };
    let before = scans();
    let store = open(&server.url(), &schema, json!({})).unwrap();
    let batch = format!("[{},{}]", event("a"), event("b"));
    for _ in 0..20 {
        append(&store, &event("a"), json!({})).unwrap();
        append(
            &store,
            &batch,
            json!({"expected_version": "any", "condition": {"fail_if_events_match": {"type": "Other"}}}),
        )
        .unwrap();
    }
    drop(store);
    // The server counts what a session did when it has ended.
    let counted =
        format!("SELECT n_tup_ins FROM pg_stat_user_tables WHERE schemaname = '{schema}' AND relname = 'events'");
    let ended = (0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        server.sql(&counted).trim() == "61"
    });
    assert!(ended);
    assert_eq!(scans(), before);
}
