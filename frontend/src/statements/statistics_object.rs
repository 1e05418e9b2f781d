//! CREATE, ALTER and DROP STATISTICS. The objects are kept and shown; nothing is computed for them, as the optimizer looks
//! at samples of the tables themselves.

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::ExprKind;
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AlterObjectSchemaStmt, AlterOwnerStmt, AlterStatsStmt, CreateStatsStmt, DropStmt, Node, RenameStmt,
    StatsElem,
};
use storage::TableLockMode;
use types::{Oid, PgError, Result, SqlState};

use super::absent;
use super::table::{self, range_var, words};
use super::variable::constant_text;
use crate::analyzer::ddl::{expressions, names as made_names};
use crate::analyzer::{AnalyzerContext, ExpressionUse, node_expression};
use crate::catalog::builtin::{BTREE, default_operator_class};
use crate::catalog::dependency::{classes, whole};
use crate::catalog::type_names::type_name;
use crate::catalog::{Catalog, Generated, Relation, RelationKind, StatisticsObject};
use crate::session::Session;
use crate::session::catalog_claims::Wanted;
use crate::session::names::{self, Found};

/// The most columns and expressions (`STATS_MAX_DIMENSIONS`).
const ELEMENTS_MAX: usize = 8;
/// The highest target (`MAX_STATISTICS_TARGET`).
const TARGET_MAX: i64 = 10_000;
const EVERY_KIND: &str = "dfm";

/// CREATE STATISTICS.
pub(super) fn create(session: &mut Session, statement: &CreateStatsStmt) -> Result<String> {
    let Some(NodeEnum::RangeVar(range)) = statement.relations.first().and_then(|node| node.node.as_ref())
    else {
        let message = "CREATE STATISTICS only supports relation names in the FROM clause";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    };
    table::lock_named(session, range, TableLockMode::ShareUpdateExclusive)?;
    let relation = match table::lookup(session, range)? {
        Some(Found::User(relation)) => relation,
        Some(Found::System(relation)) => {
            let message = format!("permission denied: \"{}\" is a system catalog", relation.name);
            return Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
        }
        None => return table::resolve(session, range).map(|_| String::new()),
    };
    let elements = analyzed(session, statement, &relation)?;
    if statement.relations.len() != 1 {
        let message = "only a single relation is allowed in CREATE STATISTICS";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    if !matches!(relation.kind, RelationKind::Table | RelationKind::Materialized { .. }) {
        let message = format!("cannot define statistics for relation \"{}\"", relation.name);
        return Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message)
            .with_detail(format!("This operation is not supported for {}s.", relation.kind.noun())));
    }
    let (schema, name) = place(session, statement, &relation, &elements)?;
    // Whoever makes another one of the name is waited for.
    session.claim_name(schema, &name)?;
    if session.open()?.catalog.statistics_in(schema, &name).is_some() {
        let message = format!("statistics object \"{name}\" already exists");
        if statement.if_not_exists {
            session.notice(SqlState::DUPLICATE_OBJECT, format!("{message}, skipping"));
            return Ok("CREATE STATISTICS".to_owned());
        }
        return Err(PgError::new(SqlState::DUPLICATE_OBJECT, message));
    }
    let object = checked(statement, &relation, elements)?;
    session.change_catalog(|catalog| {
        let oid = catalog.allocate_oid();
        catalog.statistics.insert(oid, Arc::new(StatisticsObject { oid, name, schema, ..object }));
        Ok(())
    })?;
    Ok("CREATE STATISTICS".to_owned())
}

/// A column or an expression.
enum Element {
    /// A column that is named, or an error if there is none.
    Named(EcoString),
    /// A column as an expression.
    Column(usize),
    Expression {
        text: EcoString,
        used: Vec<usize>,
        ty: Oid,
    },
}

/// Analyzes the expressions.
fn analyzed(session: &mut Session, statement: &CreateStatsStmt, relation: &Relation) -> Result<Vec<Element>> {
    table::with_context(session, |context, _| {
        let mut elements = Vec::with_capacity(statement.exprs.len());
        for node in &statement.exprs {
            let Some(NodeEnum::StatsElem(element)) = &node.node else { continue };
            elements.push(analyzed_element(element, relation, context)?);
        }
        Ok(elements)
    })
}

