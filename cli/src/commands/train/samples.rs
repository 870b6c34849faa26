//! What is learnt from: a file, or all batches of a data set in the store as one table.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use geocrop_samples::{BatchDocument, BatchKind, Dataset, short};
use geocrop_store::{ContentHash, Slug, Store};
use geocrop_training::{About, Card, DatasetCard, Part, ReadOptions, Table, join};

use super::words;
use crate::args::Train;
use crate::commands::dataset::extract::batch_features;
use crate::commands::model::House;
use crate::config::Usage;
use crate::memory;
use crate::progress;

/// Samples, and what a card says of them.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) table: Table,
    pub(super) about: About,
    /// The data set that the table was made of.
    pub(super) dataset: Option<DatasetCard>,
}

/// Whether there is something to learn.
#[derive(Debug)]
pub(super) enum Found {
    /// This version of this model has learnt from the samples as they are.
    Current(Slug, String),
    New(Box<Samples>),
}

impl Samples {
    pub(super) fn find(args: &Train, house: &House) -> Result<Found> {
        if let Some(name) = &args.dataset {
            return of_dataset(args, house, name);
        }
        let path = args.data.as_ref();
        let path = path.ok_or_else(|| Usage("give --data FILE or --dataset NAME".to_owned()))?;
        let table = Table::read_with(path, &limits(args))?;
        let known = || About::known(&table.source.sha256);
        let mut about = match words::given(args)? {
            Some(about) => about,
            None => known()?.unwrap_or_else(|| words::of_file(&table.source)),
        };
        words::named(&mut about, args)?;
        Ok(Found::New(Box::new(Self {
            table,
            about,
            dataset: None,
        })))
    }
}

fn limits(args: &Train) -> ReadOptions {
    ReadOptions {
        rows: args.rows,
        seed: args.seed,
        memory_mb: args.memory.or_else(memory::free_mb),
    }
}

fn of_dataset(args: &Train, house: &House, name: &str) -> Result<Found> {
    let name: Slug = name
        .parse()
        .map_err(|error: geocrop_store::StoreError| Usage(error.to_string()))?;
    let store = Store::open(house.config.get("store"))?;
    let dataset = Dataset::load(&store, &name)?;
    let given = words::given(args)?;
    let model = words::model(args, given.as_ref(), &dataset)?;
    let newest = newest(house, &model)?;
    // A version that a person has put there need not have a card.
    let before: Option<Card> = match &newest {
        Some(version) => house.parsed(&model, &version.to_string(), "card.json")?,
        None => None,
    };
    if let (true, Some(card), Some(version)) = (args.if_new, &before, newest)
        && learnt_from(card, &dataset)
    {
        return Ok(Found::Current(model, version.to_string()));
    }
    let folder = tempfile::tempdir()?;
    let (mut table, parts) = joined(args, house, (&store, &dataset), folder.path())?;
    dataset.name.as_str().clone_into(&mut table.source.name);
    let documents = documents(&store, &dataset)?;
    let mut about = match given {
        Some(about) => about,
        None => words::of(&dataset, &documents, &table.source.sha256, before.as_ref())?,
    };
    model.as_str().clone_into(&mut about.name);
    about.version = (newest.unwrap_or_default() + 1).to_string();
    words::named(&mut about, args)?;
    progress::line(&format!(
        "{} version {}: {} samples of {} batch(es) for {}/{}",
        dataset.name,
        short(&dataset.version),
        table.rows,
        parts.len(),
        about.name,
        about.version
    ));
    let dataset = DatasetCard {
        name: dataset.name.to_string(),
        version: dataset.version.clone(),
        parts,
    };
    Ok(Found::New(Box::new(Samples {
        table,
        about,
        dataset: Some(dataset),
    })))
}

/// The highest version of a model that is a number, in the store or the folder of models.
fn newest(house: &House, model: &Slug) -> Result<Option<u64>> {
    let known = house.known()?;
    let versions = known
        .iter()
        .filter(|known| known.name == model.as_str())
        .filter_map(|known| known.version.parse().ok());
    Ok(versions.max())
}

/// Whether a model has learnt from a data set as it is. A table that was trained on as a file is the same as a batch.
fn learnt_from(card: &Card, dataset: &Dataset) -> bool {
    if let Some(then) = &card.data.dataset {
        return then.name == dataset.name.as_str() && then.version == dataset.version;
    }
    let mut batches = dataset.batches.values();
    let only = batches.next().filter(|_| dataset.batches.len() == 1);
    only.is_some_and(|batch| card.data.sha256.as_ref() == Some(&batch.version))
}

fn documents(store: &Store, dataset: &Dataset) -> Result<Vec<BatchDocument>> {
    let entries = dataset.batches.values();
    let documents = entries.map(|entry| Dataset::document(store, entry));
    Ok(documents.collect::<Result<_, _>>()?)
}

/// All batches as one table, and what each gave. A single one is read as it is; several are joined in a file first.
fn joined(
    args: &Train,
    house: &House,
    (store, dataset): (&Store, &Dataset),
    folder: &Path,
) -> Result<(Table, Vec<Part>)> {
    if dataset.batches.is_empty() {
        return Err(anyhow!(
            "{} has no batches: add one with 'geocrop dataset add {} FILE'",
            dataset.name,
            dataset.name
        ));
    }
    let mut files: Vec<(&str, PathBuf)> = Vec::new();
    let mut parts = Vec::new();
    for (batch, entry) in &dataset.batches {
        let path = folder.join(format!("{batch}.txt"));
        let sha256 = match entry.kind {
            BatchKind::Table => {
                Dataset::fetch_table(store, entry, &path)?;
                entry.version.clone()
            }
            BatchKind::Samples => {
                let recipe = args.recipe.as_ref().ok_or_else(|| {
                    Usage(format!(
                        "{}/{batch} has places and no features: --recipe NAME says which ones to make there, and --source from what",
                        dataset.name
                    ))
                })?;
                let how = (recipe.as_str(), args.source.as_deref());
                batch_features(&house.config, (store, dataset, batch), how, &path)?;
                ContentHash::of_file(&path)?.to_string()
            }
        };
        parts.push(Part {
            batch: batch.to_string(),
            sha256,
            rows: 0,
        });
        files.push((batch.as_str(), path));
    }
    if let [(_, path)] = &files[..] {
        let table = Table::read_with(path, &limits(args))?;
        parts[0].rows = table.rows;
        return Ok((table, parts));
    }
    let path = folder.join("joined.csv");
    let tables: Vec<(&str, &Path)> = files.iter().map(|(b, path)| (*b, path.as_path())).collect();
    for (part, joined) in parts.iter_mut().zip(join(&tables, &path)?) {
        part.rows = joined.rows;
        if joined.repeated > 0 {
            progress::line(&format!(
                "left out: {} row(s) of {} that an earlier batch has too",
                joined.repeated, part.batch
            ));
        }
    }
    Ok((Table::read_with(&path, &limits(args))?, parts))
}
