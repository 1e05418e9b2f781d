//! The simple and the extended protocol over a session.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;
use pg_query::NodeEnum;
use types::{PgError, Result, SqlState};

use super::connection::Client;
use super::messages::{Bind, Message};
use super::output::{Severity, put_count};
use super::rows::{self, Destination};
use crate::parser;
use crate::session::portal::{Held, Keep, Portal, PortalState, ROWS_AT_A_TIME};
use crate::session::prepared::{Prepared, Runs, Source};
use crate::session::{Session, clock};
use crate::statements;

impl Session {
    /// Handles one message. A panic below is a bug of ours: it ends the statement, not the server.
    ///
    /// # Errors
    /// The error to report.
    pub fn handle(&mut self, client: &mut Client, message: Message<'_>) -> Result<()> {
        match catch_unwind(AssertUnwindSafe(|| self.dispatch(client, message))) {
            Ok(result) => result,
            Err(panic) => Err(PgError::internal(format!("internal error: {}", panic_text(&*panic)))),
        }
    }

    fn dispatch(&mut self, client: &mut Client, message: Message<'_>) -> Result<()> {
        match message {
            Message::Query(sql) => self.simple_query(client, sql),
            Message::Parse { name, sql, types } => self.parse_message(client, name, sql, &types),
            Message::Bind(bind) => self.bind_message(client, &bind),
            Message::Describe(kind, name) => self.describe_message(client, kind, name),
            Message::Execute { portal, rows_max } => self.execute_message(client, portal, rows_max as u64),
            Message::Close(kind, name) => self.close_message(client, kind, name),
            Message::Flush => {
                self.finish_reports(client);
                client.output.flush();
                Ok(())
            }
            Message::Sync => self.sync_message(client),
            Message::FunctionCall => Err(PgError::not_supported("the fast-path function call")),
            // What is left of a COPY that has failed is ignored, as the protocol says.
            Message::Copy => Ok(()),
            Message::Terminate => Ok(()),
        }
    }

    /// Sends queued notices and changed parameters.
    pub fn finish_reports(&mut self, client: &mut Client) {
        for (severity, fields) in self.take_notices() {
            client.output.report(severity, &fields, self.current_sql.as_deref());
        }
    }

    /// Announces that the session waits.
    pub fn ready(&mut self, client: &mut Client) {
        for (name, value) in self.settings.lock().take_reports() {
            client.output.parameter_status(name, &value);
        }
        self.end_work();
        self.rest();
        client.output.ready(self.status());
        client.output.flush();
    }

    /// Runs the statements of a text. Several statements share an implicit transaction.
    fn simple_query(&mut self, client: &mut Client, sql: &str) -> Result<()> {
        let text: Arc<str> = Arc::from(sql);
        self.start_work(&text);
        self.forget_unnamed();
        self.running_types.clear();
        self.current_sql = Some(text);
        let parsed = self.parse(sql)?;
        self.report_truncated(client, &parsed);
        let count = parsed.statements.len();
        if count == 0 {
            client.output.empty(b'I');
        }
        for index in 0..count {
            let source = Source::new(Arc::clone(&parsed), index);
            if self.is_failed() && !statements::ends_transaction(source.node()?) {
                return Err(Self::failed_transaction());
            }
            self.begin_statement()?;
            if count > 1 {
                self.begin_implicit_block()?;
            }
            let mut destination = Destination::Wire { formats: &[], describe: true };
            let outcome = statements::run(self, client, &source, &[], &mut destination);
            // As in exec_simple_query, the last statement commits before its tag is sent, so that a failing
            // commit is this statement's error.
            let tag = outcome?;
            if index + 1 == count {
                self.finish_implicit()?;
            }
            self.finish_reports(client);
            client.output.command_complete(&tag);
        }
        self.finish_implicit()?;
        self.ready(client);
        Ok(())
    }

    fn parse(&self, sql: &str) -> Result<Arc<parser::Parsed>> {
        if sql.contains('\\') && self.settings.lock().raw("standard_conforming_strings") == "off" {
            parser::parse_with_escapes(sql)
        } else {
            parser::parse(sql)
        }
    }

