//! Who sees which rows, by the rights of a whole configuration.

use serde_json::json;

use super::{ROLES, ROUTES, Whole, roles};
use crate::gate::world::Answer;

/// Lists and cards, decided on by the tags of conversations and by the facts of leads.
const LISTS: &str = r#"
[entity.lead]
id = "/id"
responsible = "/responsible"
participants = "/participants"
fields = ["*"]
nested = { "/contact" = "contact", "/chat" = "conversation" }
[[route]]
match = "GET /api/v1/accounts/{account}/leads/{id}"
entity = "lead"
action = "view"
object = "answer"
[[route]]
match = "GET /api/v1/accounts/{account}/contacts"
entity = "contact"
action = "list"
items = "/payload"
"#;

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let payload = answer.json()["payload"].clone();
    payload.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

async fn start(more_roles: &[&'static str]) -> Whole {
    let whole = Whole::start().await;
    let routes = ROUTES
        .replace("ACCOUNT", "1")
        .replace("push = { own = \"assignee_type=me\" }\n", "")
        .replace("refused_parameters = [\"api_access_token\"]", "")
        .replace(
            "responsible = \"/assignee\"\nteam = \"/team\"\nparticipants = \"/participants\"",
            "tag = true",
        );
    whole.reload("tenants/acme/roles.toml", &roles(ROLES.iter().chain(more_roles).copied())).unwrap();
    whole.reload("tenants/acme/routes.toml", &(routes + LISTS)).unwrap();
    whole
}

/// The conversations that a user sees, which are the same in a list, in a search and one by one.
async fn seen(whole: &Whole, user: &str) -> Vec<String> {
    let listed = ids(&whole.get(user, "/conversations").await);
    let token = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", whole.token(user));
    let search = whole.send("POST /api/v1/accounts/1/conversations/filter", &token, "{}").await;
    assert_eq!(ids(&search), listed, "{user}: list and search");
    for id in ["101", "102", "103", "104"] {
        let got = whole.status(user, id).await == 200;
        assert_eq!(got, listed.iter().any(|row| row == id), "{user}: list and get of {id}");
    }
    listed
}

#[tokio::test]
async fn d01_d07_list_search_and_get_show_the_same() {
    let whole = start(&[]).await;
    whole.lets("ana", &["103"]);
    for (user, expected) in [
        ("ana", &["101", "104"][..]),
        ("ben", &["102", "104"]),
        ("sue", &["101", "103"]),
        ("adm", &["101", "102", "103", "104"]),
    ] {
        whole.grant("sue", &["lead", "agent"]);
        assert_eq!(seen(&whole, user).await, expected, "{user}");
    }
    whole.change("101", &json!({"responsible": "ben", "team": "support"})).await;
    whole.change("103", &json!({"participants": ["ana"]})).await;
    assert_eq!(seen(&whole, "ana").await, ["103", "104"], "and change together");
}

#[tokio::test]
async fn d12_a_subscriber_sees_the_chat_and_of_the_card_what_its_profile_has() {
    let whole = start(&["[role.seller.grants]\nlead = { view = 'own' }\ncontact = { view = 'own' }\n"]).await;
    whole.lets("ana", &["502"]);
    whole.grant("ana", &["seller"]);
    whole.grant("adm", &["kommo.administrator"]);
    let card = whole.get("ana", "/leads/104").await;
    assert_eq!(
        card.json(),
        json!({
            "id": "104", "name": "CANARY-104-name",
            "contact": {"id": "502", "name": "CANARY-502-name", "picture": "p"},
            "chat": whole.get("adm", "/leads/104").await.json()["chat"],
        })
    );
    let whole_card = whole.get("adm", "/leads/104").await.json();
    assert_eq!(
        (&whole_card["price"], &whole_card["contact"]["phone_number"]),
        (&json!(7), &json!("CANARY-502-phone_number"))
    );
}

#[tokio::test]
async fn d16_no_team_is_not_the_same_as_no_team() {
    let whole = start(&["[role.mate.grants]\nconversation = { list = 'team', view = 'team' }\ncontact = { list = 'team', view = 'team' }\n"])
        .await;
    whole.lets("mia", &["103", "501"]);
    whole.grant("lone", &["mate"]);
    whole.grant("mia", &["mate"]);
    for id in ["101", "102", "103", "104"] {
        whole.change(id, &json!({"team": null, "responsible": null})).await;
    }
    assert_eq!(seen(&whole, "lone").await, [""; 0]);
    assert_eq!(ids(&whole.get("lone", "/contacts").await), [""; 0], "of nobody, of ana's team and of ben's");
    assert_eq!(ids(&whole.get("mia", "/contacts").await), ["501"], "who is in ana's team");
    whole.change("103", &json!({"team": "sales"})).await;
    assert_eq!((seen(&whole, "lone").await.len(), seen(&whole, "mia").await), (0, vec!["103".to_owned()]));
}

#[tokio::test]
async fn d17_whose_name_is_like_nobodys_owns_nothing_of_nobodys() {
    let own = "[role.own.grants]\nconversation = { list = 'own', view = 'own' }\ncontact = { list = 'own', view = 'own' }\n";
    let whole = start(&[own]).await;
    for id in ["101", "102", "103", "104"] {
        whole.change(id, &json!({"team": null, "responsible": null})).await;
    }
    for user in ["0", "null", "nil", "undefined"] {
        whole.grant(user, &["own"]);
        assert_eq!(seen(&whole, user).await, [""; 0], "{user}");
        assert_eq!(ids(&whole.get(user, "/contacts").await), [""; 0], "{user}");
    }
    // Who has no name at all, or nobody's, is nobody, whatever the directory says of them.
    for user in ["", "None"] {
        whole.grant(user, &["kommo.administrator"]);
        assert_eq!(whole.status(user, "101").await, 401, "{user}");
    }
}

#[tokio::test]
async fn d19_two_roles_are_the_wider_and_a_forbid_beats_both() {
    let none = "[role.none.grants]\nconversation = { list = 'all', view = 'none' }\n";
    let whole = start(&[none, "[role.mate.grants]\nconversation = { list = 'team', view = 'team' }\n"]).await;
    whole.lets("mia", &["101", "103"]);
    whole.grant("mia", &["none"]);
    assert_eq!(seen(&whole, "mia").await, [""; 0]);
    whole.grant("mia", &["none", "mate"]);
    whole.push(&json!({"tenant": "acme", "user": "mia"})).await;
    assert_eq!(seen(&whole, "mia").await, ["101", "103"]);
    let forbid = "[[forbid]]\nname = 'stop'\nresource = 'conversation'\nactions = ['view']\n";
    whole
        .reload(
            "tenants/acme/roles.toml",
            &roles(ROLES.into_iter().chain([
                none,
                "[role.mate.grants]\nconversation = { list = 'team', view = 'team' }\n",
                forbid,
            ])),
        )
        .unwrap();
    assert_eq!(seen(&whole, "mia").await, [""; 0]);
}

#[tokio::test]
async fn an_override_replaces_caps_or_raises_where_a_conversation_stands() {
    let whole = start(&[]).await;
    whole.lets("mia", &["101", "102", "103", "104"]);
    whole.grant("mia", &["desk"]);
    whole.change("103", &json!({"stage": "sales/open"})).await;
    for (base, place, visible) in [
        // In `sales`, of which mia is: 101 and 103 of account `wa-1`; in another team: 102 and 104 of `wa-2`.
        ("team", "account = 'none'\nview = 'none'", &["101", "103"][..]),
        ("team", "account = 'wa-1'\nview = 'own'", &[]),
        ("team", "account = 'wa-1'\nmode = 'cap'\nview = 'own'", &[]),
        ("team", "account = 'wa-2'\nmode = 'raise'\nview = 'all'", &["101", "102", "103", "104"]),
        ("team", "account = 'wa-1'\nmode = 'raise'\nview = 'own'", &["101", "103"]),
        ("own", "pipeline = 'sales'\nmode = 'raise'\nview = 'team'", &["103"]),
        ("team", "pipeline = 'sales'\nstage = ['open']\nview = 'none'", &["101"]),
        ("none", "channel = 'whatsapp'\nview = 'all'", &["101", "102", "103", "104"]),
        ("none", "channel = 'telegram'\nview = 'all'", &[]),
    ] {
        let desk = format!(
            "[role.desk.grants]\nconversation = {{ list = 'all', view = '{base}' }}\n\
             [[role.desk.override]]\nresource = 'conversation'\n{place}\n"
        );
        let all = roles(ROLES.into_iter().chain([desk.as_str()]));
        whole.reload("tenants/acme/roles.toml", &all).unwrap();
        assert_eq!(seen(&whole, "mia").await, visible, "{base}, {place}");
    }
    // The account says more of a place than its channel.
    let both = "[role.desk.grants]\nconversation = { list = 'all', view = 'all' }\n\
                [[role.desk.override]]\nresource = 'conversation'\nchannel = 'whatsapp'\nview = 'none'\n\
                [[role.desk.override]]\nresource = 'conversation'\naccount = 'wa-2'\nview = 'all'\n";
    whole.reload("tenants/acme/roles.toml", &roles(ROLES.into_iter().chain([both]))).unwrap();
    assert_eq!(seen(&whole, "mia").await, ["102", "104"]);
}

#[tokio::test]
async fn d20_what_a_stage_closes_is_hidden_everywhere() {
    let whole = start(&[]).await;
    whole.change("101", &json!({"stage": "sales/closed"})).await;
    assert_eq!(seen(&whole, "ana").await, ["104"]);
    assert_eq!(seen(&whole, "adm").await.len(), 4, "to that role alone");
    whole.change("101", &json!({"stage": "sales/open"})).await;
    assert_eq!(seen(&whole, "ana").await, ["101", "104"]);
}

crate::gate::obeying::once_more!(
    d01_d07_list_search_and_get_show_the_same,
    d12_a_subscriber_sees_the_chat_and_of_the_card_what_its_profile_has,
    d16_no_team_is_not_the_same_as_no_team,
    d17_whose_name_is_like_nobodys_owns_nothing_of_nobodys,
    d19_two_roles_are_the_wider_and_a_forbid_beats_both,
    an_override_replaces_caps_or_raises_where_a_conversation_stands,
    d20_what_a_stage_closes_is_hidden_everywhere,
);
