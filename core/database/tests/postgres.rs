//! The contract on a real PostgreSQL with PostGIS, and what is PostgreSQL's own: tenants are kept apart by the database.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod contract;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use geocrop_database::{Database, DatabaseOptions, DbError};
use geocrop_testbed::Postgres;
use tokio::runtime::Runtime;

type Case = fn(Database) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($module:ident::$case:ident),* $(,)?) => {
        &[$((stringify!($case), |db| Box::pin(contract::$module::$case(db)))),*]
    };
}
const CASES: &[(&str, Case)] = contract::for_each_case!(cases);

/// A login that is no administrator, and the addresses of a database for it and for its owner.
fn with_login(postgres: &Postgres) -> DatabaseOptions {
    let owner = postgres.database().unwrap();
    let name = Postgres::name_of(&owner).to_owned();
    postgres
        .sql(
            "postgres",
            &format!(
                "CREATE ROLE \"app {name}\" LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS PASSWORD 'secret'"
            ),
        )
        .unwrap();
    DatabaseOptions {
        url: postgres.url(&format!("app%20{name}"), "secret", &name),
        owner_url: Some(owner),
        connections: 10,
    }
}

#[test]
fn postgresql_keeps_the_contract() {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: the contract on PostgreSQL: {missing}"),
    };
    for (name, case) in CASES {
        println!("{name}");
        let options = with_login(&postgres);
        Runtime::new().unwrap().block_on(async {
            let db = Database::open_with(&options).await.unwrap();
            case(db.clone()).await;
            db.close().await;
        });
    }
}

#[test]
fn a_login_that_owns_nothing_works_once_the_owner_has_made_the_tables() {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: a login without its owner: {missing}"),
    };
    let with_owner = with_login(&postgres);
    let alone = DatabaseOptions::new(with_owner.url.clone());
    let name = Postgres::name_of(&with_owner.url).to_owned();
    Runtime::new().unwrap().block_on(async {
        let early = Database::open_with(&alone).await.unwrap_err().to_string();
        assert!(early.contains("give the owner's address too"), "{early}");
        let made = Database::open_with(&with_owner).await.unwrap();
        contract::user(&made, "one", "ann").await;
        made.close().await;

        let db = Database::open_with(&alone).await.unwrap();
        assert!(db.find_user("ann").await.unwrap().is_some());
        db.close().await;

        // A release later there is a migration that this program does not know: it goes on working.
        let later =
            "INSERT INTO _sqlx_migrations SELECT 9999, description, now(), true, checksum, 0
                     FROM _sqlx_migrations WHERE version = 1";
        postgres.sql(&name, later).unwrap();
        for options in [&alone, &with_owner] {
            let db = Database::open_with(options).await.unwrap();
            assert!(db.find_user("ann").await.unwrap().is_some());
            db.close().await;
        }
        // A release before there was one less: only the owner can make it.
        postgres
            .sql(&name, "DELETE FROM _sqlx_migrations WHERE version = 2")
            .unwrap();
        let stale = Database::open_with(&alone).await.unwrap_err().to_string();
        assert!(stale.contains("give the owner's address too"), "{stale}");
    });
    let forged = postgres.sql(
        &name,
        &format!("SET SESSION AUTHORIZATION \"app {name}\"; SET ROLE geocrop_system; DELETE FROM _sqlx_migrations"),
    );
    let refused = forged.unwrap_err().to_string();
    assert!(refused.contains("permission denied"), "{refused}");
}

