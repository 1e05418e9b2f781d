//! The kernels beside the machine's bandwidth, each other's levels and, with the feature `peers`, other libraries.

mod arithmetic;
mod lanes;
mod packed;
mod support;
mod text;

fn main() {
    let mut bench = support::Bench::new();
    arithmetic::run(&mut bench);
    lanes::run(&mut bench);
    packed::run(&mut bench);
    text::run(&mut bench);
}
