//! Keys of indexes: columns and expressions with their operator classes, order and collation (`ComputeIndexAttrs`).

use ecow::EcoString;
use executor::expr::{ColumnId, Expr, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, Node, SortByDir, SortByNulls};
use types::{Oid, PgError, Result, SqlState, TypeRef, oids};

use super::super::state::{Analyzer, error};
use super::super::{AnalyzerContext, ExpressionUse, raw};
use super::expressions;
use crate::catalog::builtin::{accepts, default_operator_class, index_method, operator_class_by_name};
use crate::catalog::type_names::type_name;
use crate::catalog::{Generated, IndexKey, IndexKeySource, Relation};

/// An access method of indexes by what it can do.
pub struct Method {
    /// Its name; rtree means gist.
    pub name: EcoString,
    /// `pg_am.oid`.
    pub oid: Oid,
}

impl Method {
    /// Finds an access method.
    ///
    /// # Errors
    /// `42704`.
    pub fn find(name: &str) -> Result<Self> {
        let name = match name {
            "" => "btree",
            "rtree" => "gist",
            name => name,
        };
        let oid = index_method(name).ok_or_else(|| {
            PgError::new(SqlState::UNDEFINED_OBJECT, format!("access method \"{name}\" does not exist"))
        })?;
        Ok(Self { name: name.into(), oid })
    }
    /// Says whether it keeps an order.
    pub fn is_ordered(&self) -> bool {
        self.name == "btree"
    }
    /// Says whether it can be UNIQUE.
    pub fn can_be_unique(&self) -> bool {
        self.name == "btree"
    }
    /// Says whether it can have INCLUDE columns.
    pub fn can_include(&self) -> bool {
        matches!(self.name.as_str(), "btree" | "gist" | "spgist")
    }
    /// Says whether it can look for rows that an exclusion constraint asks for.
    pub fn can_exclude(&self) -> bool {
        !matches!(self.name.as_str(), "gin" | "brin")
    }
    /// Says whether it can have several key columns.
    pub fn can_be_multicolumn(&self) -> bool {
        !matches!(self.name.as_str(), "hash" | "spgist")
    }
}

/// Returns the key over a plain column with everything by default.
///
/// # Errors
/// `42704` when the type has no default operator class.
pub fn column_key(relation: &Relation, position: usize, method: &Method) -> Result<IndexKey> {
    let ty = relation.columns[position].ty;
    let class = default_class(method, ty.oid)?;
    Ok(IndexKey {
        source: IndexKeySource::Column(position),
        class,
        default_class: true,
        collation: ty.collation,
        descending: false,
        nulls_first: false,
    })
}

fn default_class(method: &Method, ty: Oid) -> Result<Oid> {
    default_operator_class(method.oid, ty).map(|class| class.oid).ok_or_else(|| {
        let message = format!(
            "data type {} has no default operator class for access method \"{}\"",
            type_name(ty),
            method.name
        );
        PgError::new(SqlState::UNDEFINED_OBJECT, message).with_hint(
            "You must specify an operator class for the index or define a default operator class for the data type.",
        )
    })
}

