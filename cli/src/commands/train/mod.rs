//! `geocrop train`: a model, its card and its report from samples, and the chain from a data set of the store to a version
//! that serves.

#[cfg(feature = "train")]
mod samples;
#[cfg(feature = "train")]
mod serve;
#[cfg(feature = "train")]
mod words;

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
    use geocrop_tracking::{Outcome as RunOutcome, Recorder, Registration, RunsFolder};
    use geocrop_training::{Judgement, Plan, SplitBy, Table, TrainOptions, Trained, train};

    use super::samples::{Found, Samples};
    use super::serve::{self, Outcome};
    use crate::args::{Train, TrainSplit};
    use crate::commands::model::House;
    use crate::commands::{reason, runs, threads};
    use crate::config::{Config, Usage};
    use crate::progress::{self, Bar};

    type Files = Vec<(&'static str, Vec<u8>)>;

    pub(crate) fn run(args: &Train, config: Config) -> Result<()> {
        threads(args.threads)?;
        let house = House::new(config, &args.places)?;
        let outcome = match Samples::find(args, &house)? {
            Found::Current(name, version) => serve::go_on(&house, &name, &version, args.promote)?,
            Found::New(samples) => make(args, &house, &samples)?,
        };
        // The model is made: a server that is away does not unmake it. What earlier runs could not send goes too.
        if let Err(error) = runs::send(&house.config) {
            progress::line(&format!(
                "MLflow has not got this training yet: {error:#}; 'geocrop runs sync' sends it"
            ));
        }
        if let Some(path) = &args.outcome {
            std::fs::write(path, outcome.word())
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Trains, records, and does with the model what is asked for.
    fn make(args: &Train, house: &House, samples: &Samples) -> Result<Outcome> {
        let options = options(args, samples)?;
        let runs = RunsFolder::new(house.config.path("runs"));
        let mut run = runs.start(&samples.table.source.name, &args.plan)?;
        let (trained, judgement) = match recorded(args, house, samples, &options, &mut run) {
            Ok(made) => made,
            Err(error) => {
                run.tag("error", reason(&error))?;
                run.finish(RunOutcome::Failed)?;
                return Err(error);
            }
        };
        run.finish(RunOutcome::Finished)?;
        if args.json {
            progress::print(&serde_json::to_string_pretty(&trained.card)?);
        }
        let (name, version) = (trained.card.name.parse()?, &trained.card.version);
        match judgement {
            Some(judgement) => serve::promote(house, &name, version, &judgement),
            None if args.register => {
                progress::line(&format!(
                    "{name}/{version} is in the store; 'geocrop model promote {name} {version}' lets it serve"
                ));
                Ok(Outcome::Registered)
            }
            None => Ok(Outcome::Trained),
        }
    }

    /// All that comes before a version may serve. The judgement is made before the version is in the store, and goes there
    /// with it: whoever finds the version knows whether it was to serve.
    fn recorded(
        args: &Train,
        house: &House,
        samples: &Samples,
        options: &TrainOptions,
        run: &mut Recorder,
    ) -> Result<(Trained, Option<Judgement>)> {
        let mut trained = fit(&samples.table, options)?;
        trained.card.data.dataset.clone_from(&samples.dataset);
        let mut files = trained.files();
        let judgement = if args.promote {
            let judgement = serve::judge(house, &trained, &samples.table)?;
            let text = serde_json::to_vec_pretty(&judgement)?;
            files.insert(0, ("judgement.json", text));
            Some(judgement)
        } else {
            None
        };
        if let Some(folder) = &args.out {
            save(folder, &files)?;
        }
        note(run, options, &trained, &files)?;
        if args.register || args.promote {
            register(house, run, &trained, &files)?;
        }
        Ok((trained, judgement))
    }

    fn options(args: &Train, samples: &Samples) -> Result<TrainOptions> {
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
        Ok(TrainOptions {
            plan,
            search: args.search,
            split,
            folds: args.folds,
            repeats: args.repeats,
            seed: args.seed,
            about: Some(samples.about.clone()),
        })
    }

    fn fit(table: &Table, options: &TrainOptions) -> Result<Trained> {
        let bar = Bar::start("train");
        let trained = train(table, options, &|stage, fraction| bar.at(fraction, stage))?;
        let Some(scores) = &trained.card.cross_validation else {
            bar.finish("not judged");
            return Ok(trained);
        };
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
    fn save(folder: &Path, files: &Files) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (name, bytes) in files {
            let (path, part) = (folder.join(name), folder.join(format!(".{name}.part")));
            std::fs::write(&part, bytes)
                .and_then(|()| std::fs::rename(&part, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// What MLflow shows of a training.
    fn note(
        run: &mut Recorder,
        options: &TrainOptions,
        trained: &Trained,
        files: &Files,
    ) -> Result<()> {
        let card = &trained.card;
        run.param("seed", options.seed)?;
        run.param("folds", options.folds)?;
        run.param("search", options.search)?;
        run.param("rows", card.data.rows.unwrap_or_default())?;
        run.param("data_sha256", card.data.sha256.as_deref().unwrap_or("?"))?;
        if let Some(dataset) = &card.data.dataset {
            run.param("dataset", &dataset.name)?;
            run.param("dataset_version", &dataset.version)?;
        }
        if let Some(training) = &card.training {
            let calibration = serde_json::to_string(&training.calibration)?;
            run.param("calibration", calibration.trim_matches('"'))?;
            for (place, member) in training.members.iter().enumerate() {
                run.param(&format!("member_{place}"), serde_json::to_string(member)?)?;
            }
        }
        let scores = card.cross_validation.as_ref();
        let repeats = scores.iter().flat_map(|scores| &scores.repeats);
        for (step, repeat) in repeats.enumerate() {
            let step = step as i64;
            run.metric("accuracy", repeat.accuracy, step)?;
            run.metric("f1", repeat.f1, step)?;
            run.metric("auc", repeat.auc.unwrap_or(f64::NAN), step)?;
            run.metric("calibration_error", repeat.calibration_error, step)?;
        }
        if let Some(away) = scores.and_then(|scores| scores.new_places.as_ref()) {
            run.metric("new_places_accuracy", away.accuracy.value, 0)?;
            run.metric("new_places_f1", away.f1.value, 0)?;
        }
        run.tag("model", format!("{}/{}", card.name, card.version))?;
        run.tag("data", &card.data.name)?;
        run.tag("program", &card.program)?;
        for (name, bytes) in files {
            run.artifact(&format!("model/{name}"), bytes)?;
        }
        Ok(())
    }

    fn register(house: &House, run: &mut Recorder, trained: &Trained, files: &Files) -> Result<()> {
        let card = &trained.card;
        house
            .registry
            .register(&card.name.parse()?, &card.version, files)?;
        run.register(&Registration {
            model: card.name.clone(),
            source: "model".to_owned(),
            description: card.intended_use.clone(),
            tags: [("geocrop.version".to_owned(), card.version.clone())].into(),
            aliases: std::collections::BTreeMap::new(),
        })?;
        Ok(())
    }
}
