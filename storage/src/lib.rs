#![doc = include_str!("../README.md")]

/// A transaction.
#[derive(Debug)]
pub struct Transaction {}