/// Analyzes a key of CREATE INDEX.
///
/// # Errors
/// PostgreSQL's.
pub fn key(
    relation: &Relation,
    element: &IndexElem,
    method: &Method,
    used: &mut Vec<usize>,
    context: &AnalyzerContext<'_>,
) -> Result<IndexKey> {
    if relation.column_position(&element.name).is_none()
        && let Some(error) = system_column(&element.name, method)
    {
        return Err(error);
    }
    let (source, ty) = source(relation, element, used, context)?;
    let mut collation = ty.collation;
    let names = raw::strings(&element.collation);
    if !names.is_empty() {
        collation = Analyzer::new(context).collation(&names, None)?;
        if ty.collation == 0 {
            return Err(PgError::new(
                SqlState::DATATYPE_MISMATCH,
                format!("collations are not supported by type {}", type_name(ty.oid)),
            ));
        }
    }
    let default = default_operator_class(method.oid, ty.oid);
    let class = match raw::strings(&element.opclass).last() {
        None => default_class(method, ty.oid)?,
        Some(name) => {
            let class = operator_class_by_name(method.oid, name).ok_or_else(|| {
                let message =
                    format!("operator class \"{name}\" does not exist for access method \"{}\"", method.name);
                PgError::new(SqlState::UNDEFINED_OBJECT, message)
            })?;
            if !accepts(class.input, ty.oid) {
                let message =
                    format!("operator class \"{name}\" does not accept data type {}", type_name(ty.oid));
                return Err(PgError::new(SqlState::DATATYPE_MISMATCH, message));
            }
            class.oid
        }
    };
    let ordering = SortByDir::try_from(element.ordering).unwrap_or(SortByDir::SortbyDefault);
    let nulls = SortByNulls::try_from(element.nulls_ordering).unwrap_or(SortByNulls::SortbyNullsDefault);
    if !method.is_ordered() {
        let refuse = |what: &str| {
            let message = format!("access method \"{}\" does not support {what} options", method.name);
            Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
        };
        if !matches!(ordering, SortByDir::SortbyDefault | SortByDir::Undefined) {
            return refuse("ASC/DESC");
        }
        if !matches!(nulls, SortByNulls::SortbyNullsDefault | SortByNulls::Undefined) {
            return refuse("NULLS FIRST/LAST");
        }
    }
    let descending = ordering == SortByDir::SortbyDesc;
    let nulls_first = match nulls {
        SortByNulls::SortbyNullsFirst => true,
        SortByNulls::SortbyNullsLast => false,
        SortByNulls::Undefined | SortByNulls::SortbyNullsDefault => descending,
    };
    let default_class = default.is_some_and(|default| default.oid == class);
    Ok(IndexKey { source, class, default_class, collation, descending, nulls_first })
}

fn source(
    relation: &Relation,
    element: &IndexElem,
    used: &mut Vec<usize>,
    context: &AnalyzerContext<'_>,
) -> Result<(IndexKeySource, TypeRef)> {
    if !element.name.is_empty() {
        let position = relation.column_position(&element.name).ok_or_else(|| {
            let message = format!("column \"{}\" does not exist", element.name);
            PgError::new(SqlState::UNDEFINED_COLUMN, message)
        })?;
        refuse_virtual(relation, &[position])?;
        return Ok((IndexKeySource::Column(position), relation.columns[position].ty));
    }
    let node = raw::inner(&element.expr).ok_or_else(|| PgError::internal("an index key of nothing"))?;
    let ids = expressions::ids(relation);
    let (expr, _) = super::super::node_expression(node, ExpressionUse::Index, relation, &ids, context)?;
    refuse_virtual(relation, &expressions::columns_used(&expr, &ids))?;
    if let Some(position) = plain_column(&expr, &ids) {
        return Ok((IndexKeySource::Column(position), relation.columns[position].ty));
    }
    if expressions::volatility(&expr) != Volatility::Immutable {
        return Err(PgError::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            "functions in index expression must be marked IMMUTABLE",
        ));
    }
    used.extend(expressions::columns_used(&expr, &ids));
    let definition = expressions::stored_text(&expr, node, relation, &ids, context)?;
    let name = if element.indexcolname.is_empty() {
        match raw::column_name(node).as_str() {
            "?column?" => EcoString::from("expr"),
            name => EcoString::from(name),
        }
    } else {
        element.indexcolname.as_str().into()
    };
    let definition = parenthesized(definition);
    Ok((IndexKeySource::Expression { definition, name, ty: expr.ty }, expr.ty))
}

/// Refuses virtual generated columns.
fn refuse_virtual(relation: &Relation, columns: &[usize]) -> Result<()> {
    let is_virtual = |position: &usize| relation.columns[*position].generated == Some(Generated::Virtual);
    if columns.iter().any(is_virtual) {
        let message = "indexes on virtual generated columns are not supported";
        return Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    Ok(())
}

fn plain_column(expr: &Expr, ids: &[ColumnId]) -> Option<usize> {
    match expr.kind {
        executor::expr::ExprKind::Column(id) => ids.iter().position(|known| *known == id),
        _ => None,
    }
}

/// Returns an index expression's text, in parentheses unless it is a bare function call.
pub fn parenthesized(definition: EcoString) -> EcoString {
    if is_function_call(&definition) { definition } else { format!("({definition})").into() }
}

/// Says whether a text is a bare function call, which needs no parentheses (`looks_like_function`).
fn is_function_call(text: &str) -> bool {
    let Some(open) = text.find('(') else { return false };
    let name = &text[..open];
    if name.is_empty() || !text.ends_with(')') {
        return false;
    }
    let mut depth = 0_i32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 && at + 1 < text.len() {
                    return false;
                }
            }
            _ => {}
        }
    }
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'"'))
}

