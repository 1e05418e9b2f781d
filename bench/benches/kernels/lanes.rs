//! Comparison, selection, compaction, gathering.

use crate::support::{Bench, LANES, VECTOR, lanes, mask, masked_vectors, no_peers, vectors};
use kernels::compare::{self, Comparison, Lane};
use kernels::{bitmap, filter, gather};

const WORDS: usize = VECTOR / 64;

/// Measures the kernels of this topic.
pub fn run(bench: &mut Bench) {
    let i64s = lanes(|bits| (bits % 100_000) as i64);
    let i32s: Vec<i32> = i64s.iter().map(|&lane| lane as i32).collect();
    let f64s: Vec<f64> = i64s.iter().map(|&lane| lane as f64).collect();
    let bytes = lanes(|bits| bits as u8);
    let shorts = lanes(|bits| bits as i16);
    let wide: Vec<i128> = i64s.iter().map(|&lane| lane.into()).collect();
    comparison(bench, "i16", &shorts, 5000, peers::comparison_i16(&shorts));
    comparison(bench, "i32", &i32s, 50_000, peers::comparison_i32(&i32s));
    comparison(bench, "i64", &i64s, 50_000, peers::comparison_i64(&i64s));
    comparison(bench, "f64", &f64s, 50_000.0, peers::comparison_f64(&f64s));
    comparison(bench, "u8", &bytes, 100, no_peers());
    comparison(bench, "i128", &wide, 50_000, no_peers());

    let mut out_mask = [0; WORDS];
    let between = || vectors(&i32s, |vector| compare::between(vector, 10_000, 20_000, &mut out_mask));
    bench.measure("between/i32", LANES * 4, between, no_peers());

    for (name, sparsity) in [("1 in 2", 1), ("1 in 8", 3), ("1 in 64", 6)] {
        let mask = mask(sparsity);
        let mut selection = [0; VECTOR];
        let select = || {
            mask.chunks_exact(WORDS).for_each(|mask| {
                bitmap::selection_from_mask(mask, &mut selection);
            });
        };
        bench.measure(&format!("selection/{name}"), LANES / 8, select, no_peers());
        let mut out = [0; VECTOR];
        let compact = || {
            masked_vectors(&i64s, &mask, |vector, mask| {
                filter::filter(vector, mask, &mut out);
            });
        };
        bench.measure(&format!("filter/i64/{name}"), LANES * 8, compact, peers::filter_i64(&i64s, &mask));
        let mut out = [0; VECTOR];
        let compact = || {
            masked_vectors(&i32s, &mask, |vector, mask| {
                filter::filter(vector, mask, &mut out);
            });
        };
        bench.measure(&format!("filter/i32/{name}"), LANES * 4, compact, peers::filter_i32(&i32s, &mask));
    }

    let positions = lanes(|bits| (bits % VECTOR as u64) as u16);
    let mut out = [0; VECTOR];
    let gathered = || {
        i64s.chunks_exact(VECTOR).zip(positions.chunks_exact(VECTOR)).for_each(|(vector, positions)| {
            gather::gather(vector, positions, &mut out);
        });
    };
    bench.measure("gather/i64 by u16", LANES * 10, gathered, peers::gather_i64(&i64s, &positions));
}

fn comparison<T: Lane>(
    bench: &mut Bench,
    name: &str,
    column: &[T],
    constant: T,
    peers: Vec<crate::support::Peer<'_>>,
) {
    let mut mask = [0; WORDS];
    let kernel = || {
        vectors(column, |vector| compare::compare_constant(Comparison::Lt, vector, constant, &mut mask));
    };
    bench.measure(&format!("compare/{name} with constant"), size_of_val(column), kernel, peers);
}

#[cfg(not(feature = "peers"))]
mod peers {
    use crate::support::{Peer, no_peers};

    pub fn comparison_i16<'a>(_: &[i16]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn comparison_i32<'a>(_: &[i32]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn comparison_i64<'a>(_: &[i64]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn comparison_f64<'a>(_: &[f64]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn filter_i64<'a>(_: &[i64], _: &[u64]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn filter_i32<'a>(_: &[i32], _: &[u64]) -> Vec<Peer<'a>> {
        no_peers()
    }
    pub fn gather_i64<'a>(_: &[i64], _: &[u16]) -> Vec<Peer<'a>> {
        no_peers()
    }
}

#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;

