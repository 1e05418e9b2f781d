#![doc = include_str!("../README.md")]

pub mod analyzer;
pub mod catalog;
pub mod explain;
pub mod lower;
pub mod optimizer;
pub mod parser;
pub mod query;
