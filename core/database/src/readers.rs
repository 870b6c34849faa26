//! `SQLite`'s connections for single questions.
//!
//! sqlx's pool asks a connection whether it is alive before each question and after it. To a server that is worth its
//! price; here each connection is a thread of this process, and two questions of three would be about nothing. These
//! connections are lent as they are. They carry no transaction from one question to the next: whoever needs one takes the
//! writer, which is sqlx's.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::AnyConnection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections that are free.
pub(crate) struct Readers {
    free: Mutex<Vec<AnyConnection>>,
    permits: Arc<Semaphore>,
    all: usize,
}

/// A connection that is lent.
pub(crate) struct Reader {
    readers: Arc<Readers>,
    connection: Option<AnyConnection>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    pub(crate) fn new(connections: Vec<AnyConnection>) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            all: connections.len(),
            free: Mutex::new(connections),
        })
    }

    /// A connection, when it is this question's turn.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Reader, sqlx::Error> {
        let permits = Arc::clone(&self.permits);
        let closed = || sqlx::Error::PoolClosed;
        let permit = permits.acquire_owned().await.map_err(|_| closed())?;
        let connection = self.stack().pop().ok_or_else(closed)?;
        Ok(Reader {
            readers: Arc::clone(self),
            connection: Some(connection),
            _permit: permit,
        })
    }

    /// How many there are, and how many are free.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.all, self.stack().len())
    }

    /// Lends none any more, and closes those that are free.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.stack().clear();
    }

    fn stack(&self) -> std::sync::MutexGuard<'_, Vec<AnyConnection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub(crate) fn on(&mut self) -> &mut AnyConnection {
        self.connection
            .as_mut()
            .expect("it is there until it is given back")
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.readers.permits.is_closed()
        {
            self.readers.stack().push(connection);
        }
    }
}
