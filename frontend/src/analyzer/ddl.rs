//! Table definitions: column types, defaults and constraints of CREATE TABLE, checked.
