//! Searches, filters and orders: nothing is read off them.

use serde_json::json;

use super::{
    backend::{self, Conversation},
    house::{House, SETTINGS, USERS},
    those,
};
use crate::gate::backend::Asked;

#[tokio::test]
async fn d05_lists_beside_each_other_are_paged_by_who_sees_all_of_them() {
    let house = House::start().await;
    // Who wrote it, and not where to begin.
    assert_eq!(house.get("1", "search/messages?q=CANARY&from=contact:1").await.status, 200);
    for (user, status) in [("5", 200), ("4", 400), ("1", 400)] {
        let answer = house.get(user, "search?q=CANARY&page=2").await;
        assert_eq!(answer.status, status, "{user}: {answer:?}");
    }
}

#[tokio::test]
async fn a_search_finds_what_get_shows_where_all_that_is_searched_is_seen() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        let (mut some, mut none) = (0, 0);
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let texts = |of: &Conversation| {
                sight.reaches("message", "view", *of) && sight.reaches("note", "view", *of)
            };
            let all_of = |of: &Conversation| sight.has_number(*of) && texts(of);
            // Each of its lists is searched for itself: conversations by their contacts, messages by what they say.
            let heard = |of: &Conversation| {
                sight.reaches("message", "view", *of) && sight.reaches("media", "view", *of)
            };
            let numbers = |of: &Conversation| !those(sight, heard).is_empty() && sight.has_number(*of);
            let of_each_list = those(sight, numbers);
            for (path, rows, is_paged, fit) in [
                ("conversations?status=all&q=CANARY", "/data/payload", true, those(sight, texts)),
                // In what was written alone, as in the list.
                ("conversations/search?q=CANARY", "/payload", true, those(sight, texts)),
                ("search?q=CANARY", "/payload/conversations", false, of_each_list),
                ("search/conversations?q=CANARY", "/payload/conversations", true, those(sight, all_of)),
            ] {
                // Rows that hide what is searched do not come; where a search has pages of Chatwoot's own, they would be missed on them.
                // 8 may see messages and notes of their own conversations, and has none: what is none of them does not come.
                let has_none = user == "8" && is_paged;
                if has_none || !fit.is_empty() && (is_paged || fit == sight.conversations()) {
                    if is_paged {
                        assert_eq!(
                            house.numbers(user, path, None, rows, "/id").await,
                            fit,
                            "{setting:?} {user}: {path}"
                        );
                    } else {
                        // Of Chatwoot's first page.
                        let found = house.shown(user, path, None, rows).await;
                        assert!(
                            !found.is_empty() && found.is_subset(&fit),
                            "{setting:?} {user}: {path}: {found:?}"
                        );
                    }
                    some += usize::from(fit != sight.conversations());
                    continue;
                }
                none += 1;
                let before = house.backend.lines().len();
                let answer = house.get(user, path).await;
                assert_eq!(answer.status, 400, "{setting:?} {user}: {path}: {answer:?}");
                assert_eq!(answer.json()["fields"], json!(["q"]), "{setting:?} {user}: {path}");
                assert_eq!(house.backend.lines().len(), before, "{setting:?} {user}: {path}");
            }
            // A message that is found says whether it is private: then it is a note. In what is spoken is searched, too.
            let read = |of: &Conversation| {
                let right = if of.is_found_by_its_note() { "note" } else { "message" };
                sight.reaches(right, "view", *of) && sight.reaches("media", "view", *of)
            };
            let path = "search/messages?q=CANARY";
            if those(sight, |of| sight.reaches("media", "view", *of)).is_empty() && user != "8" {
                assert_eq!(house.get(user, path).await.status, 400, "{setting:?} {user}: {path}");
                continue;
            }
            let found = house.numbers(user, path, None, "/payload/messages", "/conversation_id").await;
            assert_eq!(found, those(sight, read), "{setting:?} {user}: {path}");
        }
        assert!(some > 2 && none > 5, "{setting:?}: {some} find some of theirs, {none} are refused");
    }
}

#[tokio::test]
async fn no_digit_of_a_number_is_found_by_who_may_not_see_it() {
    let house = House::start().await;
    let filter = |key: &str| json!({"payload": [{"attribute_key": key, "filter_operator": "contains", "values": ["6281"], "query_operator": null}]});
    for (path, body) in [
        ("search/conversations?q=6281", None),
        ("search?q=6281", None),
        ("conversations/filter", Some(filter("phone_number"))),
        ("conversations/filter", Some(filter("contact_phone_number"))),
        ("conversations/filter", Some(filter("an_attribute_of_the_contact"))),
        ("contacts/filter", Some(filter("phone_number"))),
        ("contacts?sort=phone_number", None),
    ] {
        let method = if body.is_some() { "POST" } else { "GET" };
        let answer = house.send("3", method, path, body.as_ref()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "fields"), "{path} {body:?}");
        assert_eq!(house.send("1", method, path, body.as_ref()).await.status, 200, "{path} {body:?}");
    }
    // What no route takes may be about anything.
    for path in [
        "conversations?phone_number=6281",
        "conversations?contact[phone_number]=6281",
        "contacts?filters[x]=6281",
    ] {
        for (user, status) in [("3", 400), ("5", 200)] {
            assert_eq!(house.get(user, path).await.status, status, "{user} {path}");
        }
    }
    // Chatwoot reads the query and the body as one.
    let by_number =
        "payload[][attribute_key]=phone_number&payload[][filter_operator]=contains&payload[][values][]=6281";
    let mut sorted = filter("name");
    sorted["sort"] = json!("phone_number");
    for (path, body) in [
        (format!("contacts/filter?{by_number}"), filter("name")),
        (format!("contacts/filter?{by_number}"), json!({})),
        (format!("conversations/filter?{by_number}"), filter("status")),
        ("contacts/filter".to_owned(), sorted),
    ] {
        let answer = house.send("3", "POST", &path, Some(&body)).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "fields"), "{path} {body}");
    }
    for key in ["status", "team_id", "assignee_id", "display_id", "country_code"] {
        let answer = house.send("3", "POST", "conversations/filter", Some(&filter(key))).await;
        assert_eq!(answer.status, 200, "{key}: {answer:?}");
    }
}

