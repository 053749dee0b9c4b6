//! The library's own JSON walker against `serde_json`, through the public API: what is appended as
//! `data` or inside `metadata` is accepted by both or refused by both, and comes back byte for byte.
//!
//! The two differ on purpose in one thing only, the depth of 128 levels, which is checked apart.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use runestore::{ErrorKind, Store};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// How deep `data` and `metadata` may nest, each counted from itself.
const LEVELS_MAX: usize = 128;

/// What `serde_json` makes of a text, however deep it is.
fn reference(text: &[u8]) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let mut values = deserializer.into_iter::<Value>();
    let value = values.next()?.ok()?;
    values.next().is_none().then_some(value)
}

/// A sound text without the white space between its tokens, and how deep it nests.
fn compact(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut kept, mut depth, mut deepest) = (Vec::new(), 0, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        kept.push(byte);
    }
    (kept, deepest)
}

/// Where a text is put to be read.
struct Place {
    before: &'static str,
    after: &'static str,
    /// The levels around the text that count with it.
    levels: usize,
    /// What stands around it when it comes back.
    stored_before: &'static str,
    stored_after: &'static str,
}

const PLACES: [Place; 2] = [
    Place {
        before: r#"{"type":"t","domain":"d","instance_id":"i","data":"#,
        after: "}",
        levels: 0,
        stored_before: r#","tags":[],"data":"#,
        stored_after: r#","metadata":{}}]"#,
    },
    Place {
        before: r#"{"type":"t","metadata":{"domain":"d","instance_id":"i","m":"#,
        after: r#"}}"#,
        levels: 1,
        stored_before: r#","tags":[],"data":{},"metadata":{"domain":"d","instance_id":"i","m":"#,
        stored_after: r#"}}]"#,
    },
];

/// A store for the texts, a new one now and then so that it does not grow without bound.
struct Bench {
    store: RefCell<Arc<Store>>,
    texts: Cell<u64>,
    accepted: Cell<u64>,
}

type Outcome = Result<(), TestCaseError>;

impl Bench {
    fn new() -> Bench {
        let store = RefCell::new(Store::open("{}").unwrap());
        Bench { store, texts: Cell::new(0), accepted: Cell::new(0) }
    }

    /// Compares on `text` in every place; whether it was accepted as a payload.
    fn compare(&self, text: &[u8]) -> Result<bool, TestCaseError> {
        let payload = self.compare_in(&PLACES[0], text)?;
        self.compare_in(&PLACES[1], text)?;
        self.compare_in_query(text)?;
        Ok(payload)
    }

    fn compare_in(&self, place: &Place, text: &[u8]) -> Result<bool, TestCaseError> {
        self.texts.set(self.texts.get() + 1);
        if self.texts.get().is_multiple_of(10_000) {
            self.store.replace(Store::open("{}").unwrap());
        }
        let event = [place.before.as_bytes(), text, place.after.as_bytes()].concat();
        let shown = String::from_utf8_lossy(&event);
        let answer = self.store.borrow().append_json(&event, None);
        if reference(&event).is_none() {
            prop_assert_eq!(answer.map_err(|error| error.kind()), Err(ErrorKind::InvalidJson), "only here: {}", shown);
            return Ok(false);
        }
        let Some(value) = reference(text) else {
            // It ends the place it stands in and goes on behind it, as `1,"more":2` does.
            let kind = answer.err().map(|error| error.kind());
            prop_assert_ne!(kind, Some(ErrorKind::InvalidJson), "sound as a whole: {}", shown);
            return Ok(false);
        };
        let (kept, depth) = compact(text);
        if depth + place.levels > LEVELS_MAX {
            prop_assert_eq!(answer.map_err(|error| error.kind()), Err(ErrorKind::InvalidJson), "too deep: {}", shown);
            return Ok(false);
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(TestCaseError::fail(format!("refused only here: {shown}: {error:?}"))),
        };
        self.accepted.set(self.accepted.get() + 1);
        let wanted = [place.stored_before.as_bytes(), &kept, place.stored_after.as_bytes()].concat();
        let stored = String::from_utf8_lossy(&answer);
        prop_assert!(answer.ends_with(&wanted), "{} came back as {}", shown, stored);
        prop_assert_eq!(reference(&kept), Some(value), "{}", shown);
        prop_assert!(reference(&answer).is_some(), "poison: {}", stored);
        Ok(true)
    }

