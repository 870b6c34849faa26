//! `geocrop diff`: how two maps differ, as a page of text or as JSON.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use geocrop_precompute::diff::{self, Class, Difference, Map};
use geocrop_store::Store;

use crate::args::Diff;
use crate::config::{Config, Usage};
use crate::progress;

/// The maps differ, and the caller asked for an exit code that says so.
#[derive(Debug)]
pub(crate) struct Differ;

impl std::fmt::Display for Differ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the maps differ")
    }
}

impl std::error::Error for Differ {}

pub(crate) fn run(args: &Diff, mut config: Config) -> Result<()> {
    config.flag("store", args.store.as_ref());
    let found = match compare(args, &config) {
        // 1 is taken: with --exit-code it means that the maps differ.
        Err(error) if args.exit_code => return Err(Usage(super::reason(&error)).into()),
        found => found?,
    };
    if args.json {
        progress::print(&serde_json::to_string_pretty(&found)?);
    } else {
        progress::print(text(&found).trim_end());
    }
    let same = found.pixels.changed + found.pixels.only_a + found.pixels.only_b == 0;
    if args.exit_code && !same {
        return Err(Differ.into());
    }
    Ok(())
}

fn compare(args: &Diff, config: &Config) -> Result<Difference> {
    let (a, b) = (map(&args.a, config)?, map(&args.b, config)?);
    let bar = progress::Bar::start("diff");
    let found = diff::diff(&a, &b, args.out.as_deref(), &|share| bar.at(share, ""));
    bar.clear();
    Ok(found?)
}

/// A file if there is one of that name, else an item of the store.
fn map(name: &str, config: &Config) -> Result<Map> {
    let path = Path::new(name);
    if path.is_file() {
        return Ok(Map::from_file(path)?);
    }
    Ok(Map::from_store(&Store::open(config.get("store"))?, name)?)
}

/// Columns of a terminal that everybody has.
const WIDTH: usize = 80;
/// Columns for the name of a class in a table.
const TITLE: usize = 24;

fn text(found: &Difference) -> String {
    let mut page = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{words}");
    };
    let hectares = &found.hectares;
    let digits = if hectares.compared < 10_000.0 { 2 } else { 0 };
    let ha = |value: f64| number(value, digits);
    let percent = |part: f64| match hectares.compared {
        all if all > 0.0 => format!("{:.1} %", 100.0 * part / all),
        _ => "-".to_owned(),
    };
    let [west, south, east, north] = found.bbox;
    line(format_args!("A         {}", found.a));
    line(format_args!("B         {}", found.b));
    // A grid without an area for its pixels was refused before.
    let edge = found.grid.pixel_area_m2().unwrap_or_default().sqrt();
    line(format_args!(
        "Shared    {} x {} px of {} m in {}",
        found.grid.width,
        found.grid.height,
        number(edge, 0),
        found.grid.crs
    ));
    line(format_args!(
        "          longitude {west:.4} to {east:.4}, latitude {south:.4} to {north:.4}"
    ));
    if found.resampled {
        line(format_args!(
            "          B lies on another grid: its pixels were looked up by nearest neighbour"
        ));
    }
    let widest = ha(hectares.compared).len();
    for (name, value) in [
        ("Compared", hectares.compared),
        ("Equal", hectares.equal),
        ("Changed", hectares.changed),
    ] {
        line(format_args!(
            "{name:8}  {:>widest$} ha  {:>7}",
            ha(value),
            percent(value)
        ));
    }
    for (name, value) in [("A", hectares.only_a), ("B", hectares.only_b)] {
        if value > 0.0 {
            line(format_args!("Only {name}    {:>widest$} ha", ha(value)));
        }
    }
    if found.pixels.compared == 0 {
        line(format_args!("\nNo pixel has a class in both maps."));
        return page;
    }
    line(format_args!("\nHectares, from A (rows) to B (columns)"));
    page.push_str(&matrix(found, &ha));
    if !found.largest.is_empty() {
        page.push_str(&largest(found, &ha));
    }
    page
}

/// The change matrix, in as many parts side by side as the terminal's width makes necessary.
fn matrix(found: &Difference, ha: &dyn Fn(f64) -> String) -> String {
    let classes = &found.classes;
    let occurs = |k: usize| {
        (0..classes.len()).any(|j| found.matrix_pixels[k][j] + found.matrix_pixels[j][k] > 0)
    };
    let shown: Vec<usize> = (0..classes.len()).filter(|k| occurs(*k)).collect();
    let cells = |row: usize, column: usize| match found.matrix_pixels[row][column] {
        0 => ".".to_owned(),
        _ => ha(found.matrix_ha[row][column]),
    };
    let width = shown
        .iter()
        .flat_map(|row| shown.iter().map(|column| cells(*row, *column).len()))
        .max()
        .unwrap_or(1)
        .max(3);
    let label = |class: &Class| format!("{:>3} {}", class.value, cut(&class.title, TITLE - 4));
    let mut table = String::new();
    for part in shown.chunks(((WIDTH - TITLE) / (width + 1)).max(1)) {
        let _ = write!(table, "{:TITLE$}", "");
        for column in part {
            let _ = write!(table, " {:>width$}", classes[*column].value);
        }
        table.push('\n');
        for row in &shown {
            let _ = write!(table, "{:TITLE$}", label(&classes[*row]));
            for column in part {
                let _ = write!(table, " {:>width$}", cells(*row, *column));
            }
            table.push('\n');
        }
        table.push('\n');
    }
    table
}

/// Where the largest changes are.
fn largest(found: &Difference, ha: &dyn Fn(f64) -> String) -> String {
    let mut table = format!(
        "Largest of {} patches that changed\n",
        number(found.patches as f64, 0)
    );
    let title = |name: &str| {
        let class = found.classes.iter().find(|class| class.name == name);
        class.map_or(name, |class| class.title.as_str()).to_owned()
    };
    let rows: Vec<[String; 2]> = found
        .largest
        .iter()
        .map(|patch| {
            let change = format!(
                "{} -> {}",
                cut(&title(&patch.from), 18),
                cut(&title(&patch.to), 18)
            );
            [ha(patch.hectares), change]
        })
        .collect();
    let width = rows
        .iter()
        .map(|row| row[0].len())
        .max()
        .unwrap_or(0)
        .max(2);
    let _ = writeln!(
        table,
        "{:>width$}  {:40}  {:>10} {:>9}",
        "ha", "from -> to", "lon", "lat"
    );
    for ([hectares, change], patch) in rows.iter().zip(&found.largest) {
        let _ = writeln!(
            table,
            "{hectares:>width$}  {change:40}  {:>10.5} {:>9.5}",
            patch.lon, patch.lat
        );
    }
    table
}

/// A number with its thousands set apart.
pub(super) fn number(value: f64, digits: usize) -> String {
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// A title that fits.
fn cut(title: &str, longest: usize) -> String {
    if title.chars().count() <= longest {
        return title.to_owned();
    }
    let mut short: String = title.chars().take(longest - 1).collect();
    short.truncate(short.trim_end().len());
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(number(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(number(999.999, 0), "1,000");
        assert_eq!(number(0.5, 2), "0.50");
    }

    #[test]
    fn a_long_title_is_cut_with_a_sign_that_it_was() {
        assert_eq!(cut("Cropland", 10), "Cropland");
        assert_eq!(cut("Shrub and scrub", 7), "Shrub…");
    }
}
