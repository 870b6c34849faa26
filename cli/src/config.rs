//! Settings and where each came from: `geocrop.toml`, over it `GEOCROP_*`, over that the flags.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Wrong usage: exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A setting that there is.
struct Known {
    key: &'static str,
    default: &'static str,
}

/// Every setting. The environment's name is `GEOCROP_` and the key in capitals, a dot as `_`. A key with a dot is one of a
/// table in the file: `mlflow_url` of `[status]`.
const KNOWN: [Known; 30] = [
    Known {
        key: "store",
        default: "store",
    },
    Known {
        key: "recipes",
        default: "recipes",
    },
    Known {
        key: "models",
        default: "models",
    },
    Known {
        key: "sources",
        default: "",
    },
    Known {
        key: "datasets",
        default: "datasets.toml",
    },
    Known {
        key: "data_mirror",
        default: "",
    },
    // Where trainings are kept, and the MLflow server that they are sent to, if any.
    Known {
        key: "runs",
        default: "runs",
    },
    Known {
        key: "mlflow.url",
        default: "",
    },
    Known {
        key: "memory",
        default: "512",
    },
    Known {
        key: "state",
        default: "state",
    },
    Known {
        key: "address",
        default: "127.0.0.1:8080",
    },
    // Accounts and jobs: an address of SQLite or PostgreSQL; empty: a file of SQLite in `state`.
    Known {
        key: "database.url",
        default: "",
    },
    // The owner of PostgreSQL's tables, when the user of `database.url` may not change them.
    Known {
        key: "database.owner_url",
        default: "",
    },
    Known {
        key: "database.connections",
        default: "10",
    },
    // Wakes workers, keeps answers and counts tries for all processes; empty: each does without.
    Known {
        key: "redis.url",
        default: "",
    },
    // The folder of the keys that tokens are signed with; empty: `keys` in `state`.
    Known {
        key: "auth.keys",
        default: "",
    },
    Known {
        key: "auth.token_minutes",
        default: "15",
    },
    Known {
        key: "auth.session_days",
        default: "14",
    },
    // Jobs that a process works on at once, which share its memory; seconds until the jobs of a worker that died are taken
    // over; seconds that they have to come to their end at a stop.
    Known {
        key: "worker.jobs_at_once",
        default: "1",
    },
    Known {
        key: "worker.lease_seconds",
        default: "60",
    },
    Known {
        key: "worker.seconds_to_finish",
        default: "10",
    },
    // Where clients find the server, for addresses in its answers; empty: the host that they ask.
    Known {
        key: "public_url",
        default: "",
    },
    // Addresses and networks (10.42.0.0/16) of proxies whose X-Forwarded-For is believed.
    Known {
        key: "trusted_proxies",
        default: "",
    },
    // Pages of other sites whose scripts may use the API; "*": any. Published maps are open to all in any case.
    Known {
        key: "cors.origins",
        default: "",
    },
    // Log lines as text for people or as JSON for programs.
    Known {
        key: "log.format",
        default: "text",
    },
    // A collector of OpenTelemetry, such as http://collector:4318, that traces are sent to; empty: none.
    Known {
        key: "otlp.endpoint",
        default: "",
    },
    // Servers that the status tells of; empty: it does not.
    Known {
        key: "status.mlflow_url",
        default: "",
    },
    Known {
        key: "status.prometheus_url",
        default: "",
    },
    // Where `site build` asks for the measurements of the status page; empty: the page has none.
    Known {
        key: "site.prometheus_url",
        default: "",
    },
    // A PMTiles archive of OpenStreetMap that the map draws below the layers; empty: borders and towns alone.
    Known {
        key: "site.basemap",
        default: "",
    },
];

/// Megabytes that a task needs at least.
pub(crate) const LEAST_MB: usize = 128;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Environment(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(name) => write!(f, "${name}"),
            Origin::Flag => f.write_str("flag"),
        }
    }
}

/// One setting in force.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

impl Setting {
    /// The value as it may be shown: a password in an address is hidden.
    pub(crate) fn shown(&self) -> String {
        let Some((scheme, rest)) = self.value.split_once("://") else {
            return self.value.clone();
        };
        // The last @ ends the login: a password may hold one.
        match rest.rsplit_once('@') {
            Some((login, host)) => match login.split_once(':') {
                Some((user, _)) => format!("{scheme}://{user}:(hidden)@{host}"),
                None => self.value.clone(),
            },
            None => self.value.clone(),
        }
    }
}

