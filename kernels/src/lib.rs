#![doc = include_str!("../README.md")]

pub mod bitmap;
pub mod compare;
#[cfg(test)]
mod conformance;
pub mod filter;
pub mod gather;
pub mod isa;
mod plain;
pub mod vector;

pub use plain::Plain;
