//! Arithmetic, aggregates, hashes and dates.

use crate::support::{Bench, LANES, VECTOR, lanes, mask, masked_vectors, no_peers, vectors};
use kernels::arith::{self, Operand};
use kernels::date::{self, DateField};
use kernels::{aggregate, hash};
use std::hint::black_box;

const WORDS: usize = VECTOR / 64;

/// Measures the kernels of this topic.
pub fn run(bench: &mut Bench) {
    let i64s = lanes(|bits| (bits % 100_000) as i64);
    let i32s: Vec<i32> = i64s.iter().map(|&lane| lane as i32).collect();
    let f64s: Vec<f64> = i64s.iter().map(|&lane| lane as f64 + 1.0).collect();
    arithmetic(bench, &i64s, &i32s, &f64s);
    aggregates(bench, &i64s, &i32s, &f64s);

    let mut hashes = [0; VECTOR];
    let kernel = || vectors(&i64s, |vector| hash::hash(vector, None, &mut hashes));
    bench.measure("hash/i64", LANES * 8, kernel, no_peers());
    let mut hashes = [0; VECTOR];
    let kernel = || vectors(&i32s, |vector| hash::combine(vector, None, &mut hashes));
    bench.measure("hash/i32 combined", LANES * 4, kernel, no_peers());

    for (name, field) in
        [("year", DateField::Year), ("month", DateField::Month), ("month start", DateField::MonthStart)]
    {
        let (mut out, mut faults) = ([0; VECTOR], [0; WORDS]);
        let kernel = || {
            vectors(&i32s, |vector| {
                date::extract(field, vector, &mut out, &mut faults);
            });
        };
        let peers = if name == "month start" { no_peers() } else { peers::date(name, &i32s) };
        bench.measure(&format!("date/{name}"), LANES * 4, kernel, peers);
    }
}

fn arithmetic(bench: &mut Bench, i64s: &[i64], i32s: &[i32], f64s: &[f64]) {
    macro_rules! checked {
        ($name:literal, $operation:path, $column:expr, $zero:expr, $peers:expr) => {
            let (mut out, mut faults) = ([$zero; VECTOR], [0; WORDS]);
            let kernel = || {
                vectors($column, |vector| {
                    black_box($operation(vector.into(), vector.into(), &mut out, &mut faults));
                });
            };
            bench.measure($name, 2 * size_of_val($column), kernel, $peers);
        };
    }
    checked!("add/i32", arith::add, i32s, 0, peers::add_i32(i32s));
    checked!("add/i64", arith::add, i64s, 0, peers::add_i64(i64s));
    checked!("mul/i64", arith::mul, i64s, 0, peers::mul_i64(i64s));
    checked!("mul/f64", arith::mul, f64s, 0.0, peers::mul_f64(f64s));
    checked!("div/f64", arith::div, f64s, 0.0, peers::div_f64(f64s));

    let mut out = [0; VECTOR];
    let kernel = || vectors(i64s, |vector| arith::mul_unchecked(vector.into(), vector.into(), &mut out));
    bench.measure("mul/i64 unchecked", LANES * 16, kernel, no_peers());
    let (mut out, mut faults) = ([0; VECTOR], [0; WORDS]);
    let kernel = || {
        vectors(i64s, |vector| {
            black_box(arith::sub(Operand::Constant(100), vector.into(), &mut out, &mut faults));
        });
    };
    bench.measure("sub/i64 from constant", LANES * 8, kernel, no_peers());
    let (mut out, mut faults) = ([0; VECTOR], [0; WORDS]);
    let kernel = || {
        vectors(i32s, |vector| {
            black_box(arith::div(vector.into(), Operand::Constant(7), &mut out, &mut faults));
        });
    };
    bench.measure("div/i32 by constant", LANES * 4, kernel, no_peers());
}

fn aggregates(bench: &mut Bench, i64s: &[i64], i32s: &[i32], f64s: &[f64]) {
    let kernel = || {
        vectors(i64s, |vector| {
            black_box(aggregate::sum_i64(vector, None));
        })
    };
    bench.measure("sum/i64", LANES * 8, kernel, peers::sum_i64(i64s));
    let kernel = || {
        vectors(i32s, |vector| {
            black_box(aggregate::sum_i32(vector, None));
        })
    };
    bench.measure("sum/i32", LANES * 4, kernel, no_peers());
    let kernel = || {
        vectors(f64s, |vector| {
            black_box(aggregate::sum_f64(0.0, vector, None));
        })
    };
    bench.measure("sum/f64 in order", LANES * 8, kernel, no_peers());
    let half = mask(1);
    let kernel = || {
        masked_vectors(i64s, &half, |vector, mask| {
            black_box(aggregate::sum_i64(vector, Some(mask)));
        })
    };
    bench.measure("sum/i64 under a mask", LANES * 8, kernel, no_peers());
    let kernel = || {
        vectors(i64s, |vector| {
            black_box(aggregate::min(vector, None));
        })
    };
    bench.measure("min/i64", LANES * 8, kernel, peers::min_i64(i64s));

    for group_count in [4u64, 16, 1000] {
        let groups = lanes(|bits| (bits % group_count) as u16);
        let mut sums = vec![0i128; group_count as usize];
        let kernel = || {
            i64s.chunks_exact(VECTOR).zip(groups.chunks_exact(VECTOR)).for_each(|(vector, groups)| {
                aggregate::grouped::sum_i64(vector, groups, None, &mut sums);
            });
        };
        bench.measure(&format!("sum/i64 of {group_count} groups"), LANES * 10, kernel, no_peers());
    }
}

