//! Each conversation with what hangs on it, and each contact, as each user gets it: what the slow reference leaves of it, or as if it were not there.

use super::{
    backend::{CONTACTS, Conversation, messages::LONG},
    house::{House, Setting, USERS},
    reference::{Content, Question, Reader},
};

/// Asks for what a user may read, or may not.
async fn check(house: &House, user: &str, path: &str, may: bool) {
    let answer = house.get(user, path).await;
    if !may {
        assert_eq!(answer.status, 404, "{user}: {path}: {answer:?}");
        return;
    }
    let target = format!("/api/v1/accounts/1/{path}");
    let question = Question { user, setting: house.setting(), method: "GET", target, body: None };
    assert_eq!(answer.status, 200, "{user}: {path}: {answer:?}");
    assert_eq!(vec![Content::of(&answer.body)], question.answers(), "{user}: {path}");
}

#[tokio::test]
async fn each_conversation_is_shown_as_the_reference_leaves_it() {
    let house = House::start().await;
    // Agents', a bot's, nobody's and followed ones; the long one comes in pages.
    let some = Conversation::all().into_iter().take(15).filter(|of| of.id != LONG.0);
    for (user, of) in USERS.iter().flat_map(|(user, ..)| some.clone().map(move |of| (user, of))) {
        let reader = Reader::new(user, Setting::Adapted);
        for (below, may) in [
            ("", reader.conversation(of)),
            ("/messages", reader.messages(of)),
            ("/attachments", reader.media(of)),
            ("/labels", reader.conversation(of)),
            ("/participants", reader.conversation(of)),
            ("/draft_messages", reader.notes(of)),
        ] {
            check(&house, user, &format!("conversations/{}{below}", of.id), may).await;
        }
    }
}

#[tokio::test]
async fn each_contact_is_shown_as_the_reference_leaves_it() {
    let house = House::start().await;
    for (user, ..) in USERS {
        let may = Reader::new(user, Setting::Adapted).contact(None);
        for contact in CONTACTS {
            for below in ["", "/labels", "/contactable_inboxes"] {
                check(&house, user, &format!("contacts/{contact}{below}"), may).await;
            }
            // Of these everybody sees their own.
            check(&house, user, &format!("contacts/{contact}/conversations"), true).await;
        }
    }
}
