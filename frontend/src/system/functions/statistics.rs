//! Counters of activity. Nothing is counted yet: what is told is what PostgreSQL tells of an object that was not used.

use executor::functions::{CallContext, FunctionEntry, row};
use types::{Datum, Result, oids};

use super::{access, oid_at};
use crate::system::relations::row_count;

macro_rules! unused {
    ($($name:literal)*) => {
        /// Sorted by `prosrc`.
        pub(super) const TABLE: &[FunctionEntry] = &[
            $(row($name, zero),)*
            row("pg_stat_clear_snapshot", |_, _| Ok(Datum::text(""))),
            row("pg_stat_force_next_flush", |_, _| Ok(Datum::text(""))),
            row("pg_stat_get_db_numbackends", |_, context| {
                let count = access(context)?.engine.backends.list().len();
                Ok(Datum::I32(i32::try_from(count).unwrap_or(i32::MAX)))
            }),
            row("pg_stat_get_function_calls", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_function_self_time", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_function_total_time", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_xact_function_calls", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_xact_function_self_time", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_xact_function_total_time", |_, _| Ok(Datum::Null)),
            row("pg_stat_get_live_tuples", live),
            row("pg_stat_get_snapshot_timestamp", |_, _| Ok(Datum::Null)),
            row("pg_stat_have_stats", |_, _| Ok(Datum::Bool(false))),
            row("pg_stat_reset", |_, _| Ok(Datum::text(""))),
        ];
    };
}

unused! {
    "pg_stat_get_analyze_count"
    "pg_stat_get_autoanalyze_count"
    "pg_stat_get_autovacuum_count"
    "pg_stat_get_bgwriter_buf_written_clean"
    "pg_stat_get_bgwriter_maxwritten_clean"
    "pg_stat_get_bgwriter_stat_reset_time"
    "pg_stat_get_blocks_fetched"
    "pg_stat_get_blocks_hit"
    "pg_stat_get_buf_alloc"
    "pg_stat_get_checkpointer_buffers_written"
    "pg_stat_get_checkpointer_num_performed"
    "pg_stat_get_checkpointer_num_requested"
    "pg_stat_get_checkpointer_num_timed"
    "pg_stat_get_checkpointer_restartpoints_performed"
    "pg_stat_get_checkpointer_restartpoints_requested"
    "pg_stat_get_checkpointer_restartpoints_timed"
    "pg_stat_get_checkpointer_slru_written"
    "pg_stat_get_checkpointer_stat_reset_time"
    "pg_stat_get_checkpointer_sync_time"
    "pg_stat_get_checkpointer_write_time"
    "pg_stat_get_db_active_time"
    "pg_stat_get_db_blk_read_time"
    "pg_stat_get_db_blk_write_time"
    "pg_stat_get_db_blocks_fetched"
    "pg_stat_get_db_blocks_hit"
    "pg_stat_get_db_checksum_failures"
    "pg_stat_get_db_checksum_last_failure"
    "pg_stat_get_db_conflict_all"
    "pg_stat_get_db_conflict_bufferpin"
    "pg_stat_get_db_conflict_lock"
    "pg_stat_get_db_conflict_logicalslot"
    "pg_stat_get_db_conflict_snapshot"
    "pg_stat_get_db_conflict_startup_deadlock"
    "pg_stat_get_db_conflict_tablespace"
    "pg_stat_get_db_deadlocks"
    "pg_stat_get_db_idle_in_transaction_time"
    "pg_stat_get_db_parallel_workers_launched"
    "pg_stat_get_db_parallel_workers_to_launch"
    "pg_stat_get_db_session_time"
    "pg_stat_get_db_sessions"
    "pg_stat_get_db_sessions_abandoned"
    "pg_stat_get_db_sessions_fatal"
    "pg_stat_get_db_sessions_killed"
    "pg_stat_get_db_stat_reset_time"
    "pg_stat_get_db_temp_bytes"
    "pg_stat_get_db_temp_files"
    "pg_stat_get_db_tuples_deleted"
    "pg_stat_get_db_tuples_fetched"
    "pg_stat_get_db_tuples_inserted"
    "pg_stat_get_db_tuples_returned"
    "pg_stat_get_db_tuples_updated"
    "pg_stat_get_db_xact_commit"
    "pg_stat_get_db_xact_rollback"
    "pg_stat_get_dead_tuples"
    "pg_stat_get_ins_since_vacuum"
    "pg_stat_get_last_analyze_time"
    "pg_stat_get_last_autoanalyze_time"
    "pg_stat_get_last_autovacuum_time"
    "pg_stat_get_last_vacuum_time"
    "pg_stat_get_lastscan"
    "pg_stat_get_mod_since_analyze"
    "pg_stat_get_numscans"
    "pg_stat_get_total_analyze_time"
    "pg_stat_get_total_autoanalyze_time"
    "pg_stat_get_total_autovacuum_time"
    "pg_stat_get_total_vacuum_time"
    "pg_stat_get_tuples_deleted"
    "pg_stat_get_tuples_fetched"
    "pg_stat_get_tuples_hot_updated"
    "pg_stat_get_tuples_inserted"
    "pg_stat_get_tuples_newpage_updated"
    "pg_stat_get_tuples_returned"
    "pg_stat_get_tuples_updated"
    "pg_stat_get_vacuum_count"
    "pg_stat_get_xact_blocks_fetched"
    "pg_stat_get_xact_blocks_hit"
    "pg_stat_get_xact_numscans"
    "pg_stat_get_xact_tuples_deleted"
    "pg_stat_get_xact_tuples_fetched"
    "pg_stat_get_xact_tuples_hot_updated"
    "pg_stat_get_xact_tuples_inserted"
    "pg_stat_get_xact_tuples_newpage_updated"
    "pg_stat_get_xact_tuples_returned"
    "pg_stat_get_xact_tuples_updated"
}

/// A counter that never counted, a time that never was.
fn zero(_: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    Ok(match context.result.oid {
        oids::INT8 => Datum::I64(0),
        oids::INT4 => Datum::I32(0),
        oids::FLOAT8 => Datum::F64(0.0),
        _ => Datum::Null,
    })
}

fn live(args: &[Datum], context: &CallContext<'_>) -> Result<Datum> {
    let access = access(context)?;
    let oid = oid_at(args, 0);
    let known = access.catalog.relations.contains_key(&oid);
    Ok(Datum::I64(if known { row_count(access, oid).max(0.0) as i64 } else { 0 }))
}
