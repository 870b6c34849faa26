//! Buckets on S3 servers: how one is reached, and what it knows to do.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::retry::Patience;

/// How an S3 server is reached. What is not given here comes from the `AWS_*` variables.
#[derive(Debug, Clone, Default)]
pub struct S3Settings {
    /// The server's address, such as `https://s3.example.org`; `None` for Amazon's.
    pub endpoint: Option<String>,
    /// The region. Most servers of one's own want one, and do not mind which.
    pub region: Option<String>,
    /// Who asks; `None` for whatever the `AWS_*` variables say.
    pub credentials: Option<Credentials>,
    /// Does without the `x-amz-checksum-sha256` header, for a server that does not bear it.
    pub without_checksums: bool,
    /// How long the server is waited for.
    pub patience: Patience,
}

/// An access key. Debug output hides the secret.
#[derive(Clone)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    /// The settings of the environment: `S3_ENDPOINT`, `S3_REGION` and `S3_CHECKSUMS` (`off`).
    pub fn from_env() -> Self {
        Self {
            endpoint: std::env::var("S3_ENDPOINT").ok(),
            region: std::env::var("S3_REGION").ok(),
            credentials: None,
            without_checksums: std::env::var("S3_CHECKSUMS").is_ok_and(|value| value == "off"),
            patience: Patience::default(),
        }
    }

    fn uses_http(&self) -> bool {
        self.endpoint
            .as_deref()
            .is_some_and(|endpoint| endpoint.starts_with("http://"))
    }

    fn builder(&self, bucket: &str) -> AmazonS3Builder {
        let mut builder = self
            .patience
            .limit(AmazonS3Builder::from_env())
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(false)
            // Every server that checks signatures then checks the body's SHA-256 too.
            .with_unsigned_payload(false)
            // Not all servers know how to remove many objects at once, and the store removes one at a time.
            .with_disable_bulk_delete(true);
        if let Some(endpoint) = &self.endpoint {
            builder = builder
                .with_allow_http(self.uses_http())
                .with_endpoint(endpoint);
        }
        if let Some(region) = &self.region {
            builder = builder.with_region(region);
        }
        if let Some(credentials) = &self.credentials {
            builder = builder
                .with_access_key_id(&credentials.access_key_id)
                .with_secret_access_key(&credentials.secret_access_key);
        }
        let chosen = builder.get_config_value(&AmazonS3ConfigKey::Checksum);
        if chosen.is_none() && !self.without_checksums {
            builder = builder.with_checksum_algorithm(Checksum::SHA256);
        }
        builder
    }
}

/// A bucket, or a folder of keys in one, and what is known of its server.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: AmazonS3,
    /// One that never tries again: what a conditional write may repeat is decided by its caller.
    pub(super) once: AmazonS3,
    pub(super) prefix: Option<Key>,
    pub(super) patience: Patience,
    /// For the requests that `object_store` has no call for.
    pub(super) client_options: ClientOptions,
    /// The server said that it does not know conditional writes. One that silently ignores the condition is not noticed
    /// here; see [`super::Store::put_if`].
    pub(super) refuses_conditions: AtomicBool,
    /// The server's tags are not the MD5 of the bytes, so they prove nothing.
    pub(super) has_other_tags: AtomicBool,
}

impl Bucket {
    /// Connects to no one yet.
    pub(super) fn open(
        settings: &S3Settings,
        bucket: &str,
        prefix: Option<Key>,
    ) -> object_store::Result<Self> {
        let once = RetryConfig {
            max_retries: 0,
            ..settings.patience.retry_config()
        };
        Ok(Self {
            client: settings.builder(bucket).build()?,
            once: settings.builder(bucket).with_retry(once).build()?,
            prefix,
            patience: settings.patience.clone(),
            client_options: ClientOptions::new()
                .with_allow_http(settings.uses_http())
                .with_timeout(settings.patience.request),
            refuses_conditions: AtomicBool::new(false),
            has_other_tags: AtomicBool::new(false),
        })
    }

    /// What lies below the prefix, as one of the clients reaches it.
    pub(super) fn through(&self, client: &AmazonS3) -> Arc<dyn ObjectStore> {
        match &self.prefix {
            None => Arc::new(client.clone()),
            Some(prefix) => Arc::new(PrefixStore::new(client.clone(), prefix.clone())),
        }
    }

    /// A key of the bucket as the store has it.
    pub(super) fn below_prefix<'a>(&self, key: &'a str) -> &'a str {
        self.prefix
            .as_ref()
            .and_then(|prefix| key.strip_prefix(prefix.as_ref())?.strip_prefix('/'))
            .unwrap_or(key)
    }
}
