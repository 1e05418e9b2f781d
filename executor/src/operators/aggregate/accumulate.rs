//! Accumulators: the states of one aggregate call for all groups.
//!
//! The common aggregates over integers and decimals have arrays of plain states; every other call keeps a
//! [`RowAggregate`] per group. A decimal sum starts in 128-bit integers at one scale and continues in exact
//! numbers when another scale, an exact value or an overflow comes.

use kernels::vector::{Bitmap, Values, Vector};
use types::{Datum, Numeric, PhysicalType, Result, TypeRef};

use super::dense::DenseRows;
use crate::aggregates::{RowAggregate, Signature, create, sum_or_average};
use crate::convert::{VectorBuilder, datum_at, physical_type};
use crate::plan::DEPENDENT_KEY;

/// Some lanes of a batch and their groups.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) lanes: &'a [u16],
    pub(super) groups: &'a [u32],
    /// The same rows, as kernels want them.
    pub(super) dense: Option<&'a DenseRows<'a>>,
}

impl<'a> Rows<'a> {
    fn iter(self) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.lanes.iter().zip(self.groups).map(|(lane, group)| (usize::from(*lane), *group as usize))
    }
}

/// The states of one call.
pub(super) enum Accumulator {
    /// count(*) and count(x).
    Count(Vec<i64>),
    /// sum(int2), sum(int4).
    IntegerSum { sums: Vec<i64>, seen: Vec<bool> },
    /// sum and avg with a numeric result.
    NumericSum { sums: Sums, counts: Vec<i64>, average: bool },
    /// min and max of integers, dates, timestamps.
    IntegerExtreme { best: Vec<i64>, seen: Vec<bool>, greatest: bool, result: TypeRef },
    /// The value of each group's first row.
    First(Vec<Option<Datum>>),
    /// Everything else.
    Rows { signature: Signature, states: Vec<Box<dyn RowAggregate>> },
}

/// Decimal sums.
pub(super) enum Sums {
    /// At one scale (unknown until a value comes).
    Fixed { sums: Vec<i128>, scale: Option<u8> },
    /// One at a time.
    Exact(Vec<Numeric>),
}

