//! The definition: the other files must agree with this one bit for bit.

use super::{Packable, unit};

pub(super) fn unpack<T: Packable>(packed: &[u64], width: u32, base: T, out: &mut [T]) {
    for (position, slot) in out.iter_mut().enumerate() {
        *slot = T::from_offset(base, unit::value(packed, width, position));
    }
}
