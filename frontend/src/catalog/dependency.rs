//! Who depends on whom, as `pg_depend` has it, found from the objects themselves; what a DROP takes along
//! (`findDependentObjects`) and how messages call objects (`getObjectDescription`).

use std::collections::{BTreeMap, BTreeSet};

use types::Oid;

use super::builtin::builtin;
use super::type_names::format_type;
use super::{Catalog, ColumnInfo, ConstraintKind, ObjectRef, Relation, RelationKind, UserTypeKind};
use crate::session::settings::quote_identifier;

/// `pg_class.oid` of the catalogs whose objects are told apart here.
pub mod classes {
    use types::Oid;
    /// `pg_class`
    pub const RELATION: Oid = 1259;
    /// `pg_constraint`
    pub const CONSTRAINT: Oid = 2606;
    /// `pg_attrdef`; the oid is the table's, the column the default's
    pub const DEFAULT: Oid = 2604;
    /// `pg_type`
    pub const TYPE: Oid = 1247;
    /// `pg_proc`
    pub const FUNCTION: Oid = 1255;
    /// `pg_statistic_ext`
    pub const STATISTICS: Oid = 3381;
    /// `pg_namespace`
    pub const SCHEMA: Oid = 2615;
    /// `pg_authid`
    pub const ROLE: Oid = 1260;
}

/// How an object depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// Dropped with CASCADE only.
    Normal,
    /// Goes along.
    Auto,
    /// Part of the other: goes along, and cannot be dropped alone.
    Internal,
}

/// Returns a whole object.
pub fn whole(class: Oid, oid: Oid) -> ObjectRef {
    ObjectRef { class, oid, column: 0 }
}

/// Returns a column.
pub fn column(table: Oid, attnum: i16) -> ObjectRef {
    ObjectRef { class: classes::RELATION, oid: table, column: attnum }
}

/// (dependent, on what, how).
pub type Edge = (ObjectRef, ObjectRef, DependencyKind);

/// Returns all edges between the user's objects.
pub fn edges(catalog: &Catalog) -> Vec<Edge> {
    let mut edges = Vec::new();
    for relation in catalog.relations.values() {
        relation_edges(relation, &mut edges);
    }
    for ty in catalog.types.values() {
        let this = whole(classes::TYPE, ty.oid);
        edges.push((this, whole(classes::SCHEMA, ty.schema), DependencyKind::Normal));
        edges.push((whole(classes::TYPE, ty.array), this, DependencyKind::Internal));
        match &ty.kind {
            UserTypeKind::Composite { relation } => {
                edges.push((this, whole(classes::RELATION, *relation), DependencyKind::Internal));
                edges.push((whole(classes::RELATION, *relation), this, DependencyKind::Internal));
            }
            UserTypeKind::Domain { base, .. } => {
                edges.push((this, whole(classes::TYPE, base.oid), DependencyKind::Normal));
            }
            UserTypeKind::Enum { .. } => {}
        }
    }
    for function in catalog.functions.values() {
        let this = whole(classes::FUNCTION, function.oid);
        edges.push((this, whole(classes::SCHEMA, function.schema), DependencyKind::Normal));
        for ty in function.arguments.iter().map(|argument| argument.ty).chain([function.result]) {
            edges.push((this, whole(classes::TYPE, ty), DependencyKind::Normal));
        }
    }
    for statistics in catalog.statistics.values() {
        let this = whole(classes::STATISTICS, statistics.oid);
        edges.push((this, whole(classes::SCHEMA, statistics.schema), DependencyKind::Normal));
        let mut columns: BTreeSet<i16> = statistics.columns.iter().chain(&statistics.used).copied().collect();
        if columns.is_empty() {
            columns.insert(0);
        }
        edges.extend(
            columns.into_iter().map(|attnum| (this, column(statistics.table, attnum), DependencyKind::Auto)),
        );
    }
    edges
}

