//! The seam between the API and whatever makes maps.

use geocrop_database::{Estimate, JobKind};
use geocrop_raster::Aoi;
use geocrop_store::{Period, Slug};

/// Makes what jobs ask for.
pub trait Runner: Send + Sync + 'static {
    /// Runs a job to its end on the calling thread and publishes the result under
    /// [`layout::job_folder`](geocrop_store::layout::job_folder) of the job's tenant and id.
    ///
    /// # Errors
    /// [`RunFailure`], with nothing left half-published. Also when `progress` said to stop.
    fn run(&self, job: &JobRequest, progress: Progress) -> Result<RunOutcome, RunFailure>;

    /// What may be asked for.
    fn recipes(&self) -> Vec<RecipeInfo>;

    /// What a map will take, as far as one can say without looking at the imagery.
    fn estimate(&self, recipe: &Slug, area_km2: f64) -> Estimate {
        let _ = (recipe, area_km2);
        Estimate::default()
    }
}

/// What a job asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    /// Whose job it is.
    pub tenant: Slug,
    /// The job's id.
    pub job: Slug,
    /// What sort of answer is wanted.
    pub kind: JobKind,
    /// How the map is made, where there is one.
    pub recipe: Option<Slug>,
    /// The period it shows, where there is one.
    pub period: Option<Period>,
    /// Where, if that is asked.
    pub aoi: Option<Aoi>,
    /// What else was asked, by the kind.
    pub parameters: serde_json::Value,
}

/// Tells how far a job is. `false` is the answer to stop: the job was dismissed or the server is shutting down. Cheap
/// enough to call for every block of pixels.
pub type Progress = Box<dyn Fn(Stage<'_>) -> bool + Send + Sync>;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage<'a> {
    /// What is being done, in a word or two for people.
    pub name: &'a str,
    /// How much of the whole job is done, 0 to 1.
    pub fraction: f64,
}

/// A job done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutcome {
    /// The store's key of the result's main document: of a map its item.
    pub result_key: String,
}

/// A job not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// What was wrong, where, and what to do; the user reads it.
    pub message: String,
    /// Whether trying again may help: the network, not the request.
    pub retryable: bool,
    /// Whether what was asked for cannot be made, rather than that we failed at it. Only then the job counts.
    pub by_request: bool,
}

/// A recipe, as users choose it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecipeInfo {
    /// Its name.
    pub name: Slug,
    /// What tells this recipe from an earlier one of the same name.
    pub fingerprint: String,
    /// Its name for people.
    pub title: String,
    /// What the map shows, in a sentence or two.
    pub description: String,
    /// The periods that there is imagery for.
    pub periods: Vec<Period>,
    /// The largest area, in square kilometres, if the recipe has a limit of its own.
    pub max_area_km2: Option<f64>,
}
