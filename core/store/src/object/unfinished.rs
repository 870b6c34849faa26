//! Multipart uploads that nobody finished. A bucket hides them, and keeps and bills their parts for ever.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::multipart::MultipartStore;
use object_store::path::Path as Key;
use object_store::signer::{SignedUrlOptions, Signer};
use serde::Deserialize;

use super::bucket::Bucket;
use super::{Place, Store};
use crate::StoreError;
use crate::error::Operation;

/// The answer to `ListMultipartUploads`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    #[serde(rename = "Upload", default)]
    uploads: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    #[serde(rename = "UploadId")]
    id: String,
    initiated: DateTime<Utc>,
}

impl Store {
    /// Gives up the unfinished uploads of a bucket that were begun before `old`; returns their keys. Does nothing where
    /// the server does not list them or does not let us: its own rule for incomplete uploads is all there is then.
    pub(crate) fn abort_unfinished(&self, old: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        let Place::Bucket(bucket) = &self.place else {
            return Ok(Vec::new());
        };
        let mut aborted = Vec::new();
        for upload in self.unfinished(bucket)? {
            if upload.initiated >= old {
                continue;
            }
            let Ok(path) = Key::parse(&upload.key) else {
                continue;
            };
            let id = upload.id;
            let gone = self.attempt(|| {
                let (bucket, path, id) = (Arc::clone(bucket), path.clone(), id.clone());
                async move { bucket.client.abort_multipart(&path, &id).await }
            });
            match gone {
                Ok(()) => aborted.push(bucket.below_prefix(&upload.key).to_owned()),
                // Somebody else was faster.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(Operation::Remove, &upload.key, error)),
            }
        }
        Ok(aborted)
    }

    fn unfinished(&self, bucket: &Arc<Bucket>) -> Result<Vec<Upload>, StoreError> {
        let mut uploads = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .attempt(|| {
                    let (bucket, after) = (Arc::clone(bucket), after.clone());
                    async move { bucket.list_unfinished(after).await }
                })
                .map_err(|error| self.failed(Operation::List, "unfinished uploads", error))?;
            let Some(page) = page else { return Ok(uploads) };
            uploads.extend(page.uploads);
            match (page.is_truncated, page.next_key_marker) {
                (true, Some(key)) => {
                    after = Some((key, page.next_upload_id_marker.unwrap_or_default()));
                }
                _ => return Ok(uploads),
            }
        }
    }
}

impl Bucket {
    /// One page of uploads after a key and an upload; `None` when the server does not say.
    async fn list_unfinished(
        &self,
        after: Option<(String, String)>,
    ) -> object_store::Result<Option<Listing>> {
        let mut query = vec![("uploads".to_owned(), String::new())];
        if let Some(prefix) = &self.prefix {
            query.push(("prefix".to_owned(), format!("{prefix}/")));
        }
        if let Some((key, upload)) = after {
            query.push(("key-marker".to_owned(), key));
            query.push(("upload-id-marker".to_owned(), upload));
        }
        // `object_store` has no call for this listing; it signs any address, though.
        let url = self
            .client
            .signed_url_opts(
                http::Method::GET,
                &Key::default(),
                Duration::from_mins(5),
                &SignedUrlOptions::new().with_query(query),
            )
            .await?;
        let request: HttpRequest = http::Request::get(url.as_str())
            .body(HttpRequestBody::empty())
            .map_err(generic)?;
        let client = ReqwestConnector::default().connect(&self.client_options)?;
        let answer = client.execute(request).await.map_err(generic)?;
        if !answer.status().is_success() {
            return Ok(None);
        }
        let body: Vec<Bytes> = answer
            .into_body()
            .bytes_stream()
            .try_collect()
            .await
            .map_err(generic)?;
        quick_xml::de::from_reader(&*body.concat())
            .map(Some)
            .map_err(generic)
    }
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: error.into(),
    }
}
