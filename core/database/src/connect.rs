//! Opening a database and bringing its tables up to date.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use crate::DbError;
use crate::readers::Readers;

/// How long a question waits for a connection. A database that restarts is back by then.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// Which database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// Where the database is and how it is opened.
#[derive(Clone)]
pub struct DatabaseOptions {
    /// `sqlite://path`, `sqlite::memory:` or `postgres://user:password@host:port/name`.
    pub url: String,
    /// The owner of the tables, when the user of `url` may not change them: migrations run as this one. Not needed when
    /// there are none to run.
    pub owner_url: Option<String>,
    /// Connections at most.
    pub connections: u32,
}

impl DatabaseOptions {
    /// The address alone, and ten connections.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            owner_url: None,
            connections: 10,
        }
    }
}

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: u32,
    /// Those that nobody uses at the moment.
    pub idle: u32,
    /// As many as there may be.
    pub limit: u32,
}

/// The database. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Database {
    /// A file of SQLite has one writer: who waits for it waits in line, not on a lock that each tries again and again.
    pub(crate) pool: AnyPool,
    /// For single questions, where they are not the pool's as well.
    pub(crate) readers: Option<Arc<Readers>>,
    pub(crate) dialect: Dialect,
}

/// The address may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Opens a database as [`DatabaseOptions::new`] has it.
    ///
    /// # Errors
    /// As [`Database::open_with`].
    pub async fn open(url: &str) -> Result<Self, DbError> {
        Self::open_with(&DatabaseOptions::new(url)).await
    }

    /// Opens a database and brings its tables up to date. A file of SQLite is made if it is not there, readable by its
    /// owner only.
    ///
    /// # Errors
    /// [`DbError::InvalidUrl`], [`DbError::File`], [`DbError::Unavailable`], or [`DbError::Migrate`] for a database of a
    /// newer version.
    pub async fn open_with(options: &DatabaseOptions) -> Result<Self, DbError> {
        install_default_drivers();
        if is_postgres(&options.url) {
            match &options.owner_url {
                Some(owner) => migrate_postgres(owner, &options.url).await?,
                // A login that may only work needs nobody's help if there is nothing to change.
                None if is_up_to_date(&options.url).await? => {}
                None => migrate_postgres(&options.url, &options.url).await?,
            }
            let pool = AnyPoolOptions::new()
                .max_connections(options.connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .connect(&options.url)
                .await?;
            return Ok(Self {
                pool,
                readers: None,
                dialect: Dialect::Postgres,
            });
        }
        let (pool, address) = open_sqlite(&options.url).await?;
        SQLITE.run(&pool).await?;
        let readers = match address {
            Some(address) => Some(open_readers(&address).await?),
            None => None,
        };
        Ok(Self {
            pool,
            readers,
            dialect: Dialect::Sqlite,
        })
    }

    /// Whether other processes may work on this database at the same time.
    pub fn is_shared(&self) -> bool {
        self.dialect == Dialect::Postgres
    }

    /// How many connections are in use.
    pub fn pool_use(&self) -> PoolUse {
        let readers = self.readers.as_ref().map(|readers| readers.count());
        let (readers, free) = readers.unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        PoolUse {
            open: self.pool.size() + count(readers),
            idle: count(self.pool.num_idle() + free),
            limit: self.pool.options().get_max_connections() + count(readers),
        }
    }

    /// Closes all connections; SQLite folds its log into the file.
    pub async fn close(&self) {
        if let Some(readers) = &self.readers {
            readers.close();
        }
        self.pool.close().await;
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Runs the migrations as the owner, and lets the user of `url` take the roles that do the work.
async fn migrate_postgres(owner: &str, url: &str) -> Result<(), DbError> {
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect(owner)
        .await?;
    let mut migrator = Migrator {
        migrations: Cow::Borrowed(&POSTGRES.migrations),
        ..Migrator::DEFAULT
    };
    // While processes are replaced, and after going back, a release works on the tables of the next one, which only add.
    migrator.set_ignore_missing(true);
    migrator.run(&pool).await?;
    let user = percent_decoded(user_of(url));
    // Neither takes a parameter; the name is quoted by the server itself.
    let granted: (i64,) = sqlx::query_as(
        "SELECT count(*) FROM pg_roles member
         WHERE member.rolname = $1 AND pg_has_role(member.oid, 'geocrop_tenant', 'MEMBER')
            AND pg_has_role(member.oid, 'geocrop_system', 'MEMBER')",
    )
    .bind(&user)
    .fetch_one(&pool)
    .await?;
    if granted.0 == 0 {
        let quoted = format!("\"{}\"", user.replace('"', "\"\""));
        let grant = format!("GRANT geocrop_tenant, geocrop_system TO {quoted}");
        pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(grant)))
            .await?;
    }
    pool.close().await;
    Ok(())
}

