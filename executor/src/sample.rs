//! Evaluation of predicates on a sample of rows, for the optimizer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kernels::vector::{Bitmap, Values, Vector};
use types::Result;

use crate::batch::Batch;
use crate::context::QueryContext;
use crate::execute::{Run, RunState};
use crate::expr::Expr;
use crate::plan::{NodeKind, Plan, PlanNode};
use crate::vectors::VectorExpr;

/// Returns how many of the sample's `len` rows satisfy all of `filters`; columns in them are keys of
/// `columns`. At most [`kernels::vector::VECTOR_LANES`] rows.
///
/// # Errors
/// As the filters' functions do, and `0A000` for functions without a body.
pub fn count_matching(
    filters: &[&Expr],
    columns: &BTreeMap<usize, Vector>,
    len: usize,
    context: &Arc<QueryContext>,
) -> Result<usize> {
    let root = PlanNode { id: 0, kind: NodeKind::Values { rows: Vec::new() }, output: Vec::new(), rows: 0.0 };
    let plan = Plan { root, shared: Vec::new(), changing: Vec::new(), subplans: Vec::new() };
    let state = RunState::default();
    let run = Run {
        plan: &plan,
        context,
        threads: 1,
        outer: Arc::new(Vec::new()),
        working: Arc::new(HashMap::new()),
        state: &state,
        only_rows: None,
        runtime_filters: Arc::default(),
    };
    let width = columns.last_key_value().map_or(0, |(column, _)| column + 1);
    let placeholder = Vector::constant(Values::Bool(Bitmap::zeros(1)), len);
    let vectors = (0..width).map(|column| columns.get(&column).unwrap_or(&placeholder).clone());
    let mut batch = Batch::new(vectors.collect(), len);
    for filter in filters {
        if let Some(selection) = VectorExpr::compile(&run, filter)?.filter(&run, &batch)? {
            batch.selection = Some(selection);
        }
    }
    Ok(batch.rows())
}