/// Returns what an index key adds to a generated name.
pub fn name_part<'a>(relation: &'a Relation, key: &'a IndexKey) -> &'a str {
    match &key.source {
        IndexKeySource::Column(position) => relation.columns[*position].name.as_str(),
        IndexKeySource::Expression { name, .. } => name.as_str(),
    }
}

/// Analyzes the WHERE of a partial index.
///
/// # Errors
/// PostgreSQL's.
pub fn predicate(
    node: &NodeEnum,
    relation: &Relation,
    used: &mut Vec<usize>,
    context: &AnalyzerContext<'_>,
) -> Result<EcoString> {
    let ids = expressions::ids(relation);
    let (expr, _) = super::super::node_expression(node, ExpressionUse::Predicate, relation, &ids, context)?;
    if expressions::volatility(&expr) != Volatility::Immutable {
        return Err(PgError::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            "functions in index predicate must be marked IMMUTABLE",
        ));
    }
    let columns = expressions::columns_used(&expr, &ids);
    refuse_virtual(relation, &columns)?;
    used.extend(columns);
    expressions::stored_text(&expr, node, relation, &ids, context)
}

/// Refuses what only key columns can have.
fn check_included(element: &IndexElem) -> Result<()> {
    let ordering = SortByDir::try_from(element.ordering).unwrap_or(SortByDir::SortbyDefault);
    let nulls = SortByNulls::try_from(element.nulls_ordering).unwrap_or(SortByNulls::SortbyNullsDefault);
    let what = if !element.collation.is_empty() {
        "a collation"
    } else if !element.opclass.is_empty() {
        "an operator class"
    } else if !matches!(ordering, SortByDir::SortbyDefault | SortByDir::Undefined) {
        "ASC/DESC options"
    } else if !matches!(nulls, SortByNulls::SortbyNullsDefault | SortByNulls::Undefined) {
        "NULLS FIRST/LAST options"
    } else {
        return Ok(());
    };
    let message = format!("including column does not support {what}");
    Err(PgError::new(SqlState::INVALID_OBJECT_DEFINITION, message))
}

/// Returns the error for a system column as a key; `None` when the name is none of them.
fn system_column(name: &str, method: &Method) -> Option<PgError> {
    let ty = match name {
        "ctid" => oids::TID,
        "xmin" | "xmax" => oids::XID,
        "cmin" | "cmax" => oids::CID,
        "tableoid" => oids::OID,
        _ => return None,
    };
    Some(default_class(method, ty).err().unwrap_or_else(|| {
        PgError::new(SqlState::FEATURE_NOT_SUPPORTED, "index creation on system columns is not supported")
    }))
}

/// Returns the positions of INCLUDE columns.
///
/// # Errors
/// `0A000` for expressions, `42703`.
pub fn include(relation: &Relation, nodes: &[Node]) -> Result<Vec<usize>> {
    let mut positions = Vec::new();
    for node in nodes {
        let name = match &node.node {
            Some(NodeEnum::IndexElem(element)) if element.expr.is_some() => {
                return Err(PgError::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "expressions are not supported in included columns",
                ));
            }
            Some(NodeEnum::IndexElem(element)) => {
                check_included(element)?;
                element.name.as_str()
            }
            Some(NodeEnum::String(name)) => name.sval.as_str(),
            Some(_) | None => continue,
        };
        let position = relation.column_position(name).ok_or_else(|| {
            error(SqlState::UNDEFINED_COLUMN, format!("column \"{name}\" does not exist"), None)
        })?;
        positions.push(position);
    }
    Ok(positions)
}