    fn report_truncated(&mut self, client: &mut Client, parsed: &parser::Parsed) {
        if parsed.truncated.is_empty() {
            return;
        }
        for (name, cut) in &parsed.truncated {
            let message = format!("identifier \"{name}\" will be truncated to \"{cut}\"");
            self.notice(SqlState::NAME_TOO_LONG, message);
        }
        self.finish_reports(client);
    }

    fn forget_unnamed(&mut self) {
        if self.prepared.contains_key("") {
            Arc::make_mut(&mut self.prepared).remove("");
        }
    }

    /// Ends what a statement of the extended protocol has to end; what follows before the Sync is of the same transaction
    /// otherwise.
    fn finish_step(&mut self, source: &Source) -> Result<()> {
        let Some(open) = &mut self.transaction else { return Ok(()) };
        let node = source.node()?;
        if open.commits_at_once || matches!(node, NodeEnum::TransactionStmt(_)) {
            self.finish_implicit()?;
            if matches!(node, NodeEnum::TransactionStmt(_) | NodeEnum::DiscardStmt(_)) {
                return Ok(());
            }
            // The others leave a transaction of their own behind in PostgreSQL.
            self.begin_statement()?;
        }
        self.continue_pipeline();
        Ok(())
    }

    /// Notes that what follows belongs to the same transaction.
    fn continue_pipeline(&mut self) {
        if let Some(open) = &mut self.transaction {
            open.pipelined = true;
        }
    }

    /// Ends an implicit transaction.
    fn finish_implicit(&mut self) -> Result<()> {
        if self.transaction.as_ref().is_some_and(|open| !open.explicit) {
            self.commit()?;
        }
        Ok(())
    }

    fn sync_message(&mut self, client: &mut Client) -> Result<()> {
        let result = self.finish_implicit();
        if let Err(error) = &result {
            client.output.report(Severity::Error, error.fields(), None);
        }
        self.ready(client);
        Ok(())
    }

