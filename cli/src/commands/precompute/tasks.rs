//! From arguments to tasks: recipes x periods x areas, large areas cut into tiles, then one shard of them.

use std::sync::Arc;

use anyhow::Result;
use geocrop_precompute::{Engine, Period, Recipe, Target, Task};
use geocrop_source::Source;

use super::{areas, recipe, source};
use crate::args::Tasks;
use crate::commands::data;
use crate::config::{Config, Usage};

/// Tasks, and the large areas that some of them are tiles of.
pub(crate) struct List {
    pub(crate) tasks: Vec<Task>,
    /// One for each layer of an area that was cut: what shows its tiles as one.
    pub(crate) mosaics: Vec<Task>,
}

impl List {
    /// Tasks that are as large as they are.
    pub(crate) fn plain(tasks: Vec<Task>) -> Self {
        Self {
            tasks,
            mosaics: Vec::new(),
        }
    }

    /// The recipes of the tasks, each once.
    pub(super) fn recipes(&self) -> Vec<&Recipe> {
        let mut recipes: Vec<&Recipe> = self.tasks.iter().map(|task| &*task.recipe).collect();
        recipes.sort_by_key(|recipe| &recipe.name);
        recipes.dedup_by_key(|recipe| &recipe.name);
        recipes
    }
}

/// The tasks that the arguments ask for. `imagery` is opened last, because it may be far away.
pub(super) fn list(
    args: &Tasks,
    config: &Config,
    engine: &Engine,
    imagery: impl FnOnce() -> Result<Arc<Source>>,
) -> Result<List> {
    let mut periods = Vec::new();
    for text in &args.period {
        periods.extend(years(text)?);
    }
    let recipes = args
        .recipe
        .iter()
        .map(|name| recipe(config, name).map(Arc::new))
        .collect::<Result<Vec<_>>>()?;
    let areas = areas(config, &args.aoi)?;
    let imagery = imagery()?;
    if recipes.iter().any(|recipe| recipe.network().is_some()) {
        data::fetch_network(config)?;
    }
    let mut list = List::plain(Vec::new());
    for recipe in &recipes {
        for period in &periods {
            for aoi in &areas {
                let task = Task {
                    recipe: Arc::clone(recipe),
                    aoi: aoi.clone(),
                    period: *period,
                    source: Arc::clone(&imagery),
                    target: Target::Layer,
                };
                let parts = engine.split(&task)?;
                if parts.iter().any(|part| part.target != Target::Layer) {
                    list.mosaics.push(task);
                }
                list.tasks.extend(parts);
            }
        }
    }
    if let Some(shard) = &args.shard {
        let (index, count) = parse_shard(shard)?;
        let mut place = 0;
        list.tasks.retain(|_| {
            place += 1;
            (place - 1) % count == index - 1
        });
    }
    Ok(list)
}

/// The imagery that the arguments or the configuration name.
pub(super) fn imagery(args: &Tasks, config: &Config) -> Result<Option<Arc<Source>>> {
    let location = args
        .source
        .clone()
        .or_else(|| config.sources().into_iter().next());
    location.map(|l| source(config, &l)).transpose()
}

/// A year, or several: `2015-2025`.
fn years(text: &str) -> Result<Vec<Period>> {
    let year = |text: &str| {
        text.parse::<Period>()
            .map_err(|e| Usage(format!("--period: {e}")))
    };
    let Some((first, last)) = text.split_once('-') else {
        return Ok(vec![year(text)?]);
    };
    let (first, last) = (year(first)?, year(last)?);
    if last < first {
        return Err(Usage(format!("--period {text}: the first year comes first")).into());
    }
    let all = first.year()..=last.year();
    all.map(|y| Ok(year(&y.to_string())?)).collect()
}

fn parse_shard(text: &str) -> Result<(usize, usize)> {
    text.split_once('/')
        .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)))
        .filter(|(i, n)| (1..=*n).contains(i))
        .ok_or_else(|| {
            Usage(format!(
                "--shard {text}: write I/N with I from 1 to N, such as 2/4"
            ))
            .into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(parse_shard("2/4").unwrap(), (2, 4));
        for wrong in ["0/4", "5/4", "2", "a/b", "/", "1/0"] {
            assert!(parse_shard(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
    }

    #[test]
    fn a_range_of_years_holds_both_ends() {
        let said = |text| {
            let years = years(text).unwrap();
            years.iter().map(|y| y.year()).collect::<Vec<_>>()
        };
        assert_eq!(said("2024"), [2024]);
        assert_eq!(said("2015-2018"), [2015, 2016, 2017, 2018]);
        for wrong in ["2018-2015", "2015-", "15-18", "2015-2016-2017"] {
            assert!(years(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
    }
}
