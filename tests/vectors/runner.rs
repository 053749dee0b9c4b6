//! Runs every file of `tests/vectors` through the Rust API, on every engine. `tests/vectors/README.md`
//! says what the files mean. A file that is added is run; a word in it that the README does not have
//! is an error.

use crate::engines::{Factory, Fresh};
use runestore::{Cursor, Error, ErrorKind, Next, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

macro_rules! test_on {
    ($engine:ident, $factory:path;) => {
        #[test]
        fn $engine() {
            run_all(&$factory);
        }
    };
}

mod every_vector_holds_on {
    use super::*;
    for_each_engine! { test_on! }
}

#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    files: usize,
    cases: usize,
    steps: usize,
    /// Steps that Rust has no words for.
    left_out: usize,
}

fn run_all(engine: &Factory) {
    let mut ran = Counts::default();
    let mut faults = Vec::new();
    for path in files() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let file = File::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut in_file = Counts { files: 1, ..Counts::default() };
        for case in &file.cases {
            in_file.cases += 1;
            if let Err(fault) = run_case(engine, &file.texts, case, &mut in_file) {
                faults.push(format!("{name}, {:?}, {fault}", case.name));
            }
        }
        println!("{name:32}{:5} cases{:6} steps{:4} left out", in_file.cases, in_file.steps, in_file.left_out);
        ran.files += in_file.files;
        ran.cases += in_file.cases;
        ran.steps += in_file.steps;
        ran.left_out += in_file.left_out;
    }
    // Not by a macro: those are silent where the test passes.
    let _ = writeln!(
        std::io::stderr(),
        "vectors on {}: {} files, {} cases, {} steps, and {} that Rust has no words for",
        engine.name,
        ran.files,
        ran.cases,
        ran.steps,
        ran.left_out
    );
    assert!(faults.is_empty(), "{} cases fail\n{}", faults.len(), faults.join("\n"));
    // A runner that finds nothing to run must not pass. These were there when it was written.
    assert!(ran.files >= 23 && ran.cases >= 213 && ran.steps >= 2540, "only {ran:?} were run");
    assert!(ran.left_out * 100 < ran.steps, "{ran:?}: Rust has words for nearly all of them");
}

/// All vectors, in the order of their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(crate::engines::VECTORS);
    let entries = std::fs::read_dir(folder).expect("the vectors are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

#[test]
fn the_readme_lists_every_file_of_vectors() {
    let readme = include_str!("README.md");
    let (_, table) = readme.split_once("## The files").expect("the README has a list of the files");
    let listed: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next())
        .flat_map(|names| names.split('`').map(str::trim).filter(|name| !name.is_empty() && *name != ","))
        .collect();
    let files = files();
    let there: BTreeSet<&str> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert_eq!(listed, there);
}

// A file.

struct File {
    texts: Map<String, Value>,
    cases: Vec<Case>,
}

struct Case {
    name: String,
    steps: Vec<Map<String, Value>>,
}

type Parsed<T> = Result<T, String>;

impl File {
    fn parse(text: &str) -> Parsed<File> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut file = object(value, "a file")?;
        only(&file, &["title", "texts", "cases"])?;
        if !file.get("title").is_some_and(Value::is_string) {
            return Err(String::from("a file has a title"));
        }
        let texts = file.remove("texts").map_or(Ok(Map::new()), |texts| object(texts, "`texts`"))?;
        let mut names = BTreeSet::new();
        let mut cases = Vec::new();
        for case in array(file.remove("cases"), "`cases`")? {
            let mut case = object(case, "a case")?;
            only(&case, &["name", "steps"])?;
            let Some(Value::String(name)) = case.remove("name") else { return Err(String::from("a case has a name")) };
            let steps = array(case.remove("steps"), "`steps`")?;
            let steps = steps.into_iter().map(|step| object(step, "a step")).collect::<Parsed<_>>()?;
            if !names.insert(name.clone()) {
                return Err(format!("two cases are named {name:?}"));
            }
            cases.push(Case { name, steps });
        }
        Ok(File { texts, cases })
    }
}

