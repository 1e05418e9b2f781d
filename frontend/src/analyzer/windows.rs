//! Window calls (`transformWindowFuncCall`) and window definitions (`transformWindowDefinitions`).

use executor::expr::{Expr, FunctionRef};
use executor::plan::{FrameBound, FrameExclude, FrameMode, SortKey, WindowCall, WindowFrame};
use pg_query::NodeEnum;
use pg_query::protobuf::{FuncCall, WindowDef};
use types::oids;
use types::{Oid, Result, SqlState};

use super::candidates::Candidate;
use super::coerce::{can_coerce_one, plain};
use super::functions::{Arguments, known_type};
use super::operators::{default_operators, merged_collation};
use super::raw;
use super::state::{Analyzer, Clause, Location, WindowScope, at, error, unsupported};
use crate::catalog::builtin::{AggregateKind, CastContext, Function, FunctionKind, builtin};
use crate::catalog::type_names::type_name;

/// Bits of `frameOptions`, as `parsenodes.h` numbers them.
mod frame {
    pub(super) const RANGE: i32 = 0x0002;
    pub(super) const ROWS: i32 = 0x0004;
    pub(super) const GROUPS: i32 = 0x0008;
    pub(super) const START_UNBOUNDED_PRECEDING: i32 = 0x0020;
    pub(super) const END_UNBOUNDED_FOLLOWING: i32 = 0x0100;
    pub(super) const START_CURRENT_ROW: i32 = 0x0200;
    pub(super) const END_CURRENT_ROW: i32 = 0x0400;
    pub(super) const START_OFFSET_PRECEDING: i32 = 0x0800;
    pub(super) const END_OFFSET_PRECEDING: i32 = 0x1000;
    pub(super) const START_OFFSET_FOLLOWING: i32 = 0x2000;
    pub(super) const END_OFFSET_FOLLOWING: i32 = 0x4000;
    pub(super) const EXCLUDE_CURRENT_ROW: i32 = 0x8000;
    pub(super) const EXCLUDE_GROUP: i32 = 0x10000;
    pub(super) const EXCLUDE_TIES: i32 = 0x20000;
    pub(super) const NON_DEFAULT: i32 = 0x0001;
}

