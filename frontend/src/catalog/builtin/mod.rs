//! PostgreSQL's built-in objects, read once from the rows in `datasets` and found by oid and by name.
//!
//! [`builtin`] gives the one instance. It holds types, functions, operators, casts, aggregates, collations, the default
//! operators of each type, and the system relations with their columns.

mod classes;
mod functions;
mod operators;
pub mod relations;
mod types;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use ::types::Oid;
use datasets::catalog as rows;
use ecow::EcoString;

use super::Relation;
pub use classes::{
    OperatorClass, accepts, default_operator_class, index_method, is_in_family, operator_class,
    operator_class_by_name, operator_family_name,
};
pub use functions::{
    Aggregate, AggregateKind, Cast, CastContext, CastMethod, Function, FunctionKind, ParameterMode, body_key,
};
pub(crate) use operators::BTREE;
pub use operators::{DefaultOperators, FamilyMember, Operator};
pub use types::{Type, TypeKind};

/// The built-in objects.
#[derive(Debug)]
pub struct Builtin {
    types: HashMap<Oid, Type>,
    types_by_name: HashMap<EcoString, Vec<Oid>>,
    functions: HashMap<Oid, Function>,
    functions_by_name: HashMap<EcoString, Vec<Oid>>,
    operators: HashMap<Oid, Operator>,
    operators_by_name: HashMap<EcoString, Vec<Oid>>,
    casts: HashMap<(Oid, Oid), Cast>,
    aggregates: HashMap<Oid, Aggregate>,
    default_operators: HashMap<Oid, DefaultOperators>,
    families_by_operator: HashMap<Oid, Vec<FamilyMember>>,
    in_range: HashMap<(Oid, Oid, Oid), Oid>,
    collations: HashMap<EcoString, Oid>,
    collation_names: HashMap<Oid, EcoString>,
    relations: HashMap<Oid, Arc<Relation>>,
    relations_by_name: HashMap<(Oid, EcoString), Oid>,
    namespaces: Vec<(Oid, EcoString)>,
}

/// Returns the built-in objects.
pub fn builtin() -> &'static Builtin {
    static BUILTIN: LazyLock<Builtin> = LazyLock::new(Builtin::load);
    &BUILTIN
}

impl Builtin {
    fn load() -> Self {
        let types = types::load();
        let functions = functions::load();
        let operators = operators::load();
        let collations: Vec<(EcoString, Oid)> = rows::rows(rows::PG_COLLATION)
            .map(|row| (EcoString::from(row.text("collname").as_ref()), row.oid("oid")))
            .collect();
        let relations = relations::load();
        Self {
            types_by_name: by_name(types.values().map(|ty| (&ty.name, ty.oid))),
            functions_by_name: by_name(functions.values().map(|function| (&function.name, function.oid))),
            operators_by_name: by_name(operators.values().map(|operator| (&operator.name, operator.oid))),
            casts: functions::load_casts(),
            aggregates: functions::load_aggregates(),
            default_operators: operators::load_defaults(),
            families_by_operator: operators::load_families(),
            in_range: operators::load_in_range(),
            collation_names: collations.iter().map(|(name, oid)| (*oid, name.clone())).collect(),
            collations: collations.into_iter().collect(),
            relations_by_name: relations
                .values()
                .map(|relation| ((relation.schema, relation.name.clone()), relation.oid))
                .collect(),
            namespaces: rows::rows(rows::PG_NAMESPACE)
                .map(|row| (row.oid("oid"), EcoString::from(row.text("nspname").as_ref())))
                .collect(),
            relations,
            types,
            functions,
            operators,
        }
    }