fn object(value: Value, what: &str) -> Parsed<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        other => Err(format!("{what} must be an object, and is {other:.100}")),
    }
}

fn array(value: Option<Value>, what: &str) -> Parsed<Vec<Value>> {
    match value {
        Some(Value::Array(items)) if !items.is_empty() => Ok(items),
        _ => Err(format!("{what} must be an array that is not empty")),
    }
}

fn only(members: &Map<String, Value>, known: &[&str]) -> Parsed<()> {
    match members.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(format!("unknown member {unknown:?}")),
        None => Ok(()),
    }
}

/// The bytes of a text; `None` where the member is missing.
fn text(step: &Map<String, Value>, member: &str, texts: &Map<String, Value>) -> Parsed<Option<Vec<u8>>> {
    let Some(value) = step.get(member) else { return Ok(None) };
    let mut bytes = Vec::new();
    put_text(value, Some(texts), &mut bytes).map_err(|error| format!("{member}: {error}"))?;
    Ok(Some(bytes))
}

fn put_text(value: &Value, texts: Option<&Map<String, Value>>, bytes: &mut Vec<u8>) -> Parsed<()> {
    match value {
        Value::String(text) => bytes.extend(text.as_bytes()),
        Value::Array(parts) => {
            for part in parts {
                put_part(part, texts, bytes)?;
            }
        }
        // A part that is alone may stand without the array around it.
        part => put_part(part, texts, bytes)?,
    }
    Ok(())
}

fn put_part(part: &Value, texts: Option<&Map<String, Value>>, bytes: &mut Vec<u8>) -> Parsed<()> {
    if let Value::String(text) = part {
        bytes.extend(text.as_bytes());
        return Ok(());
    }
    let members: Vec<(&str, &Value)> =
        part.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect();
    match (&members[..], texts) {
        ([("repeat", Value::String(text)), ("times", times)], _) => {
            let times = times.as_u64().ok_or("`times` must be a number")?;
            bytes.extend(text.repeat(times as usize).into_bytes());
        }
        ([("hex", Value::String(digits))], _) if digits.len().is_multiple_of(2) && digits.is_ascii() => {
            for at in (0..digits.len()).step_by(2) {
                let byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|error| format!("{digits}: {error}"))?;
                bytes.push(byte);
            }
        }
        ([("use", Value::String(name))], Some(texts)) => {
            let named = texts.get(name).ok_or_else(|| format!("no text is named {name:?}"))?;
            put_text(named, None, bytes)?;
        }
        _ => return Err(format!("{part:.100} is no part of a text")),
    }
    Ok(())
}

fn integer(step: &Map<String, Value>, member: &str) -> Parsed<i64> {
    step.get(member).and_then(Value::as_i64).ok_or_else(|| format!("`{member}` must be an integer"))
}

// A case.

fn run_case(engine: &Factory, texts: &Map<String, Value>, case: &Case, counts: &mut Counts) -> Result<(), String> {
    let mut run = Run { store: engine.fresh(), cursors: HashMap::new() };
    for (index, step) in case.steps.iter().enumerate() {
        let call = step.get("call").and_then(Value::as_str).unwrap_or_default();
        let fault = |fault: String| format!("step {index} ({call}): {fault}");
        match run.step(step, texts).map_err(fault)? {
            Some(outcome) => {
                outcome.check(step, texts).map_err(fault)?;
                counts.steps += 1;
            }
            None => counts.left_out += 1,
        }
    }
    for cursor in run.cursors.into_values().flatten() {
        // A closed one may be among them.
        let _ = cursor.close();
    }
    run.store.close().map_err(|error| format!("the store does not close: {error}"))
}

struct Run {
    store: Fresh,
    /// `None` where a cursor was refused.
    cursors: HashMap<String, Option<Cursor>>,
}

