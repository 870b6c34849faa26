//! `geocrop plan capacity`: what so many users and so much area need.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use geocrop_capacity::{Capacity, Preset, Prices, Product, plan, presets};
use geocrop_precompute::{Rates, Target, Task};
use geocrop_raster::{Aoi, AoiLimits};
use geocrop_source::Source;
use serde_json::json;

use super::precompute::{self, bytes, duration, table};
use crate::args::CapacityArgs;
use crate::config::{Config, Usage};
use crate::progress;

/// A field somewhere: what a recipe reads by the pixel is the same everywhere.
const FIELD: &str = r#"{"type": "Polygon", "coordinates": [[[31.0, -17.4], [31.01, -17.4], [31.01, -17.39], [31.0, -17.39], [31.0, -17.4]]]}"#;
/// A period with both satellites.
const PERIOD: &str = "2024";
const KM2: f64 = 1e6;

pub(crate) fn run(args: &CapacityArgs, config: Config) -> Result<()> {
    let preset = adjusted(args)?;
    let (products, strange) = products(&args.recipe, config)?;
    let prices = args.core_hour.zip(args.gb_month);
    let prices = prices.map(|(core_hour, gb_month)| Prices {
        core_hour,
        gb_month,
    });
    let capacity = plan(
        &preset.demand,
        &products,
        &preset.layers,
        &preset.machine,
        prices.as_ref(),
    )
    .map_err(|error| Usage(error.to_string()))?;
    let remarks = remarks(&strange, &preset, args);
    if args.json {
        let document = json!({
            "preset": preset,
            "products": products,
            "prices": prices,
            "capacity": capacity,
            "remarks": remarks,
        });
        progress::print(&serde_json::to_string_pretty(&document)?);
    } else {
        progress::print(&shown(&preset, &capacity, &remarks));
    }
    Ok(())
}

/// The example, with what was given in its place.
fn adjusted(args: &CapacityArgs) -> Result<Preset> {
    let all = presets();
    let names: Vec<_> = all.iter().map(|preset| preset.name).collect();
    let Some(mut preset) = all.into_iter().find(|preset| preset.name == args.preset) else {
        return Err(Usage(format!(
            "--preset {}: there are {}",
            args.preset,
            names.join(", ")
        ))
        .into());
    };
    let demand = &mut preset.demand;
    let layers = &mut preset.layers;
    for (value, given) in [
        (&mut demand.users, args.users),
        (&mut demand.jobs_per_day, args.jobs_per_day),
        (&mut demand.job_km2, args.job_km2),
        (&mut demand.peak, args.peak),
        (&mut demand.wait_seconds, args.wait),
        (&mut demand.variation, args.variation),
        (&mut layers.km2, args.km2),
        (&mut layers.periods, args.periods),
        (&mut layers.workers, args.batch_workers),
        (&mut preset.machine.cores, args.cores),
    ] {
        if let Some(given) = given {
            *value = given;
        }
    }
    if let Some(mbit) = args.mbit {
        // Nothing to wait for.
        preset.machine.mbit = Some(mbit).filter(|mbit| *mbit != 0.0);
    }
    Ok(preset)
}

/// What the recipes cost by the square kilometre, and those that never ran on this machine.
fn products(names: &[String], mut config: Config) -> Result<(Vec<Product>, Vec<String>)> {
    // Nothing is looked up in the store, and a plan must not make one.
    config.flag("store", Some("memory://"));
    let engine = precompute::engine(&config)?;
    let rates = engine
        .options()
        .rates
        .as_deref()
        .map_or_else(Rates::default, Rates::read);
    let aoi = Aoi::parse(FIELD, "field", &AoiLimits::default())?;
    let source = Arc::new(Source::unknown());
    let (mut products, mut strange) = (Vec::new(), Vec::new());
    for name in names {
        let task = Task {
            recipe: Arc::new(precompute::recipe(&config, name)?),
            aoi: aoi.clone(),
            period: PERIOD.parse().map_err(anyhow::Error::msg)?,
            source: Arc::clone(&source),
            target: Target::Layer,
        };
        let planned = engine.planner().assume(&task)?;
        let cost = rates.cost(&planned.recipe, &planned.work);
        let pixel = planned.grid.resolution * planned.grid.resolution;
        let km2 = planned.work.pixels as f64 * pixel / KM2;
        products.push(Product {
            name: planned.recipe.clone(),
            cpu_seconds: cost.cpu_seconds / km2,
            input_bytes: planned.work.input_bytes as f64 / km2,
            output_bytes: cost.output_bytes as f64 / km2,
        });
        if !rates.knows(&planned.recipe) {
            strange.push(planned.recipe);
        }
    }
    Ok((products, strange))
}

