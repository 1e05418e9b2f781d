//! Function calls: candidates by name (`FuncnameGetCandidates`), the choice among them (`func_get_detail`) and the call
//! (`ParseFuncOrColumn`).

use ecow::EcoString;
use executor::expr::{Expr, ExprKind, FunctionRef, Volatility};
use pg_query::NodeEnum;
use pg_query::protobuf::FuncCall;
use types::oids;
use types::{Datum, Oid, PgError, Result, SqlState, TypeRef};

use super::candidates::{Candidate, matching, select};
use super::coerce::{Pathway, array_type, category, pathway, plain};
use super::operators::Operand;
use super::raw;
use super::state::{Analyzer, Clause, Location, at, error};
use crate::catalog::builtin::{CastContext, Function, FunctionKind, builtin};
use crate::catalog::type_names::type_name;

/// A function of ours, in a schema that is not there as such.
const VERIFY: [&str; 2] = ["surus", "verify"];
const MEMORY: [&str; 2] = ["surus", "memory"];

/// The arguments of a call as written.
pub(super) struct Arguments {
    /// Values.
    pub(super) operands: Vec<Operand>,
    /// Names of the last ones.
    pub(super) names: Vec<EcoString>,
    /// The last is VARIADIC.
    pub(super) variadic: bool,
}

impl Arguments {
    pub(super) fn types(&self) -> Vec<Oid> {
        self.operands.iter().map(|(expr, _)| expr.ty.oid).collect()
    }
}

/// What a name and argument types resolve to.
pub(super) enum Resolved {
    /// A function.
    Function(&'static Function, Candidate),
    /// A type name: the call is a cast.
    Cast(Oid),
}

impl Analyzer<'_> {
    /// Analyzes a function call.
    pub(super) fn func_call(&mut self, call: &FuncCall) -> Result<Expr> {
        let location = at(call.location);
        let mentions_before: Vec<usize> = self.levels.iter().map(|level| level.mentions.len()).collect();
        if call.over.is_some() {
            self.level().window_depth += 1;
        }
        self.level().aggregate_depth += 1;
        let arguments = self.arguments(call);
        self.level().aggregate_depth -= 1;
        if call.over.is_some() {
            self.level().window_depth -= 1;
        }
        let arguments = arguments?;
        let filter = match raw::inner(&call.agg_filter) {
            None => None,
            Some(node) => Some(self.within(Clause::Filter, |analyzer| {
                let condition = analyzer.expr(node)?;
                analyzer.coerce_to_boolean(condition, "FILTER", raw::location(node))
            })?),
        };
        let names = raw::strings(&call.funcname);
        if (names == VERIFY || names == MEMORY)
            && arguments.operands.is_empty()
            && self.context.catalog.schema_oid(VERIFY[0]).is_none()
        {
            refuse_aggregate_syntax(call, &names, location)?;
            return if names == VERIFY { self.verify_call(location) } else { Ok(memory_call()) };
        }
        match self.resolve_function(&names, &arguments, location)? {
            Resolved::Cast(target) => {
                let Some((expr, at)) = arguments.operands.into_iter().next() else {
                    return Err(PgError::internal("a cast call without argument"));
                };
                self.coerce(expr, target, -1, CastContext::Explicit, at)
            }
            Resolved::Function(function, candidate) => match function.kind {
                FunctionKind::Aggregate if call.over.is_none() => {
                    self.aggregate(call, function, &candidate, arguments, filter, &mentions_before)
                }
                FunctionKind::Window if call.over.is_none() => {
                    let message = format!("window function {} requires an OVER clause", function.name);
                    Err(error(SqlState::WRONG_OBJECT_TYPE, message, location))
                }
                FunctionKind::Aggregate | FunctionKind::Window => {
                    self.window_call(call, function, &candidate, arguments, filter)
                }
                FunctionKind::Function => {
                    refuse_aggregate_syntax(call, &names, location)?;
                    self.plain_call(function, &candidate, arguments, location)
                }
                FunctionKind::Procedure => {
                    let message = format!("{} is a procedure", self.signature(&names, &arguments));
                    Err(error(SqlState::WRONG_OBJECT_TYPE, message, location)
                        .with_hint("To call a procedure, use CALL."))
                }
            },
        }
    }

