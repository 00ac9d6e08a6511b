//! Facts that Headgate asks the backend for, and how long they are believed.

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use headgate::{
    clock::ManualClock,
    ids::Timestamp,
    policy::{Relation, Source},
};
use serde_json::json;
use tokio::{io::AsyncWriteExt, sync::mpsc::unbounded_channel};

use super::{
    backend,
    world::{Setup, World, world},
};

const CONTACT: &str = "GET /api/v1/accounts/1/contacts/";

/// How often the backend was asked for a contact.
fn asked_for(world: &World, contact: &str) -> usize {
    let line = format!("{CONTACT}{contact}");
    world.backend.lines().iter().filter(|asked| **asked == line).count()
}

#[tokio::test]
async fn facts_are_believed_as_the_entity_that_they_were_read_as() {
    // Responsible for the contact is ana, for the card on the same path ben.
    let script = |asked: &backend::Asked| {
        let both = json!({"id": "501", "owner": "ana", "holder": "ben", "name": "x"});
        asked.line().ends_with("/501").then(|| backend::json(200, &both))
    };
    let card = "[entity.card]\nresource = 'contact'\nid = '/id'\nresponsible = '/holder'\n\
                [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards/{id}'\nentity = 'card'\n\
                action = 'view'\nobject = 'prefetch'\n\
                prefetch = 'GET /api/v1/accounts/{account}/contacts/{id}'\n";
    for first in ["/contacts/501", "/cards/501"] {
        let world = Setup::default().backend(script).routes(card).start().await;
        world.get("ana", first).await;
        for (user, path, status) in [
            ("ana", "/contacts/501", 200),
            ("ana", "/cards/501", 404),
            ("ben", "/contacts/501", 404),
            ("ben", "/cards/501", 200),
        ] {
            assert_eq!(world.get(user, path).await.status, status, "{user} {path}, {first} first");
        }
    }
}

#[tokio::test]
async fn who_made_an_object_sees_what_its_makers_see() {
    let card = "[entity.card]\nresource = 'contact'\nid = '/id'\nresponsible = '/owner'\ncreator = '/made_by'\n\
                fields = ['*']\n\
                [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards'\nentity = 'card'\n\
                action = 'list'\nitems = '/cards'\n\
                [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards/{id}'\nentity = 'card'\n\
                action = 'view'\nobject = 'answer'\n";
    let script = |asked: &backend::Asked| {
        let made = |id: &str, by: &str| json!({"id": id, "owner": "ben", "made_by": by});
        let (anas, bens) = (made("1", "ana"), made("2", "ben"));
        Some(backend::json(
            200,
            &match asked.target.rsplit('/').next()? {
                "1" => anas,
                "2" => bens,
                _ => json!({"cards": [anas, bens]}),
            },
        ))
    };
    let makers_see = |source: &mut Source| {
        let full = [("view".to_owned(), "full".to_owned())].into();
        let agent = source.roles.get_mut("agent").unwrap();
        agent.relations.insert(Relation::Creator, [("contact".to_owned(), full)].into());
    };
    let world = Setup::default().backend(script).routes(card).policy(makers_see).start().await;
    for (user, card, status) in [("ana", "1", 200), ("ana", "2", 404), ("ben", "1", 200), ("sue", "1", 404)] {
        assert_eq!(world.get(user, &format!("/cards/{card}")).await.status, status, "{user} {card}");
    }
    let list = world.get("ana", "/cards").await.json();
    let shown: Vec<_> = list["cards"].as_array().unwrap().iter().map(|card| card["id"].clone()).collect();
    assert_eq!(shown, ["1"]);
}

