//! Names that become paths and rows at a server: what MLflow takes, and nothing that leaves a folder.

use sha2::{Digest, Sha256};

use crate::TrackingError;

/// MLflow's limit on names of parameters, metrics and tags.
const LONGEST_KEY: usize = 250;
/// MLflow's limit on names of experiments, taken for runs and models as well.
const LONGEST_NAME: usize = 500;

/// A name of a parameter, a metric or a tag. It is a path below its kind's folder, and MLflow's rules for it hold.
pub(crate) fn check_key(what: &'static str, name: &str) -> Result<(), TrackingError> {
    let allowed = |c: char| c.is_alphanumeric() || "_-. :/".contains(c);
    let reason = if name.len() > LONGEST_KEY {
        "is longer than 250 bytes; shorten it"
    } else if !name.chars().all(allowed) {
        "has a character that MLflow does not take; use letters, digits, spaces and _ - . : /"
    } else if !is_plain_path(name) {
        "is no plain path; use no empty part, no `.` or `..`, and no / at either end"
    } else {
        return Ok(());
    };
    Err(wrong(what, name, reason))
}

/// Where an artifact lies below the run's artifacts.
pub(crate) fn check_artifact(path: &str) -> Result<(), TrackingError> {
    let reason = if path
        .chars()
        .any(|c| c.is_control() || "\\\"%#?".contains(c))
    {
        "has a character that an address does not take; leave out \\ \" % # ? and control characters"
    } else if !is_plain_path(path) {
        "is no plain path; use no empty part, no `.` or `..`, and no / at either end"
    } else {
        return Ok(());
    };
    Err(wrong("artifact", path, reason))
}

/// A name that is never a path: an experiment's or a run's.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), TrackingError> {
    let reason = if name.trim().is_empty() {
        "is empty; give it a name"
    } else if name.chars().count() > LONGEST_NAME {
        "is longer than 500 characters; shorten it"
    } else if name.chars().any(char::is_control) {
        "has a line break or another control character; leave it out"
    } else {
        return Ok(());
    };
    Err(wrong(what, name, reason))
}

/// A registered model's name.
pub(crate) fn check_model(name: &str) -> Result<(), TrackingError> {
    check_name("model", name)?;
    if name.contains(['/', ':', '\'']) || !is_plain_path(name) {
        let reason = "has a character that MLflow's registry does not take; leave out / : '";
        return Err(wrong("model", name, reason));
    }
    Ok(())
}

/// A name for a model's version. MLflow keeps `latest` and `v1` for itself.
pub(crate) fn check_alias(name: &str) -> Result<(), TrackingError> {
    let is_version = name
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let reason = if name.is_empty() || name.len() > 200 || !name.chars().all(plain) {
        "is none for MLflow; use letters, digits, _ and -"
    } else if is_version || name.eq_ignore_ascii_case("latest") {
        "is kept by MLflow for itself; choose another, like `production`"
    } else {
        return Ok(());
    };
    Err(wrong("alias", name, reason))
}

/// The number of an experiment, from its name: two trainings that begin at once agree on it without asking each other.
pub(crate) fn experiment_id(name: &str) -> String {
    let hash = Sha256::digest(name.as_bytes());
    let number = hash[..8]
        .iter()
        .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    // Eighteen digits and no leading zero, as MLflow makes them.
    (100_000_000_000_000_000 + number % 900_000_000_000_000_000).to_string()
}

fn is_plain_path(path: &str) -> bool {
    path.split('/')
        .all(|part| !matches!(part, "" | "." | "..") && part.len() <= LONGEST_KEY)
}

fn wrong(what: &'static str, name: &str, reason: &'static str) -> TrackingError {
    TrackingError::Name {
        what,
        // A name of a megabyte is no help in a message.
        name: name.chars().take(80).collect(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in [
            "",
            "..",
            "../x",
            "a/../../x",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "a\0b",
            "a\nb",
        ] {
            assert!(
                check_key("parameter", name).is_err(),
                "{name:?} as a parameter"
            );
            assert!(check_artifact(name).is_err(), "{name:?} as an artifact");
        }
        assert!(check_artifact("a\\..\\b").is_err());
        assert!(check_key("tag", &"a".repeat(251)).is_err());
    }

    #[test]
    fn names_of_the_field_are_taken() {
        for name in [
            "learning_rate",
            "importance/red_S1",
            "mlflow.note.content",
            "fold 1: F1",
            "höhe",
            "..a",
        ] {
            check_key("metric", name).unwrap();
        }
        check_artifact("model/card (1).json").unwrap();
        check_model("cropland-zimbabwe").unwrap();
        check_alias("production").unwrap();
    }

    #[test]
    fn aliases_that_mlflow_keeps_for_itself_are_refused() {
        for alias in ["latest", "LATEST", "v1", "V20", "", "a b"] {
            assert!(check_alias(alias).is_err(), "{alias:?}");
        }
        check_alias("v").unwrap();
        check_alias("v1-good").unwrap();
    }

    #[test]
    fn an_experiment_has_the_same_number_wherever_it_is_made() {
        assert_eq!(experiment_id("cropland"), experiment_id("cropland"));
        assert_ne!(experiment_id("cropland"), experiment_id("../cropland"));
        for name in ["", "cropland", "../../etc"] {
            let id = experiment_id(name);
            assert!(
                id.len() == 18 && id.chars().all(|c| c.is_ascii_digit()),
                "{id}"
            );
        }
    }
}
