//! `geocrop model`: versions of models, which one serves, and whether another one may.

mod drift;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use geocrop_model::Ensemble;
use geocrop_precompute::{KnownModel, ModelStore, NetworkManifest, Recipe, misfits};
use geocrop_store::registry::{Promotion, Registry};
use geocrop_store::{Slug, Store};
use geocrop_tracking::RunsFolder;
use geocrop_training::evaluate::{Comparison, Predictions, Resampling, compare};
use geocrop_training::{About, Card, HeldOut, Table, import, reasons_against};
use serde::de::DeserializeOwned;

use super::{places, precompute};
use crate::args::{
    Model, ModelCompare, ModelImport, ModelList, ModelPromote, ModelRegister, ModelRollback, Places,
};
use crate::config::Config;
use crate::progress;

pub(crate) fn run(command: &Model, config: Config) -> Result<()> {
    match command {
        Model::List(args) => list(args, config),
        Model::Compare(args) => compare_two(args, config),
        Model::Promote(args) => promote(args, config),
        Model::Rollback(args) => rollback(args, config),
        Model::Register(args) => register(args, config),
        Model::Import(args) => take_in(args, config),
        Model::Drift(args) => drift::drift(args, config),
    }
}

/// What a version is.
enum Kind {
    Trees(Box<Ensemble>),
    /// Its weights are among the data sets; a map looks for them when it is made.
    Network,
}

impl Kind {
    /// Reads `model.json`; `label` names the version in messages.
    fn read(bytes: &[u8], label: &str) -> Result<Self> {
        if NetworkManifest::is_one(bytes) {
            NetworkManifest::from_slice(bytes, label)?;
            return Ok(Self::Network);
        }
        Ok(Self::Trees(Box::new(Ensemble::from_slice(bytes)?)))
    }
}

/// The store's models, and those of the project's folder.
pub(super) struct House {
    pub(super) config: Config,
    store: Store,
    pub(super) registry: Registry,
}

impl House {
    pub(super) fn new(mut config: Config, of: &Places) -> Result<Self> {
        places(&mut config, of);
        let store = Store::open(config.get("store"))?;
        let registry = Registry::new(store.clone());
        Ok(Self {
            config,
            store,
            registry,
        })
    }

    pub(super) fn recipes(&self) -> Vec<Recipe> {
        Recipe::read_dir(&self.config.path("recipes")).unwrap_or_default()
    }

    pub(super) fn known(&self) -> Result<Vec<KnownModel>> {
        let engine = precompute::engine(&self.config)?;
        Ok(ModelStore::new(&engine, &self.recipes()).list()?)
    }

    /// The version that serves: the store's word, else the folder's.
    pub(super) fn production(&self, name: &Slug) -> Result<Option<String>> {
        if let Some(version) = self.registry.production(name)? {
            return Ok(Some(version));
        }
        let alias = self
            .config
            .path("models")
            .join(name.as_str())
            .join("production");
        Ok(std::fs::read_to_string(alias)
            .ok()
            .map(|text| text.trim().to_owned()))
    }

