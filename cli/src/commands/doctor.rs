//! `geocrop doctor`: is everything here that the configuration names, and does it make sense?

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use geocrop_model::Ensemble;
use geocrop_precompute::recipe::Output;
use geocrop_precompute::{NetworkManifest, Recipe};
use geocrop_source::Description;
use geocrop_store::Store;
use serde_json::json;

use crate::args::Doctor;
use crate::config::Config;
use crate::progress;

/// One thing that was looked at.
struct Finding {
    what: String,
    problem: Option<String>,
    detail: String,
}

pub(crate) fn run(args: &Doctor, mut config: Config) -> Result<()> {
    super::places(&mut config, &args.places);
    let mut findings = Vec::new();
    recipes(&config, &mut findings);
    sources(&config, &mut findings);
    models(&config.path("models"), &mut findings);
    store(&config, &mut findings);
    let problems = findings.iter().filter(|f| f.problem.is_some()).count();
    if args.json {
        let settings = config.all().map(|(k, s)| {
            (
                k.to_owned(),
                json!({ "value": s.shown(), "from": s.origin.to_string() }),
            )
        });
        let checks = findings.iter().map(
            |f| json!({ "what": f.what, "ok": f.problem.is_none(), "detail": f.detail, "problem": f.problem }),
        );
        progress::print(&serde_json::to_string_pretty(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "settings": settings.collect::<serde_json::Map<_, _>>(),
            "checks": checks.collect::<Vec<_>>(),
        }))?);
    } else {
        progress::print(&format!("geocrop {}", env!("CARGO_PKG_VERSION")));
        progress::print("\nSettings");
        for (key, setting) in config.all() {
            let shown = setting.shown();
            let value = if shown.is_empty() { "-" } else { &shown };
            progress::print(&format!("  {key:21} {value:40} from {}", setting.origin));
        }
        progress::print("\nChecks");
        for finding in &findings {
            match &finding.problem {
                None => progress::print(&format!("  ok    {:44} {}", finding.what, finding.detail)),
                Some(problem) => progress::print(&format!("  WRONG {:44} {problem}", finding.what)),
            }
        }
    }
    if problems > 0 {
        bail!(
            "{problems} of {} checks found something wrong",
            findings.len()
        );
    }
    Ok(())
}

fn toml_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    files
}

fn recipes(config: &Config, findings: &mut Vec<Finding>) {
    let folder = config.path("recipes");
    let files = toml_files(&folder);
    if files.is_empty() {
        findings.push(Finding {
            what: format!("recipes in {}", folder.display()),
            problem: Some("there is none: give the folder with --recipes".into()),
            detail: String::new(),
        });
    }
    for file in files {
        let what = format!("recipe {}", file.display());
        findings.push(match Recipe::read(&file) {
            Ok(recipe) => Finding {
                what,
                problem: model_problem(config, &recipe),
                detail: format!(
                    "{} seasons, {} features, {}",
                    recipe.seasons.len(),
                    recipe.feature_names().len(),
                    recipe.output.kind()
                ),
            },
            Err(error) => Finding {
                what,
                problem: Some(error.to_string()),
                detail: String::new(),
            },
        });
    }
}

/// Whether the model that a recipe names is there and fits.
fn model_problem(config: &Config, recipe: &Recipe) -> Option<String> {
    let Output::Classes(_) = &recipe.output else {
        return None;
    };
    let store = Store::open(config.get("store")).ok()?;
    geocrop_precompute::check_model(&store, Some(&config.path("models")), recipe)
        .err()
        .map(|e| e.to_string())
}

fn sources(config: &Config, findings: &mut Vec<Finding>) {
    let mut files = toml_files(Path::new("sources"));
    files.extend(config.sources().iter().map(Into::into));
    for file in files
        .into_iter()
        .filter(|f| f.extension().is_some_and(|e| e == "toml"))
    {
        let what = format!("source {}", file.display());
        let read = std::fs::read_to_string(&file)
            .map_err(|e| e.to_string())
            .and_then(|text| {
                Description::parse(&text, &file.display().to_string()).map_err(|e| e.to_string())
            });
        findings.push(match read {
            Ok(description) => Finding {
                what,
                problem: None,
                detail: description.title,
            },
            Err(problem) => Finding {
                what,
                problem: Some(problem),
                detail: String::new(),
            },
        });
    }
}

fn models(folder: &Path, findings: &mut Vec<Finding>) {
    let folders = |path: &Path| -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        let mut found: Vec<_> = entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.is_dir())
            .collect();
        found.sort();
        found
    };
    for version in folders(folder).iter().flat_map(|name| folders(name)) {
        let what = format!("model {}", version.display());
        let file = version.join("model.json");
        let (detail, problem) = match model(&file) {
            Ok(detail) => (detail, None),
            Err(error) => (String::new(), Some(format!("{error:#}"))),
        };
        findings.push(Finding {
            what,
            problem,
            detail,
        });
    }
}

/// What a model's file holds.
fn model(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if NetworkManifest::is_one(&bytes) {
        let manifest = NetworkManifest::from_slice(&bytes, &file.display().to_string())?;
        return Ok(format!("a network of the data set {}", manifest.data_set));
    }
    let model = Ensemble::from_slice(&bytes)?;
    Ok(format!(
        "{} trees, {} features",
        model.num_trees(),
        model.num_features()
    ))
}

fn store(config: &Config, findings: &mut Vec<Finding>) {
    let url = config.get("store");
    let looked = Store::open(url).and_then(|store| store.exists("catalog.json"));
    findings.push(Finding {
        what: format!("store {url}"),
        detail: match &looked {
            Ok(true) => "has a catalog".into(),
            _ => "empty".into(),
        },
        problem: looked.err().map(|e| e.to_string()),
    });
}
