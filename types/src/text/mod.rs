//! Text functions. Positions and lengths count characters; comparison and case mapping are C.UTF-8's.
//!
//! * `strings`: substring, padding, trimming, searching, quoting
//! * `like`: LIKE and ILIKE
//! * `regular`: PostgreSQL's regular expressions on the `regex` crate

pub mod like;
pub mod regular;
pub mod strings;
