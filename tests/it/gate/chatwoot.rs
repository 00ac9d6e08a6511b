//! The shipped route map for Chatwoot, before a small Chatwoot: each user sees one set of conversations, whichever way
//! they look, and it is the one that the policy says. Every answer is searched for canaries of anything else.

mod any_status;
mod backend;
mod copies;
mod each_none;
mod each_object;
mod every_route;
mod forms;
mod given;
mod guessed;
mod house;
mod lacks;
mod none;
mod reference;
mod written;

use std::collections::BTreeSet;

use serde_json::json;

use self::{
    backend::{CONTACTS, CONVERSATIONS, Conversation, messages::LONG},
    house::{House, PLAIN, SETTINGS, Sight, USERS},
};
use super::backend::Asked;

/// Those of a user's conversations that fit.
fn those(sight: &Sight, fit: impl Fn(&Conversation) -> bool) -> BTreeSet<u32> {
    Conversation::all().into_iter().filter(|of| sight.has(*of) && fit(of)).map(|of| of.id).collect()
}

#[test]
fn the_users_see_different_sets() {
    for setting in SETTINGS {
        let sets: BTreeSet<_> =
            USERS.iter().map(|(user, ..)| Sight::of(user, setting).conversations()).collect();
        // The administrator, the one without media and the one who begins conversations see all; nobody sees nothing.
        assert_eq!(sets.len(), USERS.len() - 2, "{setting:?}: {sets:?}");
        assert!(sets.iter().all(|set| !set.is_empty()));
    }
}

#[test]
fn what_an_operator_must_say_is_asked_for() {
    for (routes, told) in [
        ("use = ['chatwoot']\nbackend = 'chat'\n", "`fixed` has no value for `{account}`"),
        (
            "use = ['chatwoot']\nbackend = 'chat'\nfixed = { account = '1' }\nwithout = ['GET /api/v1/nothing']\n",
            "routes.toml:4: without[0]: no route of a preset `GET /api/v1/nothing` is declared",
        ),
        (
            "use = ['chatwoot']\nbackend = 'chat'\nfixed = { account = '1' }\n[entity.conversation]\nvia = 'laed'\n",
            "routes.toml:5: entity.conversation.via: no entity `laed` is declared",
        ),
        (
            "use = ['chatwot']\nbackend = 'chat'\n",
            "`chatwot`: expected one of `chatwoot`, `crm-v4` (did you mean `chatwoot`?)",
        ),
    ] {
        let mistakes = house::mistakes(routes);
        assert!(mistakes.contains(told), "{told}\n{mistakes}");
    }
}

#[test]
fn a_route_of_the_map_is_changed_by_the_key_that_is_said_anew() {
    let page = "page = { number = 'page', size_default = 10 }\n";
    let of = |route: &str| format!("{PLAIN}[[route]]\nmatch = '{route}'\n{page}");
    assert_eq!(house::mistakes(&of("GET /api/v1/accounts/{account}/conversations")), "");
    // One that is not of the map says all of itself.
    let mistakes = house::mistakes(&of("GET /api/v1/accounts/{account}/companies"));
    assert!(mistakes.contains("route[0].action: must be given"), "{mistakes}");

    let examples = include_str!("../../../docs/chatwoot.md").split("```toml\n").skip(1);
    let over_the_map = examples.filter_map(|rest| rest.trim_start().split("```").next()).filter(|example| {
        ["[[route]]", "[entity"].iter().any(|table| example.trim_start().starts_with(table))
    });
    let over_the_map: Vec<_> = over_the_map.collect();
    assert!(!over_the_map.is_empty());
    for example in over_the_map {
        assert_eq!(house::mistakes(&format!("{PLAIN}{example}")), "", "{example}");
    }
}