impl Accumulator {
    pub(super) fn new(signature: &Signature) -> Result<Self> {
        let physical = signature.args.first().map(|ty| physical_type(*ty));
        Ok(match (signature.name.as_str(), physical) {
            ("count", _) => Self::Count(Vec::new()),
            (DEPENDENT_KEY, _) => Self::First(Vec::new()),
            ("sum", Some(PhysicalType::I16 | PhysicalType::I32)) => {
                Self::IntegerSum { sums: Vec::new(), seen: Vec::new() }
            }
            ("sum", Some(PhysicalType::I64)) if signature.result.oid == types::oids::MONEY => {
                Self::Rows { signature: signature.clone(), states: Vec::new() }
            }
            ("sum", Some(PhysicalType::I64 | PhysicalType::Numeric))
            | (
                "avg",
                Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64 | PhysicalType::Numeric),
            ) => Self::NumericSum {
                sums: Sums::Fixed { sums: Vec::new(), scale: None },
                counts: Vec::new(),
                average: signature.name == "avg",
            },
            ("min" | "max", Some(PhysicalType::I16 | PhysicalType::I32 | PhysicalType::I64))
                if !matches!(signature.result.oid, types::oids::PG_LSN | types::oids::XID8) =>
            {
                Self::IntegerExtreme {
                    best: Vec::new(),
                    seen: Vec::new(),
                    greatest: signature.name == "max",
                    result: signature.result,
                }
            }
            _ => {
                create(signature)?;
                Self::Rows { signature: signature.clone(), states: Vec::new() }
            }
        })
    }

    /// Makes room for `groups` groups.
    pub(super) fn resize(&mut self, groups: usize) -> Result<()> {
        match self {
            Self::Count(counts) => counts.resize(groups, 0),
            Self::IntegerSum { sums, seen } => {
                sums.resize(groups, 0);
                seen.resize(groups, false);
            }
            Self::NumericSum { sums, counts, .. } => {
                counts.resize(groups, 0);
                match sums {
                    Sums::Fixed { sums, .. } => sums.resize(groups, 0),
                    Sums::Exact(sums) => sums.resize(groups, Numeric::ZERO),
                }
            }
            Self::IntegerExtreme { best, seen, .. } => {
                best.resize(groups, 0);
                seen.resize(groups, false);
            }
            Self::First(values) => values.resize(groups, None),
            Self::Rows { signature, states } => {
                while states.len() < groups {
                    states.push(create(signature)?);
                }
            }
        }
        Ok(())
    }

    /// Returns the bytes of a group's state, about.
    pub(super) fn state_bytes(&self) -> usize {
        match self {
            Self::Count(_) => 8,
            Self::IntegerSum { .. } | Self::IntegerExtreme { .. } => 9,
            Self::NumericSum { .. } => 24,
            Self::First(_) => 64,
            Self::Rows { .. } => 96,
        }
    }

    /// Adds rows.
    pub(super) fn update(&mut self, rows: Rows<'_>, args: &[Vector], types: &[TypeRef]) -> Result<()> {
        match (self, args.first()) {
            (Self::Count(counts), None) => {
                if let Some(dense) = rows.dense {
                    dense.count(None, counts);
                    return Ok(());
                }
                for group in rows.groups {
                    counts[*group as usize] += 1;
                }
            }
            (Self::Count(counts), Some(arg)) => {
                if let Some(dense) = rows.dense {
                    dense.count(arg.to_flat().validity.as_ref(), counts);
                    return Ok(());
                }
                for (lane, group) in rows.iter() {
                    counts[group] += i64::from(!arg.is_null(lane));
                }
            }
            (Self::IntegerSum { sums, seen }, Some(arg)) => {
                for_integers(rows, arg, |group, value| {
                    sums[group] = sums[group].wrapping_add(value);
                    seen[group] = true;
                });
            }
            (Self::IntegerExtreme { best, seen, greatest: true, .. }, Some(arg)) => {
                for_integers(rows, arg, |group, value| {
                    best[group] = if seen[group] { best[group].max(value) } else { value };
                    seen[group] = true;
                });
            }
            (Self::IntegerExtreme { best, seen, greatest: false, .. }, Some(arg)) => {
                for_integers(rows, arg, |group, value| {
                    best[group] = if seen[group] { best[group].min(value) } else { value };
                    seen[group] = true;
                });
            }
            (Self::NumericSum { sums, counts, .. }, Some(arg)) => {
                sums.update(rows, arg, types.first().copied(), counts)?;
            }
            (Self::First(firsts), Some(arg)) => {
                let ty = types.first().copied().unwrap_or(TypeRef::plain(types::oids::TEXT));
                for (lane, group) in rows.iter() {
                    if firsts[group].is_none() {
                        firsts[group] = Some(datum_at(arg, lane, ty)?);
                    }
                }
            }
            (Self::Rows { states, .. }, _) => {
                let mut values = vec![Datum::Null; args.len()];
                for (lane, group) in rows.iter() {
                    for ((value, arg), ty) in values.iter_mut().zip(args).zip(types) {
                        *value = datum_at(arg, lane, *ty)?;
                    }
                    states[group].add(&values)?;
                }
            }
            (
                Self::IntegerSum { .. }
                | Self::IntegerExtreme { .. }
                | Self::NumericSum { .. }
                | Self::First(_),
                None,
            ) => {}
        }
        Ok(())
    }

    /// Adds the states of `other`; `groups` gives the group here of each group there (`None`: not wanted).
    pub(super) fn merge(&mut self, other: &Self, groups: &[u32]) -> Result<()> {
        match (self, other) {
            (Self::Count(counts), Self::Count(others)) => {
                for (other, group) in others.iter().zip(groups) {
                    counts[*group as usize] += other;
                }
            }
            (Self::IntegerSum { sums, seen }, Self::IntegerSum { sums: others, seen: other_seen }) => {
                for ((other, other_seen), group) in others.iter().zip(other_seen).zip(groups) {
                    sums[*group as usize] = sums[*group as usize].wrapping_add(*other);
                    seen[*group as usize] |= other_seen;
                }
            }
            (
                Self::IntegerExtreme { best, seen, greatest, .. },
                Self::IntegerExtreme { best: others, seen: other_seen, .. },
            ) => {
                for ((other, other_seen), group) in others.iter().zip(other_seen).zip(groups) {
                    let group = *group as usize;
                    if *other_seen && (!seen[group] || (*other > best[group]) == *greatest) {
                        best[group] = *other;
                        seen[group] = true;
                    }
                }
            }
            (
                Self::NumericSum { sums, counts, .. },
                Self::NumericSum { sums: others, counts: other_counts, .. },
            ) => {
                sums.merge(others, other_counts, groups)?;
                for (other, group) in other_counts.iter().zip(groups) {
                    counts[*group as usize] += other;
                }
            }
            (Self::First(firsts), Self::First(others)) => {
                for (other, group) in others.iter().zip(groups) {
                    let first = &mut firsts[*group as usize];
                    if first.is_none() {
                        first.clone_from(other);
                    }
                }
            }
            (Self::Rows { states, .. }, Self::Rows { states: others, .. }) => {
                for (other, group) in others.iter().zip(groups) {
                    if let Some(state) = other.state() {
                        states[*group as usize].combine(&state)?;
                    }
                }
            }
            (
                Self::Count(_)
                | Self::IntegerSum { .. }
                | Self::IntegerExtreme { .. }
                | Self::NumericSum { .. }
                | Self::First(_)
                | Self::Rows { .. },
                _,
            ) => return Err(types::PgError::internal("aggregate states of different kinds")),
        }
        Ok(())
    }

    /// Returns the results of the groups in `range`.
    pub(super) fn finish(&self, range: std::ops::Range<usize>, result: TypeRef) -> Result<Vector> {
        match self {
            Self::Count(counts) => Ok(Vector::flat(Values::I64(counts[range].to_vec().into()), None)),
            Self::IntegerSum { sums, seen } => {
                let validity = Bitmap::from_bools(seen[range.clone()].iter().copied());
                Ok(Vector::flat(Values::I64(sums[range].to_vec().into()), some_null(validity)))
            }
            Self::IntegerExtreme { best, seen, result, .. } => {
                let validity = some_null(Bitmap::from_bools(seen[range.clone()].iter().copied()));
                let best = best[range].iter();
                Ok(Vector::flat(
                    match physical_type(*result) {
                        PhysicalType::I16 => Values::I16(best.map(|value| *value as i16).collect()),
                        PhysicalType::I32 => Values::I32(best.map(|value| *value as i32).collect()),
                        PhysicalType::Bool
                        | PhysicalType::I64
                        | PhysicalType::F32
                        | PhysicalType::F64
                        | PhysicalType::Numeric
                        | PhysicalType::Interval
                        | PhysicalType::Uuid
                        | PhysicalType::Text
                        | PhysicalType::Bytes => Values::I64(best.copied().collect()),
                    },
                    validity,
                ))
            }
            Self::NumericSum { sums, counts, average } => {
                let mut builder = VectorBuilder::new(result, range.len());
                for group in range {
                    builder.push(&sum_or_average(&sums.get(group), counts[group], *average)?)?;
                }
                Ok(builder.finish())
            }
            Self::First(firsts) => {
                let mut builder = VectorBuilder::new(result, range.len());
                for first in &firsts[range] {
                    match first {
                        Some(value) => builder.push(value)?,
                        None => builder.push_null(),
                    }
                }
                Ok(builder.finish())
            }
            Self::Rows { states, .. } => {
                let mut builder = VectorBuilder::new(result, range.len());
                for state in &states[range] {
                    builder.push(&state.finish()?)?;
                }
                Ok(builder.finish())
            }
        }
    }
}

