//! The log of areas.

use geocrop_database::Database;

use super::{new_job, submit, user};

pub(crate) async fn areas_that_were_asked_for_are_listed_over_all_tenants(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let bob = user(&db, "two", "bob").await;
    submit(&db, &ann, &new_job(1)).await;
    submit(&db, &bob, &new_job(2)).await;
    let all = db.asked_areas(None, 10).await.unwrap();
    let mut tenants: Vec<_> = all.iter().map(|area| area.tenant.as_str()).collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["one", "two"]);
    assert!(all[0].geojson.contains("Polygon"));
    assert_eq!(all[0].source, "computed");
    let here = db
        .asked_areas(Some([31.0, -17.05, 31.01, -17.04]), 10)
        .await
        .unwrap();
    assert_eq!(here.len(), 2);
    let elsewhere = db
        .asked_areas(Some([40.0, 10.0, 41.0, 11.0]), 10)
        .await
        .unwrap();
    if db.is_shared() {
        assert!(elsewhere.is_empty(), "the index of space");
    }
    assert_eq!(db.asked_areas(None, 1).await.unwrap().len(), 1);
}
