//! Contacts by themselves belong to nobody, so that they are for who may see all of them.

use serde_json::json;

use super::{Line, Shows::*, line};

const READERS: &str = "1 2 3 4 5 7 9";
const EDITORS: &str = "1 2 3 4 5 7";
const WHOLE: &str = "id name email phone_number identifier thumbnail availability_status blocked additional_attributes custom_attributes \
    last_activity_at created_at contact_inboxes";
const WITHOUT_INBOXES: &str = "id name email phone_number identifier thumbnail availability_status blocked additional_attributes \
    custom_attributes last_activity_at created_at";
const WITHOUT_NUMBERS: &str =
    "id name thumbnail availability_status blocked last_activity_at created_at contact_inboxes";
const NEITHER: &str = "id name thumbnail availability_status blocked last_activity_at created_at";
/// From 2 what stands in `additional_attributes` is hidden.
const WITHOUT_ATTRIBUTES: &str = "id name email phone_number identifier thumbnail availability_status blocked custom_attributes \
    last_activity_at created_at contact_inboxes";
const ALL: &str = "500 501 502 503 504 505 506 507 508 509 510 511";
const NOTE: &str = "id content account_id contact_id user created_at updated_at";

pub(super) fn lines() -> Vec<Line> {
    let name = json!({"name": "Ana"});
    let labels = json!({"payload": ["CANARY-k504-label"]});
    let mut lines = vec![
        line("GET", "contacts?sort=name", READERS, Rows("/payload", "id", ALL)),
        line("GET", "contacts/active?sort=name", READERS, Rows("/payload", "id", ALL)),
        line("GET", "contacts/active", READERS, Members("/payload/0", WHOLE))
            .but("2", Members("/payload/0", WITHOUT_ATTRIBUTES))
            .but("3", Members("/payload/0", WITHOUT_NUMBERS)),
        line("GET", "contacts/search?q=a", "1 4 5 7 9", Rows("/payload", "id", ALL)).fields_refused("2 3"),
        line("GET", "search/contacts?q=a", "1 2 4 5 7 9", Rows("/payload/contacts", "id", ALL))
            .fields_refused("3"),
        line("POST", "contacts/filter", READERS, Rows("/payload", "id", ALL)).with(
            json!({"payload": [{"attribute_key": "name", "filter_operator": "contains", "values": ["a"]}]}),
        ),
        line("GET", "contacts/504", READERS, Members("/payload", WHOLE))
            .but("2", Members("/payload", WITHOUT_ATTRIBUTES))
            .but("3", Members("/payload", WITHOUT_NUMBERS)),
        line("GET", "contacts/504", READERS, Members("/payload/contact_inboxes/0", "source_id inbox"))
            .but("3", Members("/payload/contact_inboxes/0", "inbox")),
        // Agent 2 has them, or a bot, in a team of theirs.
        line("GET", "contacts/501/conversations", super::EVERYBODY, Conversations("/payload", "/id"))
            .but("1 3 4", Just(json!({"payload": []}))),
        line("POST", "contacts", EDITORS, Members("/payload/contact", WHOLE))
            .but("2", Members("/payload/contact", WITHOUT_ATTRIBUTES))
            .but("3", Members("/payload/contact", WITHOUT_NUMBERS))
            .with(json!({"name": "Ana", "inbox_id": 4})),
        line(
            "POST",
            "contacts",
            EDITORS,
            Members("/payload/contact_inbox/inbox", "id name channel_type channel_id"),
        )
        .with(json!({"name": "Ana", "inbox_id": 4})),
        line("POST", "contacts", EDITORS, Members("/payload", "contact contact_inbox")).with(name.clone()),
        line("DELETE", "contacts/504", "5", Nothing),
        line("POST", "actions/contact_merge", "5", Just(json!(null)))
            .fields_refused("1 2 3 4 7")
            .with(json!({"base_contact_id": 504, "mergee_contact_id": 505})),
        line("DELETE", "contacts/504/avatar", "1 3 4 5 7", Members("/payload", WITHOUT_INBOXES))
            .fields_refused("2")
            .but("3", Members("/payload", NEITHER)),
        line("GET", "contacts/504/labels", READERS, Just(labels.clone())),
        line("POST", "contacts/504/labels", EDITORS, Just(labels)).with(json!({"labels": ["vip"]})),
        line("GET", "contacts/504/contactable_inboxes", READERS, Members("/payload/0", "source_id inbox"))
            .but("3", Members("/payload/0", "inbox")),
        line("POST", "contacts/504/contact_inboxes", EDITORS, Members("", "source_id inbox"))
            .but("3", Members("", "inbox"))
            .with(json!({"inbox_id": 4})),
        line("POST", "contacts/504/destroy_custom_attributes", "1 2 4 5 7", What("contacts/504", ""))
            .fields_refused("3")
            .with(json!({"custom_attributes": ["tier"]})),
        line("GET", "contacts/504/notes", "5", Members("/0", NOTE)),
        line("POST", "contacts/504/notes", "5", Members("", NOTE)).with(json!({"content": "called"})),
        line("GET", "contacts/504/notes/1", "5", Members("", NOTE)),
        line("PATCH", "contacts/504/notes/1", "5", Members("", NOTE)).with(json!({"content": "called"})),
        line("DELETE", "contacts/504/notes/1", "5", Nothing),
    ];
    for method in ["PUT", "PATCH"] {
        lines.push(line(method, "contacts/504", EDITORS, What("contacts/504", "")).with(name.clone()));
        let number = json!({"name": "Ana", "phone_number": "+6281200000504"});
        let with_number = line(method, "contacts/504", "1 2 4 5 7", What("contacts/504", ""));
        lines.push(with_number.fields_refused("3").with(number));
    }
    lines
}
