//! Server addresses: `postgres://user:password@host:port/database`.

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Role to connect as.
    pub user: String,
    /// Database.
    pub database: String,
}

impl ServerUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// When the scheme or the port is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or_else(|| format!("{text}: a server is given as postgres://user@host:port/database"))?;
        let rest = rest.split('?').next().unwrap_or(rest);
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, address) = authority.rsplit_once('@').unwrap_or(("postgres", authority));
        let user = user.split(':').next().unwrap_or(user);
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "5432"));
        let port = port.parse().map_err(|_| format!("{text}: {port} is not a port"))?;
        Ok(Self {
            host: if host.is_empty() { "127.0.0.1" } else { host }.to_owned(),
            port,
            user: if user.is_empty() { "postgres" } else { user }.to_owned(),
            database: if database.is_empty() { "postgres" } else { database }.to_owned(),
        })
    }
    /// Returns the same server with another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_defaults() {
        let url = ServerUrl::parse("postgres://127.0.0.1:5433").unwrap();
        assert_eq!((url.port, url.user.as_str(), url.database.as_str()), (5433, "postgres", "postgres"));
        let url = ServerUrl::parse("postgresql://me:secret@db/x?a=b").unwrap();
        assert_eq!((url.host.as_str(), url.port, url.user.as_str()), ("db", 5432, "me"));
        assert!(ServerUrl::parse("http://x").is_err());
    }
}
