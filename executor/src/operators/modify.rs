//! INSERT, UPDATE and DELETE.
//!
//! All rows of the input are read before the first change, so a statement never sees its own changes. Rows are checked
//! (NOT NULL, then CHECK) in order; RETURNING is computed over them.

use kernels::vector::{Values, Vector};
use storage::{ColumnDefinition, RowId, TableId};
use types::{Datum, Numeric, PgError, PhysicalType, Result, SqlState, TypeRef};

use super::{RowSet, Stage, collect_rows, produce_rowset};
use crate::batch::Batch;
use crate::convert::{datum_at, numeric_views, rows_of};
use crate::execute::Run;
use crate::plan::{Modify, ModifyKind, PlanNode};
use crate::rows::RowEvaluator;

/// Changes the table and pushes the rows of RETURNING, or the number of rows.
pub(super) fn produce(run: &Run<'_>, node: &PlanNode, plan: &Modify, stage: &dyn Stage) -> Result<()> {
    let rows = collect_rows(run, &plan.input)?;
    let width = plan.columns.len();
    let mut count = 0i64;
    let mut returned = Vec::new();
    let definitions = table_columns(run, plan)?;
    for batch in &rows.batches {
        run.context.cancel.check()?;
        let new = match plan.kind {
            ModifyKind::Insert | ModifyKind::Update => {
                let new = Batch::new(batch.columns[..width.min(batch.columns.len())].to_vec(), batch.len);
                check_rows(run, plan, &new)?;
                Some(new)
            }
            ModifyKind::Delete => None,
        };
        let ids = match plan.kind {
            ModifyKind::Insert => None,
            ModifyKind::Update => batch.columns.get(width),
            ModifyKind::Delete => batch.columns.first(),
        };
        let mut transaction = run.context.transaction()?.lock();
        if let Some(ids) = ids {
            count += transaction.delete(TableId(plan.table), &row_ids(ids)?)? as i64;
        }
        if let Some(new) = &new {
            let vectors = new
                .columns
                .iter()
                .zip(&definitions)
                .zip(&plan.columns)
                .map(|((vector, definition), (_, ty, _))| to_storage(vector, definition, *ty))
                .collect::<Result<Vec<_>>>()?;
            let inserted = transaction.insert(TableId(plan.table), &vectors)?;
            if plan.kind == ModifyKind::Insert {
                count += inserted as i64;
            }
        }
        drop(transaction);
        if let Some(exprs) = &plan.returning {
            let old = Batch::new(batch.columns.iter().skip(1).cloned().collect(), batch.len);
            let types: Vec<TypeRef> = plan.columns.iter().map(|(_, ty, _)| *ty).collect();
            let evaluator = RowEvaluator::new(run);
            for row in rows_of(new.as_ref().unwrap_or(&old), &types)? {
                returned.push(
                    exprs.iter().map(|expr| evaluator.evaluate(expr, &row)).collect::<Result<Vec<_>>>()?,
                );
            }
        }
    }
    let output = if plan.returning.is_some() {
        RowSet::from_rows(&returned, &node.output)?
    } else {
        RowSet::from_rows(&[vec![Datum::I64(count)]], &[TypeRef::plain(types::oids::INT8)])?
    };
    produce_rowset(run, &output, stage)
}

fn table_columns(run: &Run<'_>, plan: &Modify) -> Result<Vec<ColumnDefinition>> {
    let transaction = run.context.transaction()?.lock();
    Ok(transaction.scan(TableId(plan.table))?.columns().to_vec())
}

fn row_ids(vector: &Vector) -> Result<Vec<RowId>> {
    let flat = vector.to_flat();
    match flat.values() {
        Values::I64(ids) => Ok(ids.iter().map(|id| RowId(*id as u64)).collect()),
        _ => Err(PgError::internal("row ids are not int8")),
    }
}

