//! Versions and their aliases at the server's registry.

use geocrop_tracking::{Outcome, RunsFolder, sync};

use crate::remote::{Remote, folder, registration};

/// A finished run that stands for a version of the model.
fn train(folder: &RunsFolder, model: &str) -> String {
    let mut run = folder.start(model, "run").unwrap();
    run.artifact("model/model.json", b"{}").unwrap();
    run.register(&registration(model)).unwrap();
    let id = run.id().to_owned();
    run.finish(Outcome::Finished).unwrap();
    id
}

pub(crate) fn a_promotion_after_the_run_arrives(remote: &Remote) {
    let (_dir, folder) = folder();
    let id = train(&folder, "promoted");
    sync(&folder, &remote.server()).unwrap();
    assert_eq!(remote.aliased("promoted", "production"), None);
    folder.give_alias(&id, "production").unwrap();
    assert!(
        folder.show(&id).unwrap().sent_to.is_empty(),
        "not all of it is there"
    );
    assert_eq!(sync(&folder, &remote.server()).unwrap().sent, [id.as_str()]);
    assert_eq!(remote.aliased("promoted", "production"), Some(id));
    assert_eq!(remote.versions("promoted").len(), 1);
}

pub(crate) fn an_alias_does_not_go_back_to_a_version_that_had_it_earlier(remote: &Remote) {
    // Two machines train the same model; the one that promoted first sends last.
    let (_first_dir, first_folder) = folder();
    let (_second_dir, second_folder) = folder();
    let first = train(&first_folder, "later");
    first_folder.give_alias(&first, "production").unwrap();
    let second = train(&second_folder, "later");
    second_folder.give_alias(&second, "production").unwrap();
    sync(&second_folder, &remote.server()).unwrap();
    sync(&first_folder, &remote.server()).unwrap();
    assert_eq!(remote.versions("later").len(), 2);
    assert_eq!(remote.aliased("later", "production"), Some(second));
}

pub(crate) fn a_rollback_arrives(remote: &Remote) {
    let (_dir, folder) = folder();
    let first = train(&folder, "rolled back");
    folder.give_alias(&first, "production").unwrap();
    let second = train(&folder, "rolled back");
    folder.give_alias(&second, "production").unwrap();
    sync(&folder, &remote.server()).unwrap();
    assert_eq!(
        remote.aliased("rolled back", "production").as_deref(),
        Some(second.as_str())
    );
    folder.give_alias(&first, "production").unwrap();
    sync(&folder, &remote.server()).unwrap();
    assert_eq!(
        remote.aliased("rolled back", "production").as_deref(),
        Some(first.as_str())
    );
    assert_eq!(remote.versions("rolled back").len(), 2);
}

pub(crate) fn a_run_that_failed_registers_nothing(remote: &Remote) {
    let (_dir, folder) = folder();
    let mut run = folder.start("failed", "run").unwrap();
    run.artifact("model/model.json", b"{}").unwrap();
    run.register(&registration("failed")).unwrap();
    drop(run);
    sync(&folder, &remote.server()).unwrap();
    assert!(remote.versions("failed").is_empty());
    let report = sync(&folder, &remote.server()).unwrap();
    assert_eq!((report.sent.len(), report.complete), (0, 1));
}