#[tokio::test]
async fn every_list_shows_what_get_shows_and_what_the_policy_says() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let all = sight.conversations();
            let listed = house.numbers(user, "conversations?status=all", None, "/data/payload", "/id").await;
            assert_eq!(listed, all, "{setting:?} {user}: the list");
            for id in 1..=CONVERSATIONS + 1 {
                let status = house.get(user, &format!("conversations/{id}")).await.status;
                assert_eq!(
                    status,
                    if all.contains(&id) { 200 } else { 404 },
                    "{setting:?} {user}: conversation {id}"
                );
            }
            let mut of_contacts = BTreeSet::new();
            for contact in CONTACTS {
                let path = format!("contacts/{contact}/conversations");
                of_contacts.extend(house.shown(user, &path, None, "/payload").await);
            }
            assert_eq!(of_contacts, all, "{setting:?} {user}: the conversations of all contacts");
        }
    }
}

#[tokio::test]
async fn what_is_shown_is_of_one_set_though_the_backend_ignores_every_filter_and_every_page() {
    for setting in SETTINGS {
        let house = House::set_before(setting, backend::told_all).await;
        let filter = json!({"payload": [{"attribute_key": "status", "values": ["open"]}]});
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let all = sight.conversations();
            for (path, body, rows) in [
                ("conversations?status=open&assignee_type=me", None, "/data/payload"),
                ("conversations?assignee_type=unassigned&page=2", None, "/data/payload"),
                ("conversations?conversation_type=mention", None, "/data/payload"),
                ("conversations?team_id=10&status=resolved", None, "/data/payload"),
                ("conversations?status=pending", None, "/data/payload"),
                ("conversations?conversation_type=participating&status=snoozed", None, "/data/payload"),
                ("conversations/filter", Some(&filter), "/payload"),
            ] {
                let shown = house.shown(user, path, body, rows).await;
                assert!(
                    shown.is_subset(&all) && shown.len() >= all.len().min(25),
                    "{setting:?} {user}: {path}: {shown:?}"
                );
            }
            // Who may search at all is another test's.
            let path = "search/conversations?q=no-such-text";
            if house.get(user, path).await.status == 200 {
                let shown = house.shown(user, path, None, "/payload/conversations").await;
                // 8 may see contacts of their own conversations, and has none.
                assert!(
                    shown.is_subset(&all) && shown.is_empty() == (user == "8"),
                    "{setting:?} {user}: {path}: {shown:?}"
                );
            }
        }
    }
}

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
async fn who_sees_their_own_alone_and_is_themself_asks_for_no_more() {
    for obeys in [true, false] {
        let house = House::before(move |asked: &Asked| {
            let mut asked = asked.clone();
            if !obeys {
                asked.target = asked.target.replace("assignee_type=", "assignee_type_that_is_not_known=");
            }
            backend::told(&asked)
        })
        .await;
        for (user, query, pushed) in [
            ("1", "status=all", true),
            ("1", "status=all&assignee_type=all", true),
            ("1", "status=all&assignee_type=assigned", true),
            ("1", "status=all&assignee_type=me", true),
            ("1", "status=open&conversation_type=mention", true),
            // Of nobody's they have none: Chatwoot is asked, and nothing of it is shown.
            ("1", "status=all&assignee_type=unassigned", false),
            // Chatwoot takes them for the user of Headgate's own token.
            ("3", "status=all", false),
            // They see more than their own: their team's, and nobody's.
            ("4", "status=all", false),
            ("8", "status=all", false),
            ("5", "status=all", false),
        ] {
            let sight = house.sight(user);
            let fit = |of: &Conversation| {
                (query.contains("all") || of.status == "open")
                    && (!query.contains("mention") || of.mentioned)
                    && (!obeys || !query.contains("unassigned") || of.assignee.is_none())
            };
            let before = house.backend.lines().len();
            let shown =
                house.numbers(user, &format!("conversations?{query}"), None, "/data/payload", "/id").await;
            assert_eq!(shown, those(sight, fit), "{user}: {query}, obeyed: {obeys}");
            for line in &house.backend.lines()[before..] {
                assert_eq!(line.contains("assignee_type=me"), pushed, "{user}: {query}: {line}");
            }
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
async fn filters_and_read_notices_are_their_users_own() {
    let house = House::start().await;
    for (method, path, body) in [
        ("GET", "custom_filters?filter_type=conversation", None),
        ("GET", "custom_filters/1", None),
        (
            "POST",
            "custom_filters",
            Some(json!({"custom_filter": {"name": "x", "filter_type": "conversation"}})),
        ),
        ("PATCH", "custom_filters/1", Some(json!({"custom_filter": {"name": "x"}}))),
        ("POST", "notifications/read_all", Some(json!({}))),
        ("PATCH", "notifications/9001", Some(json!({}))),
    ] {
        let before = house.backend.seen().len();
        let answer = house.send("1", method, path, body.as_ref()).await;
        assert!([200, 204].contains(&answer.status), "{method} {path}: {answer:?}");
        let seen = house.backend.seen();
        assert_eq!(
            seen[before..].iter().map(|asked| asked.all("api_access_token")).collect::<Vec<_>>(),
            [["token-of-1"]]
        );
        if path.starts_with("custom_filters?") {
            assert_eq!(
                answer.json(),
                json!([{"id": 1, "name": "of 1", "filter_type": "conversation", "query": {}}])
            );
        }
        // Whoever has no token of their own would be shown, and change, those of Headgate's own user.
        for user in ["2", "5"] {
            let before = house.backend.lines().len();
            let answer = house.send(user, method, path, body.as_ref()).await;
            assert_eq!((answer.status, house.backend.lines().len()), (404, before), "{user} {method} {path}");
        }
    }
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
async fn no_answer_makes_headgate_ask_for_more_than_a_hundred_objects() {
    let house = House::start().await;
    let answer = house.get("1", "search/messages?q=flood").await;
    let found = answer.json()["payload"]["messages"].as_array().unwrap().len();
    assert_eq!(found, those(house.sight("1"), |_| true).len(), "those of conversations that there are");
    // The page, the next one, which has nothing, and each of a hundred.
    assert_eq!(house.backend.lines().len(), 2 + 100);
}

#[tokio::test]
async fn what_hangs_on_a_conversation_is_seen_by_who_sees_it() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            for of in Conversation::all() {
                let path = |rest: &str| format!("conversations/{}/{rest}", of.id);
                let labels = house.get(user, &path("labels")).await.status;
                assert_eq!(
                    labels == 200,
                    sight.reaches("conversation", "view", of),
                    "{setting:?} {user}: labels of {}",
                    of.id
                );
                let participants = house.get(user, &path("participants")).await.status;
                assert_eq!(participants, labels, "{setting:?} {user}: participants of {}", of.id);

                let messages = house.get(user, &path("messages")).await;
                let listed = sight.reaches("message", "list", of);
                assert_eq!(messages.status == 200, listed, "{setting:?} {user}: messages of {}", of.id);
                if listed {
                    let notes = sight.reaches("note", "list", of) && sight.reaches("note", "view", of);
                    let messages = messages.json();
                    let shown = messages["payload"].as_array().unwrap();
                    let expected = if of.id == LONG.0 { 20 } else { 2 + usize::from(notes) };
                    assert_eq!(shown.len(), expected, "{setting:?} {user}: messages of {}", of.id);
                    let pictures =
                        shown[1].get("attachments").map(|pictures| pictures.as_array().unwrap().len());
                    let sees = sight.reaches("media", "view", of);
                    assert_eq!(pictures, sees.then_some(1), "{setting:?} {user}: pictures of {}", of.id);
                }
                let attachments = house.get(user, &path("attachments")).await;
                assert_eq!(
                    attachments.status == 200,
                    sight.reaches("media", "view", of),
                    "{setting:?} {user}: {}",
                    of.id
                );
            }
        }
    }
}

#[tokio::test]
async fn d05_whoever_scrolls_through_a_conversation_finds_what_they_may_see_in_full_pages() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        let (id, count) = LONG;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let of = Conversation::of(id);
            if !sight.reaches("message", "list", of) {
                continue;
            }
            let notes = sight.reaches("note", "list", of) && sight.reaches("note", "view", of);
            let seen: Vec<u32> =
                (1..=count).filter(|nth| notes || nth % 3 != 0).map(|nth| id * 10 + nth).collect();
            let page = async |question: &str| {
                let answer = house.get(user, &format!("conversations/{id}/messages{question}")).await;
                assert_eq!(answer.status, 200, "{setting:?} {user} {question}: {answer:?}");
                let payload = answer.json()["payload"].as_array().unwrap().clone();
                let ids = payload.iter().map(|row| u32::try_from(row["id"].as_u64().unwrap()).unwrap());
                ids.collect::<Vec<_>>()
            };
            // Back from the last, as a panel does.
            let mut back = page("").await;
            assert_eq!(back.len(), 20, "{setting:?} {user}");
            loop {
                let before = page(&format!("?before={}", back[0])).await;
                if before.is_empty() {
                    break;
                }
                back.splice(0..0, before);
            }
            assert_eq!(back, seen, "{setting:?} {user}");
            // On from one, and from one to another.
            assert_eq!(page(&format!("?after={}", seen[4])).await, seen[5..], "{setting:?} {user}");
            let between = page(&format!("?after={}&before={}", seen[4], seen[9])).await;
            assert_eq!(between, seen[4..9], "{setting:?} {user}");
            // And nobody counts notes off.
            let counted = house.get(user, &format!("conversations/{id}/messages?limit=1")).await.status;
            let sees_all = sight.conversations().len() == CONVERSATIONS as usize && notes;
            assert_eq!(counted == 200, sees_all, "{setting:?} {user}");
        }
    }
}

