//! Why no area can be estimated.

/// What can go wrong between a map and an estimate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AreaError {
    /// Nothing says how the points were drawn.
    #[error(
        "there is no design beside `{sample}`, so nothing is known about how its points were drawn. Areas and \
         map accuracies can only be estimated from points that were drawn at random with known \
         probabilities; draw a sample from the map and label that"
    )]
    NoDesign {
        /// The points.
        sample: String,
    },
    /// People chose the points.
    #[error(
        "the points were chosen on purpose, not drawn at random: where they lie says more about who chose \
         them than about the map, and no estimator can make up for it. Draw a stratified random \
         sample from the map and label that"
    )]
    Purposive,
    /// The design is not JSON of a design.
    #[error(
        "the sampling design cannot be read: {0}; use the file that was written with the sheet"
    )]
    Json(#[from] serde_json::Error),
    /// A file that is no table.
    #[error("{file}: {source}; save it again as CSV in UTF-8")]
    Csv {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        source: geocrop_model::csv::CsvError,
    },
    /// A number of the design or of a proposal that makes no sense.
    #[error("{what} is {found}, expected {expected}")]
    Value {
        /// What it is.
        what: String,
        /// Its value.
        found: String,
        /// What it could be.
        expected: &'static str,
    },
    /// A candidate of a stratum or class that the plan does not have.
    #[error("pixel {pixel} is of {what} {found}, but the plan has {known} of them, counted from 0")]
    UnknownCandidate {
        /// The pixel.
        pixel: u64,
        /// `stratum` or `class`.
        what: &'static str,
        /// Its number.
        found: usize,
        /// How many the plan has.
        known: usize,
    },
    /// A stratum has fewer pixels than points were asked for.
    #[error(
        "stratum `{stratum}` has {pixels} pixels, fewer than the {points} points asked for; ask for fewer points"
    )]
    SmallStratum {
        /// The stratum.
        stratum: String,
        /// Its pixels.
        pixels: u64,
        /// The points.
        points: u32,
    },
    /// No spread can be computed from one point.
    #[error(
        "stratum `{stratum}` has {found} labelled points, expected at least 2: without them its part of the \
         standard error is unknown; label more of its points or merge it with another stratum"
    )]
    TooFewPoints {
        /// The stratum.
        stratum: String,
        /// How many are labelled.
        found: u32,
    },
    /// A file of points lacks a column.
    #[error(
        "the {file} has the columns {found}, expected {expected}; keep the header as it was written"
    )]
    Header {
        /// `label sheet` or `key`.
        file: &'static str,
        /// What it has.
        found: String,
        /// What it needs.
        expected: &'static str,
    },
    /// A field that means nothing.
    #[error("{file}, row {row}: found `{found}` as {what}, expected {expected}")]
    Field {
        /// `label sheet` or `key`.
        file: &'static str,
        /// The row, from 1 below the header.
        row: usize,
        /// The column.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: String,
    },
    /// Some points have no label.
    #[error(
        "{unlabelled} of {points} points have no `reference`. Points that are hard to label are not like the others, \
         so leaving them out would bias every figure: look at them again with other imagery or in the field, write \
         the most likely class, and `low` as confidence"
    )]
    Unlabelled {
        /// How many.
        unlabelled: usize,
        /// Of how many.
        points: usize,
    },
    /// Another map that does not cover what the points stand for.
    #[error(
        "{map} has {pixels} pixels with a class, the points stand for {drawn}, and it has no class at {missing} of \
         {points} points: they say nothing about a map of other land. Draw and label points of this map"
    )]
    OtherLand {
        /// The other map.
        map: String,
        /// Its pixels.
        pixels: u64,
        /// Those of the map that the points were drawn from.
        drawn: u64,
        /// How many points it has no class at.
        missing: usize,
        /// Of how many.
        points: usize,
    },
    /// Another map whose classes are not those of the labels.
    #[error(
        "{map} has the classes {found}, the points were labelled with {labels}: labels that have no class there say \
         nothing about it"
    )]
    OtherClasses {
        /// The other map.
        map: String,
        /// Its classes.
        found: String,
        /// Those of the labels.
        labels: String,
    },
    /// Points were added, removed or doubled.
    #[error(
        "the {file} has {found} points of stratum `{stratum}`, but {expected} were drawn; points must be neither \
         added nor removed"
    )]
    NotTheSample {
        /// `label sheet` or `key`.
        file: &'static str,
        /// The stratum.
        stratum: String,
        /// How many there are.
        found: u32,
        /// How many were drawn.
        expected: u32,
    },
}