impl Run {
    /// Makes the call; `None` where Rust has no way to make it.
    fn step(&mut self, step: &Map<String, Value>, texts: &Map<String, Value>) -> Parsed<Option<Outcome>> {
        let call = step.get("call").and_then(Value::as_str).unwrap_or_default();
        let inputs: &[&str] = match call {
            "append" => &["events", "options"],
            "get_events" => &["query", "options"],
            "cursor_open" => &["query", "options", "cursor"],
            "cursor_next" => &["cursor", "max_events", "timeout_ms"],
            "cursor_cancel" | "cursor_close" => &["cursor"],
            "wait" => &["after", "timeout_ms"],
            "tracking" => &["source"],
            "info" => &[],
            "status_name" => &["code"],
            _ => return Err(String::from("unknown call")),
        };
        let expected = ["call", "note", "status", "answer", "position", "head", "details", "message_has"];
        only(step, &[inputs, &expected].concat())?;

        let bytes = |member| text(step, member, texts);
        // Rust's strings are UTF-8: other bytes can be given as events only.
        let string = |member| match bytes(member)?.map(String::from_utf8) {
            None => Ok(Some(None)),
            Some(Ok(text)) => Ok(Some(Some(text))),
            Some(Err(_)) => Ok::<_, String>(None),
        };
        let store = &self.store;
        let outcome = match call {
            "append" => {
                // Events cannot be absent.
                let (Some(events), Some(options)) = (bytes("events")?, string("options")?) else { return Ok(None) };
                Outcome::answer(store.append_json(events, options.as_deref()))
            }
            "get_events" => {
                let (Some(query), Some(options)) = (string("query")?, string("options")?) else { return Ok(None) };
                Outcome::answer(store.get_events_json(query.as_deref(), options.as_deref()))
            }
            "cursor_open" => {
                let (query, options) = (string("query")?, string("options")?);
                let (Some(query), Some(options)) = (query, options) else {
                    self.cursors.insert(cursor_name(step)?, None);
                    return Ok(None);
                };
                let (cursor, outcome) = match store.cursor(query.as_deref(), options.as_deref()) {
                    Ok(cursor) => (Some(cursor), Outcome::ok()),
                    Err(error) => (None, Outcome::error(error)),
                };
                self.cursors.insert(cursor_name(step)?, cursor);
                outcome
            }
            "cursor_next" | "cursor_cancel" | "cursor_close" => {
                let name = cursor_name(step)?;
                let cursor = self.cursors.get(&name).ok_or_else(|| format!("no cursor was named {name:?}"))?;
                // There is no handle to a cursor that was refused.
                let Some(cursor) = cursor else { return Ok(None) };
                match call {
                    "cursor_cancel" => Outcome::nothing(cursor.cancel()),
                    "cursor_close" => Outcome::nothing(cursor.close()),
                    _ => {
                        let Some(timeout) = timeout(step)? else { return Ok(None) };
                        let max_events = usize::try_from(integer(step, "max_events")?)
                            .map_err(|_| String::from("`max_events` must not be negative"))?;
                        let mut out = Vec::new();
                        let next = cursor.next(max_events, timeout, &mut out);
                        Outcome::next(next, out)
                    }
                }
            }
            "wait" => {
                let Some(timeout) = timeout(step)? else { return Ok(None) };
                let after = integer(step, "after")? as u64;
                match store.wait(after, timeout) {
                    Ok(head) => {
                        let status = if head > after { "ok" } else { "timeout" };
                        Outcome { status, head: Some(head), ..Outcome::default() }
                    }
                    Err(error) => Outcome::error(error),
                }
            }
            "tracking" => {
                let Some(Some(source)) = string("source")? else { return Ok(None) };
                match store.tracking(&source) {
                    Ok(position) => Outcome { position: Some(position), ..Outcome::ok() },
                    Err(error) => Outcome::error(error),
                }
            }
            "info" => match store.info() {
                Ok(info) => Outcome { members: Some(info), ..Outcome::ok() },
                Err(error) => Outcome::error(error),
            },
            _ => Outcome::answer(Ok(status_name(integer(step, "code")?).into())),
        };
        Ok(Some(outcome))
    }
}

