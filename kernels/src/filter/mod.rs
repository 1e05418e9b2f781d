//! Compaction: the lanes whose bits are set, in order. By a selection, see [`crate::gather`].

mod bits;
mod values;

pub use bits::filter_bits;
pub use values::{filter, filter_to_vec};
