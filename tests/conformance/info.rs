//! `info`, `verify`, `backup`, and the configuration.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::json;

scenarios![
    info_tells_engine_head_events_bytes_and_version,
    what_an_engine_cannot_do_is_unsupported_and_harmless,
    stores_share_nothing,
    wrong_configurations_are_refused_by_name,
];

fn info_tells_engine_head_events_bytes_and_version(factory: &Factory) {
    let store = factory.fresh();
    let mut bytes_before = 0;
    for round in 0..4_u64 {
        let info = store.info().unwrap();
        assert_eq!(info["engine"], json!(factory.name));
        assert_eq!(info["version"], json!(env!("CARGO_PKG_VERSION")));
        assert_eq!((&info["head"], &info["events"]), (&json!(round * 3), &json!(round * 3)));
        assert_eq!(info["read_only"], json!(false));
        let text = read_text(&store, "null", r#"{"format":"ndjson"}"#).len() as u64;
        if let Some(bytes) = info.get("bytes").and_then(|bytes| bytes.as_u64()) {
            assert!(bytes >= text && (round == 0 || bytes > bytes_before), "{bytes} bytes for {text} of text");
            bytes_before = bytes;
        } else {
            assert!(info.contains_key("unsupported"), "only a user's own engine need not count its bytes");
        }
        append(&store, events(3));
    }
}

fn what_an_engine_cannot_do_is_unsupported_and_harmless(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(1));
    let before = Snapshot::of(&store, &[]);
    if let Err(error) = store.verify() {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("verify"), "{error}");
    }
    if factory.name == "memory" {
        let error = fails(ErrorKind::Unsupported, store.backup("somewhere"));
        assert!(error.message().contains("backup"), "{error}");
    }
    assert_eq!(Snapshot::of(&store, &[]), before);
    // What a user's own engine cannot do, `info` names, and no more is left out of this suite.
    let info = store.info().unwrap();
    assert_eq!(info.get("unsupported").unwrap_or(&json!([])), &json!(factory.lacks));
}

fn stores_share_nothing(factory: &Factory) {
    let (one, other) = (factory.fresh(), factory.fresh());
    let tracking = json!({"tracking": {"source": "s", "position": 5}});
    append_with(&one, event_with_id(1, "t", "d", "i"), &tracking);
    assert_eq!((other.head().unwrap(), other.tracking("s").unwrap()), (0, 0));
    // Not a retry, not a duplicate, not a conflict.
    let mut options = tracking.clone();
    options["expected_version"] = json!(0);
    assert_eq!(positions(&append_with(&other, event_with_id(1, "u", "d", "i"), &options)), [1]);
}

fn wrong_configurations_are_refused_by_name(_: &Factory) {
    for (config, kind, named) in [
        (r#"{"stroe":"memory"}"#, ErrorKind::InvalidOptions, "did you mean `store`"),
        (r#"{"store":"memroy"}"#, ErrorKind::InvalidOptions, "did you mean `memory`"),
        (r#"{"store":"blackboard"}"#, ErrorKind::InvalidOptions, "`blackboard`"),
        (r#"{"store":5}"#, ErrorKind::InvalidOptions, "`store`"),
        (r#"{"store":"memory","store":"memory"}"#, ErrorKind::InvalidOptions, "twice"),
        (r#"{"store":"memory","store_opts":{"path":"x"}}"#, ErrorKind::InvalidOptions, "`path`"),
        (r#"{"store":"memory","store_opts":[]}"#, ErrorKind::InvalidOptions, "`store_opts`"),
        (r#"[]"#, ErrorKind::InvalidOptions, "object"),
        (r#"{"store":"#, ErrorKind::InvalidJson, "config"),
        ("", ErrorKind::InvalidJson, "config"),
    ] {
        let error = fails(kind, Store::open(config));
        assert!(error.message().contains(named), "{config}: {error}");
    }
    for config in ["{}", "null", r#"{"store":"memory"}"#, r#"{"store":null,"store_opts":null}"#, r#"{"store_opts":{}}"#]
    {
        let store = Store::open(config).unwrap();
        assert_eq!((store.head().unwrap(), &store.info().unwrap()["engine"]), (0, &json!("memory")));
    }
}
