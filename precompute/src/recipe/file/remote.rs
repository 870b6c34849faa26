//! `[model.remote]`: a server that evaluates the model.

use reqwest::Url;
use serde::Deserialize;
use toml::Spanned;

use super::Origin;
use crate::recipe::{RecipeError, RemoteModel};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoteTable {
    url: Spanned<String>,
    #[serde(default = "half_a_minute")]
    timeout: Spanned<f64>,
    #[serde(default = "rows")]
    rows: Spanned<usize>,
    token_env: Option<Spanned<String>>,
}

fn half_a_minute() -> Spanned<f64> {
    Spanned::new(0..0, 30.0)
}

fn rows() -> Spanned<usize> {
    Spanned::new(0..0, 4096)
}

pub(super) fn remote(origin: &Origin<'_>, table: &RemoteTable) -> Result<RemoteModel, RecipeError> {
    let text = table.url.get_ref().trim_end_matches('/');
    let wrong = |what: &str| {
        Err(origin.error(
            &table.url,
            format!("url: {what}; write it like \"http://host:8501/v1/models/crops\""),
        ))
    };
    let Ok(url) = Url::parse(text) else {
        return wrong("it is no address");
    };
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return wrong("it begins with http:// or https:// and a host");
    }
    // A recipe is published with its maps.
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("it holds a name or password, which belong into `token_env`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("nothing may follow a ? or #");
    }
    if text.ends_with(":predict") || text.ends_with("/metadata") {
        return wrong("it ends with the name of the model, its version or label");
    }
    let timeout = *table.timeout.get_ref();
    if !(0.1..=3600.0).contains(&timeout) {
        return Err(origin.error(
            &table.timeout,
            format!("timeout = {timeout}: give seconds, 0.1 to 3600"),
        ));
    }
    let rows = *table.rows.get_ref();
    if !(1..=1_000_000).contains(&rows) {
        return Err(origin.error(&table.rows, format!("rows = {rows}: give 1 to 1000000")));
    }
    if let Some(variable) = &table.token_env
        && !super::is_identifier(variable.get_ref())
    {
        return Err(origin.error(
            variable,
            "token_env is the name of an environment variable, never the token itself",
        ));
    }
    Ok(RemoteModel {
        url: text.to_owned(),
        timeout,
        rows,
        token_env: table.token_env.as_ref().map(|v| v.get_ref().clone()),
    })
}

#[cfg(test)]
mod tests {
    use crate::recipe::{Output, Recipe};

    const RECIPE: &str = include_str!("../../../../recipes/cropland-southeast-africa.toml");

    fn with(remote: &str) -> Result<Recipe, String> {
        let table = format!("[model]\nremote = {{ {remote} }}\n");
        Recipe::parse(&RECIPE.replace("[model]\n", &table), "r.toml").map_err(|e| e.to_string())
    }

    #[test]
    fn a_remote_model_has_an_address_and_sensible_defaults() {
        let recipe = with("url = \"http://models:8501/v1/models/crops/\"").unwrap();
        let Output::Classes(model) = &recipe.output else {
            panic!("classes");
        };
        let remote = model.remote.as_ref().unwrap();
        assert_eq!(remote.url, "http://models:8501/v1/models/crops");
        assert_eq!((remote.rows, remote.token_env.as_deref()), (4096, None));
        assert!((remote.timeout - 30.0).abs() < f64::EPSILON);
        // What two recipes ask of two servers is not the same map.
        let local = Recipe::parse(RECIPE, "r.toml").unwrap();
        assert_ne!(local.canonical, recipe.canonical);
    }

    #[test]
    fn what_is_no_address_or_holds_a_secret_is_refused_with_its_line() {
        for (remote, words) in [
            ("url = \"models\"", "no address"),
            ("url = \"file:///etc/passwd\"", "http://"),
            (
                "url = \"http://me:secret@models/v1/models/crops\"",
                "token_env",
            ),
            ("url = \"http://models/v1/models/crops?key=1\"", "?"),
            (
                "url = \"http://models/v1/models/crops:predict\"",
                "ends with",
            ),
            ("url = \"http://m/x\", timeout = 0", "timeout"),
            ("url = \"http://m/x\", rows = 0", "rows"),
            (
                "url = \"http://m/x\", token_env = \"ey.secret\"",
                "never the token",
            ),
            ("url = \"http://m/x\", colour = 1", "colour"),
        ] {
            let error = with(remote).unwrap_err();
            assert!(error.contains(words), "{remote}: {error}");
            assert!(error.contains("80") || error.contains(":80:"), "{error}");
        }
    }
}
