//! Small questions to the grammar's trees: strings in lists, locations, result column names.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, a_const};

use super::state::{Location, at};

/// Returns the strings of a list of `String` nodes.
pub(super) fn strings(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().filter_map(string).collect()
}

/// Returns the text of a `String` node.
pub(super) fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(text)) => Some(text.sval.as_str()),
        _ => None,
    }
}

/// Returns the node inside.
pub(super) fn inner(node: &Option<Box<Node>>) -> Option<&NodeEnum> {
    node.as_deref().and_then(|node| node.node.as_ref())
}

/// Returns the leftmost location of an expression (`exprLocation`).
pub(super) fn location(node: &NodeEnum) -> Location {
    at(raw_location(node))
}

/// Returns the leftmost location of a list of expressions.
pub(super) fn list_location(nodes: &[Node]) -> Location {
    nodes
        .iter()
        .filter_map(|node| node.node.as_ref())
        .map(raw_location)
        .find(|location| *location >= 0)
        .and_then(at)
}

fn leftmost(left: i32, right: i32) -> i32 {
    match (left, right) {
        (left, right) if left < 0 => right,
        (left, right) if right < 0 => left,
        (left, right) => left.min(right),
    }
}

fn child(node: &Option<Box<Node>>) -> i32 {
    inner(node).map_or(-1, raw_location)
}

fn raw_location(node: &NodeEnum) -> i32 {
    match node {
        NodeEnum::AExpr(expr) => leftmost(expr.location, child(&expr.lexpr)),
        NodeEnum::BoolExpr(expr) => leftmost(
            expr.location,
            expr.args.first().and_then(|arg| arg.node.as_ref()).map_or(-1, raw_location),
        ),
        NodeEnum::ColumnRef(expr) => expr.location,
        NodeEnum::ParamRef(expr) => expr.location,
        NodeEnum::AConst(expr) => expr.location,
        NodeEnum::FuncCall(expr) => {
            let first = expr.args.first().and_then(|arg| arg.node.as_ref()).map_or(-1, raw_location);
            leftmost(expr.location, first)
        }
        NodeEnum::AArrayExpr(expr) => expr.location,
        NodeEnum::ResTarget(target) => target.location,
        NodeEnum::TypeCast(cast) => {
            let ty = cast.type_name.as_ref().map_or(-1, |name| name.location);
            leftmost(cast.location, leftmost(ty, child(&cast.arg)))
        }
        NodeEnum::CollateClause(expr) => child(&expr.arg),
        NodeEnum::SortBy(expr) => child(&expr.node),
        NodeEnum::SubLink(expr) => leftmost(expr.location, child(&expr.testexpr)),
        NodeEnum::CaseExpr(expr) => expr.location,
        NodeEnum::CoalesceExpr(expr) => expr.location,
        NodeEnum::MinMaxExpr(expr) => expr.location,
        NodeEnum::RowExpr(expr) => expr.location,
        NodeEnum::NullTest(expr) => leftmost(expr.location, child(&expr.arg)),
        NodeEnum::BooleanTest(expr) => leftmost(expr.location, child(&expr.arg)),
        NodeEnum::SqlvalueFunction(expr) => expr.location,
        NodeEnum::XmlExpr(expr) => expr.location,
        NodeEnum::GroupingFunc(expr) => expr.location,
        NodeEnum::NamedArgExpr(expr) => leftmost(expr.location, child(&expr.arg)),
        NodeEnum::AIndirection(expr) => child(&expr.arg),
        NodeEnum::GroupingSet(set) => set.location,
        NodeEnum::SetToDefault(expr) => expr.location,
        NodeEnum::MergeSupportFunc(expr) => expr.location,
        NodeEnum::RangeVar(range) => range.location,
        NodeEnum::WindowDef(window) => window.location,
        NodeEnum::List(list) => list
            .items
            .iter()
            .filter_map(|item| item.node.as_ref())
            .map(raw_location)
            .find(|item| *item >= 0)
            .unwrap_or(-1),
        _ => -1,
    }
}

/// Returns the name of an unnamed result column (`FigureColname`).
pub(super) fn column_name(node: &NodeEnum) -> String {
    figure(node).map_or_else(|| "?column?".to_string(), |(name, _)| name)
}

