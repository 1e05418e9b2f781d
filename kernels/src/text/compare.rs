//! Equality, order by bytes, and prefixes.

use std::cmp::Ordering;
use std::ops::Deref;

use super::{INLINE_BYTES, bytes_of, fill, fill_filtered, inline_bytes, inline_view};
use crate::compare::{self as lanes, Comparison};

/// Compares two strings byte by byte.
#[inline]
pub fn order<L: Deref<Target = [u8]>, R: Deref<Target = [u8]>>(
    left: &u128,
    left_buffers: &[L],
    right: &u128,
    right_buffers: &[R],
) -> Ordering {
    prefix(left).cmp(&prefix(right)).then_with(|| {
        let left = bytes_of(left, left_buffers).unwrap_or_default();
        left.cmp(bytes_of(right, right_buffers).unwrap_or_default())
    })
}

/// Returns the first four bytes as a number in their order; a shorter string is padded with zeros, which
/// decides nothing wrongly: the rest of the comparison knows the lengths.
#[inline(always)]
fn prefix(view: &u128) -> u32 {
    ((*view >> 32) as u32).swap_bytes()
}

#[inline(always)]
fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
    }
}

/// Sets the bits of the live lanes for which `left comparison right` holds by bytes.
pub fn compare<L: Deref<Target = [u8]>, R: Deref<Target = [u8]>>(
    comparison: Comparison,
    (left, left_buffers): (&[u128], &[L]),
    (right, right_buffers): (&[u128], &[R]),
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    assert_eq!(left.len(), right.len());
    match comparison {
        Comparison::Eq | Comparison::Ne => {
            let flip = comparison == Comparison::Ne;
            fill(left.len(), live, mask, |lane| {
                let (left, right) = (&left[lane], &right[lane]);
                let equal = *left as u64 == *right as u64
                    && if *left as u32 as usize <= INLINE_BYTES {
                        left == right
                    } else {
                        bytes_of(left, left_buffers) == bytes_of(right, right_buffers)
                    };
                equal != flip
            });
        }
        Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
            fill(left.len(), live, mask, |lane| {
                holds(comparison, order(&left[lane], left_buffers, &right[lane], right_buffers))
            });
        }
    }
}

/// Sets the bits of the live lanes for which `lane comparison constant` holds by bytes.
pub fn compare_constant<B: Deref<Target = [u8]>>(
    comparison: Comparison,
    views: &[u128],
    buffers: &[B],
    constant: &[u8],
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    match comparison {
        Comparison::Eq => equal_constant(views, buffers, constant, live, mask),
        Comparison::Ne => {
            equal_constant(views, buffers, constant, live, mask);
            for (index, word) in mask.iter_mut().enumerate() {
                let live = live.map_or(u64::MAX, |live| live[index]);
                *word = !*word & live;
            }
            crate::bitmap::clear_tail(mask, views.len());
        }
        Comparison::Lt | Comparison::Le | Comparison::Gt | Comparison::Ge => {
            let mut padded = [0; 4];
            let len = constant.len().min(4);
            padded[..len].copy_from_slice(&constant[..len]);
            let constant_prefix = u32::from_be_bytes(padded);
            fill(views.len(), live, mask, |lane| {
                let view = &views[lane];
                let order = prefix(view).cmp(&constant_prefix);
                let order = order.then_with(|| bytes_of(view, buffers).unwrap_or_default().cmp(constant));
                holds(comparison, order)
            });
        }
    }
}

/// Sets the bits of the live lanes that equal the constant.
pub fn equal_constant<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    constant: &[u8],
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    if let Some(view) = inline_view(constant) {
        // Equal views are equal strings: one comparison of 16 bytes a lane.
        lanes::compare_constant(Comparison::Eq, views, view, mask);
        if let Some(live) = live {
            crate::bitmap::and_with(mask, live);
        }
        return;
    }
    let Ok(len) = u32::try_from(constant.len()) else {
        mask.fill(0);
        return;
    };
    let prefix = constant.first_chunk().map_or(0, |prefix| u32::from_le_bytes(*prefix));
    let low = u64::from(len) | u64::from(prefix) << 32;
    fill_filtered(views, live, mask, |view| view == low, |view| bytes_of(view, buffers) == Some(constant));
}

/// Sets the bits of the live lanes that start with the prefix.
pub fn starts_with<B: Deref<Target = [u8]>>(
    views: &[u128],
    buffers: &[B],
    prefix: &[u8],
    live: Option<&[u64]>,
    mask: &mut [u64],
) {
    let mut head = [0; 4];
    let head_len = prefix.len().min(4);
    head[..head_len].copy_from_slice(&prefix[..head_len]);
    let head = u32::from_le_bytes(head);
    let keep = if head_len == 4 { u32::MAX } else { (1 << (8 * head_len)) - 1 };
    let len_min = prefix.len() as u64;
    let may_match = |view: u64| ((view >> 32) as u32 & keep == head) & (view & 0xFFFF_FFFF >= len_min);
    fill_filtered(views, live, mask, may_match, |view| {
        let len = *view as u32 as usize;
        if prefix.len() <= 4 {
            true
        } else if len <= INLINE_BYTES {
            inline_bytes(view)[4..].starts_with(prefix)
        } else {
            bytes_of(view, buffers).is_some_and(|bytes| bytes.starts_with(prefix))
        }
    });
}