    use arrow_array::{BooleanArray, PrimitiveArray, Scalar, UInt16Array, types};
    use polars_arrow::array::PrimitiveArray as PolarsArray;
    use polars_arrow::bitmap::Bitmap;
    use polars_compute::comparisons::TotalOrdKernel;

    use crate::support::{Peer, VECTOR};

    macro_rules! comparisons {
        ($($name:ident, $lane:ty, $arrow:ty, $constant:expr;)*) => {$(
            pub fn $name<'a>(column: &[$lane]) -> Vec<Peer<'a>> {
                let arrow: Vec<PrimitiveArray<$arrow>> =
                    column.chunks_exact(VECTOR).map(|vector| vector.to_vec().into()).collect();
                let constant = Scalar::new(PrimitiveArray::<$arrow>::from(vec![$constant]));
                let polars: Vec<PolarsArray<$lane>> =
                    column.chunks_exact(VECTOR).map(|vector| PolarsArray::from_vec(vector.to_vec())).collect();
                vec![
                    ("arrow", Box::new(move || {
                        for vector in &arrow {
                            black_box(arrow_ord::cmp::lt(vector, &constant)).ok();
                        }
                    })),
                    ("polars", Box::new(move || {
                        for vector in &polars {
                            black_box(vector.tot_lt_kernel_broadcast(&$constant));
                        }
                    })),
                ]
            }
        )*};
    }

    comparisons! {
        comparison_i16, i16, types::Int16Type, 5000i16;
        comparison_i32, i32, types::Int32Type, 50_000i32;
        comparison_i64, i64, types::Int64Type, 50_000i64;
        comparison_f64, f64, types::Float64Type, 50_000f64;
    }

    macro_rules! filters {
        ($($name:ident, $lane:ty, $arrow:ty;)*) => {$(
            pub fn $name<'a>(column: &[$lane], mask: &[u64]) -> Vec<Peer<'a>> {
                let bytes: Vec<u8> = mask.iter().flat_map(|word| word.to_le_bytes()).collect();
                let masks: Vec<Bitmap> =
                    bytes.chunks_exact(VECTOR / 8).map(|bytes| Bitmap::from_u8_slice(bytes, VECTOR)).collect();
                let arrow: Vec<(PrimitiveArray<$arrow>, BooleanArray)> = column
                    .chunks_exact(VECTOR)
                    .zip(&masks)
                    .map(|(vector, mask)| (vector.to_vec().into(), mask.iter().map(Some).collect()))
                    .collect();
                let polars: Vec<(PolarsArray<$lane>, Bitmap)> = column
                    .chunks_exact(VECTOR)
                    .zip(masks)
                    .map(|(vector, mask)| (PolarsArray::from_vec(vector.to_vec()), mask))
                    .collect();
                vec![
                    ("arrow", Box::new(move || {
                        for (vector, mask) in &arrow {
                            black_box(arrow_select::filter::filter(vector, mask)).ok();
                        }
                    })),
                    ("polars", Box::new(move || {
                        for (vector, mask) in &polars {
                            black_box(polars_compute::filter::filter_with_bitmap(vector, mask));
                        }
                    })),
                ]
            }
        )*};
    }

    filters! {
        filter_i64, i64, types::Int64Type;
        filter_i32, i32, types::Int32Type;
    }

    pub fn gather_i64<'a>(column: &[i64], positions: &[u16]) -> Vec<Peer<'a>> {
        let arrow: Vec<(PrimitiveArray<types::Int64Type>, UInt16Array)> = column
            .chunks_exact(VECTOR)
            .zip(positions.chunks_exact(VECTOR))
            .map(|(vector, positions)| (vector.to_vec().into(), positions.to_vec().into()))
            .collect();
        vec![(
            "arrow",
            Box::new(move || {
                for (vector, positions) in &arrow {
                    black_box(arrow_select::take::take(vector, positions, None)).ok();
                }
            }),
        )]
    }
}
