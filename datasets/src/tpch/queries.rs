//! The 22 queries with the specification's validation parameters.
//!
//! Each is a file that psql can run as it stands. Q15 is the specification's variant with WITH; queries of which it
//! asks the first rows have a LIMIT.

/// How many queries there are; they are numbered from 1.
pub const QUERY_COUNT: usize = 22;

/// The specification's title of each query, Q1 first.
pub const TITLES: [&str; QUERY_COUNT] = [
    "Pricing summary report",
    "Minimum cost supplier",
    "Shipping priority",
    "Order priority checking",
    "Local supplier volume",
    "Forecasting revenue change",
    "Volume shipping",
    "National market share",
    "Product type profit measure",
    "Returned item reporting",
    "Important stock identification",
    "Shipping modes and order priority",
    "Customer distribution",
    "Promotion effect",
    "Top supplier",
    "Parts/supplier relationship",
    "Small-quantity-order revenue",
    "Large volume customer",
    "Discounted revenue",
    "Potential part promotion",
    "Suppliers who kept orders waiting",
    "Global sales opportunity",
];

const QUERIES: [&str; QUERY_COUNT] = [
    include_str!("../../tpch/queries/q01.sql"),
    include_str!("../../tpch/queries/q02.sql"),
    include_str!("../../tpch/queries/q03.sql"),
    include_str!("../../tpch/queries/q04.sql"),
    include_str!("../../tpch/queries/q05.sql"),
    include_str!("../../tpch/queries/q06.sql"),
    include_str!("../../tpch/queries/q07.sql"),
    include_str!("../../tpch/queries/q08.sql"),
    include_str!("../../tpch/queries/q09.sql"),
    include_str!("../../tpch/queries/q10.sql"),
    include_str!("../../tpch/queries/q11.sql"),
    include_str!("../../tpch/queries/q12.sql"),
    include_str!("../../tpch/queries/q13.sql"),
    include_str!("../../tpch/queries/q14.sql"),
    include_str!("../../tpch/queries/q15.sql"),
    include_str!("../../tpch/queries/q16.sql"),
    include_str!("../../tpch/queries/q17.sql"),
    include_str!("../../tpch/queries/q18.sql"),
    include_str!("../../tpch/queries/q19.sql"),
    include_str!("../../tpch/queries/q20.sql"),
    include_str!("../../tpch/queries/q21.sql"),
    include_str!("../../tpch/queries/q22.sql"),
];

/// Q11's fraction in its file, which is the one of scale 1.
pub(super) const FRACTION: &str = "0.0001000000";

/// Returns the fraction that the specification gives Q11 at a scale: 0.0001 / scale.
pub(super) fn fraction(scale: f64) -> String {
    format!("{:.10}", 0.0001 / scale)
}

/// Returns the text of a query as in its file, without the semicolon. Panics when there is no such query.
pub(super) fn text(number: usize) -> &'static str {
    assert!((1..=QUERY_COUNT).contains(&number), "TPC-H has no query {number}");
    QUERIES[number - 1].trim_end().trim_end_matches(';')
}

/// Returns a query (1 to 22) with its validation parameters, without a semicolon.
///
/// The scale matters to Q11 alone, whose fraction the specification divides by it.
///
/// # Panics
/// When there is no such query.
pub fn query(number: usize, scale: f64) -> String {
    text(number).replace(FRACTION, &fraction(scale))
}