    /// A file of a version, from the store or else from the folder.
    fn file(&self, name: &Slug, version: &str, file: &str) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.registry.file(name, version, file)? {
            return Ok(Some(bytes));
        }
        let path = self
            .config
            .path("models")
            .join(name.as_str())
            .join(version)
            .join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    pub(super) fn parsed<T: DeserializeOwned>(
        &self,
        name: &Slug,
        version: &str,
        file: &str,
    ) -> Result<Option<T>> {
        let Some(bytes) = self.file(name, version, file)? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&bytes);
        Ok(Some(read.with_context(|| {
            format!("models/{name}/{version}/{file}")
        })?))
    }

    fn model(&self, name: &Slug, version: &str) -> Result<Kind> {
        let bytes = self.file(name, version, "model.json")?.ok_or_else(|| {
            anyhow!(
                "there is no models/{name}/{version}/model.json in {} or {}; 'geocrop model list' shows what there is",
                self.config.get("store"),
                self.config.path("models").display()
            )
        })?;
        Kind::read(&bytes, &format!("{name}/{version}"))
    }

    /// A version that predicts rows of features.
    pub(super) fn trees(&self, name: &Slug, version: &str) -> Result<Ensemble> {
        match self.model(name, version)? {
            Kind::Trees(trees) => Ok(*trees),
            Kind::Network => bail!(
                "{name}/{version} is a network: it takes images and no rows of features, so no table says anything of it; 'geocrop diff' compares the maps that two versions make"
            ),
        }
    }

    pub(super) fn card(&self, name: &Slug, version: &str) -> Result<Card> {
        self.parsed(name, version, "card.json")?.ok_or_else(|| {
            anyhow!("models/{name}/{version} has no card.json; train or import it again")
        })
    }

    /// Two versions on the same samples that neither learnt from.
    fn compare(
        &self,
        name: &Slug,
        champion: &str,
        challenger: &str,
        data: Option<&Path>,
    ) -> Result<Comparison> {
        for version in [champion, challenger] {
            self.trees(name, version)?;
        }
        let Some(data) = data else {
            let kept = |version: &str| -> Result<HeldOut> {
                self.parsed(name, version, "held-out.json")?.ok_or_else(|| {
                    anyhow!(
                        "nothing tells what {name}/{version} said of samples that it had not seen; give samples that neither version learnt from: --data FILE"
                    )
                })
            };
            let (champion, challenger) = (kept(champion)?, kept(challenger)?);
            if champion.data_sha256 != challenger.data_sha256 {
                bail!(
                    "the versions were trained on different tables, so their cross-validations say nothing of one another; give samples that neither learnt from: --data FILE"
                );
            }
            return Ok(champion.compare(&challenger)?);
        };
        let table = Table::read(data)?;
        for version in [champion, challenger] {
            if self.card(name, version)?.data.sha256.as_ref() == Some(&table.source.sha256) {
                bail!(
                    "{} is what {name}/{version} learnt from: a model knows its own samples; leave --data out to compare the cross-validations",
                    data.display()
                );
            }
        }
        let of = |version| predict(&self.trees(name, version)?, &table);
        Ok(compare(
            &of(champion)?,
            &of(challenger)?,
            Resampling::default(),
        )?)
    }
}

/// What a model says of a table; columns are found by name.
fn predict(model: &Ensemble, table: &Table) -> Result<Predictions> {
    let values = table.in_order(model.feature_names())?;
    let mut scores = vec![0.0; table.rows * model.outputs()];
    model.predict_rows_parallel(&values, &mut scores)?;
    let mut predictions = match model.outputs() {
        1 => Predictions::binary(table.labels.clone(), &scores),
        classes => Predictions::new(table.labels.clone(), scores, classes),
    };
    predictions.groups.clone_from(&table.groups);
    Ok(predictions)
}

fn list(args: &ModelList, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let mut rows = Vec::new();
    for known in house.known()? {
        if args.name.as_ref().is_some_and(|name| *name != known.name) {
            continue;
        }
        let card = match known.name.parse::<Slug>() {
            Ok(name) => house
                .parsed::<Card>(&name, &known.version, "card.json")
                .ok()
                .flatten(),
            Err(_) => None,
        };
        rows.push((known, card));
    }
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(known, card)| {
                serde_json::json!({
                    "name": known.name, "version": known.version, "production": known.production,
                    "unavailable": known.missing, "card": card,
                })
            })
            .collect();
        progress::print(&serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    let mut text = String::new();
    for (known, card) in &rows {
        let serves = if known.production { "serves" } else { "" };
        let _ = write!(text, "{:<32} {:<8} {serves:<7}", known.name, known.version);
        let said = card.as_ref().map(summary).into_iter();
        let said: Vec<String> = said.chain(known.missing.clone()).collect();
        let _ = writeln!(text, " {}", said.join("; "));
    }
    if let Some(name) = args
        .name
        .as_ref()
        .and_then(|name| name.parse::<Slug>().ok())
    {
        for change in house.registry.history(&name)? {
            let from = change.from.as_deref().unwrap_or("nothing");
            let forced = if change.forced { ", forced" } else { "" };
            let _ = writeln!(
                text,
                "{}  {from} -> {} by {}{forced}: {}",
                change.at, change.to, change.by, change.why
            );
        }
    }
    if rows.is_empty() {
        "there is no such model".clone_into(&mut text);
    }
    progress::print(text.trim_end());
    Ok(())
}

