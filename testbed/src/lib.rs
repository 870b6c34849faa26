//! Real servers for tests: each starts on a free port of 127.0.0.1 in a folder of its own, and is gone with the value
//! that stands for it.
//!
//! A machine without the server's program gets a reason instead of a server. A test says it and ends:
//!
//! ```no_run
//! # #![allow(clippy::print_stdout)]
//! use geocrop_testbed::Postgres;
//!
//! let postgres = match Postgres::start() {
//!     Ok(postgres) => postgres,
//!     Err(missing) => return println!("skipped: {missing}"),
//! };
//! # drop(postgres);
//! ```

pub mod http;
mod missing;
#[cfg(feature = "mlflow")]
mod mlflow;
mod port;
mod postgres;
mod process;
mod redis;
#[cfg(feature = "s3")]
pub mod s3;
mod server;

pub use missing::Missing;
#[cfg(feature = "mlflow")]
pub use mlflow::Mlflow;
pub use port::free_port;
pub use postgres::Postgres;
pub use redis::Redis;
pub use server::Server;