fn analyzed_element(
    element: &StatsElem,
    relation: &Relation,
    context: &AnalyzerContext<'_>,
) -> Result<Element> {
    let Some(node) = element.expr.as_ref().and_then(|node| node.node.as_ref()) else {
        return Ok(Element::Named(element.name.as_str().into()));
    };
    let ids = expressions::ids(relation);
    let (expr, _) = node_expression(node, ExpressionUse::Statistics, relation, &ids, context)?;
    if let ExprKind::Column(id) = expr.kind
        && let Some(position) = ids.iter().position(|known| *known == id)
    {
        return Ok(Element::Column(position));
    }
    let text = expressions::stored_text(&expr, node, relation, &ids, context)?;
    Ok(Element::Expression { text, used: expressions::columns_used(&expr, &ids), ty: expr.ty.oid })
}

/// Returns schema and name: those that are given, or the table's and `table_columns_stat`.
fn place(
    session: &Session,
    statement: &CreateStatsStmt,
    relation: &Relation,
    elements: &[Element],
) -> Result<(Oid, EcoString)> {
    let catalog = &session.open()?.catalog;
    let given: Vec<String> = statement.defnames.iter().flat_map(words).collect();
    let Some(name) = given.last() else {
        let named = elements.iter().map(|element| match element {
            Element::Named(name) => name.as_str(),
            Element::Column(position) => relation.columns[*position].name.as_str(),
            Element::Expression { .. } => "expr",
        });
        return Ok((relation.schema, chosen_name(catalog, relation, named)));
    };
    let schema = match given.len() {
        1 => names::creation_schema(catalog, &session.search_path()).ok_or_else(|| {
            PgError::new(SqlState::INVALID_SCHEMA_NAME, "no schema has been selected to create in")
        })?,
        _ => schema_named(catalog, &range_var(&given)?.schemaname)?,
    };
    Ok((schema, name.as_str().into()))
}

fn chosen_name<'a>(
    catalog: &Catalog,
    relation: &Relation,
    columns: impl Iterator<Item = &'a str>,
) -> EcoString {
    let taken = |name: &str| catalog.statistics_in(relation.schema, name).is_some();
    made_names::choose(&relation.name, &made_names::columns_addition(columns), "stat", &taken)
}

fn schema_named(catalog: &Catalog, name: &str) -> Result<Oid> {
    let schema = names::schema_oid(catalog, name).ok_or_else(|| {
        PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
    })?;
    if !catalog.schemas.contains_key(&schema) {
        let message = format!("permission denied for schema {name}");
        return Err(PgError::new(SqlState::INSUFFICIENT_PRIVILEGE, message));
    }
    Ok(schema)
}

