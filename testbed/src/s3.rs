//! An S3 server in this process, which can be told to fail.
//!
//! `s3s` speaks the protocol and checks signatures and payloads, `s3s-fs` keeps the objects in a folder. In front of
//! them, faults are injected into chosen requests. Requests that change something come one at a time, because `s3s-fs`
//! replaces an object and its tag one after the other, which a real server does not.

#![allow(
    clippy::unwrap_used,
    reason = "a server for tests, whose machine has a folder and a port for it"
)]

use std::convert::Infallible;
use std::io::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use s3s::access::S3Access;
use s3s::auth::SimpleAuth;
use s3s::dto::PutObjectInput;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Request, S3Result};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

/// The only user.
pub const ACCESS_KEY: &str = "test";
/// The only user's secret.
pub const SECRET_KEY: &str = "secret";
/// The only bucket.
pub const BUCKET: &str = "maps";

type Answer = Response<UnsyncBoxBody<Bytes, Error>>;

/// A request, as far as faults choose by it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What was to be done.
    pub method: Method,
    /// The path below the bucket.
    pub key: String,
    /// What follows the path.
    pub query: String,
}

impl Seen {
    /// Whether this is the method, on a key that ends so, with a query that has this in it.
    pub fn is(&self, method: &Method, key: &str, query: &str) -> bool {
        self.method == *method && self.key.ends_with(key) && self.query.contains(query)
    }
}

/// What is done to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answered with this status and S3 error code, and not carried out.
    Status(StatusCode, &'static str),
    /// Never answered, and not carried out.
    Slow,
    /// Carried out after a while.
    Late(Duration),
    /// The connection is cut while the request is read; it is not carried out.
    CutRequest,
    /// Carried out, but the connection is cut after this many bytes of the answer's body.
    CutAnswer(usize),
    /// Carried out, but the connection is cut before the answer.
    NoAnswer,
    /// One bit of the request's body is turned on the way.
    DamageRequest,
    /// Carried out, but one bit of the stored object is turned, and the tag is none that could be computed.
    DamageStored,
    /// Carried out, but the tag is none that could be computed.
    OtherTag,
    /// Carried out; then the sender learns of it, and the client waits for ever.
    Stop(mpsc::Sender<()>),
}

/// How much the server knows of conditional writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// It keeps to them.
    Kept,
    /// It takes the condition and writes in any case.
    Ignored,
    /// It answers 501.
    Refused,
}

struct Rule {
    chosen: Box<dyn Fn(&Seen) -> bool + Send>,
    fault: Fault,
    /// How many of the chosen requests pass first.
    after: usize,
    /// How many are then met.
    times: usize,
}

struct Shared {
    s3: S3Service,
    root: PathBuf,
    conditions: Conditions,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    changing: RwLock<()>,
}

/// The server. It ends with this value, and its objects are gone.
pub struct S3 {
    shared: Arc<Shared>,
    address: String,
    // Dropped in this order: first nobody serves, then the folder goes.
    runtime: Option<Runtime>,
    folder: tempfile::TempDir,
}

impl S3 {
    /// A server with an empty bucket.
    ///
    /// # Panics
    /// When the machine has no folder or port for it.
    pub fn start() -> Self {
        Self::that(Conditions::Kept)
    }

    /// The same, with other manners.
    ///
    /// # Panics
    /// When the machine has no folder or port for it.
    pub fn that(conditions: Conditions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut s3 = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        s3.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        if conditions == Conditions::Ignored {
            s3.set_access(Forgets);
        }
        let shared = Arc::new(Shared {
            s3: s3.build(),
            root: folder.path().to_owned(),
            conditions,
            rules: Mutex::default(),
            seen: Mutex::default(),
            changing: RwLock::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        Self {
            shared,
            address,
            runtime: Some(runtime),
            folder,
        }
    }

    /// Where it listens, as `http://127.0.0.1:<port>`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Does this to the next `times` requests that are chosen.
    pub fn inject(
        &self,
        fault: Fault,
        times: usize,
        chosen: impl Fn(&Seen) -> bool + Send + 'static,
    ) {
        self.inject_after(0, fault, times, chosen);
    }

    /// The same, after some have passed.
    pub fn inject_after(
        &self,
        after: usize,
        fault: Fault,
        times: usize,
        chosen: impl Fn(&Seen) -> bool + Send + 'static,
    ) {
        locked(&self.shared.rules).push(Rule {
            chosen: Box::new(chosen),
            fault,
            after,
            times,
        });
    }

    /// Ends all faults, and returns how many requests were still to be met.
    pub fn heal(&self) -> usize {
        let mut rules = locked(&self.shared.rules);
        let left = rules.iter().map(|rule| rule.times).sum();
        rules.clear();
        left
    }

    /// The requests since this was asked last.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut locked(&self.shared.seen))
    }

    /// How many uploads were begun and neither completed nor given up.
    ///
    /// # Panics
    /// When the folder cannot be read.
    pub fn unfinished_uploads(&self) -> usize {
        std::fs::read_dir(self.folder.path())
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_string_lossy().starts_with(".upload-")
            })
            .count()
    }

    /// The file that an object is kept in.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((connection, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.answer(request).await }
            });
            // A connection that was cut on purpose ends with an error, like any other.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

