//! Predicates and hashes of strings. Bytes are those of the views and of the strings they point to.

use crate::support::{Bench, VECTOR, lanes, no_peers};
use kernels::compare::Comparison;
use kernels::text::{self, Finder, LikePattern};
use kernels::vector::Views;
use kernels::{hash, text as predicates};

const WORDS: usize =
    ["green", "special", "requests", "packages", "carefully", "final", "deposits", "the"].len();
const VOCABULARY: [&str; WORDS] =
    ["green", "special", "requests", "packages", "carefully", "final", "deposits", "the"];

/// Fewer strings than lanes elsewhere: they take more bytes each.
const STRINGS: usize = 1 << 18;

/// Measures the kernels of this topic.
pub fn run(bench: &mut Bench) {
    let draws = lanes(|bits| bits);
    let words = |index: usize, count: usize| -> String {
        let word = |position: usize| VOCABULARY[(draws[index] >> (3 * position)) as usize % WORDS];
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    };
    let short: Vec<String> = (0..STRINGS).map(|index| words(index, 1)).collect();
    let long: Vec<String> = (0..STRINGS).map(|index| words(index, 6)).collect();
    let mut mask = [0; VECTOR / 64];
    let buffers: [&[u8]; 0] = [];
    let views: Vec<u128> = short.iter().filter_map(|string| Views::inline(string.as_bytes())).collect();

    let mut kernel = || {
        views
            .chunks_exact(VECTOR)
            .for_each(|views| text::equal_constant(views, &buffers, b"green", None, &mut mask));
    };
    bench.measure("equal/short", STRINGS * 16, &mut kernel, peers::equal(&short, "green"));
    let mut mask = [0; VECTOR / 64];
    let kernel = || {
        for views in views.chunks_exact(VECTOR) {
            predicates::compare_constant(Comparison::Lt, views, &buffers, b"green", None, &mut mask);
        }
    };
    bench.measure("less/short", STRINGS * 16, kernel, no_peers());
    let mut hashes = [0; VECTOR];
    let kernel = || {
        views.chunks_exact(VECTOR).for_each(|views| hash::hash_views(views, &buffers, None, &mut hashes));
    };
    bench.measure("hash/short", STRINGS * 16, kernel, no_peers());

    let buffer: Vec<u8> = long.iter().flat_map(|string| string.bytes()).collect();
    let mut offset = 0;
    let mut view = |string: &String| {
        let view = Views::inline(string.as_bytes())
            .unwrap_or_else(|| Views::reference(string.as_bytes(), 0, offset));
        offset += string.len() as u32;
        view
    };
    let views: Vec<u128> = long.iter().map(&mut view).collect();
    let bytes = STRINGS * 16 + buffer.len();
    let buffers = [buffer.as_slice()];
    for pattern in ["special requ%", "%green%", "%special%requests%", "%deposits the", "%g_een%"] {
        let prepared = LikePattern::new(pattern.as_bytes(), Some(b'\\'));
        let mut mask = [0; VECTOR / 64];
        let kernel = || {
            for views in views.chunks_exact(VECTOR) {
                if let Some(prepared) = &prepared {
                    text::like(views, &buffers, prepared, None, &mut mask);
                }
            }
        };
        bench.measure(&format!("like/{pattern}"), bytes, kernel, peers::like(&long, pattern));
    }
    let finder = Finder::new(b"deposits the green");
    let mut mask = [0; VECTOR / 64];
    let kernel = || {
        views
            .chunks_exact(VECTOR)
            .for_each(|views| text::contains(views, &buffers, &finder, None, &mut mask));
    };
    bench.measure("contains/long needle", bytes, kernel, no_peers());
    let mut hashes = [0; VECTOR];
    let kernel = || {
        views.chunks_exact(VECTOR).for_each(|views| hash::hash_views(views, &buffers, None, &mut hashes));
    };
    bench.measure("hash/long", bytes, kernel, no_peers());
}

#[cfg(not(feature = "peers"))]
mod peers {
    use crate::support::{Peer, no_peers};

    pub fn equal<'a>(_: &[String], _: &str) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn like<'a>(_: &[String], _: &str) -> Vec<Peer<'a>> {
        no_peers()
    }
}

#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;

    use arrow_array::StringViewArray;

    use crate::support::{Peer, VECTOR};

    pub fn equal<'a>(column: &[String], constant: &str) -> Vec<Peer<'a>> {
        let arrays = arrays(column);
        let constant = StringViewArray::new_scalar(constant);
        vec![(
            "arrow",
            Box::new(move || {
                for vector in &arrays {
                    black_box(arrow_ord::cmp::eq(vector, &constant)).ok();
                }
            }),
        )]
    }

    pub fn like<'a>(column: &[String], pattern: &str) -> Vec<Peer<'a>> {
        let arrays = arrays(column);
        let pattern = StringViewArray::new_scalar(pattern);
        vec![(
            "arrow",
            Box::new(move || {
                for vector in &arrays {
                    black_box(arrow_string::like::like(vector, &pattern)).ok();
                }
            }),
        )]
    }

    fn arrays(column: &[String]) -> Vec<StringViewArray> {
        column.chunks_exact(VECTOR).map(StringViewArray::from_iter_values).collect()
    }
}
