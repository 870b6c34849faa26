//! In whose name a question is asked.
//!
//! In PostgreSQL a transaction takes the role `geocrop_tenant` and names the tenant, or takes `geocrop_system`; row-level
//! security does the rest, also for a question that forgot its tenant. SQLite has one user; there, the questions
//! themselves name the tenant, as they do everywhere.

use geocrop_store::Slug;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, Transaction};

use crate::connect::Dialect;
use crate::readers::Reader;
use crate::{Database, DbError};

/// Whose rows may be seen and changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// One tenant's.
    Tenant(&'a Slug),
    /// Everybody's: the queue, and finding out who somebody is.
    System,
}

/// Questions asked in one name. A write ends with [`Work::commit`]; dropped before, nothing was changed.
pub(crate) struct Work {
    inner: Inner,
    dialect: Dialect,
}

enum Inner {
    /// A single statement of SQLite needs no transaction around it.
    Reader(Reader),
    /// The same in a database that has one connection for everything.
    Plain(PoolConnection<Any>),
    Transaction(Transaction<'static, Any>),
}

impl Database {
    /// For questions that change nothing, or for one statement that changes something in SQLite.
    pub(crate) async fn one(&self, scope: Scope<'_>) -> Result<Work, DbError> {
        match self.dialect {
            Dialect::Sqlite => Ok(Work {
                inner: match &self.readers {
                    Some(readers) => Inner::Reader(readers.lend().await?),
                    None => Inner::Plain(self.pool.acquire().await?),
                },
                dialect: self.dialect,
            }),
            Dialect::Postgres => self.write(scope).await,
        }
    }

    /// For changes that are made together or not at all.
    pub(crate) async fn write(&self, scope: Scope<'_>) -> Result<Work, DbError> {
        let transaction = match self.dialect {
            // Takes the right to write at once: whoever reads first and writes later could be too late.
            Dialect::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.pool.begin().await?,
        };
        let mut work = Work {
            inner: Inner::Transaction(transaction),
            dialect: self.dialect,
        };
        work.become_(scope).await?;
        Ok(work)
    }
}

impl Work {
    /// The connection to ask on.
    pub(crate) fn on(&mut self) -> &mut AnyConnection {
        match &mut self.inner {
            Inner::Reader(reader) => reader.on(),
            Inner::Plain(connection) => connection,
            Inner::Transaction(transaction) => transaction,
        }
    }

    /// Goes on in another name, in the same transaction.
    pub(crate) async fn become_(&mut self, scope: Scope<'_>) -> Result<(), DbError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        let (role, tenant) = match scope {
            Scope::Tenant(tenant) => ("geocrop_tenant", tenant.as_str()),
            Scope::System => ("geocrop_system", ""),
        };
        // For this transaction alone: the connection goes back to the pool as it was.
        sqlx::query("SELECT set_config('role', $1, true), set_config('app.tenant', $2, true)")
            .bind(role)
            .bind(tenant)
            .fetch_one(self.on())
            .await?;
        Ok(())
    }

    /// Makes the changes.
    pub(crate) async fn commit(self) -> Result<(), DbError> {
        if let Inner::Transaction(transaction) = self.inner {
            transaction.commit().await?;
        }
        Ok(())
    }
}
