//! Window functions (under construction in its own module).
