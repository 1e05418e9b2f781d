//! The definition: the other files must agree with this one.

pub(super) fn filter<T: Copy>(values: &[T], mask: &[u64], out: &mut [T]) {
    for (lane, slot) in crate::bitmap::ones(mask).zip(out) {
        *slot = values[lane];
    }
}
