//! How fresh rights are.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Answer, OPERATOR, Whole};

#[tokio::test]
async fn i01_after_a_push_the_very_next_request_knows() {
    let whole = Whole::start().await;
    for push in [
        json!({"tenant": "acme", "user": "ana"}),
        json!({"tenant": "acme", "team": "sales"}),
        json!({"tenant": "acme"}),
        json!({"all": true}),
    ] {
        assert_eq!(whole.status("ana", "101").await, 200, "{push}");
        whole.grant("ana", &[]);
        assert_eq!(whole.status("ana", "101").await, 200, "nobody told yet");
        whole.push(&push).await;
        assert_eq!(whole.status("ana", "101").await, 404, "{push}");
        whole.grant("ana", &["agent"]);
        whole.push(&push).await;
    }
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.grant("ana", &[]);
    whole.push(&json!({"tenant": "acme", "role": "agent"})).await;
    assert_eq!(whole.status("ana", "101").await, 404, "of all who had the role");
}

#[tokio::test]
async fn i01_after_a_push_of_a_team_or_role_the_very_next_request_of_who_joined_it_knows() {
    let whole = Whole::start().await;
    whole.lets("lone", &["101"]);
    whole.lets("nil", &["101"]);
    whole.grant("lone", &["lead"]);
    assert_eq!(whole.status("lone", "101").await, 404);
    whole.put("lone", &["sales"]);
    whole.push(&json!({"tenant": "globex", "team": "sales"})).await;
    assert_eq!(whole.status("lone", "101").await, 404, "a team of another tenant");
    whole.push(&json!({"tenant": "acme", "team": "sales"})).await;
    assert_eq!(whole.status("lone", "101").await, 200, "who joined the team");
    assert_eq!(whole.status("nil", "101").await, 404);
    whole.grant("nil", &["lead"]);
    assert_eq!(whole.status("nil", "101").await, 404, "nobody told");
    whole.push(&json!({"tenant": "acme", "role": "lead"})).await;
    assert_eq!(whole.status("nil", "101").await, 200, "who gained the role");
}

#[tokio::test]
async fn i02_without_a_push_it_takes_no_longer_than_the_ttl() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.grant("ana", &[]);
    whole.pass(29);
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.pass(31);
    assert_eq!(whole.status("ana", "101").await, 404);
}

#[tokio::test]
async fn a_directory_that_says_that_nothing_changed_is_believed_as_long_as_it_says_so() {
    let whole = Whole::start().await;
    for asked in 1..=3 {
        assert_eq!(whole.status("ana", "101").await, 200);
        assert_eq!(whole.asked_about("ana"), asked);
        whole.pass(60);
    }
    let about_ana: Vec<_> =
        whole.directory.seen().into_iter().filter(|asked| asked.target.ends_with("/users/ana")).collect();
    assert_eq!(about_ana.iter().map(|asked| asked.all("if-none-match").len()).collect::<Vec<_>>(), [0, 1, 1]);
    whole.grant("ana", &[]);
    assert_eq!(whole.status("ana", "101").await, 404);
}

#[tokio::test]
async fn a_role_ends_at_its_end_date_without_a_push() {
    let whole = Whole::start().await;
    whole.lets("nil", &["101"]);
    let file = "tenants/acme/roles.toml";
    // Ten seconds after the tests begin.
    let until = "[[assign]]\nrole = 'lead'\nto = 'user:nil'\nuntil = '2023-11-14T22:13:30Z'\n";
    whole.reload(file, &(whole.read(file) + until)).unwrap();
    assert_eq!(whole.status("nil", "101").await, 200);
    whole.pass(9);
    assert_eq!(whole.status("nil", "101").await, 200);
    whole.pass(1);
    assert_eq!(whole.status("nil", "101").await, 404);
    assert_eq!(whole.asked_about("nil"), 1, "nobody was asked for that");
}

#[tokio::test]
async fn i03_a_directory_that_is_down_is_believed_for_a_while() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.directory_is_down(true);
    whole.pass(599);
    assert_eq!(whole.status("ana", "101").await, 200, "stale");
    assert_eq!(whole.status("ben", "102").await, 503, "nothing was known of him");
    assert_eq!(
        whole.status("ana", "102").await,
        404,
        "whose teams he is in is not known, and tells nothing of his"
    );
    whole.pass(1);
    let refused = whole.get("ana", "/conversations/101").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    let headers =
        format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token("ana"));
    let line = "PATCH /api/v1/accounts/1/conversations/101";
    assert_eq!(whole.send(line, &headers, r#"{"title":"x"}"#).await.status, 503, "writes too");
    whole.directory_is_down(false);
    whole.pass(2);
    assert_eq!(whole.status("ana", "101").await, 200);
}

#[tokio::test]
async fn what_was_invalidated_is_not_believed_while_the_directory_is_down() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.directory_is_down(true);
    whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
    assert_eq!(whole.status("ana", "101").await, 503);
}

#[tokio::test]
async fn i04_many_who_ask_at_once_make_one_question() {
    let whole = Arc::new(Whole::start().await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let whole = Arc::clone(&whole);
        asking.spawn(async move { whole.status("ana", "101").await });
    }
    assert_eq!(asking.join_all().await, [200; 40]);
    assert_eq!(whole.asked_about("ana"), 1);
}

#[tokio::test]
async fn i05_who_has_no_role_may_nothing_and_who_is_new_is_known_soon() {
    let whole = Whole::start().await;
    whole.lets("new", &["101"]);
    assert_eq!(whole.status("nil", "101").await, 404);
    assert_eq!(whole.status("new", "101").await, 401, "a good token of somebody whom nobody knows");
    whole.grant("new", &["kommo.administrator"]);
    whole.pass(4);
    assert_eq!(whole.status("new", "101").await, 401);
    assert_eq!(whole.asked_about("new"), 1, "asked once in a while");
    whole.pass(1);
    assert_eq!(whole.status("new", "101").await, 200);
}

