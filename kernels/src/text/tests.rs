//! Predicates on views against the same predicates on byte slices; LIKE against a backtracking matcher.

use super::*;
use crate::compare::Comparison;
use crate::conformance::{Random, each_level, lengths, mask_of};
use crate::vector::Views;

/// Strings of few letters, so that needles occur, with their views.
fn column(random: &mut Random, len: usize) -> (Vec<Vec<u8>>, Vec<u128>, Vec<Vec<u8>>) {
    let letters = ["a", "b", "ab", "é", "%", "_", "\\", "\0"];
    let mut strings = Vec::new();
    let (mut views, mut buffer) = (Vec::new(), b"abab".to_vec());
    for _ in 0..len {
        let pieces = [0, 1, 3, 6, 12, 13, 40, 90][random.below(8)];
        let string: Vec<u8> =
            (0..pieces).flat_map(|_| letters[random.below(8).min(random.below(8))].bytes()).collect();
        views.push(Views::inline(&string).unwrap_or_else(|| {
            buffer.extend(&string);
            Views::reference(&string, 1, (buffer.len() - string.len()) as u32)
        }));
        strings.push(string);
    }
    (strings, views, vec![Vec::new(), buffer])
}

fn conforms(
    name: &str,
    wanted: impl Fn(&[u8]) -> bool,
    found: impl Fn(&[u128], &[Vec<u8>], Option<&[u64]>, &mut [u64]),
) {
    let mut random = Random::new();
    for len in lengths().step_by(7) {
        let (strings, views, buffers) = column(&mut random, len);
        let live = random.masks(len).swap_remove(2);
        each_level(|level| {
            let mut mask = vec![7; len.div_ceil(64)];
            found(&views, &buffers, None, &mut mask);
            for (lane, string) in strings.iter().enumerate() {
                let text = String::from_utf8_lossy(string);
                assert_eq!(crate::bitmap::get(&mask, lane), wanted(string), "{level:?} {name} {text:?}");
            }
            let mut live_mask = vec![7; mask.len()];
            found(&views, &buffers, Some(&live), &mut live_mask);
            crate::bitmap::and_with(&mut mask, &live);
            assert_eq!(live_mask, mask, "{level:?} {name}");
        });
    }
}

const NEEDLES: [&str; 8] = ["", "a", "ab", "aba", "abab", "ababa", "aabbaabbaabbaa", "é"];

#[test]
fn constants() {
    for needle in NEEDLES {
        let bytes = needle.as_bytes();
        for comparison in
            [Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge]
        {
            let wanted = |string: &[u8]| match comparison {
                Comparison::Eq => string == bytes,
                Comparison::Ne => string != bytes,
                Comparison::Lt => string < bytes,
                Comparison::Le => string <= bytes,
                Comparison::Gt => string > bytes,
                Comparison::Ge => string >= bytes,
            };
            conforms(needle, wanted, |views, buffers, live, mask| {
                compare_constant(comparison, views, buffers, bytes, live, mask);
            });
        }
        conforms(
            needle,
            |string| string.starts_with(bytes),
            |views, buffers, live, mask| {
                starts_with(views, buffers, bytes, live, mask);
            },
        );
        let finder = Finder::new(bytes);
        let contained =
            |string: &[u8]| bytes.is_empty() || string.windows(bytes.len()).any(|window| window == bytes);
        conforms(needle, contained, |views, buffers, live, mask| {
            contains(views, buffers, &finder, live, mask);
        });
    }
}

#[test]
fn lanes_with_lanes() {
    let mut random = Random::new();
    for len in lengths().step_by(5) {
        let (left, left_views, left_buffers) = column(&mut random, len);
        let (mut right, mut right_views, right_buffers) = column(&mut random, len);
        for lane in 0..len {
            if left[lane].len() <= INLINE_BYTES && lane % 2 == 0 {
                right[lane] = left[lane].clone();
                right_views[lane] = left_views[lane];
            }
        }
        for (comparison, wanted) in [
            (Comparison::Eq, mask_of(len, |lane| left[lane] == right[lane])),
            (Comparison::Ne, mask_of(len, |lane| left[lane] != right[lane])),
            (Comparison::Lt, mask_of(len, |lane| left[lane] < right[lane])),
            (Comparison::Ge, mask_of(len, |lane| left[lane] >= right[lane])),
        ] {
            let mut mask = vec![7; len.div_ceil(64)];
            let sides = (
                (left_views.as_slice(), left_buffers.as_slice()),
                (right_views.as_slice(), right_buffers.as_slice()),
            );
            compare(comparison, sides.0, sides.1, None, &mut mask);
            assert_eq!(mask, wanted, "{comparison:?}");
        }
        let mut mask = vec![7; len.div_ceil(64)];
        let side = (left_views.as_slice(), left_buffers.as_slice());
        compare(Comparison::Eq, side, side, None, &mut mask);
        assert_eq!(mask, mask_of(len, |_| true));
    }
}

/// The textbook matcher.
fn backtracking(string: &[char], pattern: &[char]) -> bool {
    match pattern {
        [] => string.is_empty(),
        ['%', rest @ ..] => (0..=string.len()).any(|from| backtracking(&string[from..], rest)),
        ['_', rest @ ..] => !string.is_empty() && backtracking(&string[1..], rest),
        ['\\', letter, rest @ ..] | [letter, rest @ ..] => {
            string.first() == Some(letter) && backtracking(&string[1..], rest)
        }
    }
}

#[test]
fn patterns() {
    let patterns = [
        "",
        "%",
        "%%",
        "_",
        "__",
        "_%",
        "%_",
        "a%",
        "%a",
        "%ab%",
        "%ab%ba%",
        "%ab%ab%ab%",
        "ab",
        "a_b",
        "a%b",
        "a_%b",
        "%_a_%",
        "%é_%",
        "_é%",
        "%_é",
        "a%_",
        "ab%ab",
        "%ab%a_",
        "\\%%",
        "%\\_%",
        "%\\\\%",
        "a%b%a",
        "%aab%bba%",
    ];
    for pattern in patterns {
        let prepared = LikePattern::new(pattern.as_bytes(), Some(b'\\')).unwrap();
        let characters: Vec<char> = pattern.chars().collect();
        let wanted = |string: &[u8]| {
            let string: Vec<char> = std::str::from_utf8(string).unwrap().chars().take(90).collect();
            backtracking(&string, &characters)
        };
        let mut random = Random::new();
        let (strings, views, buffers) = column(&mut random, 300);
        let short: Vec<u64> = mask_of(300, |lane| strings[lane].len() < 60);
        each_level(|level| {
            let mut mask = vec![7; 5];
            like(&views, &buffers, &prepared, Some(&short), &mut mask);
            for lane in crate::bitmap::ones(&short) {
                let text = String::from_utf8_lossy(&strings[lane]);
                assert_eq!(
                    crate::bitmap::get(&mask, lane),
                    wanted(&strings[lane]),
                    "{level:?} {pattern} {text:?}"
                );
            }
        });
    }
    assert!(LikePattern::new(b"a\\", Some(b'\\')).is_none());
    assert!(LikePattern::new(b"a\\", None).unwrap().matches(b"a\\"));
}

#[test]
fn a_wrong_view_matches_nothing() {
    let views = [u128::MAX, Views::reference(&[b'a'; 20], 0, 90)];
    let buffers = [vec![b'a'; 100]];
    let mut mask = [7];
    contains(&views, &buffers, &Finder::new(b"a"), None, &mut mask);
    assert_eq!(mask, [0]);
}