/// The settings in force.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    settings: BTreeMap<&'static str, Setting>,
    roles: BTreeMap<String, RoleSettings>,
}

/// What `[roles.<name>]` says; what it leaves out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleSettings {
    /// A number, or `"unlimited"`.
    pub(crate) jobs: Option<toml::Value>,
    pub(crate) max_area_km2: Option<f64>,
    /// `high`, `normal` or `low`.
    pub(crate) priority: Option<String>,
    /// Days that results stay.
    pub(crate) keep_days: Option<u32>,
    pub(crate) admin: Option<bool>,
}

impl Config {
    /// Reads the file, if there is one, and the environment.
    pub(crate) fn load(file: &Path) -> Result<Self> {
        Self::from(file, |name| std::env::var(name).ok())
    }

    fn from(file: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut settings: BTreeMap<_, _> = KNOWN
            .iter()
            .map(|known| {
                let setting = Setting {
                    value: known.default.to_owned(),
                    origin: Origin::Default,
                };
                (known.key, setting)
            })
            .collect();
        let mut roles = BTreeMap::new();
        if file.exists() {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read the configuration {}", file.display()))?;
            let wrong = |e: toml::de::Error| Usage(format!("{}: {e}", file.display()));
            let mut table: toml::Table = toml::from_str(&text).map_err(wrong)?;
            if let Some(given) = table.remove("roles") {
                roles = given.try_into().map_err(wrong)?;
            }
            for (key, value) in flattened(table) {
                let known = KNOWN.iter().find(|k| k.key == key).ok_or_else(|| {
                    let keys: Vec<_> = KNOWN.iter().map(|k| k.key).collect();
                    Usage(format!(
                        "{}: '{key}' is no setting; there are {}",
                        file.display(),
                        keys.join(", ")
                    ))
                })?;
                settings.insert(
                    known.key,
                    Setting {
                        value: text_of(&value),
                        origin: Origin::File(file.to_owned()),
                    },
                );
            }
        }
        for known in &KNOWN {
            let name = format!("GEOCROP_{}", known.key.to_uppercase().replace('.', "_"));
            if let Some(value) = environment(&name).filter(|v| !v.is_empty()) {
                let origin = Origin::Environment(name);
                settings.insert(known.key, Setting { value, origin });
            }
        }
        Ok(Self { settings, roles })
    }

    /// Puts a flag over everything else.
    pub(crate) fn flag(&mut self, key: &'static str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.settings.insert(
                key,
                Setting {
                    value: value.to_string(),
                    origin: Origin::Flag,
                },
            );
        }
    }

    /// The value of a setting.
    pub(crate) fn get(&self, key: &'static str) -> &str {
        &self.settings[key].value
    }

    /// A setting that is a path.
    pub(crate) fn path(&self, key: &'static str) -> PathBuf {
        PathBuf::from(self.get(key))
    }

    /// The memory of a task in MB.
    pub(crate) fn memory_mb(&self) -> Result<usize> {
        let value = self.get("memory");
        value
            .parse()
            .ok()
            .filter(|mb| *mb >= LEAST_MB)
            .ok_or_else(|| Usage(format!("memory = '{value}': give megabytes, 128 or more")).into())
    }

    /// A setting that is a whole number from `least` to `most`.
    pub(crate) fn number(&self, key: &'static str, least: u32, most: u32) -> Result<u32> {
        let value = self.get(key);
        value
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| {
                Usage(format!(
                    "{key} = '{value}': expected a whole number from {least} to {most}"
                ))
                .into()
            })
    }

    /// The items of a setting that is a list.
    pub(crate) fn list(&self, key: &'static str) -> Vec<String> {
        let list = self.get(key).split(',').map(str::trim);
        list.filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }

    /// What `[roles.*]` says.
    pub(crate) fn roles(&self) -> &BTreeMap<String, RoleSettings> {
        &self.roles
    }

    /// The sources that jobs may use.
    pub(crate) fn sources(&self) -> Vec<String> {
        self.list("sources")
    }

    /// The value of a setting that may be left open.
    pub(crate) fn optional(&self, key: &'static str) -> Option<String> {
        Some(self.get(key).trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// All settings, for `geocrop doctor`.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.settings.iter().map(|(key, setting)| (*key, setting))
    }
}

/// The file's settings, those of tables with the table's name before a dot.
fn flattened(table: toml::Table) -> Vec<(String, toml::Value)> {
    let mut settings = Vec::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => settings.extend(
                inner
                    .into_iter()
                    .map(|(name, value)| (format!("{key}.{name}"), value)),
            ),
            value => settings.push((key, value)),
        }
    }
    settings
}

