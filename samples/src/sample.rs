//! One labelled place, and its time.

use std::cmp::Ordering;

use chrono::{Datelike, Days, Months, NaiveDate};
use geocrop_store::Period;
use serde::Serialize;

use crate::Shape;

/// One labelled place.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where.
    pub shape: Shape,
    /// What time the label holds for: a year, month or day, or from one to another.
    pub time: Period,
    /// The class's value in the legend.
    pub class: u8,
    /// What belongs together and must never be on both sides of a split, such as the visit to a farm.
    pub group: Option<Box<str>>,
    /// How much it counts, above 0; 1 if nothing is said.
    pub weight: Option<f32>,
    /// What somebody wrote beside it.
    pub note: Option<Box<str>>,
}

impl Sample {
    /// An order in which samples of the same place and time are neighbours, and those of one class too.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let weight = |s: &Self| s.weight.map_or(0, f32::to_bits);
        let all = (&self.shape, &self.time, self.class, &self.group, &self.note);
        all.cmp(&(
            &other.shape,
            &other.time,
            other.class,
            &other.group,
            &other.note,
        ))
        .then(weight(self).cmp(&weight(other)))
    }

    /// A GeoJSON Feature with its members in one order: what the content's hash is made of.
    pub(crate) fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Feature<'s> {
            r#type: &'static str,
            properties: Properties<'s>,
            geometry: &'s Shape,
        }
        #[derive(Serialize)]
        struct Properties<'s> {
            class: u8,
            date: &'s str,
            #[serde(skip_serializing_if = "Option::is_none")]
            group: Option<&'s str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            weight: Option<f32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            note: Option<&'s str>,
        }
        let feature = Feature {
            r#type: "Feature",
            properties: Properties {
                class: self.class,
                date: self.time.as_str(),
                group: self.group.as_deref(),
                weight: self.weight,
                note: self.note.as_deref(),
            },
            geometry: &self.shape,
        };
        serde_json::to_string(&feature).expect("a sample is plain data")
    }
}

/// The years of which there can be a label: from the first Landsat on, and no misprint.
const YEARS: std::ops::RangeInclusive<i32> = 1972..=2100;

/// First and last day of a time.
pub fn days(time: &Period) -> (NaiveDate, NaiveDate) {
    let text = time.as_str();
    let (first, last) = text.split_once('_').unwrap_or((text, text));
    (span(first).0, span(last).1)
}

/// First and last day of a year, month or day. Periods were checked when they were read.
fn span(text: &str) -> (NaiveDate, NaiveDate) {
    let date = |text: &str| text.parse::<NaiveDate>().unwrap_or_default();
    match text.len() {
        4 => (
            date(&format!("{text}-01-01")),
            date(&format!("{text}-12-31")),
        ),
        7 => {
            let first = date(&format!("{text}-01"));
            (first, first + Months::new(1) - Days::new(1))
        }
        _ => (date(text), date(text)),
    }
}

/// Reads a time: a [`Period`], a year as programs write it into a column of numbers (`2021.0`), or a moment, of which the
/// day is taken.
pub(crate) fn time(text: &str) -> Option<Period> {
    let text = text.trim();
    let text = text.strip_suffix(".0").unwrap_or(text);
    let text = match text.as_bytes().get(10) {
        Some(b'T' | b' ') => &text[..10],
        _ => text,
    };
    let time: Period = text.parse().ok()?;
    let (first, last) = days(&time);
    (YEARS.contains(&first.year()) && YEARS.contains(&last.year())).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_years_months_days_and_spans_of_them() {
        let read = |text: &str| time(text).map(|t| t.to_string());
        for (text, expected) in [
            ("2021", "2021"),
            (" 2021.0 ", "2021"),
            ("2021-03", "2021-03"),
            ("2021-03-15T10:00:00Z", "2021-03-15"),
            ("2020-11_2021-04", "2020-11_2021-04"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for wrong in [
            "",
            "21",
            "15.03.2021",
            "2021-13",
            "0221",
            "2921",
            "soon",
            "2021-02-30",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_month_ends_on_its_last_day() {
        let ends = |text: &str| {
            let (first, last) = days(&text.parse().unwrap());
            (first.to_string(), last.to_string())
        };
        assert_eq!(ends("2024-02"), ("2024-02-01".into(), "2024-02-29".into()));
        assert_eq!(
            ends("2023-11_2024-04"),
            ("2023-11-01".into(), "2024-04-30".into())
        );
        assert_eq!(ends("2024"), ("2024-01-01".into(), "2024-12-31".into()));
    }
}
