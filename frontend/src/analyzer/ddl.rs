//! Table definitions: columns, defaults and constraints of CREATE TABLE, checked and named as PostgreSQL names them.

use std::sync::Arc;

use ecow::EcoString;
use executor::expr::ColumnId;
use pg_query::NodeEnum;
use pg_query::protobuf::{ColumnDef, ConstrType, Constraint as RawConstraint, CreateStmt, Node};
use types::{Oid, PgError, Result, SqlState};

use super::state::{at, error, unsupported};
use super::{AnalyzerContext, ExpressionUse, raw, typename};
use crate::catalog::builtin::{TypeKind, builtin, default_operator_class, index_method};
use crate::catalog::type_names::type_name;
use crate::catalog::{
    ColumnInfo, Constraint, ConstraintKind, Index, IndexKey, IndexKeySource, Relation, RelationKind,
};

/// Analyzes CREATE TABLE into the relation to be. `allocate` gives new oids.
///
/// # Errors
/// PostgreSQL's for wrong definitions; `0A000` for what Surus has not yet, named.
pub fn create_table(
    statement: &CreateStmt,
    schema: Oid,
    allocate: &mut dyn FnMut() -> Oid,
    context: &AnalyzerContext<'_>,
) -> Result<Relation> {
    refuse(statement)?;
    let name = statement.relation.as_ref().map(|range| range.relname.as_str()).unwrap_or_default();
    let relation = Relation {
        oid: allocate(),
        name: name.into(),
        schema,
        kind: RelationKind::Table,
        ..Relation::default()
    };
    let mut builder = Builder { relation, defaults: Vec::new(), checks: Vec::new(), allocate, context };
    for node in statement.table_elts.iter().filter_map(|node| node.node.as_ref()) {
        if let NodeEnum::ColumnDef(column) = node {
            builder.column(column)?;
        }
    }
    for node in statement.table_elts.iter().filter_map(|node| node.node.as_ref()) {
        match node {
            NodeEnum::ColumnDef(column) => builder.column_constraints(column)?,
            NodeEnum::Constraint(constraint) => builder.constraint(constraint, None)?,
            NodeEnum::TableLikeClause(_) => return Err(PgError::not_supported("CREATE TABLE ... LIKE")),
            _ => return Err(PgError::not_supported("this element of CREATE TABLE")),
        }
    }
    builder.finish()
}

/// Refuses what CREATE TABLE cannot do yet.
fn refuse(statement: &CreateStmt) -> Result<()> {
    let feature = if statement.partspec.is_some() || statement.partbound.is_some() {
        "table partitioning"
    } else if !statement.inh_relations.is_empty() {
        "table inheritance"
    } else if statement.of_typename.is_some() {
        "CREATE TABLE ... OF"
    } else if statement.oncommit > pg_query::protobuf::OnCommitAction::OncommitNoop as i32 {
        "ON COMMIT"
    } else {
        return Ok(());
    };
    Err(PgError::not_supported(feature))
}

struct Builder<'a, 'c> {
    relation: Relation,
    defaults: Vec<(usize, EcoString)>,
    checks: Vec<EcoString>,
    allocate: &'a mut dyn FnMut() -> Oid,
    context: &'a AnalyzerContext<'c>,
}

