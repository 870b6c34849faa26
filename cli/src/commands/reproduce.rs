//! `geocrop reproduce`: a published map, made again and compared.

use anyhow::{Result, bail};

use super::precompute::engine;
use crate::args::Reproduce;
use crate::config::Config;
use crate::progress::{self, Board};

pub(crate) fn run(args: &Reproduce, mut config: Config) -> Result<()> {
    super::places(&mut config, &args.places);
    let engine = engine(&config)?;
    let key = item_key(&args.item);
    let stop = progress::listen_for_stop()?;
    let board = Board::new(1, 0.0);
    let result = board.watch(&key, 1.0, &stop, |handle| {
        let made = engine.reproduce(&key, handle)?;
        Ok((made, "made again".to_owned()))
    });
    board.finish();
    let result = result?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&result)?);
    }
    for change in &result.changed {
        progress::line(&format!("changed since: {change}"));
    }
    match &result.difference {
        None => {
            progress::line(&format!("the same bytes: {}", result.same.join(", ")));
            Ok(())
        }
        Some(difference) => bail!("{} differs: {}", difference.file, difference.place),
    }
}

/// The key of an item as people write it: with or without `layers/` and `.json`.
pub(super) fn item_key(text: &str) -> String {
    let text = text.trim_matches('/');
    let text = text.strip_suffix(".json").unwrap_or(text);
    if text.starts_with("layers/") || text.starts_with("jobs/") {
        format!("{text}.json")
    } else {
        format!("layers/{text}.json")
    }
}

#[cfg(test)]
mod tests {
    use super::item_key;

    #[test]
    fn an_item_may_be_named_as_its_page_is() {
        for text in [
            "ndvi/2024/mazowe",
            "layers/ndvi/2024/mazowe",
            "/layers/ndvi/2024/mazowe.json",
        ] {
            assert_eq!(item_key(text), "layers/ndvi/2024/mazowe.json");
        }
        assert_eq!(item_key("jobs/t/j/a"), "jobs/t/j/a.json");
    }
}