#[test]
fn a_tenants_role_sees_and_changes_nothing_of_another() {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: row-level security: {missing}"),
    };
    let options = with_login(&postgres);
    let name = Postgres::name_of(&options.url).to_owned();
    Runtime::new().unwrap().block_on(async {
        let db = Database::open_with(&options).await.unwrap();
        for (tenant, user, n) in [("one", "ann", 1), ("two", "bob", 2)] {
            let user = contract::user(&db, tenant, user).await;
            contract::submit(&db, &user, &contract::new_job(n)).await;
            db.begin_session(&user, Duration::from_mins(1))
                .await
                .unwrap();
            db.create_api_key(&user, "key", None).await.unwrap();
        }
        db.close().await;
    });
    // As the program's login does it, without the program's questions around it.
    let ask = |tenant: &str, sql: &str| {
        postgres.sql(
            &name,
            &format!(
                "SET SESSION AUTHORIZATION \"app {name}\"; SET ROLE geocrop_tenant; SET app.tenant = '{tenant}'; {sql}"
            ),
        )
    };
    for table in ["jobs", "users", "api_keys"] {
        let question = format!("SELECT string_agg(DISTINCT tenant_id, ',') FROM {table}");
        assert_eq!(ask("one", &question).unwrap(), "one", "{table}");
        assert_eq!(ask("two", &question).unwrap(), "two", "{table}");
        assert_eq!(
            ask("", &question).unwrap(),
            "",
            "{table}: no tenant sees nothing"
        );
        let aimed = format!("SELECT count(*) FROM {table} WHERE tenant_id = 'two'");
        assert_eq!(ask("one", &aimed).unwrap(), "0", "{table}");
    }
    assert_eq!(ask("one", "SELECT count(*) FROM tenants").unwrap(), "1");
    let stolen = ask(
        "one",
        "UPDATE jobs SET message = 'mine' WHERE tenant_id = 'two' RETURNING id",
    );
    assert_eq!(stolen.unwrap(), "");
    let moved = ask("one", "UPDATE jobs SET tenant_id = 'two'").unwrap_err();
    assert!(moved.to_string().contains("row-level security"), "{moved}");
    for forbidden in [
        "SELECT * FROM runs",
        "SELECT * FROM sessions",
        "SELECT * FROM invites",
        "SELECT password_hash FROM users",
        "DELETE FROM jobs",
        "UPDATE users SET role = 'admin'",
    ] {
        let refused = ask("one", forbidden).unwrap_err();
        assert!(
            refused.to_string().contains("permission denied"),
            "{forbidden}: {refused}"
        );
    }
    // The login itself owns nothing and inherits nothing.
    let bare = postgres
        .sql(
            &name,
            &format!("SET SESSION AUTHORIZATION \"app {name}\"; SELECT * FROM jobs"),
        )
        .unwrap_err();
    assert!(bare.to_string().contains("permission denied"), "{bare}");
    // The area is a geometry with an index.
    let plan = postgres
        .sql(
            &name,
            "SET enable_seqscan = off;
             EXPLAIN SELECT id FROM jobs WHERE ST_Intersects(aoi, ST_MakeEnvelope(31, -17.1, 31.1, -17, 4326))",
        )
        .unwrap();
    assert!(plan.contains("jobs_in_space"), "{plan}");
}

#[test]
fn a_server_that_goes_away_is_told_as_such_and_its_return_is_noticed() {
    let postgres = match Postgres::start() {
        Ok(postgres) => postgres,
        Err(missing) => return println!("skipped: a restart of PostgreSQL: {missing}"),
    };
    let options = DatabaseOptions::new(postgres.database().unwrap());
    Runtime::new().unwrap().block_on(async {
        let db = Database::open_with(&options).await.unwrap();
        contract::user(&db, "one", "ann").await;
        postgres.stop("immediate").unwrap();
        let away = db.find_user("ann").await;
        assert!(matches!(away, Err(DbError::Unavailable(_))), "{away:?}");
        postgres.resume().unwrap();
        // One broken connection may be left in the pool.
        let mut attempts = 0;
        let found = loop {
            attempts += 1;
            match db.find_user("ann").await {
                Ok(found) => break found,
                Err(DbError::Unavailable(_)) if attempts < 20 => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert!(found.is_some());
        db.close().await;
    });
}
