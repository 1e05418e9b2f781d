//! A client of any server that speaks PostgreSQL's protocol: queries by the simple protocol, loads by COPY.
//!
//! Answers are kept as COPY text (fields separated by tabs, `\N` for NULL), the form in which expected answers are
//! recorded.

use std::time::{Duration, Instant};

use bytes::Bytes;
use datasets::tpch::{Chunk, Format, Table, chunks};
use futures::SinkExt;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::Failure;

/// A connection to a server, with a name for tables.
pub struct Server {
    client: Client,
    /// `surus` or `postgres` with its version, from `SELECT version()`.
    pub name: String,
    /// The whole text of `SELECT version()`.
    pub version: String,
}

/// Indexes on foreign keys, as the specification allows: without them PostgreSQL reads all of lineitem for each row
/// of the outer query of Q17 and Q20.
pub const TPCH_INDEXES: [&str; 4] = [
    "CREATE INDEX ON lineitem (l_partkey, l_suppkey)",
    "CREATE INDEX ON lineitem (l_suppkey)",
    "CREATE INDEX ON orders (o_custkey)",
    "CREATE INDEX ON partsupp (ps_suppkey)",
];

/// An answer and how long it took from sending the query to having all rows.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows as COPY text.
    pub text: String,
    /// How many rows there are.
    pub rows: usize,
    /// From sending the query to the last row.
    pub time: Duration,
}

impl Server {
    /// Connects to a `postgres://` URL; the user is `postgres` unless it names one.
    pub async fn connect(url: &str) -> Result<Self, Failure> {
        let mut config: Config = url.parse().map_err(|error| format!("{url}: {}", describe(&error)))?;
        if config.get_user().is_none() {
            config.user("postgres");
        }
        let connected = config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| format!("{url}: {}", describe(&error)))?;
        tokio::spawn(connection);
        let mut server = Server { client, name: String::new(), version: String::new() };
        server.version = server.query("SELECT version()").await?.text.trim_end().to_string();
        server.name = short_name(&server.version);
        Ok(server)
    }

    /// Runs one query and takes all its rows.
    pub async fn query(&self, sql: &str) -> Result<Answer, Failure> {
        let start = Instant::now();
        let messages = self.client.simple_query(sql).await.map_err(|error| describe(&error))?;
        let time = start.elapsed();
        let mut answer = Answer { text: String::new(), rows: 0, time };
        for message in &messages {
            let SimpleQueryMessage::Row(row) = message else { continue };
            for column in 0..row.len() {
                if column > 0 {
                    answer.text.push('\t');
                }
                push_field(&mut answer.text, row.try_get(column)?);
            }
            answer.text.push('\n');
            answer.rows += 1;
        }
        Ok(answer)
    }

    /// Makes the TPC-H tables anew and loads them by COPY with a progress bar; returns how long it took.
    ///
    /// `indexes` are created after the load.
    pub async fn load_tpch(&self, scale: f64, indexes: &[&str]) -> Result<Duration, Failure> {
        let start = Instant::now();
        for table in Table::ALL {
            self.query(&format!("DROP TABLE IF EXISTS {}", table.name())).await?;
            self.query(table.ddl()).await?;
            self.copy(table, scale).await.map_err(|error| format!("loading {}: {error}", table.name()))?;
        }
        for index in indexes {
            self.query(index).await?;
        }
        // A server without statistics to gather need not know the statement.
        if let Err(error) = self.query("VACUUM ANALYZE").await {
            eprintln!("{}: VACUUM ANALYZE was not run: {error}", self.name);
        }
        Ok(start.elapsed())
    }

    async fn copy(&self, table: Table, scale: f64) -> Result<(), Failure> {
        let statement = table.copy_from_stdin();
        self.copy_in(&statement, table.name(), table.rows(scale), move || chunks(table, scale, Format::Copy))
            .await
    }

    /// Sends rows by COPY with a progress bar; `make` runs on a thread of its own.
    pub async fn copy_in<I: Iterator<Item = Chunk>>(
        &self,
        statement: &str,
        about: &str,
        rows: u64,
        make: impl FnOnce() -> I + Send + 'static,
    ) -> Result<(), Failure> {
        let bar = progress(rows, about);
        // A thread makes the rows while the connection sends those before them.
        let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
        let maker = tokio::task::spawn_blocking(move || {
            for chunk in make() {
                if sender.blocking_send(chunk).is_err() {
                    break;
                }
            }
        });
        let sink = self.client.copy_in(statement).await.map_err(|error| describe(&error))?;
        let mut sink = std::pin::pin!(sink);
        while let Some(chunk) = receiver.recv().await {
            bar.inc(chunk.rows as u64);
            sink.send(Bytes::from(chunk.data)).await.map_err(|error| describe(&error))?;
        }
        maker.await?;
        sink.finish().await.map_err(|error| describe(&error))?;
        bar.finish_and_clear();
        Ok(())
    }
}

/// Makes a progress bar that counts rows (or queries) and says what it is about.
pub fn progress(total: u64, about: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{msg:12} {wide_bar} {human_pos}/{human_len} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(about.to_string());
    bar
}

/// Says what went wrong with the server's message, SQLSTATE, detail and hint.
fn describe(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        return format!("{error}{}", cause.unwrap_or_default());
    };
    let mut text = format!("{} ({})", error.message(), error.code().code());
    for more in [error.detail(), error.hint()].into_iter().flatten() {
        text.push_str("; ");
        text.push_str(more);
    }
    text
}

/// Appends a field with COPY's escapes.
fn push_field(text: &mut String, field: Option<&str>) {
    let Some(field) = field else {
        text.push_str("\\N");
        return;
    };
    for character in field.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
}

/// Makes `surus` or `postgres 18.4` of a version text.
fn short_name(version: &str) -> String {
    if version.to_lowercase().contains("surus") {
        return "surus".to_string();
    }
    let mut words = version.split_whitespace();
    match (words.next(), words.next()) {
        (Some("PostgreSQL"), Some(number)) => format!("postgres {number}"),
        (Some(word), _) => word.to_lowercase(),
        (None, _) => "server".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_versions() {
        assert_eq!(short_name("PostgreSQL 18.4 on x86_64-pc-linux-gnu"), "postgres 18.4");
        assert_eq!(short_name("PostgreSQL 18.4 (Surus 0.1.0)"), "surus");
        assert_eq!(short_name(""), "server");
    }

    #[test]
    fn fields_are_escaped_as_copy_does() {
        let mut text = String::new();
        push_field(&mut text, Some("a\tb\\c\n"));
        push_field(&mut text, None);
        assert_eq!(text, "a\\tb\\\\c\\n\\N");
    }
}
