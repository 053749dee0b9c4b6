//! Whether an answer is the one that is wanted, or an error one of those that a text deserves.

use crate::store::Error;
use library::ErrorKind;

/// Tells a difference that the model's comparison found, if it found one.
pub fn agree(outcome: Result<(), String>) {
    if let Err(difference) = outcome {
        panic!("{difference}");
    }
}

/// The error of a call with these texts, which is to be refused for one of `kinds`.
pub fn expect<T: std::fmt::Debug>(
    outcome: Result<T, Error>,
    kinds: &[ErrorKind],
    texts: &[(&str, Option<&[u8]>)],
) -> Error {
    let shown = || texts.iter().map(|(name, text)| (*name, text.map(String::from_utf8_lossy))).collect::<Vec<_>>();
    let error = match outcome {
        Err(error) if kinds.contains(&error.kind) => error,
        other => panic!("got {other:?}, wanted one of {kinds:?} for {:?}", shown()),
    };
    if error.kind == ErrorKind::InvalidJson {
        let text = texts.iter().find(|(name, _)| error.json["in"] == *name).and_then(|(_, text)| *text);
        let offset = error.json["offset"].as_u64();
        let inside = text.zip(offset).is_some_and(|(text, offset)| offset <= text.len() as u64);
        assert!(inside, "{error:?} is about no byte of {:?}", shown());
    }
    error
}
