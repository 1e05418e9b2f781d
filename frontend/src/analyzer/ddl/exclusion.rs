//! EXCLUDE, and the operators of keys WITHOUT OVERLAPS.

use std::sync::Arc;

use ecow::EcoString;
use pg_query::NodeEnum;
use pg_query::protobuf::{Constraint as RawConstraint, IndexElem, Node};
use types::{Oid, PgError, Result, SqlState};

use super::super::raw;
use super::super::state::Analyzer;
use super::index::{self, Method};
use super::{Builder, names, options};
use crate::catalog::builtin::{Operator, builtin, is_in_family, operator_class, operator_family_name};
use crate::catalog::type_names::type_name;
use crate::catalog::{
    Constraint, ConstraintKind, Index, IndexKey, IndexKeySource, Relation, unique_index_column,
};

impl Builder<'_, '_> {
    /// Makes an EXCLUDE constraint with its index.
    pub(super) fn make_exclusion(&mut self, raw: &RawConstraint) -> Result<()> {
        let method = Method::find(&raw.access_method)?;
        let elements: Vec<(&IndexElem, Vec<&str>)> = raw.exclusions.iter().filter_map(element).collect();
        let refuse = |what: &str| {
            let message = format!("access method \"{}\" does not support {what}", method.name);
            Err(PgError::new(SqlState::FEATURE_NOT_SUPPORTED, message))
        };
        if !raw.including.is_empty() && !method.can_include() {
            return refuse("included columns");
        }
        if elements.len() > 1 && !method.can_be_multicolumn() {
            return refuse("multicolumn indexes");
        }
        if !method.can_exclude() {
            return refuse("exclusion constraints");
        }
        let options = options::index_options(&raw.options, &method.name)?;
        let mut used = Vec::new();
        let predicate = match raw::inner(&raw.where_clause) {
            Some(node) => Some(index::predicate(node, &self.relation, &mut used, self.context)?),
            None => None,
        };
        let (mut keys, mut exclusion) = (Vec::new(), Vec::new());
        for (element, operator) in elements {
            let key = index::key(&self.relation, element, &method, &mut used, self.context)?;
            let ty = key_type(&self.relation, &key);
            let operator = Analyzer::new(self.context).find_operator(&operator, Some(ty), ty, None)?;
            check_operator(operator, key.class)?;
            exclusion.push(operator.oid);
            keys.push(key);
        }
        let include = index::include(&self.relation, &raw.including)?;
        used.sort_unstable();
        used.dedup();
        let index = Index {
            name: raw.conname.as_str().into(),
            method: method.name,
            keys,
            exclusion,
            include,
            predicate,
            expression_columns: used,
            options,
            ..Index::default()
        };
        self.add_exclusion(index, raw.deferrable, raw.initdeferred)
    }

    /// Adds an exclusion constraint by its index, whose name may be empty.
    pub(super) fn add_exclusion(&mut self, mut index: Index, deferrable: bool, deferred: bool) -> Result<()> {
        index.name = self.exclusion_name(&index)?;
        (index.oid, index.constraint) = ((self.allocate)(), (self.allocate)());
        let kind = ConstraintKind::Exclusion { index: index.oid };
        let made = Constraint {
            deferrable,
            deferred,
            no_inherit: true,
            ..Constraint::new(index.constraint, index.name.clone(), kind)
        };
        self.relation.indexes.push(Arc::new(index));
        self.relation.constraints.push(made);
        Ok(())
    }

    fn exclusion_name(&self, index: &Index) -> Result<EcoString> {
        if index.name.is_empty() {
            let taken = |name: &str| self.is_relation_name_taken(name) || self.is_constraint_name_taken(name);
            let addition = addition(&self.relation, &index.keys, &index.include);
            return Ok(names::choose(&self.relation.name, &addition, "excl", &taken));
        }
        if self.is_relation_name_taken(&index.name) {
            let message = format!("relation \"{}\" already exists", index.name);
            return Err(PgError::new(SqlState::DUPLICATE_TABLE, message));
        }
        if self.relation.constraints.iter().any(|known| known.name == index.name) {
            return Err(self.constraint_exists(&index.name));
        }
        Ok(index.name.clone())
    }
}

