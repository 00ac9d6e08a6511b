//! What agents do all day: conversations begun, changed and answered by who may.

use serde_json::json;

use super::{
    backend::Conversation,
    house::{House, USERS},
    those,
};

#[tokio::test]
async fn a_new_conversation_is_with_a_contact_that_its_maker_sees_and_its_message_is_a_message() {
    let house = House::start().await;
    let with = |more: serde_json::Value| {
        let mut body = json!({"contact_id": 502, "inbox_id": 4});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let message = json!({"message": {"content": "hi"}});
    for (user, body, may) in [
        ("1", with(json!({})), true),
        ("1", with(message.clone()), true),
        ("1", with(json!({"assignee_id": 1, "message": {"content": "hi"}})), true),
        ("1", with(json!({"assignee_id": 2})), false),
        ("1", json!({"source_id": "CANARY-x", "inbox_id": 4}), false),
        ("1", with(json!({"source_id": "CANARY-x"})), false),
        ("1", json!({"contact_id": 502, "source_id": "CANARY-x", "assignee_id": 1}), false),
        ("3", with(message.clone()), true),
        ("4", with(json!({"assignee_id": 1})), true),
        // Who sees contacts on conversations of theirs alone, and who sees none.
        ("8", with(json!({})), false),
        ("6", with(json!({})), false),
        ("9", with(json!({})), true),
        ("9", with(message.clone()), false),
        ("5", with(message), true),
    ] {
        let before = house.backend.lines().len();
        let answer = house.send(user, "POST", "conversations", Some(&body)).await;
        assert_eq!(answer.status != 403, may, "{user} {body}: {answer:?}");
        let made = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
        assert_eq!(made, may, "{user} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn several_conversations_are_changed_at_once_by_who_may_edit_each() {
    let house = House::start().await;
    assert_eq!((Conversation::of(4).agent(), Conversation::of(5).agent()), (Some(1), Some(2)));
    let action =
        |of: &str, ids: &[u32], fields: serde_json::Value| json!({"type": of, "ids": ids, "fields": fields});
    let (solved, given) = (json!({"status": "resolved"}), json!({"assignee_id": 2}));
    for (user, body, may) in [
        ("1", action("Conversation", &[4], solved.clone()), true),
        ("1", action("Conversation", &[4, 5], solved.clone()), false),
        ("1", action("Conversation", &[4, 999], solved.clone()), false),
        ("1", action("Conversation", &[], solved.clone()), false),
        ("1", action("Contact", &[4], solved.clone()), false),
        ("1", action("Conversation", &[4], given.clone()), false),
        ("5", action("Conversation", &[4, 5], solved), true),
        ("5", action("Conversation", &[4, 5], given), true),
    ] {
        let before = house.backend.lines().len();
        let answer = house.send(user, "POST", "bulk_actions", Some(&body)).await;
        let reached = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
        assert_eq!(reached, may, "{user} {body}: {answer:?}");
        assert!(may || [400, 403, 404].contains(&answer.status), "{user} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn an_agent_does_the_days_work() {
    let house = House::start().await;
    assert_eq!((Conversation::of(4).agent(), Conversation::of(5).agent()), (Some(1), Some(2)));
    for (method, path, body, own, others) in [
        ("GET", "contacts?page=2", None, 200, 200),
        ("GET", "contacts/503", None, 200, 200),
        ("PUT", "contacts/503", Some(json!({"name": "x"})), 200, 200),
        ("POST", "contacts", Some(json!({"name": "x", "inbox_id": 4})), 200, 200),
        ("DELETE", "contacts/503", None, 403, 403),
        ("POST", "conversations/{}/messages", Some(json!({"content": "hi"})), 200, 404),
        ("POST", "conversations/{}/messages", Some(json!({"content": "hi", "private": true})), 200, 404),
        ("POST", "conversations/{}/labels", Some(json!({"labels": ["vip"]})), 200, 404),
        ("POST", "conversations/{}/toggle_status", Some(json!({"status": "resolved"})), 200, 404),
        ("POST", "conversations/{}/assignments", Some(json!({"assignee_id": 3})), 403, 404),
    ] {
        for (conversation, status) in [(4, own), (5, others)] {
            let path = path.replace("{}", &conversation.to_string());
            let answer = house.send("1", method, &path, body.as_ref()).await;
            let done = if answer.status == 204 { 200 } else { answer.status };
            assert_eq!(done, status, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn contacts_become_one_by_who_may_edit_the_one_and_delete_the_other() {
    let house = House::start().await;
    let merge = |base: u32, mergee: u32| json!({"base_contact_id": base, "mergee_contact_id": mergee});
    for (user, body, may) in [
        ("5", merge(502, 503), true),
        ("1", merge(502, 503), false),
        ("4", merge(502, 503), false),
        ("6", merge(502, 503), false),
        ("5", json!({"base_contact_id": 502}), false),
        ("5", json!({"base_contact_id": 502, "mergee_contact_id": [503, 504], "more": 1}), false),
    ] {
        let before = house.backend.lines().len();
        let answer = house.send(user, "POST", "actions/contact_merge", Some(&body)).await;
        let made = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
        assert_eq!(made, may, "{user} {body}: {answer:?}");
    }
    let merged = house.send("5", "POST", "actions/contact_merge", Some(&merge(502, 503))).await;
    assert_eq!((merged.status, merged.body.as_str()), (200, "null"), "what became of them is asked for");
}

#[tokio::test]
async fn a_file_is_sent_by_who_may_send_media() {
    let house = House::start().await;
    let body = json!({"content": "x", "attachments": ["signed-id"]});
    assert_eq!(Conversation::of(4).agent(), Some(1));
    for (user, may) in [("1", true), ("6", false)] {
        let path = "conversations/4/messages";
        assert_eq!(
            house.send(user, "POST", path, Some(&json!({"content": "x"}))).await.status,
            200,
            "{user}"
        );
        let answer = house.send(user, "POST", path, Some(&body)).await;
        assert_eq!(answer.status, if may { 200 } else { 403 }, "{user}: {answer:?}");
    }
}

#[tokio::test]
async fn a_canned_response_is_everybodys_and_changed_by_who_may_change_all() {
    let house = House::start().await;
    for (user, may) in [("4", true), ("1", false), ("9", false)] {
        let before = house.backend.lines().len();
        let answer = house.send(user, "PATCH", "canned_responses/7", Some(&json!({"content": "x"}))).await;
        let changed = house.backend.lines().len() > before;
        assert_eq!(changed, may, "{user}: {answer:?}");
    }
}

#[tokio::test]
async fn a_way_to_be_reached_is_given_by_who_may_take_it_from_another_contact() {
    let house = House::start().await;
    let contact = json!({"name": "Ana", "inbox_id": 4});
    let taken = json!({"name": "Ana", "inbox_id": 4, "source_id": "6281200000503"});
    let (inbox, number) = (json!({"inbox_id": 4}), json!({"inbox_id": 4, "source_id": "6281200000503"}));
    let vouched = json!({"inbox_id": 4, "hmac_verified": true});
    for (user, path, body, may) in [
        ("1", "contacts", &contact, true),
        ("1", "contacts", &taken, false),
        ("4", "contacts", &taken, false),
        ("5", "contacts", &taken, true),
        ("1", "contacts/504/contact_inboxes", &inbox, true),
        ("1", "contacts/504/contact_inboxes", &number, false),
        ("1", "contacts/504/contact_inboxes", &vouched, false),
        ("4", "contacts/504/contact_inboxes", &number, false),
        ("5", "contacts/504/contact_inboxes", &number, true),
        ("5", "contacts/504/contact_inboxes", &vouched, true),
    ] {
        let before = house.backend.lines().len();
        let answer = house.send(user, "POST", path, Some(body)).await;
        let made = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
        assert_eq!(
            (made, answer.status),
            (may, if may { 200 } else { 403 }),
            "{user} {path} {body}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn who_does_not_see_a_conversation_writes_nothing_in_it() {
    let house = House::start().await;
    for (user, ..) in USERS {
        let sight = house.sight(user);
        for of in Conversation::all().into_iter().take(12) {
            let path = format!("conversations/{}/messages", of.id);
            let before = house.backend.lines().len();
            let answer = house.send(user, "POST", &path, Some(&json!({"content": "hello"}))).await;
            let may = sight.reaches("message", "send", of);
            assert_eq!(answer.status == 200, may, "{user} in {}: {answer:?}", of.id);
            let written = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
            assert_eq!(written, may, "{user} in {}", of.id);
        }
    }
}

#[tokio::test]
async fn g20_a_private_message_is_a_note() {
    let house = House::start().await;
    for (user, ..) in USERS {
        let sight = house.sight(user);
        for of in Conversation::all().into_iter().take(12) {
            let path = format!("conversations/{}/messages", of.id);
            for (private, resource, action) in [
                (json!(true), "note", "create"),
                (json!("true"), "note", "create"),
                (json!(false), "message", "send"),
            ] {
                let before = house.backend.lines().len();
                let body = json!({"content": "hello", "private": private});
                house.send(user, "POST", &path, Some(&body)).await;
                let written = house.backend.lines()[before..].iter().any(|line| line.starts_with("POST"));
                assert_eq!(written, sight.reaches(resource, action, of), "{user} in {}: {private}", of.id);
            }
        }
    }
    assert!(those(house.sight("7"), |of| house.sight("7").reaches("message", "send", *of)).len() > 1);
    assert_eq!(those(house.sight("7"), |of| house.sight("7").reaches("note", "create", *of)).len(), 0);
    for odd in [json!(1), json!("t"), json!(null), json!([true])] {
        let body = json!({"content": "hello", "private": odd});
        let answer = house.send("5", "POST", "conversations/1/messages", Some(&body)).await;
        assert!([400, 403].contains(&answer.status), "{odd}: {answer:?}");
    }
}

#[tokio::test]
async fn what_a_request_changes_whatever_it_says_is_changed_by_who_may_write_it() {
    let house = House::start().await;
    assert_eq!(Conversation::of(5).agent(), Some(2));
    // Without a status the one becomes the other; attributes that are not named are taken away.
    for (method, path, body, field) in [
        ("POST", "conversations/5/toggle_status", None, "status"),
        ("POST", "conversations/5/toggle_status", Some(json!({})), "status"),
        ("POST", "conversations/5/mute", None, "status"),
        ("POST", "conversations/5/toggle_priority", Some(json!({})), "priority"),
        ("POST", "conversations/5/custom_attributes", Some(json!({})), "custom_attributes"),
        (
            "POST",
            "conversations/5/custom_attributes",
            Some(json!({"custom_attributes": {"other": 1}})),
            "custom_attributes",
        ),
        ("DELETE", "contacts/503/avatar", None, "thumbnail"),
    ] {
        let before = house.backend.seen().len();
        let answer = house.send("2", method, path, body.as_ref()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "fields"), "{method} {path} {body:?}");
        assert_eq!(answer.json()["fields"], json!([field]), "{method} {path}");
        let seen = house.backend.seen();
        assert!(seen[before..].iter().all(|asked| asked.method == "GET"), "{method} {path}");
        house.send("5", method, path, body.as_ref()).await;
        assert!(
            house.backend.seen().iter().skip(before).any(|asked| asked.method == method),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn d17_who_is_responsible_is_not_left_out_by_who_asks() {
    let house = House::start().await;
    for (user, _, role) in USERS {
        // No route takes such a parameter: it may be about anything.
        let sees_everything = role == "chatwoot.administrator";
        for choice in [
            "fields=id,messages",
            "$select=id",
            "only[]=id",
            "fields[conversations]=id",
            "Exclude-Fields=meta",
        ] {
            let answer = house.get(user, &format!("conversations?status=all&{choice}")).await;
            assert_eq!(answer.status == 400, !sees_everything, "{user}: {choice}: {answer:?}");
        }
    }
}