/// Returns a name and how good it is: 2 for a name that was written, 1 for one made from the kind of expression.
fn figure(node: &NodeEnum) -> Option<(String, u8)> {
    let fixed = |name: &str| Some((name.to_string(), 2));
    match node {
        NodeEnum::ColumnRef(reference) => reference.fields.iter().rev().find_map(string).and_then(fixed),
        NodeEnum::AIndirection(indirection) => indirection
            .indirection
            .iter()
            .rev()
            .find_map(string)
            .and_then(fixed)
            .or_else(|| inner(&indirection.arg).and_then(figure)),
        NodeEnum::FuncCall(call) => call.funcname.last().and_then(string).and_then(fixed),
        NodeEnum::AExpr(expr) if expr.kind == pg_query::protobuf::AExprKind::AexprNullif as i32 => {
            fixed("nullif")
        }
        NodeEnum::TypeCast(cast) => {
            let inside = inner(&cast.arg).and_then(figure);
            match inside {
                Some((name, 2)) => Some((name, 2)),
                weak => {
                    let ty = cast.type_name.as_ref().and_then(|name| name.names.last()).and_then(string);
                    ty.map(|name| (name.to_string(), 1)).or(weak)
                }
            }
        }
        NodeEnum::CollateClause(collate) => inner(&collate.arg).and_then(figure),
        NodeEnum::GroupingFunc(_) => fixed("grouping"),
        NodeEnum::MergeSupportFunc(_) => fixed("merge_action"),
        NodeEnum::SubLink(link) => sublink_name(link),
        NodeEnum::CaseExpr(case) => match inner(&case.defresult).and_then(figure) {
            Some((name, 2)) => Some((name, 2)),
            _ => Some(("case".into(), 1)),
        },
        NodeEnum::AArrayExpr(_) => fixed("array"),
        NodeEnum::RowExpr(_) => fixed("row"),
        NodeEnum::CoalesceExpr(_) => fixed("coalesce"),
        NodeEnum::MinMaxExpr(expr) => fixed(if expr.op == pg_query::protobuf::MinMaxOp::IsGreatest as i32 {
            "greatest"
        } else {
            "least"
        }),
        NodeEnum::JsonParseExpr(_) => fixed("json"),
        NodeEnum::JsonScalarExpr(_) => fixed("json_scalar"),
        NodeEnum::JsonSerializeExpr(_) => fixed("json_serialize"),
        NodeEnum::JsonObjectConstructor(_) => fixed("json_object"),
        NodeEnum::JsonArrayConstructor(_) | NodeEnum::JsonArrayQueryConstructor(_) => fixed("json_array"),
        NodeEnum::JsonObjectAgg(_) => fixed("json_objectagg"),
        NodeEnum::JsonArrayAgg(_) => fixed("json_arrayagg"),
        NodeEnum::JsonFuncExpr(call) => match pg_query::protobuf::JsonExprOp::try_from(call.op) {
            Ok(pg_query::protobuf::JsonExprOp::JsonExistsOp) => fixed("json_exists"),
            Ok(pg_query::protobuf::JsonExprOp::JsonQueryOp) => fixed("json_query"),
            Ok(pg_query::protobuf::JsonExprOp::JsonValueOp) => fixed("json_value"),
            Ok(_) | Err(_) => None,
        },
        NodeEnum::SqlvalueFunction(function) => fixed(super::special::value_function_name(function.op)),
        _ => None,
    }
}

fn sublink_name(link: &pg_query::protobuf::SubLink) -> Option<(String, u8)> {
    use pg_query::protobuf::SubLinkType;
    match SubLinkType::try_from(link.sub_link_type).ok()? {
        SubLinkType::ExistsSublink => Some(("exists".into(), 2)),
        SubLinkType::ArraySublink => Some(("array".into(), 2)),
        SubLinkType::ExprSublink => {
            let Some(NodeEnum::SelectStmt(select)) = inner(&link.subselect) else { return None };
            let mut leftmost = select.as_ref();
            while let Some(left) = &leftmost.larg {
                leftmost = left;
            }
            match leftmost.target_list.first().and_then(|target| target.node.as_ref()) {
                Some(NodeEnum::ResTarget(target)) if !target.name.is_empty() => {
                    Some((target.name.clone(), 2))
                }
                Some(NodeEnum::ResTarget(target)) => inner(&target.val).map(|value| (column_name(value), 2)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Returns the integer of a constant.
pub(super) fn integer(node: &NodeEnum) -> Option<i32> {
    match node {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            a_const::Val::Ival(value) => Some(value.ival),
            _ => None,
        },
        _ => None,
    }
}
