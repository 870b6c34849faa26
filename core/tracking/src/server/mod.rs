//! An MLflow server: its address, who asks, and how patiently.

mod calls;
mod credentials;

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;

use crate::TrackingError;
use crate::files::failed;

pub(crate) use calls::{RemoteRun, Version};
pub use credentials::Credentials;

/// How long a server is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often a request is made before it has failed, at least once.
    pub tries: u32,
    /// The pause after the first failure; each further one is twice as long.
    pub first_pause: Duration,
    /// How long one answer may take. An artifact has a second more for each megabyte.
    pub answer: Duration,
}

impl Default for Patience {
    /// Three tries within half a minute each: a training that has ended waits no longer for a server.
    fn default() -> Self {
        Self {
            tries: 3,
            first_pause: Duration::from_millis(500),
            answer: Duration::from_secs(30),
        }
    }
}

/// An MLflow server, by its REST API, version 2.0.
#[derive(Debug)]
pub struct Server {
    client: Client,
    address: Url,
    credentials: Credentials,
    patience: Patience,
}

/// What becomes of a request that went wrong.
pub(crate) enum Trouble {
    /// It may go better in a moment.
    Passing {
        /// Whether the server said so itself.
        answered: bool,
        reason: String,
    },
    /// It will not.
    Lasting(TrackingError),
}

impl From<TrackingError> for Trouble {
    fn from(error: TrackingError) -> Self {
        Self::Lasting(error)
    }
}

impl Server {
    /// A server by its address, like `http://mlflow:5000`, with a path where one leads to it. Nothing is asked yet.
    ///
    /// # Errors
    /// [`TrackingError::Address`].
    pub fn new(
        address: &str,
        credentials: Credentials,
        patience: Patience,
    ) -> Result<Self, TrackingError> {
        let address = parse(address)?;
        let client = Client::builder()
            .connect_timeout(patience.answer.min(Duration::from_secs(5)))
            // A redirected POST would become a GET.
            .redirect(Policy::none())
            .user_agent(concat!("geocrop/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| TrackingError::Address {
                address: address.to_string(),
                reason: format!("no client can be made for: {error}"),
            })?;
        Ok(Self {
            client,
            address,
            credentials,
            patience,
        })
    }

    /// Its address, without a slash at its end.
    pub fn address(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    /// Does it until it works, as often as patience lasts.
    pub(crate) fn patiently<T>(
        &self,
        doing: &'static str,
        mut request: impl FnMut() -> Result<T, Trouble>,
    ) -> Result<T, TrackingError> {
        let mut pause = self.patience.first_pause;
        let mut tries = 1;
        loop {
            match request() {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing { answered, reason }) if tries >= self.patience.tries => {
                    return Err(TrackingError::Unreachable {
                        address: self.address().to_owned(),
                        doing,
                        tries,
                        reason,
                        answered,
                    });
                }
                Err(Trouble::Passing { .. }) => {
                    std::thread::sleep(pause);
                    pause *= 2;
                    tries += 1;
                }
            }
        }
    }

    fn get(
        &self,
        doing: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, Trouble> {
        let request = self
            .client
            .get(self.below(&["api/2.0/mlflow", path]))
            .query(query);
        self.ask(doing, request, self.patience.answer)
    }

    fn post(&self, doing: &'static str, path: &str, body: &Value) -> Result<Value, Trouble> {
        let request = self
            .client
            .post(self.below(&["api/2.0/mlflow", path]))
            .json(body);
        self.ask(doing, request, self.patience.answer)
    }

    fn patch(&self, doing: &'static str, path: &str, body: &Value) -> Result<Value, Trouble> {
        let request = self
            .client
            .patch(self.below(&["api/2.0/mlflow", path]))
            .json(body);
        self.ask(doing, request, self.patience.answer)
    }

    /// Sends a file as it lies there, never whole in memory. `path` is below the server's artifacts.
    pub(crate) fn put(&self, doing: &'static str, path: &str, from: &Path) -> Result<(), Trouble> {
        let file = File::open(from).map_err(failed("read", from))?;
        let size = file.metadata().map_err(failed("read", from))?.len();
        let request = self
            .client
            .put(self.below(&["api/2.0/mlflow-artifacts/artifacts", path]))
            .body(Body::sized(file, size));
        let patience = self.patience.answer + Duration::from_secs(size / 1_000_000);
        match self.ask(doing, request, patience) {
            // The only call that MLflow answers with nothing.
            Err(Trouble::Lasting(TrackingError::Answer { found, .. })) if found.is_empty() => {
                Ok(())
            }
            answer => answer.map(|_| ()),
        }
    }

    /// The address with these paths after it, each part escaped.
    fn below(&self, paths: &[&str]) -> Url {
        let mut address = self.address.clone();
        // An http address always has a path.
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty();
            for path in paths {
                segments.extend(path.split('/'));
            }
        }
        address
    }