/// Checks columns, expressions and kinds (`CreateStatistics`). Name and place are left open.
fn checked(
    statement: &CreateStatsStmt,
    relation: &Relation,
    elements: Vec<Element>,
) -> Result<StatisticsObject> {
    let count = elements.len();
    if count > ELEMENTS_MAX {
        let message = format!("cannot have more than {ELEMENTS_MAX} columns in statistics");
        return Err(PgError::new(SqlState::TOO_MANY_COLUMNS, message));
    }
    let (mut columns, mut texts, mut used): (Vec<i16>, Vec<EcoString>, Vec<i16>) = Default::default();
    for element in elements {
        match element {
            Element::Named(name) => columns.push(relation.attnum(column(relation, &name)?)),
            Element::Column(position) => {
                check_column(relation, position)?;
                columns.push(relation.attnum(position));
            }
            Element::Expression { text, used: positions, ty } => {
                for position in positions {
                    refuse_virtual(relation, position)?;
                    used.push(relation.attnum(position));
                }
                if count > 1 && default_operator_class(BTREE, ty).is_none() {
                    let message = format!(
                        "expression cannot be used in multivariate statistics because its type {} has no default btree operator class",
                        type_name(ty)
                    );
                    return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
                }
                texts.push(text);
            }
        }
    }
    if count < 2 && texts.len() != 1 {
        let message = "extended statistics require at least 2 columns";
        return Err(PgError::new(SqlState::INVALID_OBJECT_DEFINITION, message));
    }
    let mut kinds = wanted_kinds(statement, count == 1)?;
    columns.sort_unstable();
    if columns.windows(2).any(|pair| pair[0] == pair[1]) {
        let message = "duplicate column name in statistics definition";
        return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    let repeated = |at: usize| texts.iter().take(at).any(|text| *text == texts[at]);
    if (0..texts.len()).any(repeated) {
        let message = "duplicate expression in statistics definition";
        return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
    }
    if !texts.is_empty() {
        kinds.push('e');
    }
    used.sort_unstable();
    used.dedup();
    Ok(StatisticsObject {
        oid: 0,
        name: EcoString::new(),
        schema: 0,
        owner: 0,
        table: relation.oid,
        columns,
        expressions: texts,
        used,
        kinds,
        target: None,
    })
}

fn column(relation: &Relation, name: &str) -> Result<usize> {
    if let Some(position) = relation.column_position(name) {
        check_column(relation, position)?;
        return Ok(position);
    }
    if matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid") {
        let message = "statistics creation on system columns is not supported";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Err(PgError::new(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist")))
}

fn check_column(relation: &Relation, position: usize) -> Result<()> {
    refuse_virtual(relation, position)?;
    let column = &relation.columns[position];
    if default_operator_class(BTREE, column.ty.oid).is_none() {
        let message = format!(
            "column \"{}\" cannot be used in statistics because its type {} has no default btree operator class",
            column.name,
            type_name(column.ty.oid)
        );
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(())
}

fn refuse_virtual(relation: &Relation, position: usize) -> Result<()> {
    if relation.columns[position].generated == Some(Generated::Virtual) {
        let message = "statistics creation on virtual generated columns is not supported";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(())
}

/// Returns the letters of the kinds, all when none are named.
fn wanted_kinds(statement: &CreateStatsStmt, single: bool) -> Result<EcoString> {
    let named: Vec<String> = statement.stat_types.iter().flat_map(words).collect();
    if single && !named.is_empty() {
        let message =
            "when building statistics on a single expression, statistics kinds may not be specified";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    for name in &named {
        if !matches!(name.as_str(), "ndistinct" | "dependencies" | "mcv") {
            let message = format!("unrecognized statistics kind \"{name}\"");
            return Err(PgError::new(SqlState::SYNTAX_ERROR, message));
        }
    }
    if single {
        return Ok(EcoString::new());
    }
    if named.is_empty() {
        return Ok(EVERY_KIND.into());
    }
    let letters = [("ndistinct", 'd'), ("dependencies", 'f'), ("mcv", 'm')];
    let wanted = letters.iter().filter(|(word, _)| named.iter().any(|name| name == word));
    Ok(wanted.map(|(_, letter)| *letter).collect())
}

/// Copies the objects of `source` to a table made LIKE it.
pub(super) fn copy(session: &mut Session, source: &Relation, made: &Relation) -> Result<()> {
    let moved = |attnum: &i16| {
        let name = &source.columns[source.position_of(*attnum)?].name;
        made.column_position(name).map(|position| made.attnum(position))
    };
    session.change_catalog(|catalog| {
        let objects: Vec<Arc<StatisticsObject>> =
            catalog.statistics.values().filter(|known| known.table == source.oid).cloned().collect();
        for known in objects {
            let mut columns: Vec<i16> = known.columns.iter().filter_map(moved).collect();
            columns.sort_unstable();
            let position = |attnum: &i16| source.position_of(*attnum);
            let named = known.columns.iter().filter_map(position).map(|at| source.columns[at].name.as_str());
            let named = named.chain(known.expressions.iter().map(|_| "expr"));
            let name = chosen_name(catalog, made, named);
            let oid = catalog.allocate_oid();
            let used = known.used.iter().filter_map(moved).collect();
            let (schema, table) = (made.schema, made.oid);
            let copy = StatisticsObject {
                oid,
                name,
                schema,
                table,
                columns,
                used,
                ..StatisticsObject::clone(&known)
            };
            catalog.statistics.insert(oid, Arc::new(copy));
        }
        Ok(())
    })
}

/// Finds an object by name.
///
/// # Errors
/// `42704`, `3F000`.
pub(super) fn find(session: &Session, given: &[String]) -> Result<Arc<StatisticsObject>> {
    let catalog = &session.open()?.catalog;
    let name = range_var(given)?;
    let found = match name.schemaname.as_str() {
        "" => names::effective_path(catalog, &session.search_path())
            .into_iter()
            .find_map(|schema| catalog.statistics_in(schema, &name.relname)),
        schema => {
            let schema = names::schema_oid(catalog, schema).ok_or_else(|| {
                PgError::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{schema}\" does not exist"))
            })?;
            catalog.statistics_in(schema, &name.relname)
        }
    };
    found.cloned().ok_or_else(|| {
        let message = format!("statistics object \"{}\" does not exist", given.join("."));
        PgError::new(SqlState::UNDEFINED_OBJECT, message)
    })
}

/// Finds an object that is to change, and locks its table.
///
/// # Errors
/// Those of [`find`], and what ends a wait.
fn find_to_change(session: &mut Session, given: &[String]) -> Result<Arc<StatisticsObject>> {
    loop {
        let found = find(session, given)?;
        let table = session.open()?.catalog.relations.get(&found.table).cloned();
        let wanted = table.map(|table| Wanted::lock(&table, TableLockMode::ShareUpdateExclusive));
        if !session.lock_wanted(wanted.as_slice())? {
            return Ok(found);
        }
    }
}

fn put(session: &mut Session, object: StatisticsObject) -> Result<String> {
    session.change_catalog(|catalog| {
        catalog.statistics.insert(object.oid, Arc::new(object));
        Ok(())
    })?;
    Ok("ALTER STATISTICS".to_owned())
}

/// ALTER STATISTICS ... SET STATISTICS.
pub(super) fn alter(session: &mut Session, statement: &AlterStatsStmt) -> Result<String> {
    let text = statement.stxstattarget.as_ref().and_then(|node| constant_text(node));
    let wanted = text.and_then(|text| text.parse::<i64>().ok()).filter(|target| *target != -1);
    if let Some(target) = wanted.filter(|target| *target < 0) {
        let message = format!("statistics target {target} is too low");
        return Err(PgError::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    if wanted.is_some_and(|target| target > TARGET_MAX) {
        let message = format!("lowering statistics target to {TARGET_MAX}");
        session.warn(SqlState::INVALID_PARAMETER_VALUE, message);
    }
    let given: Vec<String> = statement.defnames.iter().flat_map(words).collect();
    let object = match find_to_change(session, &given) {
        Err(error) if statement.missing_ok && error.sqlstate() == SqlState::UNDEFINED_OBJECT => {
            let message = format!("statistics object \"{}\" does not exist, skipping", given.join("."));
            session.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok("ALTER STATISTICS".to_owned());
        }
        found => found?,
    };
    let target = wanted.and_then(|target| i16::try_from(target.min(TARGET_MAX)).ok());
    put(session, StatisticsObject { target, ..StatisticsObject::clone(&object) })
}

fn of_node(session: &mut Session, object: Option<&Node>) -> Result<Arc<StatisticsObject>> {
    find_to_change(session, &object.map(words).unwrap_or_default())
}

fn require_free(session: &Session, schema: Oid, name: &str) -> Result<()> {
    let catalog = &session.open()?.catalog;
    if catalog.statistics_in(schema, name).is_none() {
        return Ok(());
    }
    let schema = catalog.schema_name(schema).unwrap_or_default();
    let message = format!("statistics object \"{name}\" already exists in schema \"{schema}\"");
    Err(PgError::new(SqlState::DUPLICATE_OBJECT, message))
}

/// ALTER STATISTICS ... RENAME TO.
pub(super) fn rename(session: &mut Session, statement: &RenameStmt) -> Result<String> {
    let object = of_node(session, statement.object.as_deref())?;
    require_free(session, object.schema, &statement.newname)?;
    put(
        session,
        StatisticsObject { name: statement.newname.as_str().into(), ..StatisticsObject::clone(&object) },
    )
}

/// ALTER STATISTICS ... SET SCHEMA.
pub(super) fn set_schema(session: &mut Session, statement: &AlterObjectSchemaStmt) -> Result<String> {
    let object = of_node(session, statement.object.as_deref())?;
    let schema = schema_named(&session.open()?.catalog, &statement.newschema)?;
    if schema == object.schema {
        return Ok("ALTER STATISTICS".to_owned());
    }
    require_free(session, schema, &object.name)?;
    put(session, StatisticsObject { schema, ..StatisticsObject::clone(&object) })
}

/// ALTER STATISTICS ... OWNER TO.
pub(super) fn set_owner(session: &mut Session, statement: &AlterOwnerStmt, owner: Oid) -> Result<String> {
    let object = of_node(session, statement.object.as_deref())?;
    put(session, StatisticsObject { owner, ..StatisticsObject::clone(&object) })
}

/// DROP STATISTICS.
pub(super) fn drop(session: &mut Session, statement: &DropStmt, cascade: bool) -> Result<String> {
    let mut roots = Vec::with_capacity(statement.objects.len());
    for object in &statement.objects {
        match find_to_change(session, &words(object)) {
            Ok(found) => roots.push(whole(classes::STATISTICS, found.oid)),
            // What is not there is told of as for other kinds.
            Err(error) if is_missing(&error) => {
                let alone = DropStmt { objects: vec![object.clone()], ..statement.clone() };
                absent::drop(session, &alone)?;
            }
            Err(error) => return Err(error),
        }
    }
    table::drop_objects(session, &roots, cascade)?;
    Ok("DROP STATISTICS".to_owned())
}

fn is_missing(error: &PgError) -> bool {
    [SqlState::UNDEFINED_OBJECT, SqlState::INVALID_SCHEMA_NAME].contains(&error.sqlstate())
}
