//! An input of the targets that take texts.

use arbitrary::{Arbitrary, Unstructured};
use std::fmt;

/// Texts, told apart by the byte FF. A text that is the byte FE alone is an absent one. No UTF-8 holds either, and
/// other bytes are as wrong.
pub struct Texts<'a>(Vec<&'a [u8]>);

const END: u8 = 0xff;
const ABSENT: &[u8] = &[0xfe];

impl<'a> Texts<'a> {
    /// The text at this place, if there is one.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.0.get(index).copied().filter(|text| *text != ABSENT)
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.0.len()
    }
}

impl<'a> Arbitrary<'a> for Texts<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Texts<'a>> {
        let bytes = input.bytes(input.len())?;
        Ok(Texts(bytes.split(|byte| *byte == END).collect()))
    }
}

impl fmt::Debug for Texts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|text| String::from_utf8_lossy(text))).finish()
    }
}
