//! What the kernel benchmarks share: the data, the probe of the machine's bandwidth, and the line that sets a
//! kernel beside it and beside other libraries.
//!
//! Columns have [`LANES`] lanes, more than the caches hold, and are processed as the executor does: vector by vector
//! of [`VECTOR`] lanes, into outputs that stay in the cache. Bytes are those of the inputs. The bandwidth is what a plain
//! sum over such a column reads per second; a kernel at 100 % of it waits for memory only.

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use kernels::isa::{self, Level};

/// Lanes of a vector.
pub const VECTOR: usize = 2048;

/// Lanes of a column.
pub const LANES: usize = 1 << 21;

/// A contender: another library's name and the same operation by it.
pub type Peer<'a> = (&'static str, Box<dyn FnMut() + 'a>);

/// Runs benchmarks and prints their lines.
pub struct Bench {
    criterion: Criterion,
    bandwidth: f64,
}

impl Bench {
    /// Measures the machine's bandwidth.
    pub fn new() -> Self {
        let column = lanes(|bits| bits as i64);
        let mut best = f64::MAX;
        for _ in 0..15 {
            let start = Instant::now();
            black_box(black_box(&column).iter().fold(0i64, |sum, &lane| sum.wrapping_add(lane)));
            best = best.min(start.elapsed().as_secs_f64());
        }
        let bandwidth = (LANES * 8) as f64 / best;
        println!("bandwidth of this machine, one thread: {:.1} GB/s", bandwidth / 1e9);
        let criterion = Criterion::default()
            .sample_size(10)
            .warm_up_time(Duration::from_millis(100))
            .measurement_time(Duration::from_millis(600))
            .configure_from_args();
        Self { criterion, bandwidth }
    }

    /// Measures one kernel at each level and its peers, and prints the line.
    pub fn measure(&mut self, name: &str, bytes: usize, mut kernel: impl FnMut(), peers: Vec<Peer<'_>>) {
        let mut group = self.criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes as u64));
        let mut line = format!("{name:<36}");
        let ours = Cell::new(f64::MAX);
        let mut run = |label: &str, body: &mut dyn FnMut(), best: &Cell<f64>| {
            group.bench_function(label, |bencher| {
                bencher.iter_custom(|count| {
                    let start = Instant::now();
                    (0..count).for_each(|_| body());
                    let elapsed = start.elapsed();
                    best.set(best.get().min(elapsed.as_secs_f64() / count as f64));
                    elapsed
                });
            });
        };
        run("surus", &mut kernel, &ours);
        if ours.get() == f64::MAX {
            // Filtered out on the command line.
            return;
        }
        let rate = bytes as f64 / ours.get();
        line += &format!("{:7.2} GB/s {:5.0} %", rate / 1e9, 100.0 * rate / self.bandwidth);
        for &level in isa::available().iter().filter(|&&level| level != isa::level()) {
            let seconds = Cell::new(f64::MAX);
            let label = match level {
                Level::Scalar => "scalar",
                Level::Avx2 => "avx2",
                Level::Avx512 => "avx512",
                Level::Neon => "neon",
            };
            run(label, &mut || isa::with_level(level, &mut kernel), &seconds);
            line += &format!("  {label} {:5.2}x", seconds.get() / ours.get());
        }
        for (label, mut body) in peers {
            let seconds = Cell::new(f64::MAX);
            run(label, &mut body, &seconds);
            line += &format!("  {label} {:5.2}x", seconds.get() / ours.get());
        }
        group.finish();
        println!("{line}");
    }
}

/// Returns a column of lanes made of random bits, the same in every run.
pub fn lanes<T>(lane: impl FnMut(u64) -> T) -> Vec<T> {
    let mut state = 7u64;
    let bits = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    };
    std::iter::repeat_with(bits).take(LANES).map(lane).collect()
}

/// Returns a mask over a column with one bit in `2^sparsity` set.
pub fn mask(sparsity: u32) -> Vec<u64> {
    let draws = lanes(|bits| bits);
    let word = |index: usize| {
        (0..sparsity as usize).fold(u64::MAX, |word, draw| word & draws[index + draw * 100_000])
    };
    (0..LANES / 64).map(word).collect()
}

/// Calls `body` with each vector of a column.
pub fn vectors<T>(column: &[T], mut body: impl FnMut(&[T])) {
    column.chunks_exact(VECTOR).for_each(|vector| body(black_box(vector)));
}

/// Calls `body` with each vector of a column and its part of a mask.
pub fn masked_vectors<T>(column: &[T], mask: &[u64], mut body: impl FnMut(&[T], &[u64])) {
    let masks = mask.chunks_exact(VECTOR / 64);
    column
        .chunks_exact(VECTOR)
        .zip(masks)
        .for_each(|(vector, mask)| body(black_box(vector), black_box(mask)));
}

/// No peers: without the feature, or where there is no such operation.
pub fn no_peers<'a>() -> Vec<Peer<'a>> {
    Vec::new()
}