impl Builder<'_, '_> {
    fn column(&mut self, column: &ColumnDef) -> Result<()> {
        let location = at(column.location);
        let name = &column.colname;
        if self.relation.columns.iter().any(|known| known.name == name.as_str()) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        if matches!(name.as_str(), "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid") {
            let message = format!("column name \"{name}\" conflicts with a system column name");
            return Err(PgError::new(SqlState::DUPLICATE_COLUMN, message));
        }
        let type_node =
            column.type_name.as_ref().ok_or_else(|| PgError::internal("a column without a type"))?;
        if let [only] = raw::strings(&type_node.names).as_slice()
            && matches!(*only, "serial" | "serial4" | "bigserial" | "serial8" | "smallserial" | "serial2")
        {
            return Err(unsupported("serial columns", location));
        }
        let mut ty = typename::resolve(self.context, type_node)?;
        if builtin().type_by_oid(ty.oid).is_some_and(|row| row.kind == TypeKind::Pseudo) {
            let message = format!("column \"{name}\" has pseudo-type {}", type_name(ty.oid));
            return Err(error(SqlState::INVALID_TABLE_DEFINITION, message, location));
        }
        if let Some(collate) = &column.coll_clause {
            let names = raw::strings(&collate.collname);
            let place = at(collate.location);
            ty.collation = super::state::Analyzer::new(self.context).collation(&names, place)?;
        }
        if !column.identity.is_empty() {
            return Err(unsupported("identity columns", location));
        }
        let not_null = column.is_not_null;
        self.relation.columns.push(ColumnInfo { not_null, ..ColumnInfo::new(name.as_str(), ty) });
        Ok(())
    }

    fn column_constraints(&mut self, column: &ColumnDef) -> Result<()> {
        let Some(position) = self.relation.columns.iter().position(|known| known.name == column.colname)
        else {
            return Ok(());
        };
        for node in &column.constraints {
            if let Some(NodeEnum::Constraint(constraint)) = &node.node {
                self.constraint(constraint, Some(position))?;
            }
        }
        Ok(())
    }

    /// Adds a constraint; `column` for one that was written with a column.
    fn constraint(&mut self, raw: &RawConstraint, column: Option<usize>) -> Result<()> {
        let location = at(raw.location);
        match ConstrType::try_from(raw.contype).unwrap_or(ConstrType::Undefined) {
            ConstrType::ConstrNull | ConstrType::Undefined => Ok(()),
            ConstrType::ConstrNotnull => {
                let positions = self.keys(raw, column)?;
                positions.into_iter().for_each(|position| self.not_null(position, &raw.conname));
                Ok(())
            }
            ConstrType::ConstrDefault => {
                let position = column.ok_or_else(|| PgError::internal("a default without a column"))?;
                if self.defaults.iter().any(|(known, _)| *known == position) {
                    let message = format!(
                        "multiple default values specified for column \"{}\" of table \"{}\"",
                        self.relation.columns[position].name, self.relation.name
                    );
                    return Err(error(SqlState::SYNTAX_ERROR, message, location));
                }
                let text = expression_text(raw)?;
                self.defaults.push((position, text));
                Ok(())
            }
            ConstrType::ConstrCheck => {
                let text = expression_text(raw)?;
                let name = self.check_name(raw, column);
                let oid = (self.allocate)();
                self.checks.push(text.clone());
                let kind = ConstraintKind::Check { definition: text };
                self.relation.constraints.push(Constraint::new(oid, name, kind));
                Ok(())
            }
            ConstrType::ConstrPrimary => self.key(raw, column, true),
            ConstrType::ConstrUnique => self.key(raw, column, false),
            ConstrType::ConstrForeign => Err(unsupported("FOREIGN KEY constraints", location)),
            ConstrType::ConstrIdentity => Err(unsupported("identity columns", location)),
            ConstrType::ConstrGenerated => Err(unsupported("generated columns", location)),
            ConstrType::ConstrExclusion => Err(unsupported("EXCLUDE constraints", location)),
            ConstrType::ConstrAttrDeferrable | ConstrType::ConstrAttrDeferred => {
                Err(unsupported("deferrable constraints", location))
            }
            ConstrType::ConstrAttrNotEnforced => Err(unsupported("NOT ENFORCED constraints", location)),
            ConstrType::ConstrAttrNotDeferrable
            | ConstrType::ConstrAttrImmediate
            | ConstrType::ConstrAttrEnforced => Ok(()),
        }
    }