impl Analyzer<'_> {
    /// Analyzes a call with OVER.
    pub(super) fn window_call(
        &mut self,
        call: &FuncCall,
        function: &'static Function,
        candidate: &Candidate,
        arguments: Arguments,
        filter: Option<Expr>,
    ) -> Result<Expr> {
        let location = at(call.location);
        let name = &function.name;
        let Some(over) = &call.over else {
            let message = format!("window function {name} requires an OVER clause");
            return Err(error(SqlState::WINDOWING_ERROR, message, location));
        };
        let aggregate = function.kind == FunctionKind::Aggregate;
        let refuse = |state, message: &str| Err(error(state, message, location));
        if call.agg_distinct {
            return refuse(
                SqlState::FEATURE_NOT_SUPPORTED,
                "DISTINCT is not implemented for window functions",
            );
        }
        if !call.agg_order.is_empty() {
            return refuse(
                SqlState::FEATURE_NOT_SUPPORTED,
                "aggregate ORDER BY is not implemented for window functions",
            );
        }
        if !aggregate && filter.is_some() {
            return refuse(
                SqlState::FEATURE_NOT_SUPPORTED,
                "FILTER is not implemented for non-aggregate window functions",
            );
        }
        if aggregate && call.args.is_empty() && !call.agg_star {
            let message = format!("{name}(*) must be used to call a parameterless aggregate function");
            return refuse(SqlState::WRONG_OBJECT_TYPE, &message);
        }
        if builtin().aggregate(function.oid).is_some_and(|row| row.kind != AggregateKind::Normal) {
            return refuse(
                SqlState::FEATURE_NOT_SUPPORTED,
                &format!("OVER is not supported for ordered-set aggregate {name}"),
            );
        }
        if let Some(place) = self.level().clause.window_refusal() {
            let message = format!("window functions are not allowed in {place}");
            return refuse(SqlState::WINDOWING_ERROR, &message);
        }
        let depth = self.depth();
        let (args, result) = self.call_args(function, candidate, arguments, location)?;
        let args: Vec<Expr> = args.into_iter().map(known_type).collect();
        self.refuse_nested_windows(&args, location)?;
        let input_collation = merged_collation(args.iter());
        let mut ty = plain(result);
        if ty.collation != 0 && input_collation != 0 {
            ty.collation = input_collation;
        }
        let window = self.window_for(over)?;
        let frame = self.level().windows[window].frame.clone();
        let mut reference = function.reference(name.clone());
        if let Some(transition) =
            builtin().aggregate(function.oid).and_then(|row| builtin().function(row.transition))
        {
            reference.prosrc = transition.prosrc.clone();
        }
        let call = WindowCall { function: reference, aggregate, args, filter, frame, ty, input_collation };
        let id = self.new_id();
        self.add_computed(id, depth);
        self.level().window_calls.push((id, call, window));
        Ok(Expr::column(id, ty))
    }

    fn refuse_nested_windows(&self, args: &[Expr], location: Location) -> Result<()> {
        let mut used = Vec::new();
        args.iter().for_each(|arg| super::walk::columns(arg, &[], &mut used));
        let calls = &self.levels[self.depth()].window_calls;
        if used.iter().any(|id| calls.iter().any(|(known, ..)| known == id)) {
            return Err(error(SqlState::WINDOWING_ERROR, "window function calls cannot be nested", location));
        }
        Ok(())
    }

    /// Returns the position of the window that OVER names or defines.
    fn window_for(&mut self, over: &WindowDef) -> Result<usize> {
        self.open_named_windows()?;
        if !over.name.is_empty() {
            let found =
                self.level().windows.iter().position(|window| window.name.as_deref() == Some(&over.name));
            let message = format!("window \"{}\" does not exist", over.name);
            return found.ok_or_else(|| error(SqlState::UNDEFINED_OBJECT, message, at(over.location)));
        }
        let window = self.window_definition(over)?;
        self.level().windows.push(window);
        Ok(self.level().windows.len() - 1)
    }

    /// Analyzes the WINDOW clause, once.
    pub(super) fn open_named_windows(&mut self) -> Result<()> {
        for definition in std::mem::take(&mut self.level().window_clause) {
            if self.level().windows.iter().any(|window| window.name.as_deref() == Some(&definition.name)) {
                let message = format!("window \"{}\" is already defined", definition.name);
                return Err(error(SqlState::WINDOWING_ERROR, message, at(definition.location)));
            }
            let mut window = self.window_definition(&definition)?;
            window.name = Some(definition.name.as_str().into());
            self.level().windows.push(window);
        }
        Ok(())
    }

    fn window_definition(&mut self, definition: &WindowDef) -> Result<WindowScope> {
        let location = at(definition.location);
        let base = if definition.refname.is_empty() {
            None
        } else {
            let found = self
                .level()
                .windows
                .iter()
                .find(|window| window.name.as_deref() == Some(&definition.refname));
            let message = format!("window \"{}\" does not exist", definition.refname);
            Some(found.cloned().ok_or_else(|| error(SqlState::UNDEFINED_OBJECT, message, location))?)
        };
        let mut partition_by = Vec::new();
        for node in definition.partition_clause.iter().filter_map(|node| node.node.as_ref()) {
            let expr = self.within(Clause::WindowPartition, |analyzer| analyzer.expr(node))?;
            let expr = self.resolved(expr, raw::location(node))?;
            self.equality(expr.ty.oid, raw::location(node))?;
            partition_by.push(expr);
        }
        let mut order_by = Vec::new();
        for node in &definition.order_clause {
            if let Some(NodeEnum::SortBy(sort)) = &node.node
                && let Some(value) = raw::inner(&sort.node)
            {
                let expr = self.within(Clause::WindowOrder, |analyzer| analyzer.expr(value))?;
                let expr = self.resolved(expr, raw::location(value))?;
                order_by.push(self.sort_key(expr, sort, raw::location(value))?);
            }
        }
        if let Some(base) = base {
            let name = &definition.refname;
            let refuse = |message: String| Err(error(SqlState::WINDOWING_ERROR, message, location));
            if !partition_by.is_empty() {
                return refuse(format!("cannot override PARTITION BY clause of window \"{name}\""));
            }
            if !order_by.is_empty() && !base.order_by.is_empty() {
                return refuse(format!("cannot override ORDER BY clause of window \"{name}\""));
            }
            if base.framed {
                return refuse(format!("cannot copy window \"{name}\" because it has a frame clause"));
            }
            partition_by = base.partition_by;
            if order_by.is_empty() {
                order_by = base.order_by;
            }
        }
        let frame = self.window_frame(definition, &order_by, location)?;
        let framed = definition.frame_options & frame::NON_DEFAULT != 0;
        Ok(WindowScope { name: None, partition_by, order_by, framed, frame })
    }

    fn window_frame(
        &mut self,
        definition: &WindowDef,
        order_by: &[SortKey],
        location: Location,
    ) -> Result<WindowFrame> {
        let options = definition.frame_options;
        let has = |bit: i32| options & bit != 0;
        let mode = if has(frame::ROWS) {
            FrameMode::Rows
        } else if has(frame::GROUPS) {
            FrameMode::Groups
        } else {
            debug_assert!(has(frame::RANGE) || options == 0);
            FrameMode::Range
        };
        if mode == FrameMode::Groups && order_by.is_empty() {
            let message = "GROUPS mode requires an ORDER BY clause";
            return Err(error(SqlState::WINDOWING_ERROR, message, location));
        }
        let offsets = frame::START_OFFSET_PRECEDING
            | frame::START_OFFSET_FOLLOWING
            | frame::END_OFFSET_PRECEDING
            | frame::END_OFFSET_FOLLOWING;
        if mode == FrameMode::Range && has(offsets) && order_by.len() != 1 {
            let message = "RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY column";
            return Err(error(SqlState::WINDOWING_ERROR, message, location));
        }
        let start = if has(frame::START_UNBOUNDED_PRECEDING) || options == 0 {
            FrameBound::UnboundedPreceding
        } else if has(frame::START_CURRENT_ROW) {
            FrameBound::CurrentRow
        } else {
            let (offset, in_range) =
                self.frame_offset(raw::inner(&definition.start_offset), mode, order_by)?;
            if has(frame::START_OFFSET_PRECEDING) {
                FrameBound::Preceding(Box::new(offset), in_range)
            } else {
                FrameBound::Following(Box::new(offset), in_range)
            }
        };
        let end = if has(frame::END_UNBOUNDED_FOLLOWING) {
            FrameBound::UnboundedFollowing
        } else if has(frame::END_CURRENT_ROW) || options == 0 {
            FrameBound::CurrentRow
        } else {
            let (offset, in_range) = self.frame_offset(raw::inner(&definition.end_offset), mode, order_by)?;
            if has(frame::END_OFFSET_PRECEDING) {
                FrameBound::Preceding(Box::new(offset), in_range)
            } else {
                FrameBound::Following(Box::new(offset), in_range)
            }
        };
        let exclude = if has(frame::EXCLUDE_CURRENT_ROW) {
            FrameExclude::CurrentRow
        } else if has(frame::EXCLUDE_GROUP) {
            FrameExclude::Group
        } else if has(frame::EXCLUDE_TIES) {
            FrameExclude::Ties
        } else {
            FrameExclude::NoOthers
        };
        Ok(WindowFrame { mode, start, end, exclude })
    }

    /// Analyzes the offset of a frame bound (`transformFrameOffset`).
    fn frame_offset(
        &mut self,
        node: Option<&NodeEnum>,
        mode: FrameMode,
        order_by: &[SortKey],
    ) -> Result<(Expr, Option<FunctionRef>)> {
        let node = node.ok_or_else(|| types::PgError::internal("a frame bound without offset"))?;
        let location = raw::location(node);
        let expr = self.within(Clause::WindowFrame, |analyzer| analyzer.expr(node))?;
        let mut used = Vec::new();
        super::walk::columns(&expr, &[], &mut used);
        let name = match mode {
            FrameMode::Rows => "ROWS",
            FrameMode::Groups => "GROUPS",
            FrameMode::Range => "RANGE",
        };
        let depth = self.depth();
        if used.iter().any(|id| self.sources.get(id).is_some_and(|source| source.level == depth)) {
            let message = format!("argument of {name} must not contain variables");
            return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, location));
        }
        if mode != FrameMode::Range {
            return Ok((self.coerce_to_specific(expr, oids::INT8, name, location)?, None));
        }
        let ordered = order_by.first().map_or(0, |key| key.expr.ty.oid);
        let (offset, function) = in_range(ordered, expr.ty.oid, location)?;
        let expr = match self.coerce_to_target(expr, plain(offset), CastContext::Implicit, location)? {
            Some(expr) => expr,
            None => return Err(unsupported("this RANGE offset", location)),
        };
        Ok((expr, Some(function.reference(function.name.clone()))))
    }
}

