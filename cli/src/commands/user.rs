//! `geocrop user add`, `geocrop invite`, and the demo's login.

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use geocrop_api::hash_password;
use geocrop_database::{Database, DatabaseOptions, NewInvite};
use geocrop_store::Slug;
use rand::Rng as _;
use serde::{Deserialize, Serialize};

use super::api::runtime;
use crate::args::{Invite, UserAdd};
use crate::config::{Config, Usage};
use crate::progress;

/// A name and its password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// The folder of accounts, jobs and the signing key.
pub(crate) fn state(config: &Config) -> PathBuf {
    config.path("state")
}

/// The database that the configuration names, or a file in its folder of state.
pub(crate) fn database_options(config: &Config) -> Result<DatabaseOptions> {
    Ok(DatabaseOptions {
        url: config
            .optional("database.url")
            .unwrap_or_else(|| sqlite_in(&state(config))),
        owner_url: config.optional("database.owner_url"),
        connections: config.number("database.connections", 1, 1000)?,
    })
}

/// The address of the file in a folder of state.
pub(crate) fn sqlite_in(state: &Path) -> String {
    format!("sqlite://{}", state.join("geocrop.sqlite").display())
}

pub(crate) fn add(args: &UserAdd, config: &Config) -> Result<()> {
    let role = role(&args.role, config)?;
    let tenant: Slug = args.tenant.parse()?;
    let (password, made) = if args.password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        (line.trim_end_matches(['\r', '\n']).to_owned(), false)
    } else {
        (random_password(), true)
    };
    let hash = hash_password(&password)?;
    let options = database_options(config)?;
    runtime()?.block_on(async {
        let database = Database::open_with(&options).await?;
        database
            .create_user(&tenant, &args.name, Some(&hash), &role)
            .await?;
        anyhow::Ok(())
    })?;
    progress::line(&format!("added {} ({role})", args.name));
    if made {
        progress::line("its password, shown only now:");
        progress::print(&password);
    }
    Ok(())
}

/// Makes a link that lets guests in, in the name of an account.
pub(crate) fn invite(args: &Invite, config: &Config) -> Result<()> {
    let new = NewInvite {
        role: role(&args.role, config)?,
        tenant: args
            .tenant
            .as_ref()
            .map(|tenant| tenant.parse())
            .transpose()?,
        seats: args.seats,
        lifetime: Duration::from_hours(24) * args.days,
        note: args.note.clone(),
    };
    let options = database_options(config)?;
    let text = runtime()?.block_on(async {
        let database = Database::open_with(&options).await?;
        let by = database.find_user(&args.by).await?.ok_or_else(|| {
            Usage(format!(
                "--as {}: there is no such account; make one with 'geocrop user add'",
                args.by
            ))
        })?;
        let (_, text) = database.create_invite(&by, &new).await?;
        anyhow::Ok(text)
    })?;
    let url = args.url.trim_end_matches('/');
    progress::line(&format!(
        "a link for {}, good for {} days, shown only now:",
        if args.seats == 1 {
            "one guest".to_owned()
        } else {
            format!("{} guests", args.seats)
        },
        args.days
    ));
    progress::print(&format!("{url}/map/#invite={text}"));
    Ok(())
}

fn role(name: &str, config: &Config) -> Result<Slug> {
    let roles = super::api::roles(config)?;
    if roles.get(name).is_none() {
        return Err(Usage(format!("--role {name}: there are {}", roles.names())).into());
    }
    Ok(name.parse()?)
}

/// The login of a demo: made at its first start, kept in a file that only its owner reads.
pub(crate) fn demo_login(state: &Path) -> Result<Login> {
    let file = state.join("login.json");
    if let Ok(text) = std::fs::read_to_string(&file) {
        return serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged: remove it", file.display()));
    }
    let login = Login {
        name: "demo".into(),
        password: random_password(),
    };
    let hash = hash_password(&login.password)?;
    runtime()?.block_on(async {
        let database = Database::open(&sqlite_in(state)).await?;
        let tenant: Slug = "demo".parse()?;
        if database.find_user(&login.name).await?.is_some() {
            database.set_password(&login.name, &hash).await?;
        } else {
            database
                .create_user(&tenant, &login.name, Some(&hash), &"admin".parse()?)
                .await?;
        }
        anyhow::Ok(())
    })?;
    write_private(&file, &serde_json::to_string(&login)?)?;
    Ok(login)
}

/// Twenty letters and digits that are not mistaken for each other: 100 bits.
fn random_password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    (0..20)
        .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
        .collect()
}

fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut f| f.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", file.display()))
}