impl Shared {
    /// An error cuts the connection.
    async fn answer(&self, request: Request<Incoming>) -> Result<Answer, Error> {
        let (head, body) = request.into_parts();
        let key = head.uri.path().trim_start_matches('/');
        let seen = Seen {
            method: head.method.clone(),
            key: key
                .strip_prefix(BUCKET)
                .unwrap_or(key)
                .trim_start_matches('/')
                .to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
        };
        let fault = self.fault(&seen);
        locked(&self.seen).push(seen.clone());
        match fault {
            Some(Fault::Status(status, code)) => return Ok(refusal(status, code)),
            Some(Fault::Slow) => std::future::pending().await,
            Some(Fault::Late(pause)) => tokio::time::sleep(pause).await,
            Some(Fault::CutRequest) => return Err(Error::other("cut while it was read")),
            _ => {}
        }
        let mut body = body.collect().await.map_err(Error::other)?.to_bytes();
        if matches!(fault, Some(Fault::DamageRequest)) {
            body = with_a_bit_turned(&body).into();
        }
        if self.refuses(&seen, &head.headers) {
            return Ok(refusal(StatusCode::NOT_IMPLEMENTED, "NotImplemented"));
        }
        let (mut head, mut body) = {
            let request = Request::from_parts(head, s3s::Body::from(body));
            let (_read, _write);
            if seen.method == Method::GET || seen.method == Method::HEAD {
                _read = self.changing.read().await;
            } else {
                _write = self.changing.write().await;
            }
            let (head, body) = self
                .s3
                .call(request)
                .await
                .map_err(|error| Error::other(format!("{error:?}")))?
                .into_parts();
            let body = body.collect().await.map_err(Error::other)?;
            (head, body.to_bytes())
        };
        match fault {
            Some(Fault::CutAnswer(_)) if body.is_empty() => {
                return Err(Error::other("cut before the answer had a body"));
            }
            Some(Fault::NoAnswer) => return Err(Error::other("carried out, not answered")),
            Some(Fault::CutAnswer(bytes)) => return Ok(cut(head, &body, bytes)),
            Some(Fault::Stop(stopped)) => {
                let _ = stopped.send(());
                return std::future::pending().await;
            }
            Some(Fault::DamageStored) => {
                let file = self.root.join(BUCKET).join(&seen.key);
                let stored = std::fs::read(&file)?;
                std::fs::write(&file, with_a_bit_turned(&stored))?;
                body = set_other_tag(&mut head.headers, &body);
            }
            Some(Fault::OtherTag) => body = set_other_tag(&mut head.headers, &body),
            _ => {}
        }
        Ok(Response::from_parts(head, whole(body)))
    }

    fn fault(&self, seen: &Seen) -> Option<Fault> {
        let mut rules = locked(&self.rules);
        let rule = rules
            .iter_mut()
            .find(|rule| rule.times > 0 && (rule.chosen)(seen))?;
        if rule.after > 0 {
            rule.after -= 1;
            return None;
        }
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    /// Reading under a condition is as old as HTTP; only writing is not.
    fn refuses(&self, seen: &Seen, headers: &HeaderMap) -> bool {
        self.conditions == Conditions::Refused
            && seen.method == Method::PUT
            && [header::IF_MATCH, header::IF_NONE_MATCH]
                .iter()
                .any(|name| headers.contains_key(name))
    }
}

/// A server that forgets conditions, once it has checked that they were signed.
struct Forgets;

#[async_trait]
impl S3Access for Forgets {
    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        request.input.if_match = None;
        request.input.if_none_match = None;
        Ok(())
    }
}

fn whole(body: impl Into<Bytes>) -> UnsyncBoxBody<Bytes, Error> {
    Full::new(body.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

fn refusal(status: StatusCode, code: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>made up</Message></Error>"
    );
    let mut answer = Response::new(whole(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    answer
}

fn cut(mut head: hyper::http::response::Parts, body: &Bytes, bytes: usize) -> Answer {
    head.headers
        .insert(header::CONTENT_LENGTH, (body.len() + 1).into());
    let start = body.slice(..bytes.min(body.len()));
    let frames = [
        Ok(Frame::data(start)),
        Err(Error::other("cut while it was sent")),
    ];
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    Response::from_parts(head, body)
}

fn with_a_bit_turned(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes
}

/// The tag stands in a header, or in the body that answers the end of a multipart upload.
fn set_other_tag(headers: &mut HeaderMap, body: &Bytes) -> Bytes {
    const OTHER: &str = "00000000000000000000000000000000";
    if headers.contains_key(header::ETAG) {
        headers.insert(header::ETAG, header::HeaderValue::from_static(OTHER));
    }
    let text = String::from_utf8_lossy(body);
    let Some((before, rest)) = text.split_once("<ETag>") else {
        return body.clone();
    };
    let after = rest.split_once("</ETag>").map_or("", |(_, after)| after);
    let text = format!("{before}<ETag>{OTHER}</ETag>{after}");
    headers.remove(header::CONTENT_LENGTH);
    text.into()
}
