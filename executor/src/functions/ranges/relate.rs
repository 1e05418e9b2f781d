//! How ranges and multiranges lie to each other. Position is that of the whole span.

use std::cmp::Ordering;

use types::range::{compare, multirange};
use types::{Datum, RangeValue, Result};

use super::{parts, span};
use crate::functions::{FunctionEntry, row};
use crate::values;

fn order(args: &[Datum]) -> Result<Ordering> {
    Ok(values::compare(&args[0], &args[1], types::TypeRef::plain(0)))
}

fn of_spans(args: &[Datum], test: fn(&RangeValue, &RangeValue) -> bool) -> Result<Datum> {
    Ok(Datum::Bool(test(&span(args, 0)?, &span(args, 1)?)))
}

fn after(left: &RangeValue, right: &RangeValue) -> bool {
    compare::before(right, left)
}

fn contains(args: &[Datum], outer: usize, inner: usize) -> Result<Datum> {
    Ok(Datum::Bool(multirange::contains(parts(args, outer)?, parts(args, inner)?)))
}

fn contains_element(args: &[Datum], outer: usize, element: usize) -> Result<Datum> {
    let element = &args[element];
    Ok(Datum::Bool(parts(args, outer)?.iter().any(|range| compare::contains_element(range, element))))
}

fn overlaps(args: &[Datum]) -> Result<Datum> {
    Ok(Datum::Bool(multirange::overlaps(parts(args, 0)?, parts(args, 1)?)))
}

macro_rules! ordered {
    ($name:literal, $test:ident) => {
        row($name, |args, _| Ok(Datum::Bool(order(args)?.$test())))
    };
}

macro_rules! spans {
    ($name:literal, $test:path) => {
        row($name, |args, _| of_spans(args, $test))
    };
}

/// Sorted by `prosrc`.
pub(in crate::functions) const TABLE: &[FunctionEntry] = &[
    row("elem_contained_by_multirange", |args, _| contains_element(args, 1, 0)),
    row("elem_contained_by_range", |args, _| contains_element(args, 1, 0)),
    spans!("multirange_adjacent_multirange", compare::adjacent),
    spans!("multirange_adjacent_range", compare::adjacent),
    spans!("multirange_after_multirange", after),
    spans!("multirange_after_range", after),
    spans!("multirange_before_multirange", compare::before),
    spans!("multirange_before_range", compare::before),
    row("multirange_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    row("multirange_contained_by_multirange", |args, _| contains(args, 1, 0)),
    row("multirange_contained_by_range", |args, _| contains(args, 1, 0)),
    row("multirange_contains_elem", |args, _| contains_element(args, 0, 1)),
    row("multirange_contains_multirange", |args, _| contains(args, 0, 1)),
    row("multirange_contains_range", |args, _| contains(args, 0, 1)),
    ordered!("multirange_eq", is_eq),
    ordered!("multirange_ge", is_ge),
    ordered!("multirange_gt", is_gt),
    ordered!("multirange_le", is_le),
    ordered!("multirange_lt", is_lt),
    ordered!("multirange_ne", is_ne),
    row("multirange_overlaps_multirange", |args, _| overlaps(args)),
    row("multirange_overlaps_range", |args, _| overlaps(args)),
    spans!("multirange_overleft_multirange", compare::not_right_of),
    spans!("multirange_overleft_range", compare::not_right_of),
    spans!("multirange_overright_multirange", compare::not_left_of),
    spans!("multirange_overright_range", compare::not_left_of),
    spans!("range_adjacent", compare::adjacent),
    spans!("range_adjacent_multirange", compare::adjacent),
    spans!("range_after", after),
    spans!("range_after_multirange", after),
    spans!("range_before", compare::before),
    spans!("range_before_multirange", compare::before),
    row("range_cmp", |args, _| Ok(Datum::I32(order(args)? as i32))),
    row("range_contained_by", |args, _| contains(args, 1, 0)),
    row("range_contained_by_multirange", |args, _| contains(args, 1, 0)),
    row("range_contains", |args, _| contains(args, 0, 1)),
    row("range_contains_elem", |args, _| contains_element(args, 0, 1)),
    row("range_contains_multirange", |args, _| contains(args, 0, 1)),
    ordered!("range_eq", is_eq),
    ordered!("range_ge", is_ge),
    ordered!("range_gt", is_gt),
    ordered!("range_le", is_le),
    ordered!("range_lt", is_lt),
    ordered!("range_ne", is_ne),
    row("range_overlaps", |args, _| overlaps(args)),
    row("range_overlaps_multirange", |args, _| overlaps(args)),
    spans!("range_overleft", compare::not_right_of),
    spans!("range_overleft_multirange", compare::not_right_of),
    spans!("range_overright", compare::not_left_of),
    spans!("range_overright_multirange", compare::not_left_of),
];
