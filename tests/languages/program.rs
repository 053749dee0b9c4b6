use runestore::{Next, Store};

fn main() -> runestore::Result<()> {
    let store = Store::open(r#"{"store":"file","store_opts":{"path":"ledger.runes"}}"#)?;
    let events = r#"[{"type":"Opened","domain":"account","instance_id":"a-1"},
                     {"type":"Deposited","domain":"account","instance_id":"a-1","data":{"cents":5000}}]"#;
    store.append_json(events, Some(r#"{"expected_version":0}"#))?;
    let cursor = store.cursor(Some(r#"{"domain":"account","instance_id":"a-1"}"#), None)?;
    let mut read = Vec::new();
    while let Next::Events { position } = cursor.next(1, None, &mut read)? {
        println!("event {position}");
    }
    if let Err(refused) = store.append_json(events, Some(r#"{"expected_version":0}"#)) {
        println!("{}", refused.kind().code());
    }
    store.close()
}
