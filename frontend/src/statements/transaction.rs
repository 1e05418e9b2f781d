//! BEGIN, COMMIT, ROLLBACK, savepoints, prepared transactions.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, TransactionStmt, TransactionStmtKind as Kind};
use types::{PgError, Result, SqlState};

use super::variable::constant_text;
use crate::session::Session;

/// Says whether a statement may run in a failed transaction.
pub(super) fn ends(statement: &TransactionStmt) -> bool {
    matches!(
        statement.kind(),
        Kind::TransStmtCommit | Kind::TransStmtRollback | Kind::TransStmtRollbackTo | Kind::TransStmtPrepare
    )
}

/// Runs a transaction statement.
pub(super) fn run(session: &mut Session, statement: &TransactionStmt) -> Result<String> {
    let tag = match statement.kind() {
        kind @ (Kind::TransStmtBegin | Kind::TransStmtStart) => {
            session.begin_block()?;
            set_modes(session, &statement.options, true)?;
            if kind == Kind::TransStmtBegin { "BEGIN" } else { "START TRANSACTION" }
        }
        Kind::TransStmtCommit => end(session, statement.chain, true)?,
        Kind::TransStmtRollback => end(session, statement.chain, false)?,
        Kind::TransStmtSavepoint => {
            session.savepoint(&statement.savepoint_name)?;
            "SAVEPOINT"
        }
        Kind::TransStmtRelease => {
            session.release_savepoint(&statement.savepoint_name)?;
            "RELEASE"
        }
        Kind::TransStmtRollbackTo => {
            session.rollback_to_savepoint(&statement.savepoint_name)?;
            "ROLLBACK"
        }
        Kind::TransStmtPrepare => match session.prepare_transaction(&statement.gid)? {
            true => "PREPARE TRANSACTION",
            false => "ROLLBACK",
        },
        Kind::TransStmtCommitPrepared => {
            session.finish_prepared(&statement.gid, true)?;
            "COMMIT PREPARED"
        }
        Kind::TransStmtRollbackPrepared => {
            session.finish_prepared(&statement.gid, false)?;
            "ROLLBACK PREPARED"
        }
        Kind::Undefined => return Err(PgError::internal("a transaction statement of no kind")),
    };
    Ok(tag.to_owned())
}

/// COMMIT and ROLLBACK.
fn end(session: &mut Session, chain: bool, commit: bool) -> Result<&'static str> {
    let explicit = session.open()?.explicit;
    if !explicit {
        if chain {
            let what = if commit { "COMMIT AND CHAIN" } else { "ROLLBACK AND CHAIN" };
            session.require_explicit_block(what)?;
        }
        session.warn(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
    }
    let (isolation, read_only) = {
        let settings = session.settings.lock();
        (settings.raw("transaction_isolation"), settings.raw("transaction_read_only"))
    };
    let committed = if commit {
        session.commit()?
    } else {
        session.rollback();
        false
    };
    if chain {
        session.chain(&isolation, &read_only)?;
    }
    Ok(if committed { "COMMIT" } else { "ROLLBACK" })
}

/// Applies the modes of BEGIN and SET TRANSACTION, or the defaults of SET SESSION CHARACTERISTICS.
pub(super) fn set_modes(session: &mut Session, options: &[Node], transaction: bool) -> Result<()> {
    if transaction {
        session.own_modes()?;
    }
    for option in options {
        let Some(NodeEnum::DefElem(option)) = &option.node else { continue };
        let value = option.arg.as_ref().and_then(|arg| constant_text(arg)).unwrap_or_default();
        let (name, value) = match option.defname.as_str() {
            "transaction_isolation" => {
                if transaction
                    && session.open()?.used
                    && session.settings.lock().raw("transaction_isolation") != value
                {
                    return Err(PgError::new(
                        SqlState::ACTIVE_SQL_TRANSACTION,
                        "SET TRANSACTION ISOLATION LEVEL must be called before any query",
                    ));
                }
                ("transaction_isolation", value)
            }
            "transaction_read_only" | "transaction_deferrable" => (
                option.defname.as_str(),
                if matches!(value.as_str(), "0" | "false") { "off" } else { "on" }.to_owned(),
            ),
            other => return Err(PgError::not_supported(format!("the transaction mode {other}"))),
        };
        if transaction && option.defname == "transaction_read_only" && value == "off" {
            session.check_read_write()?;
        }
        let mut settings = session.settings.lock();
        if transaction {
            settings.set(name, &value, true)?;
        } else {
            settings.set(&format!("default_{name}"), &value, false)?;
        }
    }
    Ok(())
}