    fn parse_message(&mut self, client: &mut Client, name: &str, sql: &str, types: &[u32]) -> Result<()> {
        let text: Arc<str> = Arc::from(sql);
        self.start_work(&text);
        self.current_sql = Some(Arc::clone(&text));
        if name.is_empty() {
            self.forget_unnamed();
        }
        let parsed = self.parse(sql)?;
        self.report_truncated(client, &parsed);
        if parsed.statements.len() > 1 {
            return Err(PgError::new(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let source = (!parsed.statements.is_empty()).then(|| Source::new(parsed, 0));
        let mut prepared = Prepared {
            name: name.to_owned(),
            source,
            text,
            param_types: types.to_vec(),
            columns: None,
            from_sql: false,
            prepared_at: clock::now(),
            runs: Runs::default(),
            plan: Mutex::default(),
        };
        if let Some(source) = &prepared.source {
            if self.is_failed() && !statements::ends_transaction(source.node()?) {
                return Err(Self::failed_transaction());
            }
            self.begin_statement()?;
            let description = statements::describe(self, source, types)?;
            prepared.param_types = description.param_types;
            prepared.columns = description.columns;
        }
        self.keep_prepared(prepared)?;
        client.output.empty(b'1');
        Ok(())
    }

    fn bind_message(&mut self, client: &mut Client, bind: &Bind<'_>) -> Result<()> {
        let prepared = self.find_prepared(bind.statement)?;
        self.start_work(&prepared.text);
        self.current_sql = Some(Arc::clone(&prepared.text));
        let (given, wanted) = (bind.params.count(), prepared.param_types.len());
        if bind.param_formats.count() > 1 && bind.param_formats.count() != given {
            return Err(super::messages::protocol_violation(format!(
                "bind message has {} parameter formats but {given} parameters",
                bind.param_formats.count()
            )));
        }
        if given != wanted {
            return Err(super::messages::protocol_violation(format!(
                "bind message supplies {given} parameters, but prepared statement \"{}\" requires {wanted}",
                bind.statement
            )));
        }
        if let Some(source) = &prepared.source
            && self.is_failed()
            && !statements::ends_transaction(source.node()?)
        {
            return Err(Self::failed_transaction());
        }
        if let Some(columns) = &prepared.columns
            && bind.result_formats.count() > 1
            && bind.result_formats.count() != columns.len()
        {
            return Err(super::messages::protocol_violation(format!(
                "bind message has {} result formats but query has {} columns",
                bind.result_formats.count(),
                columns.len()
            )));
        }
        self.begin_statement()?;
        let mut params = std::mem::take(&mut self.spare_params);
        params.clear();
        rows::read_params(self, bind, &prepared.param_types, &mut params)?;
        if bind.portal.is_empty() {
            if let Some(last) = self.portals.remove("") {
                self.spare_formats = last.formats;
            }
        } else if self.portals.get(bind.portal).is_some() {
            return Err(PgError::new(
                SqlState::DUPLICATE_CURSOR,
                format!("cursor \"{}\" already exists", bind.portal),
            ));
        }
        // As in exec_bind_message, planning is part of Bind: an error of it comes before the columns are described.
        self.running_types.clone_from(&prepared.param_types);
        let planned = self.plan_prepared(&prepared, &params)?;
        // What changes tables is looked at when it runs, as its columns are described before.
        if let (Some(source), Some(planned)) = (&prepared.source, &planned)
            && planned.tag == "SELECT"
            && planned.plan.changing.is_empty()
        {
            statements::refuse_plan(self, planned, source.node()?)?;
        }
        let mut formats = std::mem::take(&mut self.spare_formats);
        formats.clear();
        formats.extend(bind.result_formats.iter());
        let portal = Portal {
            prepared: Some(prepared),
            params,
            planned,
            formats,
            state: PortalState::New,
            cursor: None,
            depth: self.savepoint_depth(),
        };
        self.just_bound = Some(bind.portal.into());
        self.portals.insert(bind.portal, portal);
        client.output.empty(b'2');
        Ok(())
    }

    fn describe_message(&mut self, client: &mut Client, kind: u8, name: &str) -> Result<()> {
        let (columns, formats) = match kind {
            b'S' => {
                let prepared = self.find_prepared(name)?;
                self.revalidate(&prepared)?;
                client.output.message(b't', |body| {
                    put_count(body, prepared.param_types.len());
                    prepared.param_types.iter().for_each(|oid| body.extend_from_slice(&oid.to_be_bytes()));
                });
                (prepared.columns.clone(), Vec::new())
            }
            b'P' => {
                let prepared = self.find_portal(name)?.prepared.clone();
                if let Some(prepared) = prepared.filter(|prepared| prepared.runs_another()) {
                    self.revalidate(&prepared)?;
                }
                let portal = self.find_portal(name)?;
                let held = match &portal.state {
                    PortalState::Held(held) => Some(held.columns.clone()),
                    PortalState::New | PortalState::Done => None,
                };
                let columns =
                    held.or_else(|| portal.prepared.as_ref().and_then(|prepared| prepared.columns.clone()));
                (columns, portal.formats.clone())
            }
            other => {
                return Err(super::messages::protocol_violation(format!(
                    "invalid DESCRIBE message subtype {other}"
                )));
            }
        };
        match columns {
            Some(columns) => client.output.row_description(&columns, &formats),
            None => client.output.empty(b'n'),
        }
        Ok(())
    }

    fn close_message(&mut self, client: &mut Client, kind: u8, name: &str) -> Result<()> {
        match kind {
            b'S' => drop(Arc::make_mut(&mut self.prepared).remove(name)),
            b'P' => drop(self.portals.remove(name)),
            other => {
                return Err(super::messages::protocol_violation(format!(
                    "invalid CLOSE message subtype {other}"
                )));
            }
        }
        client.output.empty(b'3');
        Ok(())
    }

    fn execute_message(&mut self, client: &mut Client, name: &str, rows_max: u64) -> Result<()> {
        let portal = self.find_portal(name)?;
        let prepared = portal.prepared.clone();
        if let (PortalState::New, Some(prepared)) = (&portal.state, prepared) {
            let mut params = std::mem::take(&mut portal.params);
            let formats = std::mem::take(&mut portal.formats);
            portal.state = PortalState::Done;
            let planned = portal.planned.take();
            self.bound_plan = planned;
            let outcome = self.start_portal(client, name, &prepared, &params, &formats, rows_max);
            // Not taken when the statement was refused before it ran.
            self.bound_plan = None;
            params.clear();
            self.spare_params = params;
            match self.portals.get_mut(name) {
                // What is left of it may be asked for again.
                Some(portal) if !formats.is_empty() => portal.formats = formats,
                Some(_) | None => self.spare_formats = formats,
            }
            return outcome;
        }
        let failed = self.is_failed();
        let portal = self.find_portal(name)?;
        match &mut portal.state {
            PortalState::Held(_) if failed => Err(Self::failed_transaction()),
            PortalState::Held(held) => {
                let (mut held, formats) = (std::mem::take(held), portal.formats.clone());
                self.send_held(client, &mut held, &formats, rows_max)?;
                if let Ok(portal) = self.find_portal(name) {
                    portal.state = PortalState::Held(held);
                }
                Ok(())
            }
            PortalState::New | PortalState::Done => {
                let returns_rows = portal.prepared.as_ref().is_none_or(|prepared| prepared.columns.is_some());
                if !returns_rows {
                    return Err(PgError::new(
                        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                        format!("portal \"{name}\" cannot be run"),
                    ));
                }
                client.output.command_complete("SELECT 0");
                Ok(())
            }
        }
    }

    fn start_portal(
        &mut self,
        client: &mut Client,
        name: &str,
        prepared: &Arc<Prepared>,
        params: &[types::Datum],
        formats: &[i16],
        rows_max: u64,
    ) -> Result<()> {
        // Bind has just taken a snapshot, and found out that the transaction has not failed.
        let just_bound = self.just_bound.take().is_some_and(|bound| bound == name);
        if !just_bound {
            self.start_work(&prepared.text);
            self.current_sql = Some(Arc::clone(&prepared.text));
        }
        let Some(source) = &prepared.source else {
            client.output.empty(b'I');
            return Ok(());
        };
        if self.is_failed() && !statements::ends_transaction(source.node()?) {
            return Err(Self::failed_transaction());
        }
        if !just_bound || self.transaction.is_none() {
            self.begin_statement()?;
            self.running_types.clone_from(&prepared.param_types);
        }
        if rows_max == 0 || prepared.columns.is_none() {
            let mut destination = Destination::Wire { formats, describe: false };
            let tag = statements::run(self, client, source, params, &mut destination)?;
            self.finish_step(source)?;
            self.finish_reports(client);
            client.output.command_complete(&tag);
            return Ok(());
        }
        let mut held = Held::default();
        held.lazily = true;
        held.keep = Keep::Current;
        held.tag = statements::run(self, client, source, params, &mut Destination::Hold(&mut held))?;
        self.finish_reports(client);
        let suspended = self.send_held(client, &mut held, formats, rows_max)?;
        if !suspended {
            return self.finish_step(source);
        }
        self.continue_pipeline();
        if let Ok(portal) = self.find_portal(name) {
            portal.state = PortalState::Held(held);
        }
        Ok(())
    }

    /// Sends the next rows of a held result, made first where they are not yet. Returns whether the limit has ended it.
    fn send_held(
        &mut self,
        client: &mut Client,
        held: &mut Held,
        formats: &[i16],
        rows_max: u64,
    ) -> Result<bool> {
        let access = self.access()?;
        let mut encoder = rows::RowEncoder::new(&held.columns, formats, &access)?;
        let wanted = if rows_max == 0 { u64::MAX } else { rows_max };
        let mut sent = 0;
        while sent < wanted && !client.output.is_broken() {
            let step = ROWS_AT_A_TIME.min(wanted - sent);
            let from = held.position;
            let outcome = self.make_rows(held, from.saturating_add(step));
            let to = held.rows.min(from.saturating_add(step));
            // The rows before the one that has failed are sent.
            for batch in held.slice(from, to) {
                encoder.send(&batch, &mut client.output)?;
            }
            outcome?;
            held.position = to;
            held.let_go();
            sent += to - from;
            if to - from < step {
                break;
            }
        }
        // As in PostgreSQL, a limit that is just reached suspends even when nothing is left.
        let suspended = sent == rows_max && rows_max != 0;
        if suspended {
            client.output.empty(b's');
        } else {
            let tag = match held.tag.split_once(' ') {
                Some(("SELECT", _)) => format!("SELECT {sent}"),
                _ => held.tag.clone(),
            };
            client.output.command_complete(&tag);
        }
        Ok(suspended)
    }
}

/// Returns what a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "no message".to_owned()
    }
}
