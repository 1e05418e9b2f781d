#![doc = include_str!("../README.md")]

pub mod anomalies;
pub mod raw;
pub mod server;
