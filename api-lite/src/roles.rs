//! What each role may do. Configuration, so that a house can have its own.

use std::collections::BTreeMap;
use std::time::Duration;

use geocrop_database::{Priority, User};
use geocrop_raster::AoiLimits;
use geocrop_store::Slug;

use crate::RecipeInfo;
use crate::problem::Problem;
use axum::http::StatusCode;

/// What a role may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Role {
    /// Jobs in all that count; `None`: any number.
    pub jobs: Option<u32>,
    /// The largest area of a job, in square kilometres.
    pub max_area_km2: f64,
    /// How soon its jobs are taken.
    pub priority: Priority,
    /// How long its results stay.
    pub keep: Duration,
    /// Whether it may invite, see all areas and work with what is not its own.
    pub admin: bool,
}

impl Role {
    /// Somebody who came to look.
    fn recruiter() -> Self {
        Self {
            jobs: Some(5),
            max_area_km2: 25.0,
            priority: Priority::Low,
            keep: 7 * DAY,
            admin: false,
        }
    }
}

/// All roles by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles(BTreeMap<Slug, Role>);

const DAY: Duration = Duration::from_hours(24);

impl Default for Roles {
    /// `recruiter`: somebody who came to look. `admin`: whoever runs the place.
    fn default() -> Self {
        let slug = |name: &str| name.parse().expect("these are slugs");
        Self(BTreeMap::from([
            (slug("recruiter"), Role::recruiter()),
            (
                slug("admin"),
                Role {
                    jobs: None,
                    // A Digital Earth Africa tile, 96 km square, fits.
                    max_area_km2: 10_000.0,
                    priority: Priority::Normal,
                    keep: 30 * DAY,
                    admin: true,
                },
            ),
        ]))
    }
}

impl Roles {
    /// The role of a name; made from `recruiter`'s values when it is not there.
    pub fn entry(&mut self, name: Slug) -> &mut Role {
        self.0.entry(name).or_insert_with(Role::recruiter)
    }

    /// The role of a name.
    pub fn get(&self, name: &str) -> Option<&Role> {
        let name: Slug = name.parse().ok()?;
        self.0.get(&name)
    }

    /// All names, for messages.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.0.keys().map(Slug::as_str).collect();
        names.join(", ")
    }

    /// What an account may do. An account whose role was taken out of the configuration may do nothing.
    pub(crate) fn of(&self, user: &User) -> Result<&Role, Problem> {
        self.get(user.role.as_str()).ok_or_else(|| {
            Problem::new(
                StatusCode::FORBIDDEN,
                "unknown-role",
                "The account's role is not known here",
                format!("This server has no role {:?}.", user.role.as_str()),
            )
            .hint("Whoever runs this server can add the role to its configuration or give the account another.")
        })
    }
}

/// What an account may draw for a recipe.
pub(crate) fn aoi_limits(role: &Role, recipe: Option<&RecipeInfo>) -> AoiLimits {
    let own = role.max_area_km2;
    let limit = recipe.and_then(|recipe| recipe.max_area_km2);
    AoiLimits {
        max_area_km2: Some(limit.map_or(own, |limit| limit.min(own))),
        ..AoiLimits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_of_the_house_begins_as_a_recruiter() {
        let mut roles = Roles::default();
        let team = roles.entry("team".parse().unwrap());
        assert_eq!(team.jobs, Some(5));
        team.jobs = Some(50);
        assert_eq!(roles.get("team").unwrap().jobs, Some(50));
        assert_eq!(roles.names(), "admin, recruiter, team");
    }
}