    fn arguments(&mut self, call: &FuncCall) -> Result<Arguments> {
        let mut arguments =
            Arguments { operands: Vec::new(), names: Vec::new(), variadic: call.func_variadic };
        for node in call.args.iter().filter_map(|arg| arg.node.as_ref()) {
            let (node, name) = match node {
                NodeEnum::NamedArgExpr(named) => {
                    (raw::inner(&named.arg), Some(EcoString::from(named.name.as_str())))
                }
                node => (Some(node), None),
            };
            let Some(node) = node else { continue };
            let location = raw::location(node);
            if let Some(name) = name {
                if arguments.names.contains(&name) {
                    let message = format!("argument name \"{name}\" used more than once");
                    return Err(error(SqlState::SYNTAX_ERROR, message, location));
                }
                arguments.names.push(name);
            } else if !arguments.names.is_empty() {
                let message = "positional argument cannot follow named argument";
                return Err(error(SqlState::SYNTAX_ERROR, message, location));
            }
            let value = self.expr(node)?;
            arguments.operands.push((value, location));
        }
        if call.agg_within_group {
            for node in &call.agg_order {
                if let Some(NodeEnum::SortBy(sort)) = &node.node
                    && let Some(node) = raw::inner(&sort.node)
                {
                    let value = self.expr(node)?;
                    arguments.operands.push((value, raw::location(node)));
                }
            }
        }
        Ok(arguments)
    }

    /// Finds what a call means.
    pub(super) fn resolve_function(
        &self,
        names: &[&str],
        arguments: &Arguments,
        location: Location,
    ) -> Result<Resolved> {
        let actual = arguments.types();
        let candidates = self.candidates(names, arguments, location)?;
        let exact = candidates.iter().find(|candidate| candidate.args == actual).cloned();
        let ambiguous;
        let chosen = match exact {
            Some(exact) => {
                ambiguous = false;
                Some(exact)
            }
            None => {
                if let Some(target) = self.cast_call_target(names, arguments) {
                    return Ok(Resolved::Cast(target));
                }
                let mut fitting = matching(&actual, candidates);
                ambiguous = fitting.len() > 1;
                if ambiguous { select(&actual, fitting) } else { fitting.pop() }
            }
        };
        if let Some(candidate) = chosen
            && let Some(function) = builtin().function(candidate.oid)
        {
            return Ok(Resolved::Function(function, candidate));
        }
        let signature = self.signature(names, arguments);
        Err(if ambiguous {
            error(SqlState::AMBIGUOUS_FUNCTION, format!("function {signature} is not unique"), location)
                .with_hint(
                    "Could not choose a best candidate function. You might need to add explicit type casts.",
                )
        } else {
            error(SqlState::UNDEFINED_FUNCTION, format!("function {signature} does not exist"), location).with_hint(
                "No function matches the given name and argument types. You might need to add explicit type casts.",
            )
        })
    }

    /// `type_name(value)`: a cast, when there is no function and a trivial or I/O conversion.
    fn cast_call_target(&self, names: &[&str], arguments: &Arguments) -> Option<Oid> {
        let [(arg, _)] = arguments.operands.as_slice() else { return None };
        if !arguments.names.is_empty() {
            return None;
        }
        let ty = match names {
            [name] => self.context.catalog.find_type(self.context.search_path, name)?,
            [schema, name] => builtin().type_by_name(self.context.catalog.schema_oid(schema)?, name)?,
            _ => return None,
        };
        let allowed = arg.ty.oid == oids::UNKNOWN
            || match pathway(ty.oid, arg.ty.oid, CastContext::Explicit) {
                Some(Pathway::Relabel) => true,
                Some(Pathway::Io) => arg.ty.oid != oids::RECORD || category(ty.oid).0 != 'S',
                Some(Pathway::Function(_) | Pathway::ArrayElements) | None => false,
            };
        allowed.then_some(ty.oid)
    }

    /// `name(type, name => type)` for messages.
    fn signature(&self, names: &[&str], arguments: &Arguments) -> String {
        let first_named = arguments.operands.len() - arguments.names.len();
        let shown: Vec<String> = arguments
            .types()
            .iter()
            .enumerate()
            .map(|(index, ty)| {
                match index.checked_sub(first_named).and_then(|index| arguments.names.get(index)) {
                    Some(name) => format!("{name} => {}", type_name(*ty)),
                    None => type_name(*ty),
                }
            })
            .collect();
        format!("{}({})", names.join("."), shown.join(", "))
    }

    /// Lists the functions that take this number of arguments and these names.
    fn candidates(
        &self,
        names: &[&str],
        arguments: &Arguments,
        location: Location,
    ) -> Result<Vec<Candidate>> {
        let (namespaces, name) = match names {
            [name] => (self.context.catalog.search_schemas(self.context.search_path), *name),
            [schema, name] | [_, schema, name] => match self.context.catalog.schema_oid(schema) {
                Some(oid) => (vec![oid], *name),
                None => {
                    let message = format!("schema \"{schema}\" does not exist");
                    return Err(error(SqlState::INVALID_SCHEMA_NAME, message, location));
                }
            },
            _ => return Err(PgError::internal("a function call without a name")),
        };
        let mut found: Vec<Candidate> = Vec::new();
        for function in builtin().functions_by_name(name) {
            if !namespaces.contains(&function.namespace) {
                continue;
            }
            if let Some(candidate) = candidate(function, arguments) {
                // Of two that take the same types the one without expansion and with fewer defaults is kept.
                let rank = |candidate: &Candidate| (candidate.variadic_count > 0, candidate.default_count);
                match found.iter_mut().find(|known| known.args == candidate.args) {
                    Some(known) if rank(&candidate) < rank(known) => *known = candidate,
                    Some(_) => {}
                    None => found.push(candidate),
                }
            }
        }
        Ok(found)
    }

