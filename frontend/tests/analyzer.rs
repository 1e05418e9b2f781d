//! The analyzer held to what PostgreSQL says of the same statements.

use ecow::EcoString;
use frontend::analyzer::{Analyzed, AnalyzerContext, analyze};
use frontend::catalog::Catalog;
use frontend::catalog::type_names::format_type;
use frontend::query::Statement;
use types::io::IoContext;
use types::{PgError, Result};

fn analyze_sql(catalog: &Catalog, sql: &str) -> Result<Analyzed> {
    let path = [EcoString::from("public")];
    let io = IoContext::default();
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
                Statement::Insert(insert) => {
                    insert.returning.as_ref().map_or(&[][..], |returning| &returning.output)
                }
                Statement::Update(update) => {
                    update.returning.as_ref().map_or(&[][..], |returning| &returning.output)
                }
                Statement::Delete(delete) => {
                    delete.returning.as_ref().map_or(&[][..], |returning| &returning.output)
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

#[test]
fn smoke() {
    let catalog = Catalog::initial();
    for sql in std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/analyzer/smoke.sql"))
        .unwrap()
        .lines()
    {
        println!("{sql}\n    {}", describe(&catalog, sql));
    }
}