/// Returns what keys and included columns add to a generated name.
fn addition(relation: &Relation, keys: &[IndexKey], include: &[usize]) -> String {
    let mut parts: Vec<EcoString> = Vec::new();
    let included = include.iter().map(|position| relation.columns[*position].name.as_str());
    for part in keys.iter().map(|key| index::name_part(relation, key)).chain(included) {
        let unique = unique_index_column(part, |name| parts.iter().any(|part| part == name));
        parts.push(unique);
    }
    names::columns_addition(parts.iter().map(EcoString::as_str))
}

/// Returns what is indexed and the operator's name.
fn element(node: &Node) -> Option<(&IndexElem, Vec<&str>)> {
    let Some(NodeEnum::List(pair)) = &node.node else { return None };
    let [element, operator] = pair.items.as_slice() else { return None };
    match (&element.node, &operator.node) {
        (Some(NodeEnum::IndexElem(element)), Some(NodeEnum::List(name))) => {
            Some((element, raw::strings(&name.items)))
        }
        _ => None,
    }
}

fn key_type(relation: &Relation, key: &IndexKey) -> Oid {
    match &key.source {
        IndexKeySource::Column(position) => relation.columns[*position].ty.oid,
        IndexKeySource::Expression { ty, .. } => ty.oid,
    }
}

/// Returns an operator as `format_operator`.
fn shown(operator: &Operator) -> String {
    format!("{}({},{})", operator.name, type_name(operator.left), type_name(operator.right))
}

fn check_operator(operator: &Operator, class: Oid) -> Result<()> {
    let wrong = |message: String, detail: &str| {
        Err(PgError::new(SqlState::WRONG_OBJECT_TYPE, message).with_detail(detail))
    };
    if operator.commutator != operator.oid {
        return wrong(
            format!("operator {} is not commutative", shown(operator)),
            "Only commutative operators can be used in exclusion constraints.",
        );
    }
    let family = operator_class(class).map_or(0, |class| class.family);
    if !is_in_family(family, operator.oid) {
        return wrong(
            format!(
                "operator {} is not a member of operator family \"{}\"",
                shown(operator),
                operator_family_name(family).unwrap_or_default()
            ),
            "The exclusion operator must be related to the index operator class for the constraint.",
        );
    }
    Ok(())
}

/// Returns the operators of a key WITHOUT OVERLAPS over columns of these types: `=`, and `&&` for the last.
///
/// # Errors
/// When there is none.
pub(super) fn period_operators(builder: &Builder<'_, '_>, columns: &[usize]) -> Result<Vec<Oid>> {
    let last = columns.len().saturating_sub(1);
    let operator = |(at, position): (usize, &usize)| {
        let ty = builder.relation.columns[*position].ty.oid;
        let name = if at == last { "&&" } else { "=" };
        Ok(Analyzer::new(builder.context).find_operator(&[name], Some(ty), ty, None)?.oid)
    };
    columns.iter().enumerate().map(operator).collect()
}

/// Finds the operators of an exclusion constraint again, after the type of a column has changed.
///
/// # Errors
/// When there is none for the new type.
pub fn again(
    relation: &Relation,
    index: &Index,
    context: &super::super::AnalyzerContext<'_>,
) -> Result<Vec<Oid>> {
    let find = |(key, operator): (&IndexKey, &Oid)| {
        let ty = key_type(relation, key);
        let name = builtin().operator(*operator).map_or("=", |operator| operator.name.as_str());
        let operator = Analyzer::new(context).find_operator(&[name], Some(ty), ty, None)?;
        check_operator(operator, key.class)?;
        Ok(operator.oid)
    };
    index.keys.iter().zip(&index.exclusion).map(find).collect()
}
