//! Bit-packed blocks. Bytes are those of the unpacked values, so that a rate above the machine's bandwidth is what
//! packing gains.

use crate::support::{Bench, LANES, lanes, no_peers};
use kernels::packed::{self, BLOCK_LEN, PackedRange};

/// Measures the kernels of this topic.
pub fn run(bench: &mut Bench) {
    for width in [1, 4, 6, 8, 12, 16, 20, 24, 32, 48] {
        let values = lanes(|bits| (bits & ((1 << width) - 1)) as i64 - 5);
        let block_words = packed::packed_words(width);
        let mut blocks = vec![0; LANES / BLOCK_LEN * block_words];
        for (values, block) in values.chunks_exact(BLOCK_LEN).zip(blocks.chunks_exact_mut(block_words)) {
            packed::pack(values, -5, width, block);
        }
        let mut out = [0i64; BLOCK_LEN];
        let kernel = || {
            blocks.chunks_exact(block_words).for_each(|block| packed::unpack(block, width, -5, &mut out));
        };
        bench.measure(&format!("unpack/{width} bits to i64"), LANES * 8, kernel, no_peers());
        let mut out = [0i32; BLOCK_LEN];
        let kernel = || {
            blocks.chunks_exact(block_words).for_each(|block| packed::unpack(block, width, -5, &mut out));
        };
        bench.measure(&format!("unpack/{width} bits to i32"), LANES * 4, kernel, no_peers());
        let range = PackedRange::new(-5, width, -4, (1i64 << width) / 2);
        let mut mask = [0; BLOCK_LEN / 64];
        let kernel = || {
            for block in blocks.chunks_exact(block_words) {
                packed::filter_packed(block, width, range, BLOCK_LEN, &mut mask);
            }
        };
        bench.measure(&format!("filter packed/{width} bits"), LANES * 8, kernel, no_peers());
    }
}