    fn ask(
        &self,
        doing: &'static str,
        request: RequestBuilder,
        patience: Duration,
    ) -> Result<Value, Trouble> {
        let passing = |error: reqwest::Error| Trouble::Passing {
            answered: false,
            reason: causes(&error.without_url()),
        };
        let answer = self
            .credentials
            .sign(request)
            .timeout(patience)
            .send()
            .map_err(passing)?;
        let status = answer.status();
        let moved = location(&answer);
        let text = answer.text().map_err(passing)?;
        let value = serde_json::from_str::<Value>(&text).ok();
        if status.is_success() {
            return value.filter(Value::is_object).ok_or_else(|| {
                Trouble::Lasting(TrackingError::Answer {
                    address: self.address().to_owned(),
                    doing,
                    found: beginning(&text),
                })
            });
        }
        let field = |name: &str| {
            let value = value.as_ref().and_then(|value| value.get(name));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        let message = field("message").or(moved).unwrap_or(text);
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Trouble::Passing {
                answered: true,
                reason: format!("it answered {status}, {}", beginning(&message)),
            });
        }
        Err(Trouble::Lasting(TrackingError::Refused {
            address: self.address().to_owned(),
            doing,
            status: status.as_u16(),
            code: field("error_code").unwrap_or_default(),
            message: beginning(&message),
            advice: advice(status.as_u16()),
        }))
    }
}

fn parse(address: &str) -> Result<Url, TrackingError> {
    let wrong = |reason: &str| TrackingError::Address {
        // What comes before an @ may be a password.
        address: address.rsplit('@').next().unwrap_or_default().to_owned(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(address).map_err(|error| wrong(&format!("is no address: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "has a user or a password before it; put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        ));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("is no address of a web server"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("goes on after its path"));
    }
    Ok(url)
}

/// An error with what caused it: reqwest's own words are only that a request failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}

fn location(answer: &Response) -> Option<String> {
    let header = answer.headers().get("location")?;
    Some(format!("go to {}", header.to_str().ok()?))
}

/// The beginning of an answer, on one line.
fn beginning(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(300).collect()
}

fn advice(status: u16) -> &'static str {
    match status {
        300..=399 => "put the address that it points to into mlflow.url",
        401 => {
            "set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        }
        403 => {
            "check that this user may write there, and that the server's --allowed-hosts has the host of mlflow.url"
        }
        404 => {
            "check that mlflow.url is MLflow's own address, and that nobody deleted what was there"
        }
        413 => "raise the limit on the size of requests in what stands before MLflow",
        _ => "the server's log may say more",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(address: &str) -> String {
        Server::new(address, Credentials::None, Patience::default())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        let words = refusal("http://ada:verysecret@mlflow:5000");
        assert!(
            !words.contains("verysecret") && !words.contains("ada"),
            "{words}"
        );
        assert!(words.contains("MLFLOW_TRACKING_PASSWORD"), "{words}");
        let words = refusal("ada:verysecret@");
        assert!(!words.contains("verysecret"), "{words}");
    }

    #[test]
    fn addresses_of_no_web_server_are_refused() {
        for address in [
            "",
            "mlflow",
            "file:///runs",
            "mlflow:5000",
            "http://mlflow/?a=b",
            "http://mlflow/#x",
        ] {
            assert!(refusal(address).contains("expected one like"), "{address}");
        }
    }

    #[test]
    fn paths_are_escaped_below_the_address_and_its_own_path() {
        let server =
            |address| Server::new(address, Credentials::None, Patience::default()).unwrap();
        assert_eq!(
            server("http://h/mlflow/")
                .below(&["api", "m x/ü.json"])
                .as_str(),
            "http://h/mlflow/api/m%20x/%C3%BC.json"
        );
        assert_eq!(server("http://h").below(&["api"]).as_str(), "http://h/api");
    }
}