fn remarks(strange: &[String], preset: &Preset, args: &CapacityArgs) -> Vec<String> {
    let mut remarks = vec![
        "users, jobs and areas that were not given are those of the example".to_owned(),
        "a scene every five days is assumed, and each is read".to_owned(),
    ];
    if !strange.is_empty() {
        remarks.push(format!(
            "{}: never run on this machine; the rates are those of a small server",
            strange.join(", ")
        ));
    }
    remarks.push(match preset.machine.mbit {
        Some(mbit) => format!("imagery comes over a network, {mbit} Mbit/s to each worker"),
        None => "imagery lies beside the workers".to_owned(),
    });
    if args.core_hour.is_none() {
        remarks.push("for costs give --core-hour and --gb-month".to_owned());
    }
    remarks
}

fn shown(preset: &Preset, capacity: &Capacity, remarks: &[String]) -> String {
    let mut rows = of_jobs(preset, capacity);
    rows.extend(of_layers(preset, capacity));
    if let Some(cost) = &capacity.cost {
        rows.extend([
            row("Cost: the batch, once", money(cost.batch)),
            row("  10,000 km2 of one period", money(cost.batch_10000_km2)),
            row("  storage, each month", money(cost.storage_month)),
            row(
                "  API and workers all the time, each month",
                money(cost.service_month),
            ),
            row(
                "  API, and workers only for jobs, each month",
                money(cost.service_month_on_demand),
            ),
        ]);
    }
    let mut text = table(&[preset.title, ""], &rows);
    text.push('\n');
    for remark in remarks {
        let _ = write!(text, "\n{remark}");
    }
    text
}

fn row(what: impl Into<String>, value: impl Into<String>) -> Vec<String> {
    vec![what.into(), value.into()]
}

fn of_jobs(preset: &Preset, capacity: &Capacity) -> Vec<Vec<String>> {
    let (demand, jobs) = (&preset.demand, &capacity.jobs);
    let size = few(demand.job_km2);
    let (cores, wait) = (few(preset.machine.cores), duration(demand.wait_seconds));
    vec![
        row("Jobs in the busiest hour", few(jobs.per_peak_hour)),
        row(
            format!("Jobs of {size} km2 in an hour of processor time"),
            few(jobs.per_cpu_hour),
        ),
        row(format!("A job on {cores} cores"), duration(jobs.seconds)),
        row(
            "  of which reading over the network",
            duration(jobs.reading_seconds),
        ),
        row(
            format!("Workers, so that 95 of 100 begin within {wait}"),
            jobs.workers.to_string(),
        ),
        row(
            "  busy in the busiest hour",
            format!("{:.1} %", jobs.busy * 100.0),
        ),
        row("  mean wait then", duration(jobs.mean_wait_seconds)),
        row(
            "Requests to the API a second, busiest hour",
            few(jobs.requests_per_second),
        ),
        row(
            "  cores that they keep busy",
            format!("{:.3}", jobs.api_cores),
        ),
        row("Database: new jobs a year", few(jobs.per_year)),
        row("  connections at most", few(jobs.connections)),
        row(
            format!("Results of jobs, kept {} days", few(demand.keep_days)),
            bytes(capacity.job_bytes as u64),
        ),
    ]
}

fn of_layers(preset: &Preset, capacity: &Capacity) -> Vec<Vec<String>> {
    let (km2, periods) = (few(preset.layers.km2), few(preset.layers.periods));
    let mut rows = Vec::new();
    for layer in &capacity.layers {
        rows.extend([
            row(
                format!("{}: km2 in an hour of processor time", layer.name),
                few(layer.km2_per_cpu_hour),
            ),
            row("  kept for each km2", bytes(layer.bytes_per_km2 as u64)),
            row(
                "  kept for each period",
                bytes(layer.bytes_per_period as u64),
            ),
            row(
                format!("  kept for all periods ({periods})"),
                bytes(layer.bytes as u64),
            ),
            row("  imagery read", bytes(layer.input_bytes as u64)),
        ]);
    }
    rows.extend([
        row(
            format!("Batch: {km2} km2, periods: {periods}; processor time"),
            format!("{} h", few(capacity.batch_cpu_hours)),
        ),
        row(
            format!("  workers: {}", few(preset.layers.workers)),
            duration(capacity.batch_hours * 3600.0),
        ),
    ]);
    rows
}

/// A number as people say it: three digits that count, thousands set apart.
fn few(number: f64) -> String {
    if number < 99.95 {
        let text = format!("{number:.1}");
        return text.strip_suffix(".0").unwrap_or(&text).to_owned();
    }
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn money(amount: f64) -> String {
    if amount < 9.995 {
        format!("{amount:.4}")
    } else {
        few(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        for (number, said) in [
            (0.0, "0"),
            (2.0, "2"),
            (2.44, "2.4"),
            (99.99, "100"),
            (1234.5, "1,234"),
            (30_400_000.0, "30,400,000"),
        ] {
            assert_eq!(few(number), said);
        }
    }
}
