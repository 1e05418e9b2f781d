//! Facts about catalog objects that relations and functions share: names, visibility, indexes, SQL text.

use std::sync::Arc;

use datasets::catalog::{self as rows, PG_AUTHID};
use ecow::EcoString;
use types::io::ObjectNames;
use types::{Oid, TypeRef, oids};

use super::built_in;
use super::names::Names;
use super::shown::shown;
use crate::catalog::builtin::{builtin, operator_class};
use crate::catalog::{
    self, Catalog, ColumnInfo, ColumnSettings, Constraint, ConstraintKind, ForeignKey, ForeignKeyAction,
    IndexKey, IndexKeySource, Relation, StatisticsObject,
};
use crate::session::access::Access;
use crate::session::names::{self as lookup, Found};
use crate::session::settings::quote_identifier;

/// An index of a user's table.
pub struct Index<'a> {
    /// `pg_class.oid`.
    pub oid: Oid,
    /// The table.
    pub table: &'a Arc<Relation>,
    /// The index.
    pub index: &'a Arc<catalog::Index>,
}

/// Returns all indexes of the user's tables.
pub fn indexes(catalog: &Catalog) -> impl Iterator<Item = Index<'_>> {
    catalog
        .relations
        .values()
        .flat_map(|table| table.indexes.iter().map(move |index| Index { oid: index.oid, table, index }))
}

/// Returns an index of a user's table.
pub fn index(catalog: &Catalog, oid: Oid) -> Option<Index<'_>> {
    catalog.relations.index(oid).map(|(table, index)| Index { oid, table, index })
}

impl Index<'_> {
    /// Returns the SQL of key or INCLUDE column `at`, without order.
    pub fn column_text(&self, at: usize) -> Option<String> {
        match self.index.keys.get(at).map(|key| &key.source) {
            Some(IndexKeySource::Column(position)) => column_names(self.table, &[*position]).pop(),
            Some(IndexKeySource::Expression { definition, .. }) => Some(definition.to_string()),
            None => column_names(self.table, self.index.include.get(at - self.index.keys.len()..)?)
                .into_iter()
                .next(),
        }
    }
    /// Returns its columns as those of a relation, with the types that their operator classes store.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        let column = |position: &usize| self.table.columns.get(*position);
        let mut columns: Vec<ColumnInfo> = Vec::new();
        for key in &self.index.keys {
            let (name, ty, settings) = match &key.source {
                IndexKeySource::Column(position) => match column(position) {
                    Some(column) => (column.name.clone(), column.ty, column.settings.clone()),
                    None => continue,
                },
                IndexKeySource::Expression { name, ty, .. } => (name.clone(), *ty, ColumnSettings::default()),
            };
            let ty = TypeRef { collation: key.collation, ..ty };
            let stored = operator_class(key.class).map_or(0, |class| match (class.key, class.input) {
                // Hash indexes keep hashes.
                _ if self.index.method == "hash" => oids::INT4,
                (oids::ANYELEMENT, oids::ANYARRAY) => types::element_type(ty.oid).unwrap_or(0),
                (stored, _) => stored,
            });
            let ty =
                if stored == 0 || stored == ty.oid { ty } else { TypeRef { oid: stored, typmod: -1, ..ty } };
            let same = stored == 0;
            let settings = ColumnSettings {
                storage: settings.storage.filter(|_| same),
                compression: settings.compression.filter(|_| same),
                ..ColumnSettings::default()
            };
            columns.push(ColumnInfo { settings, ..ColumnInfo::new(name, ty) });
        }
        let included = self.index.include.iter().filter_map(column);
        columns.extend(
            included
                .map(|column| ColumnInfo::new(column.name.clone(), TypeRef { collation: 0, ..column.ty })),
        );
        for at in 1..columns.len() {
            let name = catalog::unique_index_column(&columns[at].name, |name| {
                columns.iter().take(at).any(|column| column.name == name)
            });
            columns[at].name = name;
        }
        columns
    }
    fn key_text(&self, at: usize, key: &IndexKey) -> String {
        let mut text = self.column_text(at).unwrap_or_default();
        let of_column = match &key.source {
            IndexKeySource::Column(position) => {
                self.table.columns.get(*position).map_or(0, |column| column.ty.collation)
            }
            IndexKeySource::Expression { ty, .. } => ty.collation,
        };
        if key.collation != 0 && key.collation != of_column {
            let name = builtin().collation_name(key.collation).unwrap_or_default();
            text.push_str(&format!(" COLLATE {}", quote_identifier(name)));
        }
        if !key.default_class
            && let Some(class) = operator_class(key.class)
        {
            text.push_str(&format!(" {}", class.name));
        }
        text.push_str(match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        });
        text
    }
    /// Returns CREATE INDEX, as `pg_get_indexdef`.
    pub fn definition(&self, catalog: &Catalog) -> String {
        let schema = lookup::schema_name(catalog, self.table.schema).unwrap_or_default();
        let table = format!("{}.{}", quote_identifier(&schema), quote_identifier(&self.table.name));
        self.definition_on(&table)
    }
    /// Returns CREATE INDEX with the table's name as given.
    pub fn definition_on(&self, table: &str) -> String {
        let index = self.index;
        let keys: Vec<String> =
            index.keys.iter().enumerate().map(|(at, key)| self.key_text(at, key)).collect();
        let mut text = format!(
            "CREATE {}INDEX {} ON {table} USING {} ({})",
            if index.unique { "UNIQUE " } else { "" },
            quote_identifier(&index.name),
            index.method,
            keys.join(", ")
        );
        if !index.include.is_empty() {
            text.push_str(&format!(" INCLUDE ({})", column_names(self.table, &index.include).join(", ")));
        }
        if index.nulls_not_distinct {
            text.push_str(" NULLS NOT DISTINCT");
        }
        if !index.options.is_empty() {
            text.push_str(&format!(" WITH ({})", options_text(&index.options)));
        }
        if let Some(predicate) = &index.predicate {
            text.push_str(&format!(" WHERE {predicate}"));
        }
        text
    }
}

