//! The shipped route map for Chatwoot, before a small Chatwoot: each user sees one set of conversations, whichever way
//! they look, and it is the one that the policy says. Every answer is searched for canaries of anything else.

mod any_status;
mod backend;
mod copies;
mod counters;
mod each_none;
mod each_object;
mod every_route;
mod forms;
mod given;
mod guessed;
mod house;
mod lacks;
mod none;
mod people;
mod reference;
mod searches;
mod sets;
mod work;
mod written;

use std::collections::BTreeSet;

use serde_json::json;

use self::{
    backend::Conversation,
    house::{House, PLAIN, SETTINGS, Sight, USERS},
};

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
