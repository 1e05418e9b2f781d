#![doc = include_str!("../README.md")]

pub mod bitmap;
pub mod compare;
#[cfg(test)]
mod conformance;
pub mod isa;
pub mod vector;