fn cursor_name(step: &Map<String, Value>) -> Parsed<String> {
    let name = step.get("cursor").and_then(Value::as_str).ok_or("the cursor has no name")?;
    Ok(String::from(name))
}

/// The time to wait; `None` where Rust has no such time.
fn timeout(step: &Map<String, Value>) -> Parsed<Option<Option<Duration>>> {
    Ok(match integer(step, "timeout_ms")? {
        -1 => Some(None),
        ms => u64::try_from(ms).ok().map(|ms| Some(Duration::from_millis(ms))),
    })
}

/// Rust has no numbers for statuses, but the kinds of errors are listed in the order of theirs.
fn status_name(code: i64) -> &'static str {
    let (last, others) = ErrorKind::ALL.split_last().expect("there are kinds of errors");
    match code {
        0 => "ok",
        1 => "done",
        2 => "timeout",
        -99 => last.code(),
        _ => code
            .checked_neg()
            .and_then(|number| usize::try_from(number - 1).ok())
            .and_then(|index| others.get(index))
            .map_or("unknown", |kind| kind.code()),
    }
}

// What came of a call, and what was to come.

#[derive(Default)]
struct Outcome {
    status: &'static str,
    answer: Option<Vec<u8>>,
    position: Option<u64>,
    head: Option<u64>,
    /// Those of an error, or of an answer that is one object.
    members: Option<Map<String, Value>>,
}

impl Outcome {
    fn ok() -> Outcome {
        Outcome { status: "ok", ..Outcome::default() }
    }

    fn answer(result: runestore::Result<Vec<u8>>) -> Outcome {
        match result {
            Ok(answer) => Outcome { answer: Some(answer), ..Outcome::ok() },
            Err(error) => Outcome::error(error),
        }
    }

    fn nothing(result: runestore::Result<()>) -> Outcome {
        result.map_or_else(Outcome::error, |()| Outcome::ok())
    }

    fn next(next: runestore::Result<Next>, out: Vec<u8>) -> Outcome {
        let (status, position) = match next {
            Ok(Next::Events { position }) => ("ok", position),
            Ok(Next::Done { position }) => ("done", position),
            Ok(Next::Timeout { position }) => ("timeout", position),
            Err(error) => return Outcome { answer: Some(out), ..Outcome::error(error) },
        };
        Outcome { status, position: Some(position), answer: Some(out), ..Outcome::default() }
    }

    fn error(error: Error) -> Outcome {
        let members = serde_json::from_str(&error.to_json()).expect("an error is a JSON object");
        Outcome { status: error.kind().code(), members: Some(members), ..Outcome::default() }
    }