#[tokio::test]
async fn no_answer_makes_headgate_ask_for_more_than_a_hundred_objects() {
    let house = House::start().await;
    let answer = house.get("1", "search/messages?q=flood").await;
    let found = answer.json()["payload"]["messages"].as_array().unwrap().len();
    assert_eq!(found, those(house.sight("1"), |_| true).len(), "those of conversations that there are");
    // The page, the next one, which has nothing, and each of a hundred.
    assert_eq!(house.backend.lines().len(), 2 + 100);
}

#[tokio::test]
async fn no_order_and_no_search_tells_of_what_is_hidden() {
    let house = House::start().await;
    for (user, path, may) in [
        ("6", "conversations?status=all&sort_by=priority_desc", false),
        ("6", "conversations?status=all&sort_by=sort_on_priority", false),
        ("6", "conversations?status=all&sort_by=priority_desc_created_at_asc", false),
        ("6", "conversations?status=all&sort_by=last_activity_at_desc", true),
        ("6", "conversations?status=all&sort_by=latest", true),
        ("3", "conversations?status=all&sort_by=waiting_since_asc", true),
        ("3", "conversations?status=all&sort_by=priority_desc", true),
        ("3", "conversations?status=all&sort_by=created_at_asc", true),
        ("3", "conversations?status=all&sort_by=unread", true),
        // In the company's name too.
        ("2", "contacts/search?q=Shop", false),
        ("1", "contacts/search?q=Shop", true),
        ("2", "contacts?sort=-company_name", false),
        ("2", "contacts?sort=name", true),
    ] {
        let answer = house.get(user, path).await;
        assert_eq!(answer.status, if may { 200 } else { 400 }, "{user} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_filter_is_ordered_by_what_its_user_sees_of_each_row() {
    let house = House::start().await;
    let filter = json!({"payload": [{"attribute_key": "status", "values": ["all"]}]});
    for (user, order, may) in [
        ("6", "priority_desc", false),
        ("6", "sort_on_priority", false),
        ("6", "priority_desc_created_at_asc", false),
        ("6", "last_activity_at_desc", true),
        ("6", "created_at_asc", true),
        ("1", "priority_desc", true),
        ("1", "unread", true),
    ] {
        let path = format!("conversations/filter?sort_by={order}");
        let answer = house.send(user, "POST", &path, Some(&filter)).await;
        assert_eq!(answer.status, if may { 200 } else { 400 }, "{user} {path}: {answer:?}");
        // Chatwoot reads it in the body as well.
        let mut both = filter.clone();
        both["sort_by"] = json!(order);
        let answer = house.send(user, "POST", "conversations/filter", Some(&both)).await;
        assert_eq!(answer.status, 400, "{user} {both}: {answer:?}");
    }
}

#[tokio::test]
async fn d02_no_parameter_tells_what_is_hidden_from_what_is_not_there() {
    // Rails has no view of what is there in a format that was asked for, and looks for what is there before.
    let house = House::before(|asked: &Asked| {
        let answer = backend::told(asked);
        let is_there = answer.starts_with(b"HTTP/1.1 200");
        match asked.target.split_once("?format=") {
            Some((_, "xml")) if is_there => crate::gate::backend::json(406, &json!({"error": "CANARY-x"})),
            Some((_, "csv")) if is_there => crate::gate::backend::answer(204, "", ""),
            _ => answer,
        }
    })
    .await;
    assert_eq!((Conversation::of(4).agent(), Conversation::of(5).agent()), (Some(1), Some(2)));
    for format in ["xml", "csv", "json"] {
        let mut told = Vec::new();
        for path in ["conversations/5", "conversations/999"] {
            let answer = house.get("1", &format!("{path}?format={format}")).await;
            told.push((answer.status, answer.problem()));
        }
        assert_eq!(told[0], told[1], "{format}");
        assert_eq!(told[0].0, 404, "{format}");
    }
    assert_eq!(house.get("1", "conversations/4?format=json").await.status, 200);
    assert_eq!(
        house.get("1", "conversations/4?format=xml").await.status,
        502,
        "its user may know that it is there"
    );
}