fn relation_edges(relation: &Relation, edges: &mut Vec<Edge>) {
    let this = whole(classes::RELATION, relation.oid);
    if !matches!(relation.kind, RelationKind::Composite) {
        edges.push((this, whole(classes::SCHEMA, relation.schema), DependencyKind::Normal));
    }
    for used in &relation.uses {
        edges.push((this, *used, DependencyKind::Normal));
    }
    if let RelationKind::Sequence(sequence) = &relation.kind
        && let Some((table, attnum)) = sequence.owner
    {
        let kind = if sequence.identity { DependencyKind::Internal } else { DependencyKind::Auto };
        edges.push((this, column(table, attnum), kind));
    }
    for (position, info) in relation.columns.iter().enumerate() {
        column_edges(relation, relation.attnum(position), info, edges);
    }
    let own = |position: &usize| column(relation.oid, relation.attnum(*position));
    for constraint in &relation.constraints {
        let object = whole(classes::CONSTRAINT, constraint.oid);
        match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, index } | ConstraintKind::Unique { columns, index } => {
                let included = relation.index(*index).map_or(&[][..], |index| &index.include);
                let columns = columns.iter().chain(included);
                edges.extend(columns.map(|position| (object, own(position), DependencyKind::Auto)));
            }
            ConstraintKind::Exclusion { index } => {
                let columns = relation.index(*index).map_or_else(Vec::new, |index| index.columns_used());
                edges.extend(columns.iter().map(|position| (object, own(position), DependencyKind::Auto)));
                if columns.is_empty() {
                    edges.push((object, this, DependencyKind::Auto));
                }
            }
            ConstraintKind::NotNull { column } => edges.push((object, own(column), DependencyKind::Auto)),
            ConstraintKind::Check { .. } => {
                edges.extend(constraint.columns.iter().map(|at| (object, own(at), DependencyKind::Auto)));
                if constraint.columns.is_empty() {
                    edges.push((object, this, DependencyKind::Auto));
                }
            }
            ConstraintKind::ForeignKey(key) => {
                edges
                    .extend(key.columns.iter().map(|position| (object, own(position), DependencyKind::Auto)));
                for attnum in &key.referenced {
                    edges.push((object, column(key.table, *attnum), DependencyKind::Normal));
                }
                edges.push((object, whole(classes::RELATION, key.index), DependencyKind::Normal));
            }
        }
    }
    for index in &relation.indexes {
        let object = whole(classes::RELATION, index.oid);
        if index.constraint != 0 {
            edges.push((object, whole(classes::CONSTRAINT, index.constraint), DependencyKind::Internal));
        } else {
            let columns = index.columns_used();
            edges.extend(columns.iter().map(|position| (object, own(position), DependencyKind::Auto)));
            if columns.is_empty() {
                edges.push((object, this, DependencyKind::Auto));
            }
        }
    }
}

fn column_edges(relation: &Relation, attnum: i16, info: &ColumnInfo, edges: &mut Vec<Edge>) {
    let this = column(relation.oid, attnum);
    let element = builtin().type_by_oid(info.ty.oid).filter(|ty| ty.is_array).map(|ty| ty.element);
    for ty in element.into_iter().chain([info.ty.oid]).filter(|oid| *oid >= 16_384) {
        edges.push((this, whole(classes::TYPE, ty), DependencyKind::Normal));
    }
    let Some(default) = &info.default else { return };
    let object = ObjectRef { class: classes::DEFAULT, oid: relation.oid, column: attnum };
    edges.push((object, this, DependencyKind::Auto));
    for sequence in relations_in(default) {
        edges.push((object, whole(classes::RELATION, sequence), DependencyKind::Normal));
    }
    if info.generated.is_some() {
        let used = columns_in(default, relation);
        edges.extend(used.into_iter().map(|used| (this, column(relation.oid, used), DependencyKind::Normal)));
    }
}

/// Returns the relations that a kept expression names by oid: `'16385'::regclass`.
fn relations_in(text: &str) -> Vec<Oid> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("'::regclass") {
        let digits = text[..at].rsplit('\'').next().unwrap_or_default();
        found.extend(digits.parse::<Oid>().ok());
    }
    found
}

/// Returns the `attnum`s of the columns that a kept expression of a table names.
pub fn columns_in(text: &str, relation: &Relation) -> Vec<i16> {
    let Ok(scan) = pg_query::scan(text) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for token in scan.tokens {
        let (Ok(start), Ok(end)) = (usize::try_from(token.start), usize::try_from(token.end)) else {
            continue;
        };
        let word = text.get(start..end).unwrap_or_default();
        let name = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
        let name = name.map_or_else(|| word.to_owned(), |name| name.replace("\"\"", "\""));
        let called = text.get(end..).is_some_and(|rest| rest.starts_with('('));
        if !called && let Some(position) = relation.column_position(&name) {
            found.insert(relation.attnum(position));
        }
    }
    found.into_iter().collect()
}

/// What a DROP takes along.
#[derive(Debug, Default)]
pub struct Collected {
    /// Everything to drop, what was named first.
    pub objects: Vec<ObjectRef>,
    /// What needs CASCADE, and what it depends on, in the order of PostgreSQL's messages.
    pub dependents: Vec<(ObjectRef, ObjectRef)>,
}

/// Collects what goes with `roots`.
pub fn collect(catalog: &Catalog, roots: &[ObjectRef]) -> Collected {
    let mut by_referenced: BTreeMap<(Oid, Oid), Vec<Edge>> = BTreeMap::new();
    for edge in edges(catalog) {
        by_referenced.entry((edge.1.class, edge.1.oid)).or_default().push(edge);
    }
    let mut walk = Walk { by_referenced, order: Vec::new(), silent: BTreeSet::new(), seen: BTreeSet::new() };
    for root in roots {
        walk.seen.insert(*root);
        walk.silent.insert(*root);
    }
    for root in roots {
        walk.visit(*root);
        walk.order.push((*root, *root));
    }
    walk.order.reverse();
    let dependents = walk.order.iter().filter(|(object, _)| !walk.silent.contains(object)).copied().collect();
    Collected { objects: walk.order.into_iter().map(|(object, _)| object).collect(), dependents }
}

