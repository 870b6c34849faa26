//! Ninety days as ninety small bars. A bar's height tells its state as its colour does, so that neither is needed alone.

use std::fmt::Write as _;

use geocrop_store::status::{Day, HISTORY_DAYS, Part, State};

use crate::html::escape;

/// Height of the drawing.
const HEIGHT: u32 = 34;
/// From one bar to the next.
const STEP: u32 = 10;
/// Width of a bar.
const BAR: u32 = 7;

/// The drawing, with what it shows in words. An empty history is one of unknown days.
pub(super) fn draw(part: Part, history: &[Day]) -> String {
    let width = STEP * (HISTORY_DAYS - 1) + BAR;
    let mut svg = format!(
        "<svg class=\"days\" viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{}\">",
        escape(&format!("{}, {}", part.name(), summary(history)))
    );
    let unknown = HISTORY_DAYS as usize - history.len().min(HISTORY_DAYS as usize);
    let states = std::iter::repeat_n(None, unknown).chain(history.iter().map(Some));
    for (at, day) in states.take(HISTORY_DAYS as usize).enumerate() {
        let state = day.map_or(State::Unknown, Day::state);
        let (x, height) = (STEP * at as u32, height(state));
        let _ = write!(
            svg,
            "<rect class=\"{state}\" x=\"{x}\" y=\"{}\" width=\"{BAR}\" height=\"{height}\" rx=\"2\"",
            HEIGHT - height
        );
        match day.filter(|_| state != State::Unknown) {
            Some(day) => {
                let _ = write!(svg, "><title>{}</title></rect>", escape(&told(day)));
            }
            None => svg.push_str("/>"),
        }
    }
    svg.push_str("</svg>");
    svg
}

fn height(state: State) -> u32 {
    match state {
        State::Up => HEIGHT,
        State::Degraded => 22,
        State::Down => 11,
        State::Unknown => 3,
    }
}

/// "90 days: 88 up, 1 degraded, 1 unknown".
pub(super) fn summary(history: &[Day]) -> String {
    let shown = HISTORY_DAYS as usize;
    let of = |state| history.iter().filter(|day| day.state() == state).count();
    let known = [State::Up, State::Degraded, State::Down].map(|state| (state, of(state)));
    let unknown = shown.saturating_sub(known.iter().map(|(_, days)| days).sum());
    let told: Vec<String> = known
        .into_iter()
        .chain([(State::Unknown, unknown)])
        .filter(|(_, days)| *days > 0)
        .map(|(state, days)| format!("{days} {state}"))
        .collect();
    format!("{shown} days: {}", told.join(", "))
}

/// One day in words.
fn told(day: &Day) -> String {
    let bad = [(day.degraded, "degraded"), (day.down, "down")]
        .into_iter()
        .filter_map(|(count, word)| Some(format!("{} {word}", count.filter(|n| *n > 0)?)))
        .collect::<Vec<_>>()
        .join(", ");
    let bad = if bad.is_empty() { "all up" } else { &bad };
    format!("{}: {} checks, {bad}", day.day, day.checks())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(up: u32, degraded: u32, down: u32) -> Day {
        Day {
            day: "2026-11-30".to_owned(),
            up: Some(up),
            degraded: Some(degraded),
            down: Some(down),
        }
    }

    #[test]
    fn the_summary_counts_every_day_once() {
        assert_eq!(summary(&[]), "90 days: 90 unknown");
        let mut history = vec![day(1440, 0, 0); 88];
        history.push(day(1400, 40, 0));
        history.insert(0, Day::unknown("2026-09-01".to_owned()));
        assert_eq!(summary(&history), "90 days: 88 up, 1 degraded, 1 unknown");
    }

    #[test]
    fn a_short_history_ends_today() {
        let svg = draw(Part::Store, &[day(0, 0, 5)]);
        assert_eq!(svg.matches("<rect").count(), 90);
        assert!(
            svg.contains("aria-label=\"Store, 90 days: 1 down, 89 unknown\""),
            "{svg}"
        );
        assert!(
            svg.ends_with(
                "<rect class=\"down\" x=\"890\" y=\"23\" width=\"7\" height=\"11\" rx=\"2\">\
             <title>2026-11-30: 5 checks, 5 down</title></rect></svg>"
            ),
            "{svg}"
        );
    }
}
