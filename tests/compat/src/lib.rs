#![doc = include_str!("../README.md")]

pub mod client;
pub mod compare;
pub mod corpus;
pub mod fuzz;
pub mod interleave;
pub mod isolation;
pub mod known;
pub mod outcome;
pub mod proxy;
pub mod random;
pub mod readme;
pub mod report;
pub mod run;
pub mod split;
pub mod url;
pub mod walk;
