//! Who asks: by MLflow's own variables of the environment.

use std::{env, fmt};

use reqwest::blocking::RequestBuilder;

/// What a request is signed with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A bearer token.
    Token(String),
    /// HTTP's basic authentication.
    Basic {
        /// The user.
        username: String,
        /// Their password.
        password: String,
    },
}

impl Credentials {
    /// From `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`. As in MLflow's own
    /// client, a user goes before a token.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        if let Some(username) = set("MLFLOW_TRACKING_USERNAME") {
            let password = set("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
            return Self::Basic { username, password };
        }
        set("MLFLOW_TRACKING_TOKEN").map_or(Self::None, Self::Token)
    }

    pub(super) fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Token(token) => request.bearer_auth(token),
            Self::Basic { username, password } => request.basic_auth(username, Some(password)),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(hidden)",
            Self::Basic { .. } => "Basic(hidden)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(variables: &[(&str, &str)]) -> Credentials {
        Credentials::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_user_goes_before_a_token_and_neither_is_shown() {
        assert_eq!(from(&[]), Credentials::None);
        assert_eq!(from(&[("MLFLOW_TRACKING_TOKEN", "")]), Credentials::None);
        let token = from(&[("MLFLOW_TRACKING_TOKEN", "verysecret")]);
        assert_eq!(token, Credentials::Token("verysecret".to_owned()));
        let basic = from(&[
            ("MLFLOW_TRACKING_TOKEN", "t"),
            ("MLFLOW_TRACKING_USERNAME", "ada"),
            ("MLFLOW_TRACKING_PASSWORD", "verysecret"),
        ]);
        assert!(matches!(&basic, Credentials::Basic { username, .. } if username == "ada"));
        for shown in [format!("{token:?}"), format!("{basic:?}")] {
            assert!(!shown.contains("verysecret"), "{shown}");
        }
    }
}
