#![doc = include_str!("../README.md")]

mod aggregates;
pub mod batch;
pub mod context;
pub mod convert;
pub mod deferred;
pub mod execute;
pub mod expr;
pub mod functions;
pub mod on_demand;
mod operators;
mod output;
pub mod plan;
pub mod point;
pub mod rows;
mod sample;
pub mod unlocked;
mod values;
mod vectors;

pub use execute::{ExecutionReport, NodeReport, ResultSink, RunForm, execute};
pub use operators::{check_exclusion, to_storage};
pub use rows::{evaluate_constant, evaluate_row};
pub use sample::count_matching;