/// Returns storage options as `name='value'`.
fn options_text(options: &[EcoString]) -> String {
    let items = options.iter().filter_map(|option| option.split_once('='));
    let items: Vec<String> = items
        .map(|(name, value)| {
            // As `flatten_reloptions`: a value that is an identifier stands as it is.
            if quote_identifier(value) == value {
                format!("{name}={value}")
            } else {
                format!("{name}='{value}'")
            }
        })
        .collect();
    items.join(", ")
}

/// Returns the names of columns, quoted.
fn column_names(table: &Relation, columns: &[usize]) -> Vec<String> {
    columns
        .iter()
        .filter_map(|position| table.columns.get(*position))
        .map(|column| quote_identifier(&column.name))
        .collect()
}

/// Returns a constraint's SQL, as `pg_get_constraintdef`.
pub fn constraint_definition(
    catalog: &Catalog,
    path: &[Oid],
    table: &Relation,
    constraint: &Constraint,
) -> String {
    let mut text = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, index } => {
            format!("PRIMARY KEY ({}){}", key_names(table, columns, *index), including(table, *index))
        }
        ConstraintKind::Exclusion { index } => exclusion_definition(table, *index),
        ConstraintKind::Unique { columns, index } => {
            let distinct = table.index(*index).is_some_and(|index| index.nulls_not_distinct);
            format!(
                "UNIQUE {}({}){}",
                if distinct { "NULLS NOT DISTINCT " } else { "" },
                key_names(table, columns, *index),
                including(table, *index)
            )
        }
        ConstraintKind::NotNull { column } => {
            format!("NOT NULL {}", column_names(table, &[*column]).join(""))
        }
        ConstraintKind::Check { definition } => format!("CHECK ({definition})"),
        ConstraintKind::ForeignKey(key) => foreign_key_definition(catalog, path, table, key),
    };
    if constraint.no_inherit
        && matches!(constraint.kind, ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. })
    {
        text.push_str(" NO INHERIT");
    }
    if constraint.deferrable {
        text.push_str(" DEFERRABLE");
    }
    if constraint.deferred {
        text.push_str(" INITIALLY DEFERRED");
    }
    if !constraint.enforced {
        text.push_str(" NOT ENFORCED");
    } else if !constraint.validated {
        text.push_str(" NOT VALID");
    }
    text
}

