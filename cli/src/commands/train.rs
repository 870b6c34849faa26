//! `geocrop train`: a model, its card and its report from a table of samples.

#[cfg(not(feature = "train"))]
pub(crate) fn run(_: &crate::args::Train, _: crate::config::Config) -> anyhow::Result<()> {
    anyhow::bail!(
        "this geocrop was built without training: run './dev train' in a checkout, which installs XGBoost's library and builds with it"
    )
}

#[cfg(feature = "train")]
pub(crate) use with_xgboost::run;

#[cfg(feature = "train")]
mod with_xgboost {
    use std::path::Path;

    use anyhow::{Context as _, Result};
    use geocrop_store::Store;
    use geocrop_store::registry::Registry;
    use geocrop_tracking::{Outcome, Recorder, Registration, RunsFolder};
    use geocrop_training::{About, Plan, Source, SplitBy, Table, TrainOptions, Trained, train};

    use crate::args::{Train, TrainSplit};
    use crate::commands::{places, reason, runs, threads};
    use crate::config::{Config, Usage};
    use crate::progress::{self, Bar};

    pub(crate) fn run(args: &Train, mut config: Config) -> Result<()> {
        places(&mut config, &args.places);
        threads(args.threads)?;
        let table = Table::read(&args.data)?;
        let options = options(args, &table.source)?;
        let mut run = RunsFolder::new(config.path("runs")).start(&table.source.name, &args.plan)?;
        let trained = match fit(&table, &options).and_then(|trained| {
            save(&args.out, &trained)?;
            Ok(trained)
        }) {
            Ok(trained) => trained,
            Err(error) => {
                run.tag("error", reason(&error))?;
                run.finish(Outcome::Failed)?;
                return Err(error);
            }
        };
        note(&mut run, &options, &trained)?;
        if args.register {
            register(&config, &mut run, &trained)?;
        }
        run.finish(Outcome::Finished)?;
        // The model is made: a server that is away does not unmake it.
        if let Err(error) = runs::send(&config) {
            progress::line(&format!(
                "MLflow has not got this training yet: {error:#}; 'geocrop runs sync' sends it"
            ));
        }
        if args.json {
            progress::print(&serde_json::to_string_pretty(&trained.card)?);
        }
        Ok(())
    }

    fn options(args: &Train, source: &Source) -> Result<TrainOptions> {
        let plan = if let Some(plan) = Plan::known(&args.plan) {
            plan
        } else {
            let text = std::fs::read_to_string(&args.plan).with_context(|| {
                let known: Vec<&str> = Plan::known_names().collect();
                format!(
                    "{} is neither a file nor one of the plans {}",
                    args.plan,
                    known.join(", ")
                )
            })?;
            Plan::from_toml(&text).with_context(|| args.plan.clone())?
        };
        let split = match (args.split, args.block_km) {
            (None, _) => SplitBy::Best,
            (Some(TrainSplit::Blocks), side) => SplitBy::Blocks(side),
            (Some(_), Some(_)) => {
                return Err(Usage("--block-km goes with --split blocks".to_owned()).into());
            }
            (Some(TrainSplit::Samples), None) => SplitBy::Samples,
            (Some(TrainSplit::Groups), None) => SplitBy::Groups,
        };
        let mut about = match &args.about {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                About::from_toml(&text).with_context(|| path.display().to_string())?
            }
            None => About::known(&source.sha256)?
                .unwrap_or_else(|| About::unknown(&source.name, &source.sha256)),
        };
        if let Some(name) = &args.name {
            about.name.clone_from(name);
        }
        if let Some(version) = &args.model_version {
            about.version.clone_from(version);
        }
        Ok(TrainOptions {
            plan,
            search: args.search,
            split,
            folds: args.folds,
            repeats: args.repeats,
            seed: args.seed,
            about: Some(about),
        })
    }

    fn fit(table: &Table, options: &TrainOptions) -> Result<Trained> {
        let bar = Bar::start("train");
        let trained = train(table, options, &|stage, fraction| bar.at(fraction, stage))?;
        let scores = &trained.card.cross_validation;
        let auc = scores.auc.as_ref().map_or(f64::NAN, |auc| auc.value);
        bar.finish(&format!(
            "{} samples: accuracy {:.3}, F1 {:.3}, AUC {auc:.3}, calibration error {:.3}",
            table.rows, scores.accuracy.value, scores.f1.value, scores.calibration_error.value
        ));
        if let Some(caution) = &scores.caution {
            progress::line(caution);
        }
        if let Some(away) = &scores.new_places {
            progress::line(&format!(
                "at new places about: accuracy {:.3}, F1 {:.3} ({})",
                away.accuracy.value, away.f1.value, away.scheme
            ));
        }
        Ok(trained)
    }

    /// Each file whole or not at all, the model last.
    fn save(folder: &Path, trained: &Trained) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (name, bytes) in trained.files() {
            let (path, part) = (folder.join(name), folder.join(format!(".{name}.part")));
            std::fs::write(&part, bytes)
                .and_then(|()| std::fs::rename(&part, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// What MLflow shows of a training.
    fn note(run: &mut Recorder, options: &TrainOptions, trained: &Trained) -> Result<()> {
        let card = &trained.card;
        run.param("seed", options.seed)?;
        run.param("folds", options.folds)?;
        run.param("search", options.search)?;
        run.param("rows", card.data.rows)?;
        run.param("data_sha256", &card.data.sha256)?;
        if let Some(training) = &card.training {
            let calibration = serde_json::to_string(&training.calibration)?;
            run.param("calibration", calibration.trim_matches('"'))?;
            for (place, member) in training.members.iter().enumerate() {
                run.param(&format!("member_{place}"), serde_json::to_string(member)?)?;
            }
        }
        let scores = &card.cross_validation;
        for (step, repeat) in scores.repeats.iter().enumerate() {
            let step = step as i64;
            run.metric("accuracy", repeat.accuracy, step)?;
            run.metric("f1", repeat.f1, step)?;
            run.metric("auc", repeat.auc.unwrap_or(f64::NAN), step)?;
            run.metric("calibration_error", repeat.calibration_error, step)?;
        }
        if let Some(away) = &scores.new_places {
            run.metric("new_places_accuracy", away.accuracy.value, 0)?;
            run.metric("new_places_f1", away.f1.value, 0)?;
        }
        run.tag("model", format!("{}/{}", card.name, card.version))?;
        run.tag("data", &card.data.name)?;
        run.tag("program", &card.program)?;
        for (name, bytes) in trained.files() {
            run.artifact(&format!("model/{name}"), &bytes)?;
        }
        Ok(())
    }

    fn register(config: &Config, run: &mut Recorder, trained: &Trained) -> Result<()> {
        let card = &trained.card;
        let registry = Registry::new(Store::open(config.get("store"))?);
        let files = trained.files();
        registry.register(&card.name.parse()?, &card.version, &files)?;
        run.register(&Registration {
            model: card.name.clone(),
            source: "model".to_owned(),
            description: card.intended_use.clone(),
            tags: [("geocrop.version".to_owned(), card.version.clone())].into(),
            aliases: std::collections::BTreeMap::new(),
        })?;
        progress::line(&format!(
            "{}/{} is in the store; 'geocrop model promote {} {}' lets it serve",
            card.name, card.version, card.name, card.version
        ));
        Ok(())
    }
}
