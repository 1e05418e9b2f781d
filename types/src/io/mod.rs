//! Settings that input and output of values depend on.

/// DateStyle, TimeZone and relatives.
#[derive(Debug, Clone, Default)]
pub struct IoContext {}
