#![doc = include_str!("../README.md")]

pub mod analyzer;
pub mod catalog;
pub mod commands;
pub mod copy;
pub mod explain;
pub mod lower;
pub mod optimizer;
pub mod parser;
pub mod query;
pub mod server;
pub mod session;
pub mod statements;
pub mod system;