    fn plain_call(
        &mut self,
        function: &'static Function,
        candidate: &Candidate,
        arguments: Arguments,
        location: Location,
    ) -> Result<Expr> {
        let spread = arguments.variadic && function.variadic == oids::ANY;
        let (args, result) = self.call_args(function, candidate, arguments, location)?;
        let mut reference = function.reference(function.name.clone());
        if spread {
            // One array stands for the arguments: a body of its own takes it apart.
            if args.last().is_none_or(|last| super::coerce::element_type(last.ty.oid) == 0) {
                let message = "VARIADIC argument must be an array";
                return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
            }
            reference.prosrc = format!("{}_variadic", reference.prosrc).into();
        }
        let call = self.call(reference, args, result);
        if function.returns_set { self.set_call(call, location) } else { Ok(call) }
    }

    /// Makes a call one that returns a set, where that is allowed.
    fn set_call(&mut self, mut call: Expr, location: Location) -> Result<Expr> {
        let clause = self.level().clause;
        if let Some(place) = clause.set_refusal() {
            let message = format!("set-returning functions are not allowed in {place}");
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
        }
        let calls = &mut self.level().set_calls;
        *calls = (calls.0 + 1, location);
        if let ExprKind::Call { function, args, input_collation } = call.kind {
            call.kind = ExprKind::SetCall { function, args, input_collation };
        }
        Ok(call)
    }

    /// `surus.verify()`, which PostgreSQL's catalog does not have: a text for every stored thing that contradicts another.
    fn verify_call(&mut self, location: Location) -> Result<Expr> {
        self.set_call(own_call("surus_verify", "verify", oids::TEXT), location)
    }

    /// Converts, reorders and completes the arguments; returns them with the result type.
    pub(super) fn call_args(
        &mut self,
        function: &'static Function,
        candidate: &Candidate,
        arguments: Arguments,
        location: Location,
    ) -> Result<(Vec<Expr>, Oid)> {
        let count = arguments.operands.len();
        let variadic_written = arguments.variadic;
        let mut operands = self.placed(function, candidate, arguments)?;
        let mut actual: Vec<Oid> = operands.iter().map(|(expr, _)| expr.ty.oid).collect();
        let mut declared: Vec<Oid> = if candidate.variadic_count > 0 || variadic_written {
            candidate.args.iter().copied().take(operands.len()).collect()
        } else {
            function.args.clone()
        };
        declared.resize(operands.len(), oids::ANY);
        actual.truncate(operands.len());
        let mut enforced = declared.clone();
        let mut result = super::polymorphic::enforce(&actual, &mut enforced, function.result, location)?;
        if candidate.variadic_count > 0 && super::coerce::is_polymorphic(function.result) {
            result = super::polymorphic::enforce(&actual, &mut declared, function.result, location)?;
        }
        let variadic_start = operands.len().saturating_sub(candidate.variadic_count);
        let packed_type = enforced.last().copied().unwrap_or(0);
        let is_any = function.variadic == oids::ANY;
        let mut args = self.coerce_operands(std::mem::take(&mut operands), &enforced)?;
        if is_any {
            args = args.into_iter().map(known_type).collect();
        }
        if candidate.variadic_count > 0 && !is_any && count > 0 {
            let elements = args.split_off(variadic_start);
            let array = array_type(packed_type);
            if array == 0 {
                let message = format!("could not find array type for data type {}", type_name(packed_type));
                return Err(error(SqlState::UNDEFINED_OBJECT, message, location));
            }
            let kind = ExprKind::Array { elements, element_type: packed_type };
            args.push(Expr { kind, ty: plain(array) });
        }
        Ok((args, result))
    }