#[tokio::test]
async fn counters_count_what_is_shown_or_nothing() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let sees_all = sight.conversations().len() == CONVERSATIONS as usize;
            let list = house.get(user, "conversations?status=all").await.json();
            let meta = house.get(user, "conversations/meta?status=all").await.json();
            if sees_all {
                assert_eq!(list["data"]["meta"]["all_count"], CONVERSATIONS, "{setting:?} {user}");
                assert_eq!(meta["meta"]["all_count"], CONVERSATIONS, "{setting:?} {user}");
            } else {
                let told = counted(&house, user, "conversations?status=all", "all_count").await;
                assert_eq!(told, sight.conversations().len(), "{setting:?} {user}");
                for counter in ["mine_count", "assigned_count", "unassigned_count"] {
                    assert!(list["data"]["meta"][counter].is_null(), "{setting:?} {user}: {counter}");
                    assert!(meta["meta"][counter].is_null(), "{setting:?} {user}: {counter}");
                }
                assert!(meta["meta"]["all_count"].is_null(), "{setting:?} {user}");
            }
        }
    }
}

/// What a counter of a list says, on the last of its pages: on those before it is not known.
async fn counted(house: &House, user: &str, path: &str, counter: &str) -> usize {
    for page in 1..=4 {
        let list = house.get(user, &format!("{path}&page={page}")).await.json()["data"].clone();
        if let Some(count) = list["meta"][counter].as_u64() {
            return usize::try_from(count).unwrap();
        }
        assert!(list["meta"][counter].is_null() && list["payload"] != json!([]), "{user}: {list}");
    }
    panic!("{user}: {path} has no last page")
}