    fn check(&self, step: &Map<String, Value>, texts: &Map<String, Value>) -> Result<(), String> {
        let shown = || match (&self.members, &self.answer) {
            (Some(members), _) => Value::from(members.clone()).to_string(),
            (None, Some(answer)) => format!("{:.600}", String::from_utf8_lossy(answer)),
            (None, None) => String::from("nothing"),
        };
        let status = step.get("status").and_then(Value::as_str).ok_or("a step has a status")?;
        if status != self.status {
            return Err(format!("{status} was expected, {} came: {}", self.status, shown()));
        }
        let known = ["ok", "done", "timeout"];
        if !known.contains(&status) {
            let member = |name: &str| self.members.as_ref().and_then(|members| members.get(name)?.as_str());
            if member("code") != Some(status) || member("message").is_none_or(str::is_empty) {
                return Err(format!("an error has its code and a message: {}", shown()));
            }
        }
        if status != "ok" && self.answer.as_ref().is_some_and(|answer| !answer.is_empty()) {
            return Err(format!("{status} comes without an answer: {}", shown()));
        }
        if let Some(expected) = text(step, "answer", texts)? {
            let answer = self.answer.as_ref().ok_or("there is no answer")?;
            same_answer(&expected, answer).map_err(|fault| format!("{fault}\nthe answer: {}", shown()))?;
        }
        if let Some(expected) = step.get("position") {
            let (low, high) = match expected.as_array().map(Vec::as_slice) {
                Some([low, high]) => (low.as_u64(), high.as_u64()),
                _ => (expected.as_u64(), expected.as_u64()),
            };
            let (low, high) = low.zip(high).ok_or("a position is a number or a range")?;
            // An error from a cursor leaves the number to the C API.
            match self.position {
                Some(position) if (low..=high).contains(&position) => {}
                None if self.members.is_some() => {}
                position => return Err(format!("position {expected} was expected, {position:?} came")),
            }
        }
        if let Some(expected) = step.get("head") {
            let expected = expected.as_u64().ok_or("a head is a number")?;
            if self.head != Some(expected) {
                return Err(format!("head {expected} was expected, {:?} came", self.head));
            }
        }
        if let Some(expected) = step.get("details") {
            for (name, value) in expected.as_object().ok_or("details are an object")? {
                if self.members.as_ref().and_then(|members| members.get(name)) != Some(value) {
                    return Err(format!("detail {name}: {value} was expected: {}", shown()));
                }
            }
        }
        if let Some(expected) = step.get("message_has") {
            let message = self.members.as_ref().and_then(|members| members.get("message")?.as_str());
            for part in expected.as_array().ok_or("`message_has` is an array")? {
                let part = part.as_str().ok_or("`message_has` holds strings")?;
                if !message.is_some_and(|message| message.contains(part)) {
                    return Err(format!("{part:?} was expected in the message: {}", shown()));
                }
            }
        }
        Ok(())
    }
}

/// Compares byte by byte, but for the wildcards.
fn same_answer(expected: &[u8], answer: &[u8]) -> Result<(), String> {
    if expected == answer {
        return Ok(());
    }
    let expected = std::str::from_utf8(expected).map_err(|_| "the answer expected is UTF-8")?;
    let answer = std::str::from_utf8(answer).map_err(|_| "the answer is not UTF-8")?;
    let mut literals = expected.split('«');
    let first = literals.next().unwrap_or_default();
    let mut rest = answer.strip_prefix(first).ok_or_else(|| differs(first, answer))?;
    let (mut ids, mut now) = (BTreeSet::new(), None);
    let count = literals.clone().count();
    for (index, literal) in literals.enumerate() {
        let (wildcard, literal) = literal.split_once('»').ok_or("a wildcard without an end")?;
        let length = match wildcard {
            "uuid7" => 36,
            "now" => 27,
            // The last literal runs to the end: what is before it is anything.
            "any" if index + 1 == count => {
                rest.len().checked_sub(literal.len()).ok_or_else(|| differs(literal, rest))?
            }
            "any" => rest.find(literal).ok_or_else(|| differs(literal, rest))?,
            other => return Err(format!("unknown wildcard {other:?}")),
        };
        let value = rest.get(..length).ok_or_else(|| differs(wildcard, rest))?;
        match wildcard {
            "uuid7" if !is_uuid7(value) => return Err(format!("{value:?} is no UUIDv7")),
            "uuid7" if !ids.insert(value) => return Err(format!("{value} is there twice")),
            "now" if !is_now(value) => return Err(format!("{value:?} is not the time")),
            "now" if *now.get_or_insert(value) != value => return Err(format!("{value:?} is another time")),
            _ => {}
        }
        rest = rest[length..].strip_prefix(literal).ok_or_else(|| differs(literal, &rest[length..]))?;
    }
    if rest.is_empty() { Ok(()) } else { Err(differs("", rest)) }
}

