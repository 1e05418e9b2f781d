#![doc = include_str!("../README.md")]

pub mod catalog;
pub mod parser;
pub mod explain;
pub mod lower;
pub mod optimizer;
pub mod query;
