//! Public posts, in the shapes of both products. A post's conversation is the public one that it stands
//! in, never that of its author's direct messages.

use serde_json::value::RawValue;

use super::{
    Happened,
    activity::named,
    milliseconds,
    people::{People, Person},
    rfc3339,
};
use crate::channel::{
    event::{Kind, Media, Message, Thread},
    json::{Id, Members},
};

/// `post.create`, `post.mention.create`, …: a v2 Post, whose media stand beside it in `shown`.
pub(super) fn published(
    name: &str,
    post: &Members<'_>,
    people: &People,
    shown: Option<&RawValue>,
) -> serde_json::Result<Happened> {
    let id = post.need_id("id")?;
    let conversation = post.id("conversation_id")?;
    Ok(Happened {
        kind: Kind::Post,
        thread: Some(Thread::of("post", conversation.as_deref().unwrap_or(&id))),
        time: rfc3339(post, "created_at"),
        message: Message {
            sender: post.id("author_id")?.map(|id| people.party(id)),
            text: post.read("text")?,
            media: attached(post, shown)?,
            reply_to: match post.id("in_reply_to_tweet_id")? {
                Some(answered) => Some(answered),
                None => answered(post)?,
            },
            id: Some(id.clone()),
            ..named(name)
        },
        // A reply that mentions us comes once for each subscription.
        id: Some(format!("post:{id}")),
    })
}

/// The post that this one answers, of those it refers to (others are quoted or reposted).
fn answered(post: &Members<'_>) -> serde_json::Result<Option<String>> {
    let referred: Vec<Members<'_>> = post.read("referenced_tweets")?.unwrap_or_default();
    for one in &referred {
        if one.read::<String>("type")?.as_deref() == Some("replied_to") {
            return one.id("id");
        }
    }
    Ok(None)
}

/// The media of a v2 Post: `attachments` names them, `includes` describes them if X was asked to.
fn attached(post: &Members<'_>, shown: Option<&RawValue>) -> serde_json::Result<Vec<Media>> {
    let attachments: Members<'_> = post.read("attachments")?.unwrap_or_default();
    let keys: Vec<Id<'_>> = attachments.read("media_keys")?.unwrap_or_default();
    let shown: Vec<&RawValue> =
        shown.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    let shown = shown.into_iter().filter_map(|one| serde_json::from_str::<Members<'_>>(one.get()).ok());
    let shown: Vec<_> = shown.collect();
    let is = |one: &Members<'_>, key: &str| one.id("media_key").is_ok_and(|id| id.as_deref() == Some(key));
    keys.into_iter()
        .filter_map(Id::named)
        .map(|key| {
            let media = match shown.iter().find(|one| is(one, &key)) {
                Some(one) => Media { url: one.read("url")?, ..media(one)? },
                None => Media { kind: "file".into(), ..Media::default() },
            };
            Ok(Media { id: Some(key), ..media })
        })
        .collect()
}

/// `post.delete`: the post's conversation is not told.
pub(super) fn deleted(name: &str, post: &Members<'_>) -> serde_json::Result<Happened> {
    gone(name, post.need_id("id")?, post.id("author_id")?)
}

/// `tweet_create_events`: a v1 Tweet. The root of its conversation is not told, only what it answers.
pub(super) fn tweeted(tweet: &Members<'_>) -> serde_json::Result<Happened> {
    let id = tweet.need_id("id_str")?;
    let answered = tweet.id("in_reply_to_status_id_str")?;
    let entities: Members<'_> = tweet.read("extended_entities")?.unwrap_or_default();
    let shown: Vec<Members<'_>> = entities.read("media")?.unwrap_or_default();
    Ok(Happened {
        kind: Kind::Post,
        thread: Some(Thread::of("post", answered.as_deref().unwrap_or(&id))),
        time: milliseconds(tweet, "timestamp_ms"),
        message: Message {
            sender: tweet.read::<Person>("user")?.and_then(Person::into_party),
            text: tweet.read("text")?,
            media: shown.iter().map(media).collect::<Result<_, _>>()?,
            reply_to: answered,
            id: Some(id.clone()),
            ..named("tweet_create_events")
        },
        id: Some(format!("post:{id}")),
    })
}

/// `tweet_delete_events`: stored copies must be hidden.
pub(super) fn untweeted(event: &Members<'_>) -> serde_json::Result<Happened> {
    let status: Members<'_> = event.need("status")?;
    let gone = gone("tweet_delete_events", status.need_id("id")?, status.id("user_id")?)?;
    Ok(Happened { time: milliseconds(event, "timestamp_ms"), ..gone })
}

fn gone(name: &str, id: String, author: Option<String>) -> serde_json::Result<Happened> {
    let sender = author.map(|id| People::default().party(id));
    Ok(Happened {
        kind: Kind::MessageDeleted,
        thread: None,
        time: None,
        id: Some(format!("deleted:{id}")),
        message: Message { id: Some(id), sender, ..named(name) },
    })
}

/// A media object, with the ids and URL of v1.
pub(super) fn media(media: &Members<'_>) -> serde_json::Result<Media> {
    let kind: Option<String> = media.read("type")?;
    Ok(Media {
        kind: match kind.as_deref() {
            Some("photo") => "image".into(),
            Some("animated_gif") => "animation".into(),
            Some(other) => other.to_owned().into(),
            None => "file".into(),
        },
        id: match media.id("id_str")? {
            Some(id) => Some(id),
            None => media.id("id")?,
        },
        url: media.read("media_url_https")?,
        ..Media::default()
    })
}
