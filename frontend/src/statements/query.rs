//! SELECT, INSERT, UPDATE, DELETE: analyze, plan, execute.

use std::ops::ControlFlow;
use std::sync::Arc;

use ecow::EcoString;
use executor::batch::Batch;
use executor::convert::datum_at;
use executor::execute::{ExecutionReport, ResultSink};
use executor::expr::Expr;
use executor::plan::{ModifyKind, Plan};
use executor::point::PointPlan;
use pg_query::NodeEnum;
use pg_query::protobuf::{Node, ResTarget, SelectStmt};
use storage::TableLockMode;
use types::{Datum, Oid, PgError, Result, TypeRef, oids};

use super::Description;
use super::fields::output_fields;
use super::statistics::StoreStatistics;
use crate::analyzer::{self, Analyzed, AnalyzerContext};
use crate::catalog::{Index, IndexKeySource, Relation};
use crate::optimizer::{self, IndexPart, PlannerContext, PlannerSettings};
use crate::query::{Query, QueryBody, Statement};
use crate::server::connection::Client;
use crate::server::output::FieldDescription;
use crate::server::rows::Destination;
use crate::session::Session;
use crate::session::access::Access;
use crate::session::locks::tables_of;
use crate::session::plans::plan_analyzed;
use crate::session::portal::Held;
use crate::session::prepared::Source;

/// A statement ready to run.
pub struct Planned {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Result columns; none when it returns no rows.
    pub columns: Vec<FieldDescription>,
    /// The command tag without its count.
    pub tag: &'static str,
    /// Whether the plan returns the statement's rows rather than a count.
    pub returns_rows: bool,
    /// How to run the plan on the short path, if it is for that.
    pub point: Option<PointPlan>,
    /// The stored tables of the plan, with the locks that they need.
    pub locks: Vec<(u64, TableLockMode)>,
}

/// Runs a query. A change of the row that a cursor stands on follows that row to its newest version when it has waited for
/// another transaction.
pub(super) fn run(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    let Some(mut row) = super::current_of::row_without_result(session, source.node()?)? else {
        return run_once(session, client, source, params, destination);
    };
    loop {
        let tag = run_once(session, client, source, params, destination)?;
        if !tag.ends_with(" 0") {
            return Ok(tag);
        }
        session.refresh_after_wait()?;
        let newest = super::current_of::row_without_result(session, source.node()?)?;
        match newest {
            Some(newest) if newest != row => row = newest,
            Some(_) | None => return Ok(tag),
        }
    }
}

fn run_once(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    params: &[Datum],
    destination: &mut Destination<'_>,
) -> Result<String> {
    let bound = session.bound_plan.take();
    let executed = bound.is_some();
    let planned = match bound {
        Some(planned) => planned,
        None => Arc::new(plan(session, source, params)?),
    };
    super::refuse_plan(session, &planned, source.node()?)?;
    if let Destination::Hold(held) = destination
        && held.lazily
        && planned.tag == "SELECT"
        && planned.returns_rows
        && (session.hold_few(&planned, params, held)? || session.hold_lazily(&planned, params, held)?)
    {
        return Ok("SELECT 0".to_owned());
    }
    if let Some(tag) = super::point::run(session, client, (&planned, executed), params, destination)? {
        client.output.small_statement();
        return Ok(tag);
    }
    client.output.other_statement();
    if planned.returns_rows {
        let access = session.access()?;
        if planned.tag != "SELECT" || !planned.plan.changing.is_empty() {
            // A change runs to its end before the first row is sent.
            let mut held = Held::default();
            let mut kept = Destination::Hold(&mut held);
            let mut sink = kept.open(client, &planned.columns, &access)?;
            execute_plan(session, &planned, params, &mut sink)?;
            let mut sink = destination.open(client, &planned.columns, &access)?;
            for batch in held.batches {
                let _ = sink.push(batch)?;
            }
            return Ok(format!("{} {}", planned.tag, sink.rows));
        }
        let mut sink = destination.open(client, &planned.columns, &access)?;
        execute_plan(session, &planned, params, &mut sink)?;
        return Ok(format!("{} {}", planned.tag, sink.rows));
    }
    let mut count = CountSink::default();
    execute_plan(session, &planned, params, &mut count)?;
    Ok(format!("{} {}", planned.tag, count.count))
}

/// Takes the one row of a change without RETURNING: how many rows it changed.
#[derive(Default)]
pub struct CountSink {
    /// The count.
    pub count: i64,
}

