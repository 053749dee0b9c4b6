//! What names, times, payloads and mistakes are taken from.

/// Types, domains, instance ids, tags and sources. The first are the frequent ones.
pub const NAMES: [&str; 12] = [
    "a",
    "b",
    "c",
    "quote\"d",
    "back\\slash/",
    "\t\u{1}\u{1f}\r\n",
    "héß",
    "日本",
    "😀\u{10ffff}",
    " a ",
    "A",
    "\u{7f}\u{2028}",
];

/// In ascending order; some are neighbours.
pub const TIMES: [&str; 6] = [
    "0000-01-01T00:00:00.000000Z",
    "1969-12-31T23:59:59.999999Z",
    "2020-02-29T12:00:00.000000Z",
    "2020-02-29T12:00:00.000001Z",
    "2026-11-23T03:50:00.123456Z",
    "9999-12-31T23:59:59.999999Z",
];

/// The first is what an event has that is given none.
pub const PAYLOADS: [&str; 9] = [
    r#""data":{}"#,
    r#""data":null"#,
    r#""data":{"b":1,"a":2,"a":{"":[]}}"#,
    r#""data":[1,-0,0.10,1E5,1234567890123456789012345678901234567890]"#,
    r#""data":"\u0041\ud83d\ude00\/ \n  x, [ü]""#,
    r#""data":false"#,
    r#""data_base64":"""#,
    r#""data_base64":"AAECAw==""#,
    r#""data_base64":"+/+/""#,
];

pub const METADATA: [&str; 3] = ["{}", r#"{"k":1.0,"k":2}"#, r#"{"\u0075ser":"ü } \"","deep":{"domain":7}}"#];

/// A member that makes an event wrong, whatever else it has, and the field that is named.
pub const EVENT_FAULTS: [(&str, &str); 14] = [
    (r#""typ":"a""#, "typ"),
    (r#""TYPE":null"#, "TYPE"),
    (r#""sequence_number":1"#, "sequence_number"),
    (r#""stream_version":0"#, "stream_version"),
    (r#""type":"a""#, "type"),
    (r#""type":null"#, "type"),
    (r#""id":"0192f3a45b6c7d8e9f00112233445566""#, "id"),
    (r#""inserted_at":"2016-12-31T23:59:60Z""#, "inserted_at"),
    (r#""version":0"#, "version"),
    (r#""version":1.0"#, "version"),
    (r#""tags":["a","b","a"]"#, "tags"),
    (r#""tags":"a""#, "tags"),
    (r#""metadata":[]"#, "metadata"),
    (r#""domain":"\u0000""#, "domain"),
];

/// The same for the options of an append.
pub const APPEND_OPTION_FAULTS: [(&str, &str); 6] = [
    (r#""expected_versions":1"#, "expected_versions"),
    (r#""return":"all""#, "return"),
    (r#""expected_version":-1"#, "expected_version"),
    (r#""expect":{}"#, "expect"),
    (r#""condition":{"after":1}"#, "condition"),
    (r#""limit":1"#, "limit"),
];

/// The same for queries.
pub const QUERY_FAULTS: [(&str, &str); 8] = [
    (r#""typ":"a""#, "typ"),
    (r#""type":null"#, "type"),
    (r#""type":1"#, "type"),
    (r#""id":[null]"#, "id"),
    (r#""tags":"a""#, "tags"),
    (r#""from":"yesterday""#, "from"),
    (r#""after":-1"#, "after"),
    (r#""up_to":1e3"#, "up_to"),
];

/// The same for reads and cursors.
pub const READ_OPTION_FAULTS: [(&str, &str); 5] = [
    (r#""limits":1"#, "limits"),
    (r#""limit":-1"#, "limit"),
    (r#""direction":"up""#, "direction"),
    (r#""format":"csv""#, "format"),
    (r#""pagination":1"#, "pagination"),
];

/// An event's id.
pub fn uuid(number: u64) -> String {
    format!("{:08x}-abcd-4ef0-8000-{:012x}", number >> 32, number & 0xffff_ffff)
}

/// A JSON string, with the mandatory escapes only.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is JSON")
}
