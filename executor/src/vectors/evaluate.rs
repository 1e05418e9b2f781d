//! Running vector nodes on a batch.

use std::sync::Arc;

use kernels::bitmap;
use kernels::vector::{Bitmap, Values, Vector, VectorData};

use super::compile::repeat_constant;
use super::{Live, Node, NodeKind, Stop, connect, evaluate_rows, true_words};
use crate::batch::Batch;
use crate::execute::Run;
use crate::expr::BoolTest;

/// A tuning constant: dictionaries whose results a node remembers.
const DICTIONARIES_MAX: usize = 8;

impl Node {
    pub(super) fn evaluate(&self, run: &Run<'_>, batch: &Batch, live: Live<'_>) -> Result<Vector, Stop> {
        if let Some(column) = self.single_column
            && let Some(vector) = batch.columns.get(column)
            && let VectorData::Dictionary { codes, dictionary } = &vector.data
            && let Some(result) = self.on_dictionary(run, column, dictionary)
            && vector.validity.is_none()
        {
            return Ok(spread(&result, codes));
        }
        match &self.kind {
            NodeKind::Column(column) => match batch.columns.get(*column) {
                Some(vector) => Ok(vector.clone()),
                None => Err(types::PgError::internal(format!("column {column} is not in the batch")).into()),
            },
            NodeKind::Constant(value, vector) => Ok(repeat_constant(vector, value.is_null(), batch.len)),
            NodeKind::Call { function, strict, args, expr } => {
                let mut vectors = Vec::with_capacity(args.len());
                for arg in args {
                    vectors.push(arg.evaluate(run, batch, live)?);
                }
                call(*function, *strict, &vectors, batch.len, live)
                    .unwrap_or_else(|| Ok(evaluate_rows(run, expr, &super::columns_of(expr), batch, live)?))
            }
            NodeKind::Connect { items, any } => connect::connect(run, items, *any, batch, live),
            NodeKind::Not(arg) => {
                let vector = arg.evaluate(run, batch, live)?;
                let bits = bool_words(&vector);
                let values = Bitmap::from_words(bits.iter().map(|word| !word).collect(), batch.len);
                Ok(Vector::flat(Values::Bool(values), vector.validity))
            }
            NodeKind::IsNull { arg, negated } => {
                let vector = arg.evaluate(run, batch, live)?;
                let bits = match &vector.validity {
                    None if *negated => Bitmap::ones(batch.len),
                    None => Bitmap::zeros(batch.len),
                    Some(validity) if *negated => validity.clone(),
                    Some(validity) => {
                        Bitmap::from_words(validity.words().iter().map(|word| !word).collect(), batch.len)
                    }
                };
                Ok(Vector::flat(Values::Bool(bits), None))
            }
            NodeKind::BoolTest { arg, test } => {
                let vector = arg.evaluate(run, batch, live)?;
                Ok(bool_test(&vector, *test))
            }
            NodeKind::Case { arms, otherwise } => connect::case(run, arms, otherwise, self.ty, batch, live),
            NodeKind::InSet { arg, set, expr } => {
                let vector = arg.evaluate(run, batch, live)?;
                match set.test(&vector) {
                    Some(result) => Ok(result),
                    None => Ok(evaluate_rows(run, expr, &super::columns_of(expr), batch, live)?),
                }
            }
            NodeKind::Row(expr, columns) => Ok(evaluate_rows(run, expr, columns, batch, live)?),
        }
    }

    /// Returns the values of this part for each entry of the dictionary of its column, or `None` when an
    /// entry (which may not be among the lanes) has none.
    fn on_dictionary(&self, run: &Run<'_>, column: usize, dictionary: &Arc<Values>) -> Option<Vector> {
        let mut known = self.dictionaries.lock();
        if let Some((_, vector)) = known.iter().find(|(other, _)| Arc::ptr_eq(other, dictionary)) {
            return Some(vector.clone());
        }
        let len = dictionary.len();
        let mut columns = vec![Vector::constant(Values::Bool(Bitmap::zeros(1)), len); column];
        columns.push(Vector::flat((**dictionary).clone(), None));
        let batch = Batch { columns, len, selection: None };
        let vector = self.evaluate(run, &batch, Live::All).ok()?.to_flat();
        if known.len() >= DICTIONARIES_MAX {
            known.remove(0);
        }
        known.push((Arc::clone(dictionary), vector.clone()));
        Some(vector)
    }
}

/// Returns `result[codes]`, as a dictionary where that saves moving values.
fn spread(result: &Vector, codes: &arrow_buffer::ScalarBuffer<u16>) -> Vector {
    match &result.data {
        VectorData::Flat(values @ Values::Views(_)) if result.validity.is_none() => {
            Vector::dictionary(codes.clone(), Arc::new(values.clone()), None)
        }
        _ => result.gather(codes),
    }
}

/// Calls a vector function; `None` when it has no form for these vectors.
fn call(
    function: crate::functions::VectorFunction,
    strict: bool,
    args: &[Vector],
    len: usize,
    live: Live<'_>,
) -> Option<Result<Vector, Stop>> {
    if !strict && args.iter().any(|arg| arg.validity.is_some()) {
        return None;
    }
    let validity = args.iter().fold(None, |validity: Option<Bitmap>, arg| match (&validity, &arg.validity) {
        (None, other) => other.clone(),
        (Some(_), None) => validity,
        (Some(left), Some(right)) => {
            let words = left.words().iter().zip(right.words()).map(|(l, r)| l & r).collect();
            Some(Bitmap::from_words(words, len))
        }
    });
    let mut faults = vec![0; len.div_ceil(64)];
    let mut result = function(args, len, &mut faults)?;
    if let Some(validity) = &validity {
        bitmap::and_with(&mut faults, validity.words());
    }
    if bitmap::any(&faults) {
        let hit = match live {
            Live::All => true,
            Live::Some(lanes) => {
                lanes.iter().any(|&lane| faults[usize::from(lane) / 64] >> (lane % 64) & 1 == 1)
            }
        };
        if hit {
            return Some(Err(Stop::Fault));
        }
    }
    result.validity = validity;
    Some(Ok(result))
}

/// Returns the values of a boolean vector as words, whatever its form; null lanes hold anything.
pub(super) fn bool_words(vector: &Vector) -> Vec<u64> {
    let mut vector = vector.clone();
    vector.validity = None;
    true_words(&vector)
}

fn bool_test(vector: &Vector, test: BoolTest) -> Vector {
    let len = vector.len();
    let known = match &vector.validity {
        Some(validity) => validity.words().to_vec(),
        None => Bitmap::ones(len).words().to_vec(),
    };
    let is_true = true_words(vector);
    let words: Vec<u64> = known
        .iter()
        .zip(&is_true)
        .map(|(known, is_true)| match test {
            BoolTest::True => *is_true,
            BoolTest::NotTrue => !is_true,
            BoolTest::False => known & !is_true,
            BoolTest::NotFalse => !known | is_true,
            BoolTest::Unknown => !known,
            BoolTest::NotUnknown => *known,
        })
        .collect();
    Vector::flat(Values::Bool(Bitmap::from_words(words, len)), None)
}
