//! Asking a model server, a few times if it is busy or away.

use std::io::Read as _;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::RemoteError;
use crate::recipe::RemoteModel;
use crate::{Progress, TaskError};

/// Attempts at a server that refuses connections or says that it is busy.
const ATTEMPTS: u32 = 5;
/// Attempts at one that does not answer in time: each costs a whole timeout.
const SLOW_ATTEMPTS: u32 = 2;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, also when the server asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Bytes of an answer: a batch of probabilities takes far less.
const LONGEST_ANSWER: u64 = 64 << 20;

/// A client of one server.
#[derive(Debug)]
pub(super) struct Asker {
    client: Client,
    token: Option<String>,
}

/// How an attempt failed that may succeed later.
struct Passing {
    reason: String,
    slow: bool,
    wanted: Option<Duration>,
}

impl Asker {
    pub(super) fn new(remote: &RemoteModel) -> Result<Self, TaskError> {
        let token = remote
            .token_env
            .as_ref()
            .map(|variable| {
                std::env::var(variable).map_err(|_| RemoteError::NoToken {
                    url: remote.url.clone(),
                    variable: variable.clone(),
                })
            })
            .transpose()?;
        let client = Client::builder()
            .timeout(Duration::from_secs_f64(remote.timeout))
            // A token goes to the server that the recipe names, and to no other.
            .redirect(Policy::none())
            .user_agent(concat!("geocrop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| RemoteError::Client {
                url: remote.url.clone(),
                reason: error.to_string(),
            })?;
        Ok(Self { client, token })
    }

    pub(super) fn get(&self, url: &str, progress: &Progress) -> Result<Vec<u8>, TaskError> {
        self.send(url, progress, || self.client.get(url))
    }

    pub(super) fn post(
        &self,
        url: &str,
        body: &str,
        progress: &Progress,
    ) -> Result<Vec<u8>, TaskError> {
        self.send(url, progress, || {
            let request = self.client.post(url);
            request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned())
        })
    }

    fn send(
        &self,
        url: &str,
        progress: &Progress,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Vec<u8>, TaskError> {
        let mut attempt = 1;
        let mut pause = FIRST_PAUSE;
        loop {
            progress.check()?;
            let request = match &self.token {
                Some(token) => request().bearer_auth(token),
                None => request(),
            };
            let passing = match once(url, request)? {
                Ok(answer) => return Ok(answer),
                Err(passing) => passing,
            };
            let most = if passing.slow {
                SLOW_ATTEMPTS
            } else {
                ATTEMPTS
            };
            if attempt >= most {
                return Err(RemoteError::Away {
                    url: url.to_owned(),
                    attempts: attempt,
                    reason: passing.reason,
                }
                .into());
            }
            wait(
                passing
                    .wanted
                    .unwrap_or_default()
                    .max(pause)
                    .min(LONGEST_PAUSE),
                progress,
            )?;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }
}

/// Sleeps, unless the task is to end.
fn wait(pause: Duration, progress: &Progress) -> Result<(), TaskError> {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        progress.check()?;
        std::thread::sleep(Duration::from_millis(20).min(pause));
    }
    Ok(())
}

fn once(url: &str, request: RequestBuilder) -> Result<Result<Vec<u8>, Passing>, TaskError> {
    let passing = |error: &(dyn std::error::Error + 'static), slow| Passing {
        reason: causes(error),
        slow,
        wanted: None,
    };
    let response = match request.send() {
        Ok(response) => response,
        Err(error) => return Ok(Err(passing(&error, error.is_timeout()))),
    };
    let status = response.status();
    let wanted = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let mut answer = Vec::new();
    let read = response.take(LONGEST_ANSWER + 1).read_to_end(&mut answer);
    if let Err(error) = read {
        let slow =
            error.kind() == std::io::ErrorKind::TimedOut || error.to_string().contains("timed out");
        return Ok(Err(passing(&error, slow)));
    }
    if answer.len() as u64 > LONGEST_ANSWER {
        return Err(RemoteError::Answer {
            url: url.to_owned(),
            reason: format!("more than {LONGEST_ANSWER} bytes"),
        }
        .into());
    }
    if status.is_success() {
        return Ok(Ok(answer));
    }
    let words = words(&answer);
    let busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if busy.contains(&status) {
        return Ok(Err(Passing {
            reason: format!("{status}: {words}"),
            slow: false,
            wanted,
        }));
    }
    Err(RemoteError::Refused {
        url: url.to_owned(),
        status: status.as_u16(),
        words,
    }
    .into())
}

/// What an error document says: its member `error`, or its first words.
fn words(answer: &[u8]) -> String {
    let json: Option<serde_json::Value> = serde_json::from_slice(answer).ok();
    let told = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let text = told.map_or_else(
        || String::from_utf8_lossy(answer).into_owned(),
        str::to_owned,
    );
    let text: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    if text.trim().is_empty() {
        "no words".to_owned()
    } else {
        text
    }
}

/// An error with what lies behind it: `reqwest` names only the outermost by itself.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}
