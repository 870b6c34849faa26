//! What a pixel's class rests on: the codes of the observations file's second band.

/// Names of the bands of a label map's observations.
pub(crate) const OBSERVATION_BANDS: [&str; 2] = ["count", "evidence"];

/// How well the observations of a pixel support its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Evidence {
    /// Nothing was seen; there is no class.
    None = 0,
    /// Enough observations, and one class is ahead.
    Sound = 1,
    /// Fewer observations than the recipe asks for.
    Thin = 2,
    /// Two or more classes are level; the one with the lower value is shown.
    Tie = 3,
}

/// The codes with their names and what they mean.
pub(crate) const EVIDENCE: [(Evidence, &str, &str); 4] = [
    (
        Evidence::None,
        "none",
        "No observation: the map has no class here",
    ),
    (
        Evidence::Sound,
        "sound",
        "Enough observations, and one class is ahead",
    ),
    (
        Evidence::Thin,
        "thin",
        "Fewer observations than the recipe asks for",
    ),
    (
        Evidence::Tie,
        "tie",
        "Two or more classes are level: the one with the lowest value is shown",
    ),
];
