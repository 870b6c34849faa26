//! Sessions, keys and invites over HTTP.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests; clippy only knows the functions with #[test]"
)]

mod common;

use std::time::Duration;

use common::{PASSWORD, Place, Server, problem};
use geocrop_api::Rate;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

async fn send(server: &Server, path: &str, body: &Value) -> Response {
    server
        .client
        .post(server.url(path))
        .json(body)
        .send()
        .await
        .unwrap()
}

async fn me(server: &Server, token: &str) -> Response {
    server.read("/v1/me", token).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn a_session_is_continued_and_ended() {
    let place = Place::new().await;
    let server = place.start().await;
    let first = server.grant("ann").await;
    let next = send(
        &server,
        "/v1/auth/token",
        &json!({ "refresh_token": first["refresh_token"] }),
    )
    .await;
    assert_eq!(next.status(), StatusCode::OK);
    let next: Value = next.json().await.unwrap();
    assert_eq!(
        me(&server, text(&next["access_token"])).await.status(),
        StatusCode::OK
    );

    let out = server
        .post("/v1/auth/logout", text(&next["access_token"]))
        .send()
        .await
        .unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    for token in [&first["access_token"], &next["access_token"]] {
        problem(me(&server, text(token)).await, 401, "unauthorized").await;
    }
    let over = send(
        &server,
        "/v1/auth/token",
        &json!({ "refresh_token": next["refresh_token"] }),
    )
    .await;
    problem(over, 401, "session-ended").await;

    for body in [
        json!({}),
        json!({ "username": "ann" }),
        json!({ "username": "ann", "password": PASSWORD, "refresh_token": "x" }),
    ] {
        problem(
            send(&server, "/v1/auth/token", &body).await,
            422,
            "invalid-request",
        )
        .await;
    }
    server.stop().await;
}

#[tokio::test]
async fn guessing_is_slowed_by_account_and_by_address() {
    let mut place = Place::new().await;
    place.auth.login_rate = Rate {
        burst: 3,
        every: Duration::from_hours(1),
    };
    let server = place.start().await;
    let guess = |name: &'static str| {
        let server = &server;
        async move {
            let body = json!({ "username": name, "password": "a wrong password" });
            send(server, "/v1/auth/token", &body).await
        }
    };
    for _ in 0..3 {
        problem(guess("ann").await, 401, "invalid-credentials").await;
    }
    let refused = guess("ann").await;
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait > 3000, "{wait}");
    problem(refused, 429, "too-many-tries").await;
    // The same address, whatever the name; a header that anybody may send does not help.
    let other = server
        .client
        .post(server.url("/v1/auth/token"))
        .header("x-forwarded-for", "1.2.3.4")
        .json(&json!({ "username": "bob", "password": PASSWORD }))
        .send()
        .await
        .unwrap();
    problem(other, 429, "too-many-tries").await;
    let invite = send(&server, "/v1/auth/invite", &json!({ "invite": "a.b" })).await;
    problem(invite, 429, "too-many-tries").await;
    server.stop().await;
}

#[tokio::test]
async fn a_key_works_for_scripts_until_it_is_taken_back() {
    let place = Place::new().await;
    let server = place.start().await;
    let token = server.log_in("ann").await;
    let made = server
        .post("/v1/keys", &token)
        .json(&json!({ "name": "nightly" }))
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: Value = made.json().await.unwrap();
    let key = text(&made["key"]);
    let account: Value = me(&server, key).await.json().await.unwrap();
    assert_eq!(account["username"], "ann");
    server.ordered(key, "ndvi").await;

    let listed: Value = server.json("/v1/keys", &token).await;
    assert_eq!(listed["keys"][0]["name"], "nightly");
    assert!(listed["keys"][0].get("key").is_none(), "shown once");
    let take_back = |token: String| {
        server
            .client
            .delete(server.url(&format!("/v1/keys/{}", text(&made["id"]))))
            .bearer_auth(token)
            .send()
    };
    let bob = server.log_in("bob").await;
    problem(take_back(bob).await.unwrap(), 404, "not-found").await;
    let taken = take_back(token.clone()).await.unwrap();
    assert_eq!(taken.status(), StatusCode::NO_CONTENT);
    problem(me(&server, key).await, 401, "unauthorized").await;
    // A hash alone is kept.
    let bytes = std::fs::read(place.path("geocrop.sqlite")).unwrap();
    // A secret may have any letter of base64, '_' among them.
    let (_, secret) = key.split_once(text(&made["id"])).unwrap();
    let secret = &secret.as_bytes()[1..];
    assert!(secret.len() > 30);
    assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    server.stop().await;
}

#[tokio::test]
async fn a_link_lets_a_recruiter_in_without_signing_up() {
    let place = Place::new().await;
    let server = place.start().await;
    let (ann, root) = (server.log_in("ann").await, server.log_in("root").await);
    let order = json!({ "note": "visit", "days": 3 });
    let refused = server
        .post("/v1/invites", &ann)
        .json(&order)
        .send()
        .await
        .unwrap();
    problem(refused, 403, "forbidden").await;
    let made = server
        .post("/v1/invites", &root)
        .json(&order)
        .send()
        .await
        .unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let made: Value = made.json().await.unwrap();
    assert!(text(&made["link"]).starts_with("/map/#invite="));

    let entered = send(
        &server,
        "/v1/auth/invite",
        &json!({ "invite": made["invite"] }),
    )
    .await;
    assert_eq!(entered.status(), StatusCode::OK);
    let entered: Value = entered.json().await.unwrap();
    assert_eq!(entered["role"], "recruiter");
    let guest = text(&entered["access_token"]);
    let account: Value = me(&server, guest).await.json().await.unwrap();
    assert_eq!(account["quota"]["jobs"]["left"], 5);
    assert_ne!(account["tenant"], "one");
    let id = server.ordered(guest, "ndvi").await;
    server.until(guest, &id, "successful").await;
    let elsewhere = server.read(&format!("/v1/jobs/{id}"), &ann).await;
    problem(elsewhere, 404, "not-found").await;

    let listed: Value = server.json("/v1/invites", &root).await;
    assert_eq!(listed["invites"][0]["used"], 1);
    assert!(listed["invites"][0].get("invite").is_none(), "shown once");
    let taken = server
        .delete(&format!("/v1/invites/{}", text(&made["id"])), &root)
        .await;
    assert_eq!(taken.status(), StatusCode::NO_CONTENT);
    let late = send(
        &server,
        "/v1/auth/invite",
        &json!({ "invite": made["invite"] }),
    )
    .await;
    problem(late, 401, "invalid-invite").await;
    for (wrong, kind) in [
        (json!({ "seats": 0 }), "invalid-request"),
        (json!({ "days": 400 }), "invalid-request"),
        (json!({ "role": "emperor" }), "unknown-role"),
    ] {
        let response = server
            .post("/v1/invites", &root)
            .json(&wrong)
            .send()
            .await
            .unwrap();
        problem(response, 422, kind).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn an_account_whose_role_is_gone_may_do_nothing() {
    let place = Place::new().await;
    place
        .database()
        .await
        .set_role("bob", &"gardener".parse().unwrap())
        .await
        .unwrap();
    let server = place.start().await;
    let token = server.log_in("bob").await;
    problem(me(&server, &token).await, 403, "unknown-role").await;
    problem(server.order(&token, "ndvi").await, 403, "unknown-role").await;
    server.stop().await;
}