#[tokio::test]
async fn notices_tell_of_what_is_seen() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let answer = house.get(user, "notifications").await;
            if sight.reaches("notification", "view", Conversation::of(1)) || user != "6" {
                let told =
                    house.numbers(user, "notifications", None, "/data/payload", "/primary_actor/id").await;
                let expected = those(sight, |of| sight.reaches("notification", "view", *of));
                assert_eq!(told, expected, "{setting:?} {user}");
                // D05: and no number of them tells of others.
                let told = answer.json()["data"].clone();
                let meta = &told["meta"];
                if expected.len() == CONVERSATIONS as usize {
                    assert_eq!(
                        (&meta["count"], &meta["unread_count"]),
                        (&json!(CONVERSATIONS), &json!(CONVERSATIONS)),
                        "{setting:?} {user}"
                    );
                } else {
                    assert_eq!(meta["unread_count"], json!(null), "{setting:?} {user}");
                    assert_eq!(
                        counted(&house, user, "notifications?", "count").await,
                        expected.len(),
                        "{setting:?} {user}"
                    );
                }
            } else {
                assert_eq!(answer.status, 403, "{setting:?} {user}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_notice_has_a_title_and_quotes_nothing() {
    let house = House::start().await;
    for user in ["5", "7"] {
        let notices = house.get(user, "notifications").await.json();
        let notice = &notices["data"]["payload"][0];
        let id = &notice["primary_actor"]["id"];
        let title = format!("You have been mentioned in conversation (#{id})");
        assert_eq!(notice["push_message_title"], title, "{user}");
        assert_eq!(notice["primary_actor"]["channel"], "Channel::Whatsapp", "{user}");
        assert!(notice.get("push_message_body").is_none(), "{user}: {notice}");
        // A private message is as none is.
        assert_eq!(notice.get("secondary_actor").map(|actor| actor.is_null()), Some(user != "5"), "{user}");
    }
}

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
async fn a_user_with_a_token_of_their_own_is_themself_there() {
    let house = House::start().await;
    let own = those(house.sight("1"), |of| of.status == "open");
    let path = "conversations?assignee_type=me";
    assert_eq!(house.numbers("1", path, None, "/data/payload", "/id").await, own);
    let before = house.backend.seen().len();
    house
        .send(
            "1",
            "POST",
            &format!("conversations/{}/messages", own.first().unwrap()),
            Some(&json!({"content": "hello"})),
        )
        .await;
    let tokens: Vec<_> = house.backend.seen()[before..]
        .iter()
        .map(|asked| (asked.method.clone(), asked.all("api_access_token").join(" ")))
        .collect();
    let written = ("POST".to_owned(), "token-of-1".to_owned());
    let asked = ("GET".to_owned(), "token-of-headgate".to_owned());
    assert_eq!(tokens, [asked, written], "Headgate asks as itself, and writes as the user");
    assert_eq!(
        house.numbers("2", path, None, "/data/payload", "/id").await,
        BTreeSet::new(),
        "who has none is Headgate"
    );
}

#[tokio::test]
async fn what_the_map_does_not_name_is_not_there() {
    let house = House::start().await;
    for path in [
        "agent_bots",
        "webhooks",
        "integrations/apps",
        "inboxes/4/agent_bot",
        "audit_logs",
        "search/articles",
        "portals",
    ] {
        assert_eq!(house.get("5", path).await.status, 404, "{path}");
    }
    assert!(house.backend.lines().is_empty());
    for path in ["agents", "teams", "inboxes"] {
        assert_eq!(house.get("1", path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn every_route_below_a_conversation_is_for_who_the_policy_says() {
    let map: toml::Table = include_str!("../../../src/config/presets/routes/chatwoot.toml").parse().unwrap();
    let text =
        |route: &toml::Value, key: &str| route.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let below = "/api/v1/accounts/{account}/conversations/{id}";
    let routes = map["route"].as_array().unwrap().iter().filter_map(|route| {
        let line = text(route, "match").unwrap();
        let (method, path) = line.split_once(' ').unwrap();
        let resource = text(route, "resource").or_else(|| text(route, "entity")).unwrap();
        let path = path.strip_prefix(below)?.replace("{message}", "12");
        Some((method.to_owned(), path, resource, text(route, "action").unwrap()))
    });
    let routes: Vec<_> = routes.collect();
    assert!(routes.len() > 25, "{routes:?}");
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            // Their own, their team's, a bot's, nobody's.
            for of in [1, 2, 3, 7, 13, 14].map(Conversation::of) {
                for (method, path, resource, action) in &routes {
                    let target = format!("conversations/{}{path}", of.id);
                    let before = house.backend.seen().len();
                    let body = (method != "GET" && method != "DELETE").then(|| json!({}));
                    let answer = house.send(user, method, &target, body.as_ref()).await;
                    let line = format!("{method} /api/v1/accounts/1/{target}");
                    let asked = house.backend.lines().split_off(before);
                    // A conversation itself is decided on by its answer, which Headgate's own question may be.
                    let reached = if path.is_empty() && method == "GET" {
                        answer.status == 200
                    } else {
                        asked.contains(&line)
                    };
                    let body_is_refused = answer.status == 400 && body.is_some()
                        || answer.status == 403 && answer.problem() == "fields";
                    let may = sight.reaches(resource, action, of);
                    // Which file is a note's is not told: who may not see notes finds none, and Headgate need not ask.
                    if may && path == "/attachments" && answer.body == r#"{"payload":[]}"# {
                        assert!(!sight.reaches("note", "view", of), "{setting:?} {user}: {line}");
                        continue;
                    }
                    assert_eq!(reached || body_is_refused, may, "{setting:?} {user}: {line}: {answer:?}");
                    if !may {
                        let status = if sight.sees(resource, Some(of)) { 403 } else { 404 };
                        assert_eq!(answer.status, status, "{setting:?} {user}: {line}: {answer:?}");
                    }
                }
            }
        }
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
async fn numbers_of_notices_and_reports_are_for_who_sees_all_of_them() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user);
            let everything = Conversation::all().iter().all(|of| sight.reaches("notification", "view", *of));
            let some = !those(sight, |of| sight.reaches("notification", "view", *of)).is_empty();
            let unread = house.get(user, "notifications/unread_count").await;
            match (everything, some) {
                (true, _) => assert_eq!(unread.json(), json!(CONVERSATIONS), "{setting:?} {user}"),
                (false, true) => assert_eq!(unread.json(), json!(null), "{setting:?} {user}"),
                (false, false) => {
                    assert!(
                        unread.status == 403 || unread.json() == json!(null),
                        "{setting:?} {user}: {unread:?}"
                    )
                }
            }
            let reports = Conversation::all().iter().all(|of| sight.reaches("report", "view", *of));
            for path in [
                "/api/v2/accounts/1/reports/bot_summary",
                "/api/v2/accounts/1/reports/inbox_label_matrix",
                "/api/v2/accounts/1/summary_reports/label",
                "/api/v1/accounts/1/csat_survey_responses/metrics",
            ] {
                let report = house.get(user, path).await;
                assert_eq!(report.status == 200, reports, "{setting:?} {user}: {path}: {report:?}");
            }
        }
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
async fn what_changed_of_late_comes_at_once_as_updated_within_knows_no_pages() {
    for setting in SETTINGS {
        let house = House::set(setting).await;
        for (user, ..) in USERS {
            let sight = house.sight(user).conversations();
            for page in ["", "&page=1", "&page=3"] {
                let path = format!("conversations?status=all&updated_within=60{page}");
                let answer = house.get(user, &path).await.json();
                let rows = answer["data"]["payload"].as_array().unwrap();
                let mut told: Vec<_> =
                    rows.iter().map(|row| u32::try_from(row["id"].as_u64().unwrap()).unwrap()).collect();
                told.sort_unstable();
                assert_eq!(told, sight.iter().copied().collect::<Vec<_>>(), "{setting:?} {user}{page}");
                assert_eq!(answer["data"]["meta"]["all_count"], sight.len(), "{setting:?} {user}{page}");
            }
            for odd in ["updated_within=", "updated_within=1h", "updated_within[]=60"] {
                let answer = house.get(user, &format!("conversations?status=all&{odd}")).await.status;
                assert_eq!(answer == 400, sight.len() < CONVERSATIONS as usize, "{setting:?} {user}: {odd}");
            }
        }
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