    /// Returns the positions of the columns that a constraint names.
    fn keys(&self, raw: &RawConstraint, column: Option<usize>) -> Result<Vec<usize>> {
        if let Some(column) = column {
            return Ok(vec![column]);
        }
        let mut positions = Vec::new();
        for name in raw::strings(&raw.keys) {
            let found = self.relation.columns.iter().position(|column| column.name == name);
            let message = || format!("column \"{name}\" named in key does not exist");
            let position =
                found.ok_or_else(|| error(SqlState::UNDEFINED_COLUMN, message(), at(raw.location)))?;
            if positions.contains(&position) {
                let what =
                    if raw.contype == ConstrType::ConstrPrimary as i32 { "primary key" } else { "unique" };
                let message = format!("column \"{name}\" appears twice in {what} constraint");
                return Err(error(SqlState::DUPLICATE_COLUMN, message, at(raw.location)));
            }
            positions.push(position);
        }
        Ok(positions)
    }

    fn key(&mut self, raw: &RawConstraint, column: Option<usize>, primary: bool) -> Result<()> {
        let location = at(raw.location);
        if raw.deferrable || raw.initdeferred {
            return Err(unsupported("deferrable constraints", location));
        }
        if raw.nulls_not_distinct || raw.without_overlaps || !raw.including.is_empty() {
            return Err(unsupported("NULLS NOT DISTINCT, WITHOUT OVERLAPS and INCLUDE", location));
        }
        let columns = self.keys(raw, column)?;
        let is_primary =
            |constraint: &Constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey { .. });
        if primary && self.relation.constraints.iter().any(is_primary) {
            let message =
                format!("multiple primary keys for table \"{}\" are not allowed", self.relation.name);
            return Err(error(SqlState::INVALID_TABLE_DEFINITION, message, location));
        }
        let name = if !raw.conname.is_empty() {
            raw.conname.as_str().into()
        } else if primary {
            object_name(&self.relation.name, "", "pkey")
        } else {
            let names: Vec<&str> =
                columns.iter().map(|position| self.relation.columns[*position].name.as_str()).collect();
            self.free_name(object_name(&self.relation.name, &names.join("_"), "key"))
        };
        let (oid, index) = ((self.allocate)(), (self.allocate)());
        let keys = columns.iter().map(|position| self.index_key(*position)).collect::<Result<_>>()?;
        self.relation.indexes.push(Arc::new(Index {
            oid: index,
            name: name.clone(),
            method: "btree".into(),
            unique: true,
            primary,
            constraint: oid,
            keys,
            ..Index::default()
        }));
        if primary {
            columns.iter().for_each(|position| self.not_null(*position, ""));
        }
        let kind = if primary {
            ConstraintKind::PrimaryKey { columns, index }
        } else {
            ConstraintKind::Unique { columns, index }
        };
        self.relation.constraints.push(Constraint::new(oid, name, kind));
        Ok(())
    }

    fn index_key(&self, position: usize) -> Result<IndexKey> {
        let ty = self.relation.columns[position].ty;
        let method = index_method("btree").unwrap_or(0);
        let class = default_operator_class(method, ty.oid).ok_or_else(|| {
            let message = format!(
                "data type {} has no default operator class for access method \"btree\"",
                type_name(ty.oid)
            );
            PgError::new(SqlState::UNDEFINED_OBJECT, message)
                .with_hint("You must specify an operator class for the index or define a default operator class for the data type.")
        })?;
        Ok(IndexKey {
            source: IndexKeySource::Column(position),
            class: class.oid,
            default_class: true,
            collation: ty.collation,
            descending: false,
            nulls_first: false,
        })
    }

    fn not_null(&mut self, column: usize, name: &str) {
        let known = |constraint: &Constraint| match &constraint.kind {
            ConstraintKind::NotNull { column: known } => *known == column,
            ConstraintKind::PrimaryKey { .. }
            | ConstraintKind::Unique { .. }
            | ConstraintKind::Check { .. }
            | ConstraintKind::ForeignKey(_) => false,
        };
        if self.relation.constraints.iter().any(known) {
            return;
        }
        self.relation.columns[column].not_null = true;
        let name = match name {
            "" => object_name(&self.relation.name, &self.relation.columns[column].name, "not_null"),
            name => name.into(),
        };
        let oid = (self.allocate)();
        self.relation.constraints.push(Constraint::new(oid, name, ConstraintKind::NotNull { column }));
    }

    fn check_name(&self, raw: &RawConstraint, column: Option<usize>) -> EcoString {
        if !raw.conname.is_empty() {
            return raw.conname.as_str().into();
        }
        let column = column.map_or("", |position| self.relation.columns[position].name.as_str());
        self.free_name(object_name(&self.relation.name, column, "check"))
    }

    /// Appends a number until no constraint of the table has the name.
    fn free_name(&self, name: EcoString) -> EcoString {
        let taken = |name: &str| self.relation.constraints.iter().any(|constraint| constraint.name == name);
        if !taken(&name) {
            return name;
        }
        (1..)
            .map(|number: u32| EcoString::from(format!("{name}{number}")))
            .find(|name| !taken(name))
            .unwrap_or(name)
    }

    /// Analyzes defaults and checks against the finished columns.
    fn finish(mut self) -> Result<Relation> {
        let without_position = |mut error: PgError| {
            error.fields_mut().location = None;
            error
        };
        for (column, text) in std::mem::take(&mut self.defaults) {
            let usage = ExpressionUse::Default { column };
            super::expression(&text, usage, &self.relation, &[], self.context).map_err(without_position)?;
            self.relation.columns[column].default = Some(text);
        }
        let ids: Vec<ColumnId> = (1..).take(self.relation.columns.len()).map(ColumnId).collect();
        for text in &self.checks {
            super::expression(text, ExpressionUse::Check, &self.relation, &ids, self.context)
                .map_err(without_position)?;
        }
        Ok(self.relation)
    }
}