    /// Puts named arguments in their places and fills in defaults.
    fn placed(
        &self,
        function: &Function,
        candidate: &Candidate,
        arguments: Arguments,
    ) -> Result<Vec<Operand>> {
        if candidate.default_count == 0 && candidate.positions.is_none() {
            return Ok(arguments.operands);
        }
        let mut slots: Vec<Option<Operand>> = vec![None; function.args.len()];
        for (index, operand) in arguments.operands.into_iter().enumerate() {
            let position =
                candidate.positions.as_ref().and_then(|places| places.get(index)).copied().unwrap_or(index);
            if let Some(slot) = slots.get_mut(position) {
                *slot = Some(operand);
            }
        }
        if slots.iter().all(Option::is_some) {
            return Ok(slots.into_iter().flatten().collect());
        }
        let defaults = super::expression_list(self.context, &function.defaults)?;
        let first_default = function.args.len() - function.default_count.min(function.args.len());
        for (index, slot) in slots.iter_mut().enumerate() {
            if slot.is_none() {
                let default = index.checked_sub(first_default).and_then(|index| defaults.get(index));
                *slot = default.map(|default| (default.clone(), None));
            }
        }
        Ok(slots.into_iter().flatten().collect())
    }
}

/// A literal that stays of unknown type becomes text.
pub(super) fn known_type(expr: Expr) -> Expr {
    match expr.kind {
        ExprKind::Const(Datum::Text(_)) if expr.ty.oid == oids::UNKNOWN => {
            Expr { ty: TypeRef::plain(oids::TEXT), ..expr }
        }
        _ => expr,
    }
}

/// Returns the function as a candidate if it takes these arguments.
fn candidate(function: &Function, arguments: &Arguments) -> Option<Candidate> {
    let count = arguments.operands.len();
    let mut candidate = Candidate {
        oid: function.oid,
        args: Vec::new(),
        positions: None,
        variadic_count: 0,
        default_count: 0,
    };
    if !arguments.names.is_empty() {
        return named_candidate(function, arguments, candidate);
    }
    let expands = function.variadic != 0 && !arguments.variadic;
    if arguments.variadic && function.variadic == 0 {
        return None;
    }
    if expands && count >= function.args.len() {
        candidate.args = function.args[..function.args.len() - 1].to_vec();
        candidate.variadic_count = count + 1 - function.args.len();
        candidate.args.resize(count, function.variadic);
        return Some(candidate);
    }
    if count > function.args.len() || count + function.default_count < function.args.len() {
        return None;
    }
    candidate.default_count = function.args.len() - count;
    candidate.args = function.args[..count].to_vec();
    Some(candidate)
}

/// Named notation (`MatchNamedCall`).
fn named_candidate(
    function: &Function,
    arguments: &Arguments,
    mut candidate: Candidate,
) -> Option<Candidate> {
    let inputs = function.input_names();
    let count = arguments.operands.len();
    if inputs.is_empty() || count > function.args.len() || function.variadic != 0 {
        return None;
    }
    let positional = count - arguments.names.len();
    let mut positions: Vec<usize> = (0..positional).collect();
    for name in &arguments.names {
        let position = inputs.iter().position(|input| input == name)?;
        if positions.contains(&position) {
            return None;
        }
        positions.push(position);
    }
    let first_default = function.args.len() - function.default_count;
    if (0..function.args.len()).any(|index| !positions.contains(&index) && index < first_default) {
        return None;
    }
    candidate.args = positions.iter().filter_map(|position| function.args.get(*position).copied()).collect();
    candidate.default_count = function.args.len() - count;
    candidate.positions = Some(positions);
    Some(candidate)
}

/// Refuses `*`, DISTINCT, ORDER BY, FILTER, WITHIN GROUP and OVER for a plain function.
fn refuse_aggregate_syntax(call: &FuncCall, names: &[&str], location: Location) -> Result<()> {
    let name = names.join(".");
    let refused = if call.agg_star {
        format!("{name}(*) specified, but {name} is not an aggregate function")
    } else if call.agg_distinct {
        format!("DISTINCT specified, but {name} is not an aggregate function")
    } else if call.agg_within_group {
        format!("WITHIN GROUP specified, but {name} is not an aggregate function")
    } else if !call.agg_order.is_empty() {
        format!("ORDER BY specified, but {name} is not an aggregate function")
    } else if call.agg_filter.is_some() {
        format!("FILTER specified, but {name} is not an aggregate function")
    } else if call.over.is_some() {
        format!("OVER specified, but {name} is not a window function nor an aggregate function")
    } else {
        return Ok(());
    };
    Err(error(SqlState::WRONG_OBJECT_TYPE, refused, location))
}

/// `surus.memory()`, which PostgreSQL's catalog does not have either: what is in the server's memory, as JSON.
fn memory_call() -> Expr {
    own_call("surus_memory", "memory", oids::JSON)
}

/// Returns the call of a function without arguments that PostgreSQL does not have.
fn own_call(prosrc: &str, name: &str, result: Oid) -> Expr {
    let (strict, volatility) = (false, Volatility::Volatile);
    let function = FunctionRef { oid: 0, prosrc: prosrc.into(), name: name.into(), strict, volatility };
    let kind = ExprKind::Call { function, args: Vec::new(), input_collation: 0 };
    Expr { kind, ty: plain(result) }
}