fn text_of(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// The user's cache folder for GeoCrop.
pub(crate) fn cache_dir() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("GEOCROP_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|d| d.join("geocrop")))
        .or_else(|| set("HOME").map(|d| d.join(".cache/geocrop")))
        .unwrap_or_else(|| std::env::temp_dir().join("geocrop"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, environment: &[(&str, &str)]) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("geocrop.toml");
        std::fs::write(&file, text).unwrap();
        Config::from(&file, |name| {
            let found = environment.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        for (value, shown) in [
            ("postgres://me:se@cret@db/x", "postgres://me:(hidden)@db/x"),
            ("postgres://me@db/x", "postgres://me@db/x"),
            ("s3://maps", "s3://maps"),
            ("store", "store"),
        ] {
            let setting = Setting {
                value: value.to_owned(),
                origin: Origin::Default,
            };
            assert_eq!(setting.shown(), shown);
        }
    }

    #[test]
    fn roles_are_tables_of_their_own_and_a_wrong_key_is_told() {
        let given = config(
            "memory = 900\n[roles.recruiter]\njobs = 3\nmax_area_km2 = 10.5\n[roles.team]\njobs = 'unlimited'",
            &[],
        )
        .unwrap();
        assert_eq!(given.roles()["recruiter"].max_area_km2, Some(10.5));
        assert_eq!(given.roles()["team"].jobs, Some("unlimited".into()));
        let wrong = config("[roles.team]\njobz = 3", &[]).unwrap_err();
        assert!(wrong.to_string().contains("jobz"), "{wrong}");
        let list = config("trusted_proxies = ['10.0.0.1', '10.0.0.2']", &[]).unwrap();
        assert_eq!(list.list("trusted_proxies"), ["10.0.0.1", "10.0.0.2"]);
        assert!(list.number("worker.jobs_at_once", 0, 64).is_ok());
    }

    #[test]
    fn flags_win_over_the_environment_over_the_file_over_defaults() {
        let mut config = config(
            "store = 's3://maps'\nmemory = 900",
            &[("GEOCROP_MEMORY", "700")],
        )
        .unwrap();
        assert_eq!(config.get("recipes"), "recipes");
        assert_eq!(config.get("store"), "s3://maps");
        assert_eq!(config.memory_mb().unwrap(), 700);
        config.flag("memory", Some(300));
        assert_eq!(config.memory_mb().unwrap(), 300);
        let origin = |key: &str| {
            config
                .all()
                .find(|(k, _)| *k == key)
                .unwrap()
                .1
                .origin
                .to_string()
        };
        assert_eq!(origin("memory"), "flag");
        assert_eq!(origin("recipes"), "default");
        assert!(origin("store").ends_with("geocrop.toml"));
    }

    #[test]
    fn an_unknown_setting_is_wrong_usage_and_names_those_there_are() {
        let error = config("stoer = 'x'", &[]).unwrap_err();
        assert!(error.is::<Usage>());
        assert!(
            error.to_string().contains("'stoer' is no setting"),
            "{error}"
        );
        assert!(error.to_string().contains("store"), "{error}");
    }

    #[test]
    fn a_setting_of_a_table_has_a_dot_and_its_variable_an_underscore() {
        let file = "[status]\nmlflow_url = 'http://mlflow:5000'\nprometheus_url = 'http://p:9090'";
        let both = [("GEOCROP_STATUS_PROMETHEUS_URL", "http://other:9090")];
        let config = config(file, &both).unwrap();
        assert_eq!(
            config.optional("status.mlflow_url").unwrap(),
            "http://mlflow:5000"
        );
        assert_eq!(
            config.optional("status.prometheus_url").unwrap(),
            "http://other:9090"
        );
        assert_eq!(config.optional("site.prometheus_url"), None);
    }

    #[test]
    fn an_unknown_setting_of_a_table_is_named_in_full() {
        let error = config("[status]\nmlflow = 'x'", &[]).unwrap_err();
        assert!(error.to_string().contains("'status.mlflow' is no setting"));
    }

    #[test]
    fn a_list_of_sources_comes_from_an_array_or_from_commas() {
        assert_eq!(
            config("sources = ['a', 'b']", &[]).unwrap().sources(),
            ["a", "b"]
        );
        let both = [("GEOCROP_SOURCES", "c, d")];
        assert_eq!(config("", &both).unwrap().sources(), ["c", "d"]);
    }
}