/// Returns the columns of a key, with WITHOUT OVERLAPS.
fn key_names(table: &Relation, columns: &[usize], index: Oid) -> String {
    let period = table.index(index).is_some_and(|index| index.is_period());
    format!("{}{}", column_names(table, columns).join(", "), if period { " WITHOUT OVERLAPS" } else { "" })
}

fn exclusion_definition(table: &Relation, index: Oid) -> String {
    let Some(index) = table.index(index) else { return "EXCLUDE".to_owned() };
    let table = Arc::new(table.clone());
    let shown = Index { oid: index.oid, table: &table, index };
    let keys = index.keys.iter().zip(&index.exclusion).enumerate().map(|(at, (key, operator))| {
        let name = builtin().operator(*operator).map_or("", |operator| operator.name.as_str());
        format!("{} WITH {name}", shown.key_text(at, key))
    });
    let keys: Vec<String> = keys.collect();
    let mut text = format!("EXCLUDE USING {} ({})", index.method, keys.join(", "));
    text.push_str(&including(&table, index.oid));
    if !index.options.is_empty() {
        text.push_str(&format!(" WITH ({})", options_text(&index.options)));
    }
    if let Some(predicate) = &index.predicate {
        text.push_str(&format!(" WHERE ({predicate})"));
    }
    text
}

fn including(table: &Relation, index: Oid) -> String {
    match table.index(index) {
        Some(index) if !index.include.is_empty() => {
            format!(" INCLUDE ({})", column_names(table, &index.include).join(", "))
        }
        Some(_) | None => String::new(),
    }
}

fn foreign_key_definition(catalog: &Catalog, path: &[Oid], table: &Relation, key: &ForeignKey) -> String {
    let referenced = if key.table == table.oid {
        Some(table)
    } else {
        catalog.relations.get(&key.table).map(AsRef::as_ref)
    };
    let Some(referenced) = referenced else { return "FOREIGN KEY".to_owned() };
    let columns: Vec<usize> =
        key.referenced.iter().filter_map(|attnum| referenced.position_of(*attnum)).collect();
    let schema = lookup::schema_name(catalog, referenced.schema).unwrap_or_default();
    let qualified = if path.contains(&referenced.schema) {
        quote_identifier(&referenced.name)
    } else {
        format!("{}.{}", quote_identifier(&schema), quote_identifier(&referenced.name))
    };
    let period = key.has_period(referenced);
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {qualified}({})",
        key_columns(table, &key.columns, period),
        key_columns(referenced, &columns, period)
    );
    if key.full {
        text.push_str(" MATCH FULL");
    }
    for (event, action) in [("UPDATE", key.on_update), ("DELETE", key.on_delete)] {
        let action = match action {
            ForeignKeyAction::NoAction => continue,
            ForeignKeyAction::Restrict => "RESTRICT",
            ForeignKeyAction::Cascade => "CASCADE",
            ForeignKeyAction::SetNull => "SET NULL",
            ForeignKeyAction::SetDefault => "SET DEFAULT",
        };
        text.push_str(&format!(" ON {event} {action}"));
    }
    if !key.delete_columns.is_empty() {
        text.push_str(&format!(" ({})", column_names(table, &key.delete_columns).join(", ")));
    }
    text
}

/// Lists the columns of a foreign key.
fn key_columns(table: &Relation, columns: &[usize], period: bool) -> String {
    let mut names = column_names(table, columns);
    if let Some(last) = names.last_mut().filter(|_| period) {
        last.insert_str(0, "PERIOD ");
    }
    names.join(", ")
}

/// Returns schema and name of a relation or index.
pub fn relation_schema_and_name(names: &Names, oid: Oid) -> Option<(Oid, String)> {
    if let Some(relation) = names.catalog.relations.get(&oid) {
        return Some((relation.schema, relation.name.to_string()));
    }
    if let Some((table, index)) = names.catalog.relations.index(oid) {
        return Some((table.schema, index.name.to_string()));
    }
    let system = built_in::row(rows::PG_CLASS, oid)?;
    Some((system.oid("relnamespace"), system.text("relname").into_owned()))
}

