//! One set of conversations, whichever way a user looks.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    backend::{self, CONTACTS, CONVERSATIONS, Conversation, messages::LONG},
    house::{House, SETTINGS, USERS},
    those,
};
use crate::gate::backend::Asked;

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
async fn every_route_below_a_conversation_is_for_who_the_policy_says() {
    let map: toml::Table =
        include_str!("../../../../src/config/presets/routes/chatwoot.toml").parse().unwrap();
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