fn differs(expected: &str, answer: &str) -> String {
    // From where they differ on.
    let same = expected.bytes().zip(answer.bytes()).take_while(|(a, b)| a == b).count();
    let at = (0..=same).rev().find(|at| expected.is_char_boundary(*at) && answer.is_char_boundary(*at)).unwrap_or(0);
    format!("{:.300?} was expected, there is {:.300?}", &expected[at..], &answer[at..])
}

fn is_uuid7(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'7',
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    })
}

fn is_now(text: &str) -> bool {
    const FIVE_MINUTES: i64 = 300_000_000;
    Timestamp::parse(text).is_some_and(|time| {
        time.to_string() == text && (Timestamp::now().micros() - time.micros()).abs() < FIVE_MINUTES
    })
}

#[test]
fn the_runner_refuses_what_the_readme_does_not_have() {
    let file = |cases: &str| format!(r#"{{"title":"t","cases":[{cases}]}}"#);
    let case = |steps: &str| file(&format!(r#"{{"name":"n","steps":[{steps}]}}"#));
    for bad in [
        String::from(r#"{"title":"t","cases":[]}"#),
        String::from(r#"{"title":"t","case":[]}"#),
        file(r#"{"name":"n","steps":[]}"#),
        file(r#"{"name":"n","step":[{}]}"#),
        file(r#"{"name":"n","steps":[{"call":"info"}]},{"name":"n","steps":[{"call":"info"}]}"#),
    ] {
        assert!(File::parse(&bad).is_err(), "{bad}");
    }
    // What a step does not have, what does not come, and what comes otherwise.
    let mut said = BTreeMap::new();
    for (step, fault) in [
        (r#"{"call":"verify","status":"ok"}"#, "unknown call"),
        (r#"{"call":"append","events":"[]","status":"ok","query":"{}"}"#, "unknown member \"query\""),
        (r#"{"call":"append","events":"[]","status":"ok","anwser":"[]"}"#, "unknown member \"anwser\""),
        (r#"{"call":"append","events":"[]"}"#, "a step has a status"),
        (r#"{"call":"append","events":[{"use":"x"}],"status":"ok"}"#, "no text is named \"x\""),
        (r#"{"call":"append","events":[{"hex":"f"}],"status":"ok"}"#, "is no part of a text"),
        (r#"{"call":"append","events":[5],"status":"ok"}"#, "is no part of a text"),
        (r#"{"call":"append","events":"[]","status":"conflict"}"#, "conflict was expected, ok came"),
        (r#"{"call":"append","events":"[]","status":"ok","answer":"[ ]"}"#, "was expected, there is"),
        (r#"{"call":"append","events":"[]","status":"ok","answer":"[«now»]"}"#, "was expected, there is"),
        (r#"{"call":"append","events":"[]","status":"ok","answer":"[«then»]"}"#, "unknown wildcard"),
        (r#"{"call":"append","events":"[1]","status":"invalid_event","details":{"index":1}}"#, "detail index"),
        (
            r#"{"call":"append","events":"[1]","status":"invalid_event","message_has":["zebra"]}"#,
            "\"zebra\" was expected",
        ),
        (r#"{"call":"wait","after":0,"timeout_ms":0,"status":"timeout","head":1}"#, "head 1 was expected"),
        (r#"{"call":"tracking","source":"s","status":"ok","position":[1,9]}"#, "position [1,9] was expected"),
        (r#"{"call":"cursor_next","cursor":"c","max_events":0,"timeout_ms":0,"status":"ok"}"#, "no cursor was named"),
        (r#"{"call":"status_name","code":-7,"status":"ok","answer":"closed"}"#, "was expected, there is"),
    ] {
        let file = File::parse(&case(step)).unwrap();
        let outcome = run_case(crate::engines::ANY, &file.texts, &file.cases[0], &mut Counts::default());
        let message = outcome.expect_err(step);
        assert!(message.contains(fault), "{step}: {message}");
        said.insert(step, message);
    }
    assert_eq!(said.len(), 17);
}
