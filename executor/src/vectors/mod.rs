//! Vector evaluation: an expression becomes a tree of vector nodes once per pipeline and then runs on batches.
//!
//! A node computes all lanes of the batch, dead ones too; what counts is what it does on *live* lanes. A kernel
//! that cannot decide a live lane raises a fault, and the whole expression is evaluated row by row on that batch
//! ([`crate::rows`]), which is authoritative. Parts without a kernel are evaluated row by row on their own.
//! A part that reads one column only is evaluated on that column's dictionary, once per dictionary.

mod compile;
mod connect;
mod evaluate;
mod in_set;
pub(crate) mod lanes;
pub(crate) mod strings;

use std::sync::Arc;

use kernels::vector::{Bitmap, Values, Vector, VectorData};
use parking_lot::Mutex;
use types::{Datum, PgError, Result, TypeRef};

use crate::batch::Batch;
use crate::convert::{VectorBuilder, datum_at};
use crate::execute::{FallbackReason, Run};
use crate::expr::Expr;
use crate::functions::VectorFunction;
use crate::rows::RowEvaluator;

pub(crate) use compile::columns_of;

/// An expression that is ready to run on batches.
pub(crate) struct VectorExpr {
    expr: Expr,
    root: Node,
    columns: Vec<usize>,
    /// Why (a part of) it runs row by row.
    pub(crate) fallback: Option<FallbackReason>,
}

/// A part of a vector expression.
struct Node {
    kind: NodeKind,
    ty: TypeRef,
    /// The only column that this part reads, if it may be evaluated on that column's dictionary.
    single_column: Option<usize>,
    dictionaries: Mutex<Vec<(Arc<Values>, Vector)>>,
}

enum NodeKind {
    Column(usize),
    Constant(Datum, Vector),
    Call { function: VectorFunction, strict: bool, args: Vec<Node>, expr: Expr },
    Connect { items: Vec<Node>, any: bool },
    Not(Box<Node>),
    IsNull { arg: Box<Node>, negated: bool },
    BoolTest { arg: Box<Node>, test: crate::expr::BoolTest },
    Case { arms: Vec<(Node, Node)>, otherwise: Box<Node> },
    InSet { arg: Box<Node>, set: in_set::Set, expr: Expr },
    Row(Expr, Vec<usize>),
}

/// Why a vector evaluation did not succeed.
enum Stop {
    /// A live lane needs the row function.
    Fault,
    /// The statement's error.
    Error(PgError),
}

impl From<PgError> for Stop {
    fn from(error: PgError) -> Self {
        Self::Error(error)
    }
}

/// The lanes whose values count.
#[derive(Clone, Copy)]
enum Live<'a> {
    All,
    Some(&'a [u16]),
}

impl Live<'_> {
    fn for_each(self, len: usize, mut body: impl FnMut(usize) -> Result<()>) -> Result<()> {
        match self {
            Self::All => (0..len).try_for_each(&mut body),
            Self::Some(lanes) => lanes.iter().try_for_each(|&lane| body(usize::from(lane))),
        }
    }
}

impl VectorExpr {
    /// Returns the lanes' values (`batch.len` lanes, of which the live ones count).
    pub(crate) fn evaluate(&self, run: &Run<'_>, batch: &Batch) -> Result<Vector> {
        let live = match &batch.selection {
            Some(selection) => Live::Some(selection),
            None => Live::All,
        };
        match self.root.evaluate(run, batch, live) {
            Ok(vector) => Ok(vector),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Fault) => evaluate_rows(run, &self.expr, &self.columns, batch, live),
        }
    }

    /// Returns the live lanes for which the expression is true; `None` when all lanes of the batch are.
    pub(crate) fn filter(&self, run: &Run<'_>, batch: &Batch) -> Result<Option<Arc<[u16]>>> {
        let vector = self.evaluate(run, batch)?;
        Ok(true_lanes(&vector, batch.selection.as_deref()).map(Into::into))
    }

    /// Returns the expression.
    pub(crate) fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns the column that the expression is, if it is nothing else.
    pub(crate) fn as_column(&self) -> Option<usize> {
        match &self.root.kind {
            NodeKind::Column(column) => Some(*column),
            _ => None,
        }
    }
}

/// Returns the live lanes that are true, `None` when these are all lanes.
pub(crate) fn true_lanes(vector: &Vector, live: Option<&[u16]>) -> Option<Vec<u16>> {
    let words = true_words(vector);
    match live {
        Some(live) => {
            let kept = live
                .iter()
                .copied()
                .filter(|&lane| words[usize::from(lane) / 64] >> (lane % 64) & 1 == 1)
                .collect();
            Some(kept)
        }
        None if kernels::bitmap::all(&words, vector.len()) => None,
        None => Some(kernels::bitmap::selection_of(&words)),
    }
}

/// Returns a mask of the lanes of a boolean vector that are true (not false, not null).
pub(crate) fn true_words(vector: &Vector) -> Vec<u64> {
    let mut words = match &vector.data {
        VectorData::Flat(Values::Bool(bits)) => bits.words().to_vec(),
        VectorData::Constant(Values::Bool(bits)) if !bits.get(0) => vec![0; vector.len().div_ceil(64)],
        VectorData::Constant(Values::Bool(_)) => Bitmap::ones(vector.len()).words().to_vec(),
        VectorData::Dictionary { .. } => match vector.to_flat().data {
            VectorData::Flat(Values::Bool(bits)) => bits.words().to_vec(),
            _ => vec![0; vector.len().div_ceil(64)],
        },
        VectorData::Flat(_) | VectorData::Constant(_) => vec![0; vector.len().div_ceil(64)],
    };
    if let Some(validity) = &vector.validity {
        kernels::bitmap::and_with(&mut words, validity.words());
    }
    words
}

/// Evaluates `expr` on the live lanes, in order, by the row evaluator.
fn evaluate_rows(
    run: &Run<'_>,
    expr: &Expr,
    columns: &[usize],
    batch: &Batch,
    live: Live<'_>,
) -> Result<Vector> {
    let evaluator = RowEvaluator::new(run);
    let mut row = vec![Datum::Null; columns.iter().max().map_or(0, |last| last + 1)];
    let types = compile::column_types(expr, row.len());
    let mut builder = VectorBuilder::new(expr.ty, batch.len);
    live.for_each(batch.len, |lane| {
        while builder.len() < lane {
            builder.push_null();
        }
        for &column in columns {
            let vector = batch
                .columns
                .get(column)
                .ok_or_else(|| PgError::internal(format!("column {column} is not in the batch")))?;
            row[column] = datum_at(vector, lane, types[column])?;
        }
        builder.push(&evaluator.evaluate(expr, &row)?)
    })?;
    while builder.len() < batch.len {
        builder.push_null();
    }
    Ok(builder.finish())
}
