//! The model of a run at MLflow's registry: the version first, its names last.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::server::{RemoteRun, Version};
use crate::{Registration, Server, TrackingError};

/// Registers the version unless it is there, and gives it its aliases. All of the run's artifacts are at the server.
pub(super) fn register(
    server: &Server,
    run: &RemoteRun,
    registration: &Registration,
) -> Result<(), TrackingError> {
    let model = registration.model.as_str();
    server.registered_model(model)?;
    let number = server.version(model, run, &registration.source)?;
    let version = Version {
        model,
        number: &number,
    };
    server.describe(version, &registration.description, &registration.tags)?;
    for (alias, since) in &registration.aliases {
        give(server, version, alias, *since)?;
    }
    Ok(())
}

/// Gives the alias unless another version got it later: runs may come in another order than their promotions.
fn give(
    server: &Server,
    version: Version,
    alias: &str,
    since: DateTime<Utc>,
) -> Result<(), TrackingError> {
    let tag = format!("geocrop.alias.{alias}");
    let holder = server.aliased(version.model, alias)?;
    if let Some(holder) = holder.filter(|holder| holder != version.number) {
        let holder = Version {
            number: &holder,
            ..version
        };
        // Without our tag somebody else gave it, and the registry here is the truth.
        let given = server.version_tag(holder, &tag)?;
        let given = given.and_then(|given| DateTime::parse_from_rfc3339(&given).ok());
        if given.is_some_and(|given| given > since) {
            return Ok(());
        }
    }
    // The tag first: an alias without it would be taken by an older version.
    let words = since.to_rfc3339_opts(SecondsFormat::Micros, true);
    server.tag_version(version, &tag, &words)?;
    server.set_alias(version, alias)
}
