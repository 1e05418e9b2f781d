//! Prepared statements, and where in a parsed text a statement stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use pg_query::NodeEnum;
use types::{Oid, PgError, Result, SqlState};

use super::Session;
use super::plans::CachedPlan;
use super::view::PlanCacheMode;
use crate::parser::Parsed;
use crate::server::output::FieldDescription;

/// One statement of a parsed text, or the statement inside it (of PREPARE, EXPLAIN, DECLARE, CREATE TABLE AS).
#[derive(Debug, Clone)]
pub struct Source {
    /// The text.
    pub parsed: Arc<Parsed>,
    /// Position of the statement in it.
    pub index: usize,
    /// How often to step into the inner statement.
    pub depth: usize,
}

impl Source {
    /// Returns statement `index` of a text.
    pub fn new(parsed: Arc<Parsed>, index: usize) -> Self {
        Self { parsed, index, depth: 0 }
    }

    /// Returns the statement inside this one.
    #[must_use]
    pub fn inner(&self) -> Self {
        Self { depth: self.depth + 1, ..self.clone() }
    }

    /// Returns the statement's tree.
    ///
    /// # Errors
    /// When there is no such statement: a bug of ours.
    pub fn node(&self) -> Result<&NodeEnum> {
        let missing = || PgError::internal("a statement without a tree");
        let mut node = &self.parsed.statements.get(self.index).ok_or_else(missing)?.node;
        for _ in 0..self.depth {
            let inner = match node {
                NodeEnum::PrepareStmt(statement) => &statement.query,
                NodeEnum::ExplainStmt(statement) => &statement.query,
                NodeEnum::DeclareCursorStmt(statement) => &statement.query,
                NodeEnum::CreateTableAsStmt(statement) => &statement.query,
                NodeEnum::CopyStmt(statement) => &statement.query,
                _ => return Err(missing()),
            };
            node = inner.as_ref().and_then(|inner| inner.node.as_ref()).ok_or_else(missing)?;
        }
        Ok(node)
    }

    /// Returns the statement's own text.
    pub fn text(&self) -> &str {
        self.untrimmed().1.trim()
    }

    /// Returns where the statement's own text begins in the whole text.
    pub fn text_start(&self) -> usize {
        let (start, text) = self.untrimmed();
        start + text.len() - text.trim_start().len()
    }

    fn untrimmed(&self) -> (usize, &str) {
        let range = self.parsed.statements.get(self.index).map(|statement| statement.range.clone());
        let range = range.unwrap_or_default();
        (range.start, self.parsed.text.get(range).unwrap_or_default())
    }
}

/// How often a prepared statement was run.
#[derive(Debug, Default)]
pub struct Runs {
    custom: AtomicU32,
    generic: AtomicU32,
}

/// So often PostgreSQL plans for the parameters before it looks whether that pays.
const CUSTOM_RUNS: u32 = 5;

impl Runs {
    /// Counts a run as PostgreSQL plans it (`choose_custom_plan`), taking the plan for any parameters to be as good.
    pub fn count(&self, has_params: bool, mode: PlanCacheMode) {
        let custom = match mode {
            _ if !has_params => false,
            PlanCacheMode::Custom => true,
            PlanCacheMode::Generic => false,
            PlanCacheMode::Auto => self.custom.load(Ordering::Relaxed) < CUSTOM_RUNS,
        };
        let runs = if custom { &self.custom } else { &self.generic };
        runs.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the numbers of generic and of custom runs.
    pub fn numbers(&self) -> (i64, i64) {
        (self.generic.load(Ordering::Relaxed).into(), self.custom.load(Ordering::Relaxed).into())
    }
}

/// A prepared statement.
#[derive(Debug)]
pub struct Prepared {
    /// Name; empty for the unnamed one.
    pub name: String,
    /// The statement; `None` for an empty text.
    pub source: Option<Source>,
    /// Text as `pg_prepared_statements` shows it.
    pub text: Arc<str>,
    /// Types of the parameters.
    pub param_types: Vec<Oid>,
    /// Result columns; `None` when it returns no rows.
    pub columns: Option<Vec<FieldDescription>>,
    /// Made by PREPARE rather than by the protocol.
    pub from_sql: bool,
    /// When it was prepared.
    pub prepared_at: i64,
    /// How often it was run by a plan for its parameters, and by one for any.
    pub runs: Runs,
    /// What was made of it in earlier executions.
    pub plan: Mutex<Option<Arc<CachedPlan>>>,
}

impl Prepared {
    /// Returns whether the statement is an EXECUTE.
    pub fn runs_another(&self) -> bool {
        let node = self.source.as_ref().and_then(|source| source.node().ok());
        matches!(node, Some(NodeEnum::ExecuteStmt(_)))
    }
}

impl Session {
    /// Returns the prepared statement of that name.
    ///
    /// # Errors
    /// `26000`.
    pub fn find_prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        self.prepared.get(name).cloned().ok_or_else(|| {
            let message = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{name}\" does not exist")
            };
            PgError::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
        })
    }

    /// Keeps a prepared statement; the unnamed one is replaced.
    ///
    /// # Errors
    /// `42P05` when the name is taken.
    pub fn keep_prepared(&mut self, prepared: Prepared) -> Result<()> {
        if !prepared.name.is_empty() && self.prepared.contains_key(&prepared.name) {
            return Err(PgError::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{}\" already exists", prepared.name),
            ));
        }
        Arc::make_mut(&mut self.prepared).insert(prepared.name.clone(), Arc::new(prepared));
        Ok(())
    }
}
