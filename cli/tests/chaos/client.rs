//! A client that does not give up: it sends again what was not answered, with the same word.

use std::thread;
use std::time::{Duration, Instant};

use reqwest::blocking::{RequestBuilder, Response};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::house::PASSWORD;

const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Client {
    http: reqwest::blocking::Client,
    address: String,
    token: String,
}

impl Client {
    pub(crate) fn log_in(address: &str, name: &str) -> Self {
        let mut client = Self {
            http: reqwest::blocking::Client::builder()
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
            address: address.to_owned(),
            token: String::new(),
        };
        let login = json!({ "username": name, "password": PASSWORD });
        let answer = client.insist(&Method::POST, "/v1/auth/token", |r| r.json(&login));
        let answer: Value = answer.error_for_status().unwrap().json().unwrap();
        answer["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut client.token);
        client
    }

    /// Asks for a job until it is accepted; its id.
    pub(crate) fn submit(&self, order: &Value, word: &str) -> String {
        let answer = self.insist(&Method::POST, "/v1/jobs", |request| {
            request.header("idempotency-key", word).json(order)
        });
        let status = answer.status();
        let job: Value = answer.json().unwrap();
        // 200: it was accepted before, and the answer was lost.
        assert!(
            status == StatusCode::ACCEPTED || status == StatusCode::OK,
            "{status}: {job}"
        );
        job["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.insist(&Method::GET, path, |request| request);
        answer.error_for_status().unwrap().json().unwrap()
    }

    pub(crate) fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self.insist(&Method::GET, path, |request| request);
        answer.error_for_status().unwrap().bytes().unwrap().to_vec()
    }

    /// The first answer that does not ask to come back later.
    fn insist(
        &self,
        method: &Method,
        path: &str,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Response {
        let begun = Instant::now();
        loop {
            let url = format!("{}{path}", self.address);
            let request = with(self.http.request(method.clone(), url));
            let again = match request.bearer_auth(&self.token).send() {
                // 503: a part is away. Any other error of the server is a mistake of ours.
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    answer.text().unwrap_or_default()
                }
                Ok(answer) => return answer,
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "{method} {path}: {again}");
            thread::sleep(Duration::from_millis(200));
        }
    }
}