/// Returns `table_column_label`, cut to 63 bytes as PostgreSQL's `makeObjectName` does.
fn object_name(table: &str, column: &str, label: &str) -> EcoString {
    const NAME_BYTES_MAX: usize = 63;
    let overhead = label.len() + 1 + usize::from(!column.is_empty());
    let available = NAME_BYTES_MAX.saturating_sub(overhead);
    let (mut first, mut second) = (table.len(), column.len());
    while first + second > available {
        if first > second { first -= 1 } else { second -= 1 }
    }
    let cut = |text: &str, len: usize| {
        let end = (0..=len).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text[..end].to_string()
    };
    let (table, column) = (cut(table, first), cut(column, second));
    if column.is_empty() {
        format!("{table}_{label}").into()
    } else {
        format!("{table}_{column}_{label}").into()
    }
}

/// Returns the SQL text of a constraint's expression.
fn expression_text(constraint: &RawConstraint) -> Result<EcoString> {
    let node =
        constraint.raw_expr.clone().ok_or_else(|| PgError::internal("a constraint without expression"))?;
    let text = deparse(*node)?;
    Ok(text.into())
}

/// Prints an expression as SQL.
fn deparse(node: Node) -> Result<String> {
    use pg_query::protobuf::{ParseResult, RawStmt, ResTarget, SelectStmt};
    let target = ResTarget { val: Some(Box::new(node)), ..ResTarget::default() };
    let target = Node { node: Some(NodeEnum::ResTarget(Box::new(target))) };
    let mut select = SelectStmt { target_list: vec![target], ..SelectStmt::default() };
    select.op = pg_query::protobuf::SetOperation::SetopNone as i32;
    select.limit_option = pg_query::protobuf::LimitOption::Default as i32;
    let statement = Node { node: Some(NodeEnum::SelectStmt(Box::new(select))) };
    let raw = RawStmt { stmt: Some(Box::new(statement)), stmt_location: 0, stmt_len: 0 };
    let tree = ParseResult { version: 180_000, stmts: vec![raw] };
    let text = pg_query::deparse(&tree, pg_query::DeparseOptions::default());
    let text = text.map_err(|error| PgError::internal(error.to_string()))?;
    Ok(text.strip_prefix("SELECT ").unwrap_or(&text).to_string())
}
