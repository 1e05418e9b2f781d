#![doc = include_str!("../README.md")]

pub mod raw;
pub mod server;
