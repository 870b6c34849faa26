//! A layer between a store and its backend that is told of every step before it is taken, and may delay or forbid it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use geocrop_store::Store;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// One step that a backend is asked to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Put,
    Begin,
    Part,
    Complete,
    Get,
    Delete,
    List,
}

type Before = Arc<dyn Fn(Step, &str) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// The store, with `before` awaited before each step.
pub(crate) fn layered(
    store: Store,
    before: impl Fn(Step, &str) -> BoxFuture<'static, Result<()>> + Send + Sync + 'static,
) -> Store {
    let before: Before = Arc::new(before);
    store.layered(|inner| {
        Arc::new(Layer {
            inner,
            before: Arc::clone(&before),
        })
    })
}

struct Layer {
    inner: Arc<dyn ObjectStore>,
    before: Before,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({:?})", self.inner)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Layer {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        (self.before)(Step::Put, location.as_ref()).await?;
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        (self.before)(Step::Begin, location.as_ref()).await?;
        Ok(Box::new(Upload {
            inner: self.inner.put_multipart_opts(location, options).await?,
            before: Arc::clone(&self.before),
            key: location.to_string(),
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        (self.before)(Step::Get, location.as_ref()).await?;
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let before = Arc::clone(&self.before);
        let asked = locations.and_then(move |location| {
            let allowed = before(Step::Delete, location.as_ref());
            async move { allowed.await.map(|()| location) }
        });
        self.inner.delete_stream(asked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.cloned();
        let allowed = (self.before)(Step::List, prefix.as_ref().map_or("", AsRef::as_ref));
        let inner = Arc::clone(&self.inner);
        async move { allowed.await.map(|()| inner.list(prefix.as_ref())) }
            .into_stream()
            .try_flatten()
            .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

struct Upload {
    inner: Box<dyn MultipartUpload>,
    before: Before,
    key: String,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({})", self.key)
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let allowed = (self.before)(Step::Part, &self.key);
        let part = self.inner.put_part(data);
        async move {
            allowed.await?;
            part.await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        (self.before)(Step::Complete, &self.key).await?;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.inner.abort().await
    }
}