fn some_null(validity: Bitmap) -> Option<Bitmap> {
    if validity.count_ones() == validity.len() { None } else { Some(validity) }
}

/// Calls `body(group, value)` for each lane that is not null.
#[inline]
fn for_integers(rows: Rows<'_>, vector: &Vector, mut body: impl FnMut(usize, i64)) {
    let flat = vector.to_flat();
    macro_rules! each {
        ($values:expr) => {{
            let values = &$values[..];
            match &flat.validity {
                None => rows.iter().for_each(|(lane, group)| body(group, i64::from(values[lane]))),
                Some(validity) => rows
                    .iter()
                    .filter(|(lane, _)| validity.get(*lane))
                    .for_each(|(lane, group)| body(group, i64::from(values[lane]))),
            }
        }};
    }
    match flat.values() {
        Values::I16(values) => each!(values),
        Values::I32(values) => each!(values),
        Values::I64(values) => each!(values),
        Values::Fixed64 { unscaled, .. } => each!(unscaled),
        Values::Bool(_)
        | Values::F32(_)
        | Values::F64(_)
        | Values::Fixed128 { .. }
        | Values::Wide(_)
        | Values::Views(_) => {}
    }
}

impl Sums {
    fn get(&self, group: usize) -> Numeric {
        match self {
            Self::Fixed { sums, scale } => Numeric::from_i128(sums[group], u16::from(scale.unwrap_or(0))),
            Self::Exact(sums) => sums[group].clone(),
        }
    }