    /// Returns a type.
    pub fn type_by_oid(&self, oid: Oid) -> Option<&Type> {
        self.types.get(&oid)
    }
    /// Returns the type `name` of a schema.
    pub fn type_by_name(&self, namespace: Oid, name: &str) -> Option<&Type> {
        let oids = self.types_by_name.get(name)?;
        oids.iter().filter_map(|oid| self.types.get(oid)).find(|ty| ty.namespace == namespace)
    }
    /// Returns a function.
    pub fn function(&self, oid: Oid) -> Option<&Function> {
        self.functions.get(&oid)
    }
    /// Returns the functions called `name`, by oid.
    pub fn functions_by_name(&self, name: &str) -> impl Iterator<Item = &Function> {
        self.functions_by_name.get(name).into_iter().flatten().filter_map(|oid| self.functions.get(oid))
    }
    /// Returns all functions.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }
    /// Returns an operator.
    pub fn operator(&self, oid: Oid) -> Option<&Operator> {
        self.operators.get(&oid)
    }
    /// Returns the operators called `name`, by oid.
    pub fn operators_by_name(&self, name: &str) -> impl Iterator<Item = &Operator> {
        self.operators_by_name.get(name).into_iter().flatten().filter_map(|oid| self.operators.get(oid))
    }
    /// Returns the cast row of a pair of types.
    pub fn cast(&self, source: Oid, target: Oid) -> Option<&Cast> {
        self.casts.get(&(source, target))
    }
    /// Returns the aggregate behind a function.
    pub fn aggregate(&self, function: Oid) -> Option<&Aggregate> {
        self.aggregates.get(&function)
    }
    /// Returns the default `=`, `<`, `>` of exactly this type (not of a type it can be relabelled to).
    pub fn default_operators(&self, ty: Oid) -> Option<&DefaultOperators> {
        self.default_operators.get(&ty)
    }
    /// Returns the btree families that an operator belongs to.
    pub fn families_by_operator(&self, operator: Oid) -> &[FamilyMember] {
        self.families_by_operator.get(&operator).map_or(&[], Vec::as_slice)
    }
    /// Returns the `in_range` function of a btree family for an ordered type and an offset type.
    pub fn in_range(&self, family: Oid, ordered: Oid, offset: Oid) -> Option<&Function> {
        self.function(*self.in_range.get(&(family, ordered, offset))?)
    }
    /// Returns the offset types that a btree family has `in_range` functions for.
    pub fn in_range_offsets(&self, family: Oid, ordered: Oid) -> Vec<Oid> {
        let keys = self.in_range.keys().filter(|(owner, left, _)| *owner == family && *left == ordered);
        keys.map(|(_, _, offset)| *offset).collect()
    }
    /// Returns the collation called `name`.
    pub fn collation(&self, name: &str) -> Option<Oid> {
        self.collations.get(name).copied()
    }
    /// Returns the name of a collation.
    pub fn collation_name(&self, oid: Oid) -> Option<&str> {
        self.collation_names.get(&oid).map(EcoString::as_str)
    }
    /// Returns a system relation.
    pub fn relation(&self, oid: Oid) -> Option<&Arc<Relation>> {
        self.relations.get(&oid)
    }
    /// Returns the system relation `name` of a schema.
    pub fn relation_by_name(&self, namespace: Oid, name: &str) -> Option<&Arc<Relation>> {
        self.relation(*self.relations_by_name.get(&(namespace, name.into()))?)
    }
    /// Returns all system relations.
    pub fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations.values()
    }
    /// Returns (oid, name) of the built-in schemas.
    pub fn namespaces(&self) -> &[(Oid, EcoString)] {
        &self.namespaces
    }
}

/// Groups oids by name, ascending.
fn by_name<'a>(items: impl Iterator<Item = (&'a EcoString, Oid)>) -> HashMap<EcoString, Vec<Oid>> {
    let mut map: HashMap<EcoString, Vec<Oid>> = HashMap::new();
    for (name, oid) in items {
        map.entry(name.clone()).or_default().push(oid);
    }
    map.values_mut().for_each(|oids| oids.sort_unstable());
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_by_name_and_oid() {
        let builtin = builtin();
        assert_eq!(builtin.type_by_name(11, "int4").unwrap().oid, 23);
        assert_eq!(builtin.type_by_oid(23).unwrap().array, 1007);
        assert_eq!(builtin.functions_by_name("int4pl").count(), 1);
        assert!(builtin.cast(23, 20).unwrap().context == CastContext::Implicit);
        assert_eq!(builtin.default_operators(23).unwrap().equal, 96);
        assert_eq!(builtin.relation_by_name(11, "pg_class").unwrap().columns[1].name, "relname");
        assert!(builtin.aggregate(2803).is_some());
        assert!(builtin.collation("C").is_some());
    }
}
