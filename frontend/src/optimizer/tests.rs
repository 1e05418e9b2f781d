//! Plans of TPC-H over synthetic statistics of scale 1.

use datasets::tpch;
use executor::expr::Expr;
use types::io::IoContext;
use types::{Oid, TypeRef, oids};

use super::{ColumnStatistics, PlannerContext, Statistics};
use crate::analyzer::{self, AnalyzerContext};
use crate::catalog::{Catalog, ColumnInfo, Constraint, ConstraintKind, Relation, RelationKind};
use crate::explain;

/// Row counts and distinct values of scale 1.
struct Synthetic<'a>(&'a Catalog);

impl Statistics for Synthetic<'_> {
    fn rows(&self, table: Oid) -> Option<f64> {
        let name = &self.0.relation(table)?.name;
        let table = tpch::Table::ALL.into_iter().find(|table| table.name() == name)?;
        Some(table.rows(1.0) as f64)
    }
    fn column(&self, table: Oid, column: usize) -> ColumnStatistics {
        let name = self.0.relation(table).and_then(|relation| relation.columns.get(column)).map(|c| &c.name);
        let distinct = match name.map(|name| name.as_str()).unwrap_or_default() {
            "l_orderkey" => 1_500_000.0,
            "l_partkey" | "ps_partkey" => 200_000.0,
            "l_suppkey" | "ps_suppkey" => 10_000.0,
            "o_custkey" => 100_000.0,
            "c_nationkey" | "s_nationkey" => 25.0,
            "l_shipdate" => 2526.0,
            "p_brand" => 25.0,
            "p_container" => 40.0,
            "n_name" => 25.0,
            "r_name" => 5.0,
            "p_size" => 50.0,
            "c_mktsegment" => 5.0,
            _ => return ColumnStatistics::default(),
        };
        ColumnStatistics { distinct: Some(distinct), ..ColumnStatistics::default() }
    }
    fn sample_share(&self, _: Oid, _: &[Expr]) -> Option<super::SampleShare> {
        None
    }
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::initial();
    for table in tpch::Table::ALL {
        let mut columns: Vec<ColumnInfo> = Vec::new();
        let mut key = Vec::new();
        for line in table.ddl().lines().map(str::trim) {
            if let Some((_, list)) = line.split_once("PRIMARY KEY (") {
                let names: Vec<&str> = list.trim_end_matches([')', ',']).split(", ").collect();
                key = (0..columns.len()).filter(|at| names.contains(&columns[*at].name.as_str())).collect();
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, ty, ..] = words.as_slice() else { continue };
            if !name.contains('_') {
                continue;
            }
            if line.contains("PRIMARY KEY") {
                key.push(columns.len());
            }
            let oid = match ty.split('(').next().unwrap().trim_end_matches(',').to_lowercase().as_str() {
                "integer" | "int" => oids::INT4,
                "bigint" => oids::INT8,
                "decimal" | "numeric" => oids::NUMERIC,
                "date" => oids::DATE,
                "char" | "character" => oids::BPCHAR,
                "varchar" => oids::VARCHAR,
                other => panic!("{other}"),
            };
            let ty = TypeRef::plain(oid);
            columns.push(ColumnInfo { not_null: true, ..ColumnInfo::new(*name, ty) });
        }
        let oid = catalog.allocate_oid();
        let kind = ConstraintKind::PrimaryKey { columns: key, index: catalog.allocate_oid() };
        let constraint = Constraint::new(catalog.allocate_oid(), "key".into(), kind);
        catalog.put_relation(std::sync::Arc::new(Relation {
            oid,
            name: table.name().into(),
            schema: oids::PUBLIC_NAMESPACE,
            kind: RelationKind::Table,
            columns,
            constraints: vec![constraint],
            ..Relation::default()
        }));
    }
    catalog
}

fn explained(catalog: &Catalog, sql: &str) -> Result<String, types::PgError> {
    let io = IoContext::default();
    let path = ["public".into()];
    let context =
        AnalyzerContext { catalog, search_path: &path, param_types: &[], fixed_params: false, io: &io };
    let parsed = crate::parser::parse(sql)?;
    let analyzed = analyzer::analyze(&parsed.statements.first().unwrap().node, &context)?;
    let statistics = Synthetic(catalog);
    let context = PlannerContext {
        index_expression: &|_, _, _| None,
        settings: super::PlannerSettings::default(),
        params: &[],
        statistics: &statistics,
        evaluate: &|_| Err(types::PgError::not_supported("folding")),
    };
    let plan = super::plan(&analyzed.statement, &context)?;
    Ok(explain::render(&plan, None, &explain::Options::default(), catalog).join("\n"))
}

#[test]
fn tpch_plans_have_no_nested_loops_nor_correlated_subplans() {
    let catalog = catalog();
    for number in 1..=22 {
        let sql = tpch::query(number, 1.0);
        let plan = explained(&catalog, &sql).unwrap();
        if std::env::var_os("SURUS_SHOW_PLANS").is_some() {
            println!("Q{number}\n{plan}\n");
        }
        assert!(!plan.contains("Nested Loop"), "Q{number}\n{plan}");
        assert!(!plan.contains("outer "), "Q{number}\n{plan}");
    }
}
