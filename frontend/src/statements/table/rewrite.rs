//! Writing a table anew: each row of the old file through expressions into a new one.

use std::ops::ControlFlow;
use std::sync::Arc;

use ecow::EcoString;
use executor::batch::Batch;
use executor::execute::ResultSink;
use executor::expr::{ColumnId, Expr};
use executor::plan::SortKey;
use kernels::vector::Values;
use storage::{Ages, RowId, StorageError};
use types::{Datum, Oid, PgError, Result, SqlState, TypeRef, oids};

use super::super::query;
use super::batch_writer::BatchWriter;
use super::make_file;
use crate::analyzer::ddl::expressions;
use crate::catalog::{ConstraintKind, Index, IndexKeySource, Relation};
use crate::query::{Distinct, FromItem, OutputColumn, Query, QueryBody, Select, Statement};
use crate::session::Session;

/// Who sees the rows of a table that is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowAges {
    /// Whoever saw the old ones: where PostgreSQL leaves the file alone, or copies versions of rows.
    Kept,
    /// Snapshots taken afterwards only, as where PostgreSQL's ALTER TABLE writes the file anew.
    New,
}

/// Replaces the file of `old` by one for `new`, whose columns are computed by `values` over the old columns (ids 1, 2,
/// ...), and puts `new` into the catalog.
///
/// # Errors
/// Those of the expressions and of the storage.
pub fn rewrite(
    session: &mut Session,
    old: &Arc<Relation>,
    new: Relation,
    values: Vec<Expr>,
    ages: RowAges,
) -> Result<()> {
    rewrite_by(session, old, new, values, ages, &|_| Ok(Vec::new()))
}

/// Returns the order of rows, given the ids of their columns.
type Order<'a> = &'a dyn Fn(&[ColumnId]) -> Result<Vec<SortKey>>;

/// Replaces the file of `old` by one for `new` with the same rows in another order.
///
/// # Errors
/// Those of the storage.
pub fn rewrite_ordered(
    session: &mut Session,
    old: &Arc<Relation>,
    new: Relation,
    order: Order<'_>,
) -> Result<()> {
    rewrite_by(session, old, new, same(old), RowAges::Kept, order)
}

fn rewrite_by(
    session: &mut Session,
    old: &Arc<Relation>,
    mut new: Relation,
    values: Vec<Expr>,
    ages: RowAges,
    order: Order<'_>,
) -> Result<()> {
    new.file = session.change_catalog(|catalog| Ok(catalog.allocate_oid()))?;
    make_file(session, &new)?;
    let schema = session.open()?.catalog.schema_name(new.schema).map(str::to_owned);
    let not_unique = |error: StorageError| not_unique(error.into(), &schema, &new);
    let storage = Arc::clone(&session.open()?.storage);
    let mut copy = {
        let mut transaction = storage.lock();
        let ages = match ages {
            RowAges::Kept => Some(transaction.ages(old.table_id())?),
            RowAges::New => None,
        };
        Copy { rows: BatchWriter::new(&mut transaction, &new)?, ages }
    };
    run(session, old, &new, values, order, &mut copy)?;
    {
        let mut transaction = storage.lock();
        let Copy { rows: BatchWriter { mut rows, .. }, ages } = copy;
        rows.keep_ages(ages);
        rows.finish(&mut transaction).map_err(not_unique)?;
        transaction.drop_table(old.table_id())?;
        // What checks the new rows must see them.
        transaction.advance_command();
    }
    if new.columns.len() >= old.columns.len() {
        session.open()?.deferred.lock().moved(old.table_id().0, new.table_id().0);
    }
    session.change_catalog(|catalog| {
        catalog.put_relation(Arc::new(new));
        Ok(())
    })
}

/// Rows of a table on their way from one file to another.
struct Copy {
    rows: BatchWriter,
    ages: Option<Ages>,
}

impl ResultSink for Copy {
    fn push(&mut self, mut batch: Batch) -> Result<ControlFlow<()>> {
        if batch.len == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        batch = batch.compact();
        // The last columns say who has made the rows, which does not change, and which they are.
        let (Some(ids), Some(origins)) = (batch.columns.pop(), batch.columns.pop()) else {
            return Err(PgError::internal("rows of nobody"));
        };
        let (ids, origins) = (ids.to_flat(), origins.to_flat());
        let (Values::I64(ids), Values::I64(origins)) = (ids.values(), origins.values()) else {
            return Err(PgError::internal("rows are not known by int8"));
        };
        if let Some(ages) = &mut self.ages {
            ages.note(ids.iter().map(|id| RowId(*id as u64)));
        }
        let origins: Vec<u32> = origins.iter().map(|origin| *origin as u32).collect();
        let columns = self.rows.stored(&batch)?;
        self.rows.rows.append_made(&columns, &origins)?;
        Ok(ControlFlow::Continue(()))
    }
}

/// A key that two rows have is one that could not be created.
fn not_unique(mut error: PgError, schema: &Option<String>, table: &Relation) -> PgError {
    if error.sqlstate() != SqlState::UNIQUE_VIOLATION {
        return error;
    }
    let fields = error.fields_mut();
    fields.schema.clone_from(schema);
    fields.table = Some(table.name.to_string());
    let index = fields.constraint.clone().unwrap_or_default();
    fields.message = format!("could not create unique index \"{index}\"");
    fields.detail = fields.detail.take().map(|detail| detail.replace(" already exists.", " is duplicated."));
    error
}