    /// Compares on a text that is all of the events, all of a query, all of the options; what it means
    /// is not asked here.
    fn compare_alone(&self, text: &[u8]) -> Outcome {
        self.texts.set(self.texts.get() + 1);
        let store = self.store.borrow();
        let mut refusals = vec![store.append_json(text, None).err()];
        if let Ok(text) = std::str::from_utf8(text) {
            refusals.push(store.get_events_json(Some(text), Some(r#"{"limit":0}"#)).err());
            refusals.push(store.get_events_json(Some("[]"), Some(text)).err());
        }
        let sound = reference(text).is_some();
        let shown = String::from_utf8_lossy(text);
        for refusal in refusals {
            let refused = refusal.is_some_and(|error| error.kind() == ErrorKind::InvalidJson);
            prop_assert_eq!(refused, !sound, "{}", shown);
        }
        Ok(())
    }

    /// Queries are walked by the same rules; what they mean is not asked here.
    fn compare_in_query(&self, text: &[u8]) -> Outcome {
        self.texts.set(self.texts.get() + 1);
        let Ok(text) = std::str::from_utf8(text) else { return Ok(()) };
        let query = format!(r#"[{{"type":{text}}}]"#);
        let refused = self.store.borrow().get_events_json(Some(&query), Some(r#"{"limit":0}"#)).err();
        let refused = refused.is_some_and(|error| error.kind() == ErrorKind::InvalidJson);
        let too_deep = || compact(query.as_bytes()).1 > LEVELS_MAX;
        match reference(query.as_bytes()) {
            None => prop_assert!(refused, "accepted only here: {}", query),
            Some(_) => prop_assert!(!refused || too_deep(), "refused only here: {}", query),
        }
        Ok(())
    }
}

fn config(cases: u32) -> Config {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/walker.regressions.txt"))),
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    config
}

// --- generated texts

fn white_space() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(""), 1 => select(vec![" ", "\n", "\t", "\r", " \r\n\t "])]
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?(0|[1-9][0-9]{0,20})",
        3 => r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        // About the largest double, 1.7976931348623157e308, and the smallest.
        1 => r"-?1\.79769313486231[0-9]{1,20}[eE]\+?0{0,2}308",
        1 => r"[0-9]{309,312}".prop_map(|digits| format!("1{}", digits.trim_start_matches('0'))),
        1 => r"-?[1-9]\.[0-9]{1,3}e-(32[0-9]|30[0-9])",
    ]
}

/// What can stand in a string, sound or not.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -!#-\\[\\]-~]{0,12}",
        2 => select(vec![r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"]).prop_map(String::from),
        1 => "\\\\u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}",
        1 => "\\\\u00[0-7][0-9a-fA-F]",
        2 => "\\PC{0,4}",
        1 => select(vec!["  ", "[ ]", "{ }", " : , ", "//", "\u{7f}", "\u{2028}", "\u{feff}", "é", "日本", "\u{10ffff}"])
            .prop_map(String::from),
    ]
}

/// What makes a string unsound.
fn unsound_fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\\\u[dD][89abAB][0-9a-fA-F]{2}",
        "\\\\u[dD][c-fC-F][0-9a-fA-F]{2}",
        "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[0-9a-fA-F]{4}",
        "\\\\u[0-9a-gA-G+ -]{0,4}",
        "\\\\[^\"]",
        "[\\x00-\\x1f]",
    ]
}

fn string() -> impl Strategy<Value = String> {
    let fragments = prop_oneof![
        12 => vec(fragment(), 0..4),
        1 => (vec(fragment(), 0..2), unsound_fragment(), vec(fragment(), 0..2)).prop_map(|(mut all, unsound, more)| {
            all.push(unsound);
            all.extend(more);
            all
        }),
    ];
    fragments.prop_map(|fragments| format!("\"{}\"", fragments.concat()))
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        2 => select(vec!["null", "true", "false"]).prop_map(String::from),
        4 => number(),
        4 => string(),
    ];
    leaf.prop_recursive(5, 20, 4, |inner| {
        let spaced = |inner: BoxedStrategy<String>| {
            (white_space(), inner, white_space())
                .prop_map(|(before, text, after)| format!("{before}{text}{after}"))
                .boxed()
        };
        let item = spaced(inner.boxed());
        let key = spaced(prop_oneof![1 => Just(String::from("\"k\"")), 3 => string()].boxed());
        let member = (key, item.clone()).prop_map(|(key, value)| format!("{key}:{value}"));
        prop_oneof![
            vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
            white_space().prop_map(|space| format!("[{space}]")),
            white_space().prop_map(|space| format!("{{{space}}}")),
        ]
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Delete(Index),
    Replace(Index, u8),
    Insert(Index, u8),
    Double(Index),
    Swap(Index),
}

/// Mostly the bytes that mean something.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![4 => select(br#"{}[],:"\/ubfnrt0123456789+-.eE "#.to_vec()), 1 => any::<u8>()]
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        any::<Index>().prop_map(Mutation::Delete),
        (any::<Index>(), byte()).prop_map(|(index, byte)| Mutation::Replace(index, byte)),
        (any::<Index>(), byte()).prop_map(|(index, byte)| Mutation::Insert(index, byte)),
        any::<Index>().prop_map(Mutation::Double),
        any::<Index>().prop_map(Mutation::Swap),
    ]
}

