//! What a training did: kept in a folder, and sent to MLflow where there is one.
//!
//! The folder is the truth and needs no server. It has the layout of MLflow's own file store, so that MLflow opens it:
//!
//! ```text
//! <runs>/<experiment>/meta.yaml                  the experiment's name; its number is made from the name
//! <runs>/<experiment>/<run>/meta.yaml            name, start, end, status
//! <runs>/<experiment>/<run>/params/<name>        the value
//! <runs>/<experiment>/<run>/metrics/<name>       a line for each point: milliseconds, value, step
//! <runs>/<experiment>/<run>/tags/<name>          the value
//! <runs>/<experiment>/<run>/artifacts/<path>     the file
//! <runs>/<experiment>/<run>/registration.json    ours: the model that the run stands for
//! <runs>/<experiment>/<run>/sync.json            ours: what which server has of it
//! <runs>/<experiment>/<run>/writing.lock         ours: locked as long as somebody writes the run
//! ```
//!
//! A training opens a [`Recorder`] with [`RunsFolder::start`] and ends it with [`Recorder::finish`]. [`sync`] sends what
//! a [`Server`] has not got. It may be interrupted anywhere and run again: a server ends up with one run, one version.
//!
//! ```
//! use geocrop_tracking::{Outcome, RunsFolder};
//! # let folder = std::env::temp_dir().join(format!("runs-{}", std::process::id()));
//! let runs = RunsFolder::new(&folder);
//! let mut run = runs.start("cropland", "500 trees")?;
//! run.param("trees", 500)?;
//! for (step, loss) in [0.61, 0.52].into_iter().enumerate() {
//!     run.metric("loss", loss, step as i64)?;
//! }
//! run.artifact("card.json", b"{}")?;
//! run.finish(Outcome::Finished)?;
//! assert_eq!(runs.list()?.runs.len(), 1);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok::<(), geocrop_tracking::TrackingError>(())
//! ```

mod error;
mod files;
mod folder;
mod meta;
mod names;
mod recorder;
mod run;
mod server;
mod sync;

pub use error::TrackingError;
pub use folder::{Listing, RunsFolder};
pub use recorder::Recorder;
pub use run::{Artifact, Outcome, Point, Registration, Run, Status};
pub use server::{Credentials, Patience, Server};
pub use sync::{SyncReport, sync};
