//! What a card says beyond figures, for a model of a data set: from a file, or from what the batches and the version before
//! say.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use geocrop_samples::{BatchDocument, Dataset, short};
use geocrop_store::{Slug, StoreError};
use geocrop_training::{About, Card, Source};

use crate::args::Train;
use crate::config::Usage;

/// The description that was given.
pub(super) fn given(args: &Train) -> Result<Option<About>> {
    let Some(path) = &args.about else {
        return Ok(None);
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let about = About::from_toml(&text).with_context(|| path.display().to_string())?;
    Ok(Some(about))
}

/// Puts name and version over the description, where they were given. Both become parts of addresses: what cannot is refused
/// before anything is trained.
pub(super) fn named(about: &mut About, args: &Train) -> Result<()> {
    if let Some(name) = &args.name {
        about.name.clone_from(name);
    }
    if let Some(version) = &args.model_version {
        about.version.clone_from(version);
    }
    let name: Result<Slug, StoreError> = about.name.parse();
    name.map_err(|error| Usage(format!("the model's name: {error}; --name gives another")))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let version = &about.version;
    if version.is_empty() || version.starts_with('.') || !version.chars().all(plain) {
        return Err(Usage(format!(
            "'{version}' is no version: a number, or letters, digits, '.', '-' and '_' such as 2024-b; --model-version gives another"
        ))
        .into());
    }
    Ok(())
}

/// The description of a table that nobody described. Its model is called like the file, as far as that is a name.
pub(super) fn of_file(table: &Source) -> About {
    let mut about = About::unknown(&table.name, &table.sha256);
    let letter = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    };
    let name: String = table
        .name
        .chars()
        .map(letter)
        .take(Slug::MAX_LENGTH)
        .collect();
    let name: Result<Slug, StoreError> = name.trim_matches('-').parse();
    about.name = name.map_or_else(|_| "model".to_owned(), |name| name.to_string());
    about
}

/// The model that a data set is for.
pub(super) fn model(args: &Train, given: Option<&About>, dataset: &Dataset) -> Result<Slug> {
    let name = match (&args.name, given) {
        (Some(name), _) => name.clone(),
        (None, Some(about)) => about.name.clone(),
        (None, None) => {
            known(dataset)?.map_or_else(|| dataset.name.to_string(), |about| about.name)
        }
    };
    name.parse()
        .map_err(|error: StoreError| Usage(error.to_string()).into())
}

/// The description of the first batch that is a known table.
fn known(dataset: &Dataset) -> Result<Option<About>> {
    for entry in dataset.batches.values() {
        if let Some(about) = About::known(&entry.version)? {
            return Ok(Some(about));
        }
    }
    Ok(None)
}

/// A description without a file. Zone, use, limits and classes are those of the version before, or of a known table; whose
/// data it is, the batches say. What nobody has said is not stated, and keeps the model from serving.
pub(super) fn of(
    dataset: &Dataset,
    documents: &[BatchDocument],
    sha256: &str,
    before: Option<&Card>,
) -> Result<About> {
    if let Some(about) = About::known(sha256)? {
        return Ok(about);
    }
    let mut about = About::unknown(dataset.name.as_str(), sha256);
    if let Some(card) = before {
        about.zone.clone_from(&card.zone);
        about.intended_use.clone_from(&card.intended_use);
        about.limits.clone_from(&card.limits);
        let classes = card.data.classes.iter();
        about.classes = classes.map(|class| class.name.clone()).collect();
    } else if let Some(known) = known(dataset)? {
        about.zone = known.zone;
        about.intended_use = known.intended_use;
        about.limits = known.limits;
        about.classes = known.classes;
    }
    if let Some(legend) = &dataset.legend {
        let titles = (0..=u8::MAX).map_while(|value| legend.get(value));
        about.classes = titles.map(|class| class.title.clone()).collect();
    }
    let batches: Vec<&str> = documents
        .iter()
        .map(|document| document.name.as_str())
        .collect();
    about.data.title.clone_from(&dataset.title);
    about.data.source = format!(
        "data set {} of the store, version {}: {}",
        dataset.name,
        short(&dataset.version),
        batches.join(", ")
    );
    let licences = said(
        documents,
        |document| document.provenance.licence.clone(),
        |about| about.data.licence,
    )?;
    let owners = said(
        documents,
        |document| document.provenance.attribution.clone(),
        |about| about.data.attribution,
    )?;
    if let Some(licences) = licences {
        about.data.licence = licences;
    }
    if let Some(owners) = owners {
        about.data.attribution = owners;
    }
    Ok(about)
}

/// What all batches say of something, or nothing if one of them does not: by itself, or as a known table.
fn said(
    documents: &[BatchDocument],
    own: impl Fn(&BatchDocument) -> Option<String>,
    known: impl Fn(About) -> String,
) -> Result<Option<String>> {
    let mut all = BTreeSet::new();
    for document in documents {
        let word = match own(document) {
            Some(word) => Some(word),
            None => About::known(&document.batch.version)?.map(&known),
        };
        let Some(word) = word else { return Ok(None) };
        all.insert(word);
    }
    Ok(Some(all.into_iter().collect::<Vec<_>>().join("; ")))
}
