//! Through the whole gateway: who becomes responsible, and what a backend's answers do to a delivery.

use serde_json::Value;

use crate::{
    e2e::{World, now},
    support::{
        gateway::TestGateway,
        outside::{Provider, send},
        receiver::Delivery,
        samples,
    },
};

const ASSIGNMENT: &str = "tenants/default/assignment.toml";
const DIRECTORY: &str = "tenants/default/directory.toml";

/// Posts a message of `contact` and gives the delivery that it makes.
async fn say(world: &World, gateway: &TestGateway, contact: u32, number: usize) -> Delivery {
    let sample = samples::whatsapp(&format!("wamid.{number}"), &contact.to_string(), "hi", now());
    let provider = Provider::new(gateway.hooks(), &world.tls);
    assert_eq!(provider.post(&sample).await.status, 200);
    world.backend.acknowledged(number + 1).await.remove(number)
}

fn responsible(delivery: &Delivery) -> String {
    delivery.text("/responsible")
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_go_on_after_a_restart_and_pass_over_who_is_away() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    let directory = gateway.read(DIRECTORY);
    let with_away = |names: &[&str]| {
        names.iter().fold(directory.clone(), |text, name| {
            text.replace(&format!("[user.{name}]"), &format!("[user.{name}]\naway = true"))
        })
    };
    assert_eq!(responsible(&say(&world, &gateway, 1, 0).await), "ana");
    assert_eq!(responsible(&say(&world, &gateway, 2, 1).await), "ben");
    assert_eq!(responsible(&say(&world, &gateway, 3, 2).await), "ana");
    let gateway = gateway.stop().await.start().await;
    assert_eq!(responsible(&say(&world, &gateway, 4, 3).await), "ben", "the turn after the restart");

    gateway.reload_with(DIRECTORY, &with_away(&["ana"])).unwrap();
    assert_eq!(responsible(&say(&world, &gateway, 5, 4).await), "ben");
    assert_eq!(responsible(&say(&world, &gateway, 1, 5).await), "ana", "who is away keeps what she has");
    gateway.reload_with(DIRECTORY, &with_away(&["ana", "ben"])).unwrap();
    let queued = say(&world, &gateway, 6, 6).await;
    assert_eq!((responsible(&queued), queued.text("/team")), (String::new(), "support".to_owned()));
    assert!(!queued.headers.contains_key("headgate-responsible"));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_least_loaded_is_chosen_by_what_is_open_also_after_a_restart() {
    let world = World::new().await;
    let assignment = "[team.support]\nstrategy = \"least_loaded\"\nclosed_stages = [\"support/done\"]\n";
    let gateway = world.setup().file(ASSIGNMENT, assignment).start().await;
    let first: Vec<String> = [
        say(&world, &gateway, 1, 0).await,
        say(&world, &gateway, 2, 1).await,
        say(&world, &gateway, 3, 2).await,
    ]
    .iter()
    .map(responsible)
    .collect();
    assert_eq!(first, ["ana", "ben", "ana"]);
    // Both of Ana's are done.
    for (contact, number) in [(1, 3), (3, 4)] {
        world.backend.answer_next(200, &[("headgate-stage", "support/done")]);
        say(&world, &gateway, contact, number).await;
    }
    let gateway = gateway.stop().await.start().await;
    assert_eq!(responsible(&say(&world, &gateway, 4, 5).await), "ana", "none open against Ben's one");
    assert_eq!(responsible(&say(&world, &gateway, 5, 6).await), "ben", "one each, and Ana came last");
    // Ben's first is taken from him: now he has fewer.
    world.backend.answer_next(200, &[("headgate-assign", "user=sue; team=sales")]);
    say(&world, &gateway, 2, 7).await;
    world.backend.answer_next(200, &[("headgate-stage", "support/done")]);
    say(&world, &gateway, 5, 8).await;
    assert_eq!(responsible(&say(&world, &gateway, 6, 9).await), "ben");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manual_queue_waits_for_somebody_to_take_the_conversation() {
    let world = World::new().await;
    let manual = "[team.support]\nstrategy = \"manual\"\n";
    let gateway = world.setup().file(ASSIGNMENT, manual).start().await;
    world.backend.answer_next(200, &[("headgate-assign", "user=ben")]);
    let first = say(&world, &gateway, 1, 0).await;
    assert_eq!((responsible(&first), first.text("/team")), (String::new(), "support".to_owned()));
    let gateway = gateway.stop().await.start().await;
    world.backend.answer_next(200, &[("headgate-assign", "user=none")]);
    assert_eq!(responsible(&say(&world, &gateway, 1, 1).await), "ben");
    // Another strategy is for new conversations: one that was put back stays in the queue.
    let turns = manual.replace("manual", "round_robin");
    gateway.reload_with(ASSIGNMENT, &turns).unwrap();
    assert_eq!(responsible(&say(&world, &gateway, 1, 2).await), "");
    assert_eq!(responsible(&say(&world, &gateway, 2, 3).await), "ana");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_delivery_says_so_and_a_dead_letter_that_is_put_back_comes_behind_what_came_since() {
    let world = World::new().await;
    let gateway = world.setup().start().await;
    world.backend.answer_next(503, &[("retry-after", "0")]);
    world.backend.answer_next(429, &[]);
    let repeated = say(&world, &gateway, 1, 0).await;
    assert_eq!(repeated.header("headgate-attempt"), "3");

    // Gone: the conversation goes on without it.
    world.backend.answer_next(410, &[]);
    let gone = samples::whatsapp("wamid.gone", "1", "gone", now());
    let provider = Provider::new(gateway.hooks(), &world.tls);
    assert_eq!(provider.post(&gone).await.status, 200);
    gateway.ops_with("/v1/dead-letters", "\"gone\"").await;
    let since = say(&world, &gateway, 1, 1).await;
    assert_eq!(since.header("headgate-attempt"), "1");

    let revive = r#"{"reason": "gone"}"#.to_owned();
    let (status, said) =
        send(gateway.gateway.ops().unwrap(), "POST", "/v1/dead-letters/revive", revive).await;
    assert_eq!(status, 200, "{said}");
    let back = world.backend.acknowledged(3).await.remove(2);
    assert_eq!(back.text("/data/text"), "gone");
    let next = say(&world, &gateway, 1, 3).await;
    let sequences: Vec<String> =
        [&repeated, &since, &back, &next].iter().map(|one| one.text("/sequence")).collect();
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
    assert_eq!(back.text("/subject"), since.text("/subject"));

    // A redelivery by the provider of what was put back is still a duplicate.
    assert_eq!(provider.post(&gone).await.status, 200);
    let last = say(&world, &gateway, 1, 4).await;
    assert_eq!(last.json()["data"]["id"], Value::from("wamid.4"));
    gateway.stop().await;
}
