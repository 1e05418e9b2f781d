//! Hashes against test vectors computed with Python's integers from the formulas in the module's documentation.

use super::*;
use crate::conformance::{Random, bit, lengths};
use crate::vector::Views;

fn source() -> Vec<u8> {
    (0..300).map(|index| (index * 7 + 3) as u8).collect()
}

#[test]
fn pinned() {
    const INTEGERS: [(i128, u64); 7] = [
        (0, 0xCA81_3BF4_C7AB_F0A9),
        (1, 0x5ED9_C758_B9C4_8DE0),
        (-1, 0xD111_BBF2_944B_FA09),
        (42, 0xC8FB_BAA5_EFA8_D95F),
        (-9223372036854775808, 0x0CA5_61BE_9C54_2E04),
        (18446744073709551616, 0xFD6E_37C6_71E1_9C71),
        (i128::MIN, 0xDD30_C682_0175_600D),
    ];
    const STRINGS: [(usize, u64); 12] = [
        (0, 0xCA81_3BF4_C7AB_F0A9),
        (1, 0xABD5_E8D9_3D30_950E),
        (8, 0x83F9_B32D_A648_F1B9),
        (12, 0xA0A9_9A3F_89D9_DE9C),
        (13, 0xD0E4_9C81_8269_1B97),
        (15, 0xE6FF_880F_8840_EAD8),
        (16, 0x635D_C479_6322_C327),
        (17, 0xF0FD_7B3F_B63F_80C4),
        (64, 0xBDA1_DD1A_5F03_B245),
        (65, 0x60C8_9246_6CAD_C991),
        (128, 0x99CC_715C_AF88_A263),
        (300, 0x2B6D_8649_6AE9_E47C),
    ];
    for (value, wanted) in INTEGERS {
        assert_eq!(hash_one(value), wanted, "{value}");
        if let Ok(narrow) = i64::try_from(value) {
            assert_eq!(hash_one(narrow), wanted);
        }
        if let Ok(narrow) = i16::try_from(value) {
            assert_eq!(hash_one(narrow), wanted);
            assert_eq!(hash_one(i32::from(narrow)), wanted);
        }
    }
    for (len, wanted) in STRINGS {
        assert_eq!(hash_bytes(&source()[..len]), wanted, "{len}");
    }
    assert_eq!(hash_null(), 0x8302_55EA_47F7_697C);
    assert_eq!(hash_one(1.5f64), 0x3CC6_8169_10E1_312F);
    assert_eq!(hash_one(1.5f32), 0x3CC6_8169_10E1_312F);
    assert_eq!(hash_one(-f64::NAN), 0x5BB4_9C0E_0B15_DA59);
    assert_eq!(hash_one(f32::NAN), 0x5BB4_9C0E_0B15_DA59);
    assert_eq!(hash_one(-0.0f64), hash_one(0.0f64));
    assert_eq!(combine_one(hash_one(1i64), 2i32), 0x2647_C9C4_3FB5_0187);
    let uuid: [u8; 16] = std::array::from_fn(|index| index as u8);
    assert_eq!(hash_one(uuid), 0x52E9_0F27_1A89_3B82);
}

#[test]
fn columns_equal_single_values() {
    let mut random = Random::new();
    for len in lengths() {
        let values = &random.lanes::<i32>(len + 1)[1..];
        for validity in random.masks(len) {
            let mut hashes = vec![0; len];
            hash(values, Some(&validity), &mut hashes);
            let valid = |lane| bit(&validity, lane);
            let one = |lane: usize| if valid(lane) { hash_one(values[lane]) } else { hash_null() };
            assert!((0..len).all(|lane| hashes[lane] == one(lane)));
            combine(values, Some(&validity), &mut hashes);
            let two = |lane: usize| match valid(lane) {
                true => combine_one(one(lane), values[lane]),
                false => combine_null(one(lane)),
            };
            assert!((0..len).all(|lane| hashes[lane] == two(lane)));
        }
    }
}

#[test]
fn views_hash_like_their_bytes() {
    let source = source();
    let buffers = [source.as_slice()];
    let views: Vec<u128> = (0..=200)
        .map(|len| Views::inline(&source[..len]).unwrap_or_else(|| Views::reference(&source[..len], 0, 0)))
        .collect();
    let mut hashes = vec![0; views.len()];
    hash_views(&views, &buffers, None, &mut hashes);
    for (len, &hash) in hashes.iter().enumerate() {
        assert_eq!(hash, first(hash_bytes(&source[..len])));
    }
    let before = hashes.clone();
    combine_views(&views, &buffers, None, &mut hashes);
    for (len, &hash) in hashes.iter().enumerate() {
        assert_eq!(hash, next(before[len], hash_bytes(&source[..len])));
    }
}
