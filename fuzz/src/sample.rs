//! Stands in for `proptest::sample`, whose `Index` only proptest can make.

/// A place in a collection whose size is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Index(pub u8);

impl Index {
    /// A place below `size`, which is not 0.
    pub fn index(&self, size: usize) -> usize {
        usize::from(self.0) % size
    }
}