struct Walk {
    by_referenced: BTreeMap<(Oid, Oid), Vec<Edge>>,
    order: Vec<(ObjectRef, ObjectRef)>,
    /// Reached by an automatic or internal dependency, or named.
    silent: BTreeSet<ObjectRef>,
    seen: BTreeSet<ObjectRef>,
}

impl Walk {
    fn visit(&mut self, object: ObjectRef) {
        let edges = self.by_referenced.get(&(object.class, object.oid)).cloned().unwrap_or_default();
        let applies = |on: &ObjectRef| object.column == 0 || on.column == object.column;
        let mut children: Vec<(ObjectRef, DependencyKind)> = edges
            .into_iter()
            .filter(|(_, on, _)| applies(on))
            .map(|(child, _, kind)| (child, kind))
            .collect();
        // The youngest first, as PostgreSQL; the list is reversed at the end.
        children.sort_by_key(|(child, _)| std::cmp::Reverse((child.oid, child.class, child.column)));
        for (child, kind) in children {
            // A column of an object that goes is gone with it.
            let parent = ObjectRef { column: 0, ..child };
            if child.column != 0 && child.class == classes::RELATION && self.seen.contains(&parent) {
                continue;
            }
            if kind != DependencyKind::Normal {
                self.silent.insert(child);
            }
            if self.seen.insert(child) {
                self.visit(child);
                self.order.push((child, object));
            }
        }
    }
}

/// Says how messages call an object; names are qualified unless the path finds them.
pub fn describe(catalog: &Catalog, path: &[Oid], object: ObjectRef) -> String {
    let qualified = |schema: Oid, name: &str, visible: bool| {
        if visible {
            return quote_identifier(name);
        }
        let schema = catalog.schema_name(schema).unwrap_or_default();
        format!("{}.{}", quote_identifier(schema), quote_identifier(name))
    };
    let relation_name = |relation: &Relation| {
        let found = path.iter().find_map(|schema| catalog.relation_in(*schema, &relation.name));
        qualified(relation.schema, &relation.name, found.is_some_and(|found| found.oid == relation.oid))
    };
    let of_relation = |relation: &Relation| format!("{} {}", relation.kind.noun(), relation_name(relation));
    match object.class {
        classes::RELATION => {
            if let Some(relation) = catalog.relations.get(&object.oid) {
                return match relation.position_of(object.column) {
                    Some(position) if object.column != 0 => {
                        format!("column {} of {}", relation.columns[position].name, of_relation(relation))
                    }
                    Some(_) | None => of_relation(relation),
                };
            }
            for relation in catalog.relations.values() {
                if let Some(index) = relation.index(object.oid) {
                    let visible = path.contains(&relation.schema);
                    return format!("index {}", qualified(relation.schema, &index.name, visible));
                }
            }
            String::new()
        }
        classes::CONSTRAINT => {
            for relation in catalog.relations.values() {
                if let Some(found) = relation.constraints.iter().find(|found| found.oid == object.oid) {
                    return format!("constraint {} on {}", found.name, of_relation(relation));
                }
            }
            String::new()
        }
        classes::DEFAULT => match catalog.relations.get(&object.oid) {
            Some(relation) => {
                let column = whole_column(relation, object.column);
                format!("default value for column {column} of {}", of_relation(relation))
            }
            None => String::new(),
        },
        classes::TYPE => format!("type {}", format_type(object.oid, None)),
        classes::FUNCTION => catalog.functions.get(&object.oid).map_or_else(String::new, |function| {
            let args: Vec<String> = function
                .arguments
                .iter()
                .filter(|argument| matches!(argument.mode, 'i' | 'b' | 'v'))
                .map(|argument| format_type(argument.ty, None))
                .collect();
            let noun = if function.procedure { "procedure" } else { "function" };
            let name = qualified(function.schema, &function.name, path.contains(&function.schema));
            format!("{noun} {name}({})", args.join(","))
        }),
        classes::STATISTICS => catalog.statistics.get(&object.oid).map_or_else(String::new, |statistics| {
            let mut in_path =
                path.iter().filter_map(|schema| catalog.statistics_in(*schema, &statistics.name));
            let visible = in_path.next().is_some_and(|found| found.oid == statistics.oid);
            format!("statistics object {}", qualified(statistics.schema, &statistics.name, visible))
        }),
        classes::SCHEMA => format!("schema {}", catalog.schema_name(object.oid).unwrap_or_default()),
        _ => String::new(),
    }
}

fn whole_column(relation: &Relation, attnum: i16) -> String {
    let position = relation.position_of(attnum);
    position.map_or_else(String::new, |position| relation.columns[position].name.to_string())
}