/// Returns the oid of a relation or index by schema and name.
pub fn relation_oid_in(names: &Names, schema: Oid, name: &str) -> Option<Oid> {
    match lookup::find_in(&names.catalog, schema, name) {
        Some(Found::User(relation)) => Some(relation.oid),
        Some(Found::System(relation)) => Some(relation.oid),
        None => names.catalog.relations.index_named(schema, name).map(|(_, index)| index.oid),
    }
}

/// Says whether the search path finds a relation by its bare name.
pub fn relation_is_visible(names: &Names, oid: Oid) -> bool {
    let Some((_, name)) = relation_schema_and_name(names, oid) else { return false };
    let found = names.path().into_iter().find_map(|schema| relation_oid_in(names, schema, &name));
    found == Some(oid)
}

/// Returns the name of a role.
pub fn role_name(oid: Oid) -> Option<String> {
    built_in::row(PG_AUTHID, oid).map(|row| row.text("rolname").into_owned())
}

/// Returns the oid of a role.
pub fn role_oid(name: &str) -> Option<Oid> {
    rows::rows(PG_AUTHID).find(|row| row.text("rolname") == name).map(|row| row.oid("oid"))
}

/// Returns the names of a relation's columns.
pub fn relation_columns(names: &Names, oid: Oid) -> Vec<String> {
    match names.catalog.relation(oid) {
        Some(relation) => relation.columns.iter().map(|column| column.name.to_string()).collect(),
        None => Vec::new(),
    }
}

/// Returns `pg_class.relkind` of a relation or index.
pub fn relation_kind(names: &Names, oid: Oid) -> Option<char> {
    if let Some(relation) = names.catalog.relations.get(&oid) {
        return Some(relation.kind.letter());
    }
    if indexes(&names.catalog).any(|index| index.oid == oid) {
        return Some('i');
    }
    built_in::row(rows::PG_CLASS, oid).map(|row| row.char("relkind"))
}

/// Returns the `attnum`s of an index's key columns, 0 for an expression.
pub fn index_attnums(index: &Index<'_>) -> Vec<i16> {
    let number = |key: &IndexKey| match &key.source {
        IndexKeySource::Column(position) => index.table.attnum(*position),
        IndexKeySource::Expression { .. } => 0,
    };
    index.index.keys.iter().map(number).collect()
}

/// Returns the columns and expressions of a statistics object, as `pg_get_statisticsobjdef_columns`.
pub fn statistics_columns(access: &Access, object: &StatisticsObject) -> String {
    let relation = access.catalog.relations.get(&object.table);
    let name = |attnum: &i16| {
        let relation = relation?;
        Some(quote_identifier(&relation.columns.get(relation.position_of(*attnum)?)?.name))
    };
    let shown = object.expressions.iter().map(|text| {
        let text = shown(access, object.table, text, true);
        crate::analyzer::ddl::index::parenthesized(text.into()).to_string()
    });
    let columns: Vec<String> = object.columns.iter().filter_map(name).chain(shown).collect();
    columns.join(", ")
}

/// Returns CREATE STATISTICS, as `pg_get_statisticsobjdef`.
pub fn statistics_definition(access: &Access, oid: Oid) -> Option<String> {
    let object = access.catalog.statistics.get(&oid)?;
    let schema = lookup::schema_name(&access.catalog, object.schema).unwrap_or_default();
    let mut text =
        format!("CREATE STATISTICS {}.{}", quote_identifier(&schema), quote_identifier(&object.name));
    let kinds = [('d', "ndistinct"), ('f', "dependencies"), ('m', "mcv")];
    let named: Vec<&str> =
        kinds.iter().filter(|(kind, _)| object.kinds.contains(*kind)).map(|(_, name)| *name).collect();
    if named.len() < kinds.len() && object.columns.len() + object.expressions.len() > 1 {
        text.push_str(&format!(" ({})", named.join(", ")));
    }
    let table = access.names.output(oids::REGCLASS, object.table)?;
    text.push_str(&format!(" ON {} FROM {table}", statistics_columns(access, object)));
    Some(text)
}