/// Raises the first violation of NOT NULL or CHECK, in row order.
fn check_rows(run: &Run<'_>, plan: &Modify, batch: &Batch) -> Result<()> {
    let any_null = plan
        .columns
        .iter()
        .zip(&batch.columns)
        .any(|((_, _, not_null), column)| *not_null && (0..batch.len).any(|lane| column.is_null(lane)));
    if !any_null && plan.checks.is_empty() {
        return Ok(());
    }
    let types: Vec<TypeRef> = plan.columns.iter().map(|(_, ty, _)| *ty).collect();
    let evaluator = RowEvaluator::new(run);
    for row in rows_of(batch, &types)? {
        for ((name, _, not_null), value) in plan.columns.iter().zip(&row) {
            if *not_null && value.is_null() {
                let mut error = PgError::new(
                    SqlState::NOT_NULL_VIOLATION,
                    format!(
                        "null value in column \"{name}\" of relation \"{}\" violates not-null constraint",
                        plan.name
                    ),
                )
                .with_detail(failing_row(run, &row, &types));
                error.fields_mut().column = Some(name.to_string());
                error.fields_mut().table = Some(plan.name.to_string());
                return Err(error);
            }
        }
        for (name, check) in &plan.checks {
            // NULL passes.
            if evaluator.evaluate(check, &row)? == Datum::Bool(false) {
                let mut error = PgError::new(
                    SqlState::CHECK_VIOLATION,
                    format!("new row for relation \"{}\" violates check constraint \"{name}\"", plan.name),
                )
                .with_detail(failing_row(run, &row, &types));
                error.fields_mut().constraint = Some(name.to_string());
                error.fields_mut().table = Some(plan.name.to_string());
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Describes a row as `ExecBuildSlotValueDescription`: values of at most 64 bytes.
fn failing_row(run: &Run<'_>, row: &[Datum], types: &[TypeRef]) -> String {
    const FIELD_BYTES_MAX: usize = 64;
    let fields: Vec<String> = row
        .iter()
        .zip(types)
        .map(|(value, ty)| {
            if value.is_null() {
                return "null".to_owned();
            }
            let text = crate::functions::output_text(value, *ty, run.context).unwrap_or_default();
            if text.len() <= FIELD_BYTES_MAX {
                return text;
            }
            let mut end = FIELD_BYTES_MAX;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}...", &text[..end])
        })
        .collect();
    format!("Failing row contains ({}).", fields.join(", "))
}

/// Returns a vector in the form that its stored column takes.
pub(crate) fn to_storage(vector: &Vector, column: &ColumnDefinition, ty: TypeRef) -> Result<Vector> {
    if column.physical != PhysicalType::Numeric {
        return Ok(vector.clone());
    }
    match (vector.values(), column.fixed_scale) {
        (Values::Fixed64 { scale, .. } | Values::Fixed128 { scale, .. }, Some(wanted))
            if *scale == wanted =>
        {
            return Ok(vector.clone());
        }
        (Values::Views(_), None) => return Ok(vector.clone()),
        _ => {}
    }
    let mut numerics = Vec::with_capacity(vector.len());
    let mut nulls = Vec::with_capacity(vector.len());
    for lane in 0..vector.len() {
        let value = match datum_at(vector, lane, ty)? {
            Datum::Numeric(value) => Some(value),
            _ => None,
        };
        nulls.push(value.is_none());
        numerics.push(value.unwrap_or(Numeric::ZERO));
    }
    let values = match column.fixed_scale {
        None => Values::Views(numeric_views(&numerics, &nulls)),
        Some(scale) => fixed_values(&numerics, scale)?,
    };
    Ok(Vector::flat(values, vector.validity.clone()))
}

fn fixed_values(numerics: &[Numeric], scale: u8) -> Result<Values> {
    let unscaled = numerics
        .iter()
        .map(|value| value.to_fixed_scale(u16::from(scale)))
        .collect::<Option<Vec<i128>>>()
        .ok_or_else(|| {
            PgError::not_supported("a numeric value without fixed digits in a numeric(p,s) column")
        })?;
    if unscaled.iter().all(|value| i64::try_from(*value).is_ok()) {
        Ok(Values::Fixed64 { unscaled: unscaled.into_iter().map(|value| value as i64).collect(), scale })
    } else {
        Ok(Values::Fixed128 { unscaled: unscaled.into(), scale })
    }
}