#[tokio::test]
async fn what_is_hidden_is_asked_for_as_often_as_what_is_missing() {
    let world = world().await;
    for _ in 0..4 {
        for contact in ["502", "999"] {
            assert_eq!(world.get("ana", &format!("/contacts/{contact}")).await.status, 404);
        }
    }
    assert_eq!((asked_for(&world, "502"), asked_for(&world, "999")), (1, 1));
    for contact in ["502", "999"] {
        let path = format!("/contacts/{contact}");
        assert_eq!(world.write("ana", "PUT", &path, &json!({"contact": {"name": "x"}})).await.status, 404);
    }
    assert_eq!((asked_for(&world, "502"), asked_for(&world, "999")), (1, 1), "writes do not tell either");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_client_went_away_ends_what_was_known_all_the_same() {
    let (entered, mut came) = unbounded_channel();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let owner = Arc::new(Mutex::new("ana"));
    let written = Arc::clone(&owner);
    let world = Setup::default()
        .headgate("[gate]\nprefetch_age_max = '1h'\n")
        .backend(move |asked| {
            if asked.method == "PUT" {
                *written.lock().unwrap() = "ben";
                entered.send(()).unwrap();
                // Never answered while the client waits.
                tokio::task::block_in_place(|| held.lock().unwrap().recv().unwrap());
            }
            let contact = json!({"id": "501", "owner": *written.lock().unwrap(), "name": "CANARY-501-name"});
            Some(backend::json(200, &contact))
        })
        .start()
        .await;
    assert_eq!(world.get("adm", "/contacts/501").await.status, 200);
    let mut client = world.connect().await;
    let body = r#"{"contact":{"name":"x"}}"#;
    let put = format!(
        "PUT /api/v1/accounts/1/contacts/501 HTTP/1.1\r\nHost: acme\r\nAuthorization: Bearer ana\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(put.as_bytes()).await.unwrap();
    came.recv().await.unwrap();
    drop(client);
    let open = "headgate_requests_in_flight{listener=\"agents\"} 1";
    while world.metrics().contains(open) {
        tokio::task::yield_now().await;
    }
    assert_eq!(*owner.lock().unwrap(), "ben", "the write was made");
    let answer = world.get("ana", "/contacts/501").await;
    assert_eq!(answer.status, 404, "it is ben's now");
    release.send(()).unwrap();
}

#[tokio::test]
async fn a_write_of_several_objects_ends_what_was_known_of_each() {
    let bulk = "[[route]]\nmatch = 'PATCH /api/v1/accounts/{account}/bulk/contacts'\nentity = 'contact'\n\
                action = 'edit'\nobject = 'prefetch'\n\
                prefetch = 'GET /api/v1/accounts/{account}/contacts/{id}'\nids = '/ids'\n";
    let owner = Arc::new(Mutex::new("ana"));
    let written = Arc::clone(&owner);
    let script = move |asked: &backend::Asked| {
        let id = asked.target.rsplit('/').next()?;
        if asked.method == "PATCH" {
            *written.lock().unwrap() = "ben";
        }
        Some(backend::json(200, &json!({"id": id, "owner": *written.lock().unwrap()})))
    };
    let world = Setup::default()
        .headgate("[gate]\nprefetch_age_max = '1h'\n")
        .routes(bulk)
        .backend(script)
        .start()
        .await;
    for contact in ["501", "502"] {
        assert_eq!(world.get("ana", &format!("/contacts/{contact}")).await.status, 200, "{contact}");
    }
    let made = world.write("ana", "PATCH", "/bulk/contacts", &json!({"ids": ["501", "502"]})).await;
    assert!(made.status < 300, "{made:?}");
    assert_eq!(*owner.lock().unwrap(), "ben", "both are ben's now");
    for contact in ["501", "502"] {
        let path = format!("/contacts/{contact}");
        assert_eq!(world.get("ana", &path).await.status, 404, "{contact}");
        let body = json!({"contact": {"name": "x"}});
        assert_eq!(world.write("ana", "PUT", &path, &body).await.status, 404, "{contact}");
        assert_eq!(world.get("ben", &path).await.status, 200, "{contact}");
    }
}

/// Cards in whose JSON those stand who take part in them, and what hangs below one.
const CARDS: &str = "[entity.card]\nresource = 'conversation'\nid = '/id'\nresponsible = '/assignee'\n\
     participants = '/participants'\nfields = ['id']\n\
     [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards'\nentity = 'card'\naction = 'list'\nitems = '/rows'\n\
     [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards/{id}'\nentity = 'card'\naction = 'view'\n\
     object = 'answer'\n\
     [[route]]\nmatch = 'GET /api/v1/accounts/{account}/cards/{id}/chat'\nentity = 'card'\naction = 'view'\n\
     object = 'prefetch'\nprefetch = 'GET /api/v1/accounts/{account}/cards/{id}'\n";

/// A world with one card, of ben's, and those who take part in it.
async fn of_one_card(participants: &Arc<Mutex<Vec<String>>>, clock: Arc<ManualClock>) -> World {
    let take_part = Arc::clone(participants);
    let script = move |asked: &backend::Asked| {
        let card = json!({"id": 1, "assignee": "ben", "participants": *take_part.lock().unwrap()});
        let is_list = asked.target.ends_with("/cards");
        Some(backend::json(200, &if is_list { json!({"rows": [card]}) } else { card }))
    };
    Setup::default().routes(CARDS).backend(script).clock(clock).start().await
}

/// Whether ana sees the card in the list, by itself, and what hangs below it.
async fn ana_sees(world: &World) -> [bool; 3] {
    let rows = world.get("ana", "/cards").await.json()["rows"].as_array().unwrap().len();
    let [card, below] = ["/cards/1", "/cards/1/chat"].map(async |path| {
        let status = world.get("ana", path).await.status;
        assert!([200, 404].contains(&status), "{path}: {status}");
        status == 200
    });
    [rows == 1, card.await, below.await]
}

#[tokio::test]
async fn d13_who_no_longer_takes_part_sees_nothing_more_of_it_and_what_hangs_below_it_for_two_seconds() {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let participants = Arc::new(Mutex::new(vec!["sue".to_owned(), "ana".to_owned()]));
    let world = of_one_card(&participants, Arc::clone(&clock)).await;
    assert_eq!(ana_sees(&world).await, [true, true, true]);
    participants.lock().unwrap().pop();
    assert_eq!(ana_sees(&world).await, [false, false, true], "on the next request");
    clock.advance(Duration::from_secs(2));
    assert_eq!(ana_sees(&world).await, [false, false, false], "`prefetch_age_max` later");
}

#[tokio::test]
async fn so_many_participants_of_an_object_are_read_and_beyond_them_nobody_takes_part() {
    for (others, sees, counted) in [(999, true, 0), (1000, false, 3)] {
        let mut all: Vec<_> = (0..others).map(|number| format!("u{number}")).collect();
        all.push("ana".to_owned());
        let participants = Arc::new(Mutex::new(all));
        let world = of_one_card(&participants, Arc::new(ManualClock::new(Timestamp(0)))).await;
        assert_eq!(ana_sees(&world).await, [sees; 3], "{others} others");
        assert_eq!(world.reached("participants_max"), counted, "{others} others: each answer that was read");
    }
}

#[tokio::test]
async fn a20_a_parameter_that_is_never_taken_is_refused_however_often_and_in_whatever_case_it_comes() {
    let world = world().await;
    for query in [
        "API_ACCESS_TOKEN=x",
        "Api_Access_Token=x",
        "a=1&api_Access%5Ftoken[]=x",
        "api_access_token=x&API_ACCESS_TOKEN=y",
        "a=1;API_access_token=x",
    ] {
        let answer = world.get("ana", &format!("/conversations/101?{query}")).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{query}");
    }
    for query in ["_METHOD=delete", "_Method=delete", "%5Fmethod[]=delete", "a=1;_mEthod=delete"] {
        let path = format!("/conversations/101?{query}");
        let answer = world.write("ana", "PATCH", &path, &json!({"title": "x"})).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "parameter"), "{query}");
    }
    assert_eq!(world.backend.lines(), [""; 0]);
}