/// How good a model is, in a line.
fn summary(card: &Card) -> String {
    let mut parts = Vec::new();
    if let Some(scores) = &card.cross_validation {
        parts.push(format!(
            "accuracy {:.3}, F1 {:.3}",
            scores.accuracy.value, scores.f1.value
        ));
    } else if let Some(said) = card.evaluation.first() {
        parts.push(format!("{}: {}", said.figure.to_lowercase(), said.value));
    }
    parts.extend(card.data.rows.map(|rows| format!("{rows} samples")));
    parts.join(", ")
}

fn compare_two(args: &ModelCompare, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let name: Slug = args.name.parse()?;
    let champion = match &args.champion {
        Some(version) => version.clone(),
        None => house.production(&name)?.ok_or_else(|| {
            anyhow!("no version of {name} serves; say which one: --champion VERSION")
        })?,
    };
    let found = house.compare(&name, &champion, &args.challenger, args.data.as_deref())?;
    if args.json {
        progress::print(&serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    let mut text = format!(
        "{name} {champion} -> {} on {} samples, 95 % intervals\n",
        args.challenger, found.samples
    );
    for one in &found.differences {
        let _ = writeln!(
            text,
            "  {:<18} {:.4} -> {:.4}  {:+.4} ({:+.4} to {:+.4})  {}",
            one.figure,
            one.champion,
            one.challenger,
            one.difference.value,
            one.difference.low,
            one.difference.high,
            one.verdict
        );
    }
    let _ = write!(text, "{}: {}", args.challenger, found.verdict);
    progress::print(&text);
    Ok(())
}

fn promote(args: &ModelPromote, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let name: Slug = args.name.parse()?;
    let model = house.model(&name, &args.candidate)?;
    let card = house.card(&name, &args.candidate)?;
    let from = house.production(&name)?;
    if from.as_ref() == Some(&args.candidate) {
        progress::print(&format!("{name}/{} serves already", args.candidate));
        return Ok(());
    }
    let mut against = Vec::new();
    let mut comparison = None;
    if let Some(champion) = &from {
        match house.compare(&name, champion, &args.candidate, args.data.as_deref()) {
            Ok(found) => comparison = Some(found),
            Err(error) => against.push(format!(
                "it cannot be compared with {champion}, which serves: {error:#}"
            )),
        }
    }
    let unfit = match &model {
        Kind::Trees(trees) => misfits(&house.recipes(), name.as_str(), trees),
        // A manifest that can be read has the bands and classes that recipes make and name.
        Kind::Network => Vec::new(),
    };
    against.extend(reasons_against(&card, comparison.as_ref(), &unfit));
    if !against.is_empty() && !args.force {
        bail!(
            "{name}/{} does not serve: {}. --force --why 'words' lets it serve even so, and is kept",
            args.candidate,
            against.join("; ")
        );
    }
    let verdict = comparison.map_or_else(
        || "no version served before".to_owned(),
        |found| {
            format!(
                "{} than {}",
                found.verdict,
                from.as_deref().unwrap_or_default()
            )
        },
    );
    let why = match (&args.why, against.is_empty()) {
        (Some(why), true) => format!("{why} ({verdict})"),
        (None, _) => verdict,
        (Some(why), false) => format!("{why} (against: {})", against.join("; ")),
    };
    let said = change(
        &house,
        &name,
        from,
        &args.candidate,
        (&args.by, why, !against.is_empty()),
    )?;
    progress::print(&said);
    Ok(())
}

fn rollback(args: &ModelRollback, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let name: Slug = args.name.parse()?;
    let to = house.registry.before(&name)?;
    let now = house.registry.production(&name)?;
    // Whether it can still be read, before it serves.
    house.model(&name, &to)?;
    let said = change(
        &house,
        &name,
        now,
        &to,
        (&args.by, format!("back: {}", args.why), false),
    )?;
    progress::print(&said);
    Ok(())
}

/// Lets a version serve, and tells what follows.
pub(super) fn change(
    house: &House,
    name: &Slug,
    from: Option<String>,
    to: &str,
    (by, why, forced): (&str, String, bool),
) -> Result<String> {
    house.registry.promote(
        name,
        Promotion {
            from,
            to: to.to_owned(),
            at: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            by: by.to_owned(),
            why,
            forced,
        },
    )?;
    // MLflow hears of it with the next sync; a training that was not kept has nothing to tell.
    let runs = RunsFolder::new(house.config.path("runs"));
    let tag = format!("{name}/{to}");
    if let Ok(listing) = runs.list()
        && let Some(run) = listing
            .runs
            .iter()
            .find(|run| run.registration.is_some() && run.tags.get("model") == Some(&tag))
    {
        runs.give_alias(&run.id, "production")?;
    }
    Ok(format!(
        "{name}/{to} serves: jobs that start from now on use it, and the next 'geocrop precompute run' makes the maps of its recipes again"
    ))
}

fn register(args: &ModelRegister, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let read = |file: &str| std::fs::read(args.folder.join(file));
    let card = read("card.json").with_context(|| {
        format!(
            "{}: no card.json; give the folder that 'geocrop train --out' made",
            args.folder.display()
        )
    })?;
    let card: Card = serde_json::from_slice(&card).context("card.json")?;
    let mut files = Vec::new();
    for file in [
        "card.json",
        "held-out.json",
        "population.json",
        "report.json",
        "report.html",
        "judgement.json",
        "applicability.json",
        "model.json",
    ] {
        match read(file) {
            Ok(bytes) => files.push((file, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file != "model.json" => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read {}", args.folder.join(file).display()));
            }
        }
    }
    if let Some((_, model)) = files.last() {
        Kind::read(model, &format!("{}/{}", card.name, card.version))?;
    }
    house
        .registry
        .register(&card.name.parse()?, &card.version, &files)?;
    progress::print(&format!("{}/{} is in the store", card.name, card.version));
    Ok(())
}

fn take_in(args: &ModelImport, config: Config) -> Result<()> {
    let house = House::new(config, &args.places)?;
    let bytes = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let about = std::fs::read_to_string(&args.about)
        .with_context(|| format!("cannot read {}", args.about.display()))?;
    let about = About::from_toml(&about).with_context(|| args.about.display().to_string())?;
    let table = Table::read(&args.data)?;
    let expected: ndarray::ArrayD<f32> =
        ndarray_npy::read_npy(&args.predictions).with_context(|| {
            format!(
                "cannot read {}: it must be float32 [rows] or [rows, classes]",
                args.predictions.display()
            )
        })?;
    let expected: Vec<f32> = expected.iter().copied().collect();
    let imported = import(&bytes, &table, &expected, &about)?;
    let name: Slug = about.name.parse()?;
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (file, bytes) in imported.files() {
            let path = folder.join(file);
            std::fs::write(&path, bytes)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    house
        .registry
        .register(&name, &about.version, &imported.files())?;
    progress::print(&format!(
        "{name}/{} is in the store: predictions as expected, {}",
        about.version,
        summary(&imported.card)
    ));
    Ok(())
}
