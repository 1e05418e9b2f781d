//! Text functions. Positions and lengths count characters; comparison and case mapping are C.UTF-8's.
//!
//! * `strings`: substring, padding, trimming, searching, quoting
//! * `like`: LIKE and ILIKE
//! * `keywords`, `ident`: quoting and parsing of identifiers
//! * `similar`: SIMILAR TO patterns
//! * `unicode`: case folding, normalization, escapes
//! * `regular`: PostgreSQL's regular expressions on the `regex` crate

pub mod ident;
pub mod keywords;
pub mod like;
pub mod regular;
pub mod similar;
pub mod strings;
pub mod unicode;
