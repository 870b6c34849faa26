//! Why a table is not read or a model not trained.

use std::path::PathBuf;

/// What can go wrong between a table and a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; check the path and its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's records cannot be told apart.
    #[error("{}: {source}; save it as text in UTF-8", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: geocrop_model::csv::CsvError,
    },
    /// Training would not find memory for it.
    #[error(
        "{} has {rows} rows; training takes about {needed_mb} MB for those that are wanted, and may take {memory_mb}: \
         take --rows {fits} of them at random, or give it more with --memory",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: usize,
        /// Memory that those that are wanted need.
        needed_mb: u64,
        /// Memory that there is.
        memory_mb: u64,
        /// Rows that fit.
        fits: u64,
    },
    /// The file has no rows.
    #[error("{} has {found}, expected a header and one row per sample", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: &'static str,
    },
    /// No column is called `Class`, or no other is.
    #[error(
        "{}: the header has the columns {found}, expected `Class` and at least one feature, \
         like `# Class red nir` or `Class,red,nir`",
        path.display()
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// The columns.
        found: String,
    },
    /// A column has no name.
    #[error(
        "{}: column {number} of the header has no name; name it, or take it out: the row numbers of a spreadsheet are no \
         feature",
        path.display()
    )]
    UnnamedColumn {
        /// The file.
        path: PathBuf,
        /// Which one, from 1.
        number: usize,
    },
    /// Two columns have one name.
    #[error("{}: two columns are called `{name}`; rename one", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A row is too short or too long.
    #[error("{}, line {line}: found {found} values, expected {expected} as in the header", path.display())]
    RowLength {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// How many values stand there.
        found: usize,
        /// How many columns the header has.
        expected: usize,
    },
    /// Something is not what its column holds.
    #[error("{}, line {line}, column `{column}`: found `{found}`, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// There is nothing to tell apart.
    #[error(
        "all {rows} samples are of class {class}; a model needs samples of at least two classes"
    )]
    OneClass {
        /// The class.
        class: u32,
        /// How many samples there are.
        rows: usize,
    },
    /// A class between 0 and the highest has no samples.
    #[error(
        "there are samples of class {highest} but none of class {missing}; number classes from 0 without gaps"
    )]
    MissingClass {
        /// The first class without samples.
        missing: u32,
        /// The highest class.
        highest: u32,
    },
    /// A class cannot be in every fold.
    #[error(
        "class {class} has {found} samples, fewer than the {folds} folds; add samples or use fewer folds"
    )]
    TooFewSamples {
        /// The class.
        class: u32,
        /// How many samples it has.
        found: usize,
        /// How many folds there are.
        folds: usize,
    },
    /// There are fewer groups than folds.
    #[error("the samples lie in {found} {groups}, fewer than the {folds} folds; {remedy}")]
    TooFewGroups {
        /// What keeps samples together: `groups` or `blocks of 50 km`.
        groups: String,
        /// How many hold samples.
        found: usize,
        /// How many folds there are.
        folds: usize,
        /// What may help.
        remedy: &'static str,
    },
    /// All groups of a class fell into one fold.
    #[error(
        "all samples of class {class} lie in {found} {groups} and fall into one fold, so that no model \
         could learn the class and be tested on it; {remedy}"
    )]
    ClassInOneFold {
        /// The class.
        class: u32,
        /// How many groups have samples of it.
        found: usize,
        /// What keeps samples together.
        groups: String,
        /// What may help.
        remedy: &'static str,
    },
    /// A sample that is nowhere on Earth.
    #[error(
        "sample {row} lies at longitude {lon}, latitude {lat}, expected -180 to 180 and -90 to 90{hint}"
    )]
    Coordinates {
        /// Which sample, from 0.
        row: usize,
        /// Degrees.
        lon: f64,
        /// Degrees.
        lat: f64,
        /// What may have happened.
        hint: &'static str,
    },
    /// Columns of samples that differ in length.
    #[error("there are {samples} samples but {found} {what}; give one for each sample")]
    Lengths {
        /// What is counted.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many samples there are.
        samples: usize,
    },
    /// An option out of its range.
    #[error("`{option}` is {found}, expected {expected}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Its value.
        found: String,
        /// Its range.
        expected: &'static str,
    },
    /// What samples cannot be split by.
    #[error(
        "the samples cannot be split by {by}: the table has not {needed}; add it, or split by what there is"
    )]
    CannotSplit {
        /// What was asked for.
        by: &'static str,
        /// What the table would need.
        needed: &'static str,
    },
    /// A column that a model needs is not there.
    #[error("the table {table} has no {missing}, which the model needs; columns are found by name")]
    MissingColumns {
        /// The table.
        table: String,
        /// The columns.
        missing: String,
    },
    /// A model from elsewhere that cannot be taken in.
    #[error("the model is not taken in: {reason}")]
    CannotImport {
        /// Why not.
        reason: String,
    },
    /// A plan that is none.
    #[error("the training plan is not usable: {0}")]
    Plan(#[source] toml::de::Error),
    /// A derived feature that is wrong in itself.
    #[error("a derived feature of the training plan: {0}; line counts its derived features")]
    Derived(#[source] geocrop_model::FeatureError),
    /// A member wants a feature that nobody has.
    #[error(
        "the member `{member}` of the training plan names the feature `{name}`; there are {known}"
    )]
    UnknownFeature {
        /// The member's name.
        member: String,
        /// The feature's name.
        name: String,
        /// All features.
        known: String,
    },
    /// What the models predicted cannot be judged.
    #[error("the predictions cannot be judged: {0}")]
    Evaluate(#[from] crate::evaluate::EvaluateError),
    /// A description of a table that is not what it should be.
    #[error("the description of the training table is not usable: {0}")]
    About(#[from] toml::de::Error),
    /// XGBoost refused.
    #[error("XGBoost failed while {doing}: {message}")]
    XgBoost {
        /// What it was asked to do.
        doing: &'static str,
        /// What it said.
        message: String,
    },
    /// The trained model cannot be evaluated here.
    #[error("the model that XGBoost trained cannot be used: {0}")]
    Model(#[from] geocrop_model::EnsembleError),
}

impl From<geocrop_model::ModelError> for TrainingError {
    fn from(error: geocrop_model::ModelError) -> Self {
        Self::Model(error.into())
    }
}
