//! Raw expressions to typed ones: the dispatch (`transformExprRecurse`) and the simple kinds.

use executor::expr::{BoolTest, Expr, ExprKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, BoolExprType, BoolTestType, CaseExpr, NullTestType, ParamRef, TypeCast, a_const,
};
use types::oids;
use types::{Datum, PgError, Result, SqlState, TypeRef};

use super::coerce::{common_type, common_typmod, element_type, plain};
use super::raw;
use super::state::{Analyzer, Clause, Location, at, error, unsupported};
use crate::catalog::builtin::{CastContext, builtin};
use crate::catalog::type_names::type_name;

/// Stack that must be left before one more level of an expression is analyzed.
const RED_ZONE_BYTES: usize = 256 * 1024;
/// Stack that is added when it is not.
const GROWTH_BYTES: usize = 8 * 1024 * 1024;

impl Analyzer<'_> {
    /// Analyzes an expression.
    pub(super) fn expr(&mut self, node: &NodeEnum) -> Result<Expr> {
        stacker::maybe_grow(RED_ZONE_BYTES, GROWTH_BYTES, || self.expr_here(node))
    }

    /// Analyzes a child that the grammar always sets.
    pub(super) fn child(&mut self, node: &Option<Box<pg_query::protobuf::Node>>) -> Result<Expr> {
        let node = raw::inner(node).ok_or_else(|| PgError::internal("an expression without its operand"))?;
        self.expr(node)
    }

    /// Analyzes a child and tells where it stands.
    pub(super) fn operand(
        &mut self,
        node: &Option<Box<pg_query::protobuf::Node>>,
    ) -> Result<(Expr, Location)> {
        let location = raw::inner(node).and_then(raw::location);
        Ok((self.child(node)?, location))
    }

    /// Analyzes an expression in a clause and makes it boolean.
    pub(super) fn condition(&mut self, node: &NodeEnum, clause: Clause) -> Result<Expr> {
        self.within(clause, |analyzer| {
            let expr = analyzer.expr(node)?;
            analyzer.coerce_to_boolean(expr, clause.name(), raw::location(node))
        })
    }

    /// A literal or parameter that nothing gave a type becomes text.
    pub(super) fn resolved(&mut self, expr: Expr, location: Location) -> Result<Expr> {
        if expr.ty.oid == oids::UNKNOWN {
            return self.coerce(expr, oids::TEXT, -1, CastContext::Implicit, location);
        }
        Ok(expr)
    }

    fn expr_here(&mut self, node: &NodeEnum) -> Result<Expr> {
        match node {
            NodeEnum::ColumnRef(reference) => self.column_ref(reference),
            NodeEnum::ParamRef(param) => self.param(param),
            NodeEnum::AConst(constant) => self.constant(constant),
            NodeEnum::AIndirection(indirection) => self.indirection(indirection),
            NodeEnum::AArrayExpr(array) => self.array(array, None),
            NodeEnum::TypeCast(cast) => self.type_cast(cast),
            NodeEnum::CollateClause(collate) => self.collate(collate),
            NodeEnum::AExpr(expr) => self.a_expr(expr),
            NodeEnum::BoolExpr(expr) => self.bool_expr(expr),
            NodeEnum::FuncCall(call) => self.func_call(call),
            NodeEnum::GroupingFunc(call) => self.grouping_func(call),
            NodeEnum::SubLink(link) => self.sublink(link),
            NodeEnum::CaseExpr(case) => self.case(case),
            NodeEnum::RowExpr(row) => {
                let items = self.exprs(&row.args)?;
                let items =
                    items.into_iter().map(|(expr, at)| self.resolved(expr, at)).collect::<Result<_>>()?;
                Ok(Expr { kind: ExprKind::Row(items, Vec::new()), ty: plain(oids::RECORD) })
            }
            NodeEnum::CoalesceExpr(coalesce) => {
                let before = self.level().set_calls.0;
                let items = self.exprs(&coalesce.args)?;
                let (items, ty) = self.to_common(items, "COALESCE")?;
                self.refuse_sets_since(before, "COALESCE")?;
                Ok(Expr { kind: ExprKind::Coalesce(items), ty })
            }
            NodeEnum::MinMaxExpr(expr) => {
                let greatest = expr.op == pg_query::protobuf::MinMaxOp::IsGreatest as i32;
                let items = self.exprs(&expr.args)?;
                let (args, ty) = self.to_common(items, if greatest { "GREATEST" } else { "LEAST" })?;
                self.require_comparison(ty.oid, at(expr.location))?;
                Ok(Expr { kind: ExprKind::MinMax { args, greatest }, ty })
            }
            NodeEnum::NullTest(test) => {
                let (arg, location) = self.operand(&test.arg)?;
                // A parameter whose type nothing before has told stays open, and is refused in the end.
                let arg = match arg.kind {
                    ExprKind::Param(number) if arg.ty.oid == oids::UNKNOWN => {
                        self.open_params.push((number, location));
                        arg
                    }
                    _ => self.resolved(arg, location)?,
                };
                let negated = test.nulltesttype == NullTestType::IsNotNull as i32;
                Ok(Expr { kind: ExprKind::IsNull { arg: Box::new(arg), negated }, ty: plain(oids::BOOL) })
            }
            NodeEnum::BooleanTest(test) => self.boolean_test(test),
            NodeEnum::SqlvalueFunction(function) => self.value_function(function),
            NodeEnum::SetToDefault(default) => Err(error(
                SqlState::SYNTAX_ERROR,
                "DEFAULT is not allowed in this context",
                at(default.location),
            )),
            NodeEnum::CurrentOfExpr(_) => Err(PgError::not_supported("WHERE CURRENT OF")),
            NodeEnum::XmlExpr(expr) => Err(unsupported("XML expressions", at(expr.location))),
            NodeEnum::XmlSerialize(expr) => Err(unsupported("XMLSERIALIZE", at(expr.location))),
            NodeEnum::NamedArgExpr(expr) => self.child(&expr.arg),
            NodeEnum::List(list) => {
                let items = self.exprs(&list.items)?.into_iter().map(|(expr, _)| expr).collect();
                Ok(Expr { kind: ExprKind::Row(items, Vec::new()), ty: plain(oids::RECORD) })
            }
            NodeEnum::MergeSupportFunc(function) => self.merge_support(function.location),
            node => match self.json_expr(node)? {
                Some(expr) => Ok(expr),
                None => Err(PgError::not_supported("this kind of expression")),
            },
        }
    }

    /// Analyzes a list; `relation.*` among the items is expanded.
    pub(super) fn exprs(&mut self, nodes: &[pg_query::protobuf::Node]) -> Result<Vec<(Expr, Location)>> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes.iter().filter_map(|node| node.node.as_ref()) {
            if let NodeEnum::ColumnRef(reference) = node
                && let Some(NodeEnum::AStar(_)) =
                    reference.fields.last().and_then(|field| field.node.as_ref())
            {
                let location = at(reference.location);
                let expanded = self.expand_star(reference)?;
                items.extend(expanded.into_iter().map(|(_, expr, _)| (expr, location)));
                continue;
            }
            items.push((self.expr(node)?, raw::location(node)));
        }
        Ok(items)
    }

    /// Converts items to their common type.
    pub(super) fn to_common(
        &mut self,
        items: Vec<(Expr, Location)>,
        construct: &str,
    ) -> Result<(Vec<Expr>, TypeRef)> {
        let listed: Vec<_> = items.iter().map(|(expr, at)| (expr.ty.oid, *at)).collect();
        let target = common_type(&listed, Some(construct))?.unwrap_or(oids::TEXT);
        let mut converted = Vec::with_capacity(items.len());
        for (expr, at) in items {
            converted.push(self.coerce_to_common(expr, target, construct, at)?);
        }
        let ty = self.united_type(&converted, target);
        Ok((converted, ty))
    }

    /// Returns the type, modifier and collation of a construct over items of one type.
    pub(super) fn united_type(&self, items: &[Expr], target: types::Oid) -> TypeRef {
        let typmod = common_typmod(&items.iter().collect::<Vec<_>>(), target);
        let mut ty = plain(target).with_typmod(typmod);
        let collation = super::operators::merged_collation(items.iter());
        if ty.collation != 0 && collation != 0 {
            ty.collation = collation;
        }
        ty
    }

    fn param(&mut self, param: &ParamRef) -> Result<Expr> {
        let location = at(param.location);
        let number = u32::try_from(param.number).unwrap_or(0);
        if number == 0 || number > 65_535 || self.view_depth > 0 {
            let message = format!("there is no parameter ${}", param.number);
            return Err(error(SqlState::UNDEFINED_PARAMETER, message, location));
        }
        let index = number as usize - 1;
        if index >= self.params.len() {
            if self.context.fixed_params {
                let message = format!("there is no parameter ${number}");
                return Err(error(SqlState::UNDEFINED_PARAMETER, message, location));
            }
            self.params.resize(index + 1, None);
        }
        let ty = self.params[index].filter(|ty| *ty != 0).unwrap_or(oids::UNKNOWN);
        Ok(Expr { kind: ExprKind::Param(number), ty: plain(ty) })
    }

    fn constant(&mut self, constant: &AConst) -> Result<Expr> {
        let location = at(constant.location);
        if constant.isnull {
            return Ok(Expr::constant(Datum::Null, plain(oids::UNKNOWN)));
        }
        match &constant.val {
            Some(a_const::Val::Ival(value)) => Ok(Expr::constant(Datum::I32(value.ival), plain(oids::INT4))),
            Some(a_const::Val::Boolval(value)) => Ok(Expr::bool(value.boolval)),
            Some(a_const::Val::Sval(value)) => {
                Ok(Expr::constant(Datum::text(value.sval.as_str()), plain(oids::UNKNOWN)))
            }
            Some(a_const::Val::Fval(value)) => self.number(&value.fval, location),
            Some(a_const::Val::Bsval(value)) => {
                super::literal::bit_string(self.context, &value.bsval, location)
            }
            None => Ok(Expr::constant(Datum::I32(0), plain(oids::INT4))),
        }
    }

    /// A number that is not an int4: int8 if it fits, else numeric. Digits in other bases and `_` are allowed.
    fn number(&mut self, text: &str, location: Location) -> Result<Expr> {
        let plain_text: String = text.chars().filter(|character| *character != '_').collect();
        let lower = plain_text.to_ascii_lowercase();
        let radix = match lower.get(..2) {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        let digits = if radix == 10 { lower.as_str() } else { &lower[2..] };
        if let Ok(value) = i64::from_str_radix(digits, radix) {
            return Ok(match i32::try_from(value) {
                Ok(small) => Expr::constant(Datum::I32(small), plain(oids::INT4)),
                Err(_) => Expr::constant(Datum::I64(value), plain(oids::INT8)),
            });
        }
        let literal = super::literal::input(self.context, &plain_text, oids::NUMERIC, -1);
        literal.map_err(|error| error.at(location))
    }

    fn type_cast(&mut self, cast: &TypeCast) -> Result<Expr> {
        let name = cast.type_name.as_ref().ok_or_else(|| PgError::internal("a cast without a type"))?;
        let target = super::typename::resolve(self.context, name)?;
        let node = raw::inner(&cast.arg).ok_or_else(|| PgError::internal("a cast without an operand"))?;
        let expr = match node {
            // ARRAY[...]::type[] gives the elements that type from the start.
            NodeEnum::AArrayExpr(array) if element_type(target.oid) != 0 => {
                self.array(array, Some(target.oid))?
            }
            node => self.expr(node)?,
        };
        if expr.ty.oid == 0 {
            return Ok(expr);
        }
        let source = expr.ty.oid;
        let location = match at(cast.location) {
            Some(location) => Some(location),
            None => at(name.location),
        };
        let literal_at = raw::location(node);
        let converted = if source == oids::UNKNOWN {
            let expr = self.coerce(expr, target.oid, target.typmod, CastContext::Explicit, literal_at)?;
            Some(self.apply_typmod(expr, target.typmod, CastContext::Explicit)?)
        } else {
            self.coerce_to_target(expr, target, CastContext::Explicit, location)?
        };
        converted.ok_or_else(|| {
            let message = format!("cannot cast type {} to {}", type_name(source), type_name(target.oid));
            error(SqlState::CANNOT_COERCE, message, location)
        })
    }

    fn collate(&mut self, collate: &pg_query::protobuf::CollateClause) -> Result<Expr> {
        let location = at(collate.location);
        let arg = self.child(&collate.arg)?;
        if arg.ty.oid != oids::UNKNOWN && plain(arg.ty.oid).collation == 0 {
            let message = format!("collations are not supported by type {}", type_name(arg.ty.oid));
            return Err(error(SqlState::DATATYPE_MISMATCH, message, location));
        }
        let names = raw::strings(&collate.collname);
        let collation = self.collation(&names, location)?;
        let ty = TypeRef { collation, ..arg.ty };
        Ok(Expr { kind: ExprKind::Collate(Box::new(arg)), ty })
    }

    /// Returns the oid of a collation.
    pub(super) fn collation(&self, names: &[&str], location: Location) -> Result<types::Oid> {
        let found = match names {
            [name] => builtin().collation(name),
            [schema, name] if *schema == "pg_catalog" => builtin().collation(name),
            _ => None,
        };
        let message = || format!("collation \"{}\" for encoding \"UTF8\" does not exist", names.join("."));
        let found = found.ok_or_else(|| error(SqlState::UNDEFINED_OBJECT, message(), location))?;
        match names.last() {
            Some(&("default" | "C" | "POSIX" | "ucs_basic" | "pg_c_utf8")) => Ok(found),
            _ => Err(unsupported(format!("collation \"{}\"", names.join(".")), location)),
        }
    }

    fn bool_expr(&mut self, expr: &pg_query::protobuf::BoolExpr) -> Result<Expr> {
        let kind = BoolExprType::try_from(expr.boolop).unwrap_or(BoolExprType::Undefined);
        let name = match kind {
            BoolExprType::OrExpr => "OR",
            BoolExprType::NotExpr => "NOT",
            BoolExprType::AndExpr | BoolExprType::Undefined => "AND",
        };
        let mut args = Vec::with_capacity(expr.args.len());
        for node in expr.args.iter().filter_map(|arg| arg.node.as_ref()) {
            let arg = self.expr(node)?;
            args.push(self.coerce_to_boolean(arg, name, raw::location(node))?);
        }
        let kind = match kind {
            BoolExprType::OrExpr => ExprKind::Or(args),
            BoolExprType::NotExpr => {
                let arg = args.pop().ok_or_else(|| PgError::internal("NOT without an operand"))?;
                ExprKind::Not(Box::new(arg))
            }
            BoolExprType::AndExpr | BoolExprType::Undefined => ExprKind::And(args),
        };
        Ok(Expr { kind, ty: plain(oids::BOOL) })
    }

    fn boolean_test(&mut self, test: &pg_query::protobuf::BooleanTest) -> Result<Expr> {
        let (kind, name) = match BoolTestType::try_from(test.booltesttype) {
            Ok(BoolTestType::IsNotTrue) => (BoolTest::NotTrue, "IS NOT TRUE"),
            Ok(BoolTestType::IsFalse) => (BoolTest::False, "IS FALSE"),
            Ok(BoolTestType::IsNotFalse) => (BoolTest::NotFalse, "IS NOT FALSE"),
            Ok(BoolTestType::IsUnknown) => (BoolTest::Unknown, "IS UNKNOWN"),
            Ok(BoolTestType::IsNotUnknown) => (BoolTest::NotUnknown, "IS NOT UNKNOWN"),
            Ok(BoolTestType::IsTrue | BoolTestType::Undefined) | Err(_) => (BoolTest::True, "IS TRUE"),
        };
        let (arg, location) = self.operand(&test.arg)?;
        let arg = self.coerce_to_boolean(arg, name, location)?;
        Ok(Expr { kind: ExprKind::BoolTest { arg: Box::new(arg), test: kind }, ty: plain(oids::BOOL) })
    }

    /// Refuses set-returning functions in a part that is not always evaluated.
    fn refuse_sets_since(&mut self, before: u32, place: &str) -> Result<()> {
        let (calls, location) = self.level().set_calls;
        if calls == before {
            return Ok(());
        }
        let message = format!("set-returning functions are not allowed in {place}");
        let hint = "You might be able to move the set-returning function into a LATERAL FROM item.";
        Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location).with_hint(hint))
    }

    fn case(&mut self, case: &CaseExpr) -> Result<Expr> {
        let before = self.level().set_calls.0;
        let operand = match raw::inner(&case.arg) {
            None => None,
            Some(node) => {
                let expr = self.expr(node)?;
                Some(self.resolved(expr, raw::location(node))?)
            }
        };
        let mut conditions = Vec::new();
        let mut results = Vec::new();
        for node in &case.args {
            let Some(NodeEnum::CaseWhen(when)) = &node.node else { continue };
            let (mut condition, mut location) = self.operand(&when.expr)?;
            if let Some(operand) = &operand {
                let tested = Expr { kind: ExprKind::CaseOperand(0), ty: operand.ty };
                let at_when = at(when.location);
                condition =
                    self.operator_call(&["="], Some((tested, location)), (condition, location), at_when)?;
                location = at_when;
            }
            conditions.push(self.coerce_to_boolean(condition, "CASE/WHEN", location)?);
            results.push(self.operand(&when.result)?);
        }
        let otherwise = match raw::inner(&case.defresult) {
            Some(node) => (self.expr(node)?, raw::location(node)),
            None => (Expr::constant(Datum::Null, plain(oids::UNKNOWN)), None),
        };
        // The ELSE result is considered first, as transformCaseExpr does.
        results.insert(0, otherwise);
        let (mut results, ty) = self.to_common(results, "CASE")?;
        let otherwise = Box::new(results.remove(0));
        let arms = conditions.into_iter().zip(results).collect();
        self.refuse_sets_since(before, "CASE")?;
        Ok(Expr { kind: ExprKind::Case { operand: operand.map(Box::new), arms, otherwise }, ty })
    }

    /// Checks that a type has a btree comparison.
    fn require_comparison(&self, ty: types::Oid, location: Location) -> Result<()> {
        if super::operators::default_operators(ty).is_some_and(|operators| operators.less != 0) {
            return Ok(());
        }
        let message = format!("could not identify a comparison function for type {}", type_name(ty));
        Err(error(SqlState::UNDEFINED_FUNCTION, message, location))
    }
}