impl ResultSink for CountSink {
    fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
        if let Some(vector) = batch.columns.first()
            && batch.len > 0
            && let Datum::I64(count) = datum_at(vector, 0, TypeRef::plain(oids::INT8))?
        {
            self.count = count;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What a cursor's query is.
pub(super) struct HeldQuery {
    /// Stored tables whose row ids follow the columns of each row.
    pub(super) tables: Vec<Oid>,
    /// Whether a cursor over it can move backwards without SCROLL.
    pub(super) backward: bool,
}

/// Prepares to hold the rows of a cursor's query, those of `Held::columns` and row ids behind them. `admit` says, once the
/// query is analyzed, whether there may be such a cursor.
pub(super) fn hold(
    session: &mut Session,
    client: &mut Client,
    source: &Source,
    params: &[Datum],
    held: &mut Held,
    admit: &dyn Fn(&mut Session) -> Result<()>,
) -> Result<HeldQuery> {
    let (planned, query) = loop {
        let (planned, query) = plan_held(session, source, params)?;
        admit(session)?;
        if !session.lock_planned(&planned)? {
            break (planned, query);
        }
    };
    super::refuse_plan(session, &planned, source.node()?)?;
    held.tag = "SELECT".to_owned();
    if session.hold_lazily(&planned, params, held)? {
        held.columns.truncate(held.columns.len().saturating_sub(query.tables.len()));
        return Ok(query);
    }
    let access = session.access()?;
    let mut columns = planned.columns.clone();
    columns.truncate(columns.len().saturating_sub(query.tables.len()));
    let mut destination = Destination::Hold(held);
    let mut sink = destination.open(client, &columns, &access)?;
    execute_plan(session, &planned, params, &mut sink)?;
    Ok(query)
}

/// Plans the query of a cursor, with row ids behind the columns.
fn plan_held(session: &mut Session, source: &Source, params: &[Datum]) -> Result<(Planned, HeldQuery)> {
    let types = session.param_types(params.len());
    let access = session.access()?;
    let mut analyzed = analyze(&access, source.node()?, &types, false)?;
    let Statement::Query(query) = &mut analyzed.statement else {
        return Err(PgError::internal("a cursor over no query"));
    };
    if query.ctes.iter().any(|cte| matches!(cte.query.body, QueryBody::Modify(_))) {
        return Err(types::errors::cursors::modifying_with());
    }
    let backward = super::current_of::runs_backward(query);
    let tables = super::current_of::show_row_ids(query);
    let planned = plan_analyzed(session, &analyzed, &[])?;
    Ok((planned, HeldQuery { tables, backward }))
}

/// Finds out parameter types and result columns of a query.
pub(super) fn describe(session: &mut Session, source: &Source, types: &[Oid]) -> Result<Description> {
    let given: Vec<Option<Oid>> =
        types.iter().map(|oid| (*oid != 0 && *oid != oids::UNKNOWN).then_some(*oid)).collect();
    let access = session.access()?;
    let node = source.node()?;
    let current = super::current_of::resolve(session, node, false)?;
    let analyzed = analyze(&access, current.as_ref().unwrap_or(node), &given, false)?;
    let columns = result_columns(&analyzed.statement);
    Ok(Description { param_types: analyzed.param_types, columns })
}

/// Analyzes a statement.
///
/// # Errors
/// The analyzer's.
pub fn analyze(
    access: &Access,
    node: &NodeEnum,
    param_types: &[Option<Oid>],
    fixed: bool,
) -> Result<Analyzed> {
    use executor::context::SessionAccess;
    let search_path: Vec<EcoString> = access.search_path().iter().map(EcoString::from).collect();
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &search_path,
        param_types,
        fixed_params: fixed,
        io: access.io(),
    };
    analyzer::analyze(node, &context)
}

/// Returns the result columns of a statement; `None` when it returns no rows.
pub fn result_columns(statement: &Statement) -> Option<Vec<FieldDescription>> {
    match statement {
        Statement::Query(query) => Some(output_fields(&query.output)),
        Statement::Modify(modify) => {
            modify.returning.as_ref().map(|returning| output_fields(&returning.output))
        }
    }
}

/// Analyzes and plans a statement.
///
/// # Errors
/// The analyzer's and the optimizer's.
pub fn plan(session: &mut Session, source: &Source, params: &[Datum]) -> Result<Planned> {
    plan_text(session, source, params, params.is_empty())
}

/// As [`plan`], without values of the parameters, whose types are to be found out.
///
/// # Errors
/// As [`plan`].
pub fn plan_generic(session: &mut Session, source: &Source) -> Result<Planned> {
    plan_text(session, source, &[], false)
}

fn plan_text(session: &mut Session, source: &Source, params: &[Datum], fixed: bool) -> Result<Planned> {
    let types = session.param_types(params.len());
    loop {
        let access = session.access()?;
        let node = source.node()?;
        let current = super::current_of::resolve(session, node, true)?;
        let analyzed = analyze(&access, current.as_ref().unwrap_or(node), &types, fixed)?;
        let planned = plan_analyzed(session, &analyzed, params)?;
        if !session.lock_planned(&planned)? {
            return Ok(planned);
        }
    }
}

/// Returns whether a statement has WHERE CURRENT OF.
pub fn has_current_of(node: &NodeEnum) -> bool {
    super::current_of::is_in(node)
}

/// Plans an analyzed statement, for these values of its parameters if any are given.
///
/// # Errors
/// The optimizer's.
pub fn plan_statement(session: &mut Session, statement: &Statement, params: &[Datum]) -> Result<Planned> {
    let access = session.access()?;
    let statistics = StoreStatistics::new(&access);
    let folding = executor::context::QueryContext::without_tables(access.clone(), Vec::new());
    let evaluate = |expr: &executor::expr::Expr| executor::evaluate_constant(expr, &folding);
    let index_expression = |relation: &Relation, index: &Index, part: IndexPart| {
        index_expression(&access, relation, index, part)
    };
    let settings = planner_settings(&access);
    let context = PlannerContext {
        statistics: &statistics,
        evaluate: &evaluate,
        index_expression: &index_expression,
        settings,
        params,
    };
    let plan = optimizer::plan(statement, &context)?;
    let columns = result_columns(statement);
    let tag = match statement {
        Statement::Query(_) => "SELECT",
        Statement::Modify(modify) => match modify.kind {
            ModifyKind::Insert => "INSERT 0",
            ModifyKind::Update => "UPDATE",
            ModifyKind::Delete => "DELETE",
            ModifyKind::Merge => "MERGE",
        },
    };
    let point = PointPlan::new(&plan, &session.open()?.storage.lock());
    let locks = tables_of(&plan);
    let returns_rows = columns.is_some();
    Ok(Planned {
        plan: Arc::new(plan),
        returns_rows,
        columns: columns.unwrap_or_default(),
        tag,
        point,
        locks,
    })
}

/// Returns an expression of an index, its columns numbered from 1.
fn index_expression(access: &Access, relation: &Relation, index: &Index, part: IndexPart) -> Option<Expr> {
    use executor::context::SessionAccess;
    let (text, usage) = match part {
        IndexPart::Predicate => (index.predicate.as_ref()?, analyzer::ExpressionUse::Predicate),
        IndexPart::Key(at) => match &index.keys.get(at)?.source {
            IndexKeySource::Expression { definition, .. } => (definition, analyzer::ExpressionUse::Index),
            IndexKeySource::Column(_) => return None,
        },
    };
    let ids = analyzer::ddl::expressions::ids(relation);
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &[],
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    analyzer::expression(text, usage, relation, &ids, &context).ok()
}

fn planner_settings(access: &Access) -> PlannerSettings {
    let settings = access.settings.lock();
    let on = |name: &str| settings.raw(name) != "off";
    PlannerSettings {
        seqscan: on("enable_seqscan"),
        indexscan: on("enable_indexscan"),
        indexonlyscan: on("enable_indexonlyscan"),
        bitmapscan: on("enable_bitmapscan"),
        nestloop: on("enable_nestloop"),
        hashjoin: on("enable_hashjoin"),
        mergejoin: on("enable_mergejoin"),
        sort: on("enable_sort"),
    }
}

/// Runs a plan.
///
/// # Errors
/// The statement's.
pub fn execute_plan(
    session: &mut Session,
    planned: &Planned,
    params: &[Datum],
    sink: &mut dyn ResultSink,
) -> Result<ExecutionReport> {
    let context = session.context(params)?;
    executor::execute(&planned.plan, &context, sink)
}

/// Looks types up by their names.
pub(super) fn type_names(session: &mut Session, names: &[Node]) -> Result<Vec<Oid>> {
    let access = session.access()?;
    let mut oids = Vec::with_capacity(names.len());
    for name in names {
        // A cast of NULL has the type that the name stands for.
        let null = pg_query::protobuf::AConst { isnull: true, location: -1, val: None };
        let Some(NodeEnum::TypeName(type_name)) = &name.node else { continue };
        let cast = NodeEnum::TypeCast(Box::new(pg_query::protobuf::TypeCast {
            arg: Some(Box::new(Node { node: Some(NodeEnum::AConst(null)) })),
            type_name: Some(type_name.clone()),
            location: -1,
        }));
        let query = analyze_expression(&access, cast, &[])?;
        oids.push(query.output.first().map_or(oids::UNKNOWN, |column| column.ty.oid));
    }
    Ok(oids)
}

/// Analyzes `SELECT expression`.
fn analyze_expression(access: &Access, node: NodeEnum, param_types: &[Option<Oid>]) -> Result<Query> {
    let target = ResTarget {
        name: String::new(),
        indirection: Vec::new(),
        val: Some(Box::new(Node { node: Some(node) })),
        location: -1,
    };
    let select = SelectStmt {
        target_list: vec![Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
        limit_option: pg_query::protobuf::LimitOption::Default.into(),
        op: pg_query::protobuf::SetOperation::SetopNone.into(),
        ..SelectStmt::default()
    };
    match analyze(access, &NodeEnum::SelectStmt(Box::new(select)), param_types, false)?.statement {
        Statement::Query(query) => Ok(query),
        Statement::Modify(_) => Err(PgError::internal("an expression that is not one")),
    }
}

/// Computes an expression without columns, as a value of a type.
pub(super) fn evaluate(session: &mut Session, node: &NodeEnum, ty: Oid, params: &[Datum]) -> Result<Datum> {
    let access = session.access()?;
    // `expression::type` by way of an INSERT-like cast: a literal takes the type, anything else is cast.
    let cast = NodeEnum::TypeCast(Box::new(pg_query::protobuf::TypeCast {
        arg: Some(Box::new(Node { node: Some(node.clone()) })),
        type_name: Some(pg_query::protobuf::TypeName {
            type_oid: ty,
            typemod: -1,
            location: -1,
            names: type_path(ty),
            ..Default::default()
        }),
        location: -1,
    }));
    let query = analyze_expression(&access, cast, &session.param_types(params.len()))?;
    let planned = plan_statement(session, &Statement::Query(query), &[])?;
    single_value(session, &planned, params)
}

/// Returns the qualified name of a built-in type, as the grammar has it.
fn type_path(ty: Oid) -> Vec<Node> {
    let name =
        crate::catalog::builtin::builtin().type_by_oid(ty).map(|ty| ty.name.to_string()).unwrap_or_default();
    ["pg_catalog".to_owned(), name]
        .into_iter()
        .map(|sval| Node { node: Some(NodeEnum::String(pg_query::protobuf::String { sval })) })
        .collect()
}

/// Runs a plan that gives one value.
fn single_value(session: &mut Session, planned: &Planned, params: &[Datum]) -> Result<Datum> {
    struct One(Datum, TypeRef);
    impl ResultSink for One {
        fn push(&mut self, batch: Batch) -> Result<ControlFlow<()>> {
            let batch = batch.compact();
            if let Some(vector) = batch.columns.first()
                && batch.len > 0
            {
                self.0 = datum_at(vector, 0, self.1)?;
            }
            Ok(ControlFlow::Continue(()))
        }
    }
    let ty = planned.columns.first().map_or(TypeRef::plain(oids::UNKNOWN), |column| column.ty);
    let mut sink = One(Datum::Null, ty);
    execute_plan(session, planned, params, &mut sink)?;
    Ok(sink.0)
}

/// Computes the DEFAULT of column `column` of a table, for rows that COPY gives no value.
///
/// # Errors
/// Those of the expression; `0A000` when it is volatile, because each row would need a value of its own.
pub fn default_value(
    session: &mut Session,
    relation: &crate::catalog::Relation,
    column: usize,
) -> Result<Datum> {
    use executor::context::SessionAccess;
    let Some(text) = relation.columns.get(column).and_then(|column| column.default.clone()) else {
        return Ok(Datum::Null);
    };
    let access: Arc<Access> = session.access()?;
    let search_path: Vec<EcoString> = access.search_path().iter().map(EcoString::from).collect();
    let context = AnalyzerContext {
        catalog: &access.catalog,
        search_path: &search_path,
        param_types: &[],
        fixed_params: true,
        io: access.io(),
    };
    let usage = analyzer::ExpressionUse::Default { column };
    let expr = analyzer::expression(&text, usage, relation, &[], &context)?;
    let volatility = optimizer::expressions::volatility(&expr, &|_| executor::expr::Volatility::Volatile);
    if volatility == executor::expr::Volatility::Volatile {
        return Err(PgError::not_supported("COPY FROM with a volatile DEFAULT"));
    }
    let query = executor::context::QueryContext::without_tables(access.clone(), Vec::new());
    executor::evaluate_constant(&expr, &query)
}
