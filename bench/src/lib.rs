#![doc = include_str!("../README.md")]

pub mod process;
pub mod record;
pub mod statistics;
pub mod tpch;
pub mod versus;
pub mod wire;

/// What went wrong in a benchmark, as a sentence for the terminal.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
