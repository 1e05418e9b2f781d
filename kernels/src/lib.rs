#![doc = include_str!("../README.md")]

pub mod aggregate;
pub mod arith;
pub mod bitmap;
pub mod compare;
#[cfg(test)]
mod conformance;
pub mod convert;
pub mod date;
pub mod filter;
pub mod gather;
pub mod hash;
pub mod isa;
pub mod packed;
mod plain;
pub mod runs;
pub mod text;
pub mod vector;

pub use plain::Plain;