impl Mutation {
    fn apply(&self, text: &[u8]) -> Vec<u8> {
        let mut text = text.to_vec();
        let length = text.len();
        match self {
            Mutation::Delete(index) => drop(text.remove(index.index(length))),
            Mutation::Replace(index, byte) => text[index.index(length)] = *byte,
            Mutation::Insert(index, byte) => text.insert(index.index(length + 1), *byte),
            Mutation::Double(index) => text.insert(index.index(length), text[index.index(length)]),
            Mutation::Swap(index) if length > 1 => text.swap(index.index(length - 1), index.index(length - 1) + 1),
            Mutation::Swap(_) => {}
        }
        text
    }
}

#[test]
fn generated_texts_their_mutations_and_all_their_beginnings() {
    let bench = Bench::new();
    let strategy = (white_space(), json(), white_space(), vec(mutation(), 20));
    let outcome = TestRunner::new(config(5000)).run(&strategy, |(before, text, after, mutations)| {
        let text = format!("{before}{text}{after}").into_bytes();
        bench.compare(&text)?;
        bench.compare_alone(&text)?;
        for end in 0..text.len() {
            bench.compare(&text[..end])?;
        }
        let event = [PLACES[1].before.as_bytes(), &text, PLACES[1].after.as_bytes()].concat();
        for mutation in mutations {
            bench.compare(&mutation.apply(&text))?;
            bench.compare_alone(&mutation.apply(&text))?;
            bench.compare_alone(&mutation.apply(&event))?;
        }
        Ok(())
    });
    println!("{} texts, {} of them accepted", bench.texts.get(), bench.accepted.get());
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// The walker looks at eight bytes at once: so each byte at each place of such a word.
#[test]
fn every_byte_at_every_place_in_a_string() {
    let bench = Bench::new();
    for filling in [
        "xxxxxxxxxxxxxxxxxxxxxxxx",
        "éééééééééééé",
        "\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}",
    ] {
        for at in (0..=filling.len()).filter(|at| filling.is_char_boundary(*at)) {
            for byte in 0..=u8::MAX {
                let (before, after) = filling.split_at(at);
                let text = [b"\"", before.as_bytes(), &[byte], after.as_bytes(), b"\""].concat();
                bench.compare_in(&PLACES[0], &text).unwrap();
            }
        }
    }
}

// --- traps

const ACCEPTED: &[&str] = &[
    // Numbers
    "0",
    "-0",
    "-0.0",
    "-0e0",
    "0e400",
    "0E+400",
    "-0.000e99999999999999999999",
    "1E0",
    "1e+00",
    "1e-400",
    "1e-99999999999999999999",
    "123456789012345678901234567890",
    "-9223372036854775809",
    "18446744073709551616",
    "0.1000000000000000055511151231257827021181583404541015625",
    "1.7976931348623157e308",
    "-1.7976931348623158e308",
    "4.9e-324",
    "2.4e-324",
    "1e308",
    "0.00000000000000000000000000000000000000001e340",
    // Strings
    r#""""#,
    r#""\u0000""#,
    r#""\u0041\u00e9\u65E5""#,
    r#""\ud83d\ude00""#,
    r#""\uD83D\uDE00\uD83D\uDE01""#,
    r#""\udbff\udfff""#,
    r#""\ud800\udc00""#,
    r#""\uffff\ufffe\ufdd0""#,
    r#""\\ud800""#,
    r#""\\\"""#,
    r#""\/""#,
    r#""\b\f\n\r\t\"\\\/""#,
    "\"\u{7f}\u{80}\u{2028}\u{feff}\u{fffd}\u{10ffff}\"",
    "\" [ 1 , 2 ] // \"",
    r#""/* */""#,
    // Containers
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    r#"{"":{}}"#,
    r#"{"a":1,"a":2,"\u0061":3}"#,
    r#"{"domain":1,"instance_id":null}"#,
    "[1,2 ]",
    " [ ] ",
    " { } ",
    "\t\r\n 1 \t\r\n",
    "[\n\t1\r,\n \"a b\" ]",
    r#"{ "k" : [ null , true , false ] }"#,
];

const REFUSED: &[&[u8]] = &[
    // Nothing, or more than one thing
    b"",
    b" ",
    b"\n",
    b"1 2",
    b"1 1",
    b"[] []",
    b"[]]",
    b"{}}",
    b"\"\"\"\"",
    b"null null",
    b"nulltrue",
    b"[1]x",
    b"1;",
    b"}",
    b"]",
    b",",
    b":",
    b"[}",
    b"{]",
    b"[1}",
    b"{\"a\":1]",
    // Numbers
    b"00",
    b"01",
    b"-01",
    b"-",
    b"- 1",
    b"--1",
    b"+1",
    b"+0",
    b".5",
    b"-.5",
    b"1.",
    b"1.e1",
    b"1.5.5",
    b"0.",
    b"-0.",
    b"1e",
    b"1E+",
    b"1e-",
    b"1e1.5",
    b"1e+-1",
    b"1ee1",
    b"1 .5",
    b"1. 5",
    b"1e 5",
    b"1 e5",
    b"0x1",
    b"0X1F",
    b"0b1",
    b"0o7",
    b"1_000",
    b"1,000",
    b"1f",
    b"1L",
    b"1n",
    b"NaN",
    b"nan",
    b"-NaN",
    b"Infinity",
    b"-Infinity",
    b"inf",
    b"1E400",
    b"-1E400",
    b"1e309",
    b"1.8e308",
    b"1e99999999999999999999",
    b"123e65536",
    b"\xef\xbc\x91",
    b"\xd9\xa1",
    b"1\x00",
    b"\x001",
    b"[1\x00]",
    b"0\xc2\xa0",
    // Literals
    b"n",
    b"nul",
    b"nulll",
    b"null0",
    b"Null",
    b"NULL",
    b"tru",
    b"True",
    b"truee",
    b"fals",
    b"FALSE",
    b"undefined",
    b"None",
    b"nil",
    b"t rue",
    b"nu\x00ll",
    // Strings
    b"\"",
    b"\"a",
    b"a\"",
    b"'a'",
    b"\"a'",
    b"`a`",
    b"a",
    b"\"\\\"",
    b"\"\\",
    b"\"\\a\"",
    b"\"\\v\"",
    b"\"\\0\"",
    b"\"\\'\"",
    b"\"\\x41\"",
    b"\"\\U0041\"",
    b"\"\\u\"",
    b"\"\\u1\"",
    b"\"\\u12\"",
    b"\"\\u123\"",
    b"\"\\u123",
    b"\"\\u123g\"",
    b"\"\\u{41}\"",
    b"\"\\u+041\"",
    b"\"\\u 041\"",
    b"\"\\u-041\"",
    b"\"\\u00\xc3\xa9\"",
    b"\"\\\xc3\xa9\"",
    b"\"\\ n\"",
    b"\"\\\n\"",
    b"\"\n\"",
    b"\"\t\"",
    b"\"\r\"",
    b"\"\x00\"",
    b"\"\x1f\"",
    b"\"a\x0bb\"",
    // Surrogates
    b"\"\\ud800\"",
    b"\"\\uDBFF\"",
    b"\"\\udc00\"",
    b"\"\\uDFFF\"",
    b"\"\\ud800a\"",
    b"\"a\\ud800\"",
    b"\"\\ud800\\u0041\"",
    b"\"\\ud800\\ud800\"",
    b"\"\\ud800\\ud800\\udc00\"",
    b"\"\\udc00\\ud800\"",
    b"\"\\ud83d\\ude0\"",
    b"\"\\ud83d\\u\"",
    b"\"\\ud83d\\n\"",
    b"\"\\ud83d\\\\ude00\"",
    b"\"\\ud83d \\ude00\"",
    b"\"\\ud83d\\ude00\\ude00\"",
    b"\"\\ud83d\\ude00\\ud83d\"",
    b"\"\\ud83d\\uDBFF\"",
    b"\"\\ud83d\\ue000\"",
    b"{\"\\ud800\":1}",
    b"{\"a\":{\"\\udc00\":1}}",
    b"[\"\\ud800\",\"\\udc00\"]",
    b"\"\\ud83d\xf0\x9f\x98\x80\"",
    // UTF-8
    b"\"\x80\"",
    b"\"\xff\"",
    b"\"\xfe\xff\"",
    b"\"\xc0\xaf\"",
    b"\"\xc1\x81\"",
    b"\"\xe0\x80\xaf\"",
    b"\"\xe0\x9f\xbf\"",
    b"\"\xf0\x80\x80\xaf\"",
    b"\"\xf0\x8f\xbf\xbf\"",
    b"\"\xf8\x88\x80\x80\x80\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xed\xbf\xbf\"",
    b"\"\xed\xa0\xbd\xed\xb8\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xf5\x80\x80\x80\"",
    b"\"\xc3\"",
    b"\"\xe6\x97\"",
    b"\"\xf0\x9f\x98\"",
    b"\"\xc3(\"",
    b"\xc3\xa9",
    b"[\xff]",
    b"\xff",
    b"\xef\xbb\xbf1",
    b"1\xef\xbb\xbf",
    b"\xef\xbb\xbf",
    b"\xfe\xff\x00\x31",
    b"{\"\xff\":1}",
    // Arrays
    b"[",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[,]",
    b"[1,,2]",
    b"[1 2]",
    b"[1;2]",
    b"[1:2]",
    b"[\"a\":1]",
    b"[1,\n",
    b"[[]",
    b"[]]",
    b"(1)",
    b"<1>",
    b"[1,...]",
    // Objects
    b"{",
    b"{\"a\"",
    b"{\"a\":",
    b"{\"a\":1",
    b"{\"a\":1,",
    b"{\"a\":1,}",
    b"{,\"a\":1}",
    b"{,}",
    b"{\"a\":1,,\"b\":2}",
    b"{\"a\" 1}",
    b"{\"a\"::1}",
    b"{\"a\"=1}",
    b"{\"a\",1}",
    b"{\"a\":}",
    b"{:1}",
    b"{\"a\"}",
    b"{1:1}",
    b"{a:1}",
    b"{'a':1}",
    b"{null:1}",
    b"{[]:1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1;\"b\":2}",
    b"{\"a\":\"b\":\"c\"}",
    // Comments, and white space that is none
    b"/**/1",
    b"1/**/",
    b"[1]//",
    b"// 1",
    b"# 1",
    b"[1,/* */2]",
    b"<!-- -->1",
    b"\x0c1",
    b"\x0b1",
    b"1\x0c",
    b"\xc2\xa01",
    b"\xe2\x80\x8b1",
    b"\xe2\x80\xa81",
    b"[1\x1f]",
    b"[\x081]",
    b"\xc2\x851",
    b"1\x1a",
];

#[test]
fn traps() {
    let bench = Bench::new();
    let nines = "9".repeat(400);
    let zeros = "0".repeat(400);
    let mut accepted: Vec<String> = ACCEPTED.iter().copied().map(String::from).collect();
    accepted.extend([
        format!("1e{zeros}1"),
        format!("1e+{zeros}308"),
        format!("1e-{zeros}400"),
        format!("1{zeros}e-400"),
        format!("0.{zeros}1e400"),
        format!("-0.{nines}"),
        format!("0e{nines}"),
        format!("1e-{nines}"),
        nines[..308].to_string(),
        format!("17976931348623157{}", &zeros[..292]),
        format!("17976931348623158{}.0", &zeros[..292]),
        format!("\"{zeros}\\u0000{zeros}\""),
        format!("[{}1{}]", " ".repeat(400), "\n".repeat(400)),
    ]);
    for text in &accepted {
        assert!(bench.compare(text.as_bytes()).unwrap(), "{text}");
        bench.compare_alone(text.as_bytes()).unwrap();
    }
    let mut refused: Vec<Vec<u8>> = REFUSED.iter().map(|text| text.to_vec()).collect();
    refused.extend(
        [
            nines.clone(),
            format!("-{nines}"),
            format!("{nines}.0"),
            nines[..309].to_string(),
            format!("1{zeros}"),
            format!("1e{nines}"),
            format!("1e{zeros}309"),
            format!("0{zeros}"),
            format!("0.{zeros}1e800"),
            format!("17976931348623159{}", &zeros[..292]),
        ]
        .map(String::into_bytes),
    );
    for text in &refused {
        assert!(!bench.compare(text).unwrap(), "{}", String::from_utf8_lossy(text));
        bench.compare_alone(text).unwrap();
        // Inside of something they are no better.
        for (before, after) in [("[", "]"), ("{\"k\":", "}"), ("[0,", ",0]")] {
            let text = [before.as_bytes(), text, after.as_bytes()].concat();
            bench.compare(&text).unwrap();
        }
    }
    println!("{} texts accepted, {} refused", accepted.len(), refused.len());
}

#[test]
fn depth_is_counted_from_data_and_from_metadata() {
    let bench = Bench::new();
    for levels in [1, 2, 63, 64, 65, 126, 127, 128, 129, 130, 255, 256, 257, 1000] {
        for (open, innermost, close) in [
            ("[", "", "]"),
            ("{\"k\":", "{}", "}"),
            ("[{\"k\":", "0", "}]"),
            (" [ ", "\"]}\"", " ] "),
            ("[[],", "[]", ",{}]"),
        ] {
            let each = open.matches(['[', '{']).count() - open.matches(']').count();
            let times = levels / each;
            let text = format!("{}{innermost}{}", open.repeat(times), close.repeat(times));
            let depth = compact(text.as_bytes()).1;
            assert_eq!(bench.compare(text.as_bytes()).unwrap(), depth <= LEVELS_MAX, "{depth} levels of {open}");
            // Cut off in the depth it is no JSON at all, which must be found out as quickly.
            assert!(!bench.compare(open.repeat(times).as_bytes()).unwrap());
        }
    }
}

/// So deep that no recursion would survive it.
#[test]
fn a_million_levels_are_refused() {
    let store = Store::open("{}").unwrap();
    for open in ["[", "{\"k\":"] {
        let text = format!(r#"{{"type":"t","domain":"d","instance_id":"i","data":{}"#, open.repeat(1_000_000));
        assert_eq!(store.append_json(&text, None).unwrap_err().kind(), ErrorKind::InvalidJson);
        assert_eq!(store.append_json(open.repeat(1_000_000), None).unwrap_err().kind(), ErrorKind::InvalidJson);
        let query = open.repeat(1_000_000);
        assert_eq!(store.get_events_json(Some(&query), None).unwrap_err().kind(), ErrorKind::InvalidJson);
    }
}

// --- names

#[test]
fn names_come_out_unescaped_but_for_the_mandatory_escapes() {
    let store = Store::open("{}").unwrap();
    let strategy = (string(), prop::array::uniform4(select(vec![true, false])));
    let outcome = TestRunner::new(config(4000)).run(&strategy, |(text, escaped)| {
        let [in_type, in_domain, in_tags, lifted] = escaped;
        let or = |given: bool, other: &'static str| if given { text.clone() } else { String::from(other) };
        let (event_type, domain, tag) = (or(in_type, "\"t\""), or(in_domain, "\"d\""), or(in_tags, "\"g\""));
        let event = if lifted {
            format!(r#"{{"type":{event_type},"tags":[{tag}],"metadata":{{"instance_id":{text},"domain":{domain}}}}}"#)
        } else {
            format!(r#"{{"type":{event_type},"tags":[{tag}],"instance_id":{text},"domain":{domain}}}"#)
        };
        let answer = store.append_json(&event, None);
        let Some(Value::String(name)) = reference(text.as_bytes()) else {
            prop_assert_eq!(answer.map_err(|error| error.kind()), Err(ErrorKind::InvalidJson), "{}", event);
            return Ok(());
        };
        if name.is_empty() || name.len() > 1024 || name.contains('\0') {
            prop_assert_eq!(answer.map_err(|error| error.kind()), Err(ErrorKind::InvalidEvent), "{}", event);
            return Ok(());
        }
        let answer =
            String::from_utf8(answer.map_err(|error| TestCaseError::fail(format!("{event}: {error:?}")))?).unwrap();
        let plain = |text: &str| serde_json::to_string(&reference(text.as_bytes())).unwrap();
        let wanted =
            format!(r#""type":{},"domain":{},"instance_id":{},"#, plain(&event_type), plain(&domain), plain(&text));
        prop_assert!(answer.contains(&wanted), "{} is not in {}", wanted, answer);
        prop_assert!(answer.contains(&format!(r#""tags":[{}],"#, plain(&tag))), "{}", answer);

        // It is found under any spelling, and under no other name.
        let found = |name: &str| {
            let query = format!(r#"{{"instance_id":{name},"domain":{domain},"type":[{event_type}],"tags":[{tag}]}}"#);
            String::from_utf8(store.get_events_json(Some(&query), None).unwrap()).unwrap()
        };
        let units: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert!(found(&text).ends_with(&answer[1..]), "{}", text);
        prop_assert_eq!(found(&text), found(&format!("\"{units}\"")));
        let other = found(&format!("\"{units}!\""));
        prop_assert!(!other.contains(&answer[1..answer.len() - 1]));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn field_names_are_known_under_any_spelling() {
    let members = [
        ("type", r#""t""#, r#""type":"t","#),
        ("domain", r#""d""#, r#""domain":"d","#),
        ("instance_id", r#""i""#, r#""instance_id":"i","#),
        ("version", "7", r#""version":7,"#),
        ("inserted_at", r#""2026-11-23T03:50:00Z""#, r#""inserted_at":"2026-11-23T03:50:00.000000Z","#),
        ("tags", r#"["g"]"#, r#""tags":["g"],"#),
        ("data", "[1]", r#""data":[1],"#),
        ("metadata", r#"{"k":0}"#, r#""metadata":{"k":0}}]"#),
    ];
    let store = Store::open("{}").unwrap();
    let spelling = vec(vec(0..3u8, 11), members.len());
    let outcome = TestRunner::new(config(500)).run(&spelling, |spellings| {
        let spelt = |name: &str, how: &[u8]| -> String {
            let letter = |(letter, how): (char, &u8)| match how {
                0 => String::from(letter),
                1 => format!("\\u{:04x}", letter as u32),
                _ => format!("\\u{:04X}", letter as u32),
            };
            name.chars().zip(how).map(letter).collect()
        };
        let members = || members.iter().zip(&spellings);
        let given: Vec<String> =
            members().map(|((name, value, _), how)| format!(r#""{}":{value}"#, spelt(name, how))).collect();
        let event = format!("{{{}}}", given.join(","));
        let answer = String::from_utf8(store.append_json(&event, None).unwrap()).unwrap();
        for ((_, _, wanted), _) in members() {
            prop_assert!(answer.contains(wanted), "{} is not in the answer {} to {}", wanted, answer, event);
        }
        // Twice is twice, however it is spelt.
        let twice = format!(r#"{{{},"type":"t"}}"#, given.join(","));
        prop_assert_eq!(store.append_json(&twice, None).map_err(|error| error.kind()), Err(ErrorKind::InvalidEvent));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