/// Chooses the `in_range` function for an ordered type and the type of an offset.
fn in_range(ordered: Oid, offset: Oid, location: Location) -> Result<(Oid, &'static Function)> {
    let ordered = super::coerce::base_type(ordered);
    let family = default_operators(ordered).map_or(0, |operators| operators.family);
    let known = builtin().in_range_offsets(family, ordered);
    if known.is_empty() {
        let message = format!(
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}",
            type_name(ordered)
        );
        return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, location));
    }
    let fitting: Vec<Oid> = known
        .iter()
        .copied()
        .filter(|target| offset == oids::UNKNOWN || can_coerce_one(offset, *target, CastContext::Implicit))
        .collect();
    let chosen =
        match fitting.as_slice() {
            [only] => Some(*only),
            several => several.iter().copied().find(|target| *target == offset).or_else(|| {
                several.iter().copied().find(|target| offset == oids::UNKNOWN && *target == ordered)
            }),
        };
    let function =
        chosen.and_then(|target| builtin().in_range(family, ordered, target).map(|found| (target, found)));
    function.ok_or_else(|| {
        let message = format!(
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type {} and offset type {}",
            type_name(ordered),
            type_name(offset)
        );
        error(SqlState::FEATURE_NOT_SUPPORTED, message, location)
            .with_hint("Cast the offset value to an appropriate type.")
    })
}
