#![doc = include_str!("../README.md")]

pub mod batch;
pub mod context;
pub mod expr;
pub mod functions;
pub mod plan;
