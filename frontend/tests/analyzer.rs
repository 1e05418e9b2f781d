//! The analyzer held to what PostgreSQL says of the same statements.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use ecow::EcoString;
use frontend::analyzer::{Analyzed, AnalyzerContext, analyze};
use frontend::catalog::Catalog;
use frontend::catalog::type_names::format_type;
use frontend::query::Statement;
use types::io::IoContext;
use types::{PgError, Result};

fn analyze_sql(catalog: &Catalog, sql: &str) -> Result<Analyzed> {
    let path = [EcoString::from("public")];
    let names = frontend::system::names::Names {
        catalog: Arc::new(catalog.clone()),
        search_path: vec!["public".into()],
    };
    let io = IoContext { names: Some(Arc::new(names)), ..IoContext::default() };
    let context =
        AnalyzerContext { catalog, search_path: &path, param_types: &[], fixed_params: false, io: &io };
    let parsed = frontend::parser::parse(sql)?;
    let statement = parsed.statements.first().ok_or_else(|| PgError::internal("no statement"))?;
    analyze(&statement.node, &context)
}

/// Returns what is compared: the result columns, or the error.
fn describe(catalog: &Catalog, sql: &str) -> String {
    match analyze_sql(catalog, sql) {
        Ok(analyzed) => {
            let output = match &analyzed.statement {
                Statement::Query(query) => query.output.as_slice(),
                Statement::Modify(modify) => {
                    modify.returning.as_ref().map_or(&[][..], |returning| &returning.output)
                }
            };
            let columns: Vec<String> = output
                .iter()
                .map(|column| {
                    format!("{} {}", column.name, format_type(column.ty.oid, Some(column.ty.typmod)))
                })
                .collect();
            format!("ok {}", columns.join(", "))
        }
        Err(error) => {
            let fields = error.fields();
            let position =
                fields.location.map_or(0, |offset| sql[..offset.min(sql.len())].chars().count() + 1);
            let mut text = format!("{} @{position} {}", fields.sqlstate, fields.message);
            for (name, value) in [("DETAIL", &fields.detail), ("HINT", &fields.hint)] {
                if let Some(value) = value {
                    text.push_str(&format!(" {name}: {value}"));
                }
            }
            text
        }
    }
}

/// Returns a catalog with the tables of a script of CREATE TABLE statements.
fn catalog_of(script: &str) -> Catalog {
    let mut catalog = Catalog::initial();
    let parsed = frontend::parser::parse(script).unwrap();
    for statement in &parsed.statements {
        let pg_query::NodeEnum::CreateStmt(create) = &statement.node else { continue };
        let path = [EcoString::from("public")];
        let io = IoContext::default();
        let before = catalog.clone();
        let context = AnalyzerContext {
            catalog: &before,
            search_path: &path,
            param_types: &[],
            fixed_params: false,
            io: &io,
        };
        let relation = frontend::catalog::Relation {
            oid: catalog.allocate_oid(),
            name: create.relation.as_ref().unwrap().relname.as_str().into(),
            schema: types::oids::PUBLIC_NAMESPACE,
            ..Default::default()
        };
        let mut allocate = || catalog.allocate_oid();
        let builder =
            frontend::analyzer::ddl::create_table(create, relation, &mut allocate, &context).unwrap();
        let relation = builder.relation;
        catalog.put_relation(std::sync::Arc::new(relation));
    }
    catalog
}

/// The tables that the statements use.
const SCHEMA: &str = include_str!("analyzer/schema.sql");

#[test]
fn tpch_queries_analyze() {
    let catalog = catalog_of(include_str!("../../datasets/tpch/schema.sql"));
    for number in 1..=22 {
        let path = format!("{}/../datasets/tpch/queries/q{number:02}.sql", env!("CARGO_MANIFEST_DIR"));
        let sql = std::fs::read_to_string(&path).unwrap();
        let described = describe(&catalog, &sql);
        assert!(described.starts_with("ok "), "query {number}: {described}");
    }
}

/// Each statement of `statements.sql` (one a line) must be described as `expected.txt` says, which PostgreSQL wrote.
#[test]
fn statements_are_described_as_postgresql_does() {
    let catalog = catalog_of(SCHEMA);
    let statements = include_str!("analyzer/statements.sql");
    let expected = include_str!("analyzer/expected.txt");
    let mut wrong = Vec::new();
    let mut known: Vec<&str> = include_str!("analyzer/known_differences.txt").lines().collect();
    known.retain(|line| !line.is_empty());
    for (sql, expected) in statements.lines().zip(expected.lines()) {
        let got = describe(&catalog, sql).replace('\n', " ");
        if (got != expected) != known.contains(&sql) {
            wrong.push(format!("{sql}\n    PostgreSQL: {expected}\n    Surus:      {got}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The queries behind psql's `\\d` family, as `psql -E` shows them (one a line).
#[test]
fn queries_of_psql_analyze() {
    let catalog = Catalog::initial();
    let mut wrong = Vec::new();
    for sql in include_str!("analyzer/psql.sql").lines() {
        let described = describe(&catalog, sql);
        if !described.starts_with("ok ") {
            wrong.push(format!("{sql}\n    {described}"));
        }
    }
    assert!(wrong.is_empty(), "{} fail:\n{}", wrong.len(), wrong.join("\n"));
}
