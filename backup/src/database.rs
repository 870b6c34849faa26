//! A copy of the database while others write to it.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::BackupError;

/// Copies a database of `SQLite` as it stands at one moment, and checks the copy.
///
/// `VACUUM INTO` reads within one transaction: writers go on beside it, and what they commit meanwhile is not in the copy.
/// The log that lies beside a database in use is worked in, so the copy is one file.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| match source {
        // SQLITE_FULL
        sqlx::Error::Database(ref error) if error.code().as_deref() == Some("13") => {
            BackupError::Full {
                path: to.to_owned(),
            }
        }
        source => BackupError::Copy {
            path: from.to_owned(),
            source,
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.into()))?;
    let found = runtime
        .block_on(async {
            let mut connection = open(from).await?;
            sqlx::query("VACUUM INTO ?")
                .bind(to.to_string_lossy())
                .execute(&mut connection)
                .await?;
            connection.close().await?;
            let mut copy = open(to).await?;
            let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
                .fetch_one(&mut copy)
                .await?;
            copy.close().await?;
            Ok(found)
        })
        .map_err(failed)?;
    if found != "ok" {
        return Err(BackupError::Unsound {
            path: from.to_owned(),
            found,
        });
    }
    Ok(())
}

async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // Its own mode of journal is left as it is.
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(std::time::Duration::from_secs(30))
        .connect()
        .await
}
