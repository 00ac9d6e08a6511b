//! Contacts and users, and what is shown of them.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    backend::{CONTACTS, Conversation},
    house::{House, SETTINGS, USERS},
};

#[tokio::test]
async fn what_is_closed_on_another_channel_is_open_on_this_one() {
    let closed = ["conversation", "notification"].map(|resource| {
        format!("[[role.beginner.override]]\nresource = '{resource}'\nchannel = 'telegram'\nview = 'none'\n")
    });
    let house = House::narrower(&closed.concat()).await;
    let all = house.sight("9").conversations();
    for (path, rows, id) in [
        ("conversations?status=all", "/data/payload", "/id"),
        ("notifications", "/data/payload", "/primary_actor/id"),
    ] {
        assert_eq!(house.numbers("9", path, None, rows, id).await, all, "{path}");
    }
}

#[tokio::test]
async fn contacts_by_themselves_are_for_who_may_see_all_of_them() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        let everyone: BTreeSet<u32> = CONTACTS.collect();
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let all = sight.has_contacts();
            let answer = house.get(user, "contacts").await;
            if answer.status == 200 {
                for (path, body) in [
                    ("contacts", None),
                    ("contacts/search?q=a", None),
                    ("contacts/filter", Some(json!({"payload": []}))),
                ] {
                    // From 2 the company's name is hidden, in which is searched too.
                    if path.contains("q=") && all && (user == "2" || !sight.has_numbers()) {
                        assert_eq!(
                            house.get(user, path).await.status,
                            400,
                            "{setting:?} {user}: numbers are searched in"
                        );
                        continue;
                    }
                    let shown = house.numbers(user, path, body.as_ref(), "/payload", "/id").await;
                    assert_eq!(
                        shown,
                        if all { everyone.clone() } else { BTreeSet::new() },
                        "{setting:?} {user}: {path}"
                    );
                }
            } else {
                assert!(!all, "{setting:?} {user}: {answer:?}");
            }
            for contact in CONTACTS {
                let status = house.get(user, &format!("contacts/{contact}")).await.status;
                assert_eq!(status, if all { 200 } else { 404 }, "{setting:?} {user}: contact {contact}");
            }
        }
    }
}

#[tokio::test]
async fn a_contact_without_its_number_keeps_its_name() {
    let house = House::start().await;
    let conversation = house.get("3", "conversations/2").await.json();
    let sender = &conversation["meta"]["sender"];
    assert_eq!(sender["name"], "CANARY-k502-name");
    for hidden in ["phone_number", "email", "identifier", "additional_attributes", "custom_attributes"] {
        assert!(sender.get(hidden).is_none(), "{hidden}: {sender}");
    }
    let shown = house.get("4", "conversations/3").await.json();
    assert_eq!(
        shown["meta"]["sender"]["phone_number"], "CANARY-k503-hidden-phone",
        "a supervisor calls back"
    );
}

#[tokio::test]
async fn what_a_bot_has_is_not_the_agents_with_its_number() {
    let house = House::start().await;
    assert_eq!(Conversation::of(13).assignee, Some(1));
    assert_eq!(house.get("1", "conversations/13").await.status, 404);
    assert_eq!(house.get("8", "conversations/13").await.status, 200, "no agent has it");
}

#[tokio::test]
async fn a_field_is_hidden_under_each_of_its_names() {
    let house = House::start().await;
    let shown = house.get("6", "conversations/1").await.json();
    assert_eq!((shown.get("labels"), shown.get("additional_attributes")), (None, None));
    assert_eq!(
        house.get("5", "conversations/1/labels").await.json(),
        json!({"payload": ["CANARY-c1-label"]})
    );
    assert_eq!(house.get("6", "conversations/1/labels").await.json(), json!({}), "labels are its payload");
    let filter = async |key: &str| {
        let body = json!({"payload": [{"attribute_key": key, "values": ["all"]}]});
        house.send("6", "POST", "conversations/filter", Some(&body)).await.status
    };
    assert_eq!((filter("team_id").await, filter("assignee_id").await), (200, 200));
    for hidden in ["labels", "additional_attributes", "referer", "browser_language"] {
        assert_eq!(filter(hidden).await, 400, "{hidden}");
    }
}

#[tokio::test]
async fn drafts_and_translations_are_shown_as_notes_are() {
    let house = House::start().await;
    for (user, ..) in USERS {
        let sight = house.sight(user);
        for of in Conversation::all().into_iter().take(12) {
            let path = |rest: &str| format!("conversations/{}/{rest}", of.id);
            let sees = sight.reaches("note", "view", of);
            let draft = house.get(user, &path("draft_messages")).await;
            assert_eq!(draft.status == 200, sees, "{user}: the draft of {}: {draft:?}", of.id);
            if sees {
                let expected = json!({"has_draft": true, "message": format!("CANARY-n{}-draft", of.id)});
                assert_eq!(draft.json(), expected);
            }
            let language = json!({"target_language": "id"});
            let translated = house.send(user, "POST", &path("messages/12/translate"), Some(&language)).await;
            assert_eq!(translated.status == 200, sees, "{user}: a translation in {}: {translated:?}", of.id);
            let blob = json!({"blob": {"filename": "a.png", "byte_size": 3, "checksum": "x", "content_type": "image/png"}});
            let upload = house.send(user, "POST", &path("direct_uploads"), Some(&blob)).await;
            let sends = sight.reaches("media", "send", of);
            assert_eq!(upload.status == 200, sends, "{user}: an upload to {}: {upload:?}", of.id);
            if sends {
                let upload = upload.json();
                assert_eq!((&upload["signed_id"], upload.get("key")), (&json!("s"), None));
            }
        }
    }
}

#[tokio::test]
async fn a_profile_is_shown_to_its_user_without_what_opens_doors() {
    let house = House::start().await;
    let own = house.get("1", "/api/v1/profile").await;
    assert_eq!((own.status, &own.json()["id"]), (200, &json!(1)), "{own:?}");
    assert_eq!(
        own.json()["accounts"],
        json!([{
            "id": 1, "name": "Shop", "status": "active", "active_at": null, "role": "agent", "permissions": ["agent"],
            "availability": "online", "availability_status": "online", "auto_offline": true, "custom_role_id": null,
        }])
    );
    for key in ["access_token", "pubsub_token", "hmac_identifier", "uid"] {
        assert!(own.json().get(key).is_none(), "{key}");
    }
    // Who has no token there would see that of Headgate's own user.
    assert_eq!(house.get("2", "/api/v1/profile").await.status, 404);
}

#[tokio::test]
async fn the_first_of_a_contacts_addresses_is_its_address() {
    let house = House::start().await;
    let body = json!({"emails": ["other@shop.example"]});
    for (user, may) in [("1", true), ("2", false), ("3", false)] {
        for (method, path) in [("PUT", "contacts/503"), ("PATCH", "contacts/503"), ("POST", "contacts")] {
            let before = house.backend.seen().len();
            let answer = house.send(user, method, path, Some(&body)).await;
            let written = house.backend.seen().iter().skip(before).any(|asked| asked.method == method);
            assert_eq!(written, may, "{user} {method} {path}: {answer:?}");
        }
    }
}