#[cfg(not(feature = "peers"))]
mod peers {
    use crate::support::{Peer, no_peers};

    macro_rules! none {
        ($($name:ident, $lane:ty;)*) => {$(
            pub fn $name<'a>(_: &[$lane]) -> Vec<Peer<'a>> {
                no_peers()
            }
        )*};
    }

    none! { add_i32, i32; add_i64, i64; mul_i64, i64; mul_f64, f64; div_f64, f64; sum_i64, i64; min_i64, i64; }

    pub fn date<'a>(_: &str, _: &[i32]) -> Vec<Peer<'a>> {
        no_peers()
    }
}

#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;

    use arrow_arith::temporal::DatePart;
    use arrow_array::{Date32Array, PrimitiveArray, types};
    use polars_arrow::array::PrimitiveArray as PolarsArray;
    use polars_compute::arithmetic::ArithmeticKernel;
    use polars_compute::min_max::MinMaxKernel;

    use crate::support::{Peer, VECTOR};

    macro_rules! binary {
        ($($name:ident, $lane:ty, $arrow_type:ty, $arrow:path, $polars:ident;)*) => {$(
            /// Arrow checks for overflow as we do, Polars wraps.
            pub fn $name<'a>(column: &[$lane]) -> Vec<Peer<'a>> {
                let arrow: Vec<PrimitiveArray<$arrow_type>> =
                    column.chunks_exact(VECTOR).map(|vector| vector.to_vec().into()).collect();
                let polars: Vec<PolarsArray<$lane>> =
                    column.chunks_exact(VECTOR).map(|vector| PolarsArray::from_vec(vector.to_vec())).collect();
                vec![
                    ("arrow", Box::new(move || {
                        for vector in &arrow {
                            black_box($arrow(vector, vector)).ok();
                        }
                    })),
                    ("polars", Box::new(move || {
                        for vector in &polars {
                            black_box(ArithmeticKernel::$polars(vector.clone(), vector.clone()));
                        }
                    })),
                ]
            }
        )*};
    }

    binary! {
        add_i32, i32, types::Int32Type, arrow_arith::numeric::add, wrapping_add;
        add_i64, i64, types::Int64Type, arrow_arith::numeric::add, wrapping_add;
        mul_i64, i64, types::Int64Type, arrow_arith::numeric::mul, wrapping_mul;
        mul_f64, f64, types::Float64Type, arrow_arith::numeric::mul, wrapping_mul;
        div_f64, f64, types::Float64Type, arrow_arith::numeric::div, true_div;
    }

    /// Both sum in 64 bits, we in 128.
    pub fn sum_i64<'a>(column: &[i64]) -> Vec<Peer<'a>> {
        let (arrow, polars) = arrays(column);
        vec![
            (
                "arrow",
                Box::new(move || {
                    for vector in &arrow {
                        black_box(arrow_arith::aggregate::sum(vector));
                    }
                }),
            ),
            (
                "polars",
                Box::new(move || {
                    for vector in &polars {
                        black_box(polars_compute::sum::wrapping_sum_arr(vector));
                    }
                }),
            ),
        ]
    }

    pub fn min_i64<'a>(column: &[i64]) -> Vec<Peer<'a>> {
        let (arrow, polars) = arrays(column);
        vec![
            (
                "arrow",
                Box::new(move || {
                    for vector in &arrow {
                        black_box(arrow_arith::aggregate::min(vector));
                    }
                }),
            ),
            (
                "polars",
                Box::new(move || {
                    for vector in &polars {
                        black_box(vector.min_ignore_nan_kernel());
                    }
                }),
            ),
        ]
    }

    pub fn date<'a>(name: &str, column: &[i32]) -> Vec<Peer<'a>> {
        let part = if name == "year" { DatePart::Year } else { DatePart::Month };
        let arrow: Vec<Date32Array> =
            column.chunks_exact(VECTOR).map(|vector| vector.to_vec().into()).collect();
        vec![(
            "arrow",
            Box::new(move || {
                for vector in &arrow {
                    black_box(arrow_arith::temporal::date_part(vector, part)).ok();
                }
            }),
        )]
    }

    fn arrays(column: &[i64]) -> (Vec<PrimitiveArray<types::Int64Type>>, Vec<PolarsArray<i64>>) {
        let chunks = || column.chunks_exact(VECTOR).map(|vector| vector.to_vec());
        (chunks().map(PrimitiveArray::from).collect(), chunks().map(PolarsArray::from_vec).collect())
    }
}
