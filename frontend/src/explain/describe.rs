//! One node: its title, the names of its output columns, and what is worth saying of it.

use executor::execute::FallbackReason;
use executor::expr::Expr;
use executor::plan::{
    AggregateCall, HashJoin, IndexDirection, IndexJoin, IndexScan, JoinKind, Modify, ModifyKind, NestedLoop,
    NodeKind, PlanNode, Scan, SetOperation, SortKey,
};

use super::expression::Naming;

/// What EXPLAIN says of a node.
pub(super) struct Description {
    pub(super) title: String,
    pub(super) output: Vec<String>,
    pub(super) properties: Vec<(&'static str, String)>,
}

/// Returns the words for a fallback.
pub(super) fn fallback(reason: FallbackReason) -> &'static str {
    match reason {
        FallbackReason::Forced => "forced",
        FallbackReason::NoKernel => "no kernel",
        FallbackReason::Volatile => "volatile",
        FallbackReason::Subquery => "subquery",
        FallbackReason::RowOperator => "row operator",
    }
}

/// Describes a node.
pub(super) fn node(node: &PlanNode, names: &Naming<'_>) -> Description {
    let mut properties: Vec<(&'static str, String)> = Vec::new();
    let input_names = |input: &PlanNode| self::node(input, names).output;
    let same = |title: &str, input: &PlanNode| (title.to_owned(), input_names(input));
    let (title, output) = match &node.kind {
        NodeKind::Scan(scan) => {
            let columns = scan_columns(scan, names);
            scan_properties(scan, &columns, names, &mut properties);
            (format!("Seq Scan on {}", scan.name), scan_output(scan, &columns))
        }
        NodeKind::IndexScan(index) => {
            let columns = scan_columns(&index.scan, names);
            if !index.conditions.is_empty() {
                properties.push(("Index Cond", names.conjunction(&index.conditions, &columns)));
            }
            // A filter that is a condition at once is shown as such.
            let mut scan = index.scan.clone();
            scan.filters.retain(|filter| !index.conditions.contains(filter));
            scan_properties(&scan, &columns, names, &mut properties);
            let title = format!("{} using {} on {}", index_title(index), index.index_name, index.scan.name);
            (title, scan_output(&index.scan, &columns))
        }
        NodeKind::VirtualScan { relation, name, columns } => {
            let output = columns.iter().map(|at| names.column(u64::from(*relation), *at, name));
            (format!("Seq Scan on {name}"), output.collect())
        }
        NodeKind::Values { .. } if node.output.is_empty() => ("Result".to_owned(), Vec::new()),
        NodeKind::Values { .. } => ("Values Scan".to_owned(), numbered("column", node)),
        NodeKind::FunctionScan { functions, .. } => {
            let calls: Vec<_> = functions.iter().map(|call| call.function.name.to_string()).collect();
            (format!("Function Scan on {}", calls.join(", ")), numbered("column", node))
        }
        NodeKind::Filter { input, predicate } => {
            let output = input_names(input);
            properties.push(("Filter", names.text(predicate, &output)));
            ("Filter".to_owned(), output)
        }
        NodeKind::Project { input, exprs } | NodeKind::ProjectSet { input, exprs } => {
            let below = input_names(input);
            let title = if matches!(node.kind, NodeKind::Project { .. }) { "Project" } else { "ProjectSet" };
            (title.to_owned(), exprs.iter().map(|expr| names.text(expr, &below)).collect())
        }
        NodeKind::HashJoin(join) => hash_join(join, names, &mut properties),
        NodeKind::NestedLoop(NestedLoop { kind, outer, inner, condition, projection })
        | NodeKind::IndexJoin(IndexJoin { kind, outer, inner, condition, projection, .. }) => {
            let parts = Loop { kind: *kind, outer, inner, condition: condition.as_ref(), projection };
            nested_loop(&parts, names, &mut properties)
        }
        NodeKind::Apply { outer, inner, left, condition, .. } => {
            let mut output = input_names(outer);
            output.extend(input_names(inner));
            if let Some(condition) = condition {
                properties.push(("Join Filter", names.text(condition, &output)));
            }
            (if *left { "Nested Loop Left Join" } else { "Nested Loop" }.to_owned() + " (dependent)", output)
        }
        NodeKind::Aggregate(aggregate) => {
            let below = input_names(&aggregate.input);
            let mut output = texts(&aggregate.keys, &below, names);
            if !output.is_empty() {
                properties.push(("Group Key", output.join(", ")));
            }
            output.extend(aggregate.calls.iter().map(|one| aggregate_text(one, &below, names)));
            if aggregate.sets.is_some() {
                output.push("grouping set".to_owned());
            }
            let title = match (aggregate.keys.is_empty(), &aggregate.sets) {
                (_, Some(_)) => "MixedAggregate",
                (true, None) => "Aggregate",
                (false, None) => "HashAggregate",
            };
            (title.to_owned(), output)
        }
        NodeKind::Window(window) => {
            let mut output = input_names(&window.input);
            if !window.partition_by.is_empty() {
                properties.push(("Partition By", texts(&window.partition_by, &output, names).join(", ")));
            }
            if !window.order_by.is_empty() {
                properties.push(("Order By", sort_text(&window.order_by, &output, names)));
            }
            let calls: Vec<_> =
                window.calls.iter().map(|one| names.call(&one.function.name, &one.args, &output)).collect();
            output.extend(calls);
            ("WindowAgg".to_owned(), output)
        }
        NodeKind::Sort { input, keys } | NodeKind::TopN { input, keys, .. } => {
            let output = input_names(input);
            properties.push(("Sort Key", sort_text(keys, &output, names)));
            let title = if matches!(node.kind, NodeKind::Sort { .. }) { "Sort" } else { "Top-N" };
            (title.to_owned(), output)
        }
        NodeKind::Limit { input, .. } => same("Limit", input),
        NodeKind::DistinctOn { input, .. } => same("Unique", input),
        NodeKind::LockRows(locks) => same("LockRows", &locks.input),
        NodeKind::Append { inputs } => {
            let output = inputs.first().map(input_names).unwrap_or_default();
            ("Append".to_owned(), output)
        }
        NodeKind::SetOperation { operation, all, left, .. } => {
            let name = match operation {
                SetOperation::Intersect => "HashSetOp Intersect",
                SetOperation::Except => "HashSetOp Except",
            };
            (format!("{name}{}", if *all { " All" } else { "" }), input_names(left))
        }
        NodeKind::SharedScan { index, name, columns } => {
            let output = columns.iter().map(|at| format!("{name}.{}", at + 1)).collect();
            properties.push(("Shared Plan", (index + 1).to_string()));
            (format!("CTE Scan on {name}"), output)
        }
        NodeKind::RecursiveUnion { initial, .. } => same("Recursive Union", initial),
        NodeKind::WorkingScan { .. } => ("WorkTable Scan".to_owned(), numbered("column", node)),
        NodeKind::Modify(modify) => {
            let what = match modify.kind {
                ModifyKind::Insert => "Insert",
                ModifyKind::Update => "Update",
                ModifyKind::Delete => "Delete",
                ModifyKind::Merge => "Merge",
            };
            let name = modify.target().map_or("?", |target| target.name.as_str());
            properties.extend(conflict(modify));
            (format!("{what} on {name}"), numbered("column", node))
        }
    };
    Description { title, output, properties }
}

/// Returns what is said of ON CONFLICT.
fn conflict(modify: &Modify) -> Vec<(&'static str, String)> {
    let (Some(conflict), Some(target)) = (&modify.conflict, modify.target()) else { return Vec::new() };
    let resolution = if conflict.update.is_some() { "UPDATE" } else { "NOTHING" };
    let mut said = vec![("Conflict Resolution", resolution.to_owned())];
    if let Some(arbiters) = &conflict.arbiters {
        let keys = target.keys.iter().map(|key| key.name.as_str());
        let all: Vec<&str> =
            keys.chain(target.exclusions.iter().map(|exclusion| exclusion.name.as_str())).collect();
        let names: Vec<&str> = arbiters.iter().filter_map(|at| all.get(*at).copied()).collect();
        said.push(("Conflict Arbiter Indexes", names.join(", ")));
    }
    said
}

fn scan_columns(scan: &Scan, names: &Naming<'_>) -> Vec<String> {
    scan.columns.iter().map(|at| names.column(scan.table, *at, &scan.name)).collect()
}

fn scan_output(scan: &Scan, columns: &[String]) -> Vec<String> {
    let mut output: Vec<String> = scan.projection.iter().filter_map(|at| columns.get(*at)).cloned().collect();
    if scan.row_id.is_some() {
        output.push("row id".to_owned());
    }
    output
}

fn scan_properties(
    scan: &Scan,
    columns: &[String],
    names: &Naming<'_>,
    properties: &mut Vec<(&'static str, String)>,
) {
    if !scan.filters.is_empty() {
        properties.push(("Filter", names.conjunction(&scan.filters, columns)));
    }
    if !scan.runtime_filters.is_empty() {
        let filters: Vec<_> = (scan.runtime_filters.iter())
            .map(|(number, at)| format!("{} in {number}", columns.get(*at).map_or("?", |name| name)))
            .collect();
        properties.push(("Runtime Filter", filters.join(", ")));
    }
}

fn index_title(index: &IndexScan) -> String {
    let kind = if index.only { "Index Only Scan" } else { "Index Scan" };
    match index.direction {
        Some(IndexDirection::Backward) => format!("{kind} Backward"),
        Some(IndexDirection::Forward) | None => kind.to_owned(),
    }
}

/// Returns the fields by which JSON names what a node reads: its type and the objects.
pub(super) fn json_fields(node: &PlanNode, title: &str) -> Vec<(&'static str, String)> {
    let relation = |name: &str| {
        let (relation, alias) = name.split_once(' ').unwrap_or((name, name));
        vec![("Relation Name", relation.to_owned()), ("Alias", alias.to_owned())]
    };
    match &node.kind {
        NodeKind::Scan(Scan { name, .. }) | NodeKind::VirtualScan { name, .. } => {
            let mut fields = vec![("Node Type", "Seq Scan".to_owned())];
            fields.extend(relation(name));
            fields
        }
        NodeKind::IndexScan(index) => {
            let direction = match index.direction {
                Some(IndexDirection::Backward) => "Backward",
                Some(IndexDirection::Forward) | None => "Forward",
            };
            let kind = if index.only { "Index Only Scan" } else { "Index Scan" };
            let mut fields = vec![
                ("Node Type", kind.to_owned()),
                ("Scan Direction", direction.to_owned()),
                ("Index Name", index.index_name.to_string()),
            ];
            fields.extend(relation(&index.scan.name));
            fields
        }
        _ => vec![("Node Type", title.to_owned())],
    }
}

fn numbered(prefix: &str, node: &PlanNode) -> Vec<String> {
    (1..=node.output.len()).map(|number| format!("{prefix}{number}")).collect()
}

fn texts(exprs: &[Expr], columns: &[String], names: &Naming<'_>) -> Vec<String> {
    exprs.iter().map(|expr| names.text(expr, columns)).collect()
}

fn aggregate_text(one: &AggregateCall, columns: &[String], names: &Naming<'_>) -> String {
    let args = if one.args.is_empty() { "*".to_owned() } else { texts(&one.args, columns, names).join(", ") };
    let distinct = if one.distinct { "DISTINCT " } else { "" };
    format!("{}({distinct}{args})", one.function.name)
}

fn sort_text(keys: &[SortKey], columns: &[String], names: &Naming<'_>) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|key| {
            let mut line = names.text(&key.expr, columns);
            if key.descending {
                line.push_str(" DESC");
            }
            if key.nulls_first != key.descending {
                line.push_str(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            }
            line
        })
        .collect();
    keys.join(", ")
}

fn hash_join(
    join: &HashJoin,
    names: &Naming<'_>,
    properties: &mut Vec<(&'static str, String)>,
) -> (String, Vec<String>) {
    let probe = node(&join.probe, names).output;
    let build = node(&join.build, names).output;
    let keys: Vec<String> = join
        .keys
        .iter()
        .map(|key| {
            let operator = if key.nulls_equal { "IS NOT DISTINCT FROM" } else { "=" };
            format!("({} {operator} {})", names.text(&key.probe, &probe), names.text(&key.build, &build))
        })
        .collect();
    properties.push(("Hash Cond", keys.join(" AND ")));
    let mut candidates = probe;
    candidates.extend(build);
    if let Some(residual) = &join.residual {
        properties.push(("Join Filter", names.text(residual, &candidates)));
    }
    if !join.runtime_filters.is_empty() {
        let filters: Vec<_> = join.runtime_filters.iter().map(|(number, _)| number.to_string()).collect();
        properties.push(("Publishes", filters.join(", ")));
    }
    candidates.push("mark".to_owned());
    let output = join.projection.iter().filter_map(|at| candidates.get(*at)).cloned().collect();
    (join_title("Hash", join.kind), output)
}

/// The parts of a nested loop.
struct Loop<'a> {
    kind: JoinKind,
    outer: &'a PlanNode,
    inner: &'a PlanNode,
    condition: Option<&'a Expr>,
    projection: &'a [usize],
}

fn nested_loop(
    join: &Loop<'_>,
    names: &Naming<'_>,
    properties: &mut Vec<(&'static str, String)>,
) -> (String, Vec<String>) {
    let mut candidates = node(join.outer, names).output;
    candidates.extend(node(join.inner, names).output);
    if let Some(condition) = join.condition {
        properties.push(("Join Filter", names.text(condition, &candidates)));
    }
    candidates.push("mark".to_owned());
    let output = join.projection.iter().filter_map(|at| candidates.get(*at)).cloned().collect();
    (join_title("Nested Loop", join.kind), output)
}

fn join_title(prefix: &str, kind: JoinKind) -> String {
    let kind = match kind {
        JoinKind::Inner if prefix == "Hash" => return "Hash Join".to_owned(),
        JoinKind::Inner => return prefix.to_owned(),
        JoinKind::ProbeOuter => "Left",
        JoinKind::BuildOuter => "Right",
        JoinKind::FullOuter => "Full",
        JoinKind::ProbeSemi => "Semi",
        JoinKind::ProbeAnti => "Anti",
        JoinKind::BuildSemi => "Right Semi",
        JoinKind::BuildAnti => "Right Anti",
        JoinKind::ProbeMark => "Mark",
        JoinKind::ProbeSingle => "Single",
    };
    format!("{prefix} {kind} Join")
}
