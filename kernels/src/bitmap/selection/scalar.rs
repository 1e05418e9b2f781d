//! The definition: the other files must agree with this one.

pub(super) fn selection_from_mask(mask: &[u64], selection: &mut [u16]) {
    for (lane, slot) in super::ones(mask).zip(selection) {
        *slot = lane as u16;
    }
}
