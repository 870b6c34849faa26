//! Accounts, sessions, keys and invites.

use std::time::Duration;

use geocrop_database::{Database, DbError, NewInvite};

use super::{DAY, slug, user};

pub(crate) async fn an_account_is_found_by_its_name_and_names_are_unique(db: Database) {
    let ann = user(&db, "one", "ann").await;
    assert_eq!(db.find_user("ann").await.unwrap(), Some(ann.clone()));
    assert_eq!(db.user(&ann.id).await.unwrap(), Some(ann));
    assert_eq!(db.find_user("nobody").await.unwrap(), None);
    let role = slug("admin");
    let again = db
        .create_user(&slug("other"), "ann", Some("x"), &role)
        .await;
    assert!(
        matches!(again, Err(DbError::UserExists { .. })),
        "{again:?}"
    );
    let blank = db
        .create_user(&slug("other"), "a b", Some("x"), &role)
        .await;
    assert!(
        matches!(blank, Err(DbError::InvalidUserName { .. })),
        "{blank:?}"
    );
    db.set_role("ann", &role).await.unwrap();
    assert_eq!(db.find_user("ann").await.unwrap().unwrap().role, role);
}

pub(crate) async fn a_new_password_ends_the_sessions(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let session = db.begin_session(&ann, DAY).await.unwrap();
    assert_eq!(
        db.session_user(&session.id).await.unwrap().unwrap().id,
        ann.id
    );
    db.set_password("ann", "new").await.unwrap();
    let now = db.find_user("ann").await.unwrap().unwrap();
    assert_eq!(now.password_hash.as_deref(), Some("new"));
    assert_eq!(db.session_user(&session.id).await.unwrap(), None);
    let nobody = db.set_password("nobody", "x").await;
    assert!(
        matches!(nobody, Err(DbError::NoSuchUser { .. })),
        "{nobody:?}"
    );
}

pub(crate) async fn a_refresh_token_is_good_once_and_a_copied_one_ends_the_session(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let first = db.begin_session(&ann, DAY).await.unwrap();
    let second = db
        .continue_session(&first.refresh_token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(second.id, first.id);
    assert_ne!(second.refresh_token, first.refresh_token);
    let third = db
        .continue_session(&second.refresh_token)
        .await
        .unwrap()
        .unwrap();
    // An old one says nothing; the one before the last was copied.
    assert!(
        db.continue_session("made.up").await.unwrap().is_none()
            && db.continue_session("").await.unwrap().is_none()
    );
    assert!(db.session_user(&third.id).await.unwrap().is_some());
    assert!(
        db.continue_session(&second.refresh_token)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        db.continue_session(&third.refresh_token)
            .await
            .unwrap()
            .is_none()
    );
    assert!(db.session_user(&third.id).await.unwrap().is_none());
}

pub(crate) async fn a_session_that_was_ended_or_is_over_is_none(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let over = db.begin_session(&ann, Duration::ZERO).await.unwrap();
    assert!(db.session_user(&over.id).await.unwrap().is_none());
    assert!(
        db.continue_session(&over.refresh_token)
            .await
            .unwrap()
            .is_none()
    );
    let ended = db.begin_session(&ann, DAY).await.unwrap();
    assert!(db.end_session(&ended.id).await.unwrap());
    assert!(
        !db.end_session(&ended.id).await.unwrap(),
        "it has ended already"
    );
    assert!(db.session_user(&ended.id).await.unwrap().is_none());
    let later = chrono::Utc::now() + chrono::TimeDelta::days(1);
    assert_eq!(db.sweep_sessions(later).await.unwrap(), 2);
}

pub(crate) async fn an_api_key_opens_until_it_is_taken_back(db: Database) {
    let ann = user(&db, "one", "ann").await;
    let bob = user(&db, "two", "bob").await;
    let (key, text) = db
        .create_api_key(&ann, "nightly script", None)
        .await
        .unwrap();
    assert!(text.starts_with("gck_"), "{text}");
    assert_eq!(db.api_key_user(&text).await.unwrap().unwrap().id, ann.id);
    let listed = db.api_keys(&ann.tenant, &ann.id).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name, "nightly script");
    assert!(listed[0].last_used_at.is_some());
    for wrong in ["", "gck_", "gck_x_y", &text[..text.len() - 1]] {
        assert!(db.api_key_user(wrong).await.unwrap().is_none(), "{wrong}");
    }
    assert!(
        !db.revoke_api_key(&bob, &key.id).await.unwrap(),
        "another's"
    );
    assert!(db.revoke_api_key(&ann, &key.id).await.unwrap());
    assert!(db.api_key_user(&text).await.unwrap().is_none());
    assert!(db.api_keys(&ann.tenant, &ann.id).await.unwrap().is_empty());

    let (_, short) = db
        .create_api_key(&ann, "over", Some(Duration::ZERO))
        .await
        .unwrap();
    assert!(db.api_key_user(&short).await.unwrap().is_none());
}

pub(crate) async fn an_invite_lets_one_person_in_again_and_as_many_as_it_has_seats(db: Database) {
    let admin = user(&db, "house", "root").await;
    let new = NewInvite {
        role: slug("recruiter"),
        tenant: None,
        seats: 1,
        lifetime: DAY,
        note: "for the visit".to_owned(),
    };
    let (invite, link) = db.create_invite(&admin, &new).await.unwrap();
    let first = db.accept_invite(&link, DAY).await.unwrap().unwrap();
    assert_eq!(first.user.role.as_str(), "recruiter");
    assert_eq!(first.user.password_hash, None);
    assert_ne!(
        first.user.tenant, admin.tenant,
        "guests do not see each other"
    );
    let again = db.accept_invite(&link, DAY).await.unwrap().unwrap();
    assert_eq!(again.user.id, first.user.id, "the same person comes back");
    assert_ne!(again.id, first.id);
    assert_eq!(db.invites(&admin.tenant).await.unwrap()[0].used, 1);
    for wrong in [
        "",
        "x.y",
        &format!("{}.wrong", invite.id),
        &link[..link.len() - 1],
    ] {
        assert!(
            db.accept_invite(wrong, DAY).await.unwrap().is_none(),
            "{wrong}"
        );
    }
    assert!(!db.revoke_invite(&slug("other"), &invite.id).await.unwrap());
    assert!(db.revoke_invite(&admin.tenant, &invite.id).await.unwrap());
    assert!(db.accept_invite(&link, DAY).await.unwrap().is_none());
    assert!(
        db.session_user(&first.id).await.unwrap().is_some(),
        "who is in stays in"
    );

    let shared = NewInvite {
        seats: 2,
        tenant: Some(slug("class")),
        ..new.clone()
    };
    let (_, link) = db.create_invite(&admin, &shared).await.unwrap();
    let one = db.accept_invite(&link, DAY).await.unwrap().unwrap();
    let two = db.accept_invite(&link, DAY).await.unwrap().unwrap();
    assert_ne!(one.user.id, two.user.id);
    assert_eq!(one.user.tenant, slug("class"));
    assert!(
        db.accept_invite(&link, DAY).await.unwrap().is_none(),
        "all seats are taken"
    );

    let over = NewInvite {
        lifetime: Duration::ZERO,
        ..new
    };
    let (_, link) = db.create_invite(&admin, &over).await.unwrap();
    assert!(db.accept_invite(&link, DAY).await.unwrap().is_none());
}