#[tokio::test]
async fn i06_only_operators_invalidate_and_it_only_makes_fresher() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    let (line, body) = ("POST /v1/grants/invalidate", r#"{"tenant":"acme","user":"ana"}"#);
    assert_eq!(whole.ops(line, "", body).await.0, 401);
    assert_eq!(whole.ops(line, "another-token-of-nobody", body).await.0, 401);
    assert_eq!(whole.ops(line, &whole.token("adm"), body).await.0, 401);
    assert_eq!(whole.status("ana", "101").await, 200);
    assert_eq!(whole.asked_about("ana"), 1, "nothing was invalidated");
    for _ in 0..50 {
        assert_eq!(whole.ops(line, OPERATOR, body).await.0, 200);
    }
    assert_eq!((whole.status("ana", "101").await, whole.status("ana", "102").await), (200, 404));
    assert_eq!(whole.asked_about("ana"), 2, "I07: however often it was said, it is asked once");
    assert_eq!(whole.ops(line, OPERATOR, r#"{"tenant":"acme","user":"ana","roles":["x"]}"#).await.0, 400);
}

#[tokio::test]
async fn i17_a_wall_clock_that_steps_back_keeps_no_rights_alive() {
    let whole = Whole::start().await;
    assert_eq!(whole.status("ana", "101").await, 200);
    whole.grant("ana", &[]);
    whole.clock.jump(headgate::ids::Timestamp::from_secs(crate::identity::NOW - 20));
    whole.clock.advance(Duration::from_secs(60));
    assert_eq!(whole.status("ana", "101").await, 404);
}

#[tokio::test]
async fn grants_are_as_fresh_as_a_request_asks_for() {
    let whole = Whole::start().await;
    let first = whole.get("ana", "/conversations/101").await;
    let known: i64 = first.header("headgate-grants").unwrap().parse().unwrap();
    whole.grant("ana", &[]);
    whole.pass(1);
    let with = async |min: &str| {
        let headers = format!("Headgate-Min-Grants: {min}\r\n");
        whole.get_with("ana", "/conversations/101", &headers).await.status
    };
    assert_eq!(with(&known.to_string()).await, 200, "that fresh they are");
    assert_eq!(with(&(known + 1).to_string()).await, 404);
    for unreadable in ["x", "-1", "", "1.5", "9999999999999999"] {
        assert_eq!(with(unreadable).await, 400, "{unreadable}");
    }
    let asked = whole.directory.lines().len();
    for _ in 0..5 {
        assert_eq!(with(&(known + 1_000_000).to_string()).await, 503, "nobody knows the future");
    }
    assert_eq!(whole.directory.lines().len(), asked, "and nobody is asked about it");
}

#[tokio::test]
async fn i18_users_without_number_leave_no_trace_in_metrics_and_push_nobody_out() {
    let whole = Whole::start_with(|_folder, headgate| headgate + "[gate.rate]\nkeys_max = 20\n").await;
    let series = async || {
        let (_, metrics) = whole.ops("GET /metrics", OPERATOR, "").await;
        let series = metrics.lines().filter(|line| !line.starts_with('#'));
        series.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    whole.grant("user-0", &["agent"]);
    assert_eq!((whole.status("ana", "101").await, whole.status("user-0", "101").await), (200, 404));
    let before = series().await;
    for number in 1..200 {
        let user = format!("user-{number}");
        whole.grant(&user, &["agent"]);
        assert_eq!(whole.status(&user, "101").await, 404);
        if number % 20 == 0 {
            assert_eq!(whole.status("ana", "101").await, 200);
        }
    }
    assert_eq!(series().await, before, "no label knows users apart");
    assert_eq!(whole.asked_about("ana"), 1, "who is there often is not forgotten for who comes once");
}

#[tokio::test]
async fn what_was_taken_away_while_a_body_was_on_its_way_is_gone() {
    let whole = Whole::start().await;
    let whole_body = ("Content-Length: 13", r#"{"title":"x"}"#);
    let none_after_all = ("Transfer-Encoding: chunked", "0\r\n\r\n");
    // Ana keeps her role; gets a better one; has none any more.
    for ((framing, body), roles, status) in [
        (whole_body, &["agent"][..], 200),
        (whole_body, &["kommo.administrator"], 200),
        (whole_body, &[], 404),
        (none_after_all, &["agent"], 200),
        (none_after_all, &[], 404),
    ] {
        whole.grant("ana", &["agent"]);
        whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
        let head = format!(
            "PATCH /api/v1/accounts/1/conversations/101 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\nContent-Type: application/json\r\n{framing}\r\n\
             Expect: 100-continue\r\n\r\n",
            whole.token("ana"),
        );
        let mut stream = whole.connect(&[]).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        // By her rights of now the body is asked for.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.unwrap();
        assert_eq!(std::str::from_utf8(&go_on).unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
        whole.grant("ana", roles);
        let known = whole.push(&json!({"tenant": "acme", "user": "ana"})).await;
        let before = whole.backend.lines().len();
        let answer = Answer::of(&super::exchange(stream, body).await);
        assert_eq!(answer.status, status, "{roles:?}");
        assert_eq!(whole.backend.lines().len() - before, usize::from(status == 200), "{roles:?}");
        assert!(
            answer.header("headgate-grants") >= Some(&known),
            "{roles:?}: the rights that it was decided by"
        );
    }
}