    /// Changes to exact sums. Groups without a value yet start at zero with scale 0.
    fn make_exact(&mut self, counts: &[i64]) -> &mut Vec<Numeric> {
        if let Self::Fixed { .. } = self {
            let sums = (0..counts.len())
                .map(|group| if counts[group] == 0 { Numeric::ZERO } else { self.get(group) })
                .collect();
            *self = Self::Exact(sums);
        }
        match self {
            Self::Exact(sums) => sums,
            Self::Fixed { .. } => unreachable!("made exact above"),
        }
    }

    fn update(
        &mut self,
        rows: Rows<'_>,
        arg: &Vector,
        ty: Option<TypeRef>,
        counts: &mut [i64],
    ) -> Result<()> {
        let arg_scale = match arg.values() {
            Values::I16(_) | Values::I32(_) | Values::I64(_) => Some(0),
            Values::Fixed64 { scale, .. } | Values::Fixed128 { scale, .. } => Some(*scale),
            Values::Bool(_) | Values::F32(_) | Values::F64(_) | Values::Wide(_) | Values::Views(_) => None,
        };
        if let (Self::Fixed { sums, scale }, Some(arg_scale)) = (&mut *self, arg_scale)
            && scale.is_none_or(|scale| scale == arg_scale)
        {
            if let Values::Fixed128 { unscaled, .. } = arg.values() {
                if let Some(next) = add_wide(sums, rows, arg, unscaled) {
                    *scale = Some(arg_scale);
                    *sums = next;
                    count(rows, arg, counts);
                    return Ok(());
                }
            } else {
                *scale = Some(arg_scale);
                if rows.dense.is_some_and(|dense| dense.sum(arg, sums, counts)) {
                    return Ok(());
                }
                for_integers(rows, arg, |group, value| {
                    sums[group] += i128::from(value);
                    counts[group] += 1;
                });
                return Ok(());
            }
        }
        let ty = ty.unwrap_or(TypeRef::plain(types::oids::NUMERIC));
        let sums = self.make_exact(counts);
        for (lane, group) in rows.iter() {
            let value = match datum_at(arg, lane, ty)? {
                Datum::Numeric(value) => value,
                Datum::I16(value) => Numeric::from_i64(i64::from(value)),
                Datum::I32(value) => Numeric::from_i64(i64::from(value)),
                Datum::I64(value) => Numeric::from_i64(value),
                _ => continue,
            };
            sums[group] = sums[group].add(&value)?;
            counts[group] += 1;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self, other_counts: &[i64], groups: &[u32]) -> Result<()> {
        let len = match self {
            Self::Fixed { sums, .. } => sums.len(),
            Self::Exact(sums) => sums.len(),
        };
        if let (Self::Fixed { sums, scale }, Self::Fixed { sums: others, scale: other_scale }) =
            (&mut *self, other)
            && (scale.is_none() || other_scale.is_none() || scale == other_scale)
        {
            let added: Option<Vec<i128>> = others
                .iter()
                .zip(groups)
                .map(|(other, group)| sums[*group as usize].checked_add(*other))
                .collect();
            if added.is_some() {
                for (other, group) in others.iter().zip(groups) {
                    sums[*group as usize] += other;
                }
                *scale = scale.or(*other_scale);
                return Ok(());
            }
        }
        // Every group is taken to have values: a zero sum at the common scale adds nothing but its scale.
        let sums = self.make_exact(&vec![1; len]);
        for (index, group) in groups.iter().enumerate() {
            if other_counts[index] > 0 {
                sums[*group as usize] = sums[*group as usize].add(&other.get(index))?;
            }
        }
        Ok(())
    }
}

fn count(rows: Rows<'_>, arg: &Vector, counts: &mut [i64]) {
    for (lane, group) in rows.iter() {
        counts[group] += i64::from(!arg.is_null(lane));
    }
}

/// Returns the sums with 128-bit lanes added, or `None` on overflow.
fn add_wide(sums: &[i128], rows: Rows<'_>, arg: &Vector, unscaled: &[i128]) -> Option<Vec<i128>> {
    let mut next = sums.to_vec();
    for (lane, group) in rows.iter() {
        if !arg.is_null(lane) {
            let (_, position) = arg.locate(lane);
            next[group] = next[group].checked_add(unscaled[position])?;
        }
    }
    Some(next)
}
