//! bool_and, bool_or, bit_and, bit_or, bit_xor, any_value.

use types::{Datum, Result};

use super::RowAggregate;

/// What a fold does with two values.
#[derive(Debug, Clone, Copy)]
pub(super) enum FoldKind {
    And,
    Or,
    Xor,
}

pub(super) struct Fold {
    kind: FoldKind,
    value: Datum,
}

impl Fold {
    pub(super) fn new(kind: FoldKind) -> Self {
        Self { kind, value: Datum::Null }
    }
}

macro_rules! fold {
    ($kind:expr, $left:expr, $right:expr) => {
        match $kind {
            FoldKind::And => $left & $right,
            FoldKind::Or => $left | $right,
            FoldKind::Xor => $left ^ $right,
        }
    };
}

impl RowAggregate for Fold {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        let Some(value) = args.first() else { return Ok(()) };
        self.value = match (&self.value, value) {
            (_, Datum::Null) => return Ok(()),
            (Datum::Bool(l), Datum::Bool(r)) => Datum::Bool(fold!(self.kind, l, r)),
            (Datum::I16(l), Datum::I16(r)) => Datum::I16(fold!(self.kind, l, r)),
            (Datum::I32(l), Datum::I32(r)) => Datum::I32(fold!(self.kind, l, r)),
            (Datum::I64(l), Datum::I64(r)) => Datum::I64(fold!(self.kind, l, r)),
            (Datum::Bytes(l), Datum::Bytes(r)) => match self.kind {
                FoldKind::And => types::bits::combine(l, r, "AND", |l, r| l & r)?,
                FoldKind::Or => types::bits::combine(l, r, "OR", |l, r| l | r)?,
                FoldKind::Xor => types::bits::combine(l, r, "XOR", |l, r| l ^ r)?,
            },
            (_, first) => first.clone(),
        };
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.value.clone())
    }
    fn state(&self) -> Option<Vec<Datum>> {
        Some(vec![self.value.clone()])
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}

#[derive(Default)]
pub(super) struct AnyValue {
    value: Datum,
}

impl RowAggregate for AnyValue {
    fn add(&mut self, args: &[Datum]) -> Result<()> {
        if self.value.is_null()
            && let Some(value) = args.first()
        {
            self.value = value.clone();
        }
        Ok(())
    }
    fn finish(&self) -> Result<Datum> {
        Ok(self.value.clone())
    }
    fn state(&self) -> Option<Vec<Datum>> {
        None
    }
    fn combine(&mut self, state: &[Datum]) -> Result<()> {
        self.add(state)
    }
}
