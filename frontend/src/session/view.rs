//! The settings that every statement asks for, parsed once for each change of a setting.

use std::sync::Arc;
use std::time::Duration;

use executor::context::ExecutionOptions;
use storage::IsolationLevel;
use types::io::{ByteaOutput, DateOrder, DateStyle, IntervalStyle, IoContext};

use super::Session;
use super::settings::{Settings, time_zone};

/// When prepared statements are planned with the values of their parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanCacheMode {
    /// As it seems best.
    Auto,
    /// Never.
    Generic,
    /// Always.
    Custom,
}

/// See the module.
pub struct SettingsView {
    /// The version of the settings that this shows.
    version: u64,
    /// `search_path` as it is set.
    pub search_path: Vec<String>,
    /// `application_name`
    pub application_name: String,
    /// `statement_timeout`
    pub statement_timeout: Option<Duration>,
    /// `transaction_timeout`
    pub transaction_timeout: Option<Duration>,
    /// `idle_session_timeout`
    pub idle_session_timeout: Option<Duration>,
    /// `idle_in_transaction_session_timeout`
    pub idle_in_transaction_timeout: Option<Duration>,
    /// `transaction_isolation`
    pub isolation: IsolationLevel,
    /// `default_transaction_isolation`
    pub default_isolation: IsolationLevel,
    /// `transaction_read_only`
    pub read_only: bool,
    /// `default_transaction_read_only`
    pub default_read_only: bool,
    /// `transaction_deferrable`
    pub deferrable: bool,
    /// `default_transaction_deferrable`
    pub default_deferrable: bool,
    /// Whether BEGIN has nothing to set: the transaction's parameters are the defaults.
    pub begins_as_is: bool,
    /// `surus.concurrency_control` is optimistic.
    pub optimistic: bool,
    /// `synchronous_commit` is off.
    pub asynchronous_commit: bool,
    /// `plan_cache_mode`
    pub plan_cache_mode: PlanCacheMode,
    /// `surus.statement_memory` in bytes; 0: no limit.
    pub statement_memory_bytes: u64,
    /// How statements run; `threads` is 0 where the server's number is meant.
    pub options: ExecutionOptions,
    /// What input and output of values depend on, but for time and names.
    pub io: IoContext,
}

impl SettingsView {
    /// Returns the version of the settings that this shows.
    pub fn version(&self) -> u64 {
        self.version
    }

    fn new(settings: &Settings) -> Self {
        let duration = |name: &str| {
            let milliseconds = u64::try_from(settings.integer(name)).unwrap_or(0);
            (milliseconds > 0).then(|| Duration::from_millis(milliseconds))
        };
        let isolation = |name: &str| match settings.raw(name).as_str() {
            "repeatable read" => IsolationLevel::RepeatableRead,
            "serializable" => IsolationLevel::Serializable,
            _ => IsolationLevel::ReadCommitted,
        };
        let memory = u64::try_from(settings.integer("surus.statement_memory")).unwrap_or(0);
        let lanes = usize::try_from(settings.integer("surus.batch_lanes")).unwrap_or(2048);
        Self {
            version: settings.version(),
            search_path: settings.search_path(),
            application_name: settings.raw("application_name"),
            statement_timeout: duration("statement_timeout"),
            transaction_timeout: duration("transaction_timeout"),
            idle_session_timeout: duration("idle_session_timeout"),
            idle_in_transaction_timeout: duration("idle_in_transaction_session_timeout"),
            isolation: isolation("transaction_isolation"),
            default_isolation: isolation("default_transaction_isolation"),
            read_only: settings.bool("transaction_read_only"),
            default_read_only: settings.bool("default_transaction_read_only"),
            deferrable: settings.bool("transaction_deferrable"),
            default_deferrable: settings.bool("default_transaction_deferrable"),
            begins_as_is: ["isolation", "read_only", "deferrable"].iter().all(|part| {
                settings.raw(&format!("transaction_{part}"))
                    == settings.raw(&format!("default_transaction_{part}"))
            }),
            optimistic: settings.raw("surus.concurrency_control") == "optimistic",
            asynchronous_commit: settings.raw("synchronous_commit") == "off",
            plan_cache_mode: match settings.raw("plan_cache_mode").as_str() {
                "force_generic_plan" => PlanCacheMode::Generic,
                "force_custom_plan" => PlanCacheMode::Custom,
                _ => PlanCacheMode::Auto,
            },
            statement_memory_bytes: memory << 10,
            options: ExecutionOptions {
                threads: usize::try_from(settings.integer("surus.threads")).unwrap_or(0),
                force_row: settings.raw("surus.execution") == "row",
                batch_lanes: lanes.clamp(1, 2048),
            },
            io: io_context(settings),
        }
    }
}

impl Session {
    /// Returns the settings as they are now.
    pub fn view(&self) -> Arc<SettingsView> {
        let mut kept = self.kept_view.lock();
        match &*kept {
            Some(view) if view.version == self.settings_version() => Arc::clone(view),
            Some(_) | None => {
                let view = Arc::new(SettingsView::new(&self.settings.lock()));
                *kept = Some(Arc::clone(&view));
                view
            }
        }
    }
}

/// Returns the settings that input and output of values depend on.
fn io_context(settings: &Settings) -> IoContext {
    let date_style = settings.raw("datestyle");
    let (style, order) = date_style.split_once(", ").unwrap_or(("ISO", "MDY"));
    IoContext {
        date_style: match style {
            "SQL" => DateStyle::Sql,
            "Postgres" => DateStyle::Postgres,
            "German" => DateStyle::German,
            _ => DateStyle::Iso,
        },
        date_order: match order {
            "DMY" => DateOrder::Dmy,
            "YMD" => DateOrder::Ymd,
            _ => DateOrder::Mdy,
        },
        interval_style: match settings.raw("intervalstyle").as_str() {
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        },
        time_zone: time_zone(&settings.raw("timezone")),
        extra_float_digits: i32::try_from(settings.integer("extra_float_digits")).unwrap_or(1),
        bytea_output: if settings.raw("bytea_output") == "escape" {
            ByteaOutput::Escape
        } else {
            ByteaOutput::Hex
        },
        array_nulls: settings.raw("array_nulls") != "off",
        quote_all_identifiers: settings.raw("quote_all_identifiers") == "on",
        transform_null_equals: settings.raw("transform_null_equals") == "on",
        now: 0,
        names: None,
    }
}