fn run(
    session: &mut Session,
    old: &Arc<Relation>,
    new: &Relation,
    values: Vec<Expr>,
    order: Order<'_>,
    sink: &mut dyn ResultSink,
) -> Result<()> {
    let ids = expressions::ids(old);
    let first = u32::try_from(ids.len()).unwrap_or(u32::MAX) + 1;
    let mut output = Vec::with_capacity(values.len());
    let mut targets: Vec<(ColumnId, Expr)> = Vec::with_capacity(values.len());
    for ((value, column), number) in values.into_iter().zip(&new.columns).zip(first..) {
        let id = ColumnId(number);
        output.push(OutputColumn { id, name: column.name.clone(), ty: value.ty, origin: None });
        targets.push((id, value));
    }
    let made: Vec<ColumnId> = targets.iter().map(|(id, _)| *id).collect();
    let (row_id, origin) = (ColumnId(u32::MAX - 1), ColumnId(u32::MAX - 2));
    let value = crate::analyzer::origin_of(old.oid, row_id);
    output.push(OutputColumn { id: origin, name: "xmin".into(), ty: value.ty, origin: None });
    targets.push((origin, value));
    let place = ColumnId(u32::MAX - 3);
    let value = Expr::column(row_id, TypeRef::plain(oids::INT8));
    output.push(OutputColumn { id: place, name: "row".into(), ty: value.ty, origin: None });
    targets.push((place, value));
    let order_by = order(&made)?;
    let from = FromItem::Table {
        relation: Arc::clone(old),
        alias: EcoString::from(old.name.as_str()),
        columns: ids,
        row_id: Some(row_id),
    };
    let select = Select {
        from: vec![from],
        filter: None,
        grouping: None,
        having: None,
        windows: Vec::new(),
        targets,
        distinct: Distinct::No,
    };
    let query = Query {
        ctes: Vec::new(),
        body: QueryBody::Select(Box::new(select)),
        output,
        order_by,
        limit: None,
        with_ties: false,
        offset: None,
        subqueries: Vec::new(),
        locking: false,
        row_marks: Vec::new(),
    };
    let planned = query::plan_statement(session, &Statement::Query(query), &[])?;
    session.over_newest_rows(|session| query::execute_plan(session, &planned, &[], sink))?;
    Ok(())
}

/// Returns the expressions that leave the columns of a relation as they are.
pub fn same(relation: &Relation) -> Vec<Expr> {
    let ids = expressions::ids(relation);
    relation
        .columns
        .iter()
        .zip(ids)
        .map(|(column, id)| match column.generated {
            Some(crate::catalog::Generated::Virtual) => Expr::constant(Datum::Null, column.ty),
            Some(crate::catalog::Generated::Stored) | None => Expr::column(id, column.ty),
        })
        .collect()
}

/// Takes a column out of a table; what depends on it is gone already.
///
/// # Errors
/// Those of the storage.
pub fn drop_column(session: &mut Session, table: Oid, attnum: i16) -> Result<()> {
    let old = session.open()?.catalog.relations.get(&table).cloned();
    let old = old.ok_or_else(|| PgError::internal("a column of no table"))?;
    let Some(dropped) = old.position_of(attnum) else { return Ok(()) };
    let mut new = without_column(&old, dropped);
    new.last_attnum = old.attnum_max();
    if !old.kind.is_stored() {
        return session.change_catalog(|catalog| {
            catalog.put_relation(Arc::new(new));
            Ok(())
        });
    }
    let mut values = same(&old);
    values.remove(dropped);
    rewrite(session, &old, new, values, RowAges::Kept)
}

/// Returns a relation without a column, positions moved.
fn without_column(old: &Relation, dropped: usize) -> Relation {
    let mut new = old.clone();
    for (position, column) in new.columns.iter_mut().enumerate() {
        column.attnum = old.attnum(position);
    }
    new.columns.remove(dropped);
    let moved = |position: &mut usize| {
        if *position > dropped {
            *position -= 1;
        }
    };
    for constraint in &mut new.constraints {
        constraint.columns.iter_mut().for_each(moved);
        match &mut constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } | ConstraintKind::Unique { columns, .. } => {
                columns.iter_mut().for_each(moved);
            }
            ConstraintKind::NotNull { column } => moved(column),
            ConstraintKind::Check { .. } | ConstraintKind::Exclusion { .. } => {}
            ConstraintKind::ForeignKey(key) => {
                key.columns.iter_mut().for_each(moved);
                key.delete_columns.iter_mut().for_each(moved);
            }
        }
    }
    for index in &mut new.indexes {
        let mut changed = Index::clone(index);
        for key in &mut changed.keys {
            if let IndexKeySource::Column(position) = &mut key.source {
                moved(position);
            }
        }
        changed.include.iter_mut().for_each(moved);
        changed.expression_columns.iter_mut().for_each(moved);
        *index = Arc::new(changed);
    }
    new
}
