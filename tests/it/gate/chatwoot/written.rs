//! What an agent writes in Chatwoot: of a message what its panel sends and nothing that forges another one, and of a contact no
//! address by which another one's messages would come to it.

use serde_json::{Value, json};

use super::{backend::Conversation, house::House};

/// What was answered, the fields that were refused, and the bodies of what was written.
async fn sent(house: &House, user: &str, path: &str, body: &Value) -> (u16, Value, Vec<Value>) {
    let before = house.backend.seen().len();
    let method = if path.starts_with("contacts/5") && !path.ends_with("inboxes") { "PATCH" } else { "POST" };
    let answer = house.send(user, method, path, Some(body)).await;
    let written = house.backend.seen().split_off(before);
    let written = written.iter().filter(|asked| asked.method == method);
    let written = written.map(|asked| serde_json::from_str(&asked.body).unwrap()).collect();
    let refused = if answer.status == 403 { answer.json()["fields"].clone() } else { Value::Null };
    (answer.status, refused, written)
}

/// What is written with another message: in whose name, when, by what, as what, and to which mail it belongs.
fn forged() -> [(&'static str, Value); 17] {
    [
        ("message_type", json!("incoming")),
        ("message_type", json!("activity")),
        ("message_type", json!(0)),
        ("message_type", json!("")),
        ("external_created_at", json!(1_600_000_000)),
        ("sender_type", json!("AgentBot")),
        ("sender_id", json!(1)),
        ("campaign_id", json!(1)),
        ("source_id", json!("<1@shop.example>")),
        ("email_html_content", json!("<p>another text</p>")),
        ("attachment_ids", json!([7])),
        ("content_attributes.external_created_at", json!(1_600_000_000)),
        ("content_attributes.automation_rule_id", json!(1)),
        ("content_attributes.submitted_values", json!([{"name": "agreed", "value": "yes"}])),
        ("content_attributes.deleted", json!(true)),
        ("content_attributes.in_reply_to_external_id", json!("x")),
        // Chatwoot reads JSON in a text, too.
        ("content_attributes", json!(r#"{"automation_rule_id":1}"#)),
    ]
}

/// A message with this besides.
fn message_with(field: &str, value: &Value) -> Value {
    let mut message = json!({"content": "I agree", "private": false});
    match field.split_once('.') {
        None => message[field] = value.clone(),
        Some((outer, inner)) => message[outer] = json!({ inner: value }),
    }
    message
}

#[tokio::test]
async fn nobody_writes_a_message_in_anothers_name_or_at_another_time() {
    assert_eq!(Conversation::of(4).agent(), Some(1));
    let house = House::start().await;
    for user in ["1", "5"] {
        for (field, value) in forged() {
            let message = message_with(field, &value);
            let (status, fields, written) = sent(&house, user, "conversations/4/messages", &message).await;
            // What stands in what is refused is named to its end.
            let is_named = fields[0].as_str().is_some_and(|name| name.starts_with(field));
            assert!(status == 403 && is_named && written.is_empty(), "{user} {message}: {status} {fields}");

            let begun = json!({"contact_id": 504, "inbox_id": 4, "message": message});
            let (status, fields, written) = sent(&house, user, "conversations", &begun).await;
            let is_named =
                fields[0].as_str().is_some_and(|name| name.starts_with(&format!("message.{field}")));
            assert!(status == 403 && is_named && written.is_empty(), "{user} {begun}: {status} {fields}");
        }
        let path = "conversations/4/messages?message_type=incoming";
        let (status, fields, written) = sent(&house, user, path, &json!({"content": "I agree"})).await;
        assert_eq!((status, fields, written), (403, json!(["message_type"]), vec![]), "{user} {path}");
    }
}

#[tokio::test]
async fn what_a_panel_sends_with_a_message_is_sent() {
    let house = House::start().await;
    let template = json!({
        "name": "receipt", "category": "UTILITY", "language": "id", "namespace": "x", "processed_params": {"body": {"1": "Ana"}},
    });
    for message in [
        json!({"content": "hi"}),
        json!({"content": "hi", "private": false, "message_type": "outgoing", "echo_id": "e-1"}),
        json!({"content": "hi", "message_type": null, "content_attributes": {}}),
        json!({"content": "hi", "private": true, "content_attributes": {"in_reply_to": 41}}),
        json!({"content": "hi", "cc_emails": "", "bcc_emails": "", "to_emails": "ana@shop.example"}),
        json!({"content": "which?", "content_type": "input_select", "content_attributes": {"items": [{"title": "a", "value": "1"}]}}),
        json!({"content": "hi", "template_params": template}),
        json!({"attachments": ["signed-id"], "is_voice_message": true}),
    ] {
        let (status, _, written) = sent(&house, "1", "conversations/4/messages", &message).await;
        assert_eq!((status, written), (200, vec![message.clone()]), "{message}");
        let begun = json!({"contact_id": 504, "inbox_id": 4, "assignee_id": 1, "message": message});
        let (status, _, written) = sent(&house, "1", "conversations", &begun).await;
        assert_eq!((status, written), (200, vec![begun.clone()]), "{begun}");
    }
}

#[tokio::test]
async fn a_template_has_a_picture_by_who_may_send_media() {
    let house = House::start().await;
    let header = json!({"media_url": "https://shop.example/a.png", "media_type": "image"});
    let message = json!({"content": "hi", "template_params": {"name": "receipt", "processed_params": {"header": header}}});
    for (user, status) in [("1", 200), ("6", 403)] {
        let (answered, _, written) = sent(&house, user, "conversations/4/messages", &message).await;
        assert_eq!((answered, written.len()), (status, usize::from(status == 200)), "{user}");
    }
}

#[tokio::test]
async fn a_new_conversation_says_where_it_came_from_and_not_to_which_mail_or_chat_it_belongs() {
    let house = House::start().await;
    for (attributes, refused) in [
        (json!({"mail_subject": "Your order", "referer": "https://shop.example"}), Value::Null),
        (json!({"in_reply_to": "<1@shop.example>"}), json!(["additional_attributes.in_reply_to"])),
        (json!({"chat_id": 7}), json!(["additional_attributes.chat_id"])),
    ] {
        let body =
            json!({"contact_id": 504, "inbox_id": 4, "assignee_id": 1, "additional_attributes": attributes});
        let (status, fields, written) = sent(&house, "1", "conversations", &body).await;
        assert_eq!((&fields, written.is_empty()), (&refused, !refused.is_null()), "{body}: {status}");
    }
}

#[tokio::test]
async fn agents_write_what_stands_on_a_contact_and_nothing_else() {
    let house = House::start().await;
    let contact = json!({
        "name": "Ana", "email": "ana@shop.example", "phone_number": "+6281200000504", "identifier": "504", "blocked": false,
        "avatar_url": "https://shop.example/ana.png", "additional_attributes": {"city": "Bandung"}, "custom_attributes": {"tier": "a"},
    });
    for path in ["contacts", "contacts/504", "contacts/504?include_contact_inboxes=false"] {
        let (status, _, written) = sent(&house, "1", path, &contact).await;
        assert_eq!((status, written), (200, vec![contact.clone()]), "{path}");
        for field in ["account_id", "contact_type", "created_at", "hmac_verified"] {
            let mut more = contact.clone();
            more[field] = json!(1);
            let (status, fields, written) = sent(&house, "1", path, &more).await;
            assert_eq!((status, fields, written), (403, json!([field]), vec![]), "{path} {field}");
        }
    }
}

#[tokio::test]
async fn a_contact_takes_anothers_number_only_where_its_identities_are_not_locked() {
    let identities =
        "[role.\"chatwoot.agent\".fields.contact]\nread-only = ['phone_number', 'email', 'identifier']\n";
    let (open, locked) = (House::start().await, House::narrower(identities).await);
    for field in ["phone_number", "email", "emails", "identifier"] {
        let value = if field == "emails" { json!(["x@shop.example"]) } else { json!("x@shop.example") };
        for path in ["contacts", "contacts/504"] {
            let body = json!({"name": "Ana", field: value});
            let (status, ..) = sent(&open, "1", path, &body).await;
            assert_eq!(status, 200, "{path} {body}: as in Chatwoot");
            let (status, fields, written) = sent(&locked, "1", path, &body).await;
            assert_eq!((status, fields, written), (403, json!([field]), vec![]), "{path} {body}");
        }
    }
    // What is no identity is the agent's to write, and the others are the supervisor's.
    for (user, path, body) in [
        ("1", "contacts/504", json!({"name": "Ana", "blocked": true})),
        ("1", "contacts", json!({"name": "Ana"})),
        ("1", "contacts/504/contact_inboxes", json!({"inbox_id": 4})),
        ("4", "contacts/504", json!({"phone_number": "+6281200000504"})),
    ] {
        assert_eq!(sent(&locked, user, path, &body).await.0, 200, "{user} {path} {body}");
    }
}

#[tokio::test]
async fn nobodys_messages_are_led_to_another_contact_by_who_may_not_delete_contacts() {
    let house = House::start().await;
    let taken = json!({"name": "Ana", "inbox_id": 4, "source_id": "6281200000503"});
    for (user, may) in [("1", false), ("4", false), ("5", true)] {
        let (status, fields, written) = sent(&house, user, "contacts", &taken).await;
        assert_eq!((status == 200, written.len()), (may, usize::from(may)), "{user}: {status} {fields}");
    }
}
