//! The testbed's S3 server, as stores reach it.

use std::ops::Deref;
use std::time::Duration;

use geocrop_store::{Credentials, Patience, S3Settings, Store};
use geocrop_testbed::s3::{ACCESS_KEY, S3, SECRET_KEY};
pub(crate) use geocrop_testbed::s3::{BUCKET, Conditions, Fault, Seen};

pub(crate) struct Server(S3);

impl Deref for Server {
    type Target = S3;

    fn deref(&self) -> &S3 {
        &self.0
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self(S3::start())
    }

    pub(crate) fn that(conditions: Conditions) -> Self {
        Self(S3::that(conditions))
    }

    pub(crate) fn settings(&self) -> S3Settings {
        settings(self.address())
    }

    /// The whole bucket as a store.
    pub(crate) fn store(&self) -> Store {
        self.store_at("")
    }

    /// A folder of keys as a store.
    pub(crate) fn store_at(&self, prefix: &str) -> Store {
        Store::open_with(&format!("s3://{BUCKET}/{prefix}"), &self.settings()).unwrap()
    }
}

/// How the server at an address is reached: with little patience, because nobody else is on the line.
pub(crate) fn settings(address: &str) -> S3Settings {
    S3Settings {
        endpoint: Some(address.to_owned()),
        region: Some("us-east-1".to_owned()),
        credentials: Some(Credentials {
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: SECRET_KEY.to_owned(),
        }),
        patience: Patience {
            request: Duration::from_secs(10),
            tries: 4,
            total: Duration::from_mins(1),
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
        },
        ..S3Settings::default()
    }
}
