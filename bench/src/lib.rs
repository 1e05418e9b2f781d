#![doc = include_str!("../README.md")]

pub mod cpu;
pub mod direct;
pub mod pgbench;
pub mod process;
pub mod record;
pub mod settle;
pub mod soak;
pub mod statistics;
pub mod terminals;
pub mod tpcc;
pub mod tpch;
pub mod versus;
pub mod wire;

/// What went wrong in a benchmark, as a sentence for the terminal.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
