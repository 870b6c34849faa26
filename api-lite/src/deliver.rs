//! Bringing a run's result to each job that waits for it.
//!
//! The run publishes into the folder of the job that began it. Other jobs get a copy in their own folder, so that tenants
//! stay apart and each result expires by itself.

use geocrop_database::jobs::Recipient;
use geocrop_store::{Store, StoreError, layout};

/// Copies a published result into a recipient's folder; returns the key of the copy's main document. The main document
/// comes last: without it there is no result.
pub(crate) fn copy(store: &Store, result_key: &str, to: &Recipient) -> Result<String, StoreError> {
    let (from, _) = result_key.rsplit_once('/').unwrap_or((result_key, ""));
    let folder = layout::job_folder(&to.tenant, &to.job);
    let target = |key: &str| format!("{folder}{}", &key[from.len()..]);
    let scratch = tempfile::tempdir().map_err(|error| StoreError::Other {
        key: result_key.to_owned(),
        source: error.into(),
    })?;
    let file = scratch.path().join("copy");
    let mut keys: Vec<_> = store
        .list(&format!("{from}/"))?
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    keys.sort_by_key(|key| key == result_key);
    for key in keys {
        store.download(&key, &file)?;
        store.put_file(&target(&key), &file)?;
    }
    Ok(target(result_key))
}

/// Bytes of a published result.
pub(crate) fn size(store: &Store, result_key: &str) -> Result<i64, StoreError> {
    let (folder, _) = result_key.rsplit_once('/').unwrap_or((result_key, ""));
    let entries = store.list(&format!("{folder}/"))?;
    Ok(entries
        .iter()
        .map(|entry| i64::try_from(entry.size).unwrap_or(i64::MAX))
        .fold(0, i64::saturating_add))
}

#[cfg(test)]
mod tests {
    use geocrop_store::ContentType;

    use super::*;

    #[test]
    fn a_copy_has_all_files_and_its_own_folder() {
        let store = Store::open("memory://").unwrap();
        for (key, bytes) in [
            ("jobs/one/a/field.json", "{}"),
            ("jobs/one/a/field.tif", "II*"),
            ("jobs/one/ab/other.json", "{}"),
        ] {
            store
                .put(key, bytes.as_bytes().to_vec(), ContentType::Json)
                .unwrap();
        }
        let to = Recipient {
            tenant: "two".parse().unwrap(),
            job: "b".parse().unwrap(),
            role: "recruiter".parse().unwrap(),
        };
        let key = copy(&store, "jobs/one/a/field.json", &to).unwrap();
        assert_eq!(key, "jobs/two/b/field.json");
        let copied: Vec<_> = store
            .list("jobs/two")
            .unwrap()
            .into_iter()
            .map(|entry| entry.key)
            .collect();
        assert_eq!(copied, ["jobs/two/b/field.json", "jobs/two/b/field.tif"]);
        assert_eq!(size(&store, "jobs/one/a/field.json").unwrap(), 5);
    }
}