/// Whether the login may work, and all migrations that this program knows were made.
async fn is_up_to_date(url: &str) -> Result<bool, DbError> {
    let mut connection = AnyConnection::connect(url).await?;
    // A new database has no such role and no such table; a new login may not take the role.
    let made = async {
        connection.execute("SET ROLE geocrop_system").await?;
        sqlx::query_as::<_, (i64, Vec<u8>)>(
            "SELECT version, checksum FROM _sqlx_migrations WHERE success",
        )
        .fetch_all(&mut connection)
        .await
    };
    let made = match made.await {
        Ok(made) => made,
        Err(sqlx::Error::Database(_)) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    connection.close().await?;
    Ok(POSTGRES.iter().all(|known| {
        made.iter()
            .any(|(version, checksum)| *version == known.version && **checksum == *known.checksum)
    }))
}

/// The user in an address, as it stands there.
fn user_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let Some((login, _)) = rest.split_once('@') else {
        return "";
    };
    login.split(':').next().unwrap_or(login)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = (bytes[i] == b'%')
            .then(|| text.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(bytes[i]));
        i += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Threads that read at the same time, at most.
const READERS: usize = 4;

/// Readers and a writer at once; a commit survives a power cut; a write waits for another process' write.
const SQLITE_SETTINGS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000";

async fn open_readers(address: &str) -> Result<Arc<Readers>, DbError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut readers = Vec::new();
    for _ in 0..cores.clamp(2, READERS) {
        let mut reader = AnyConnection::connect(address).await?;
        reader.execute(SQLITE_SETTINGS).await?;
        readers.push(reader);
    }
    Ok(Readers::new(readers))
}

/// The writer, and the address for others where there may be others.
async fn open_sqlite(url: &str) -> Result<(AnyPool, Option<String>), DbError> {
    let invalid = || DbError::InvalidUrl {
        url: url.split_once("://").map_or_else(
            || url.to_owned(),
            // What follows may hold a password.
            |(scheme, rest)| match scheme {
                "sqlite" => url.to_owned(),
                scheme => format!("{scheme}://{}", "*".repeat(rest.len().min(3))),
            },
        ),
    };
    let path = url
        .strip_prefix("sqlite://")
        .or_else(|| url.strip_prefix("sqlite:"))
        .ok_or_else(invalid)?;
    if matches!(path, ":memory:" | "memory" | "memory:") {
        // Each connection to memory would be a database of its own, and end with the connection.
        let pool = AnyPoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect("sqlite::memory:")
            .await?;
        return Ok((pool, None));
    }
    if path.is_empty() {
        return Err(invalid());
    }
    make_private_file(Path::new(path))?;
    let address = format!("sqlite://{}", percent_encoded(path));
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SQLITE_SETTINGS).await?;
                Ok(())
            })
        })
        .connect(&address)
        .await?;
    Ok((pool, Some(address)))
}

/// A path as it may stand in an address.
fn percent_encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

/// The file holds password hashes. SQLite gives its log and index files the permissions of the database.
fn make_private_file(path: &Path) -> Result<(), DbError> {
    let failed = |source| DbError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(|_| ())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_an_address_is_found_and_decoded() {
        for (url, user) in [
            ("postgres://geocrop:secret@host/db", "geocrop"),
            ("postgres://geo%40crop@host/db", "geo@crop"),
            ("postgres://host/db", ""),
        ] {
            assert_eq!(percent_decoded(user_of(url)), user, "{url}");
        }
    }

    #[tokio::test]
    async fn a_wrong_address_is_told_without_its_password() {
        let error = Database::open("mysql://me:secret@host/db")
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("mysql://"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
